//! `Fn::GetAtt`.

use xray_local_lambda_rules::function_arn;

use super::scope::{PSEUDO_PARAMETERS, Resource, Scope};
use crate::error::Problem;
use crate::place::Place;
use crate::source::Node;
use crate::suggest::did_you_mean;

impl Scope<'_> {
    pub(super) fn evaluate_get_att(&self, argument: &Node) -> Result<Node, Problem> {
        let place = argument.place;
        let (id, attribute) = self.attribute_path(argument)?;
        self.attribute_value(&id, &attribute, place)
            .map(|text| Node::string(place, text))
    }

    /// Splits `Resource.Attribute` or `[Resource, Attribute]`. In a list, the attribute may be a
    /// function.
    fn attribute_path(&self, argument: &Node) -> Result<(String, String), Problem> {
        let malformed = || {
            let message = "Fn::GetAtt takes Resource.Attribute or a list of the two";
            Problem::new(argument.place, message)
        };
        match argument.as_sequence() {
            Some([id, attribute]) => Ok((
                id.text().ok_or_else(malformed)?.to_owned(),
                self.text(attribute, "the attribute of Fn::GetAtt")?,
            )),
            Some(_) => Err(malformed()),
            None => {
                let (id, attribute) = argument
                    .text()
                    .and_then(|text| text.split_once('.'))
                    .ok_or_else(malformed)?;
                Ok((id.to_owned(), attribute.to_owned()))
            }
        }
    }

    pub(super) fn attribute_value(
        &self,
        id: &str,
        attribute: &str,
        place: Place,
    ) -> Result<String, Problem> {
        let Some(resource) = self.resource(id) else {
            if self.is_generated(id) {
                return Ok(id.to_owned());
            }
            return Err(self.unknown_attribute_owner(id, attribute, place));
        };
        check_attribute(resource, attribute, place)?;
        let name = self.physical_name(resource, place)?;
        Ok(self
            .known_attribute(&resource.resource_type, attribute, &name)
            .unwrap_or_else(|| {
                let resource_type = &resource.resource_type;
                let text = format!(
                    "{id}.{attribute} ({resource_type}) does not exist locally; the reference becomes '{name}'"
                );
                self.note(place, text);
                name
            }))
    }

    /// The value of an attribute that contains the resource's name.
    fn known_attribute(&self, resource_type: &str, attribute: &str, name: &str) -> Option<String> {
        let account = &self.context.account_id;
        let region = &self.context.region;
        Some(match (resource_type, attribute) {
            ("AWS::Serverless::Function" | "AWS::Lambda::Function", "Arn") => {
                function_arn(region, account, name)
            }
            (
                "AWS::Serverless::SimpleTable"
                | "AWS::DynamoDB::Table"
                | "AWS::DynamoDB::GlobalTable",
                "Arn" | "StreamArn",
            ) => {
                let table = format!("{}:{account}:table/{name}", self.arn("dynamodb"));
                match attribute {
                    "Arn" => table,
                    _ => format!("{table}/stream/2020-01-01T00:00:00.000"),
                }
            }
            ("AWS::Serverless::HttpApi" | "AWS::ApiGatewayV2::Api", "ApiEndpoint") => {
                format!("https://{name}.execute-api.{region}.amazonaws.com")
            }
            ("AWS::Lambda::LayerVersion", "LayerVersionArn") => self.layer_arn(name),
            ("AWS::IAM::Role", "Arn") => {
                format!("arn:{}:iam::{account}:role/{name}", self.partition())
            }
            ("AWS::S3::Bucket", "Arn") => format!("arn:{}:s3:::{name}", self.partition()),
            ("AWS::SNS::Topic", "TopicArn") => format!("{}:{account}:{name}", self.arn("sns")),
            ("AWS::SQS::Queue", "Arn") => format!("{}:{account}:{name}", self.arn("sqs")),
            ("AWS::Logs::LogGroup", "Arn") => {
                format!("{}:{account}:log-group:{name}:*", self.arn("logs"))
            }
            (_, attribute) if attribute.ends_with("Name") || attribute.ends_with("Id") => {
                name.to_owned()
            }
            _ => return None,
        })
    }

    /// The error for an attribute of an unknown resource.
    pub(super) fn unknown_attribute_owner(
        &self,
        id: &str,
        attribute: &str,
        place: Place,
    ) -> Problem {
        if self.parameters.contains_key(id) || PSEUDO_PARAMETERS.contains(&id) {
            return Problem::new(
                place,
                format!("'{id}' is a parameter and has no attribute '{attribute}'; use Ref"),
            );
        }
        let hint = did_you_mean(
            id,
            self.resources.iter().map(|resource| resource.id.as_str()),
        );
        Problem::new(
            place,
            format!("'{id}' is not a resource of this template{hint}"),
        )
    }
}

/// Rejects unknown attributes of the types that run locally.
pub(super) fn check_attribute(
    resource: &Resource,
    attribute: &str,
    place: Place,
) -> Result<(), Problem> {
    let known: &[&str] = match resource.resource_type.as_str() {
        "AWS::Serverless::Function" | "AWS::Lambda::Function" => &["Arn"],
        "AWS::Serverless::SimpleTable" | "AWS::DynamoDB::Table" => &["Arn", "StreamArn"],
        "AWS::Serverless::Api" | "AWS::ApiGateway::RestApi" => &["RestApiId", "RootResourceId"],
        "AWS::Serverless::HttpApi" | "AWS::ApiGatewayV2::Api" => &["ApiEndpoint", "ApiId"],
        _ => return Ok(()),
    };
    // Nested attributes, such as `SnapStartResponse.ApplyOn`.
    if known.contains(&attribute) || attribute.contains('.') || attribute.starts_with("SnapStart") {
        return Ok(());
    }
    let hint = match did_you_mean(attribute, known.iter().copied()) {
        hint if hint.is_empty() => format!("; it has {}", known.join(", ")),
        hint => hint,
    };
    Err(Problem::new(
        place,
        format!(
            "{} has no attribute '{attribute}'{hint}",
            resource.resource_type
        ),
    ))
}
