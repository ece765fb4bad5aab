use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;

use serde::Serialize;

use crate::escape::{LINES, escape};
use crate::local_stack::LocalStack;
use crate::message::say;

/// Writes to stdout. A reader that stops early, such as `head`, is not an error.
pub(super) fn print(text: &str) -> std::io::Result<()> {
    print_bytes(text.as_bytes())
}

/// Writes JSON to stdout. Invisible and control characters are escaped, also in a file.
pub(super) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let json = serde_json::to_string_pretty(value)?;
    print(&format!("{}\n", escape(&json, LINES)))?;
    Ok(())
}

/// Writes a function's response to stdout: escaped on a terminal, else unchanged.
pub(super) fn print_response(payload: &[u8]) -> std::io::Result<()> {
    if std::io::stdout().is_terminal() {
        let text = String::from_utf8_lossy(payload);
        print(&format!("{}\n", escape(&text, LINES)))
    } else {
        print_bytes(&[payload, b"\n"].concat())
    }
}

fn print_bytes(bytes: &[u8]) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Prints the services behind every command that serves functions.
pub(super) fn announce_stack(stack: &LocalStack, data: &Path) {
    announce("X-Ray API", &format!("http://{}", stack.xray_api));
    if let Some(dynamodb) = &stack.dynamodb {
        announce("DynamoDB", dynamodb);
    }
    announce("Traces", &data.display().to_string());
}

/// Prints one line of the start's summary to stderr, aligned with the others.
pub(super) fn announce(name: &str, value: &str) {
    say(format_args!("{name:<12} {value}"));
}
