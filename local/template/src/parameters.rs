//! `Parameters`: each has the value of `--parameter-overrides`, else its `Default`.

use std::collections::BTreeMap;

use crate::error::Problem;
use crate::place::Place;
use crate::source::{Entry, Mapping, Node, Value};
use crate::suggest::did_you_mean;

/// The value of each parameter. Parameters of a list type have a list. `place` is the place of
/// an override without a parameter.
pub(crate) fn parameters(
    declared: Option<&Mapping>,
    overrides: &BTreeMap<String, String>,
    place: Place,
    problems: &mut Vec<Problem>,
    notes: &mut Vec<(Place, String)>,
) -> BTreeMap<String, Node> {
    let mut values = BTreeMap::new();
    for entry in declared.into_iter().flat_map(|declared| &declared.entries) {
        let name = &entry.key;
        let parameter = Parameter::new(entry);
        let value = parameter.and_then(|parameter| parameter.value(overrides, notes));
        let value = value.unwrap_or_else(|problem| {
            problems.push(problem);
            // Without a value, every reference to the parameter would be an error too.
            Node::new(entry.key_place, Value::Null)
        });
        values.insert(name.clone(), value);
    }
    for name in overrides.keys() {
        if !values.contains_key(name) {
            let hint = did_you_mean(name, values.keys().map(String::as_str));
            let message = format!(
                "'{name}' of --parameter-overrides is not a parameter of this template{hint}"
            );
            problems.push(Problem::new(place, message));
        }
    }
    values
}

struct Parameter<'t> {
    name: &'t str,
    place: Place,
    declaration: &'t Mapping,
}

impl<'t> Parameter<'t> {
    fn new(entry: &'t Entry) -> Result<Self, Problem> {
        let name = &entry.key;
        let declaration = entry.value.as_mapping().ok_or_else(|| {
            let message = format!("parameter '{name}' must be a mapping with a Type");
            Problem::new(entry.key_place, message)
        })?;
        Ok(Self {
            name,
            place: entry.key_place,
            declaration,
        })
    }

    fn value(
        &self,
        overrides: &BTreeMap<String, String>,
        notes: &mut Vec<(Place, String)>,
    ) -> Result<Node, Problem> {
        let name = self.name;
        self.check_attributes()?;
        let parameter_type = self.parameter_type()?;
        let (text, place) = match overrides.get(name) {
            Some(text) => (text.clone(), self.place),
            None => self.default_value(parameter_type, notes)?,
        };
        let value_type = ssm_value_type(parameter_type).unwrap_or(parameter_type);
        if value_type == "CommaDelimitedList" || value_type.starts_with("List<") {
            let subject = format!("each value of parameter '{name}'");
            let is_number = parameter_type == "List<Number>";
            let mut items = Vec::new();
            for item in text.split(',').map(str::trim) {
                self.check(&subject, item, is_number, place)?;
                items.push(Node::string(place, item));
            }
            return Ok(Node::new(place, Value::Sequence(items)));
        }
        let subject = format!("parameter '{name}'");
        self.check(&subject, &text, parameter_type == "Number", place)?;
        Ok(Node::string(place, text))
    }

    fn check_attributes(&self) -> Result<(), Problem> {
        for entry in &self.declaration.entries {
            let hint = did_you_mean(&entry.key, ATTRIBUTES);
            if !ATTRIBUTES.contains(&entry.key.as_str()) && !hint.is_empty() {
                let message = format!(
                    "parameter '{}' has no attribute '{}'{hint}",
                    self.name, entry.key
                );
                return Err(Problem::new(entry.key_place, message));
            }
        }
        Ok(())
    }

    /// CloudFormation Template Reference, "Parameters": the type is mandatory.
    fn parameter_type(&self) -> Result<&str, Problem> {
        let name = self.name;
        let Some(node) = self.declaration.get("Type") else {
            let message = format!("parameter '{name}' has no Type; add one such as 'Type: String'");
            return Err(Problem::new(self.place, message));
        };
        node.text().ok_or_else(|| {
            let message = format!(
                "the Type of parameter '{name}' must be a string, not {}",
                node.kind()
            );
            Problem::new(node.place, message)
        })
    }

    /// The `Default` as text, and its place.
    fn default_value(
        &self,
        parameter_type: &str,
        notes: &mut Vec<(Place, String)>,
    ) -> Result<(String, Place), Problem> {
        let name = self.name;
        let Some(default) = self.declaration.get("Default") else {
            let message = format!(
                "parameter '{name}' has no Default; set it with --parameter-overrides {name}=VALUE"
            );
            return Err(Problem::new(self.place, message));
        };
        let text = match &default.value {
            Value::Null => "",
            _ => default.text().ok_or_else(|| {
                let message = format!(
                    "the Default of parameter '{name}' must be a string, not {}",
                    default.kind()
                );
                Problem::new(default.place, message)
            })?,
        };
        if ssm_value_type(parameter_type).is_some() {
            let note = format!(
                "parameter '{name}' has the name '{text}' as its value, because no parameter \
                 store is read locally; set the value with --parameter-overrides {name}=VALUE"
            );
            notes.push((self.place, note));
        }
        Ok((text.to_owned(), default.place))
    }

    /// Checks one value. `subject` is the start of the error.
    fn check(
        &self,
        subject: &str,
        text: &str,
        is_number: bool,
        place: Place,
    ) -> Result<(), Problem> {
        if is_number && !text.parse::<f64>().is_ok_and(f64::is_finite) {
            let message = format!("{subject} must be a number, not '{text}'");
            return Err(Problem::new(place, message));
        }
        let Some(allowed) = self
            .declaration
            .get("AllowedValues")
            .and_then(Node::as_sequence)
        else {
            return Ok(());
        };
        let allowed: Vec<&str> = allowed.iter().filter_map(Node::text).collect();
        if allowed.contains(&text) {
            return Ok(());
        }
        let message = format!(
            "{subject} must be one of {}, not '{text}'",
            allowed.join(", ")
        );
        Err(Problem::new(place, message))
    }
}

/// The type of the value that a parameter of the parameter store has, such as `String` of
/// `AWS::SSM::Parameter::Value<String>`. `None` for other types.
fn ssm_value_type(parameter_type: &str) -> Option<&str> {
    let value_type = parameter_type.strip_prefix("AWS::SSM::Parameter::Value<")?;
    value_type.strip_suffix('>')
}

/// CloudFormation Template Reference, "Parameters".
const ATTRIBUTES: [&str; 11] = [
    "Type",
    "Default",
    "AllowedValues",
    "AllowedPattern",
    "ConstraintDescription",
    "Description",
    "MaxLength",
    "MaxValue",
    "MinLength",
    "MinValue",
    "NoEcho",
];
