use http::Method;

use super::super::api::{ApiKind, Route};
use super::super::error::GatewayError;
use super::pattern::{Part, Pattern, TrailingSlash};

/// A valid route.
#[derive(Debug)]
pub(crate) struct ParsedRoute {
    config: Route,
    pub(crate) format: PayloadFormat,
    /// `None` for `$default`.
    pattern: Option<Pattern>,
}

/// The version of the event and of the function's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PayloadFormat {
    V1,
    V2,
}

/// The order in which routes are tried. It compares the fields from first to last; `false` is
/// before `true`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Precedence {
    is_default: bool,
    /// HTTP APIs prefer every full path to a greedy one.
    is_greedy_on_http_api: bool,
    specificity: Vec<u8>,
    /// Keeps routes of one shape together, as `RoutingTable::find` requires.
    shape: Option<Vec<Part>>,
    accepts_any_method: bool,
}

impl ParsedRoute {
    pub(super) fn new(kind: ApiKind, config: Route) -> Result<Self, GatewayError> {
        let bad = |reason: String| GatewayError::BadRoute {
            route: format!("{} {}", config.method, config.path),
            function: config.function.clone(),
            reason,
        };
        if Method::from_bytes(config.method.as_bytes()).is_err() {
            return Err(bad(
                "the method is neither an HTTP method nor ANY".to_owned()
            ));
        }
        let is_default = config.path == "$default";
        if is_default && kind == ApiKind::Rest {
            return Err(bad(
                "a REST API has no $default route; use the path /{proxy+}".to_owned(),
            ));
        }
        let pattern = (!is_default)
            .then(|| Pattern::parse(&config.path))
            .transpose()
            .map_err(bad)?;
        let format = match (kind, config.payload_format.as_str()) {
            (ApiKind::Rest, _) | (ApiKind::Http, "1.0") => PayloadFormat::V1,
            (ApiKind::Http, "2.0") => PayloadFormat::V2,
            (ApiKind::Http, other) => {
                return Err(bad(format!(
                    "PayloadFormatVersion {other:?} does not exist; use \"1.0\" or \"2.0\""
                )));
            }
        };
        Ok(Self {
            config,
            format,
            pattern,
        })
    }

    /// The route key: `GET /items/{pk}`, `$default`.
    pub(crate) fn key(&self) -> String {
        if self.pattern.is_none() {
            return "$default".to_owned();
        }
        format!("{} {}", self.method(), self.config.path)
    }

    /// `GET`, `ANY`: in upper case.
    pub(crate) fn method(&self) -> String {
        self.config.method.to_ascii_uppercase()
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

    /// The path parameters, if the route matches this path: see [`Pattern::matches`].
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

    /// Routes of one shape match the same paths. `None` for `$default`.
    pub(super) fn shape(&self) -> Option<Vec<Part>> {
        self.pattern.as_ref().map(Pattern::shape)
    }

    pub(super) fn precedence(&self, kind: ApiKind) -> Precedence {
        let pattern = self.pattern.as_ref();
        Precedence {
            is_default: pattern.is_none(),
            is_greedy_on_http_api: kind == ApiKind::Http && pattern.is_some_and(Pattern::is_greedy),
            specificity: pattern.map(Pattern::specificity).unwrap_or_default(),
            shape: self.shape(),
            accepts_any_method: self.accepts_any_method(),
        }
    }

    pub(super) fn matches_the_same_requests_as(&self, other: &Self) -> bool {
        let (method, other_method) = (&self.config.method, &other.config.method);
        let same_method = match (self.accepts_any_method(), other.accepts_any_method()) {
            (true, true) => true,
            (false, false) => method.eq_ignore_ascii_case(other_method),
            _ => false,
        };
        same_method && self.shape() == other.shape()
    }

    /// Checks that the API may have both routes.
    pub(super) fn check_conflict(&self, other: &Self, kind: ApiKind) -> Result<(), GatewayError> {
        if self.matches_the_same_requests_as(other) {
            let reason = "both match the same requests; remove one";
            return Err(ambiguous(self, other, reason));
        }
        let (Some(first), Some(second)) = (&self.pattern, &other.pattern) else {
            return Ok(());
        };
        // API Gateway's error: "A sibling of this resource already has a variable path part".
        if kind == ApiKind::Rest && first.has_other_parameter_than(second) {
            let reason = "a REST API allows only one path parameter at each position; use the same one in both paths";
            return Err(ambiguous(self, other, reason));
        }
        Ok(())
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
