//! Typed access to the fields of an object. Whatever is not as asked for is reported here, once, and comes back as `None`.

use std::fmt::{self, Display};
use std::ops::RangeInclusive;

use super::super::ids::IdError;
use super::super::json::{Kind, Member, Node, Pointer, Report, Span};
use super::spelling::{MeantField, MeantValue};

/// The fields that an object of the contract may have.
pub(super) struct Known {
    /// What the object is, with its article.
    pub(super) noun: &'static str,
    /// The fields that are understood.
    pub(super) fields: &'static [&'static str],
    /// The fields that the contract has and this release does not, each with what to say of it.
    pub(super) later: &'static [(&'static str, &'static str)],
}

/// An object of the contract.
pub(super) struct Object<'w, 'a> {
    pub(super) pointer: Pointer<'w>,
    span: Span,
    members: &'w [Member<'a>],
}

/// A field that is there.
pub(super) struct Field<'w, 'a> {
    pub(super) pointer: Pointer<'w>,
    pub(super) node: &'w Node<'a>,
}

impl<'w, 'a> Object<'w, 'a> {
    /// Takes the value of `field` for an object with `known` fields, and reports every other field of it.
    pub(super) fn open(field: &Field<'w, 'a>, known: &Known, report: &mut Report<'_>) -> Option<Self> {
        let members = field.members(report)?;
        for member in members {
            let key = &*member.key;
            if known.fields.contains(&key) {
                continue;
            }
            let pointer = field.pointer.key(key);
            match known.later.iter().find(|(name, _)| *name == key) {
                Some((_, what)) => report.add_allowing(&pointer, member.key_span, what, Names(known.fields)),
                None => {
                    let meant = MeantField { word: key, known: known.fields };
                    let what = format_args!("is not a field of {}{meant}", known.noun);
                    report.add_allowing(&pointer, member.key_span, what, Names(known.fields));
                }
            }
        }
        Some(Object { pointer: field.pointer, span: field.node.span, members })
    }

    /// The field `name`, if it is there.
    pub(super) fn optional(&'w self, name: &'w str) -> Option<Field<'w, 'a>> {
        let member = self.members.iter().find(|member| member.key == name)?;
        Some(Field { pointer: self.pointer.key(name), node: &member.node })
    }

    /// Reports that something is wrong with the field `name`, be it there or absent.
    pub(super) fn wrong(&self, report: &mut Report<'_>, name: &str, what: impl Display, allowed: Option<impl Display>) {
        let span = self.members.iter().find(|member| member.key == name).map_or(self.span, |member| member.node.span);
        match allowed {
            Some(allowed) => report.add_allowing(&self.pointer.key(name), span, what, allowed),
            None => report.add(&self.pointer.key(name), span, what),
        }
    }

    /// The field `name`, which must be there.
    pub(super) fn required(
        &'w self,
        name: &'w str,
        allowed: impl Display,
        report: &mut Report<'_>,
    ) -> Option<Field<'w, 'a>> {
        let field = self.optional(name);
        if field.is_none() {
            report.add_allowing(&self.pointer.key(name), self.span, "is missing", allowed);
        }
        field
    }
}

struct Names<'n>(&'n [&'n str]);

impl Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// An integer, in words.
pub(super) struct Bounds(pub(super) RangeInclusive<u64>);

impl Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.start(), self.0.end()) {
            (only, end) if only == end => write!(f, "the integer {only}"),
            (low, high) => write!(f, "an integer from {low} to {high}"),
        }
    }
}

impl<'w, 'a> Field<'w, 'a> {
    /// Reports that the value is wrong. It must not be quoted.
    pub(super) fn wrong(&self, report: &mut Report<'_>, what: impl Display, allowed: impl Display) {
        report.add_allowing(&self.pointer, self.node.span, what, allowed);
    }

    fn wrong_kind(&self, report: &mut Report<'_>, wanted: impl Display) {
        match &self.node.kind {
            // Reported by the reader.
            Kind::Unreadable => {}
            Kind::Null => self.wrong(report, "is null, which is not the same as absent", wanted),
            kind => self.wrong(report, format_args!("is {}", kind.noun()), wanted),
        }
    }

    pub(super) fn text(&self, report: &mut Report<'_>) -> Option<&'w str> {
        if let Kind::String(text) = &self.node.kind {
            return Some(text);
        }
        self.wrong_kind(report, "a string");
        None
    }

    /// A string that one of the name types takes.
    pub(super) fn name<T>(&self, parse: fn(&str) -> Result<T, IdError>, report: &mut Report<'_>) -> Option<T> {
        let name = parse(self.text(report)?);
        if let Err(error) = &name {
            self.wrong(report, "is not a valid name", error.allowed);
        }
        name.ok()
    }

    pub(super) fn integer(&self, bounds: RangeInclusive<u64>, report: &mut Report<'_>) -> Option<u64> {
        match &self.node.kind {
            Kind::Number(number) if !number.is_f64() => {
                let integer = number.as_u64().filter(|integer| bounds.contains(integer));
                if integer.is_none() {
                    self.wrong(report, "is out of bounds", Bounds(bounds));
                }
                integer
            }
            _ => {
                self.wrong_kind(report, Bounds(bounds));
                None
            }
        }
    }

    pub(super) fn flag(&self, report: &mut Report<'_>) -> Option<bool> {
        if let Kind::Bool(flag) = self.node.kind {
            return Some(flag);
        }
        self.wrong_kind(report, "true or false");
        None
    }

    /// A string out of a closed set.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)], report: &mut Report<'_>) -> Option<T> {
        let text = self.text(report)?;
        let chosen = choices.iter().find(|(name, _)| *name == text);
        if chosen.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let meant = MeantValue { word: text, known: &names };
            self.wrong(report, format_args!("is not an allowed value{meant}"), Names(&names));
        }
        chosen.map(|(_, value)| *value)
    }

    pub(super) fn members(&self, report: &mut Report<'_>) -> Option<&'w [Member<'a>]> {
        if let Kind::Object(members) = &self.node.kind {
            return Some(members);
        }
        self.wrong_kind(report, "an object");
        None
    }

    pub(super) fn items(&self, report: &mut Report<'_>) -> Option<&'w [Node<'a>]> {
        if let Kind::Array(items) = &self.node.kind {
            return Some(items);
        }
        self.wrong_kind(report, "an array");
        None
    }
}
