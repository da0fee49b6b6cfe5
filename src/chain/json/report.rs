//! Where the reader, and then the checks over its tree, write down what they find.

use std::cell::OnceCell;
use std::fmt::Display;
use std::ops::Range;

use super::super::problem::{Problem, Problems};
use super::inside::inside;
use super::{Lines, Pointer, Span};

/// The problems of one text as they are found. Texts are only made for those that are kept.
#[derive(Debug)]
pub struct Report<'a> {
    text: &'a [u8],
    lines: OnceCell<Lines<'a>>,
    problems: Problems,
}

/// How many characters of a phrase are kept. Ours are all shorter; this holds if one ever is not.
const PHRASE_CHARS: usize = 400;

impl<'a> Report<'a> {
    /// An empty report on `text`.
    #[must_use]
    pub fn new(text: &'a [u8]) -> Self {
        Report { text, lines: OnceCell::new(), problems: Problems::default() }
    }

    /// Notes that the value at `pointer` is wrong: `what` is a phrase that follows the pointer. It must not hold
    /// anything that the text says.
    pub fn add(&mut self, pointer: &Pointer<'_>, span: Span, what: impl Display) {
        self.note(pointer, |_| span, what, || None);
    }

    /// The same, and says what would be right.
    pub fn add_allowing(&mut self, pointer: &Pointer<'_>, span: Span, what: impl Display, allowed: impl Display) {
        self.note(pointer, |_| span, what, || Some(bounded(&allowed)));
    }

    /// The same of a part of the string at `string`: of the bytes `at` of its value.
    pub fn add_inside(
        &mut self,
        pointer: &Pointer<'_>,
        string: Span,
        at: &Range<usize>,
        what: impl Display,
        allowed: impl FnOnce() -> Option<String>,
    ) {
        let allowed = || allowed().as_ref().map(bounded);
        self.note(pointer, |text| inside(text, string, at), what, allowed);
    }

    fn note(
        &mut self,
        pointer: &Pointer<'_>,
        span: impl FnOnce(&[u8]) -> Span,
        what: impl Display,
        allowed: impl FnOnce() -> Option<String>,
    ) {
        let (text, lines) = (self.text, &self.lines);
        self.problems.push(|| {
            let span = span(text);
            let position = lines.get_or_init(|| Lines::new(text)).position(span.start);
            Problem {
                pointer: pointer.render(),
                what: bounded(&what),
                allowed: allowed(),
                line: position.line,
                column: position.column,
                span: span.start..span.end,
            }
        });
    }

    /// The problems in the order of the text.
    #[must_use]
    pub fn finish(mut self) -> Problems {
        self.problems.sort();
        self.problems
    }
}

fn bounded(phrase: &impl Display) -> String {
    phrase.to_string().chars().take(PHRASE_CHARS).collect()
}
