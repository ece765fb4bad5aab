//! Reads a setting that is JSON in a variable, or the path of a file with it.

use std::fmt;
use std::io::Read;
use std::path::Path;

/// The most bytes of such a file. It bounds memory and time if the path is wrong.
const MAX_BYTES: u64 = 256 * 1024;

/// The text of a setting, and where it is.
#[derive(Debug)]
pub(crate) struct SettingsText {
    pub(crate) text: String,
    /// The path of the file, or the name of the variable.
    pub(crate) place: String,
}

/// The reason why a file cannot be read. It names the path.
#[derive(Debug)]
pub(crate) struct ReadError(String);

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads the value of `variable`: JSON if it begins with `{`, else a path.
pub(crate) fn read(variable: &str, value: &str) -> Result<SettingsText, ReadError> {
    if value.trim_start().starts_with('{') {
        return Ok(SettingsText {
            text: value.to_owned(),
            place: variable.to_owned(),
        });
    }
    let path = value.trim();
    let error = |reason: &dyn fmt::Display| {
        ReadError(format!(
            "{variable}: cannot read \"{}\": {reason}",
            path.escape_debug()
        ))
    };
    // Reading another kind of file, such as a pipe, may wait forever.
    let metadata = std::fs::metadata(Path::new(path)).map_err(|cause| error(&cause))?;
    if !metadata.is_file() {
        return Err(error(&"it is not a file"));
    }
    let file = std::fs::File::open(path).map_err(|cause| error(&cause))?;
    let mut text = String::new();
    let read = file.take(MAX_BYTES + 1).read_to_string(&mut text);
    read.map_err(|cause| error(&cause))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(error(&"it has more than 256 KB"));
    }
    Ok(SettingsText {
        text,
        place: path.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_json_or_the_path_of_a_small_file() {
        let inline = read("V", " {\"a\":1}").unwrap();
        assert_eq!(
            (inline.text.as_str(), inline.place.as_str()),
            (" {\"a\":1}", "V")
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.json");
        std::fs::write(&path, "{}").unwrap();
        assert_eq!(read("V", path.to_str().unwrap()).unwrap().text, "{}");

        std::fs::write(&path, " ".repeat(MAX_BYTES as usize + 1)).unwrap();
        for (wrong, reason) in [
            (path.to_str().unwrap(), "more than 256 KB"),
            (folder.path().to_str().unwrap(), "not a file"),
            ("/dev/zero", "not a file"),
            ("/nonexistent/x", "No such file"),
        ] {
            let error = read("V", wrong).unwrap_err().to_string();
            assert!(
                error.starts_with("V: cannot read") && error.contains(reason),
                "{error}"
            );
        }
    }
}
