//! `Ref`.

use super::scope::{Resource, Scope};
use crate::error::Problem;
use crate::place::Place;
use crate::source::{Node, Value};

impl Scope<'_> {
    pub(super) fn evaluate_ref(&self, argument: &Node) -> Result<Option<Node>, Problem> {
        let place = argument.place;
        let Some(name) = argument.text() else {
            return Err(Problem::new(
                place,
                format!("Ref takes a name, not {}", argument.kind()),
            ));
        };
        if name == "AWS::NoValue" {
            return Ok(None);
        }
        if name == "AWS::NotificationARNs" {
            return Ok(Some(Node::new(place, Value::Sequence(Vec::new()))));
        }
        if let Some(parameter) = self.parameters.get(name) {
            return Ok(Some(Node::new(place, parameter.value.clone())));
        }
        self.name_value(name, place)
            .map(|text| Some(Node::string(place, text)))
    }

    /// The value of `Ref` as text. A list parameter is joined with commas.
    pub(super) fn name_value(&self, name: &str, place: Place) -> Result<String, Problem> {
        if let Some(parameter) = self.parameters.get(name) {
            return match &parameter.value {
                Value::Sequence(items) => Ok(items
                    .iter()
                    .filter_map(Node::text)
                    .collect::<Vec<_>>()
                    .join(",")),
                _ => Ok(parameter.text().unwrap_or_default().to_owned()),
            };
        }
        if let Some(text) = self.pseudo_parameter(name) {
            return Ok(text);
        }
        if let Some(resource) = self.resource(name) {
            return self.reference_value(resource, place);
        }
        if self.is_generated(name) {
            return self.generated_value(name, place);
        }
        Err(self.unknown_name(name, place))
    }

    /// The value of a resource that SAM generates: the stage's name for `Api.Stage`, else the
    /// logical id.
    fn generated_value(&self, name: &str, place: Place) -> Result<String, Problem> {
        let Some(id) = name.strip_suffix(".Stage") else {
            return Ok(name.to_owned());
        };
        let Some(resource) = self.resource(id) else {
            return Ok("Prod".to_owned());
        };
        let Some(stage) = resource.properties.get("StageName") else {
            return Ok("$default".to_owned());
        };
        self.evaluate_name(name, place, || self.text(stage, "StageName"))
    }

    fn pseudo_parameter(&self, name: &str) -> Option<String> {
        let (region, account, stack) = (
            &self.context.region,
            &self.context.account_id,
            &self.context.stack_name,
        );
        let china = region.starts_with("cn-");
        Some(match name {
            "AWS::AccountId" => account.clone(),
            "AWS::Region" => region.clone(),
            "AWS::StackName" => stack.clone(),
            "AWS::StackId" => {
                format!(
                    "{}:{account}:stack/{stack}/00000000-0000-0000-0000-000000000000",
                    self.arn("cloudformation")
                )
            }
            "AWS::Partition" => self.partition().to_owned(),
            "AWS::URLSuffix" => if china {
                "amazonaws.com.cn"
            } else {
                "amazonaws.com"
            }
            .to_owned(),
            "AWS::NoValue" | "AWS::NotificationARNs" => String::new(),
            _ => return None,
        })
    }

    /// The value of `Ref` for a resource: "Return values" in the CloudFormation Template
    /// Reference of its type.
    fn reference_value(&self, resource: &Resource, place: Place) -> Result<String, Problem> {
        let name = self.physical_name(resource, place)?;
        let account = &self.context.account_id;
        Ok(match resource.resource_type.as_str() {
            "AWS::Serverless::LayerVersion" | "AWS::Lambda::LayerVersion" => self.layer_arn(&name),
            "AWS::SNS::Topic" => format!("{}:{account}:{name}", self.arn("sns")),
            "AWS::SQS::Queue" => format!(
                "https://sqs.{}.amazonaws.com/{account}/{name}",
                self.context.region
            ),
            "AWS::Serverless::StateMachine" | "AWS::StepFunctions::StateMachine" => {
                format!("{}:{account}:stateMachine:{name}", self.arn("states"))
            }
            _ => name,
        })
    }
}
