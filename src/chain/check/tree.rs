//! What is checked over the whole tree of chains, the nested ones included: who is whose ancestor, and which actions come twice.

use std::collections::BTreeMap;

use super::super::ids::{ActionId, ChainId, TenantName};
use super::super::json::{Kind, Node, Report};
use super::Catalogue;
use super::fields::Field;

/// The tree as far as it has been walked.
pub(super) struct Tree<'c> {
    pub(super) catalogue: &'c Catalogue,
    /// Whose calls they are.
    pub(super) tenant: &'c TenantName,
    chains: usize,
    /// Where each action comes first. That is enough: if it may come again after that, both are in a chain that allows it, and so is all
    /// that lies between them.
    seen: BTreeMap<ActionId, Occurrence>,
}

struct Occurrence {
    lineage: Vec<Link>,
    pointer: String,
}

/// One chain on the way from the outermost to a step.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Link {
    /// Which one it is in the tree.
    number: usize,
    /// Whether an action may be in it twice.
    repeats: bool,
}

/// A chain's place in the tree.
pub(super) struct Place {
    lineage: Vec<Link>,
    /// From the outermost to this one; a name that is invalid is left out.
    ancestors: Vec<ChainId>,
}

impl<'c> Tree<'c> {
    pub(super) fn new(catalogue: &'c Catalogue, tenant: &'c TenantName) -> Self {
        Self { catalogue, tenant, chains: 0, seen: BTreeMap::new() }
    }

    /// The place of the outermost chain.
    pub(super) fn root(&mut self, chain_id: Option<&ChainId>, repeats: bool) -> Place {
        Place { lineage: vec![self.link(repeats)], ancestors: chain_id.into_iter().cloned().collect() }
    }

    /// The place of a chain that is nested in the one at `parent`. Where the parent may have an action twice, so may it.
    pub(super) fn below(&mut self, parent: &Place, chain_id: Option<&ChainId>, repeats: bool) -> Place {
        let inherited = parent.lineage.last().is_some_and(|link| link.repeats);
        let lineage = parent.lineage.iter().copied().chain([self.link(repeats || inherited)]).collect();
        let ancestors = parent.ancestors.iter().chain(chain_id).cloned().collect();
        Place { lineage, ancestors }
    }

    fn link(&mut self, repeats: bool) -> Link {
        self.chains += 1;
        Link { number: self.chains, repeats }
    }

    /// The same action twice is how a chain becomes a loop of side effects; its author has to say that it is meant.
    pub(super) fn visit(&mut self, action: &ActionId, place: &Place, field: &Field<'_, '_>, report: &mut Report<'_>) {
        let Some(first) = self.seen.get(action) else {
            let first = Occurrence { lineage: place.lineage.clone(), pointer: field.pointer.render() };
            self.seen.insert(action.clone(), first);
            return;
        };
        if !may_repeat(&first.lineage, &place.lineage) {
            let what = format_args!("is the same as {}", first.pointer);
            field.wrong(report, what, "each action once, unless allow_repeated_actions is true");
        }
    }
}

/// Whether the innermost chain that has both allows it.
fn may_repeat(one: &[Link], other: &[Link]) -> bool {
    let common = one.iter().zip(other).take_while(|(one, other)| one.number == other.number);
    common.last().is_some_and(|(link, _)| link.repeats)
}

impl Place {
    /// Whether a chain of this name is this one, or one that it lies in.
    pub(super) fn is_within(&self, chain_id: &ChainId) -> bool {
        self.ancestors.contains(chain_id)
    }
}

/// How many steps the list `steps` has, those of nested chains counted.
pub(super) fn count(steps: &[Node<'_>]) -> usize {
    steps.iter().map(|step| 1 + nested(step).map_or(0, count)).sum()
}

fn nested<'n, 'a>(step: &'n Node<'a>) -> Option<&'n [Node<'a>]> {
    match &member(member(step, "chain")?, "steps")?.kind {
        Kind::Array(items) => Some(items),
        _ => None,
    }
}

pub(super) fn member<'n, 'a>(node: &'n Node<'a>, key: &str) -> Option<&'n Node<'a>> {
    match &node.kind {
        Kind::Object(members) => members.iter().find(|member| member.key == key).map(|member| &member.node),
        _ => None,
    }
}
