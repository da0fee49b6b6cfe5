//! The known key that a misspelt one was probably meant to be.

/// The nearest of `known`, if one is near enough.
pub(super) fn nearest<'k>(given: &str, known: &[&'k str]) -> Option<&'k str> {
    let allowed = match given.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    };
    let given = given.to_lowercase().replace('-', "_");
    known
        .iter()
        .map(|key| (distance(&given, key), *key))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, key)| key)
}

/// How many letters must be put in, taken out, changed or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_seen_through_and_a_stranger_is_not() {
        let known = ["drain_timeout", "id", "url", "url_file"];
        assert_eq!(nearest("drain_tiemout", &known), Some("drain_timeout"));
        assert_eq!(nearest("Drain-Timeout", &known), Some("drain_timeout"));
        assert_eq!(nearest("ulr", &known), Some("url"));
        assert_eq!(nearest("ie", &known), None);
        assert_eq!(nearest("prefetch", &known), None);
    }
}
