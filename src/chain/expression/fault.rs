//! What can be wrong with an expression, as far as the definition tells. Quotes nothing of it.

use std::fmt::{self, Display};
use std::ops::Range;

use super::super::outcome::StepStatus;
use super::bounds::{MAX_DEPTH, MAX_LENGTH};

/// One fault of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault<'s> {
    /// Where in the expression, in bytes.
    pub at: Range<usize>,
    /// What is wrong, as a phrase that follows a pointer.
    pub wrong: Wrong<'s>,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong<'s> {
    /// There is nothing in it.
    Empty,
    /// It has more bytes than [`MAX_LENGTH`].
    TooLong,
    /// It nests more deeply than [`MAX_DEPTH`].
    TooDeep,
    /// A quote is not closed.
    OpenQuote,
    /// It is not JMESPath; with what would be right there, where that can be told.
    Syntax(Option<&'static str>),
    /// A word or a sign that is an operator in other languages only: it, and what stands for it here.
    NoOperator(&'static str, &'static str),
    /// A name that is not plain, and not in double quotes.
    BareName,
    /// A name in square brackets.
    BracketName,
    /// A bracket that nothing closes: it, and what would.
    OpenBracket(&'static str, &'static str),
    /// The bracket of a call that nothing closes.
    OpenCall,
    /// The JSON in backticks breaks a rule.
    Literal {
        /// All of it, rather than a part.
        whole: bool,
        /// What is wrong, as a phrase.
        what: String,
        /// What would be right.
        allowed: Option<String>,
    },
    /// A call of no function.
    NoFunction(String),
    /// A call with too few or too many arguments.
    Arity(&'static str, usize, bool),
    /// An argument that must be a reference (`&…`) and is none.
    NoReference(&'static str),
    /// A reference (`&…`) where none may be.
    Reference,
    /// A field of a negation: `!a.b` is `(!a).b`, which is always null.
    Negation,
    /// A slice whose step is 0.
    StandingSlice,
    /// A name that the thing does not have: the thing, the name, and the names that it has.
    NoField(&'static str, String, Vec<&'s str>),
    /// A field of what has none: what that is, with its article.
    NoFields(&'static str),
    /// An index, a slice, a filter or `[*]` of what is no array: what that is, with its article.
    NoArray(&'static str),
    /// A step, or what is known of the run, where only another value can be seen: in a filter, a projection, or after a pipe.
    OutOfSight,
    /// The same in an `extract`.
    NotTheOutput,
    /// A text in double quotes, which JMESPath takes for a name.
    DoubleQuotes,
    /// `true`, `false` or `null` as such, or what other languages have for it, which JMESPath takes for a name: it, and the value.
    BareValue(&'static str, &'static str),
    /// A number as such, which JMESPath takes for an index only.
    BareNumber,
    /// The status of a step beside something that is none: the text, where it is one.
    NoStatus(Option<String>),
    /// `http_status` of a step, a number or null, beside something else.
    NoHttpStatus,
    /// A step that is not in sight: the name, and the steps that are.
    NoStep(String, Vec<&'s str>),
    /// The step itself, or one around it.
    Itself(Vec<&'s str>),
    /// A step that comes later.
    Later(Vec<&'s str>),
    /// A step that comes later, or is the step itself or one around it, and hides an earlier one of its name.
    Hides,
}

impl Wrong<'_> {
    /// What was written in the place of a known name, and the known names: so that whoever shows the fault can say which was meant.
    #[must_use]
    pub fn misspelt(&self) -> Option<(&str, Vec<&str>)> {
        match self {
            Self::NoFunction(word) => Some((word, super::function::names().collect())),
            Self::NoField(_, word, known) | Self::NoStep(word, known) => Some((word, known.clone())),
            Self::NoStatus(Some(word)) => Some((word, StepStatus::ALL.map(StepStatus::as_str).to_vec())),
            _ => None,
        }
    }

    /// What would be right, where that can be said.
    #[must_use]
    pub fn allowed(&self) -> Option<String> {
        match self {
            Self::Empty => Some("a JMESPath expression".to_owned()),
            Self::TooLong => Some(format!("at most {MAX_LENGTH} bytes")),
            Self::TooDeep => Some(format!("at most {MAX_DEPTH} levels of brackets, projections and negations")),
            Self::OpenQuote => Some("the same quote at its end".to_owned()),
            Self::Syntax(expected) => expected.map(str::to_owned),
            Self::NoOperator(_, right) => Some((*right).to_owned()),
            Self::BareName => Some(r#"double quotes around it: "my-key"; in JSON, each after a backslash"#.to_owned()),
            Self::BracketName => Some(
                r#"a dot before the name: a.b; one that is not plain stands in double quotes: a."my-key"; a filter begins with [?: a[?b]"#.to_owned(),
            ),
            Self::OpenCall => Some("`)`, or a comma and another argument".to_owned()),
            Self::OpenBracket(_, closing) => Some(format!("`{closing}`")),
            Self::Literal { allowed, .. } => allowed.clone(),
            Self::NoFunction(_) => Some(super::function::names().collect::<Vec<_>>().join(", ")),
            Self::Arity(_, 1, false) => Some("1 argument".to_owned()),
            Self::Arity(_, least, false) => Some(format!("{least} arguments")),
            Self::Arity(_, least, true) => Some(format!("at least {least}")),
            Self::NoReference(_) => Some("an expression after &, as in &name".to_owned()),
            Self::Reference => Some("& before an argument of map, sort_by, min_by and max_by only".to_owned()),
            Self::Negation => Some("brackets around what is negated: !(a.b)".to_owned()),
            Self::StandingSlice => Some("a step other than 0".to_owned()),
            Self::NoField("extracted", _, known) if known.is_empty() => {
                Some("nothing: the step has no extract".to_owned())
            }
            Self::NoField(super::reference::OUTPUTS, _, known) if known.is_empty() => {
                Some("nothing: no step of the nested chain has an extract".to_owned())
            }
            Self::NoField("the context", _, known) => {
                Some(format!("{}; a text stands in single quotes: 'text'", known.join(", ")))
            }
            Self::NoField(_, _, known) => Some(known.join(", ")),
            Self::NoFields(_) => Some("no name after it".to_owned()),
            Self::NoArray("the object of all steps") => {
                Some("the name of a step, as in steps.a; values(steps) for a list of them".to_owned())
            }
            Self::NoArray("an object") => Some("a name after a dot".to_owned()),
            Self::NoArray(_) => Some("no bracket after it".to_owned()),
            Self::OutOfSight => Some(
                "fields of that value, as JMESPath has no variables; its own steps or chain is @.steps, @.chain"
                    .to_owned(),
            ),
            Self::NotTheOutput => {
                Some("a path that begins at that output; its own steps or chain is @.steps, @.chain".to_owned())
            }
            Self::DoubleQuotes => Some("single quotes around a text: 'text'".to_owned()),
            Self::BareValue(_, word) => Some(format!("backticks around a value: `{word}`")),
            Self::NoStatus(_) => Some(StepStatus::ALL.map(|status| format!("'{}'", status.as_str())).join(", ")),
            Self::NoHttpStatus => Some("a number in backticks: `200`".to_owned()),
            Self::BareNumber => Some("backticks around a number: `1`".to_owned()),
            Self::Hides => Some("another id for one of the two".to_owned()),
            Self::NoStep(_, known) | Self::Itself(known) | Self::Later(known) => Some(match known.is_empty() {
                true => "nothing: no step comes earlier".to_owned(),
                false => format!("the steps before it: {}", known.join(", ")),
            }),
        }
    }
}

impl Display for Wrong<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("has an empty expression"),
            Self::TooLong => f.write_str("has an expression that is too long"),
            Self::TooDeep => f.write_str("has an expression that nests too deeply"),
            Self::OpenQuote => f.write_str("has an expression with a quote that is not closed"),
            Self::Syntax(_) => f.write_str("is not valid JMESPath from here on"),
            Self::NoOperator(word, _) => write!(f, "uses `{word}`, which is no operator of JMESPath"),
            Self::BareName => f.write_str("has a name that is not plain"),
            Self::BracketName => f.write_str("has a name in square brackets"),
            Self::OpenCall => f.write_str("has a `(` that is not closed"),
            Self::OpenBracket(bracket, _) => write!(f, "has a `{bracket}` that is not closed"),
            Self::Literal { whole: true, what, .. } => write!(f, "has a JSON literal that {what}"),
            Self::Literal { what, .. } => write!(f, "has a JSON literal, a part of which {what}"),
            Self::NoFunction(_) => f.write_str("calls an unknown function"),
            Self::Arity(name, ..) => write!(f, "calls {name} with the wrong number of arguments"),
            Self::NoReference(name) => write!(f, "calls {name} without an expression reference"),
            Self::Reference => f.write_str("has an expression reference that nothing takes"),
            Self::Negation => f.write_str("is looked up in a negation, since ! binds more tightly than a dot"),
            Self::StandingSlice => f.write_str("has a slice that never advances"),
            Self::NoField("extracted", ..) => f.write_str("refers to a name that the step does not extract"),
            Self::NoField(super::reference::OUTPUTS, ..) => {
                f.write_str("refers to no step of the nested chain that extracts anything")
            }
            Self::NoFields(thing) => write!(f, "refers to a field of {thing}"),
            Self::NoArray(thing) => write!(f, "takes {thing} for an array"),
            Self::OutOfSight => f.write_str(
                "looks for the run in another value: in a filter or projection and after | only its fields are seen",
            ),
            Self::NotTheOutput => f.write_str("refers to the run, and an extract is taken from the step's own output"),
            Self::NoField(thing, ..) => write!(f, "refers to an unknown field of {thing}"),
            Self::DoubleQuotes => f.write_str("takes what is in double quotes for the name of a field"),
            Self::BareValue(word, _) => write!(f, "takes {word} for the name of a field"),
            Self::NoStatus(_) => f.write_str("compares a step's status with what it never is"),
            Self::NoHttpStatus => f.write_str("compares http_status, a number, with something else"),
            Self::BareNumber => f.write_str("has a number where none can stand"),
            Self::NoStep(..) => f.write_str("refers to an unknown step"),
            Self::Itself(_) => f.write_str("refers to the step that it stands in"),
            Self::Later(_) => f.write_str("refers to a step that does not come earlier"),
            Self::Hides => f.write_str(
                "refers to the innermost step of this name, which does not come earlier and hides an outer one",
            ),
        }
    }
}
