//! DynamoDB tables as `CreateTable` requests.

use serde_json::{Map, Value as Json, json};

use super::properties::Properties;
use crate::error::Problem;
use crate::intrinsics::{Resource, Scope};
use crate::model::Table;
use crate::place::Place;
use crate::source::{Node, Value};

pub(crate) fn table(scope: &Scope<'_>, resource: &Resource) -> Result<Table, Problem> {
    let properties = Properties::of(scope, resource);
    let name = scope
        .physical_name(resource, resource.place)
        .map_err(|problem| problem.about(&properties.subject("TableName")))?;
    let mut request = match resource.resource_type.as_str() {
        "AWS::Serverless::SimpleTable" => simple_table(&properties)?,
        _ => full_table(&properties)?,
    };
    request.insert("TableName".to_owned(), json!(name));
    Ok(Table {
        logical_id: resource.id.clone(),
        name,
        create_table: Json::Object(request),
    })
}

/// SAM specification, `AWS::Serverless::SimpleTable`: one key, by default `id` of type String.
fn simple_table(properties: &Properties<'_, '_>) -> Result<Map<String, Json>, Problem> {
    let (name, kind) = match properties.nested("PrimaryKey")? {
        None => ("id".to_owned(), "S"),
        Some(key) => {
            let kind = match key
                .choice("Type", &["String", "Number", "Binary"])?
                .as_deref()
            {
                Some("Number") => "N",
                Some("Binary") => "B",
                _ => "S",
            };
            (key.required_text("Name")?, kind)
        }
    };
    let mut request = Map::new();
    request.insert(
        "AttributeDefinitions".to_owned(),
        json!([{ "AttributeName": name, "AttributeType": kind }]),
    );
    request.insert(
        "KeySchema".to_owned(),
        json!([{ "AttributeName": name, "KeyType": "HASH" }]),
    );
    set_billing_mode(properties, &mut request)?;
    Ok(request)
}

fn full_table(properties: &Properties<'_, '_>) -> Result<Map<String, Json>, Problem> {
    let attributes = attribute_names(properties)?;
    let mut used = Vec::new();
    check_keys(
        properties,
        &properties.get("KeySchema")?,
        "KeySchema",
        &attributes,
        &mut used,
    )?;
    let mut request = Map::new();
    for name in ["AttributeDefinitions", "KeySchema"] {
        copy(properties, name, &mut request)?;
    }
    for name in ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
        for index in properties.list(name)? {
            let keys = index
                .as_mapping()
                .and_then(|index| index.get("KeySchema"))
                .cloned();
            check_keys(
                properties,
                &keys,
                &format!("{name}.KeySchema"),
                &attributes,
                &mut used,
            )?;
        }
        copy(properties, name, &mut request)?;
    }
    remove_index_settings(&mut request);
    if let Some((name, place)) = attributes.iter().find(|(name, _)| !used.contains(name)) {
        let message = format!(
            "'{name}' is not a key of the table or of an index; remove it, because DynamoDB accepts only key attributes here"
        );
        return Err(properties.problem("AttributeDefinitions", *place, &message));
    }
    set_billing_mode(properties, &mut request)?;
    if let Some(stream) = properties.nested("StreamSpecification")? {
        let view = stream.choice(
            "StreamViewType",
            &["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"],
        )?;
        let view = view.unwrap_or_else(|| "NEW_AND_OLD_IMAGES".to_owned());
        request.insert(
            "StreamSpecification".to_owned(),
            json!({ "StreamEnabled": true, "StreamViewType": view }),
        );
    }
    Ok(request)
}

/// Sets the billing mode. A table without throughput is billed by request: this is the default
/// of SAM's simple table. CloudFormation would reject such an `AWS::DynamoDB::Table`, but
/// locally the mode has no effect.
fn set_billing_mode(
    properties: &Properties<'_, '_>,
    request: &mut Map<String, Json>,
) -> Result<(), Problem> {
    let mode = properties.choice("BillingMode", &["PAY_PER_REQUEST", "PROVISIONED"])?;
    if mode.as_deref() != Some("PAY_PER_REQUEST") && properties.has("ProvisionedThroughput") {
        copy(properties, "ProvisionedThroughput", request)?;
        request.insert("BillingMode".to_owned(), json!("PROVISIONED"));
    } else {
        request.insert("BillingMode".to_owned(), json!("PAY_PER_REQUEST"));
    }
    Ok(())
}

