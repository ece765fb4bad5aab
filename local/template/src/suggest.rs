//! "did you mean": the known names that resemble an unknown one.

/// Maximum number of suggestions in an error.
const MAX_SUGGESTIONS: usize = 3;

/// Longer names are not compared: nobody types them by hand.
const MAX_COMPARED_CHARS: usize = 128;

/// The known names that resemble `name`, the nearest first.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let length = name.chars().count();
    if length == 0 || length > MAX_COMPARED_CHARS {
        return Vec::new();
    }
    // A third of the letters may differ, but at least one and at most four.
    let allowed = (length / 3).clamp(1, 4);
    let lower = name.to_lowercase();
    let mut near: Vec<(usize, &str)> = known
        .into_iter()
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= allowed)
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter()
        .take(MAX_SUGGESTIONS)
        .map(|(_, candidate)| candidate)
        .collect()
}

/// `; did you mean 'A'?`, or an empty text if no known name is near.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(name, known).as_slice() {
        [] => String::new(),
        near => format!("; did you mean {}?", one_of(near)),
    }
}

/// `'A'`, `'A' or 'B'`, `'A', 'B' or 'C'`.
pub(crate) fn one_of(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [name] => format!("'{name}'"),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(|name| format!("'{name}'")).collect();
            format!("{} or '{last}'", first.join(", "))
        }
    }
}

/// The number of letters to insert, remove, change or swap with a neighbour (optimal string
/// alignment distance).
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in b.iter().enumerate() {
            let mut cost = (last[j] + usize::from(letter != other))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
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
    fn swapped_letters_are_one_mistake() {
        assert_eq!(distance("functoin", "function"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
    }

    #[test]
    fn the_nearest_name_comes_first_and_unlike_names_are_not_suggested() {
        assert_eq!(
            nearest("ItemTable", ["ItemsTable", "ItemTables2", "Reports"]),
            ["ItemsTable", "ItemTables2"]
        );
        assert!(nearest("Zebra", ["ItemsTable", "Reports"]).is_empty());
    }

    #[test]
    fn a_difference_in_letter_case_is_near() {
        assert_eq!(
            did_you_mean("TIMEOUT", ["Timeout", "Tags"]),
            "; did you mean 'Timeout'?"
        );
    }
}
