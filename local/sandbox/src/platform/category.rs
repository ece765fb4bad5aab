/// The categories of events to which an extension can subscribe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TelemetryCategory {
    Platform,
    Function,
    Extension,
}

impl TelemetryCategory {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "platform" => Some(Self::Platform),
            "function" => Some(Self::Function),
            "extension" => Some(Self::Extension),
            _ => None,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Function => "function",
            Self::Extension => "extension",
        }
    }
}
