//! What an expression looks at, as far as that can be told without a run: the root, the steps, one step, or anything.

use std::rc::Rc;

use super::scope::Name;

/// What a value is known to be.
#[derive(Debug, Clone)]
pub(super) enum View<'s> {
    /// Nobody knows: it is what a step left, or was made of it.
    Anything,
    /// `{"chain": …, "steps": …}`
    Root,
    /// `chain`
    Chain,
    /// `steps`
    Steps,
    /// `steps`, or something else.
    MaybeSteps,
    /// One step.
    Step(&'s Name),
    /// Some step.
    SomeStep,
    /// `extracted` of a step.
    Extracted(&'s Name),
    /// What a step leaves that has a chain of these steps.
    Nested(&'s [Option<Name>]),
    /// `outputs` of that.
    Outputs(&'s [Option<Name>]),
    /// A text.
    Text,
    /// A number, or `null`.
    Number,
    /// An array whose entries are known one by one.
    List(Rc<[View<'s>]>),
    /// An array whose entries are all such.
    Each(Rc<View<'s>>),
    /// An object whose members are known.
    Fields(Rc<[(String, View<'s>)]>),
}

impl<'s> View<'s> {
    /// What is known of what `step` leaves.
    pub(super) fn output(step: &'s Name) -> Self {
        step.nested().map_or(Self::Anything, Self::Nested)
    }

    /// What is known of a value that is either this or `other`.
    pub(super) fn or(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Root, Self::Root) => Self::Root,
            (Self::Chain, Self::Chain) => Self::Chain,
            (Self::Steps, Self::Steps) => Self::Steps,
            (Self::Step(a), Self::Step(b)) if a.id == b.id => Self::Step(a),
            (Self::Step(_) | Self::SomeStep, Self::Step(_) | Self::SomeStep) => Self::SomeStep,
            (Self::Extracted(a), Self::Extracted(b)) if a.id == b.id => Self::Extracted(a),
            // A name that is looked up in what may be the steps has to be one of them.
            (Self::Steps | Self::MaybeSteps, _) | (_, Self::Steps | Self::MaybeSteps) => Self::MaybeSteps,
            _ => Self::Anything,
        }
    }

    /// What is known of every entry of the array.
    pub(super) fn entry(&self) -> Self {
        match self {
            Self::List(views) => views
                .split_first()
                .map_or(Self::Anything, |(first, rest)| rest.iter().fold(first.clone(), |known, view| known.or(view))),
            Self::Each(view) => (**view).clone(),
            _ => Self::Anything,
        }
    }

    /// What is known of one entry.
    pub(super) fn at(&self, index: i32) -> Self {
        let Self::List(views) = self else { return self.entry() };
        let index = usize::try_from(index)
            .ok()
            .or_else(|| views.len().checked_sub(usize::try_from(index.unsigned_abs()).ok()?));
        index.and_then(|index| views.get(index)).cloned().unwrap_or(Self::Anything)
    }

    /// What is known of it after `[]`.
    pub(super) fn flattened(&self) -> Self {
        match self.entry() {
            inner @ (Self::List(_) | Self::Each(_)) => Self::each(inner.entry()),
            entry => Self::each(entry),
        }
    }

    /// What is known of the list of its members.
    pub(super) fn values(&self) -> Self {
        match self {
            Self::Steps | Self::MaybeSteps => Self::each(Self::SomeStep),
            Self::Fields(members) => Self::List(members.iter().map(|(_, view)| view.clone()).collect()),
            _ => Self::each(Self::Anything),
        }
    }

    /// What it is, with its article, where that is certainly no array.
    pub(super) fn no_array(&self) -> Option<&'static str> {
        match self {
            Self::Anything | Self::MaybeSteps | Self::List(_) | Self::Each(_) => None,
            Self::Text => Some("a text"),
            Self::Number => Some("a number"),
            Self::Steps => Some("the object of all steps"),
            _ => Some("an object"),
        }
    }

    pub(super) fn each(view: Self) -> Self {
        Self::Each(Rc::new(view))
    }
}
