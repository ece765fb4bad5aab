use std::net::SocketAddr;

use axum::extract::Request;
use axum::http::header::{HOST, HeaderName, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Method};

use crate::foreign_caller::ForeignCaller;
use crate::loopback::{is_loopback_host, is_loopback_origin};

/// The callers whose requests a listener answers, by the headers that a browser sets and a
/// page cannot change. Every other caller is foreign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedCallers {
    hosts: AllowedHosts,
    origins: Vec<String>,
    links: bool,
    pages: bool,
}

/// The hosts that requests may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AllowedHosts {
    /// `localhost`, names that end with `.localhost` (RFC 6761, 6.3), and loopback
    /// addresses, each with any port.
    Loopback,
    /// Every host: the listener is open to other machines.
    Any,
}

/// Allows every origin, as in `Access-Control-Allow-Origin` (Fetch standard, 3.3.4).
const ANY_ORIGIN: &str = "*";

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

impl AllowedCallers {
    /// Programs and pages of this machine only.
    pub fn loopback() -> Self {
        Self {
            hosts: AllowedHosts::Loopback,
            origins: Vec::new(),
            links: false,
            pages: true,
        }
    }

    /// The allowed callers of a listener on `address`. If other machines can reach the
    /// address, requests may name any host; pages of other origins are still rejected.
    pub fn for_address(address: SocketAddr) -> Self {
        let hosts = if address.ip().to_canonical().is_loopback() {
            AllowedHosts::Loopback
        } else {
            AllowedHosts::Any
        };
        Self {
            hosts,
            ..Self::loopback()
        }
    }

    /// Allows pages of these origins too: see [`is_allowed_origin`] for the form of each.
    ///
    /// This allows requests that carry `Origin`, such as those of `fetch`. An image or a link of
    /// such a page carries none: it is still rejected if the page is of another site, unless
    /// one of the origins is `*`.
    #[must_use]
    pub fn with_origins(mut self, origins: impl IntoIterator<Item = String>) -> Self {
        self.origins.extend(origins);
        self
    }

    /// Allows links from other sites: `GET` requests that open a page in the browser's
    /// address bar. Only for a listener whose `GET` requests change nothing.
    #[must_use]
    pub fn with_links(mut self) -> Self {
        self.links = true;
        self
    }

    /// Rejects the requests of all pages, also of those of this machine.
    ///
    /// `Sec-Fetch-Mode` alone does not show a page: `fetch` of Node.js sends it, and no other
    /// header of this family.
    #[must_use]
    pub fn without_pages(mut self) -> Self {
        self.pages = false;
        self
    }

    /// The foreign caller that the request names; `None` if the request passes.
    ///
    /// Every `Host` header, the authority of the URI, and every `Origin` header must be
    /// allowed. A request without `Origin`, such as for an image or a link, is foreign if
    /// `Sec-Fetch-Site` is `cross-site` (W3C Fetch Metadata). That header does not name the
    /// site, so pages of allowed origins and of other loopback sites (`localhost` and 127.0.0.1
    /// are two) are rejected as well, except links after [`with_links`](Self::with_links). A request without any of these headers passes: it is not
    /// a browser's.
    pub(crate) fn foreign_caller(&self, request: &Request) -> Option<ForeignCaller> {
        let hosts = || {
            let authority = request.uri().authority().map(Authority::as_str);
            values(request, &HOST).chain(authority.map(str::to_owned))
        };
        if self.hosts == AllowedHosts::Loopback
            && let Some(host) = hosts().find(|host| !is_loopback_host(host))
        {
            return Some(ForeignCaller::new("Host", host));
        }
        if !self.pages {
            return page_header(request);
        }
        let any_origin = self.origins.iter().any(|origin| origin == ANY_ORIGIN);
        if any_origin {
            return None;
        }
        let mut origins = values(request, &ORIGIN).peekable();
        let sent_origin = origins.peek().is_some();
        let foreign = origins.find(|origin| {
            let same = hosts().any(|host| is_origin_of(origin, &host));
            !(same || is_loopback_origin(origin) || self.allows_origin(origin))
        });
        if let Some(origin) = foreign {
            return Some(ForeignCaller::new("Origin", origin));
        }
        let cross_site = values(request, &SEC_FETCH_SITE).any(|site| site == "cross-site");
        let link = self.links && is_link(request);
        (cross_site && !sent_origin && !link)
            .then(|| ForeignCaller::new("Sec-Fetch-Site", "cross-site".to_owned()))
    }

    fn allows_origin(&self, origin: &str) -> bool {
        self.origins
            .iter()
            .any(|allowed| is_allowed_origin(allowed, origin))
    }
}

/// Returns true if `allowed` allows pages of `origin`, the value of an `Origin` header.
///
/// `allowed` is an origin such as `https://app.example.com`, `*` for every origin, or
/// `https://*` or `http://*` for every origin of this scheme (API Gateway Developer Guide,
/// "Configure CORS for HTTP APIs").
pub fn is_allowed_origin(allowed: &str, origin: &str) -> bool {
    let begins_with = |scheme: &str| {
        let beginning = origin.get(..scheme.len());
        beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(scheme))
    };
    match allowed {
        ANY_ORIGIN => true,
        "https://*" => begins_with("https://"),
        "http://*" => begins_with("http://"),
        _ => allowed.eq_ignore_ascii_case(origin),
    }
}

/// The header that only a browser sends.
fn page_header(request: &Request) -> Option<ForeignCaller> {
    let header = |name: &HeaderName, shown| {
        let value = values(request, name).next()?;
        Some(ForeignCaller::new(shown, value))
    };
    header(&ORIGIN, "Origin").or_else(|| header(&SEC_FETCH_SITE, "Sec-Fetch-Site"))
}

fn values<'a>(
    request: &'a Request,
    name: &'a HeaderName,
) -> impl Iterator<Item = String> + use<'a> {
    let values = request.headers().get_all(name).iter();
    values.map(|value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Returns true if a page of `origin` was loaded from `host`.
fn is_origin_of(origin: &str, host: &str) -> bool {
    origin
        .split_once("://")
        .is_some_and(|(_scheme, authority)| authority.eq_ignore_ascii_case(host))
}

fn is_link(request: &Request) -> bool {
    let is = |name: &HeaderName, expected: &str| {
        let mut values = request.headers().get_all(name).iter();
        values.next().is_some_and(|value| value == expected) && values.next().is_none()
    };
    request.method() == Method::GET
        && is(&SEC_FETCH_MODE, "navigate")
        && is(&SEC_FETCH_DEST, "document")
}
