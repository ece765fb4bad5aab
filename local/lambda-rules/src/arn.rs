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

/// Returns the unqualified ARN of a function.
pub fn function_arn(region: &str, account_id: &str, name: &str) -> String {
    let partition = partition(region);
    format!("arn:{partition}:lambda:{region}:{account_id}:function:{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

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
