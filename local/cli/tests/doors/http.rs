//! Requests byte by byte, because HTTP clients do not send what these tests send.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than any response takes. The function starts within it.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);

/// A request that ends its connection. It has a `Host` header of the address, unless
/// `headers` has one.
#[derive(Clone)]
pub struct Request {
    method: &'static str,
    path: &'static str,
    headers: Vec<(String, String)>,
    body: &'static str,
}

/// Status line, headers and body of a response. Empty if the connection was closed without one.
#[derive(Debug)]
pub struct Response {
    text: String,
}

impl Request {
    pub fn get(path: &'static str) -> Self {
        Self::new("GET", path)
    }

    pub fn post(path: &'static str, body: &'static str) -> Self {
        Self {
            body,
            ..Self::new("POST", path)
        }
    }

    /// A browser's question before a request with JSON.
    pub fn preflight(path: &'static str, origin: &str) -> Self {
        Self::new("OPTIONS", path)
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "content-type")
    }

    fn new(method: &'static str, path: &'static str) -> Self {
        Self {
            method,
            path,
            headers: Vec::new(),
            body: "",
        }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn headers<'a>(self, headers: impl IntoIterator<Item = &'a (&'a str, &'a str)>) -> Self {
        headers
            .into_iter()
            .fold(self, |request, (name, value)| request.header(name, value))
    }

    /// Sends the request and reads the response.
    pub fn send(&self, address: SocketAddr) -> Response {
        exchange(address, &self.text(address, "HTTP/1.1"))
    }

    /// Head and body.
    pub fn text(&self, address: SocketAddr, version: &str) -> String {
        self.head(address, version) + self.body
    }

    pub fn head(&self, address: SocketAddr, version: &str) -> String {
        let has_host = self.headers.iter().any(|(name, _)| name == "Host");
        let host = (!has_host).then(|| ("Host".to_owned(), address.to_string()));
        let mut head = format!("{} {} {version}\r\n", self.method, self.path);
        for (name, value) in host.iter().chain(&self.headers) {
            head += &format!("{name}: {value}\r\n");
        }
        let length = self.body.len();
        head + &format!("Connection: close\r\nContent-Length: {length}\r\n\r\n")
    }
}

/// Sends a whole request and reads the response.
pub fn exchange(address: SocketAddr, request: &str) -> Response {
    let mut connection = connect(address);
    // The server may respond before it has read the body.
    let _ = connection.write_all(request.as_bytes());
    Response::read(connection)
}

impl Response {
    /// Reads until the server closes the connection.
    pub fn read(mut connection: TcpStream) -> Self {
        let mut bytes = Vec::new();
        // The server may reset the connection after the response.
        let _ = connection.read_to_end(&mut bytes);
        Self {
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    pub fn status(&self) -> u16 {
        let status = self.text.split(' ').nth(1);
        status.and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// The value of the first header with this name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (head, _body) = self.text.split_once("\r\n\r\n")?;
        let mut headers = head.lines().filter_map(|line| line.split_once(": "));
        headers.find_map(|(header, value)| header.eq_ignore_ascii_case(name).then_some(value))
    }

    /// The names of the CORS headers.
    pub fn cors_headers(&self) -> Vec<&str> {
        let (head, _body) = self.text.split_once("\r\n\r\n").unwrap_or_default();
        let names = head.lines().filter_map(|line| line.split(':').next());
        names
            .filter(|name| name.to_ascii_lowercase().starts_with("access-control-"))
            .collect()
    }

    pub fn body(&self) -> &str {
        self.text
            .split_once("\r\n\r\n")
            .map_or("", |(_head, body)| body)
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(RESPONSE_TIMEOUT)).unwrap();
    connection
}
