/// Appends `text` as a JSON string: with its quotes, and escaped as JSON requires.
///
/// Eight bytes are checked at a time, because the extension escapes every document.
pub fn write_json_string(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    // A JSON document has a quote in about every eighth byte.
    out.reserve(bytes.len() + bytes.len() / 8 + 2);
    out.push(b'"');
    let (chunks, tail) = bytes.as_chunks::<CHUNK>();
    let mut copied = 0;
    for (index, chunk) in chunks.iter().enumerate() {
        let mut found = must_be_escaped(u64::from_le_bytes(*chunk));
        while found != 0 {
            let place = index * CHUNK + found.trailing_zeros() as usize / 8;
            copied = escape(out, bytes, copied, place);
            found &= found - 1;
        }
    }
    let start = chunks.len() * CHUNK;
    for (index, byte) in tail.iter().enumerate() {
        if *byte < b' ' || *byte == b'"' || *byte == b'\\' {
            copied = escape(out, bytes, copied, start + index);
        }
    }
    out.extend_from_slice(&bytes[copied..]);
    out.push(b'"');
}

/// Bytes that are checked at a time.
const CHUNK: usize = 8;

/// Copies the bytes before `place`, and escapes the one at `place`. Returns the next place.
fn escape(out: &mut Vec<u8>, bytes: &[u8], copied: usize, place: usize) -> usize {
    out.extend_from_slice(&bytes[copied..place]);
    match bytes[place] {
        byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        0x08 => out.extend_from_slice(b"\\b"),
        0x0c => out.extend_from_slice(b"\\f"),
        byte => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
    }
    place + 1
}

/// The highest bit of each byte that must be escaped: a quote, a backslash or a control
/// character.
fn must_be_escaped(chunk: u64) -> u64 {
    let quote = is_zero(chunk ^ repeat(b'"'));
    let backslash = is_zero(chunk ^ repeat(b'\\'));
    // Control characters are below 0x20.
    let control = is_zero(chunk & repeat(0xe0));
    quote | backslash | control
}

/// The highest bit of each byte that is zero. No byte affects another.
const fn is_zero(chunk: u64) -> u64 {
    let low = repeat(0x7f);
    !(((chunk & low) + low) | chunk | low)
}

const fn repeat(byte: u8) -> u64 {
    u64::from_le_bytes([byte; CHUNK])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_text_reads_back(text in "(\\PC|[\"\\\\\\x00-\\x1f]|é){0,60}", any: String) {
            for text in [text, any] {
                let mut out = Vec::new();
                write_json_string(&mut out, &text);
                prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
            }
        }
    }

    #[test]
    fn each_byte_is_escaped_at_each_place_if_json_requires_it() {
        for byte in 0..128_u8 {
            for place in 0..20 {
                let mut text = "é".repeat(10).into_bytes();
                text.splice(place / 2 * 2..place / 2 * 2, [byte]);
                let text = String::from_utf8(text).unwrap();
                let mut out = Vec::new();
                write_json_string(&mut out, &text);
                assert_eq!(out, serde_json::to_vec(&text).unwrap().as_slice(), "{byte}");
            }
        }
    }
}
