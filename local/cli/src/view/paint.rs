use std::io::IsTerminal;

/// Colours for text, if the output is a terminal and `NO_COLOR` (no-color.org) is not set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    enabled: bool,
}

/// The colours of the X-Ray console: red for a fault, yellow for an error, purple for a
/// throttle, green for success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Color {
    Red,
    Yellow,
    Purple,
    Green,
    Cyan,
    Dim,
    Bold,
}

impl Paint {
    pub(crate) fn stdout() -> Self {
        Self {
            enabled: std::io::stdout().is_terminal() && Self::wanted(),
        }
    }

    pub(crate) fn stderr() -> Self {
        Self {
            enabled: std::io::stderr().is_terminal() && Self::wanted(),
        }
    }

    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self { enabled: false }
    }

    fn wanted() -> bool {
        std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
    }

    /// Text of secondary importance.
    pub(crate) fn dim(self, text: &str) -> String {
        self.with(Color::Dim, text)
    }

    pub(crate) fn with(self, color: Color, text: &str) -> String {
        if !self.enabled || text.is_empty() {
            return text.to_owned();
        }
        let code = match color {
            Color::Red => "31",
            Color::Yellow => "33",
            Color::Purple => "35",
            Color::Green => "32",
            Color::Cyan => "36",
            Color::Dim => "2",
            Color::Bold => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}
