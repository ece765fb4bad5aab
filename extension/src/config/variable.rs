/// Returns the value of a variable that is set and not empty.
pub(super) type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// An environment variable of this project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Its name, which begins with `XRAY_LAMBDA_`.
    pub name: &'static str,
    /// The value used if it is unset or empty.
    pub default: &'static str,
    /// Its row in the README.
    pub description: &'static str,
}

impl Variable {
    /// Reads a whole number. A wrong value becomes a warning, and the default is used.
    pub(super) fn number(self, get: Variables<'_>, warnings: &mut Vec<String>) -> usize {
        let Self { name, default, .. } = self;
        let value = get(name);
        let value = value.as_deref().unwrap_or(default);
        value.trim().parse().unwrap_or_else(|_| {
            warnings.push(format!(
                "{name} is not a whole number; using {default} instead"
            ));
            default.parse().unwrap_or_default()
        })
    }

    /// Reads a decimal number from 0 to 1. A wrong value becomes a warning, and the default is
    /// used.
    pub(super) fn share(self, get: Variables<'_>, warnings: &mut Vec<String>) -> f64 {
        let Self { name, default, .. } = self;
        let parse = |text: &str| {
            let number = text.trim().parse().ok();
            number.filter(|number| (0.0..=1.0).contains(number))
        };
        let value = get(name);
        parse(value.as_deref().unwrap_or(default)).unwrap_or_else(|| {
            warnings.push(format!(
                "{name} is not a number from 0 to 1; using {default} instead"
            ));
            parse(default).unwrap_or_default()
        })
    }

    /// Reads `true`, `1`, `false` or `0`. A wrong value becomes a warning, and the default is
    /// used.
    pub(super) fn boolean(self, get: Variables<'_>, warnings: &mut Vec<String>) -> bool {
        let Self { name, default, .. } = self;
        let value = get(name);
        parse_boolean(value.as_deref().unwrap_or(default)).unwrap_or_else(|| {
            warnings.push(format!(
                "{name} is neither true nor false; using {default} instead"
            ));
            parse_boolean(default).unwrap_or_default()
        })
    }
}

fn parse_boolean(text: &str) -> Option<bool> {
    let text = text.trim();
    let is = |word| text.eq_ignore_ascii_case(word);
    if is("true") || is("1") {
        Some(true)
    } else if is("false") || is("0") {
        Some(false)
    } else {
        None
    }
}
