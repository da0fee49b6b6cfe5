//! What is said of a text that is no expression: the habit of another language that it was probably written in, else what the parser
//! would have taken. Only asked of texts that are refused anyway, so that no valid expression can be mistaken for such a habit.

use jmespath::{ErrorReason, JmespathError};

use super::fault::{Fault, Wrong};
use super::token::{Kind, Token};

/// Words of other languages, and what stands for them here.
const WORDS: [(&str, &str); 5] = [
    ("and", "&&, as in a && b"),
    ("or", "||, as in a || b"),
    ("not", "!, as in !(a.b)"),
    ("in", "the function contains, as in contains(list, value)"),
    ("is", "==, as in a == b"),
];
/// Two of them in a row.
const PAIRS: [(&str, &str, &str, &str); 2] = [
    ("not", "in", "not in", "! before the function contains, as in !contains(list, value)"),
    ("is", "not", "is not", "!=, as in a != b"),
];
const ARITHMETIC: &str = "the functions sum, avg, abs, ceil and floor of numbers, and join of texts";
/// Operators of other languages, and what stands for them here.
const OPERATORS: [(&str, &str); 20] = [
    ("=", "==, as in a == b"),
    ("===", "==, as in a == b"),
    ("!==", "!=, as in a != b"),
    ("<>", "!=, as in a != b"),
    ("=!", "!=, as in a != b"),
    ("=>", ">=, as in a >= b"),
    ("=<", "<=, as in a <= b"),
    ("&", "&&, as in a && b"),
    ("?.", "a dot: of what is missing, everything is null"),
    ("?", "&& and ||, as in a && b || c"),
    ("??", "||, as in a || b"),
    ("?:", "||, as in a || b"),
    ("=~", "the functions contains, starts_with and ends_with"),
    ("~", "the functions contains, starts_with and ends_with"),
    ("+", ARITHMETIC),
    ("-", ARITHMETIC),
    ("*", ARITHMETIC),
    ("/", ARITHMETIC),
    ("%", ARITHMETIC),
    ("^", ARITHMETIC),
];

/// The fault of a text in which the value at `found` follows another one with nothing in between.
pub(super) fn gap(text: &str, tokens: &[Token], found: usize) -> Fault<'static> {
    let between = || Wrong::Syntax(Some("an operator, a dot or a comma before it"));
    Tokens { text, tokens }.habit(found).unwrap_or_else(|| Fault { at: tokens[found].at.clone(), wrong: between() })
}

/// The fault of a text that the parser does not take.
pub(super) fn refused(text: &str, tokens: &[Token], error: &JmespathError) -> Fault<'static> {
    let start = error.offset.min(text.len());
    let found = tokens.iter().position(|token| token.at.end > start).unwrap_or(tokens.len());
    let at = tokens.get(found).map_or(text.len()..text.len(), |token| token.at.clone());
    let said = || Fault { at, wrong: Wrong::Syntax(expected(error)) };
    Tokens { text, tokens }.habit(found).unwrap_or_else(said)
}

/// What is wrong with the call of `name`, which is no function: `not(a)`.
pub(super) fn no_function(name: &str) -> Wrong<'static> {
    let word = WORDS.into_iter().find(|(word, _)| name.eq_ignore_ascii_case(word));
    word.map_or_else(|| Wrong::NoFunction(name.to_owned()), |(word, right)| Wrong::NoOperator(word, right))
}

#[derive(Clone, Copy)]
struct Tokens<'t> {
    text: &'t str,
    tokens: &'t [Token],
}

