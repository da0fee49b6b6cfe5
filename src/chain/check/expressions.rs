//! Where in a string its expressions stand, and what is said of their faults.

use std::fmt::{self, Display};
use std::ops::Range;

use super::super::expression::{self, Expression, Fault, Holes, Piece, Scope, Wrong};
use super::super::json::{Pointer, Report, Span};
use super::spelling;

/// What an expression begins with.
pub(super) const BEGIN: &str = "${{";
/// What it ends with.
const END: &str = "}}";

/// A string of the text: where it is, and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    pub(super) pointer: &'p Pointer<'p>,
    pub(super) span: Span,
}

/// The expressions of `text`, compiled. `None` where there are none, and where something was reported.
pub(super) fn holes(text: &str, place: Place<'_>, scope: &Scope<'_>, report: &mut Report<'_>) -> Option<Holes> {
    let mut pieces = Vec::new();
    let mut at = 0;
    let mut sound = true;
    while let Some(found) = text[at..].find(BEGIN) {
        let start = at + found + BEGIN.len();
        if found > 0 {
            pieces.push(Piece::Plain(text[at..at + found].to_owned()));
        }
        let end = match expression::end(text, start) {
            Ok(end) => end,
            Err(unclosed) => {
                place.unclosed(unclosed.0, start, report);
                return None;
            }
        };
        match compile(text, start..end, place, scope, report) {
            Some(expression) => pieces.push(Piece::Expression(expression)),
            None => sound = false,
        }
        at = end + END.len();
    }
    if !sound || pieces.is_empty() {
        return None;
    }
    if at < text.len() {
        pieces.push(Piece::Plain(text[at..].to_owned()));
    }
    if let [Piece::Expression(_)] = pieces.as_slice()
        && let Some(Piece::Expression(only)) = pieces.pop()
    {
        return Some(Holes::Value(only));
    }
    Some(Holes::Text(pieces))
}

/// How many expressions `text` begins.
pub(super) fn count(text: &str) -> usize {
    text.matches(BEGIN).count()
}

/// The expression of a condition, which may be wrapped as a whole.
pub(super) fn condition(
    text: &str,
    place: Place<'_>,
    scope: &Scope<'_>,
    report: &mut Report<'_>,
) -> Option<Expression> {
    let Some(begin) = text.find(BEGIN) else {
        return compile(text, 0..text.len(), place, scope, report);
    };
    let start = begin + BEGIN.len();
    match expression::end(text, start) {
        Ok(end) if text[..begin].trim().is_empty() && text[end + END.len()..].trim().is_empty() => {
            compile(text, start..end, place, scope, report)
        }
        // `${{` in quotes of a bare expression.
        _ if is_within_quotes(text, begin) => compile(text, 0..text.len(), place, scope, report),
        Ok(_) => {
            let what = "is a text with an expression in it, and not a condition";
            place.note(&(begin..start), what, Some("one expression, bare or as a whole in ${{ }}".to_owned()), report);
            None
        }
        Err(unclosed) => {
            place.unclosed(unclosed.0, start, report);
            None
        }
    }
}

/// The expression at `at` in `text`, over what a run knows.
fn compile(
    text: &str,
    at: Range<usize>,
    place: Place<'_>,
    scope: &Scope<'_>,
    report: &mut Report<'_>,
) -> Option<Expression> {
    let start = at.start;
    Expression::compile(&text[at], scope).map_err(|faults| place.faults(&faults, start, report)).ok()
}

/// Whether an expression that begins with `text` has a quote open at `at`.
fn is_within_quotes(text: &str, at: usize) -> bool {
    expression::end(&text[..at], 0).is_err_and(|unclosed| unclosed.0 > 0 || text.starts_with(['\'', '"', '`']))
}

impl Place<'_> {
    /// Reports the faults of an expression that begins at `start` of the string.
    pub(super) fn faults(self, faults: &[Fault<'_>], start: usize, report: &mut Report<'_>) {
        for fault in faults {
            let at = start + fault.at.start..start + fault.at.end;
            report.add_inside(self.pointer, self.span, &at, Said(&fault.wrong), || fault.wrong.allowed());
        }
    }

    /// Reports an expression that begins before `start` and does not end, be it for the quote at `quote`.
    fn unclosed(self, quote: usize, start: usize, report: &mut Report<'_>) {
        if quote == start {
            let allowed = "}} outside of the quotes and braces of the expression";
            let begin = start - BEGIN.len()..start;
            self.note(&begin, "begins an expression with ${{ that does not end", Some(allowed.to_owned()), report);
        } else {
            self.note(&(quote..quote + 1), Wrong::OpenQuote, Wrong::OpenQuote.allowed(), report);
        }
    }

    pub(super) fn note(self, at: &Range<usize>, what: impl Display, allowed: Option<String>, report: &mut Report<'_>) {
        report.add_inside(self.pointer, self.span, at, what, || allowed);
    }
}

/// A fault, and what was probably meant. Made only when it is written down.
struct Said<'f>(&'f Wrong<'f>);

impl Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)?;
        let meant = self.0.misspelt().and_then(|(word, known)| spelling::nearest(word, &known));
        match meant {
            Some(meant) => write!(f, "; did you mean {meant}?"),
            None => Ok(()),
        }
    }
}
