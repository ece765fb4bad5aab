/// The name of a function in a request to the Lambda API: a name, a partial ARN
/// (`123456789012:function:name`) or an ARN, each with an optional qualifier (Lambda API
/// reference, `Invoke`, `FunctionName`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionName<'a> {
    /// Name of the function.
    pub name: &'a str,
    /// Id of the account, if the request contains it.
    pub account_id: Option<&'a str>,
    /// Region, if the request contains an ARN.
    pub region: Option<&'a str>,
    /// Version or alias, if the request contains one.
    pub qualifier: Option<&'a str>,
}

impl<'a> FunctionName<'a> {
    /// Reads a name. Returns `None` if the text does not have a form that Lambda accepts.
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

    /// Returns `true` if this is the function `name` of the account and the region. A missing
    /// account or region matches any. The qualifier is not compared.
    pub fn matches(&self, region: &str, account_id: &str, name: &str) -> bool {
        self.name == name
            && self
                .account_id
                .is_none_or(|expected| expected == account_id)
            && self.region.is_none_or(|expected| expected == region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_a_function_name_is_read() {
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
    fn a_function_of_another_account_region_or_name_does_not_match() {
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
    fn any_other_text_is_rejected() {
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
