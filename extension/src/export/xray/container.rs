use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use reqwest::Url;
use serde::Deserialize;
use tokio::net::TcpStream;
use xray_document::Timestamp;

use super::credentials::{Credentials, Temporary};

/// An HTTP endpoint in the sandbox. Lambda uses it with SnapStart, because credentials in
/// the environment would expire with the snapshot (Lambda Developer Guide, SnapStart).
#[derive(Clone, PartialEq, Eq)]
pub struct ContainerEndpoint {
    /// The endpoint's URL.
    pub url: String,
    /// The value of the `Authorization` header.
    pub token: Option<String>,
}

impl fmt::Debug for ContainerEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContainerEndpoint")
    }
}

/// The most bytes read of a response, which usually has 1.5 KB.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

impl ContainerEndpoint {
    /// Asks for credentials.
    ///
    /// # Errors
    /// The reason why there are none. The text contains no secret.
    pub(super) async fn fetch(&self) -> Result<Temporary, String> {
        self.request().await.map_err(|reason| {
            format!("no credentials from AWS_CONTAINER_CREDENTIALS_FULL_URI: {reason}")
        })
    }

    async fn request(&self) -> Result<Temporary, String> {
        let url = Url::parse(&self.url).map_err(|error| error.to_string())?;
        let (host, port) = local_address(&url)?;
        let stream = TcpStream::connect((host, port))
            .await
            .map_err(|error| format!("cannot connect: {error}"))?;
        let broken = |error: hyper::Error| format!("the connection failed: {error}");
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(broken)?;
        tokio::spawn(connection);
        let query = url.query().map(|query| format!("?{query}"));
        let mut request = Request::get(format!("{}{}", url.path(), query.unwrap_or_default()))
            .header("host", format!("{host}:{port}"))
            .header("accept", "application/json");
        if let Some(token) = &self.token {
            request = request.header("authorization", token);
        }
        let request = request.body(Empty::<Bytes>::new()).map_err(|_| {
            "AWS_CONTAINER_AUTHORIZATION_TOKEN is not a valid header value".to_owned()
        })?;
        let response = sender.send_request(request).await.map_err(broken)?;
        if !response.status().is_success() {
            return Err(format!("it responded with {}", response.status().as_u16()));
        }
        let body = Limited::new(response.into_body(), MAX_RESPONSE_BYTES)
            .collect()
            .await
            .map_err(|error| format!("the response is incomplete: {error}"))?
            .to_bytes();
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct ResponseBody {
            access_key_id: String,
            secret_access_key: String,
            token: Option<String>,
            expiration: Option<String>,
        }
        // The parser's error is left out, because it may quote a secret.
        let response: ResponseBody = serde_json::from_slice(&body)
            .map_err(|_| "its response contains no credentials".to_owned())?;
        let expires = response.expiration.as_deref();
        Ok(Temporary {
            credentials: Credentials {
                access_key_id: response.access_key_id,
                secret_access_key: response.secret_access_key,
                session_token: response.token,
            },
            expires: expires.and_then(Timestamp::from_iso8601),
        })
    }
}

/// The container credential endpoints of ECS and of EKS (AWS SDKs and Tools Reference Guide,
/// container credential provider). No other link-local address is asked for credentials.
const CONTAINER_ADDRESSES: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
];

/// Returns the address of a URL if the AWS SDKs allow plain HTTP there: a loopback address or
/// one of [`CONTAINER_ADDRESSES`].
fn local_address(url: &Url) -> Result<(IpAddr, u16), String> {
    let host = url.host_str().unwrap_or_default();
    let ip = match host.trim_matches(['[', ']']) {
        "localhost" => Some(IpAddr::from([127, 0, 0, 1])),
        host => host.parse().ok(),
    };
    let ip = ip.filter(|ip| ip.is_loopback() || CONTAINER_ADDRESSES.contains(ip));
    match (ip, url.port_or_known_default()) {
        (Some(ip), Some(port)) if url.scheme() == "http" => Ok((ip, port)),
        _ => Err("it is not an http URL with an address that AWS uses for credentials".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_used_only_inside_the_sandbox() {
        let is_local = |url: &str| local_address(&Url::parse(url).unwrap()).is_ok();
        assert!(is_local("http://127.0.0.1:9001/2021-04-23/credentials"));
        assert!(is_local("http://localhost/"));
        assert!(is_local("http://[::1]:80/"));
        assert!(is_local("http://169.254.170.2/v2"));
        assert!(is_local("http://169.254.170.23/v1/credentials"));
        assert!(is_local("http://[fd00:ec2::23]/v1/credentials"));
        assert!(!is_local("http://169.254.169.254/latest/meta-data/"));
        assert!(!is_local("http://169.254.1.1/"));
        assert!(!is_local("http://[fd00:ec2::24]/"));
        assert!(!is_local("http://198.51.100.1/"));
        assert!(!is_local("http://example.com/"));
        assert!(!is_local("https://127.0.0.1/"));
    }
}
