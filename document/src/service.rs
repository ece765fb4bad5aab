use serde::{Deserialize, Serialize};

use crate::tolerant;

/// The `service` object: the program that produced a segment (X-Ray Developer Guide, segment
/// documents).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Service {
    /// Name of the program.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub name: Option<String>,
    /// Version of the program.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub version: Option<String>,
    /// Language runtime, for example `CPython`; written by SDKs.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub runtime: Option<String>,
    /// Version of the language runtime; written by SDKs.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub runtime_version: Option<String>,
    /// Compiler of the program (aws-xray-sdk-go, OpenTelemetry's X-Ray exporter).
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub compiler: Option<String>,
    /// Version of the compiler (aws-xray-sdk-go, OpenTelemetry's X-Ray exporter).
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub compiler_version: Option<String>,
}
