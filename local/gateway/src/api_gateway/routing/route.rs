use http::Method;

use super::super::api::{ApiKind, Route};
use super::super::error::GatewayError;
use super::pattern::{Part, Pattern, TrailingSlash};

/// A route and where it leads.
#[derive(Debug)]
pub(crate) struct Routed {
    pub(crate) route: Route,
    pub(crate) format: PayloadFormat,
    /// `None` for `$default`.
    pub(super) pattern: Option<Pattern>,
}

/// How the event is written and the function's response is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PayloadFormat {
    V1,
    V2,
}

impl Routed {
    pub(super) fn new(kind: ApiKind, route: Route) -> Result<Self, GatewayError> {
        let bad = |reason: String| GatewayError::BadRoute {
            route: format!("{} {}", route.method, route.path),
            function: route.function.clone(),
            reason,
        };
        if Method::from_bytes(route.method.as_bytes()).is_err() {
            return Err(bad("the method is not an HTTP method, nor ANY".to_owned()));
        }
        let is_default = route.path == "$default";
        if is_default && kind == ApiKind::Rest {
            return Err(bad(
                "only an HttpApi has a $default route; a REST API's is /{proxy+}".to_owned(),
            ));
        }
        let pattern = (!is_default)
            .then(|| Pattern::parse(&route.path))
            .transpose()
            .map_err(bad)?;
        let format = match (kind, route.payload_format.as_str()) {
            (ApiKind::Rest, _) | (ApiKind::Http, "1.0") => PayloadFormat::V1,
            (ApiKind::Http, "2.0") => PayloadFormat::V2,
            (ApiKind::Http, other) => {
                return Err(bad(format!(
                    "PayloadFormatVersion is {other:?}; API Gateway knows 1.0 and 2.0"
                )));
            }
        };
        Ok(Self {
            route,
            format,
            pattern,
        })
    }

    /// `GET /items/{pk}`; of the default route, `$default`.
    pub(crate) fn key(&self) -> String {
        if self.pattern.is_none() {
            return "$default".to_owned();
        }
        format!(
            "{} {}",
            self.route.method.to_ascii_uppercase(),
            self.route.path
        )
    }

    pub(super) fn takes(&self, method: &Method) -> bool {
        self.takes_any() || self.route.method.eq_ignore_ascii_case(method.as_str())
    }

    fn takes_any(&self) -> bool {
        self.pattern.is_none() || self.route.method.eq_ignore_ascii_case("ANY")
    }

    pub(super) fn fits(&self, parts: &[&str], kind: ApiKind) -> Option<Vec<(String, String)>> {
        let trailing_slash = match kind {
            ApiKind::Rest => TrailingSlash::Ignored,
            ApiKind::Http => TrailingSlash::Significant,
        };
        match &self.pattern {
            Some(pattern) => pattern.matches(parts, trailing_slash),
            None => Some(Vec::new()),
        }
    }

    /// What comes first is tried first: `$default` last, on an HTTP API greedy paths after
    /// full ones, then part by part, and `ANY` after the methods it stands for.
    pub(super) fn preference(&self, kind: ApiKind) -> (bool, bool, Vec<u8>, Vec<Part>, bool) {
        let greedy = kind == ApiKind::Http && self.pattern.as_ref().is_some_and(Pattern::is_greedy);
        let specificity = self
            .pattern
            .as_ref()
            .map(Pattern::specificity)
            .unwrap_or_default();
        let shape = self
            .pattern
            .as_ref()
            .map(Pattern::shape)
            .unwrap_or_default();
        (
            self.pattern.is_none(),
            greedy,
            specificity,
            shape,
            self.takes_any(),
        )
    }

    pub(super) fn equals(&self, other: &Self) -> bool {
        let same_method = self.takes_any() == other.takes_any()
            && (self.takes_any() || self.route.method.eq_ignore_ascii_case(&other.route.method));
        same_method
            && self.pattern.as_ref().map(Pattern::shape)
                == other.pattern.as_ref().map(Pattern::shape)
    }

    pub(super) fn check_against(&self, other: &Self, kind: ApiKind) -> Result<(), GatewayError> {
        if self.equals(other) {
            return Err(ambiguous(
                self,
                other,
                "both answer the same requests: remove one",
            ));
        }
        let (Some(first), Some(second)) = (&self.pattern, &other.pattern) else {
            return Ok(());
        };
        if kind == ApiKind::Http {
            return Ok(());
        }
        // REST: "A sibling of this resource already has a variable path part".
        let differing = first
            .parts()
            .iter()
            .zip(second.parts())
            .find(|(first, second)| first != second);
        match differing {
            Some((first, second)) if first.variable().is_some() && second.variable().is_some() => {
                Err(ambiguous(
                    self,
                    other,
                    "a REST API allows one path parameter at a place: give both the same name",
                ))
            }
            _ => Ok(()),
        }
    }
}

/// An error that names both routes.
pub(super) fn ambiguous(first: &Routed, second: &Routed, reason: &'static str) -> GatewayError {
    GatewayError::AmbiguousRoutes {
        first: first.key(),
        first_function: first.route.function.clone(),
        second: second.key(),
        second_function: second.route.function.clone(),
        reason,
    }
}
