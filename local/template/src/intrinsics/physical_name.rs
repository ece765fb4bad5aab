//! The names and ARNs that resources have locally.

use super::scope::{Resource, Scope};
use crate::error::Problem;
use crate::place::Place;
use crate::source::Node;

impl Scope<'_> {
    /// The name that a resource has: from its own name property, else its logical id.
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
                format!("'{id}' is left out here, because its condition {condition} is false"),
            ));
        }
        let Some((property, fallback)) = name_property(&resource.kind) else {
            return Ok(resource.id.clone());
        };
        let given = match resource.properties.get(property) {
            Some(given) => self.once(&resource.id, place, || self.resolve(given))?,
            None => None,
        };
        if let Some(name) = given.as_ref().and_then(Node::text) {
            return Ok(name.to_owned());
        }
        match fallback {
            Fallback::Id => {}
            Fallback::StackAndId => {
                return Ok(format!("{}-{}", self.context.stack_name, resource.id));
            }
            Fallback::IdWithNote => self.note(
                place,
                format!(
                    "{} ({}) does not exist on a desk; what refers to it gets its logical id",
                    resource.id, resource.kind
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

/// The property that names a resource of this type, and the name without it; `None` if the
/// logical id is always the name.
fn name_property(kind: &str) -> Option<(&'static str, Fallback)> {
    Some(match kind {
        "AWS::Serverless::Function" | "AWS::Lambda::Function" => ("FunctionName", Fallback::Id),
        "AWS::Serverless::SimpleTable" | "AWS::DynamoDB::Table" | "AWS::DynamoDB::GlobalTable" => {
            ("TableName", Fallback::StackAndId)
        }
        "AWS::Serverless::LayerVersion" | "AWS::Lambda::LayerVersion" => {
            ("LayerName", Fallback::Id)
        }
        // `Ref` of an API is its id, which the desk takes the logical id for.
        "AWS::Serverless::Api"
        | "AWS::Serverless::HttpApi"
        | "AWS::ApiGateway::RestApi"
        | "AWS::ApiGatewayV2::Api" => return None,
        "AWS::IAM::Role" => ("RoleName", Fallback::IdWithNote),
        "AWS::S3::Bucket" => ("BucketName", Fallback::IdWithNote),
        "AWS::SQS::Queue" => ("QueueName", Fallback::IdWithNote),
        "AWS::SNS::Topic" => ("TopicName", Fallback::IdWithNote),
        "AWS::Logs::LogGroup" => ("LogGroupName", Fallback::IdWithNote),
        "AWS::StepFunctions::StateMachine" => ("StateMachineName", Fallback::IdWithNote),
        _ => ("Name", Fallback::IdWithNote),
    })
}

/// What stands for a name that the template does not give.
#[derive(Clone, Copy)]
enum Fallback {
    Id,
    /// As CloudFormation names what it creates, without its random ending.
    StackAndId,
    IdWithNote,
}
