//! The text as tokens: white space, punctuation, literals, numbers and strings of RFC 8259, and nothing else.

use std::borrow::Cow;
use std::fmt::Display;

use serde_json::Number;

use super::{Kind, Pointer, Report, Span};

/// A syntax error was met, and it, or what it lies in, was reported: nobody can say what the rest of the text means.
#[derive(Debug)]
pub(super) struct Stop;

/// A string of the text. Where it is not `sound` its fault has been reported, and `text` has replacement characters.
pub(super) struct Text<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) sound: bool,
}

/// A position in the text and the report on it.
pub(super) struct Tokens<'r, 'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
    pub(super) report: &'r mut Report<'a>,
    /// What is here has been reported as a whole: a syntax error in it is of no use to anybody.
    pub(super) passing: bool,
}

impl<'a> Tokens<'_, 'a> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    pub(super) fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    pub(super) fn span_from(&self, start: usize) -> Span {
        Span { start, end: self.at }
    }

    /// The one byte here, or none at the end.
    pub(super) fn here(&self) -> Span {
        Span { start: self.at, end: (self.at + 1).min(self.text.len()) }
    }

    pub(super) fn syntax(&mut self, pointer: &Pointer<'_>, expected: impl Display) -> Stop {
        let rest = &self.text[self.at..];
        if self.passing {
            return Stop;
        }
        if rest.is_empty() {
            self.report.add_allowing(pointer, self.here(), "is not valid JSON: the text ends here", expected);
        } else if begins_with_broken_utf8(rest) {
            self.report.add_allowing(pointer, self.here(), NOT_UTF8, expected);
        } else {
            self.report.add_allowing(pointer, self.here(), "is not valid JSON from here on", expected);
        }
        Stop
    }

    pub(super) fn literal(&mut self, word: &str, kind: Kind<'a>, pointer: &Pointer<'_>) -> Result<Kind<'a>, Stop> {
        if self.text[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(kind);
        }
        Err(self.syntax(pointer, VALUE))
    }

    pub(super) fn number(&mut self, pointer: &Pointer<'_>) -> Result<Kind<'a>, Stop> {
        let start = self.at;
        self.eat(b'-');
        if self.eat(b'0') {
            if matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self.syntax(pointer, "a number without leading zeros"));
            }
        } else {
            self.digits(pointer)?;
        }
        let mut integer = true;
        if self.eat(b'.') {
            integer = false;
            self.digits(pointer)?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            integer = false;
            let _ = self.eat(b'+') || self.eat(b'-');
            self.digits(pointer)?;
        }
        let span = self.span_from(start);
        // Only ASCII was let through.
        let text = std::str::from_utf8(&self.text[start..self.at]).unwrap_or_default();
        if let Some(number) = if integer { exact_integer(text) } else { finite_float(text) } {
            return Ok(Kind::Number(number));
        }
        if integer {
            let allowed = "-9223372036854775808 to 18446744073709551615; send longer ones as strings";
            self.report.add_allowing(pointer, span, "is an integer beyond 64 bits", allowed);
        } else {
            let allowed = "numbers within about ±1.8e308";
            self.report.add_allowing(pointer, span, "is a number beyond the range of a 64-bit float", allowed);
        }
        Ok(Kind::Unreadable)
    }

    fn digits(&mut self, pointer: &Pointer<'_>) -> Result<(), Stop> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.syntax(pointer, "a digit"));
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    /// The string that begins with the quote here. Reports the first fault in it that does not end the reading.
    pub(super) fn string(&mut self, pointer: &Pointer<'_>) -> Result<Text<'a>, Stop> {
        self.at += 1;
        let mut sound = true;
        let mut text = self.plain(pointer, &mut sound);
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Text { text, sound });
                }
                Some(b'\\') => {
                    let c = self.escape(pointer, &mut sound)?;
                    let more = self.plain(pointer, &mut sound);
                    let owned = text.to_mut();
                    owned.push(c);
                    owned.push_str(&more);
                }
                Some(_) => return Err(self.syntax(pointer, "control characters in strings only as \\u00XX")),
                None => return Err(self.syntax(pointer, "the end of a string")),
            }
        }
    }

    /// What stands here up to a quote, a backslash, a control character or the end.
    fn plain(&mut self, pointer: &Pointer<'_>, sound: &mut bool) -> Cow<'a, str> {
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len());
        let (start, plain) = (self.at, &rest[..length]);
        self.at += length;
        match std::str::from_utf8(plain) {
            Ok(text) => Cow::Borrowed(text),
            Err(error) => {
                let start = start + error.valid_up_to();
                let end = error.error_len().map_or(self.at, |length| start + length);
                self.unsound(pointer, Span { start, end }, NOT_UTF8, sound);
                String::from_utf8_lossy(plain)
            }
        }
    }

    fn unsound(&mut self, pointer: &Pointer<'_>, span: Span, what: &str, sound: &mut bool) {
        if std::mem::take(sound) {
            self.report.add(pointer, span, what);
        }
    }

    fn escape(&mut self, pointer: &Pointer<'_>, sound: &mut bool) -> Result<char, Stop> {
        let start = self.at;
        self.at += 1;
        let c = match self.peek() {
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(start, pointer, sound),
            _ => return Err(self.syntax(pointer, "after \\ one of \" \\ / b f n r t u")),
        };
        self.at += 1;
        Ok(c)
    }

    fn unicode_escape(&mut self, start: usize, pointer: &Pointer<'_>, sound: &mut bool) -> Result<char, Stop> {
        self.at += 1;
        let unit = self.hex4(pointer)?;
        if let Some(c) = char::from_u32(unit) {
            return Ok(c);
        }
        let after_first = self.at;
        if unit < 0xDC00 && self.text[self.at..].starts_with(b"\\u") {
            self.at += 2;
            let second = self.hex4(pointer)?;
            if (0xDC00..0xE000).contains(&second) {
                let c = 0x1_0000 + ((unit - 0xD800) << 10) + (second - 0xDC00);
                return Ok(char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            // Not the other half: read it again as a character of its own.
            self.at = after_first;
        }
        self.unsound(pointer, self.span_from(start), "has one half of a surrogate pair without the other", sound);
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex4(&mut self, pointer: &Pointer<'_>) -> Result<u32, Stop> {
        let mut unit = 0;
        for _ in 0..4 {
            let Some(digit) = self.peek().and_then(|byte| char::from(byte).to_digit(16)) else {
                return Err(self.syntax(pointer, "four hexadecimal digits after \\u"));
            };
            unit = unit * 16 + digit;
            self.at += 1;
        }
        Ok(unit)
    }
}

pub(super) const VALUE: &str = "a JSON value";
const NOT_UTF8: &str = "is not valid UTF-8 from here on";

fn exact_integer(text: &str) -> Option<Number> {
    if text == "-0" {
        // The sign would be lost.
        return Number::from_f64(-0.0);
    }
    text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from)).ok()
}

fn finite_float(text: &str) -> Option<Number> {
    text.parse().ok().and_then(Number::from_f64)
}

fn begins_with_broken_utf8(rest: &[u8]) -> bool {
    let first = &rest[..rest.len().min(4)];
    std::str::from_utf8(first)
        .is_err_and(|error| error.valid_up_to() == 0 && (error.error_len().is_some() || rest.len() < 4))
}
