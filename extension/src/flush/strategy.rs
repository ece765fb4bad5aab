use std::time::Duration;

/// The time at which documents are sent (`XRAY_LAMBDA_FLUSH_STRATEGY`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Strategy {
    /// `adaptive`: as [`End`](Self::End) in sparse traffic or if it is not known yet. In dense
    /// traffic at the end of an invocation but beside `/next`, and at most each 200 ms. Also stops
    /// to hold invocations if the function sends no documents.
    #[default]
    Adaptive,
    /// `end`: at the end of each invocation, before `/next`.
    End,
    /// `next`: while the next invocation runs.
    Next,
    /// `background:MILLISECONDS`: when the oldest document has waited for this period.
    Background(Duration),
}

/// The longest period of `background`. A crash of the environment loses what waits.
const MAX_PERIOD_MS: u64 = 60_000;

impl Strategy {
    /// The form of each strategy, for messages.
    pub const FORMS: [&str; 4] = ["adaptive", "end", "next", "background:MILLISECONDS"];

    /// Reads a strategy; `None` if it has another form, or a period that is not within 1 and
    /// 60,000 ms.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "adaptive" => Some(Self::Adaptive),
            "end" => Some(Self::End),
            "next" => Some(Self::Next),
            text => {
                let period: u64 = text.strip_prefix("background:")?.parse().ok()?;
                (1..=MAX_PERIOD_MS)
                    .contains(&period)
                    .then(|| Self::Background(Duration::from_millis(period)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_strategy_is_read_and_anything_else_is_not() {
        let period = |milliseconds| Strategy::Background(Duration::from_millis(milliseconds));
        for (text, strategy) in [
            ("adaptive", Strategy::Adaptive),
            (" end ", Strategy::End),
            ("next", Strategy::Next),
            ("background:1", period(1)),
            ("background:60000", period(60_000)),
        ] {
            assert_eq!(Strategy::parse(text), Some(strategy), "{text}");
        }
        for text in [
            "",
            "End",
            "background",
            "background:",
            "background:0",
            "background:60001",
            "background:-1",
            "background:1s",
            "next:5",
        ] {
            assert_eq!(Strategy::parse(text), None, "{text}");
        }
    }
}
