//! The tokens of JMESPath, as far as they must be known before its parser may be let loose on a stranger's text: where an expression
//! ends, and how deeply it nests.

use std::ops::Range;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name, or one in double quotes.
    Name,
    /// A string in single quotes, a JSON value in backticks, or the current node (`@`).
    Value,
    /// An integer, which is an index or a part of a slice.
    Number,
    /// `(`, `{`, `[` or `[?`
    Open,
    /// `)`, `}` or `]`
    Close,
    /// `*`, `[]` or `!`: the parser calls itself for what follows, up to the next operator.
    Recursive,
    /// `&`: the same, up to the next comma.
    Reference,
    /// `,`
    Comma,
    /// `|`, `||`, `&&` or a comparison.
    Operator,
    /// Whatever else.
    Other,
}

/// A token and its place, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: Range<usize>,
}

/// A quote that nothing closes, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Unclosed(pub(in super::super) usize);

/// Where the expression that begins at `start` ends: at the first `}}` outside of its own quotes and braces.
///
/// # Errors
/// [`Unclosed`] with the quote that was opened and not closed, or with `start`.
pub(in super::super) fn end(text: &str, start: usize) -> Result<usize, Unclosed> {
    let mut at = start;
    let mut braces = 0usize;
    loop {
        at = after_space(text, at);
        if braces == 0 && text[at..].starts_with("}}") {
            return Ok(at);
        }
        let token = next(text, at)?.ok_or(Unclosed(start))?;
        match &text[token.at.clone()] {
            "{" => braces += 1,
            "}" => braces = braces.saturating_sub(1),
            _ => {}
        }
        at = token.at.end;
    }
}

/// All tokens of an expression.
///
/// # Errors
/// [`Unclosed`]
pub(super) fn all(text: &str) -> Result<Vec<Token>, Unclosed> {
    let mut tokens: Vec<Token> = Vec::new();
    while let Some(token) = next(text, tokens.last().map_or(0, |token| token.at.end))? {
        tokens.push(token);
    }
    Ok(tokens)
}

