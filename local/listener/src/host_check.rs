use std::fmt;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;

use crate::loopback::{is_loopback_host, is_loopback_origin};

/// The hosts that requests may name, and the hosts of the origins that may send them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AllowedHosts {
    /// `localhost`, names that end with `.localhost` (RFC 6761, 6.3), and loopback
    /// addresses, each with any port.
    #[default]
    Loopback,
    /// Every host and every origin, for a listener that other machines may call.
    Any,
}

impl AllowedHosts {
    /// The allowed hosts of a listener on `address`: [`Loopback`](Self::Loopback) if only
    /// this machine can reach the address, else [`Any`](Self::Any).
    pub fn for_address(address: SocketAddr) -> Self {
        if address.ip().to_canonical().is_loopback() {
            Self::Loopback
        } else {
            Self::Any
        }
    }
}

/// The part of a request that names a host which is not allowed.
///
/// Displays the first half of an error message. The caller of [`host_check`] adds the
/// flag that opens its listener to other machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignCaller {
    header: &'static str,
    value: String,
}

impl fmt::Display for ForeignCaller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { header, value } = self;
        write!(
            f,
            "{header} {value} is not allowed: only localhost and loopback addresses are"
        )
    }
}

/// Adds the check to every route and fallback of `router`.
///
/// A request passes if each host in it is allowed: every `Host` header, the authority of
/// the request's URI, and every `Origin` header. The origin `null` is never loopback. A
/// request without any of these passes, because browsers send `Host`; HTTP/1.0 clients
/// may not.
///
/// Any other request is answered with the response of `reject`, which should have the
/// status 403 and the error format of the API.
pub fn host_check<S>(
    router: Router<S>,
    allowed: AllowedHosts,
    reject: fn(&ForeignCaller) -> Response,
) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    match allowed {
        AllowedHosts::Loopback => router.layer(from_fn_with_state(reject, check_loopback)),
        AllowedHosts::Any => router,
    }
}

async fn check_loopback(
    State(reject): State<fn(&ForeignCaller) -> Response>,
    request: Request,
    next: Next,
) -> Response {
    match foreign_caller(&request) {
        Some(foreign) => reject(&foreign),
        None => next.run(request).await,
    }
}

fn foreign_caller(request: &Request) -> Option<ForeignCaller> {
    let values = |name| {
        let values = request.headers().get_all(name).iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes()))
    };
    let authority = request.uri().authority().map(Authority::as_str);
    let foreign_host = values(HOST)
        .chain(authority.map(Into::into))
        .find(|host| !is_loopback_host(host));
    if let Some(host) = foreign_host {
        return Some(ForeignCaller {
            header: "Host",
            value: host.into_owned(),
        });
    }
    let foreign_origin = values(ORIGIN).find(|origin| !is_loopback_origin(origin));
    foreign_origin.map(|origin| ForeignCaller {
        header: "Origin",
        value: origin.into_owned(),
    })
}
