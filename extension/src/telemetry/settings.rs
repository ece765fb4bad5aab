use super::sampler::SamplingRule;

/// The choice of what to record of the platform's events. The default records subsegments of Lambda's own
/// function segments.
#[derive(Debug, Clone, Default)]
pub struct PlatformSettings {
    /// The function's name, to record a function segment if Lambda records none (tracing mode
    /// PassThrough). `None` records no function segment.
    pub function_segment: Option<String>,
    /// How many of these function segments to record if the trace header leaves it open.
    pub sampling: SamplingRule,
    /// True to record memory, billed time and version as annotations.
    pub annotations: bool,
    /// True if the platform sends no INVOKE and no `platform.runtimeDone`, as on Managed
    /// Instances.
    pub managed_instances: bool,
}