/// How deeply the parser, and whoever walks what it makes, has to call itself for these tokens: at most by a few for each open bracket,
/// and for each projection, negation and reference that what stands here is a part of.
pub(super) fn depth(tokens: &[Token]) -> usize {
    let mut deepest = 0;
    let mut depth = 0usize;
    // Of each open bracket, the depth outside of it; then the depth that the next operator goes back to.
    let mut outside: Vec<(usize, usize)> = Vec::new();
    let mut base = 0usize;
    for token in tokens {
        match token.kind {
            Kind::Open => {
                outside.push((depth, base));
                depth += 1;
                base = depth;
            }
            // What was in brackets may be a projection, which the rest of the path is then a part of.
            Kind::Close => {
                (depth, base) = outside.pop().unwrap_or_default();
                depth += 1;
            }
            Kind::Recursive => depth += 1,
            Kind::Reference => {
                depth += 1;
                base = depth;
            }
            Kind::Operator => depth = base,
            Kind::Comma => {
                base = outside.last().map_or(0, |(depth, _)| depth + 1);
                depth = base;
            }
            Kind::Name | Kind::Value | Kind::Number | Kind::Other => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// The first token of a value that follows another value with nothing in between. The parser takes `[a b]` for `[a, b]`.
pub(super) fn gap(tokens: &[Token]) -> Option<usize> {
    let found = tokens.windows(2).position(|pair| {
        let ends = matches!(pair[0].kind, Kind::Name | Kind::Value | Kind::Number | Kind::Close);
        let begins = matches!(pair[1].kind, Kind::Name | Kind::Value | Kind::Number | Kind::Reference);
        ends && begins
    });
    found.map(|found| found + 1)
}

fn after_space(text: &str, at: usize) -> usize {
    let rest = text[at..].trim_start_matches([' ', '\t', '\n', '\r']);
    text.len() - rest.len()
}

fn next(text: &str, at: usize) -> Result<Option<Token>, Unclosed> {
    let start = after_space(text, at);
    let rest = &text[start..];
    let Some(first) = rest.chars().next() else { return Ok(None) };
    let two = rest.as_bytes().get(..2).unwrap_or_default();
    let (kind, length) = match (first, two) {
        ('a'..='z' | 'A'..='Z' | '_', _) => (Kind::Name, run(rest, |c| c.is_ascii_alphanumeric() || c == '_')),
        ('0'..='9', _) => (Kind::Number, run(rest, |c| c.is_ascii_digit())),
        ('-', _) => (Kind::Number, 1 + run(&rest[1..], |c| c.is_ascii_digit())),
        ('"', _) => (Kind::Name, quoted(rest).ok_or(Unclosed(start))?),
        ('\'' | '`', _) => (Kind::Value, quoted(rest).ok_or(Unclosed(start))?),
        ('@', _) => (Kind::Value, 1),
        (_, b"[]") => (Kind::Recursive, 2),
        (_, b"[?") => (Kind::Open, 2),
        (_, b"!=" | b"&&" | b"||" | b"==" | b"<=" | b">=") => (Kind::Operator, 2),
        ('|' | '<' | '>', _) => (Kind::Operator, 1),
        ('*' | '!', _) => (Kind::Recursive, 1),
        ('&', _) => (Kind::Reference, 1),
        ('(' | '[' | '{', _) => (Kind::Open, 1),
        (')' | ']' | '}', _) => (Kind::Close, 1),
        (',', _) => (Kind::Comma, 1),
        (other, _) => (Kind::Other, other.len_utf8()),
    };
    Ok(Some(Token { kind, at: start..start + length }))
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

/// The length of what stands in the quotes that `text` begins with, both included; a backslash takes the character after it along.
fn quoted(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        at += match byte {
            b'\\' => 2,
            byte if *byte == bytes[0] => return Some(at + 1),
            _ => 1,
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of the first expression of `text`, which begins with it.
    fn first(text: &str) -> Option<&str> {
        end(text, 0).ok().map(|end| &text[..end])
    }

    #[test]
    fn an_expression_ends_at_the_first_braces_that_are_not_its_own() {
        for (text, expression) in [
            ("a}} b }}", "a"),
            (" a }}", " a "),
            ("{a: b}}}", "{a: b}"),
            ("{a: {b: c}}}}", "{a: {b: c}}"),
            ("{a: {b: c}} }}", "{a: {b: c}} "),
            ("'}}' }}", "'}}' "),
            (r"'it\'s }}' }}", r"'it\'s }}' "),
            (r#""}}".a }}"#, r#""}}".a "#),
            (r#""\"}}" }}"#, r#""\"}}" "#),
            ("`{\"a\": {}}` }}", "`{\"a\": {}}` "),
            (r"`\`}}` }}", r"`\`}}` "),
            ("'${{' }}", "'${{' "),
            ("a}}}", "a"),
            ("}}", ""),
            ("ü😀}}", "ü😀"),
        ] {
            assert_eq!(first(text), Some(expression), "{text}");
        }
    }

    #[test]
    fn what_does_not_end_says_where_it_began() {
        for (text, at) in [
            ("a", 0),
            ("a }", 0),
            ("", 0),
            ("{a: b}}", 0),
            ("a.'b }}", 2),
            ("\"b }}", 0),
            ("x == `1 }}", 5),
            ("'\\", 0),
        ] {
            assert_eq!(end(text, 0), Err(Unclosed(at)), "{text}");
        }
    }

    #[test]
    fn depth_counts_what_the_parser_calls_itself_for() {
        for (text, deep) in [
            ("a.b.c | d || e", 0),
            ("[a, b, c]", 1),
            ("[[a], [[b]]]", 3),
            ("a[*][*][*]", 4),
            ("a[?b[?c]]", 2),
            ("a[][]", 2),
            ("!!a", 2),
            ("*.*", 2),
            ("[a[*], b[*]]", 3),
            ("map(&a, @)", 2),
            ("map(&!a || !b, @)", 3),
            ("!a || !b && !c | !d == !e", 1),
            ("f(a) && f(b) && f(c)", 1),
            ("a[*] | b[*] | c[*]", 2),
        ] {
            assert_eq!(depth(&all(text).unwrap()), deep, "{text}");
        }
    }

    #[test]
    fn values_side_by_side_are_a_gap() {
        for (text, at) in [
            ("a b", 2..3),
            ("[a b]", 3..4),
            ("a.b 'c'", 4..7),
            ("a[0] b", 5..6),
            ("a `1`", 2..5),
            ("@ @", 2..3),
            ("f(a &b)", 4..5),
        ] {
            let tokens = all(text).unwrap();
            assert_eq!(gap(&tokens).map(|found| tokens[found].at.clone()), Some(at), "{text}");
        }
        for text in ["a.b", "a[0]", "f(a, b)", "a == 'b'", "a[?b].c", "{a: b}", "a || !b", "[0]", "a[1:2:-1]", "a[*].b"]
        {
            assert_eq!(gap(&all(text).unwrap()), None, "{text}");
        }
    }
}
