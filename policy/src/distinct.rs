//! Estimates how many distinct values an annotation has, in bounded memory.

/// Bits for each key, which estimate up to 10,000 values with an error of a few percent.
const BITS: usize = 4_096;

/// The most keys: 512 bytes each. Values of further keys are not counted.
const MAX_KEYS: usize = 64;

/// The values of each annotation key.
#[derive(Debug, Clone, Default)]
pub(crate) struct DistinctValues {
    keys: Vec<(String, Box<[u64; BITS / 64]>)>,
}

impl DistinctValues {
    /// Counts a value of a key.
    pub(crate) fn add(&mut self, key: &str, value: &str) {
        let known = self.keys.iter().position(|(known, _)| known == key);
        let index = match known {
            Some(index) => index,
            None if self.keys.len() == MAX_KEYS => return,
            None => {
                self.keys.push((key.to_owned(), Box::new([0; BITS / 64])));
                self.keys.len() - 1
            }
        };
        let bit = (hash(value) % BITS as u64) as usize;
        self.keys[index].1[bit / 64] |= 1 << (bit % 64);
    }

    /// The keys that have about more than `max` values, with the estimate.
    pub(crate) fn over(&self, max: u32) -> impl Iterator<Item = (&str, u32)> {
        let estimates = self
            .keys
            .iter()
            .map(|(key, bits)| (key.as_str(), estimate(bits)));
        estimates.filter(move |(_, values)| *values > max)
    }
}

/// Linear counting (Whang, Vander-Zanden, Taylor: "A linear-time probabilistic counting
/// algorithm for database applications", 1990).
fn estimate(bits: &[u64; BITS / 64]) -> u32 {
    let set: u32 = bits.iter().map(|word| word.count_ones()).sum();
    let empty = (BITS as f64 - f64::from(set)).max(1.0);
    (BITS as f64 * (BITS as f64 / empty).ln()).round() as u32
}

/// FNV-1a with a last step that spreads the high bits to the low ones.
fn hash(text: &str) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_is_near_the_number_of_distinct_values() {
        for count in [1, 10, 100, 1_000, 10_000] {
            let mut values = DistinctValues::default();
            for n in 0..count {
                values.add("key", &format!("order-{n}"));
                values.add("key", &format!("order-{n}"));
            }
            let (_, estimate) = values.over(0).next().unwrap();
            let error = (f64::from(estimate) - f64::from(count)).abs() / f64::from(count);
            assert!(error < 0.1, "{count}: {estimate}");
        }
    }

    #[test]
    fn the_number_of_keys_is_bounded() {
        let mut values = DistinctValues::default();
        (0..1_000).for_each(|n| values.add(&n.to_string(), "x"));
        assert_eq!(values.over(0).count(), MAX_KEYS);
    }
}
