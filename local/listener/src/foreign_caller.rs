use std::fmt;

/// A caller that [`AllowedCallers`](crate::AllowedCallers) does not allow: the header of its
/// request that shows it, and the header's value.
///
/// Displays the first half of an error message. The listener adds the flag that allows the
/// caller, which depends on [`is_host`](Self::is_host).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignCaller {
    header: &'static str,
    value: String,
}

impl ForeignCaller {
    pub(crate) fn new(header: &'static str, value: String) -> Self {
        Self { header, value }
    }

    /// Returns true if the request names a foreign host. If not, a foreign page sent it.
    pub fn is_host(&self) -> bool {
        self.header == "Host"
    }
}

impl fmt::Display for ForeignCaller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { header, value } = self;
        write!(f, "{header} {value} is not allowed")
    }
}
