use std::io::IsTerminal;

/// Styles text if the output is a terminal and `NO_COLOR` (no-color.org) is unset or empty.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    enabled: bool,
}

/// The style of a text. The colours are those of the X-Ray console: red for a fault, yellow for
/// an error, purple for a throttle, green for success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
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
        self.with(Style::Dim, text)
    }

    pub(crate) fn with(self, style: Style, text: &str) -> String {
        if !self.enabled || text.is_empty() {
            return text.to_owned();
        }
        let code = match style {
            Style::Red => "31",
            Style::Yellow => "33",
            Style::Purple => "35",
            Style::Green => "32",
            Style::Cyan => "36",
            Style::Dim => "2",
            Style::Bold => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}
