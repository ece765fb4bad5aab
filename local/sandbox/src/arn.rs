//! Function names as the Lambda API takes them (Lambda API reference, `Invoke`,
//! `FunctionName`): a name, an ARN or a partial ARN, each with an optional qualifier.

use crate::FunctionConfig;

/// A function as a caller named it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FunctionName<'a> {
    pub(crate) name: &'a str,
    pub(crate) account_id: Option<&'a str>,
    pub(crate) region: Option<&'a str>,
    pub(crate) qualifier: Option<&'a str>,
}

impl<'a> FunctionName<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let parts: Vec<_> = text.split(':').collect();
        let (account_id, region, rest) = match parts.as_slice() {
            ["arn", _, "lambda", region, account, "function", rest @ ..] => {
                (Some(*account), Some(*region), rest)
            }
            [account, "function", rest @ ..] => (Some(*account), None, rest),
            ["function", rest @ ..] if !rest.is_empty() => (None, None, rest),
            rest => (None, None, rest),
        };
        match rest {
            [name] if !name.is_empty() => Some(Self {
                name,
                account_id,
                region,
                qualifier: None,
            }),
            [name, qualifier] if !name.is_empty() && !qualifier.is_empty() => Some(Self {
                name,
                account_id,
                region,
                qualifier: Some(qualifier),
            }),
            _ => None,
        }
    }

    /// Whether it is `function`, of which there is only `$LATEST`.
    pub(crate) fn names(&self, function: &FunctionConfig) -> bool {
        self.name == function.name
            && self
                .account_id
                .is_none_or(|account| account == function.account_id)
            && self.region.is_none_or(|region| region == function.region)
            && self
                .qualifier
                .is_none_or(|qualifier| qualifier == "$LATEST")
    }
}

/// The function's unqualified ARN.
pub(crate) fn function_arn(function: &FunctionConfig) -> String {
    let FunctionConfig {
        name,
        region,
        account_id,
        ..
    } = function;
    let partition = match region.as_str() {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        region if region.starts_with("eusc-") => "aws-eusc",
        _ => "aws",
    };
    format!("arn:{partition}:lambda:{region}:{account_id}:function:{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_has_many_names() {
        let function = crate::sandbox::tests::function("orders");
        for text in [
            "orders",
            "orders:$LATEST",
            "function:orders",
            "123456789012:function:orders",
            "arn:aws:lambda:eu-west-1:123456789012:function:orders",
            "arn:aws:lambda:eu-west-1:123456789012:function:orders:$LATEST",
        ] {
            assert!(
                FunctionName::parse(text).unwrap().names(&function),
                "{text}"
            );
        }
        for text in [
            "payments",
            "orders:7",
            "999999999999:function:orders",
            "arn:aws:lambda:us-east-1:123456789012:function:orders",
        ] {
            assert!(
                !FunctionName::parse(text).unwrap().names(&function),
                "{text}"
            );
        }
        for text in [
            "",
            "orders:",
            "a:b:c",
            "arn:aws:lambda:eu-west-1:123456789012:function:",
        ] {
            assert_eq!(FunctionName::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_arn_has_its_regions_partition() {
        let mut function = crate::sandbox::tests::function("orders");
        assert_eq!(
            function_arn(&function),
            "arn:aws:lambda:eu-west-1:123456789012:function:orders"
        );
        function.region = "cn-north-1".into();
        assert_eq!(
            function_arn(&function),
            "arn:aws-cn:lambda:cn-north-1:123456789012:function:orders"
        );
    }
}
