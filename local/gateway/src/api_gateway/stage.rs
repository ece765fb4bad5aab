use xray_local_lambda_rules::partition;

use super::api::{Api, ApiKind};

/// A deployed API, as events and segments describe it.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) api_name: String,
    /// Ten characters, as API Gateway has them, that depend only on the logical id.
    pub(crate) api_id: String,
    /// The stage's name: `Prod`, `$default`.
    pub(crate) name: String,
    pub(crate) kind: ApiKind,
    pub(crate) region: String,
    pub(crate) account_id: String,
    /// True if the stage records a segment. Always false for HTTP APIs, which cannot.
    pub(crate) tracing: bool,
}

impl Stage {
    pub(crate) fn new(api: &Api) -> Self {
        Self {
            api_name: api.name.clone(),
            api_id: stable_id(&api.logical_id, 10),
            name: api.stage.clone(),
            kind: api.kind,
            region: api.region.clone(),
            account_id: api.account_id.clone(),
            tracing: api.tracing && api.kind == ApiKind::Rest,
        }
    }

    pub(crate) fn arn(&self) -> String {
        let Self {
            region,
            api_id,
            name,
            ..
        } = self;
        format!(
            "arn:{}:apigateway:{region}::/restapis/{api_id}/stages/{name}",
            partition(region)
        )
    }

    pub(crate) fn function_arn(&self, function: &str) -> String {
        xray_local_lambda_rules::function_arn(&self.region, &self.account_id, function)
    }

    /// The id of a resource, the path of which is `resource_path`.
    pub(crate) fn resource_id(resource_path: &str) -> String {
        stable_id(resource_path, 6)
    }
}

/// Lower-case letters and digits that depend only on `seed`: a hash (FNV-1a).
fn stable_id(seed: &str, length: usize) -> String {
    const DIGITS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let mut hash = seed.bytes().fold(0xcbf2_9ce4_8422_2325, step);
    let digit = |_| {
        let digit = DIGITS[(hash % 36) as usize];
        hash = step((hash / 36) ^ (hash << 32), digit);
        char::from(digit)
    };
    (0..length).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_the_form_of_api_gateways_and_is_stable() {
        let id = stable_id("ServerlessRestApi", 10);
        assert_eq!(id, stable_id("ServerlessRestApi", 10));
        assert_ne!(id, stable_id("ServerlessHttpApi", 10));
        assert!(
            id.len() == 10
                && id
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()),
            "{id}"
        );
    }
}
