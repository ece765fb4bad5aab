//! Resource types and the properties of those that a desk runs.

use crate::error::Problem;
use crate::intrinsics::Resource;
use crate::source::Place;
use crate::suggest::did_you_mean;

/// A service and its types a line.
static TYPES: &str = include_str!("resource-types.txt");

/// Refuses a type that does not exist; `AWS::` types that are merely not known here pass.
pub(crate) fn check_kind(id: &str, kind: &str, place: Place) -> Result<(), Problem> {
    let problem = |message: String| Err(Problem::new(place, message).about(id));
    let parts: Vec<&str> = kind.split("::").collect();
    let (service, name) = match parts.as_slice() {
        ["AWS", service, name] => (*service, *name),
        // Registry extensions of other owners, modules, custom resources.
        [owner, _, _, ..] if *owner != "AWS" => return Ok(()),
        ["AWS", _, _, "MODULE"] | ["Custom", _] => return Ok(()),
        _ => {
            let whole = format!("AWS::{kind}");
            let hint = if is_known(&whole) {
                format!("; did you mean '{whole}'?")
            } else {
                did_you_mean(kind, COMMON_TYPES)
            };
            return problem(format!(
                "'{kind}' is no resource type; one looks like AWS::Service::Resource{hint}"
            ));
        }
    };
    let Some((_, names)) = services().find(|(known, _)| *known == service) else {
        let near: Vec<String> = services()
            .map(|(known, _)| format!("AWS::{known}::{name}"))
            .filter(|kind| is_known(kind))
            .collect();
        let hint = did_you_mean(kind, near.iter().map(String::as_str));
        return if hint.is_empty() {
            Ok(())
        } else {
            problem(format!("there is no resource type '{kind}'{hint}"))
        };
    };
    if names.split(' ').any(|known| known == name) {
        return Ok(());
    }
    let near: Vec<String> = names
        .split(' ')
        .map(|known| format!("AWS::{service}::{known}"))
        .collect();
    let prefix = format!("AWS::{service}::");
    let hint = match crate::suggest::nearest(name, names.split(' ')).as_slice() {
        [] => String::new(),
        found => {
            let found: Vec<String> = found.iter().map(|name| format!("{prefix}{name}")).collect();
            let found: Vec<&str> = found.iter().map(String::as_str).collect();
            format!("; did you mean {}?", crate::suggest::one_of(&found))
        }
    };
    match (service, hint.is_empty()) {
        // New types of AWS appear every week; those of SAM come with SAM.
        (_, false) => problem(format!("there is no resource type '{kind}'{hint}")),
        ("Serverless", true) => problem(format!(
            "there is no resource type '{kind}'; SAM has {}",
            near.join(", ")
        )),
        (_, true) => Ok(()),
    }
}

fn services() -> impl Iterator<Item = (&'static str, &'static str)> {
    TYPES
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(": "))
}

fn is_known(kind: &str) -> bool {
    let mut parts = kind.splitn(3, "::").skip(1);
    let (Some(service), Some(name)) = (parts.next(), parts.next()) else {
        return false;
    };
    services().any(|(known, names)| known == service && names.split(' ').any(|known| known == name))
}

/// For a type that lacks its parts, such as `Serverless::Function`.
const COMMON_TYPES: [&str; 10] = [
    "AWS::DynamoDB::Table",
    "AWS::IAM::Role",
    "AWS::Lambda::Function",
    "AWS::Lambda::Permission",
    "AWS::Logs::LogGroup",
    "AWS::Serverless::Api",
    "AWS::Serverless::Function",
    "AWS::Serverless::HttpApi",
    "AWS::Serverless::LayerVersion",
    "AWS::Serverless::SimpleTable",
];

/// Refuses properties that are misspelt; returns those that are not known at all, which
/// may be newer than this list.
pub(crate) fn check_properties(
    resource: &Resource,
    problems: &mut Vec<Problem>,
) -> Vec<(Place, String)> {
    let mut unknown = Vec::new();
    let Some(known) = known_properties(&resource.kind) else {
        return unknown;
    };
    for entry in &resource.properties.entries {
        if known.contains(&entry.key.as_str()) || entry.key.starts_with("Fn::") {
            continue;
        }
        let hint = did_you_mean(&entry.key, known.iter().copied());
        if hint.is_empty() {
            let note = format!(
                "{} has no property '{}' that is known here; it is ignored",
                resource.kind, entry.key
            );
            unknown.push((entry.key_place, note));
        } else {
            let message = format!("{} has no property '{}'{hint}", resource.kind, entry.key);
            problems.push(Problem::new(entry.key_place, message).about(&resource.id));
        }
    }
    unknown
}

/// The properties of a type: SAM specification and CloudFormation Template Reference.
pub(crate) fn known_properties(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
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
