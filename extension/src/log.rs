use std::collections::HashSet;
use std::fmt::Display;
use std::io::Write;
use std::sync::OnceLock;

use serde_json::{Map, Value};
use xray_document::Timestamp;

/// Writes lines to standard error, which Lambda copies to the function's log. A line never
/// contains a credential, a header or a document.
#[derive(Debug, Default)]
pub struct Log {
    written: HashSet<String>,
    lines: usize,
}

/// The settings of every [`Log`] of this process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogSettings {
    /// Lines below this level are not written.
    pub level: Level,
    /// True if each line is a JSON object, as in the rest of the function's log
    /// (`AWS_LAMBDA_LOG_FORMAT`).
    pub json: bool,
}

/// The level of a line, in the words of Lambda's log-level filtering.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Each batch and each decision.
    Debug,
    /// One line at the start, and one for each sink at the end.
    #[default]
    Info,
    /// A problem.
    Warn,
}

/// A line with the fields that it has in JSON.
#[derive(Debug, Clone)]
pub struct LogLine {
    level: Level,
    message: String,
    fields: Map<String, Value>,
}

/// The most lines that a [`Log`] writes, without lines of [`Level::Debug`]. It bounds memory and
/// log if a line has a varying part.
const MAX_LINES: usize = 64;

static SETTINGS: OnceLock<LogSettings> = OnceLock::new();

impl Log {
    /// Sets how all logs of this process write. Only the first call has an effect.
    pub fn configure(settings: LogSettings) {
        let _ = SETTINGS.set(settings);
    }

    /// Writes a line, unless this log has written it before or has reached its 64 lines.
    pub fn once(&mut self, line: impl Display) {
        let line = line.to_string();
        if self.is_new(&line) {
            write_line(line);
        }
    }

    /// Writes a line each time, unless this log has reached its 64 lines.
    pub(crate) fn each_time(&mut self, line: impl Display) {
        if self.has_space() {
            write_line(line);
        }
    }

    fn is_new(&mut self, line: &str) -> bool {
        !self.written.contains(line) && self.has_space() && self.written.insert(line.to_owned())
    }

    fn has_space(&mut self) -> bool {
        let has_space = self.lines < MAX_LINES;
        self.lines += usize::from(has_space);
        has_space
    }
}

#[cfg(test)]
impl Log {
    /// A log that has reached its 64 lines.
    pub(crate) fn full() -> Self {
        Self {
            lines: MAX_LINES,
            ..Self::default()
        }
    }
}

impl LogLine {
    /// A line without fields.
    pub fn new(level: Level, message: impl Into<String>) -> Self {
        Self {
            level,
            message: message.into(),
            fields: Map::new(),
        }
    }

    /// Adds a field, which only a line in JSON shows.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// Writes the line if its level is enabled.
    pub(crate) fn write(self) {
        let settings = settings();
        if self.level >= settings.level {
            let line = self.format(settings.json, Timestamp::now());
            // One call, so that lines of other processes do not mix with it. A closed standard
            // error is ignored.
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }

    fn format(self, json: bool, now: Timestamp) -> String {
        if !json {
            // A line end in a reason must not forge a line.
            let message = self.message.replace(char::is_control, " ");
            return format!("{LOGGER}: {message}\n");
        }
        // The names that Lambda reads for its filter (Lambda Developer Guide, log-level
        // filtering).
        let mut line = Map::new();
        line.insert("timestamp".to_owned(), now.to_iso8601().into());
        line.insert("level".to_owned(), self.level.name().into());
        line.insert("logger".to_owned(), LOGGER.into());
        line.insert("message".to_owned(), self.message.into());
        line.extend(self.fields);
        format!("{}\n", Value::Object(line))
    }
}

const LOGGER: &str = "xray-lambda-extension";

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
        }
    }
}

fn settings() -> LogSettings {
    SETTINGS.get().copied().unwrap_or_default()
}

/// Writes a line if `XRAY_LAMBDA_LOG` is `debug`.
pub(crate) fn debug(line: impl Display) {
    if settings().level == Level::Debug {
        LogLine::new(Level::Debug, line.to_string()).write();
    }
}

/// Writes a line about a problem.
pub(crate) fn write_line(line: impl Display) {
    LogLine::new(Level::Warn, line.to_string()).write();
}

/// Logs each panic as one line with its place in the code. The panic's message is left out,
/// because it may contain a part of a document.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| match panic.location() {
        Some(at) => write_line(format_args!(
            "bug at {}:{}; please report it",
            at.file(),
            at.line()
        )),
        None => write_line("bug; please report it"),
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_once_and_the_number_of_lines_is_bounded() {
        let mut log = Log::default();
        assert!(log.is_new("the same"));
        assert!(!log.is_new("the same"));
        let written = (0..1_000).filter(|n| log.is_new(&n.to_string())).count();
        assert_eq!(written, MAX_LINES - 1);
        assert!(!log.has_space());
    }

    #[test]
    fn a_line_is_text_or_a_json_object_with_lambdas_names() {
        let now = Timestamp::from_micros(1_733_337_522_136_204);
        let line = LogLine::new(Level::Warn, "a \"problem\"\nforged").with("sent", 3);
        assert_eq!(
            line.clone().format(false, now),
            "xray-lambda-extension: a \"problem\" forged\n"
        );
        assert_eq!(
            LogLine::new(Level::Info, "started").format(false, now),
            "xray-lambda-extension: started\n"
        );
        let text = line.format(true, now);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            serde_json::json!({
                "timestamp": "2024-12-04T18:38:42.136Z",
                "level": "WARN",
                "logger": "xray-lambda-extension",
                "message": "a \"problem\"\nforged",
                "sent": 3,
            })
        );
    }
}
