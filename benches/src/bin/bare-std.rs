//! The lower bound: an extension made with the standard library alone. It only registers and
//! waits for events.

use std::io::{Read, Write};
use std::net::TcpStream;

fn main() -> std::io::Result<()> {
    let address = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap_or_default();
    let mut connection = TcpStream::connect(&address)?;
    let body = r#"{"events":["INVOKE","SHUTDOWN"]}"#;
    let register = format!(
        "POST /2020-01-01/extension/register HTTP/1.1\r\nHost: {address}\r\n\
         Lambda-Extension-Name: bare-std\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(register.as_bytes())?;
    let mut response = [0; 4096];
    let length = connection.read(&mut response)?;
    let response = String::from_utf8_lossy(&response[..length]).into_owned();
    let header = "lambda-extension-identifier: ";
    let lines = response.lines().map(str::trim);
    let mut found = lines.filter(|line| line.to_ascii_lowercase().starts_with(header));
    let identifier = found.next().map_or("", |line| &line[header.len()..]);
    let next = format!(
        "GET /2020-01-01/extension/event/next HTTP/1.1\r\nHost: {address}\r\n\
         Lambda-Extension-Identifier: {identifier}\r\n\r\n"
    );
    connection.write_all(next.as_bytes())?;
    let mut event = [0; 4096];
    connection.read(&mut event).map(drop)
}
