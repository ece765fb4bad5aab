//! `Ref` and `Fn::GetAtt`.

use super::scope::{PSEUDO_PARAMETERS, Resource, Scope};
use crate::error::Problem;
use crate::place::Place;
use crate::source::{Node, Value};
use crate::suggest::did_you_mean;

impl Scope<'_> {
    pub(super) fn reference(&self, argument: &Node) -> Result<Option<Node>, Problem> {
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
        self.named(name, place)
            .map(|text| Some(Node::string(place, text)))
    }

    /// What `Ref` gives for anything that is not a list.
    pub(super) fn named(&self, name: &str, place: Place) -> Result<String, Problem> {
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

    /// `Api.Stage` is the name of the stage; what else SAM makes has its own name here.
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
        self.once(name, place, || self.text(stage, "StageName"))
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

    fn partition(&self) -> &'static str {
        xray_local_lambda_rules::partition(&self.context.region)
    }

    /// `arn:aws:<service>:<region>`
    fn arn(&self, service: &str) -> String {
        format!("arn:{}:{service}:{}", self.partition(), self.context.region)
    }

    /// What `Ref` gives for a resource: the reference's "Return values" of its type.
    fn reference_value(&self, resource: &Resource, place: Place) -> Result<String, Problem> {
        let name = self.physical_name(resource, place)?;
        let account = &self.context.account_id;
        Ok(match resource.kind.as_str() {
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

    pub(crate) fn layer_arn(&self, name: &str) -> String {
        format!(
            "{}:{}:layer:{name}:1",
            self.arn("lambda"),
            self.context.account_id
        )
    }

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
        let (property, fallback) = match resource.kind.as_str() {
            "AWS::Serverless::Function" | "AWS::Lambda::Function" => ("FunctionName", Fallback::Id),
            "AWS::Serverless::SimpleTable"
            | "AWS::DynamoDB::Table"
            | "AWS::DynamoDB::GlobalTable" => ("TableName", Fallback::StackAndId),
            "AWS::Serverless::LayerVersion" | "AWS::Lambda::LayerVersion" => {
                ("LayerName", Fallback::Id)
            }
            // `Ref` of an API is its id, which the desk takes the logical id for.
            "AWS::Serverless::Api"
            | "AWS::Serverless::HttpApi"
            | "AWS::ApiGateway::RestApi"
            | "AWS::ApiGatewayV2::Api" => return Ok(resource.id.clone()),
            "AWS::IAM::Role" => ("RoleName", Fallback::IdWithNote),
            "AWS::S3::Bucket" => ("BucketName", Fallback::IdWithNote),
            "AWS::SQS::Queue" => ("QueueName", Fallback::IdWithNote),
            "AWS::SNS::Topic" => ("TopicName", Fallback::IdWithNote),
            "AWS::Logs::LogGroup" => ("LogGroupName", Fallback::IdWithNote),
            "AWS::StepFunctions::StateMachine" => ("StateMachineName", Fallback::IdWithNote),
            _ => ("Name", Fallback::IdWithNote),
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

    pub(super) fn attribute(&self, argument: &Node) -> Result<Node, Problem> {
        let place = argument.place;
        let (id, attribute) = self.attribute_path(argument)?;
        self.attribute_value(&id, &attribute, place)
            .map(|text| Node::string(place, text))
    }

    /// `Resource.Attribute`, or `[Resource, Attribute]` where the attribute may be computed.
    fn attribute_path(&self, argument: &Node) -> Result<(String, String), Problem> {
        let wrong = || {
            let message = "Fn::GetAtt takes Resource.Attribute or a list of the two";
            Problem::new(argument.place, message)
        };
        match argument.as_sequence() {
            Some([id, attribute]) => Ok((
                id.text().ok_or_else(wrong)?.to_owned(),
                self.text(attribute, "the attribute of Fn::GetAtt")?,
            )),
            Some(_) => Err(wrong()),
            None => {
                let (id, attribute) = argument
                    .text()
                    .and_then(|text| text.split_once('.'))
                    .ok_or_else(wrong)?;
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
        let account = &self.context.account_id;
        Ok(match (resource.kind.as_str(), attribute) {
            ("AWS::Serverless::Function" | "AWS::Lambda::Function", "Arn") => {
                format!("{}:{account}:function:{name}", self.arn("lambda"))
            }
            (
                "AWS::Serverless::SimpleTable"
                | "AWS::DynamoDB::Table"
                | "AWS::DynamoDB::GlobalTable",
                "Arn",
            ) => {
                format!("{}:{account}:table/{name}", self.arn("dynamodb"))
            }
            (
                "AWS::Serverless::SimpleTable"
                | "AWS::DynamoDB::Table"
                | "AWS::DynamoDB::GlobalTable",
                "StreamArn",
            ) => {
                format!(
                    "{}:{account}:table/{name}/stream/2020-01-01T00:00:00.000",
                    self.arn("dynamodb")
                )
            }
            ("AWS::Serverless::HttpApi" | "AWS::ApiGatewayV2::Api", "ApiEndpoint") => {
                format!(
                    "https://{name}.execute-api.{}.amazonaws.com",
                    self.context.region
                )
            }
            ("AWS::Lambda::LayerVersion", "LayerVersionArn") => self.layer_arn(&name),
            ("AWS::IAM::Role", "Arn") => {
                format!("arn:{}:iam::{account}:role/{name}", self.partition())
            }
            ("AWS::S3::Bucket", "Arn") => format!("arn:{}:s3:::{name}", self.partition()),
            ("AWS::SNS::Topic", "TopicArn") | ("AWS::SQS::Queue", "Arn") => {
                let service = if resource.kind == "AWS::SNS::Topic" {
                    "sns"
                } else {
                    "sqs"
                };
                format!("{}:{account}:{name}", self.arn(service))
            }
            ("AWS::Logs::LogGroup", "Arn") => {
                format!("{}:{account}:log-group:{name}:*", self.arn("logs"))
            }
            (_, attribute) if attribute.ends_with("Name") || attribute.ends_with("Id") => name,
            (kind, attribute) => {
                let text = format!(
                    "{id}.{attribute} ({kind}) does not exist on a desk and becomes '{name}'"
                );
                self.note(place, text);
                name
            }
        })
    }

    /// `Fn::GetAtt` of something that is not a resource of the template.
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
            format!("'{id}' is no resource of this template{hint}"),
        )
    }
}

/// Attributes are known for the types that a desk runs.
pub(super) fn check_attribute(
    resource: &Resource,
    attribute: &str,
    place: Place,
) -> Result<(), Problem> {
    let known: &[&str] = match resource.kind.as_str() {
        "AWS::Serverless::Function" | "AWS::Lambda::Function" => &["Arn"],
        "AWS::Serverless::SimpleTable" | "AWS::DynamoDB::Table" => &["Arn", "StreamArn"],
        "AWS::Serverless::Api" | "AWS::ApiGateway::RestApi" => &["RestApiId", "RootResourceId"],
        "AWS::Serverless::HttpApi" | "AWS::ApiGatewayV2::Api" => &["ApiEndpoint", "ApiId"],
        _ => return Ok(()),
    };
    // `Function.SnapStartResponse.ApplyOn` and the like.
    if known.contains(&attribute) || attribute.contains('.') || attribute.starts_with("SnapStart") {
        return Ok(());
    }
    let hint = match did_you_mean(attribute, known.iter().copied()) {
        hint if hint.is_empty() => format!("; it has {}", known.join(", ")),
        hint => hint,
    };
    Err(Problem::new(
        place,
        format!("{} has no attribute '{attribute}'{hint}", resource.kind),
    ))
}

/// What stands for a name that the template does not give.
#[derive(Clone, Copy)]
enum Fallback {
    Id,
    /// As CloudFormation names what it creates, without its random ending.
    StackAndId,
    IdWithNote,
}
