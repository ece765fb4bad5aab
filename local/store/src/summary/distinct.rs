/// The values without repetitions, in order of appearance.
pub(super) fn distinct(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut list = Vec::new();
    for value in values {
        add_distinct(&mut list, Some(value));
    }
    list
}

/// Appends `value`, if given, unless `list` already contains it.
pub(super) fn add_distinct<T: PartialEq>(list: &mut Vec<T>, value: Option<T>) {
    list.extend(value.filter(|value| !list.contains(value)));
}
