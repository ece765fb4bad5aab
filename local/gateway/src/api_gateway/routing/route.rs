use http::Method;

use super::super::api::{ApiKind, Route};
use super::super::error::GatewayError;
use super::pattern::{Part, Pattern, TrailingSlash};

/// A route and where it leads.
#[derive(Debug)]
pub(crate) struct ParsedRoute {
    config: Route,
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

impl ParsedRoute {
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
            config: route,
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
            self.config.method.to_ascii_uppercase(),
            self.config.path
        )
    }

    pub(crate) fn function(&self) -> &str {
        &self.config.function
    }

    pub(crate) fn path(&self) -> &str {
        &self.config.path
    }

    pub(super) fn accepts(&self, method: &Method) -> bool {
        self.accepts_any_method() || self.config.method.eq_ignore_ascii_case(method.as_str())
    }

    fn accepts_any_method(&self) -> bool {
        self.pattern.is_none() || self.config.method.eq_ignore_ascii_case("ANY")
    }

    pub(super) fn match_path(
        &self,
        parts: &[&str],
        kind: ApiKind,
    ) -> Option<Vec<(String, String)>> {
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
            self.accepts_any_method(),
        )
    }

    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        let same_method = self.accepts_any_method() == other.accepts_any_method()
            && (self.accepts_any_method()
                || self
                    .config
                    .method
                    .eq_ignore_ascii_case(&other.config.method));
        same_method
            && self.pattern.as_ref().map(Pattern::shape)
                == other.pattern.as_ref().map(Pattern::shape)
    }

    pub(super) fn check_conflict(&self, other: &Self, kind: ApiKind) -> Result<(), GatewayError> {
        if self.is_same_as(other) {
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
pub(super) fn ambiguous(
    first: &ParsedRoute,
    second: &ParsedRoute,
    reason: &'static str,
) -> GatewayError {
    GatewayError::AmbiguousRoutes {
        first: first.key(),
        first_function: first.config.function.clone(),
        second: second.key(),
        second_function: second.config.function.clone(),
        reason,
    }
}
