/// A function as a caller of the Lambda API names it: a name, a partial ARN
/// (`123456789012:function:name`) or an ARN, each with an optional qualifier (Lambda API
/// reference, `Invoke`, `FunctionName`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionName<'a> {
    /// The function's own name.
    pub name: &'a str,
    /// The account, if the caller named one.
    pub account_id: Option<&'a str>,
    /// The region, if the caller gave an ARN.
    pub region: Option<&'a str>,
    /// A version or an alias.
    pub qualifier: Option<&'a str>,
}

impl<'a> FunctionName<'a> {
    /// `None` if the text has none of the forms that Lambda accepts.
    pub fn parse(text: &'a str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let (account_id, region, rest) = match parts.as_slice() {
            ["arn", _, "lambda", region, account, "function", rest @ ..] => {
                (Some(*account), Some(*region), rest)
            }
            [account, "function", rest @ ..] if !rest.is_empty() => (Some(*account), None, rest),
            ["function", rest @ ..] if !rest.is_empty() => (None, None, rest),
            rest => (None, None, rest),
        };
        let (name, qualifier) = match *rest {
            [name] => (name, None),
            [name, qualifier] => (name, Some(qualifier)),
            _ => return None,
        };
        let valid = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.$".contains(&b))
        };
        (valid(name) && qualifier.is_none_or(valid)).then_some(Self {
            name,
            account_id,
            region,
            qualifier,
        })
    }

    /// Whether this names the function `name` of the account and the region. The qualifier
    /// is not compared.
    pub fn matches(&self, region: &str, account_id: &str, name: &str) -> bool {
        self.name == name
            && self.account_id.is_none_or(|own| own == account_id)
            && self.region.is_none_or(|own| own == region)
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
            ("function:orders", None),
            ("123456789012:function:orders", None),
            ("123456789012:function:orders:7", Some("7")),
            (
                "arn:aws:lambda:eu-west-1:123456789012:function:orders",
                None,
            ),
            (
                "arn:aws:lambda:eu-west-1:123456789012:function:orders:$LATEST",
                Some("$LATEST"),
            ),
        ] {
            let name = FunctionName::parse(text).unwrap();
            assert_eq!((name.name, name.qualifier), ("orders", qualifier), "{text}");
            assert!(
                name.matches("eu-west-1", "123456789012", "orders"),
                "{text}"
            );
        }
    }

    #[test]
    fn another_account_region_or_name_is_another_function() {
        for text in [
            "payments",
            "999999999999:function:orders",
            "arn:aws:lambda:us-east-1:123456789012:function:orders",
        ] {
            let name = FunctionName::parse(text).unwrap();
            assert!(
                !name.matches("eu-west-1", "123456789012", "orders"),
                "{text}"
            );
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            ":",
            "a:",
            ":b",
            "orders:",
            "a:b:c",
            "a b",
            "a/b",
            "ü",
            "arn:aws:s3:::bucket",
            "a:b:c:d:e",
            "arn:aws:lambda:eu-west-1:123456789012:function:",
        ] {
            assert_eq!(FunctionName::parse(text), None, "{text}");
        }
    }
}
