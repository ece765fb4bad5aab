//! The names and ARNs that resources have locally.

use super::scope::{Resource, Scope};
use crate::error::Problem;
use crate::place::Place;
use crate::source::Node;

impl Scope<'_> {
    /// A resource's name: its name property, else its logical id.
    ///
    /// # Errors
    ///
    /// The resource's condition is false.
    pub(crate) fn physical_name(
        &self,
        resource: &Resource,
        place: Place,
    ) -> Result<String, Problem> {
        if !resource.active {
            let condition = resource
                .condition
                .as_ref()
                .map_or("", |(condition, _)| condition);
            let id = &resource.id;
            return Err(Problem::new(
                place,
                format!(
                    "'{id}' is not created, because its condition {condition} is false; use the reference within Fn::If"
                ),
            ));
        }
        let Some((property, default)) = name_property(&resource.resource_type) else {
            return Ok(resource.id.clone());
        };
        let given = match resource.properties.get(property) {
            Some(given) => self.evaluate_name(&resource.id, place, || self.resolve(given))?,
            None => None,
        };
        if let Some(name) = given.as_ref().and_then(Node::text) {
            return Ok(name.to_owned());
        }
        match default {
            DefaultName::Id => {}
            DefaultName::StackAndId => {
                return Ok(format!("{}-{}", self.context.stack_name, resource.id));
            }
            DefaultName::IdWithNote => self.note(
                place,
                format!(
                    "{} ({}) does not exist locally; a reference to it becomes its logical id",
                    resource.id, resource.resource_type
                ),
            ),
        }
        Ok(resource.id.clone())
    }

    pub(super) fn partition(&self) -> &'static str {
        xray_local_lambda_rules::partition(&self.context.region)
    }

    /// `arn:aws:<service>:<region>`
    pub(super) fn arn(&self, service: &str) -> String {
        format!("arn:{}:{service}:{}", self.partition(), self.context.region)
    }

    pub(crate) fn layer_arn(&self, name: &str) -> String {
        format!(
            "{}:{}:layer:{name}:1",
            self.arn("lambda"),
            self.context.account_id
        )
    }
}

/// The property that names a resource of this type, and the name if the property is absent.
/// `None` if the name is always the logical id.
fn name_property(resource_type: &str) -> Option<(&'static str, DefaultName)> {
    Some(match resource_type {
        "AWS::Serverless::Function" | "AWS::Lambda::Function" => ("FunctionName", DefaultName::Id),
        "AWS::Serverless::SimpleTable" | "AWS::DynamoDB::Table" | "AWS::DynamoDB::GlobalTable" => {
            ("TableName", DefaultName::StackAndId)
        }
        "AWS::Serverless::LayerVersion" | "AWS::Lambda::LayerVersion" => {
            ("LayerName", DefaultName::Id)
        }
        // `Ref` of an API is its API id, which is the logical id here.
        "AWS::Serverless::Api"
        | "AWS::Serverless::HttpApi"
        | "AWS::ApiGateway::RestApi"
        | "AWS::ApiGatewayV2::Api" => return None,
        "AWS::IAM::Role" => ("RoleName", DefaultName::IdWithNote),
        "AWS::S3::Bucket" => ("BucketName", DefaultName::IdWithNote),
        "AWS::SQS::Queue" => ("QueueName", DefaultName::IdWithNote),
        "AWS::SNS::Topic" => ("TopicName", DefaultName::IdWithNote),
        "AWS::Logs::LogGroup" => ("LogGroupName", DefaultName::IdWithNote),
        "AWS::StepFunctions::StateMachine" => ("StateMachineName", DefaultName::IdWithNote),
        _ => ("Name", DefaultName::IdWithNote),
    })
}

/// The name of a resource whose name property is absent.
#[derive(Clone, Copy)]
enum DefaultName {
    Id,
    /// CloudFormation's generated name without its random suffix: `<stack>-<logical id>`.
    StackAndId,
    IdWithNote,
}
