use std::fmt;

/// Why an API cannot be served: what API Gateway would refuse to deploy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GatewayError {
    /// A route that API Gateway does not know how to take.
    BadRoute {
        route: String,
        function: String,
        reason: String,
    },
    /// Two routes between which a request could not be decided.
    AmbiguousRoutes {
        first: String,
        first_function: String,
        second: String,
        second_function: String,
        reason: &'static str,
    },
}

impl fmt::Display for GatewayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadRoute {
                route,
                function,
                reason,
            } => {
                write!(f, "route {route} of function {function}: {reason}")
            }
            Self::AmbiguousRoutes {
                first,
                first_function,
                second,
                second_function,
                reason,
            } => write!(
                f,
                "route {first} of function {first_function} and route {second} of function {second_function}: {reason}"
            ),
        }
    }
}

impl std::error::Error for GatewayError {}
