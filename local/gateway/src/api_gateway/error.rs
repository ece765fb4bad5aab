use std::fmt;

/// An API that cannot be served, because API Gateway would not deploy it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GatewayError {
    /// A route with an invalid method, path or payload format.
    BadRoute {
        /// The route's method and path.
        route: String,
        /// The function that it invokes.
        function: String,
        /// The error, and how to correct it.
        reason: String,
    },
    /// Two routes that API Gateway does not allow side by side.
    AmbiguousRoutes {
        /// Method and path of one route.
        first: String,
        /// The function that it invokes.
        first_function: String,
        /// Method and path of the other route.
        second: String,
        /// The function that it invokes.
        second_function: String,
        /// The conflict, and how to resolve it.
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
