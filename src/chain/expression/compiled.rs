//! One expression, compiled: from a stranger's text to something that can be evaluated, or to everything that is wrong with it.

use jmespath::{ErrorReason, JmespathError};

use super::bounds::{MAX_DEPTH, MAX_LENGTH};
use super::evaluate::evaluate;
use super::fault::{Fault, Wrong};
use super::item::Item;
use super::meter::{Meter, Trouble};
use super::node::{self, Node};
use super::reference::{self, CONTEXT};
use super::scope::Scope;
use super::token::{self, Kind, Token};

/// A JMESPath expression that can be evaluated. Two are equal when their texts are.
#[derive(Clone)]
pub struct Expression {
    text: String,
    node: Node,
    references: Vec<String>,
}

impl Expression {
    /// Compiles an expression over the context of a run. Where it stands in a longer text, `text` is the expression alone.
    ///
    /// # Errors
    /// Every [`Fault`] of it that can be told without a run.
    pub fn compile<'s>(text: &str, scope: &Scope<'s>) -> Result<Self, Vec<Fault<'s>>> {
        let (node, mut faults) = parse(text)?;
        let references = reference::check(&node, scope, &mut faults);
        faults.iter_mut().for_each(|fault| meant(text, fault));
        Self::checked(text, node, references, faults)
    }

    /// Compiles a path over a step's output.
    ///
    /// # Errors
    /// As [`compile`](Self::compile).
    pub fn compile_path(text: &str) -> Result<Self, Vec<Fault<'static>>> {
        let (node, faults) = parse(text)?;
        Self::checked(text, node, Vec::new(), faults)
    }

    fn checked<'s>(
        text: &str,
        node: Node,
        references: Vec<String>,
        mut faults: Vec<Fault<'s>>,
    ) -> Result<Self, Vec<Fault<'s>>> {
        if faults.is_empty() {
            return Ok(Self { text: text.to_owned(), node, references });
        }
        faults.sort_by_key(|fault| fault.at.start);
        Err(faults)
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The ids of the steps whose values it looks at.
    #[must_use]
    pub fn references(&self) -> &[String] {
        &self.references
    }

    pub(super) fn evaluate<'e>(&'e self, current: &Item<'e>, meter: &mut Meter) -> Result<Item<'e>, Trouble> {
        evaluate(&self.node, current, meter)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Expression").field(&self.text).finish()
    }
}

/// A field that the context does not have is mostly no field that was misspelt, but a value written as other languages do.
fn meant(text: &str, fault: &mut Fault<'_>) {
    const VALUES: [&str; 3] = ["true", "false", "null"];
    let Wrong::NoField(CONTEXT, name, _) = &fault.wrong else { return };
    if text[fault.at.clone()].starts_with('"') {
        fault.wrong = Wrong::DoubleQuotes;
    } else if let Some(word) = VALUES.into_iter().find(|word| word == name) {
        fault.wrong = Wrong::BareValue(word);
    }
}

/// The bounds come before the parser: it, and the drop of what it makes, call themselves as deep as the text says.
fn parse<'s>(text: &str) -> Result<(Node, Vec<Fault<'s>>), Vec<Fault<'s>>> {
    let fault = |at, wrong| Err(vec![Fault { at, wrong }]);
    if text.len() > MAX_LENGTH {
        return fault(0..text.len(), Wrong::TooLong);
    }
    let tokens = match token::all(text) {
        Ok(tokens) => tokens,
        Err(token::Unclosed(at)) => return fault(at..at + 1, Wrong::OpenQuote),
    };
    if tokens.is_empty() {
        return fault(0..text.len(), Wrong::Empty);
    }
    if token::depth(&tokens) > MAX_DEPTH {
        return fault(0..text.len(), Wrong::TooDeep);
    }
    if let Some(at) = token::gap(&tokens) {
        return fault(at, Wrong::Syntax(Some("an operator, a dot or a comma before it")));
    }
    match jmespath::parse(text) {
        Ok(ast) => {
            let mut faults = Vec::new();
            let node = node::build(ast, &tokens, &mut faults);
            Ok((node, faults))
        }
        Err(error) => {
            let start = error.offset.min(text.len());
            let found = tokens.iter().position(|token| token.at.end > start);
            let at = found.map_or(text.len()..text.len(), |found| tokens[found].at.clone());
            let wrong = match found.is_some_and(|found| is_operand(text, &tokens, found)) {
                true => Wrong::BareNumber,
                false => Wrong::Syntax(expected(&error)),
            };
            fault(at, wrong)
        }
    }
}

/// Whether it is a number, and no part of an index or a slice.
fn is_operand(text: &str, tokens: &[Token], found: usize) -> bool {
    let before = found.checked_sub(1).map(|before| &tokens[before]);
    let begins = before.is_none_or(|before| {
        matches!(before.kind, Kind::Operator | Kind::Comma) || text[before.at.clone()].ends_with('(')
    });
    tokens[found].kind == Kind::Number && begins
}

/// What the parser would have taken. Its own words quote the text, so they are only looked at.
fn expected(error: &JmespathError) -> Option<&'static str> {
    const SAID: [(&str, &str); 22] = [
        ("Did not parse the complete expression", "an operator, or the end"),
        ("Quoted strings can't be a function name", "a function name without quotes"),
        ("Expected '}' or ','", "} or a comma"),
        ("Expected ')' to close '('", ")"),
        ("Expected number, ':', or '*'", "an index, a slice or *"),
        ("Expected number, ':', or ']'", "a number, a colon or ]"),
        ("Expected ':', or ']'", "a colon or ]"),
        ("Too many colons in slice expr", "at most two colons in a slice"),
        ("Invalid function name", "the name of a function before the bracket"),
        ("Expected ':' to follow key", "a colon after the key"),
        ("Expected Field to start key value pair", "a key: a name, in double quotes where it is not plain"),
        ("Expected identifier, '*', '{', '[', '&', or '[?'", "after the dot a name, *, [ or {"),
        ("Expected '.', '[', or '[?'", "., [ or [?, or the end"),
        ("invalid token after ','", "another entry after the comma"),
        ("Unable to parse literal JSON", "JSON between the backticks; a string is '…'"),
        ("Unable to parse quoted identifier", "a name as JSON writes a string"),
        ("'=' is not valid", "== to compare"),
        ("'-' must be followed", "a negative index; a name with a hyphen stands in double quotes"),
        ("Expected valid number", "an index of at most 2147483647"),
        ("Invalid character", "names, operators and quotes of JMESPath; other names stand in double quotes"),
        ("Unexpected nud token", "a value: a name, '…', `…`, @, ( or a function"),
        ("Unexpected led token", "an operator, or the end"),
    ];
    let ErrorReason::Parse(said) = &error.reason else { return None };
    SAID.iter().find(|(phrase, _)| said.starts_with(phrase)).map(|(_, expected)| *expected)
}