/// Removes settings of indexes that have no effect locally and that a table which is billed by
/// request may not have.
fn remove_index_settings(request: &mut Map<String, Json>) {
    let Some(Json::Array(indexes)) = request.get_mut("GlobalSecondaryIndexes") else {
        return;
    };
    for index in indexes.iter_mut().filter_map(Json::as_object_mut) {
        for name in [
            "ContributorInsightsSpecification",
            "OnDemandThroughput",
            "WarmThroughput",
        ] {
            index.remove(name);
        }
    }
}

fn attribute_names(properties: &Properties<'_, '_>) -> Result<Vec<(String, Place)>, Problem> {
    let mut names = Vec::new();
    for node in properties.list("AttributeDefinitions")? {
        let attribute = nested(properties, "AttributeDefinitions", node)?;
        attribute.choice("AttributeType", &["S", "N", "B"])?;
        names.push((
            attribute.required_text("AttributeName")?,
            attribute.value_place("AttributeName"),
        ));
    }
    Ok(names)
}

fn nested<'s, 't>(
    properties: &Properties<'s, 't>,
    name: &str,
    node: Node,
) -> Result<Properties<'s, 't>, Problem> {
    match node.value {
        Value::Mapping(mapping) => Ok(Properties::new(
            properties.scope,
            properties.subject(name),
            node.place,
            mapping,
        )),
        _ => Err(properties.problem(
            name,
            node.place,
            &format!("must contain mappings, not {}", node.kind()),
        )),
    }
}

/// Checks for one HASH key and at most one RANGE key, both with a definition. Adds their names
/// to `used`.
fn check_keys(
    properties: &Properties<'_, '_>,
    keys: &Option<Node>,
    name: &str,
    attributes: &[(String, Place)],
    used: &mut Vec<String>,
) -> Result<(), Problem> {
    let items = keys
        .as_ref()
        .and_then(Node::as_sequence)
        .unwrap_or_default();
    let place = keys.as_ref().map_or(properties.place, |keys| keys.place);
    let mut kinds = Vec::new();
    for item in items {
        let key = nested(properties, name, item.clone())?;
        let attribute = key.required_text("AttributeName")?;
        if !attributes.iter().any(|(known, _)| *known == attribute) {
            let hint = crate::suggest::did_you_mean(
                &attribute,
                attributes.iter().map(|(known, _)| known.as_str()),
            );
            let message = format!("'{attribute}' is not in AttributeDefinitions{hint}");
            return Err(key.problem("AttributeName", key.value_place("AttributeName"), &message));
        }
        kinds.extend(key.choice("KeyType", &["HASH", "RANGE"])?);
        used.push(attribute);
    }
    match kinds
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["HASH"] | ["HASH", "RANGE"] => Ok(()),
        _ => Err(properties.problem(
            name,
            place,
            "must have one HASH key first, then at most one RANGE key",
        )),
    }
}

fn copy(
    properties: &Properties<'_, '_>,
    name: &str,
    request: &mut Map<String, Json>,
) -> Result<(), Problem> {
    if let Some(node) = properties.get(name)? {
        request.insert(name.to_owned(), to_json(&node, name));
    }
    Ok(())
}

/// CloudFormation's properties have the names and types of `CreateTable`, except that a number
/// may be a string.
fn to_json(node: &Node, name: &str) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(flag) => json!(flag),
        Value::Number(text) | Value::String(text) => match text.parse::<u64>() {
            Ok(number) if NUMBERS.contains(&name) => json!(number),
            _ => json!(text),
        },
        Value::Sequence(items) => Json::Array(items.iter().map(|item| to_json(item, "")).collect()),
        Value::Mapping(mapping) => {
            let members = mapping
                .entries
                .iter()
                .map(|entry| (entry.key.clone(), to_json(&entry.value, &entry.key)));
            Json::Object(members.collect())
        }
    }
}

const NUMBERS: [&str; 2] = ["ReadCapacityUnits", "WriteCapacityUnits"];
