/// Returns the partition of a region: the `aws` in `arn:aws:…`. An unknown region is in `aws`.
///
/// The partitions and the prefixes of their regions are those of the AWS SDKs
/// (`partitions.json`).
pub fn partition(region: &str) -> &'static str {
    PARTITIONS
        .iter()
        .find(|(prefix, _)| region.starts_with(prefix))
        .map_or("aws", |(_, partition)| partition)
}

const PARTITIONS: [(&str, &str); 7] = [
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("eusc-", "aws-eusc"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("us-isof-", "aws-iso-f"),
    ("eu-isoe-", "aws-iso-e"),
];

/// Returns `true` if AWS's SDKs accept the text as a region, which becomes a part of host names:
/// up to 63 letters, digits and hyphens, not only digits, and no hyphen at an end (botocore,
/// `validate_region_name`). `local` is accepted, because users of local services choose it.
pub fn is_region_name(text: &str) -> bool {
    let is_label = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(is_label)
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.bytes().all(|b| b.is_ascii_digit())
}

/// Returns the unqualified ARN of a function.
pub fn function_arn(region: &str, account_id: &str, name: &str) -> String {
    let partition = partition(region);
    format!("arn:{partition}:lambda:{region}:{account_id}:function:{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_a_label_of_a_host_name() {
        let longest = "x".repeat(63);
        for region in ["eu-west-1", "us-gov-west-1", "local", "1a", &longest] {
            assert!(is_region_name(region), "{region}");
        }
        let too_long = "x".repeat(64);
        for region in [
            "", "-a", "a-", "123", "eu west", "a.b", "a/b", "a\n", &too_long,
        ] {
            assert!(!is_region_name(region), "{region}");
        }
    }

    #[test]
    fn an_arn_contains_the_partition_of_its_region() {
        for (region, partition) in [
            ("eu-west-1", "aws"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("us-isof-south-1", "aws-iso-f"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("eusc-de-east-1", "aws-eusc"),
        ] {
            assert_eq!(
                function_arn(region, "123456789012", "orders"),
                format!("arn:{partition}:lambda:{region}:123456789012:function:orders")
            );
        }
    }
}
