use aws_smithy_types::telemetry::CapturedTelemetryAttributes;

use crate::record::AwsValue;

/// A member of an operation's input, with the key that the official X-Ray SDKs give it.
struct Attribute {
    member: &'static str,
    key: &'static str,
    /// The value also belongs to `resource_names`, by which the console groups calls.
    is_resource: bool,
}

const fn attribute(member: &'static str, key: &'static str) -> Attribute {
    Attribute {
        member,
        key,
        is_resource: false,
    }
}

const fn resource(member: &'static str, key: &'static str) -> Attribute {
    Attribute {
        member,
        key,
        is_resource: true,
    }
}

/// The parameter lists of the official X-Ray SDKs (aws-xray-sdk-go), keys in snake case.
/// The AWS SDK captures only strings that its models do not mark as sensitive.
static ATTRIBUTES: [Attribute; 13] = [
    resource("TableName", "table_name"),
    attribute("IndexName", "index_name"),
    resource("QueueUrl", "queue_url"),
    resource("TopicArn", "topic_arn"),
    resource("Bucket", "bucket_name"),
    attribute("Key", "key"),
    resource("FunctionName", "function_name"),
    attribute("InvocationType", "invocation_type"),
    attribute("Qualifier", "qualifier"),
    resource("StateMachineArn", "state_machine_arn"),
    resource("StreamName", "stream_name"),
    resource("EndpointName", "endpoint_name"),
    resource("SecretId", "secret_id"),
];

/// The members that the AWS SDK should capture.
pub(super) fn requested_members() -> impl Iterator<Item = &'static str> {
    ATTRIBUTES.iter().map(|attribute| attribute.member)
}

/// Adds the captured members to the `aws` object.
pub(super) fn record_attributes(
    from: &CapturedTelemetryAttributes,
    into: &mut Vec<(&'static str, AwsValue)>,
) {
    let mut resources = Vec::new();
    for attribute in &ATTRIBUTES {
        let Some(value) = from.get(attribute.member) else {
            continue;
        };
        into.push((attribute.key, AwsValue::Text(value.to_owned())));
        if attribute.is_resource {
            resources.push(value.to_owned());
        }
    }
    if !resources.is_empty() {
        into.push(("resource_names", AwsValue::Names(resources)));
    }
}
