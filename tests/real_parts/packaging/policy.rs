//! The security policy.

use std::fs;

use xray_lambda_tests::artifact;

#[test]
fn the_security_policy_links_to_the_private_form_of_the_repository() {
    let [policy, manifest] = ["SECURITY.md", "Cargo.toml"].map(|file| {
        let path = artifact::repository().join(file);
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"))
    });
    let repository = manifest
        .lines()
        .find_map(|line| line.strip_prefix("repository = "))
        .expect("the repository of the workspace");
    let form = format!("{}/security/advisories/new", repository.trim_matches('"'));
    assert!(
        policy.contains(&form),
        "SECURITY.md does not link to {form}"
    );
}
