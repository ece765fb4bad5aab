//! Reads YAML, and JSON, which is a subset of YAML.
//!
//! CloudFormation's short tags become their long forms: `!Ref X` becomes `{"Ref": "X"}`, and
//! `!Sub X` becomes `{"Fn::Sub": "X"}`.

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::intrinsic::INTRINSIC_FUNCTIONS;
use super::node::{Entry, Mapping, Node, Value};
use crate::error::Problem;
use crate::place::Place;
use crate::suggest::did_you_mean;

/// Reads `text`, which must be one YAML document.
pub(crate) fn read(text: &str) -> Result<Node, Problem> {
    let mut reader = Reader::default();
    let text = replace_surrogate_pairs(text);
    for event in Parser::new_from_str(&text) {
        let (event, span) = event.map_err(|error| {
            Problem::new(
                place(*error.marker()),
                format!("not valid YAML: {}", error.info()),
            )
        })?;
        reader.read_event(event, place(span.start))?;
    }
    reader
        .document
        .ok_or_else(|| Problem::new(Place::START, "the template is empty"))
}

/// Maximum number of levels of sequences and mappings, so that a recursive walk of the tree
/// cannot exhaust the stack. A tag such as `!Sub` is a mapping, too. Real templates stay far
/// below the limit.
const MAX_DEPTH: usize = 100;

/// Maximum number of values, keys included, with all aliases expanded. A template has at most
/// 1 MB (CloudFormation User Guide, "Quotas"), but aliases of aliases could grow without limit.
const MAX_NODES: usize = 500_000;

#[derive(Default)]
struct Reader {
    unfinished: Vec<Unfinished>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    document: Option<Node>,
}

/// A sequence or mapping whose end has not been read yet.
struct Unfinished {
    place: Place,
    /// Levels down to this one, itself and its function included.
    depth: usize,
    anchor: usize,
    function: Option<&'static str>,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping {
        mapping: Mapping,
        merges: Vec<Node>,
        key: Option<(String, Place)>,
    },
}

