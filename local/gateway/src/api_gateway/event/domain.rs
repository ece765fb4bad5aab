/// The first label of a host name, such as `abcdefghij` of `abcdefghij.execute-api…`. For an
/// IP address, the whole address.
pub(super) fn domain_prefix(host: &str) -> &str {
    let name = host.rsplit_once(':').map_or(host, |(name, _port)| name);
    let is_name = name.bytes().any(|byte| byte.is_ascii_alphabetic()) && !name.starts_with('[');
    if is_name {
        name.split('.').next().unwrap_or(name)
    } else {
        name
    }
}
