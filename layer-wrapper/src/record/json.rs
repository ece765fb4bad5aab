//! Writes JSON values into a buffer. See [`write`](super::write) for the reasons.

use xray_document::{SegmentId, Timestamp, TraceId};

/// Writes a string with its quotes, escaped as JSON requires.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    if text.bytes().any(must_be_escaped) {
        escaped(out, text);
    } else {
        out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
}

/// Writes `,"key":`.
macro_rules! key {
    ($out:expr, $key:literal) => {
        $out.extend_from_slice(concat!(",\"", $key, "\":").as_bytes())
    };
}
pub(crate) use key;

/// Writes an id with its quotes.
pub(crate) fn id(out: &mut Vec<u8>, id: SegmentId) {
    out.push(b'"');
    hex(out, id.as_u64());
    out.push(b'"');
}

/// Writes a trace id with its quotes.
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

/// Writes epoch seconds with six decimals.
pub(crate) fn timestamp(out: &mut Vec<u8>, time: Timestamp) {
    // A time before 1970 comes from a wrong clock and becomes zero.
    let micros = u64::try_from(time.as_micros()).unwrap_or(0);
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    // Seconds have ten digits from 2001 to 2286; a u32 reaches 2106.
    if let Ok(seconds @ 1_000_000_000..) = u32::try_from(seconds) {
        out.extend_from_slice(&decimal_digits(seconds));
    } else {
        integer(out, seconds);
    }
    // The added million is a seventh digit, so that leading zeros are written; the point
    // replaces it.
    let mut decimals = decimal_digits(micros as u32 + 1_000_000);
    if let Some(decimals) = decimals.last_chunk_mut::<7>() {
        decimals[0] = b'.';
        out.extend_from_slice(decimals);
    }
}

/// Writes an integer.
pub(crate) fn integer(out: &mut Vec<u8>, value: u64) {
    match u32::try_from(value) {
        Ok(value) => {
            let digits = decimal_digits(value);
            let zeros = 9 - value.checked_ilog10().unwrap_or(0);
            out.extend_from_slice(digits.get(zeros as usize..).unwrap_or_default());
        }
        // Only a wrong content length is this large.
        Err(_) => out.extend_from_slice(value.to_string().as_bytes()),
    }
}

/// The ten digits of a number, with leading zeros.
fn decimal_digits(value: u32) -> [u8; 10] {
    let mut rest = value;
    let mut digits = [0; 10];
    for pair in digits.as_chunks_mut::<2>().0.iter_mut().rev() {
        let two = (rest % 100) as u8;
        rest /= 100;
        *pair = [b'0' + two / 10, b'0' + two % 10];
    }
    digits
}

fn hex(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&hex_digits(value));
}

/// The sixteen hexadecimal digits of a number, with leading zeros.
fn hex_digits(value: u64) -> [u8; 16] {
    let high = eight_hex_digits((value >> 32) as u32);
    let low = eight_hex_digits(value as u32);
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}

/// The eight hexadecimal digits of a number, as the bytes of one number. The first digit is
/// the highest byte. It computes all digits at once, one in each byte.
fn eight_hex_digits(value: u32) -> u64 {
    let mut nibbles = u64::from(value);
    nibbles = (nibbles << 16 | nibbles) & 0x0000_ffff_0000_ffff;
    nibbles = (nibbles << 8 | nibbles) & 0x00ff_00ff_00ff_00ff;
    nibbles = (nibbles << 4 | nibbles) & 0x0f0f_0f0f_0f0f_0f0f;
    // One in each byte over nine, which becomes a letter.
    let letters = (nibbles + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    nibbles + 0x3030_3030_3030_3030 + letters * u64::from(b'a' - b'0' - 10)
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
        fn each_string_is_read_back(text: String) {
            let json = written(|out| string(out, &text));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn each_id_is_written_as_its_display(id: u64, trace: u128) {
            let segment = SegmentId::from_u64(id);
            prop_assert_eq!(written(|out| super::id(out, segment)), format!("\"{segment}\""));
            let trace = TraceId::from_u128(trace);
            prop_assert_eq!(written(|out| trace_id(out, trace)), format!("\"{trace}\""));
        }

        #[test]
        fn each_number_is_written_as_its_display(value: u64, small: u32) {
            prop_assert_eq!(written(|out| integer(out, value)), value.to_string());
            prop_assert_eq!(written(|out| integer(out, u64::from(small))), small.to_string());
        }

        #[test]
        fn each_time_keeps_its_microseconds(micros in 0..4_000_000_000_000_000_i64) {
            let time = Timestamp::from_micros(micros);
            let json = written(|out| timestamp(out, time));
            prop_assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), time);
        }
    }
}