impl Reader {
    fn read_event(&mut self, event: Event<'_>, place: Place) -> Result<(), Problem> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let function = function(tag.as_deref(), place)?;
                // A key stays text: `NO` may be the name of a variable.
                let plain = style == ScalarStyle::Plain && tag.is_none() && !self.expects_key();
                let value = if plain {
                    plain_value(&text)
                } else {
                    Value::String(text.into_owned())
                };
                self.count(1, place)?;
                self.complete(Node::new(place, value), function, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(place, anchor, tag.as_deref(), Content::Sequence(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                let content = Content::Mapping {
                    mapping: Mapping::default(),
                    merges: Vec::new(),
                    key: None,
                };
                self.open(place, anchor, tag.as_deref(), content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => {
                let Some(anchored) = self.anchors.get(&anchor) else {
                    return Err(Problem::new(
                        place,
                        "this alias is inside the value that it refers to",
                    ));
                };
                let (added, depth) = (count_nodes(anchored), depth(anchored));
                let value = anchored.value.clone();
                self.count(added, place)?;
                self.depth_with(depth, place)?;
                self.complete(Node::new(place, value), None, 0)
            }
            Event::DocumentStart(_) if self.document.is_some() => Err(Problem::new(
                place,
                "a template must be one YAML document; a second one starts here",
            )),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn open(
        &mut self,
        place: Place,
        anchor: usize,
        tag: Option<&Tag>,
        content: Content,
    ) -> Result<(), Problem> {
        let function = function(tag, place)?;
        let depth = self.depth_with(1 + usize::from(function.is_some()), place)?;
        self.count(1, place)?;
        self.unfinished.push(Unfinished {
            place,
            depth,
            anchor,
            function,
            content,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Problem> {
        let Some(open) = self.unfinished.pop() else {
            return Ok(());
        };
        let value = match open.content {
            Content::Sequence(items) => Value::Sequence(items),
            Content::Mapping {
                mapping, merges, ..
            } => Value::Mapping(apply_merge_keys(mapping, merges)?),
        };
        self.complete(Node::new(open.place, value), open.function, open.anchor)
    }

    fn count(&mut self, nodes: usize, place: Place) -> Result<(), Problem> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            return Err(Problem::new(
                place,
                format!(
                    "the template is too large: it has more than {MAX_NODES} values with all aliases expanded"
                ),
            ));
        }
        Ok(())
    }

    /// The depth that a value of `levels` levels reaches here.
    fn depth_with(&self, levels: usize, place: Place) -> Result<usize, Problem> {
        let depth = self.unfinished.last().map_or(0, |parent| parent.depth) + levels;
        if depth > MAX_DEPTH {
            return Err(Problem::new(
                place,
                format!("values are nested more than {MAX_DEPTH} levels deep"),
            ));
        }
        Ok(depth)
    }

    fn expects_key(&self) -> bool {
        matches!(
            self.unfinished.last(),
            Some(Unfinished {
                content: Content::Mapping { key: None, .. },
                ..
            })
        )
    }

    /// Adds a finished value to its parent.
    fn complete(
        &mut self,
        node: Node,
        function: Option<&'static str>,
        anchor: usize,
    ) -> Result<(), Problem> {
        let node = match function {
            Some(function) => in_long_form(function, node),
            None => node,
        };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.unfinished.last_mut().map(|parent| &mut parent.content) {
            None => self.document = Some(node),
            Some(Content::Sequence(items)) => items.push(node),
            Some(Content::Mapping {
                mapping,
                merges,
                key,
            }) => match key.take() {
                None => *key = Some((key_text(&node)?, node.place)),
                Some((key, _)) if key == "<<" => merges.push(node),
                Some((key, key_place)) => {
                    if let Some(first) = mapping.entry(&key) {
                        let line = first.key_place.line;
                        return Err(Problem::new(
                            key_place,
                            format!("'{key}' is defined twice, first on line {line}; remove one"),
                        ));
                    }
                    mapping.entries.push(Entry {
                        key,
                        key_place,
                        value: node,
                    });
                }
            },
        }
        Ok(())
    }
}

/// Replaces each surrogate pair by its character. JSON writes a character beyond U+FFFF as a
/// pair of `\u` escapes (RFC 8259, section 7), which YAML does not know. Otherwise this reader
/// can read JSON as YAML.
fn replace_surrogate_pairs(text: &str) -> Cow<'_, str> {
    if !text.trim_start().starts_with('{') || !text.contains("\\ud") && !text.contains("\\uD") {
        return Cow::Borrowed(text);
    }
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("\\u") {
        let unit = |at: usize| {
            let escape = rest.get(at..at + 6)?.strip_prefix("\\u")?;
            u16::from_str_radix(escape, 16).ok()
        };
        let pair = [unit(start), unit(start + 6)].map(Option::unwrap_or_default);
        let character = char::decode_utf16(pair).next().and_then(Result::ok);
        match character.filter(|character| character.len_utf16() == 2) {
            Some(character) => {
                result.push_str(&rest[..start]);
                result.push(character);
                rest = &rest[start + 12..];
            }
            None => {
                result.push_str(&rest[..start + 2]);
                rest = &rest[start + 2..];
            }
        }
    }
    result.push_str(rest);
    Cow::Owned(result)
}

fn place(marker: Marker) -> Place {
    Place {
        line: marker.line(),
        column: marker.col() + 1,
    }
}

/// The value of a scalar without quotes: booleans as in YAML 1.1, which CloudFormation and SAM
/// use. A number keeps its text, so that `007` is not read as octal. Dates, and numbers in
/// another notation such as `0x1F` or `1:30`, are strings.
fn plain_value(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Value::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            Value::Bool(false)
        }
        _ if is_number(text) => Value::Number(text.to_owned()),
        _ => Value::String(text.to_owned()),
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.starts_with(|first: char| first.is_ascii_digit())
        && digits
            .chars()
            .all(|character| character.is_ascii_digit() || character == '.')
        && digits.parse::<f64>().is_ok()
}

/// The long name of a tag's function; `None` for YAML's own tags.
fn function(tag: Option<&Tag>, place: Place) -> Result<Option<&'static str>, Problem> {
    let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) else {
        return Ok(None);
    };
    let short = |long: &'static str| long.strip_prefix("Fn::").unwrap_or(long);
    if tag.handle == "!" && tag.suffix.is_empty() {
        return Ok(None);
    }
    if let Some(long) = INTRINSIC_FUNCTIONS
        .iter()
        .find(|long| tag.handle == "!" && short(long) == tag.suffix)
    {
        return Ok(Some(long));
    }
    let tags: Vec<String> = INTRINSIC_FUNCTIONS
        .iter()
        .map(|long| format!("!{}", short(long)))
        .collect();
    let hint = did_you_mean(&format!("!{}", tag.suffix), tags.iter().map(String::as_str));
    Err(Problem::new(
        place,
        format!(
            "'{}{}' is not an intrinsic function{hint}",
            tag.handle, tag.suffix
        ),
    ))
}

fn in_long_form(function: &str, argument: Node) -> Node {
    let place = argument.place;
    let entry = Entry {
        key: function.to_owned(),
        key_place: place,
        value: argument,
    };
    Node::new(
        place,
        Value::Mapping(Mapping {
            entries: vec![entry],
        }),
    )
}

fn key_text(node: &Node) -> Result<String, Problem> {
    match node.text() {
        Some(text) => Ok(text.to_owned()),
        None => Err(Problem::new(
            node.place,
            format!("a key must be a string, not {}", node.kind()),
        )),
    }
}

/// Applies YAML's merge keys: `<<: *anchor` adds the entries whose keys the mapping lacks.
fn apply_merge_keys(mut mapping: Mapping, merges: Vec<Node>) -> Result<Mapping, Problem> {
    for merge in merges {
        let place = merge.place;
        let sources = match merge.value {
            Value::Sequence(items) => items,
            _ => vec![merge],
        };
        for source in sources {
            let kind = source.kind();
            let Value::Mapping(source) = source.value else {
                return Err(Problem::new(
                    place,
                    format!("'<<' must refer to a mapping, not {kind}"),
                ));
            };
            for entry in source.entries {
                if mapping.entry(&entry.key).is_none() {
                    mapping.entries.push(entry);
                }
            }
        }
    }
    Ok(mapping)
}

/// Levels of sequences and mappings in a value.
fn depth(node: &Node) -> usize {
    match &node.value {
        Value::Sequence(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Mapping(mapping) => {
            let values = mapping.entries.iter().map(|entry| &entry.value);
            1 + values.map(depth).max().unwrap_or(0)
        }
        _ => 0,
    }
}

/// Number of values in a value, itself and the keys of mappings included.
fn count_nodes(node: &Node) -> usize {
    match &node.value {
        Value::Sequence(items) => 1 + items.iter().map(count_nodes).sum::<usize>(),
        Value::Mapping(mapping) => {
            let values = mapping.entries.iter().map(|entry| &entry.value);
            1 + mapping.entries.len() + values.map(count_nodes).sum::<usize>()
        }
        _ => 1,
    }
}
