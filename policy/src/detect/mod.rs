//! Detectors of values that must not leave a function: each finds the places of one kind of
//! secret or personal data in a text.

mod address;
mod number;
mod secret;
mod token;

use std::ops::Range;

pub(crate) use address::user_info_end;
pub(crate) use secret::is_secret_key;

/// A built-in detector.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Detector {
    /// Its name in a policy, and in the text that replaces what it found.
    pub(crate) name: &'static str,
    /// Finds the first match at or after a byte of the text.
    find: fn(&str, usize) -> Option<Range<usize>>,
}

/// All built-in detectors, by name.
pub(crate) const DETECTORS: &[Detector] = &[
    Detector {
        name: "api_key",
        find: token::api_key,
    },
    Detector {
        name: "aws_access_key",
        find: token::aws_access_key,
    },
    Detector {
        name: "aws_session_token",
        find: token::aws_session_token,
    },
    Detector {
        name: "bearer_token",
        find: token::bearer_token,
    },
    Detector {
        name: "card_number",
        find: number::card_number,
    },
    Detector {
        name: "email",
        find: address::email,
    },
    Detector {
        name: "iban",
        find: number::iban,
    },
    Detector {
        name: "jwt",
        find: token::jwt,
    },
    Detector {
        name: "private_key",
        find: token::private_key,
    },
    Detector {
        name: SECRET,
        find: secret::secret,
    },
    Detector {
        name: "url_credentials",
        find: address::url_credentials,
    },
];

/// The detector that also knows the names of fields: see [`is_secret_key`].
pub(crate) const SECRET: &str = "secret";

impl PartialEq for Detector {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Detector {
    /// The matches in the text, in order.
    pub(crate) fn matches<'t>(self, text: &'t str) -> impl Iterator<Item = Range<usize>> + 't {
        let mut from = 0;
        std::iter::from_fn(move || {
            let found = (self.find)(text, from)?;
            from = found.end.max(from + 1);
            Some(found)
        })
    }
}

/// Returns whether no letter or digit, and none of `more`, is directly before `start` or after
/// `end`: so that a match is a whole word.
fn is_whole(bytes: &[u8], range: &Range<usize>, more: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || more.contains(byte);
    let before = range.start.checked_sub(1).and_then(|at| bytes.get(at));
    let is_inside = before.is_some_and(is_part) && !follows_escape(bytes, range.start);
    !is_inside && !bytes.get(range.end).is_some_and(is_part)
}

/// Returns whether an escape ends at `at`: `\\n` in JSON inside of a string, `%20` in a URL. Its
/// letters are no part of the word after it.
fn follows_escape(bytes: &[u8], at: usize) -> bool {
    let is_hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    match &bytes[..at] {
        [.., b'\\', b'b' | b'f' | b'n' | b'r' | b't'] => true,
        [.., b'%', high, low] => is_hex(&[*high, *low]),
        [.., b'\\', b'u', a, b, c, d] => is_hex(&[*a, *b, *c, *d]),
        _ => false,
    }
}

