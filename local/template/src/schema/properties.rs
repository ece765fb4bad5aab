//! The properties of the resource types that run locally.

use crate::error::Problem;
use crate::place::Place;
use crate::source::Mapping;
use crate::suggest::did_you_mean;

/// Adds misspelt properties to `problems`. Returns a note for each property that resembles no
/// known one: it may be newer than these lists.
pub(crate) fn check_properties(
    id: &str,
    resource_type: &str,
    properties: &Mapping,
    problems: &mut Vec<Problem>,
) -> Vec<(Place, String)> {
    let mut unknown = Vec::new();
    let Some(known) = known_properties(resource_type) else {
        return unknown;
    };
    for entry in &properties.entries {
        if known.contains(&entry.key.as_str()) || entry.key.starts_with("Fn::") {
            continue;
        }
        let hint = did_you_mean(&entry.key, known.iter().copied());
        if hint.is_empty() {
            let note = format!(
                "the property '{}' of {resource_type} is unknown and ignored",
                entry.key
            );
            unknown.push((entry.key_place, note));
        } else {
            let message = format!("{resource_type} has no property '{}'{hint}", entry.key);
            problems.push(Problem::new(entry.key_place, message).about(id));
        }
    }
    unknown
}

/// The properties of a type, from the SAM specification and the CloudFormation Template
/// Reference. `None` for types that do not run locally.
pub(crate) fn known_properties(resource_type: &str) -> Option<&'static [&'static str]> {
    Some(match resource_type {
        "AWS::Serverless::Function" => &SAM_FUNCTION,
        "AWS::Serverless::Api" => &SAM_API,
        "AWS::Serverless::HttpApi" => &SAM_HTTP_API,
        "AWS::Serverless::LayerVersion" => &SAM_LAYER,
        "AWS::Serverless::SimpleTable" => &SIMPLE_TABLE,
        "AWS::DynamoDB::Table" => &TABLE,
        "AWS::Lambda::Function" => &FUNCTION,
        "AWS::Lambda::LayerVersion" => &LAYER,
        _ => return None,
    })
}

const SAM_FUNCTION: [&str; 49] = [
    "Architectures",
    "AssumeRolePolicyDocument",
    "AutoPublishAlias",
    "AutoPublishAliasAllProperties",
    "AutoPublishCodeSha256",
    "CapacityProviderConfig",
    "CodeSigningConfigArn",
    "CodeUri",
    "DeadLetterQueue",
    "DeploymentPreference",
    "Description",
    "DurableConfig",
    "Environment",
    "EphemeralStorage",
    "EventInvokeConfig",
    "Events",
    "FileSystemConfigs",
    "FunctionName",
    "FunctionScalingConfig",
    "FunctionUrlConfig",
    "Handler",
    "ImageConfig",
    "ImageUri",
    "InlineCode",
    "KmsKeyArn",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "PackageType",
    "PermissionsBoundary",
    "Policies",
    "PropagateTags",
    "ProvisionedConcurrencyConfig",
    "PublishToLatestPublished",
    "RecursiveLoop",
    "ReservedConcurrentExecutions",
    "Role",
    "RolePath",
    "Runtime",
    "RuntimeManagementConfig",
    "SnapStart",
    "SourceKMSKeyArn",
    "Tags",
    "TenancyConfig",
    "Timeout",
    "Tracing",
    "VersionDeletionPolicy",
    "VersionDescription",
    "VpcConfig",
];

const SAM_API: [&str; 32] = [
    "AccessLogSetting",
    "AlwaysDeploy",
    "ApiKeySourceType",
    "Auth",
    "BinaryMediaTypes",
    "CacheClusterEnabled",
    "CacheClusterSize",
    "CanarySetting",
    "Cors",
    "DefinitionBody",
    "DefinitionUri",
    "Description",
    "DisableExecuteApiEndpoint",
    "Domain",
    "EndpointAccessMode",
    "EndpointConfiguration",
    "FailOnWarnings",
    "GatewayResponses",
    "MergeDefinitions",
    "MethodSettings",
    "MinimumCompressionSize",
    "Mode",
    "Models",
    "Name",
    "OpenApiVersion",
    "Policy",
    "PropagateTags",
    "SecurityPolicy",
    "StageName",
    "Tags",
    "TracingEnabled",
    "Variables",
];

const SAM_HTTP_API: [&str; 16] = [
    "AccessLogSettings",
    "Auth",
    "CorsConfiguration",
    "DefaultRouteSettings",
    "DefinitionBody",
    "DefinitionUri",
    "Description",
    "DisableExecuteApiEndpoint",
    "Domain",
    "FailOnWarnings",
    "Name",
    "PropagateTags",
    "RouteSettings",
    "StageName",
    "StageVariables",
    "Tags",
];

const SAM_LAYER: [&str; 8] = [
    "CompatibleArchitectures",
    "CompatibleRuntimes",
    "ContentUri",
    "Description",
    "LayerName",
    "LicenseInfo",
    "PublishLambdaVersion",
    "RetentionPolicy",
];

const SIMPLE_TABLE: [&str; 6] = [
    "PointInTimeRecoverySpecification",
    "PrimaryKey",
    "ProvisionedThroughput",
    "SSESpecification",
    "TableName",
    "Tags",
];

const TABLE: [&str; 21] = [
    "AttributeDefinitions",
    "BillingMode",
    "ContributorInsightsSpecification",
    "DeletionProtectionEnabled",
    "GlobalSecondaryIndexes",
    "ImportSourceSpecification",
    "KeySchema",
    "KinesisStreamSpecification",
    "LocalSecondaryIndexes",
    "OnDemandThroughput",
    "PointInTimeRecoverySpecification",
    "ProvisionedThroughput",
    "ResourcePolicy",
    "SSESpecification",
    "StreamSpecification",
    "TableClass",
    "TableName",
    "Tags",
    "TimeToLiveSpecification",
    "VectorIndexes",
    "WarmThroughput",
];

const FUNCTION: [&str; 31] = [
    "Architectures",
    "CapacityProviderConfig",
    "Code",
    "CodeSigningConfigArn",
    "DeadLetterConfig",
    "Description",
    "DurableConfig",
    "Environment",
    "EphemeralStorage",
    "FileSystemConfigs",
    "FunctionName",
    "FunctionScalingConfig",
    "Handler",
    "ImageConfig",
    "KmsKeyArn",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "PackageType",
    "PublishToLatestPublished",
    "RecursiveLoop",
    "ReservedConcurrentExecutions",
    "Role",
    "Runtime",
    "RuntimeManagementConfig",
    "SnapStart",
    "Tags",
    "TenancyConfig",
    "Timeout",
    "TracingConfig",
    "VpcConfig",
];

const LAYER: [&str; 6] = [
    "CompatibleArchitectures",
    "CompatibleRuntimes",
    "Content",
    "Description",
    "LayerName",
    "LicenseInfo",
];
