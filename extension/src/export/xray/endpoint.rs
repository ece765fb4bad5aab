//! The endpoint of X-Ray in each AWS partition.

use std::net::IpAddr;

use reqwest::Url;

/// Returns the base URL of X-Ray in a Region (AWS General Reference, X-Ray endpoints; the
/// partitions' suffixes are from the public endpoint data of the AWS SDKs).
pub(crate) fn for_region(region: &str) -> String {
    let suffix = SUFFIXES
        .iter()
        .find(|(prefix, _)| region.starts_with(prefix));
    let suffix = suffix.map_or("amazonaws.com", |(_, suffix)| suffix);
    format!("https://xray.{region}.{suffix}")
}

/// Returns true if a URL contains a user name or a password.
pub(crate) fn has_user_info(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| !url.username().is_empty() || url.password().is_some())
}

/// Returns true if a URL's host is the loopback interface.
pub(crate) fn is_loopback(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| {
        url.host_str().is_some_and(|host| {
            let address = host.trim_matches(['[', ']']).parse();
            host == "localhost" || address.is_ok_and(|ip: IpAddr| ip.is_loopback())
        })
    })
}

/// Returns true if requests to a URL cross a network without encryption.
pub(crate) fn is_readable_on_the_way(url: &str) -> bool {
    Url::parse(url).is_ok_and(|parsed| parsed.scheme() == "http") && !is_loopback(url)
}

/// The prefix of a partition's Regions, and the suffix of its endpoints.
const SUFFIXES: [(&str, &str); 6] = [
    ("cn-", "amazonaws.com.cn"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eusc-", "amazonaws.eu"),
];

#[cfg(test)]
mod tests {
    use super::for_region;

    #[test]
    fn every_partition_has_its_suffix() {
        for (region, endpoint) in [
            ("eu-west-1", "https://xray.eu-west-1.amazonaws.com"),
            ("us-gov-west-1", "https://xray.us-gov-west-1.amazonaws.com"),
            ("cn-north-1", "https://xray.cn-north-1.amazonaws.com.cn"),
            ("us-iso-east-1", "https://xray.us-iso-east-1.c2s.ic.gov"),
            (
                "us-isob-east-1",
                "https://xray.us-isob-east-1.sc2s.sgov.gov",
            ),
            ("eusc-de-east-1", "https://xray.eusc-de-east-1.amazonaws.eu"),
        ] {
            assert_eq!(for_region(region), endpoint);
        }
    }
}
