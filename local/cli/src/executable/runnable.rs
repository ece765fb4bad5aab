//! Checks that a file can run on this machine.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::SystemTime;

/// The file's modification time, or the reason why it cannot run here.
///
/// Follows symbolic links, which may lead to any program: who can put a link into a function's
/// folder can put a program there too.
pub(super) fn check_runnable(path: &Path) -> Result<SystemTime, String> {
    let metadata = fs::metadata(path).map_err(|_| "not found".to_owned())?;
    if !metadata.is_file() {
        return Err("not a file".to_owned());
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err(format!("not executable; run `chmod +x {}`", path.display()));
    }
    if let Some(built_for) = elf_architecture(path)
        && built_for != this_architecture()
    {
        return Err(format!(
            "built for {built_for}, but this machine is {}",
            this_architecture()
        ));
    }
    metadata.modified().map_err(|error| error.to_string())
}

/// The architecture of an ELF file, by Lambda's name; `None` for a script.
fn elf_architecture(path: &Path) -> Option<&'static str> {
    let mut header = [0; 20];
    fs::File::open(path).ok()?.read_exact(&mut header).ok()?;
    if !header.starts_with(b"\x7fELF") {
        return None;
    }
    // `e_machine`. Both of Lambda's architectures are little-endian.
    match u16::from_le_bytes([header[18], header[19]]) {
        0x3e => Some("x86_64"),
        0xb7 => Some("arm64"),
        _ => Some("another architecture"),
    }
}

/// This machine's architecture, by Lambda's name.
fn this_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    }
}
