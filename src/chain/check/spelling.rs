//! Which of the known words was probably meant.

use std::fmt::{self, Display};

/// The one of `known` that `word` is most likely a misspelling of: `on_faliure`, `onFailure`, `on-failure`.
pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    // Longer ones are not slips of the pen, and the comparison takes the product of both lengths.
    if word.len() > 40 {
        return None;
    }
    let word = folded(word);
    known
        .iter()
        .map(|known| (*known, folded(known)))
        .map(|(known, plain)| (distance(&word, &plain), known, plain.len().max(word.len())))
        // Of two short words, one is an edit or two from the other whatever they mean: more than half must be right.
        .filter(|(distance, known, longer)| *distance <= if known.len() <= 4 { 1 } else { 2 } && distance * 2 < *longer)
        .min_by_key(|(distance, ..)| *distance)
        .map(|(_, known, _)| known)
}

/// What is remarked on a word that is none of the `known` ones. Made only when it is written down: the search is too dear for each
/// of 100,000. It must not hold the word.
pub(super) struct Meant<'m> {
    pub(super) word: &'m str,
    pub(super) known: &'m [&'m str],
}

impl Display for Meant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match nearest(self.word, self.known) {
            Some(meant) => write!(f, "; did you mean {meant}?"),
            None => Ok(()),
        }
    }
}

/// Without what the conventions for names differ in.
fn folded(word: &str) -> Vec<char> {
    word.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).map(|c| c.to_ascii_lowercase()).collect()
}

/// How many characters must be put in, left out, replaced, or swapped with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let replaced = last[j] + usize::from(a[i] != b[j]);
            let mut least = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["id", "action_id", "payload", "on_failure", "on_unknown", "timeout_seconds", "mode"];

    #[test]
    fn a_slip_of_the_pen_is_understood() {
        for (word, meant) in [
            ("on_faliure", "on_failure"),
            ("onFailure", "on_failure"),
            ("on-failure", "on_failure"),
            ("ON_FAILURE", "on_failure"),
            ("on_failur", "on_failure"),
            ("payloads", "payload"),
            ("pyaload", "payload"),
            ("actionId", "action_id"),
            ("timeout_second", "timeout_seconds"),
            ("ID", "id"),
            ("moed", "mode"),
        ] {
            assert_eq!(nearest(word, KNOWN), Some(meant), "{word}");
        }
    }

    #[test]
    fn another_word_is_not_bent_into_a_field() {
        for word in ["", "x", "retries", "name", "timeout", "on_success", "größe", "🦀", &"on_failure".repeat(1000)]
        {
            assert_eq!(nearest(word, KNOWN), None, "{word}");
        }
    }
}