impl<'t> Tokens<'t> {
    /// What the token at `found`, where the text stops making sense, was probably meant to be.
    fn habit(self, found: usize) -> Option<Fault<'static>> {
        self.word(found)
            .or_else(|| self.word(found.checked_sub(1)?))
            .or_else(|| self.name(found))
            .or_else(|| self.operator(found))
            .or_else(|| self.index(found))
            .or_else(|| self.character(found))
            .or_else(|| self.unclosed(found))
    }

    /// What is written at `index`; nothing before the first token and after the last one.
    fn written(self, index: Option<usize>) -> &'t str {
        index.and_then(|index| self.tokens.get(index)).map_or("", |token| &self.text[token.at.clone()])
    }

    fn kind(self, index: Option<usize>) -> Option<Kind> {
        index.and_then(|index| self.tokens.get(index)).map(|token| token.kind)
    }

    /// Whether a value may end with the token at `index`.
    fn ends_value(self, index: Option<usize>) -> bool {
        matches!(self.kind(index), Some(Kind::Name | Kind::Value | Kind::Number | Kind::Close))
            || matches!(self.written(index), "*" | "[]")
    }

    /// Whether nothing stands between the tokens at `index` and after it.
    fn touches_next(self, index: usize) -> bool {
        matches!(self.tokens.get(index..index + 2), Some([one, next]) if one.at.end == next.at.start)
    }

    fn fault(self, first: usize, last: usize, wrong: Wrong<'static>) -> Fault<'static> {
        Fault { at: self.tokens[first].at.start..self.tokens[last].at.end, wrong }
    }

    /// `a and b`
    fn word(self, at: usize) -> Option<Fault<'static>> {
        let before = at.checked_sub(1);
        if self.written(before) == "." {
            return None;
        }
        let is = |index: usize, word: &str| self.written(Some(index)).eq_ignore_ascii_case(word);
        if let Some((.., pair, right)) = PAIRS.into_iter().find(|(one, two, ..)| is(at, one) && is(at + 1, two)) {
            return Some(self.fault(at, at + 1, Wrong::NoOperator(pair, right)));
        }
        let (word, right) = WORDS.into_iter().find(|(word, _)| is(at, word))?;
        Some(self.fault(at, at, Wrong::NoOperator(word, right)))
    }

    /// `my-key`, `1st`, `größe`
    fn name(self, found: usize) -> Option<Fault<'static>> {
        let part = |index: usize| match self.kind(Some(index)) {
            Some(Kind::Name) => !self.written(Some(index)).starts_with('"'),
            Some(Kind::Number) => true,
            Some(Kind::Other) => self.written(Some(index)).starts_with(|c: char| c.is_alphanumeric()),
            _ => false,
        };
        if !part(found) {
            return None;
        }
        let (mut first, mut last) = (found, found);
        while first > 0 && part(first - 1) && self.touches_next(first - 1) {
            first -= 1;
        }
        while part(last + 1) && self.touches_next(last) {
            last += 1;
        }
        if self.written(Some(first)).starts_with('-') {
            return None;
        }
        let foreign = self.kind(Some(found)) == Some(Kind::Other);
        let named = (first..=last).any(|index| self.kind(Some(index)) == Some(Kind::Name));
        ((first < last && named) || foreign).then(|| self.fault(first, last, Wrong::BareName))
    }

    /// `a = b`
    fn operator(self, found: usize) -> Option<Fault<'static>> {
        if self.kind(Some(found)) == Some(Kind::Number)
            && self.written(Some(found)).starts_with('-')
            && self.ends_value(found.checked_sub(1))
        {
            return Some(self.fault(found, found, Wrong::NoOperator("-", ARITHMETIC)));
        }
        let part = |index: usize| {
            let written = self.written(Some(index));
            !written.is_empty() && written.chars().all(|c| "=<>!&|?:~+-*/%^".contains(c))
        };
        if !part(found) {
            return None;
        }
        let (mut first, mut last) = (found, found);
        while first > 0 && part(first - 1) && self.touches_next(first - 1) {
            first -= 1;
        }
        while (part(last + 1) || self.written(Some(last)) == "?" && self.written(Some(last + 1)) == ".")
            && self.touches_next(last)
        {
            last += 1;
        }
        let run = &self.text[self.tokens[first].at.start..self.tokens[last].at.end];
        // A reference that a comma is missing before.
        let reference = run == "&" && self.open(found).is_some();
        let (operator, right) = OPERATORS.into_iter().find(|(operator, _)| *operator == run)?;
        let between = self.ends_value(first.checked_sub(1)) && !reference;
        between.then(|| self.fault(first, last, Wrong::NoOperator(operator, right)))
    }

    /// `a['b']`, `a[b > 1]`, `a.0`, `a == 1`
    fn index(self, found: usize) -> Option<Fault<'static>> {
        let (before, further) = (found.checked_sub(1), found.checked_sub(2));
        let kind = self.kind(Some(found))?;
        let wrong = match (self.written(before), kind) {
            ("[", Kind::Number) if self.written(further) == "." => {
                Wrong::Syntax(Some("no dot before the bracket of an index, as in a[0]"))
            }
            (".", Kind::Number) => Wrong::Syntax(Some("an index in brackets, as in a[0]")),
            ("[", Kind::Name | Kind::Value) if self.ends_value(further) => {
                let held = &self.tokens[found + 1..];
                let end = held.iter().position(|token| matches!(token.kind, Kind::Open | Kind::Close));
                let is_condition = held[..end.unwrap_or(held.len())].iter().any(|token| token.kind == Kind::Operator);
                if is_condition {
                    Wrong::Syntax(Some("[? before a condition, as in a[?b > `1`]"))
                } else if end.unwrap_or(held.len()) == 0 {
                    Wrong::BracketName
                } else {
                    return None;
                }
            }
            (written, Kind::Number) => {
                let begins = matches!(self.kind(before), None | Some(Kind::Operator | Kind::Comma));
                if !begins && !written.ends_with('(') {
                    return None;
                }
                Wrong::BareNumber
            }
            _ => return None,
        };
        Some(self.fault(found, found, wrong))
    }

    /// `$.a`, `“a”`
    fn character(self, found: usize) -> Option<Fault<'static>> {
        let right = match self.written(Some(found)) {
            "$" => "a path without $, which begins with a name",
            "‘" | "’" | "“" | "”" | "„" | "´" => "straight quotes around a text: 'text'",
            ";" => "the expression without ;",
            _ => return None,
        };
        Some(self.fault(found, found, Wrong::Syntax(Some(right))))
    }

    /// `a[?b`
    fn unclosed(self, found: usize) -> Option<Fault<'static>> {
        let open = self.open(found)?;
        let (bracket, closing) = match self.written(Some(open)) {
            "(" => ("(", ")"),
            "{" => ("{", "}"),
            "[?" => ("[?", "]"),
            _ => ("[", "]"),
        };
        let at_end = found == self.tokens.len() && !self.wants_more(found.checked_sub(1));
        let other = self.kind(Some(found)) == Some(Kind::Close) && self.written(Some(found)) != closing;
        let call = bracket == "(" && open.checked_sub(1).is_some_and(|name| self.kind(Some(name)) == Some(Kind::Name));
        let wrong = if call && at_end { Wrong::OpenCall } else { Wrong::OpenBracket(bracket, closing) };
        (at_end || other).then(|| self.fault(open, open, wrong))
    }

    /// Whether something has to follow the token at `index`, be a bracket closed or not.
    fn wants_more(self, index: Option<usize>) -> bool {
        let kind = self.kind(index);
        matches!(kind, Some(Kind::Operator | Kind::Reference | Kind::Other)) || self.written(index) == "!"
    }

    /// The innermost bracket that is open at `found`.
    fn open(self, found: usize) -> Option<usize> {
        let mut open = Vec::new();
        for (index, token) in self.tokens[..found].iter().enumerate() {
            match token.kind {
                Kind::Open => open.push(index),
                Kind::Close => {
                    open.pop();
                }
                _ => {}
            }
        }
        open.pop()
    }
}

