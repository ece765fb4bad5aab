use xray_policy::{Mode, Policy};

fn problems(text: &str) -> Vec<String> {
    let error = Policy::parse(text).unwrap_err();
    error.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn each_mistake_has_its_place_and_the_next_step() {
    let policy = r#"{
  "mode": "enforced",
  "anotations": {},
  "annotations": {"allowed": "tenant", "required": ["a b"], "max_distinct_values": 0},
  "forbidden": ["id", "a..b", 7, "subsegments.user"],
  "redact": {
    "detectors": ["e-mail", "zebra"],
    "patterns": {"email": "x", "two words": "x", "own": "a|b", "n": 1}
  },
  "urls": {"query": "strip", "templates": ["users/{name}", "/users"]},
  "urls": {},
  "names": []
}"#;
    assert_eq!(
        problems(policy),
        [
            r#"2:11: mode is "enforced", which is not "audit" or "enforce"; did you mean "enforce"?"#,
            r#"3:3: the policy has no setting "anotations"; did you mean "annotations"?"#,
            r#"4:30: allowed is a string; write an array, […]"#,
            r#"4:53: required: "a b" is not an annotation's key: letters, digits and _ . :"#,
            r#"4:84: max_distinct_values is 0; write a whole number from 1 to 10000"#,
            r#"5:17: forbidden: X-Ray requires the field "id"; remove this path"#,
            r#"5:23: forbidden: "a..b" has an empty part; write it as "http.request.client_ip""#,
            r#"5:31: an element of forbidden is 7; write a string that is not empty"#,
            r#"5:34: forbidden: "subsegments.user" begins with "subsegments"; leave that out, because a path is for each segment and subsegment by itself"#,
            r#"7:19: there is no detector "e-mail"; did you mean "email"?"#,
            r#"7:29: there is no detector "zebra"; there are api_key, aws_access_key, aws_session_token, bearer_token, card_number, email, iban, jwt, private_key, secret, url_credentials"#,
            r#"8:18: "email" is the name of a detector; choose another"#,
            r#"8:32: "two words" is not a pattern's name: 1 to 32 letters, digits and _"#,
            r#"8:57: the pattern has '|', which is not supported; write '\|' for the character"#,
            r#"8:69: the pattern is a number; write a string"#,
            r#"10:21: query is "strip", which is not "remove" or "keep""#,
            r#"10:44: templates: "users/{name}" does not begin with "/""#,
            r#"10:60: templates: "/users" has no part in braces, such as "/users/{name}""#,
            r#"11:3: "urls" is there twice; remove one"#,
            r#"12:12: names is an array; write an object, {…}"#,
        ]
    );
}

#[test]
fn the_mode_is_known_although_the_rest_is_wrong() {
    let mode = |text: &str| Policy::parse(text).unwrap_err().mode;
    assert_eq!(mode(r#"{"mode":"audit","x":1}"#), Some(Mode::Audit));
    assert_eq!(mode(r#"{"mode":"enforce","x":1}"#), Some(Mode::Enforce));
    assert_eq!(mode(r#"{"mode":"enforec"}"#), None);
    assert_eq!(mode(r#"{"mode":"audit",}"#), None);
    assert_eq!(mode("{}"), None);
}

#[test]
fn an_ambiguous_mode_counts_as_enforce() {
    let mode = |text: &str| Policy::parse(text).unwrap_err().mode;
    for text in [
        r#"{"mode":"audit","mode":"enforce"}"#,
        r#"{"mode":"enforce","mode":"audit"}"#,
        r#"{"mode":"audit","mode":"enforec"}"#,
        r#"{"mode":"audit","Mode":"enforce"}"#,
    ] {
        assert_eq!(mode(text), Some(Mode::Enforce), "{text}");
    }
    assert_eq!(
        mode(r#"{"mode":"audit","mode":"audit"}"#),
        Some(Mode::Audit)
    );
}

#[test]
fn a_required_key_must_be_allowed() {
    assert_eq!(
        problems(r#"{"mode":"audit","annotations":{"allowed":["a*"],"required":["ab","b"]}}"#),
        [r#"1:66: required: "b" is not in allowed, so it would be removed; add it to allowed"#]
    );
}

#[test]
fn a_policy_without_a_mode_is_an_error() {
    let [problem] = &problems("{}")[..] else {
        panic!()
    };
    assert!(
        problem.starts_with("1:1: the policy has no \"mode\""),
        "{problem}"
    );
}
