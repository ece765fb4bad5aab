/// A function as `Invoke` names it: `name`, `name:qualifier`, a partial ARN
/// `123456789012:function:name` or a whole one (Lambda API reference, `Invoke`).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FunctionName<'a> {
    pub(super) name: &'a str,
    /// A version or alias.
    pub(super) qualifier: Option<&'a str>,
}

impl<'a> FunctionName<'a> {
    /// `None` for what is none of the forms.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let (name, qualifier) = match parts[..] {
            [name] | [_, "function", name] => (name, None),
            ["arn", _, "lambda", _, _, "function", name] => (name, None),
            ["arn", _, "lambda", _, _, "function", name, qualifier] => (name, Some(qualifier)),
            [_, "function", name, qualifier] | [name, qualifier] => (name, Some(qualifier)),
            _ => return None,
        };
        let valid = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.$".contains(&b))
        };
        (valid(name) && qualifier.is_none_or(valid)).then_some(Self { name, qualifier })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_functions_name_is_read() {
        for (text, qualifier) in [
            ("orders", None),
            ("orders:live", Some("live")),
            ("123456789012:function:orders", None),
            ("123456789012:function:orders:7", Some("7")),
            (
                "arn:aws:lambda:eu-west-1:123456789012:function:orders",
                None,
            ),
            (
                "arn:aws-cn:lambda:cn-north-1:123456789012:function:orders:$LATEST",
                Some("$LATEST"),
            ),
        ] {
            assert_eq!(
                FunctionName::parse(text),
                Some(FunctionName {
                    name: "orders",
                    qualifier
                }),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_functions_name_is_refused() {
        for text in [
            "",
            ":",
            "a:",
            ":b",
            "a b",
            "a/b",
            "arn:aws:s3:::bucket",
            "a:b:c:d:e",
            "ü",
        ] {
            assert_eq!(FunctionName::parse(text), None, "{text}");
        }
    }
}
