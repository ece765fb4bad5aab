/// The name of a function in a request to the Lambda API: a name, a partial ARN
/// (`123456789012:function:name`) or an ARN, each with an optional qualifier.
///
/// The forms are those of the pattern of `FunctionName` in AWS's API model (`lambda`,
/// 2015-03-31, `NamespacedFunctionName`). Each part before the name is optional:
///
/// ```text
/// (arn:(aws[a-zA-Z-]*)?:lambda:)?
/// ((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?
/// (\d{12}:)?
/// (function:)?
/// ([a-zA-Z0-9-_\.]+)
/// (:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionName<'a> {
    /// Name of the function.
    pub name: &'a str,
    /// Id of the account, if the request contains it.
    pub account_id: Option<&'a str>,
    /// Region, if the request contains it.
    pub region: Option<&'a str>,
    /// Version or alias, if the request contains one.
    pub qualifier: Option<&'a str>,
}

impl<'a> FunctionName<'a> {
    /// Reads a name. Returns `None` if the text does not match the pattern. Does not check the
    /// length.
    pub fn parse(text: &'a str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let mut rest = match parts.as_slice() {
            ["arn", partition, "lambda", rest @ ..] if is_partition(partition) => rest,
            rest => rest,
        };
        let region = take_part(&mut rest, is_region);
        let account_id = take_part(&mut rest, is_account_id);
        take_part(&mut rest, |part| part == "function");
        let (name, qualifier) = match *rest {
            [name] => (name, None),
            [name, qualifier] => (name, Some(qualifier)),
            _ => return None,
        };
        (is_name(name) && qualifier.is_none_or(is_qualifier)).then_some(Self {
            name,
            account_id,
            region,
            qualifier,
        })
    }

    /// Adds the qualifier of the request's parameter `Qualifier`, which SDKs send beside a name.
    ///
    /// # Errors
    /// The qualifier is malformed, or not the one that the name has.
    pub fn with_qualifier(self, qualifier: &'a str) -> Result<Self, QualifierError> {
        if !is_qualifier(qualifier) {
            return Err(QualifierError::Malformed);
        }
        if self.qualifier.is_some_and(|own| own != qualifier) {
            return Err(QualifierError::Contradiction);
        }
        Ok(Self {
            qualifier: Some(qualifier),
            ..self
        })
    }

    /// The function's name, with the qualifier if the request has one: `orders`, or
    /// `function:orders:live`. Without the first part, a function that is named `function` or as
    /// a region would be read as that part of an ARN.
    pub fn qualified_name(&self) -> String {
        let name = self.name;
        match self.qualifier {
            Some(qualifier) => format!("function:{name}:{qualifier}"),
            None => name.to_owned(),
        }
    }

    /// Returns `true` if this is the function `name` of the account and the region. A missing
    /// account or region matches any.
    ///
    /// Every qualifier matches: locally a function has one version, which every version and
    /// alias runs. Aliases and versions belong to a deployment, and functions that call each
    /// other by them should work before it.
    pub fn matches(&self, region: &str, account_id: &str, name: &str) -> bool {
        self.name == name
            && self
                .account_id
                .is_none_or(|expected| expected == account_id)
            && self.region.is_none_or(|expected| expected == region)
    }
}

/// The reason to reject the parameter `Qualifier` of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QualifierError {
    /// It is neither a version nor an alias nor `$LATEST`.
    Malformed,
    /// The function's name has another qualifier.
    Contradiction,
}

/// Removes the first part and returns it, if it has the form and a name follows. Without a name
/// after it, the part itself is the name: `function:$LATEST` is a function `function`.
fn take_part<'a>(rest: &mut &[&'a str], has_form: impl Fn(&str) -> bool) -> Option<&'a str> {
    match **rest {
        [part, ref after @ ..]
            if has_form(part) && after.first().is_some_and(|next| is_name(next)) =>
        {
            *rest = after;
            Some(part)
        }
        _ => None,
    }
}

fn is_partition(text: &str) -> bool {
    text.is_empty()
        || text
            .strip_prefix("aws")
            .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-'))
}

fn is_region(text: &str) -> bool {
    let text = text.strip_prefix("eusc-").unwrap_or(text);
    let is_lowercase = |part: &str| part.bytes().all(|b| b.is_ascii_lowercase());
    let (country, area, number) = match text.split('-').collect::<Vec<_>>()[..] {
        [country, area, number] => (country, area, number),
        [country, partition, area, number] if is_partition_of_region(partition) => {
            (country, area, number)
        }
        _ => return false,
    };
    country.len() == 2
        && is_lowercase(country)
        && !area.is_empty()
        && is_lowercase(area)
        && matches!(number.as_bytes(), [b'0'..=b'9'])
}

/// `gov`, `iso`, `isob`, …
fn is_partition_of_region(text: &str) -> bool {
    text == "gov"
        || text
            .strip_prefix("iso")
            .is_some_and(|rest| matches!(rest.as_bytes(), [] | [b'a'..=b'z']))
}

fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_name(text: &str) -> bool {
    consists_of_letters_digits_and(b"-_.", text)
}

fn is_qualifier(text: &str) -> bool {
    ["$LATEST", "$LATEST.PUBLISHED"].contains(&text) || consists_of_letters_digits_and(b"-_", text)
}

