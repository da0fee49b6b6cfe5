//! One expression, compiled: from a stranger's text to something that can be evaluated, or to everything that is wrong with it.

use super::bounds::{MAX_DEPTH, MAX_LENGTH};
use super::evaluate::evaluate;
use super::fault::{Fault, Wrong};
use super::item::Item;
use super::literal;
use super::meter::{Meter, Trouble};
use super::node::{self, Node};
use super::reference::{self, CONTEXT};
use super::scope::Scope;
use super::syntax;
use super::token::{self, Token};

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
        let references = reference::check(&node, text, scope, &mut faults);
        faults.iter_mut().for_each(|fault| meant(text, fault));
        Self::checked(text, node, references, faults)
    }

    /// Compiles a path over the output of the step that `scope` is at.
    ///
    /// # Errors
    /// As [`compile`](Self::compile).
    pub fn compile_path<'s>(text: &str, scope: &Scope<'s>) -> Result<Self, Vec<Fault<'s>>> {
        let (node, mut faults) = parse(text)?;
        reference::check_path(&node, text, scope, &mut faults);
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
        faults.dedup();
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

/// Values as JSON and as other languages write them, and as they are written here.
const VALUES: [(&str, &str); 12] = [
    ("true", "true"),
    ("false", "false"),
    ("null", "null"),
    ("True", "true"),
    ("False", "false"),
    ("None", "null"),
    ("TRUE", "true"),
    ("FALSE", "false"),
    ("NULL", "null"),
    ("Null", "null"),
    ("nil", "null"),
    ("undefined", "null"),
];

/// A field that the context does not have is mostly no field that was misspelt, but a value written as other languages do.
fn meant(text: &str, fault: &mut Fault<'_>) {
    let Wrong::NoField(CONTEXT, name, _) = &fault.wrong else { return };
    if text[fault.at.clone()].starts_with('"') {
        fault.wrong = Wrong::DoubleQuotes;
    } else if let Some((word, value)) = VALUES.into_iter().find(|(word, _)| word == name) {
        fault.wrong = Wrong::BareValue(word, value);
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
    if let Some(found) = token::gap(&tokens) {
        return Err(vec![syntax::gap(text, &tokens, found)]);
    }
    match jmespath::parse(text) {
        Ok(ast) => {
            let mut faults = Vec::new();
            let node = node::build(ast, &tokens, &mut faults);
            literal::check(text, &tokens, &mut faults);
            bare_values(text, &tokens, &mut faults);
            Ok((node, faults))
        }
        Err(error) => Err(vec![syntax::refused(text, &tokens, &error)]),
    }
}

/// Notes every side of a comparison that is `true`, `false` or `null` as such: a field of that name would stand in double quotes.
fn bare_values(text: &str, tokens: &[Token], faults: &mut Vec<Fault<'_>>) {
    let written = |token: Option<&Token>| token.map_or("", |token| &text[token.at.clone()]);
    let compares = |token: Option<&Token>| matches!(written(token), "==" | "!=" | "<" | "<=" | ">" | ">=");
    for (index, token) in tokens.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| tokens.get(before));
        let compared = compares(before) || compares(tokens.get(index + 1)) && written(before) != ".";
        let value = VALUES[..3].iter().find(|(word, _)| compared && *word == written(Some(token)));
        if let Some((word, value)) = value {
            faults.push(Fault { at: token.at.clone(), wrong: Wrong::BareValue(word, value) });
        }
    }
}
