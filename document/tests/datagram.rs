//! Property tests of the daemon's datagram.
#![allow(clippy::unwrap_used, reason = "a test fails at the first error")]

use proptest::prelude::*;
use xray_document::{DATAGRAM_HEADER, Datagram};

fn written(datagram: Datagram<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    datagram.write_to(&mut bytes);
    bytes
}

proptest! {
    #[test]
    fn a_document_reads_back_as_it_was_written(text in "(\\PC|\n|\t){1,200}") {
        let bytes = written(Datagram::Document(&text));
        prop_assert!(bytes.starts_with(DATAGRAM_HEADER));
        prop_assert_eq!(Datagram::parse(&bytes), Ok(Datagram::Document(&text)));
    }

    #[test]
    fn a_signal_reads_back_as_it_was_written(
        request_id in "[0-9a-f-]{36}|[^\"\\\\\\pC]{0,50}",
        documents in any::<Option<u64>>(),
    ) {
        let signal = Datagram::Done { request_id: &request_id, documents };
        let bytes = written(signal);
        prop_assert_eq!(Datagram::parse(&bytes), Ok(signal));
    }

    #[test]
    fn a_header_may_have_spaces_other_fields_and_any_order(
        swap in any::<bool>(),
        space in "[ \t]{0,2}",
        format in "json|JSON|Json",
        value in "[a-z0-9]{0,8}",
    ) {
        let mut fields = [format!("\"format\"{space}:{space}\"{format}\""), format!("\"version\":{space}1")];
        if swap {
            fields.reverse();
        }
        let [first, second] = fields;
        let bytes = format!("{{{first},{space}\"other\":[\"{value}\"],{second}}}{space}\n{{}}");
        prop_assert_eq!(Datagram::parse(bytes.as_bytes()), Ok(Datagram::Document("{}")));
    }

    #[test]
    fn any_bytes_are_read_or_rejected(
        header in proptest::collection::vec(any::<u8>(), 0..60),
        body in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let _ = Datagram::parse(&body);
        for header in [header.as_slice(), b"{\"format\":\"json\",\"version\":1}", b"{\"format\":\"xray-lambda\",\"version\":1}"] {
            let bytes = [header, b"\n", &body].concat();
            if let Ok(datagram) = Datagram::parse(&bytes) {
                let again = written(datagram);
                prop_assert_eq!(Datagram::parse(&again), Ok(datagram));
            }
        }
    }
}

#[test]
fn a_deeply_nested_header_or_signal_is_rejected() {
    for open in ["[", "{\"a\":"] {
        let header = format!(
            "{{\"format\":\"json\",\"version\":1,\"deep\":{}",
            open.repeat(100_000)
        );
        assert!(Datagram::parse(format!("{header}\n{{}}").as_bytes()).is_err());
        let body = open.repeat(100_000);
        let signal = format!("{{\"format\":\"xray-lambda\",\"version\":1}}\n{{\"deep\":{body}");
        assert!(Datagram::parse(signal.as_bytes()).is_err());
    }
}
