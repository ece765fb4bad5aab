/// `; did you mean "A"?` with the most similar known name, or an empty text if none is similar.
pub(crate) fn did_you_mean(name: &str, known: &[&str]) -> String {
    let lower: Vec<char> = name.to_lowercase().chars().take(64).collect();
    // A third of the letters may differ, but at least one and at most four.
    let allowed = (lower.len() / 3).clamp(1, 4);
    let similar = known
        .iter()
        .map(|candidate| (distance(&lower, candidate), *candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min();
    similar.map_or_else(String::new, |(_, candidate)| {
        format!("; did you mean \"{candidate}\"?")
    })
}

/// The number of letters to insert, remove, change or swap with a neighbour.
fn distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in b.iter().enumerate() {
            let changed = last[j] + usize::from(letter != other);
            let mut cost = changed.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *letter == b[j - 1] && a[i - 1] == *other {
                cost = cost.min(before_last[j - 1] + 1);
            }
            row.push(cost);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_similar_name_is_suggested_and_an_unlike_one_is_not() {
        let known = ["annotations", "forbidden", "mode"];
        assert_eq!(
            did_you_mean("anotation", &known),
            "; did you mean \"annotations\"?"
        );
        assert_eq!(did_you_mean("Mdoe", &known), "; did you mean \"mode\"?");
        assert_eq!(did_you_mean("zebra", &known), "");
    }
}
