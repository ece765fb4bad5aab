use std::ops::Range;

use super::{is_whole, run};

/// The groups in which cards print their digits: one of each issuer.
const CARD_GROUPS: &[&[usize]] = &[&[4, 4, 4, 4], &[4, 4, 4, 4, 3], &[4, 6, 5], &[4, 6, 4]];

/// A card number: 13 to 19 digits of a known issuer with the right check digit (ISO/IEC 7812),
/// without separators or in the groups of a card.
pub(super) fn card_number(text: &str, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        at += bytes.get(at..)?.iter().position(u8::is_ascii_digit)?;
        if let Some(end) = card_end(bytes, at) {
            return Some(at..end);
        }
        at += run(bytes, at, |byte| byte.is_ascii_digit());
    }
}

fn card_end(bytes: &[u8], start: usize) -> Option<usize> {
    let is_digit = |byte: u8| byte.is_ascii_digit();
    let first = run(bytes, start, is_digit);
    if (13..=19).contains(&first) && is_card(bytes, start..start + first) {
        return Some(start + first);
    }
    let separator = *bytes
        .get(start + first)
        .filter(|byte| b" -".contains(byte))?;
    CARD_GROUPS.iter().rev().find_map(|groups| {
        let mut end = start;
        for (index, &group) in groups.iter().enumerate() {
            if index > 0 {
                (bytes.get(end) == Some(&separator)).then_some(())?;
                end += 1;
            }
            (run(bytes, end, is_digit) == group).then_some(())?;
            end += group;
        }
        is_card(bytes, start..end).then_some(end)
    })
}

fn is_card(bytes: &[u8], range: Range<usize>) -> bool {
    let decimal = range.start > 0 && bytes[range.start - 1] == b'.'
        || bytes.get(range.end) == Some(&b'.')
            && bytes.get(range.end + 1).is_some_and(u8::is_ascii_digit);
    if decimal || !is_whole(bytes, &range, b"_-") {
        return false;
    }
    let digits = bytes[range].iter().filter(|byte| byte.is_ascii_digit());
    let digits: Vec<u32> = digits.map(|byte| u32::from(byte - b'0')).collect();
    is_issuer(&digits) && luhn(&digits)
}

/// The first digits of American Express, Diners Club, JCB, Visa, Mastercard, Discover, Maestro
/// and UnionPay.
fn is_issuer(digits: &[u32]) -> bool {
    matches!(
        digits,
        [3, 0 | 4..=9, ..] | [4 | 6, ..] | [5, 0..=8, ..] | [2, 2..=7, ..]
    )
}

fn luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| match index % 2 {
            0 => *digit,
            _ => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The length of an account number in countries of the IBAN registry (ISO 13616).
const IBAN_LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AE", 23),
    (b"AT", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BR", 29),
    (b"CH", 21),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DK", 18),
    (b"EE", 20),
    (b"ES", 24),
    (b"FI", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GR", 27),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"MC", 27),
    (b"MT", 31),
    (b"NL", 18),
    (b"NO", 15),
    (b"PL", 28),
    (b"PT", 25),
    (b"RO", 24),
    (b"RS", 22),
    (b"SA", 24),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"TR", 26),
    (b"UA", 29),
];

/// An international bank account number with right check digits (ISO 13616), without separators
/// or in groups of four.
pub(super) fn iban(text: &str, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    (from..bytes.len()).find_map(|start| Some(start..iban_end(bytes, start)?))
}

fn iban_end(bytes: &[u8], start: usize) -> Option<usize> {
    let [country @ .., _, _] = bytes.get(start..start + 4)? else {
        return None;
    };
    let is_start = country.iter().all(u8::is_ascii_uppercase) && bytes[start + 2].is_ascii_digit();
    is_start.then_some(())?;
    let (_, length) = IBAN_LENGTHS
        .iter()
        .find(|(known, _)| known.as_slice() == country)?;
    let mut end = start;
    let mut characters = Vec::with_capacity(*length);
    while characters.len() < *length {
        let grouped = characters.len() % 4 == 0 && !characters.is_empty();
        if grouped && bytes.get(end) == Some(&b' ') {
            end += 1;
        }
        let byte = *bytes.get(end)?;
        (byte.is_ascii_digit() || byte.is_ascii_uppercase()).then_some(())?;
        characters.push(byte);
        end += 1;
    }
    is_whole(bytes, &(start..end), b"").then_some(())?;
    characters.rotate_left(4);
    let remainder = characters.iter().fold(0_u32, |remainder, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        _ => (remainder * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    (remainder == 1).then_some(end)
}
