//! JSON, written by hand into one buffer: ten times cheaper than by way of
//! `serde_json::Value`.

use xray_document::{SegmentId, Timestamp, TraceId};

/// A string with its quotes, escaped as JSON asks.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    if text.bytes().any(must_be_escaped) {
        escaped(out, text);
    } else {
        out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
}

/// `,"key":`
pub(crate) fn key(out: &mut Vec<u8>, key: &'static str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

/// An id with its quotes.
pub(crate) fn id(out: &mut Vec<u8>, id: SegmentId) {
    out.push(b'"');
    hex(out, id.as_u64());
    out.push(b'"');
}

/// A trace's id with its quotes.
pub(crate) fn trace_id(out: &mut Vec<u8>, id: TraceId) {
    let bits = id.as_u128();
    out.extend_from_slice(b"\"1-");
    let digits = hex_digits((bits >> 64) as u64);
    let (epoch, unique) = digits.split_at(8);
    out.extend_from_slice(epoch);
    out.push(b'-');
    out.extend_from_slice(unique);
    hex(out, bits as u64);
    out.push(b'"');
}

/// Epoch seconds with six decimals.
pub(crate) fn timestamp(out: &mut Vec<u8>, time: Timestamp) {
    // A clock before 1970 is no clock: zero is as good.
    let micros = u64::try_from(time.as_micros()).unwrap_or(0);
    integer(out, micros / 1_000_000);
    // One digit more than there are decimals, so that the zeros before them are written.
    let mut decimals = decimal_digits((micros % 1_000_000) as u32 + 1_000_000);
    let decimals = decimals.last_chunk_mut::<7>();
    if let Some(decimals) = decimals {
        decimals[0] = b'.';
        out.extend_from_slice(decimals);
    }
}

pub(crate) fn integer(out: &mut Vec<u8>, value: u64) {
    match u32::try_from(value) {
        Ok(value) => {
            let digits = decimal_digits(value);
            let zeros = digits
                .iter()
                .take(9)
                .take_while(|digit| **digit == b'0')
                .count();
            out.extend_from_slice(digits.get(zeros..).unwrap_or_default());
        }
        // No number of ours is that large, but a length may claim to be.
        Err(_) => out.extend_from_slice(value.to_string().as_bytes()),
    }
}

/// Ten digits with leading zeros.
fn decimal_digits(mut value: u32) -> [u8; 10] {
    let mut digits = [b'0'; 10];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
    digits
}

fn hex(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&hex_digits(value));
}

fn hex_digits(value: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    for (place, digit) in digits.iter_mut().enumerate() {
        let nibble = (value >> (60 - 4 * place)) as u8 & 15;
        *digit = if nibble < 10 {
            b'0' + nibble
        } else {
            b'a' - 10 + nibble
        };
    }
    digits
}

fn must_be_escaped(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

#[cold]
fn escaped(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..b' ' => {
                out.extend_from_slice(b"\\u00");
                let digits = hex_digits(u64::from(byte));
                out.extend(digits.iter().skip(14));
            }
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn every_string_is_read_back(text: String) {
            let json = written(|out| string(out, &text));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn every_id_is_written_as_it_displays(id: u64, trace: u128) {
            let segment = SegmentId::from_u64(id);
            prop_assert_eq!(written(|out| super::id(out, segment)), format!("\"{segment}\""));
            let trace = TraceId::from_u128(trace);
            prop_assert_eq!(written(|out| trace_id(out, trace)), format!("\"{trace}\""));
        }

        #[test]
        fn every_number_is_written_as_it_displays(value: u64, small: u32) {
            prop_assert_eq!(written(|out| integer(out, value)), value.to_string());
            prop_assert_eq!(written(|out| integer(out, u64::from(small))), small.to_string());
        }

        #[test]
        fn every_time_keeps_its_microseconds(micros in 0..4_000_000_000_000_000_i64) {
            let time = Timestamp::from_micros(micros);
            let json = written(|out| timestamp(out, time));
            prop_assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), time);
        }
    }
}
