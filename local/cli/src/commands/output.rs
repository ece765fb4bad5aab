use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::local_stack::LocalStack;

/// Writes to stdout. A reader that stops early, such as `head`, is not an error.
pub(super) fn print(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
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
    eprintln!("{name:<12} {value}");
}
