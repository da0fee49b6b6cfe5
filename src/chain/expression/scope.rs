//! Which steps an expression may name, as far as the definition tells.

/// A step's name as expressions use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The given id, else the default one.
    pub id: String,
    /// The names that its `extract` gives.
    pub extracted: Vec<String>,
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
