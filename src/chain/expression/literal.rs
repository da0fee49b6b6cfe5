//! What is wrong with the JSON in backticks, though the parser of JMESPath takes it: the rules are those of the message itself.

use super::super::json::{Report, read};
use super::fault::{Fault, Wrong};
use super::token::Token;

/// Notes what the reader of messages would find fault with in the literals of an expression: keys given twice, of which the parser takes
/// the last, and integers beyond 64 bits, which it rounds.
pub(super) fn check(text: &str, tokens: &[Token], faults: &mut Vec<Fault<'_>>) {
    for token in tokens {
        let Some(written) = text[token.at.clone()].strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) else {
            continue;
        };
        let json = written.replace("\\`", "`");
        let mut report = Report::new(json.as_bytes());
        // Its places are told by the report alone.
        let _ = read(json.as_bytes(), &mut report);
        for problem in report.finish().list() {
            let start = token.at.start + 1;
            let at = start + place(written, problem.span.start)..start + place(written, problem.span.end);
            let (what, allowed) = (problem.what.clone(), problem.allowed.clone());
            faults.push(Fault { at, wrong: Wrong::Literal { whole: problem.pointer.is_empty(), what, allowed } });
        }
    }
}

/// Where in the literal as it is written the byte `at` of its JSON stands: there, a backtick takes a backslash along.
fn place(written: &str, at: usize) -> usize {
    let mut rest = at;
    let mut place = 0;
    for part in written.split_inclusive("\\`") {
        let made = part.len() - usize::from(part.ends_with("\\`"));
        if rest < made {
            break;
        }
        rest -= made;
        place += part.len();
    }
    (place + rest).min(written.len())
}
