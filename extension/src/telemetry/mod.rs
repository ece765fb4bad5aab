//! Lambda's Telemetry API: receives platform events about inits, invocations and restores, and
//! turns them into documents.

mod failure;
mod function_segment;
mod invocation;
mod listener;
mod open_documents;
mod outcome;
mod platform_event;
mod platform_recorder;
mod sampler;
mod settings;
mod start_time;
mod startup;
mod subscription;

pub use outcome::{InvocationOutcome, Recorded};
pub(crate) use platform_event::PlatformEvent;
pub use platform_recorder::PlatformRecorder;
pub(crate) use sampler::Reservoir;
pub use sampler::SamplingRule;
pub use settings::PlatformSettings;
pub use subscription::{Subscription, subscribe};
