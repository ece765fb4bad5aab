use super::node::{Node, Value};
use super::problem::Problems;
use crate::suggest::did_you_mean;

/// The most elements of an array. It bounds memory and time for each document.
const MAX_ELEMENTS: usize = 256;

/// The members of an object, whose names are checked.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'n> {
    node: Option<&'n Node>,
}

impl<'n> Fields<'n> {
    /// Checks that `node` is an object with no other members than `known`, and none twice.
    /// `what` names the object in messages.
    pub fn check(node: &'n Node, what: &str, known: &[&str], problems: &mut Problems<'_>) -> Self {
        let Value::Object(members) = &node.value else {
            let kind = node.value.kind();
            problems.add(
                node.at,
                format_args!("{what} is {kind}; write an object, {{…}}"),
            );
            return Self { node: None };
        };
        for (index, member) in members.iter().enumerate() {
            let name = member.name.as_str();
            if !known.contains(&name) {
                let suggestion = did_you_mean(name, known);
                let suggestion = match suggestion.as_str() {
                    "" => format!("; it can have {}", quoted(known)),
                    _ => suggestion,
                };
                problems.add(
                    member.at,
                    format_args!(
                        "{what} has no setting \"{}\"{suggestion}",
                        name.escape_debug()
                    ),
                );
            } else if members[..index].iter().any(|other| other.name == name) {
                problems.add(
                    member.at,
                    format_args!("\"{name}\" is there twice; remove one"),
                );
            }
        }
        Self { node: Some(node) }
    }

    /// The value of a member; `None` if it is absent.
    pub fn get(&self, name: &str) -> Option<&'n Node> {
        self.node.and_then(|node| node.get(name))
    }

    /// A boolean member; `default` if it is absent or wrong.
    pub fn boolean(&self, name: &str, default: bool, problems: &mut Problems<'_>) -> bool {
        match self.get(name) {
            None => default,
            Some(Node {
                value: Value::Boolean(value),
                ..
            }) => *value,
            Some(node) => {
                wrong(node, name, "true or false", problems);
                default
            }
        }
    }

    /// A number from `min` to `max`; `None` if it is absent or wrong.
    pub fn number(
        &self,
        name: &str,
        (min, max): (f64, f64),
        problems: &mut Problems<'_>,
    ) -> Option<f64> {
        let node = self.get(name)?;
        match node.value {
            Value::Number(value) if (min..=max).contains(&value) => Some(value),
            _ => {
                let range = format!("a number from {min} to {max}");
                wrong(node, name, &range, problems);
                None
            }
        }
    }

    /// A whole number from `min` to `max`; `None` if it is absent or wrong.
    pub fn whole_number(
        &self,
        name: &str,
        (min, max): (u32, u32),
        problems: &mut Problems<'_>,
    ) -> Option<u32> {
        let node = self.get(name)?;
        match node.value {
            Value::Number(value)
                if value.fract() == 0.0 && (f64::from(min)..=f64::from(max)).contains(&value) =>
            {
                Some(value as u32)
            }
            _ => {
                let range = format!("a whole number from {min} to {max}");
                wrong(node, name, &range, problems);
                None
            }
        }
    }

    /// A string; `None` if it is absent or wrong.
    pub fn string(&self, name: &str, problems: &mut Problems<'_>) -> Option<&'n str> {
        let node = self.get(name)?;
        match &node.value {
            Value::String(text) => Some(text),
            _ => {
                wrong(node, name, "a string", problems);
                None
            }
        }
    }

    /// One of the strings `known`, as its index; `None` if it is absent or wrong.
    pub fn one_of(&self, name: &str, known: &[&str], problems: &mut Problems<'_>) -> Option<usize> {
        let text = self.string(name, problems)?;
        let index = known.iter().position(|word| *word == text);
        if let (None, Some(node)) = (index, self.get(name)) {
            let expected = quoted(known);
            let suggestion = did_you_mean(text, known);
            problems.add(
                node.at,
                format_args!(
                    "{name} is \"{}\", which is not {expected}{suggestion}",
                    text.escape_debug()
                ),
            );
        }
        index
    }

    /// An array of strings, each with its place; empty if it is absent or wrong.
    pub fn strings(&self, name: &str, problems: &mut Problems<'_>) -> Vec<(&'n str, usize)> {
        let mut strings = Vec::new();
        for node in self.elements(name, problems) {
            match &node.value {
                Value::String(text) if !text.is_empty() => strings.push((text.as_str(), node.at)),
                _ => wrong(
                    node,
                    &format!("an element of {name}"),
                    "a string that is not empty",
                    problems,
                ),
            }
        }
        strings
    }

    /// The elements of an array; empty if it is absent or wrong.
    pub fn elements(&self, name: &str, problems: &mut Problems<'_>) -> &'n [Node] {
        let Some(node) = self.get(name) else {
            return &[];
        };
        match &node.value {
            Value::Array(elements) if elements.len() <= MAX_ELEMENTS => elements,
            Value::Array(_) => {
                problems.add(
                    node.at,
                    format_args!("{name} has more than {MAX_ELEMENTS} elements"),
                );
                &[]
            }
            _ => {
                wrong(node, name, "an array, […]", problems);
                &[]
            }
        }
    }
}

fn wrong(node: &Node, name: &str, expected: &str, problems: &mut Problems<'_>) {
    let kind = match &node.value {
        Value::Number(number) => number.to_string(),
        value => value.kind().to_owned(),
    };
    problems.add(node.at, format_args!("{name} is {kind}; write {expected}"));
}

/// `"a"`, `"a" or "b"`, `"a", "b" or "c"`.
fn quoted(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [word] => word.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
