//! Property tests of the trace header and the ids.
#![allow(clippy::unwrap_used, reason = "a test fails at the first error")]

use proptest::prelude::*;
use xray_document::limits::MAX_HEADER_EXTRA_BYTES;
use xray_document::{Sampled, SegmentId, TraceHeader, TraceId};

fn sampled() -> impl Strategy<Value = Sampled> {
    prop_oneof![
        Just(Sampled::Yes),
        Just(Sampled::No),
        Just(Sampled::Requested),
        Just(Sampled::Undecided)
    ]
}

/// Fields that X-Ray does not define, within the limit of bytes that are kept.
fn extra() -> impl Strategy<Value = Vec<(String, String)>> {
    let key = "[A-Za-z][A-Za-z0-9_.-]{0,8}".prop_filter("X-Ray defines the field", |key| {
        !["root", "parent", "sampled", "self"].contains(&key.to_ascii_lowercase().as_str())
    });
    let value = "[!-:<-~]{0,12}|[a-f0-9]{8}:1\\|[a-f0-9]{8}:5";
    let map = proptest::collection::btree_map(key, value, 0..6);
    map.prop_map(|map| map.into_iter().collect::<Vec<_>>())
        .prop_shuffle()
}

fn header() -> impl Strategy<Value = TraceHeader> {
    let ids = (
        proptest::option::of(any::<u128>()),
        proptest::option::of(any::<u64>()),
    );
    (ids, sampled(), extra()).prop_map(|((root, parent), sampled, extra)| TraceHeader {
        root: root.map(TraceId::from_u128),
        parent: parent.map(SegmentId::from_u64),
        sampled,
        extra,
    })
}

proptest! {
    #[test]
    fn a_header_reads_back_as_it_was_written(header in header()) {
        prop_assert_eq!(TraceHeader::parse(&header.to_string()), header);
    }

    #[test]
    fn order_case_and_spaces_of_the_fields_do_not_matter(
        header in header(),
        seed in any::<u64>(),
        spaces in " {0,3}",
        upper in any::<bool>(),
    ) {
        let text = header.to_string();
        let mut pairs: Vec<String> = text.split(';').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap();
            let defined = ["Root", "Parent", "Sampled"].contains(&key);
            let key = if upper && defined { key.to_uppercase() } else { key.to_owned() };
            format!("{spaces}{key}{spaces}={spaces}{value}{spaces}")
        }).collect();
        let mut random = seed;
        for index in (1..pairs.len()).rev() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            pairs.swap(index, (random >> 33) as usize % (index + 1));
        }
        let mut read = TraceHeader::parse(&pairs.join(";"));
        let mut expected = header;
        read.extra.sort();
        expected.extra.sort();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn unknown_fields_are_kept_in_their_order(extra in extra()) {
        let text: Vec<String> = extra.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let text = format!("Root=1-5759e988-bd862e3fe1be46a994272793;{}", text.join(";"));
        prop_assert_eq!(TraceHeader::parse(&text).extra, extra);
    }

    #[test]
    fn any_text_reads_as_a_header_of_bounded_length(
        text in "(([a-zA-Z ]{0,8}|Root|Parent|Sampled|Self|Lineage)=?([ -~]{0,60}|1|0|\\?|\\PC{0,9})[;\r\n]?){0,30}",
    ) {
        let header = TraceHeader::parse(&text);
        let written = header.to_string();
        prop_assert_eq!(TraceHeader::parse(&written), header);
        prop_assert!(written.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{}", written.escape_debug());
        // Root, Parent and Sampled with their separators have at most 70 characters.
        prop_assert!(written.len() <= 70 + MAX_HEADER_EXTRA_BYTES, "{} characters", written.len());
    }

    #[test]
    fn a_traceparent_reads_back_as_it_was_written(root in 1_u128.., parent in 1_u64.., sampled in any::<bool>()) {
        let sampled = if sampled { Sampled::Yes } else { Sampled::No };
        let header = TraceHeader::new(TraceId::from_u128(root), SegmentId::from_u64(parent), sampled);
        let text = header.to_traceparent().unwrap();
        prop_assert_eq!(TraceHeader::from_traceparent(&text), Some(header));
    }

    #[test]
    fn any_traceparent_is_read_or_rejected(text in "\\PC{0,80}|[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-\\PC{0,9})?") {
        if let Some(header) = TraceHeader::from_traceparent(&text) {
            prop_assert!(header.root.is_some() && header.parent.is_some());
        }
    }

    #[test]
    fn an_id_reads_back_as_it_was_written_and_any_text_is_read_or_rejected(trace in any::<u128>(), id in any::<u64>(), text in "\\PC{0,40}|1-[0-9a-fA-Fé]{8}-[0-9a-fA-F]{24}") {
        prop_assert_eq!(TraceId::from_u128(trace).to_string().parse(), Ok(TraceId::from_u128(trace)));
        prop_assert_eq!(SegmentId::from_u64(id).to_string().parse(), Ok(SegmentId::from_u64(id)));
        if let Ok(id) = text.parse::<TraceId>() {
            prop_assert!(id.to_string().eq_ignore_ascii_case(&text));
        }
    }
}
