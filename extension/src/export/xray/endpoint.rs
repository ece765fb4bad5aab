//! The endpoints of AWS's services in each partition.

use std::net::IpAddr;

use reqwest::Url;

/// The kind of endpoint that a user asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct EndpointOptions {
    /// `AWS_USE_FIPS_ENDPOINT`.
    pub(crate) fips: bool,
    /// `AWS_USE_DUALSTACK_ENDPOINT`.
    pub(crate) dual_stack: bool,
}

/// A service that this program calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    XRay,
    Sts,
}

impl Service {
    /// The name in host names and signatures.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::XRay => "xray",
            Self::Sts => "sts",
        }
    }
}

/// Returns the base URL of a service in a Region (the endpoint rules and `partitions.json` of
/// AWS's SDKs, botocore 1.44).
pub(crate) fn for_region(service: Service, region: &str, options: EndpointOptions) -> String {
    let partition = PARTITIONS
        .iter()
        .find(|partition| region.starts_with(partition.prefix))
        .unwrap_or(&AWS);
    let suffix = if options.dual_stack {
        partition.dual_stack_suffix
    } else {
        partition.suffix
    };
    // All endpoints of STS in GovCloud are FIPS endpoints, and only dual-stack ones are named so.
    let named_fips = options.fips
        && (service != Service::Sts || options.dual_stack || partition.prefix != GOV_CLOUD);
    let fips = if named_fips { "-fips" } else { "" };
    format!("https://{}{fips}.{region}.{suffix}", service.name())
}

/// Returns true if a URL contains a user name or a password.
pub(crate) fn has_user_info(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| !url.username().is_empty() || url.password().is_some())
}

/// Returns true if a URL contains a query or a fragment.
pub(crate) fn has_query_or_fragment(url: &str) -> bool {
    // Also in a URL that cannot be parsed: it is logged.
    url.contains(['?', '#'])
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

/// The suffixes of a partition's endpoints.
struct Partition {
    /// The prefix of its Regions.
    prefix: &'static str,
    suffix: &'static str,
    dual_stack_suffix: &'static str,
}

const GOV_CLOUD: &str = "us-gov-";

/// The partition `aws`, and that of a Region that no other prefix matches.
const AWS: Partition = partition("", "amazonaws.com", "api.aws");

const PARTITIONS: [Partition; 7] = [
    partition(GOV_CLOUD, "amazonaws.com", "api.aws"),
    partition("cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    partition("us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
    partition("us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    partition("eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    partition("us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    partition("eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
];

const fn partition(
    prefix: &'static str,
    suffix: &'static str,
    dual_stack_suffix: &'static str,
) -> Partition {
    Partition {
        prefix,
        suffix,
        dual_stack_suffix,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANDARD: EndpointOptions = EndpointOptions {
        fips: false,
        dual_stack: false,
    };
    const FIPS: EndpointOptions = EndpointOptions {
        fips: true,
        dual_stack: false,
    };
    const DUAL_STACK: EndpointOptions = EndpointOptions {
        fips: false,
        dual_stack: true,
    };
    const BOTH: EndpointOptions = EndpointOptions {
        fips: true,
        dual_stack: true,
    };

    /// The expected hosts are those of botocore 1.44.5.
    fn assert_hosts(service: Service, hosts: &[(&str, EndpointOptions, &str)]) {
        for (region, options, host) in hosts {
            let expected = format!("https://{host}");
            assert_eq!(for_region(service, region, *options), expected);
        }
    }

    #[test]
    fn every_partition_has_its_suffix() {
        let hosts = [
            ("eu-west-1", STANDARD, "xray.eu-west-1.amazonaws.com"),
            (
                "us-gov-west-1",
                STANDARD,
                "xray.us-gov-west-1.amazonaws.com",
            ),
            ("cn-north-1", STANDARD, "xray.cn-north-1.amazonaws.com.cn"),
            ("us-iso-east-1", STANDARD, "xray.us-iso-east-1.c2s.ic.gov"),
            (
                "us-isob-east-1",
                STANDARD,
                "xray.us-isob-east-1.sc2s.sgov.gov",
            ),
            (
                "eu-isoe-west-1",
                STANDARD,
                "xray.eu-isoe-west-1.cloud.adc-e.uk",
            ),
            (
                "us-isof-south-1",
                STANDARD,
                "xray.us-isof-south-1.csp.hci.ic.gov",
            ),
            (
                "eusc-de-east-1",
                STANDARD,
                "xray.eusc-de-east-1.amazonaws.eu",
            ),
        ];
        assert_hosts(Service::XRay, &hosts);
    }

    #[test]
    fn fips_and_dual_stack_endpoints_have_their_own_names() {
        let hosts = [
            ("us-east-1", FIPS, "xray-fips.us-east-1.amazonaws.com"),
            (
                "us-gov-east-1",
                FIPS,
                "xray-fips.us-gov-east-1.amazonaws.com",
            ),
            ("eu-west-1", DUAL_STACK, "xray.eu-west-1.api.aws"),
            (
                "cn-north-1",
                DUAL_STACK,
                "xray.cn-north-1.api.amazonwebservices.com.cn",
            ),
            (
                "us-iso-east-1",
                DUAL_STACK,
                "xray.us-iso-east-1.api.aws.ic.gov",
            ),
            ("us-west-2", BOTH, "xray-fips.us-west-2.api.aws"),
        ];
        assert_hosts(Service::XRay, &hosts);
        let hosts = [
            ("eu-west-1", STANDARD, "sts.eu-west-1.amazonaws.com"),
            ("us-east-1", FIPS, "sts-fips.us-east-1.amazonaws.com"),
            ("us-gov-west-1", FIPS, "sts.us-gov-west-1.amazonaws.com"),
            ("us-gov-west-1", BOTH, "sts-fips.us-gov-west-1.api.aws"),
            ("eu-west-1", DUAL_STACK, "sts.eu-west-1.api.aws"),
        ];
        assert_hosts(Service::Sts, &hosts);
    }
}