/// What the parser would have taken. Its own words quote the text, so they are only looked at.
fn expected(error: &JmespathError) -> Option<&'static str> {
    const SAID: [(&str, &str); 23] = [
        ("Did not parse the complete expression", "an operator, or the end"),
        ("Quoted strings can't be a function name", "a function name without quotes"),
        ("Expected '}' or ','", "`}` or a comma"),
        ("Expected ')' to close '('", "`)`"),
        ("Expected ']'", "`]`"),
        ("Expected number, ':', or '*'", "an index, a slice, `*`, or `?` and a condition"),
        ("Expected number, ':', or ']'", "a number, a colon or `]`"),
        ("Expected ':', or ']'", "a colon or `]`"),
        ("Too many colons in slice expr", "at most two colons in a slice"),
        ("Invalid function name", "the name of a function before the bracket"),
        ("Expected ':' to follow key", "a colon after the key"),
        ("Expected Field to start key value pair", "a key: a name, in double quotes where it is not plain"),
        ("Expected identifier, '*', '{', '[', '&', or '[?'", "a name, `*`, `[` or `{` after the dot"),
        ("Expected '.', '[', or '[?'", "a dot, `[` or `[?`, or the end"),
        ("invalid token after ','", "another entry after the comma"),
        ("Unable to parse literal JSON", "JSON between the backticks; a text stands in single quotes: 'text'"),
        ("Unable to parse quoted identifier", "a name as JSON writes a string"),
        ("'=' is not valid", "== to compare"),
        ("'-' must be followed", "a negative index; a name with a hyphen stands in double quotes"),
        ("Expected valid number", "an index of at most 2147483647"),
        ("Invalid character", "names, operators and quotes of JMESPath; other names stand in double quotes"),
        ("Unexpected nud token", "a value: a name, 'text', JSON in backticks, a function, `@` or `(`"),
        ("Unexpected led token", "an operator, or the end"),
    ];
    let ErrorReason::Parse(said) = &error.reason else { return None };
    SAID.iter().find(|(phrase, _)| said.starts_with(phrase)).map(|(_, expected)| *expected)
}
