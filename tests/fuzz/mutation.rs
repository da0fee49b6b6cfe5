//! Inputs with something changed in them.

use rand::Rng as _;
use rand::rngs::StdRng;

use super::corpus::Input;

/// What is put in: what either language gives a meaning to.
const WORDS: [&str; 40] = [
    "${{",
    "}}",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "'",
    "\"",
    "`",
    "\\",
    "\\\"",
    "\\u0027",
    "\\ud83d",
    "\\ud83d\\ude00",
    "*",
    "[]",
    "[?",
    "[*]",
    "&",
    "&&",
    "|",
    "||",
    "!",
    "!=",
    "==",
    "@",
    ".",
    ",",
    ":",
    "::",
    "-1",
    "99999999999",
    "steps.",
    "null",
    "1e999",
    "\u{0}",
    "é",
    "\n",
];

/// `input` with a few mutations.
pub(crate) fn of(input: &Input, corpus: &[Input], dice: &mut StdRng) -> Input {
    let mut bytes = input.bytes().to_vec();
    for _ in 0..dice.random_range(1..6) {
        mutate(&mut bytes, corpus, dice);
        bytes.truncate(256 * 1024);
    }
    match input {
        Input::Definition(_) => Input::Definition(bytes),
        Input::Expression(_) => Input::Expression(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

fn mutate(bytes: &mut Vec<u8>, corpus: &[Input], dice: &mut StdRng) {
    let at = dice.random_range(0..=bytes.len());
    let end = (at + dice.random_range(0..24)).min(bytes.len());
    match dice.random_range(0..7) {
        0 => {
            let word = WORDS[dice.random_range(0..WORDS.len())];
            bytes.splice(at..at, word.bytes());
        }
        1 => {
            bytes.drain(at..end);
        }
        2 => {
            let again = bytes[at..end].repeat(dice.random_range(1..60));
            bytes.splice(at..at, again);
        }
        3 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << dice.random_range(0..8);
            }
        }
        4 => {
            let other = corpus[dice.random_range(0..corpus.len())].bytes();
            let from = dice.random_range(0..=other.len());
            let to = (from + dice.random_range(0..64)).min(other.len());
            bytes.splice(at..at, other[from..to].iter().copied());
        }
        5 => {
            let word = WORDS[dice.random_range(0..WORDS.len())];
            bytes.splice(at..at, word.repeat(dice.random_range(1..400)).into_bytes());
        }
        _ => {
            bytes.splice(at..end, [dice.random_range(0..=255)]);
        }
    }
}