/// The most characters of a function's name (Lambda API reference, `CreateFunction`,
/// `FunctionName`: "If you specify only the function name, it is limited to 64 characters in
/// length").
pub const MAX_FUNCTION_NAME_CHARS: usize = 64;

/// Returns `true` if a function can be created with this name: up to [`MAX_FUNCTION_NAME_CHARS`]
/// letters, digits, `-` and `_` (Lambda API reference, `CreateFunction`, pattern of
/// `FunctionName`). A request may name a function that has a `.`, but none can be created.
pub fn is_new_function_name(text: &str) -> bool {
    text.len() <= MAX_FUNCTION_NAME_CHARS && consists_of_letters_digits_and(b"-_", text)
}

fn consists_of_letters_digits_and(others: &[u8], text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || others.contains(&b))
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
            ("orders:$LATEST", Some("$LATEST")),
            ("orders:$LATEST.PUBLISHED", Some("$LATEST.PUBLISHED")),
            ("123456789012:orders", None),
            ("eu-west-1:orders:live", Some("live")),
            ("eu-west-1:123456789012:function:orders", None),
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
            ("arn:aws:lambda:123456789012:orders", None),
            ("arn::lambda:eu-west-1:function:orders", None),
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
    fn each_form_of_a_region_is_read() {
        for region in [
            "us-east-1",
            "us-gov-west-1",
            "us-iso-east-1",
            "us-isob-east-1",
            "eu-isoe-west-1",
            "eusc-de-east-1",
            "cn-northwest-1",
        ] {
            let arn = format!("arn:aws-x:lambda:{region}:123456789012:function:orders");
            let name = FunctionName::parse(&arn).unwrap();
            assert_eq!(name.region, Some(region));
            assert_eq!(name.account_id, Some("123456789012"));
        }
    }

    #[test]
    fn a_part_without_a_name_after_it_is_the_name() {
        for text in ["function", "us-east-1", "123456789012"] {
            for qualifier in [None, Some("$LATEST")] {
                let suffix = qualifier.map_or(String::new(), |name| format!(":{name}"));
                let full = format!("{text}{suffix}");
                let name = FunctionName::parse(&full).unwrap();
                assert_eq!((name.name, name.qualifier), (text, qualifier));
                assert_eq!((name.region, name.account_id), (None, None), "{full}");
            }
        }
    }

    #[test]
    fn a_request_has_one_qualifier_which_matches_any_function() {
        fn named(text: &str) -> FunctionName<'_> {
            FunctionName::parse(text).unwrap()
        }
        for (name, qualifier, qualified) in [
            ("orders", "live", Ok("function:orders:live")),
            ("orders", "$LATEST", Ok("function:orders:$LATEST")),
            ("orders:3", "3", Ok("function:orders:3")),
            ("function", "3", Ok("function:function:3")),
            ("us-east-1", "3", Ok("function:us-east-1:3")),
            ("orders:3", "live", Err(QualifierError::Contradiction)),
            ("orders", "", Err(QualifierError::Malformed)),
            ("orders:3", "a b", Err(QualifierError::Malformed)),
        ] {
            let found = named(name).with_qualifier(qualifier);
            let text = found.map(|found| found.qualified_name());
            assert_eq!(text.as_deref().map_err(|error| *error), qualified, "{name}");
            if let (Ok(found), Ok(text)) = (found, text) {
                assert_eq!(named(&text), found);
                assert!(found.matches("eu-west-1", "123456789012", found.name));
            }
        }
        assert_eq!(named("eu-west-1:orders").qualified_name(), "orders");
    }

    #[test]
    fn a_function_of_another_account_region_or_name_does_not_match() {
        for text in [
            "payments",
            "999999999999:function:orders",
            "999999999999:orders",
            "us-east-1:orders",
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
    fn a_function_is_created_with_letters_digits_hyphens_and_underscores() {
        let longest = "x".repeat(64);
        for name in ["a", "Orders-2_x", &longest] {
            assert!(is_new_function_name(name), "{name}");
        }
        let too_long = "x".repeat(65);
        for name in ["", "a b", "a\nb", "a.b", "a:live", "\u{ad}", &too_long] {
            assert!(!is_new_function_name(name), "{name}");
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
            "ord$ers",
            "$LATEST",
            "orders:$latest",
            "orders:$LATEST.1",
            "orders:1.2",
            "x:function:orders",
            "12345678901:function:orders",
            "1234567890123:function:orders",
            "12345678901a:function:orders",
            "orders:function:orders",
            "function:function:function:orders",
            "arn:nonsense:lambda:::function:orders",
            "arn:nonsense:lambda:eu-west-1:123456789012:function:orders",
            "arn:aws1:lambda:eu-west-1:123456789012:function:orders",
            "arn:aws:lambda:::function:orders",
            "arn:aws:lambda:eu-west-1::function:orders",
            "arn:aws:lambda:123456789012:eu-west-1:function:orders",
            "arn:aws:lambda:eu-west:123456789012:function:orders",
            "arn:aws:lambda:eu-west-10:123456789012:function:orders",
            "arn:aws:lambda:europe-west-1:123456789012:function:orders",
            "arn:aws:lambda:us-isobb-east-1:123456789012:function:orders",
            "arn:aws:lambda:EU-WEST-1:123456789012:function:orders",
            "arn:aws:lambda:eu--1:123456789012:function:orders",
        ] {
            assert_eq!(FunctionName::parse(text), None, "{text}");
        }
    }
}
