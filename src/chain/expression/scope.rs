//! Which steps an expression may name, as far as the definition tells.

/// A step's name as expressions use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The given id, else the default one.
    pub id: String,
    /// The names that its `extract` gives.
    pub extracted: Vec<String>,
    /// The steps of the chain that is nested in it; none where it is a call.
    pub inner: Vec<Option<Name>>,
    /// Whether something else may take its place, whose output is not its own.
    pub has_fallback: bool,
}

impl Name {
    /// The steps of the nested chain whose output it leaves, whatever happens.
    #[must_use]
    pub fn nested(&self) -> Option<&[Option<Name>]> {
        (!self.inner.is_empty() && !self.has_fallback).then_some(&self.inner)
    }

    fn has(&self, id: &str) -> bool {
        self.id == id || self.inner.iter().flatten().any(|inner| inner.has(id))
    }
}

/// Where an expression stands: at one step of a chain, and, where that chain is nested, at one step of the chain around it.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    outer: Option<&'a Scope<'a>>,
    names: &'a [Option<Name>],
    at: usize,
}

/// What a name means there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// A step that comes earlier.
    Earlier(&'a Name),
    /// The step itself, or the one that its chain is nested in.
    Itself,
    /// A step that comes later.
    Later,
    /// No step in sight.
    Unknown,
}

impl<'a> Scope<'a> {
    /// At the step `at` of the chain whose steps are called `names`; `None` stands for a step whose id is invalid, which is reported
    /// elsewhere.
    #[must_use]
    pub fn new(outer: Option<&'a Scope<'a>>, names: &'a [Option<Name>], at: usize) -> Self {
        Self { outer, names, at }
    }

    /// What `id` means: it belongs to the innermost chain that has a step of that name.
    #[must_use]
    pub fn look_up(&self, id: &str) -> Lookup<'a> {
        let found = self.names.iter().position(|name| name.as_ref().is_some_and(|name| name.id == id));
        match (found, self.outer) {
            (Some(index), _) if index == self.at => Lookup::Itself,
            (Some(index), _) if index > self.at => Lookup::Later,
            (Some(index), _) => self.names[index].as_ref().map_or(Lookup::Unknown, Lookup::Earlier),
            (None, Some(outer)) => outer.look_up(id),
            (None, None) => Lookup::Unknown,
        }
    }

    /// The step that it stands at, unless its id is invalid.
    #[must_use]
    pub fn own(&self) -> Option<&'a Name> {
        self.names.get(self.at)?.as_ref()
    }

    /// Whether a step of any chain of the definition is called `id`, be it in sight or not.
    #[must_use]
    pub fn is_anywhere(&self, id: &str) -> bool {
        self.names.iter().flatten().any(|name| name.has(id)) || self.outer.is_some_and(|outer| outer.is_anywhere(id))
    }

    /// Whether an earlier step of a chain around it is called `id`, and cannot be named since a chain further in has a step of that
    /// name.
    #[must_use]
    pub fn is_hidden(&self, id: &str) -> bool {
        let found = self.names.iter().any(|name| name.as_ref().is_some_and(|name| name.id == id));
        self.outer.is_some_and(|outer| match found {
            true => matches!(outer.look_up(id), Lookup::Earlier(_)) || outer.is_hidden(id),
            false => outer.is_hidden(id),
        })
    }

    /// The ids that may be named, the innermost chain's first; each once.
    #[must_use]
    pub fn in_sight(&self) -> Vec<&'a str> {
        let mut ids: Vec<&'a str> = Vec::new();
        let mut scope = Some(*self);
        while let Some(here) = scope {
            let earlier = here.names.iter().take(here.at).flatten().map(|name| name.id.as_str());
            // What an inner chain has a step of is that chain's, whether it comes earlier there or not.
            for id in earlier.filter(|id| matches!(self.look_up(id), Lookup::Earlier(_))) {
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
            scope = here.outer.copied();
        }
        ids
    }
}
