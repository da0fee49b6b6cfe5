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

/// What is remarked on a key that is no field of an object, as [`Meant`] does it; words that other tools have for a field are understood,
/// too.
pub(super) struct MeantField<'m> {
    pub(super) word: &'m str,
    pub(super) known: &'m [&'m str],
}

impl Display for MeantField<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match elsewhere(&FIELDS_ELSEWHERE, self.word, self.known) {
            Some(meant) => write!(f, "; did you mean {meant}?"),
            None => Meant { word: self.word, known: self.known }.fmt(f),
        }
    }
}

/// What is remarked on a word that is no value of a closed set, as [`MeantField`] does it.
pub(super) struct MeantValue<'m> {
    pub(super) word: &'m str,
    pub(super) known: &'m [&'m str],
}

impl Display for MeantValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match elsewhere(&VALUES_ELSEWHERE, self.word, self.known) {
            Some(meant) => write!(f, "; did you mean {meant}?"),
            None => Meant { word: self.word, known: self.known }.fmt(f),
        }
    }
}

/// Words without `_` and in lower case, each with the values that it may stand for. The first is a slip away from its opposite.
const VALUES_ELSEWHERE: [(&str, &[&str]); 13] = [
    ("async", &["job"]),
    ("asynchronous", &["job"]),
    ("background", &["job"]),
    ("synchronous", &["sync"]),
    ("int", &["integer"]),
    ("long", &["integer"]),
    ("bool", &["boolean"]),
    ("str", &["string"]),
    ("text", &["string"]),
    ("float", &["number"]),
    ("double", &["number"]),
    ("decimal", &["number"]),
    ("any", &["auto"]),
];

/// Words without `_` and in lower case, each with the fields that it may stand for.
const FIELDS_ELSEWHERE: [(&str, &[&str]); 28] = [
    ("if", &["when"]),
    ("condition", &["when"]),
    ("runif", &["when"]),
    ("timeout", &["timeout_seconds", "global_timeout_seconds"]),
    ("timeoutms", &["timeout_seconds", "global_timeout_seconds"]),
    ("deadline", &["expires_at"]),
    ("name", &["id", "chain_id"]),
    ("id", &["chain_id"]),
    ("uses", &["action_id"]),
    ("body", &["payload"]),
    ("data", &["payload"]),
    ("input", &["payload"]),
    ("inputs", &["payload"]),
    ("args", &["payload"]),
    ("params", &["payload"]),
    ("parameters", &["payload"]),
    ("with", &["payload"]),
    ("onerror", &["on_failure"]),
    ("retries", &["retry"]),
    ("attempts", &["max_attempts"]),
    ("maxretries", &["retry", "max_attempts"]),
    ("maxattempts", &["max_attempts", "retry"]),
    ("maxsteps", &["max_depth"]),
    ("outputs", &["extract"]),
    ("steps", &["chain"]),
    ("value", &["output"]),
    ("type", &["mode", "as"]),
    ("jmespath", &["path"]),
];

/// The one of `known` that other tools call so, going by `words`.
fn elsewhere<'k>(words: &[(&str, &[&str])], word: &str, known: &[&'k str]) -> Option<&'k str> {
    let longest = words.iter().map(|(theirs, _)| theirs.len()).max().unwrap_or_default();
    // With as many characters that are left out.
    if word.len() > 2 * longest {
        return None;
    }
    let word = String::from_iter(folded(word));
    let (_, ours) = words.iter().find(|(theirs, _)| *theirs == word)?;
    ours.iter().find_map(|field| known.iter().find(|known| *known == field)).copied()
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
    fn what_other_tools_call_a_field_is_understood() {
        let said = |word: &str, known: &[&str]| MeantField { word, known }.to_string();
        let step = &["id", "action_id", "payload", "mode", "timeout_seconds", "on_failure", "retry", "when", "chain"];
        for (word, meant) in [
            ("if", "when"),
            ("condition", "when"),
            ("runIf", "when"),
            ("timeout", "timeout_seconds"),
            ("timeout_ms", "timeout_seconds"),
            ("name", "id"),
            ("body", "payload"),
            ("on_error", "on_failure"),
            ("maxRetries", "retry"),
            ("steps", "chain"),
            // A slip of the pen is one as ever.
            ("iid", "id"),
            ("actoin_id", "action_id"),
        ] {
            assert_eq!(said(word, step), format!("; did you mean {meant}?"), "{word}");
        }
        assert_eq!(said("timeout", &["chain_id", "global_timeout_seconds"]), "; did you mean global_timeout_seconds?");
        assert_eq!(said("id", &["chain_id", "steps"]), "; did you mean chain_id?");
        for word in ["if", "timeout", "priority", "", &"i_f".repeat(1_000_000)] {
            assert_eq!(said(word, &["max_attempts"]), "", "{word}");
        }
    }

    #[test]
    fn every_word_of_other_tools_leads_somewhere_and_is_found() {
        for words in [&FIELDS_ELSEWHERE[..], &VALUES_ELSEWHERE] {
            for (word, ours) in words {
                assert_eq!(String::from_iter(folded(word)), *word);
                assert_eq!(elsewhere(words, word, ours), ours.first().copied(), "{word}");
            }
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