/// The number of bytes from `at` on for which `is_part` is true.
fn run(bytes: &[u8], at: usize, is_part: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().take_while(|byte| is_part(**byte)).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn detector(name: &str) -> Detector {
        *DETECTORS
            .iter()
            .find(|detector| detector.name == name)
            .unwrap()
    }

    #[track_caller]
    fn check(name: &str, cases: &[(&str, &[&str])]) {
        for (text, expected) in cases {
            let found: Vec<&str> = detector(name)
                .matches(text)
                .map(|range| &text[range])
                .collect();
            assert_eq!(&found, expected, "{name} in {text}");
        }
    }

    #[test]
    fn detectors_are_sorted_by_name() {
        assert!(DETECTORS.is_sorted_by_key(|detector| detector.name));
    }

    #[test]
    fn email_addresses_are_found_and_hosts_with_a_user_are_not() {
        check(
            "email",
            &[
                (
                    "to ana.b+x@mail.example.com, bob@b.de.",
                    &["ana.b+x@mail.example.com", "bob@b.de"],
                ),
                ("?user=ana%40example.com&x", &["ana%40example.com"]),
                ("jörg@exämple.de", &["jörg@exämple.de"]),
                ("postgres://user@db.example.com/x", &[]),
                ("a@b", &[]),
                ("@example.com x@.com a@b.c1 @@@", &[]),
            ],
        );
    }

    #[test]
    fn card_numbers_are_found_by_their_check_digit_and_grouping() {
        check(
            "card_number",
            &[
                (
                    "4111111111111111 and 5500-0055-5555-5559",
                    &["4111111111111111", "5500-0055-5555-5559"],
                ),
                ("378282246310005", &["378282246310005"]),
                ("3782 822463 10005", &["3782 822463 10005"]),
                ("4 4111 1111 1111 1111.", &["4111 1111 1111 1111"]),
                // A wrong check digit, an unknown issuer, a longer word, a decimal, a time.
                ("4111111111111112 9111111111111111", &[]),
                ("x4111111111111111 4111111111111111x", &[]),
                ("0.4111111111111111 4111111111111111.5", &[]),
                ("1733337522125000", &[]),
                ("4111-11111111-1111", &[]),
            ],
        );
    }

    #[test]
    fn ibans_are_found_by_their_length_and_check_digits() {
        check(
            "iban",
            &[
                (
                    "DE89370400440532013000 GB82 WEST 1234 5698 7654 32 AND",
                    &["DE89370400440532013000", "GB82 WEST 1234 5698 7654 32"],
                ),
                (
                    "DE88370400440532013000 DE8937040044053201300 XDE89370400440532013000",
                    &[],
                ),
            ],
        );
    }

    #[test]
    fn keys_and_tokens_are_found_by_their_form() {
        check(
            "aws_access_key",
            &[
                (
                    "AKIAIOSFODNN7EXAMPLE, ASIAIOSFODNN7EXAMPLE",
                    &["AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE"],
                ),
                ("AKIAIOSFODNN7EXAMPLEX AKIAshort", &[]),
                (
                    r"x\nAKIAIOSFODNN7EXAMPLE k%3DASIAIOSFODNN7EXAMPLE",
                    &["AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE"],
                ),
                ("nAKIAIOSFODNN7EXAMPLE", &[]),
            ],
        );
        let token = format!("IQoJb3JpZ2lu{}==", "aB3/".repeat(40));
        check(
            "aws_session_token",
            &[(&format!("t={token}&"), &[&token]), ("IQoJshort", &[])],
        );
        check(
            "bearer_token",
            &[
                (
                    "Authorization: Bearer abc.DEF-123=, basic dXNlcjpwYXNz",
                    &["abc.DEF-123=", "dXNlcjpwYXNz"],
                ),
                ("Bearer\tabc.DEF-123", &["abc.DEF-123"]),
                (r"x\nBearer abc.DEF-123", &["abc.DEF-123"]),
                ("Basic understanding of bearer authentication", &[]),
            ],
        );
        check(
            "jwt",
            &[
                (
                    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln_x!",
                    &["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln_x"],
                ),
                (r"\teyJhbGciOi.eyJz.c2l", &["eyJhbGciOi.eyJz.c2l"]),
                ("eyJhbGciOi.", &[]),
            ],
        );
        check(
            "private_key",
            &[
                (
                    "x -----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- y",
                    &["-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----"],
                ),
                (
                    "-----BEGIN PRIVATE KEY-----\nMII",
                    &["-----BEGIN PRIVATE KEY-----\nMII"],
                ),
                (
                    r"x\n-----BEGIN PRIVATE KEY-----\nMII",
                    &[r"-----BEGIN PRIVATE KEY-----\nMII"],
                ),
                ("-----BEGIN CERTIFICATE-----", &[]),
            ],
        );
        let github = format!("ghp_{}", "a1".repeat(18));
        check(
            "api_key",
            &[
                (&format!("key {github}."), &[&github]),
                ("sk_live_0123456789abcdef", &["sk_live_0123456789abcdef"]),
                ("npm_install sk_live_short", &[]),
            ],
        );
    }

    #[test]
    fn assigned_secrets_are_found_in_text_and_in_queries() {
        check(
            "secret",
            &[
                ("password=hunter2 x", &["hunter2"]),
                (r#"{"client_secret": "a b", "x": 1}"#, &["a b"]),
                (
                    "https://h/?a=1&token=t0k&X-Amz-Signature=ab12",
                    &["t0k", "ab12"],
                ),
                (
                    "Authorization: AWS4-HMAC x, y=z\nnext",
                    &["AWS4-HMAC x, y=z"],
                ),
                ("PASSWORD : 'x y' z", &["x y"]),
                ("invalid token: expected a string", &[]),
                ("password= , secret:", &[]),
                ("https://example.com/a=b", &[]),
            ],
        );
    }

    #[test]
    fn an_assigned_secret_is_found_with_its_constructor_and_escapes() {
        check(
            "secret",
            &[
                (
                    r#"Db { user: "a", password: Some("hunter2"), x: 1 }"#,
                    &[r#"Some("hunter2")"#],
                ),
                (
                    r#"secret: Some(Secret("a, b)")) }"#,
                    &[r#"Some(Secret("a, b)"))"#],
                ),
                (r#"password: b"hunt er2", x"#, &[r#"b"hunt er2""#]),
                ("{'password': u'hunt er2', 'x': 1}", &["u'hunt er2'"]),
                (r#"{"password": ["a", "b"], "x": 1}"#, &[r#"["a", "b"]"#]),
                (r#"{"password": {"v": "a}"}, "x": 1}"#, &[r#"{"v": "a}"}"#]),
                (r#"{\"password\": {\"v\": \"a\"}}"#, &[r#"{\"v\": \"a\"}"#]),
                (r#"{"password":"ab\\cd"}"#, &[r"ab\\cd"]),
                (r#"{"password": "a\"REST", "x": 1}"#, &[r#"a\"REST"#]),
                (r#"{\"password\": \"a\\\"b\", \"x\": 1}"#, &[r#"a\\\"b"#]),
                (r#""msg":"password=hunter2","x":1"#, &["hunter2"]),
                (r#"\"password=hunter2\""#, &["hunter2"]),
                (r"password=ab\cd x", &[r"ab\cd"]),
                (r#"password => "a b""#, &["a b"]),
                (r#"password := "a b""#, &["a b"]),
                (r#"env["password"] = "a b""#, &["a b"]),
                ("password\t=\thunter2", &["hunter2"]),
                ("q=password%3Dhunter2&x", &["hunter2"]),
                ("secret=[hunter]", &["[hunter]"]),
                ("secret=[secret]", &[]),
            ],
        );
    }

    #[test]
    fn a_token_is_a_secret_if_its_name_or_value_has_quotes() {
        check(
            "secret",
            &[
                (r#"{"access_token": "a b"}"#, &["a b"]),
                (r#"{"token":"a", "session_id": "b"}"#, &["a", "b"]),
                (r#"{"signature": "a", "SessionToken": "b"}"#, &["a", "b"]),
                (r#"Login { token: Some("a") }"#, &[r#"Some("a")"#]),
                ("x-amz-security-token: IQoJ", &["IQoJ"]),
                ("invalid token: expected a string", &[]),
                ("InvalidToken: it is old", &[]),
            ],
        );
    }

    #[test]
    fn credentials_in_a_url_are_found() {
        check(
            "url_credentials",
            &[
                ("postgres://u:p@w@db/x?y=a@b", &["u:p@w"]),
                ("https://host:8080/a@b https://host/", &[]),
                (
                    "postgres://u:p/w@h/db https://u:p?w@h/a",
                    &["u:p/w", "u:p?w"],
                ),
            ],
        );
    }

    #[test]
    fn the_name_of_a_field_shows_that_it_holds_a_secret() {
        for name in [
            "password",
            "dbPassword",
            "API-Key",
            "client_secret",
            "Set-Cookie",
        ] {
            assert!(is_secret_key(name), "{name}");
        }
        for name in ["passwords_count", "key", "tenant", "secret_name", "tokens"] {
            assert!(!is_secret_key(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_each_match_is_a_part_of_it(
            text in "(AKIA|eyJ|@|%40|://|password|token|bearer |4111|DE89|-----BEGIN |PRIVATE KEY-----|[a-zA-Z0-9.:=/é@ \"-]){0,30}",
        ) {
            for detector in DETECTORS {
                let mut end = 0;
                for range in detector.matches(&text) {
                    prop_assert!(end <= range.start && range.start < range.end, "{}", detector.name);
                    prop_assert!(text.get(range.clone()).is_some(), "{}", detector.name);
                    end = range.end;
                }
            }
        }
    }
}
