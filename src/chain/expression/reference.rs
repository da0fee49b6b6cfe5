//! What an expression refers to: a walk over it that knows what each part looks at, so that a name that does not exist is found before
//! anything is sent.

use std::collections::BTreeSet;
use std::ops::Range;

use jmespath::ast::Comparator;

use super::comparison;
use super::fault::{Fault, Wrong};
use super::function::{Function, Input};
use super::node::{Head, Link, Node};
use super::scope::{Lookup, Scope};
use super::view::View;

/// What the root is called in words.
pub(super) const CONTEXT: &str = "the context";
/// What the steps of a nested chain extracted.
pub(super) const OUTPUTS: &str = "outputs";
const ROOT: [&str; 2] = ["chain", "steps"];
const CHAIN: [&str; 3] = ["chain_id", "run_id", "tenant"];
const STEP: [&str; 4] = ["status", "output", "extracted", "http_status"];
const NESTED: [&str; 3] = ["final_status", "aggregated_responses", OUTPUTS];

/// Notes every name in `node` that `scope` does not have, and returns the ids of the steps that it refers to.
pub(super) fn check<'s>(node: &Node, text: &str, scope: &Scope<'s>, faults: &mut Vec<Fault<'s>>) -> Vec<String> {
    let mut walk =
        Walk { text, scope, faults, steps: BTreeSet::new(), all: false, named: 0, out_of_sight: Wrong::OutOfSight };
    let view = walk.node(node, &View::Root);
    walk.used_whole(&view);
    if walk.all {
        return scope.in_sight().into_iter().map(str::to_owned).collect();
    }
    walk.steps.into_iter().map(str::to_owned).collect()
}

/// The same for a path over the output of the step that `scope` is at.
pub(super) fn check_path<'s>(node: &Node, text: &str, scope: &Scope<'s>, faults: &mut Vec<Fault<'s>>) {
    let steps = BTreeSet::new();
    let output = scope.own().map_or(View::Anything, View::output);
    Walk { text, scope, faults, steps, all: false, named: 0, out_of_sight: Wrong::NotTheOutput }.node(node, &output);
}

struct Walk<'w, 's> {
    /// The expression.
    text: &'w str,
    scope: &'w Scope<'s>,
    faults: &'w mut Vec<Fault<'s>>,
    steps: BTreeSet<&'s str>,
    /// All steps in sight are looked at.
    all: bool,
    /// Where the last name ended that was looked up.
    named: usize,
    /// What is said of a reference that something else than the root is asked for.
    out_of_sight: Wrong<'s>,
}

impl<'s> Walk<'_, 's> {
    /// What is known of the value of `node`, seen from `current`. Its first name is not preceded by a dot.
    fn node(&mut self, node: &Node, current: &View<'s>) -> View<'s> {
        match self.out_of_sight(node, current) {
            Some(at) => self.fault(&at, self.out_of_sight.clone()),
            None => self.path(node, current),
        }
    }

    /// Where `node` names a step or a fact of the run, as one does at the root, and is looked up in something else. An element may have
    /// such a field, too, but hardly with the id of one of our steps; and its author can write `@.steps`.
    fn out_of_sight(&self, node: &Node, current: &View<'s>) -> Option<Range<usize>> {
        let (Head::Field { name, at }, Some(Link::Then(Node { head: Head::Field { name: of, at: end }, .. }))) =
            (&node.head, node.links.first())
        else {
            return None;
        };
        // Of the others it is said what fields they have.
        let is_value = !matches!(
            current,
            View::Root | View::Chain | View::Steps | View::MaybeSteps | View::Extracted(_) | View::Fields(_)
        );
        let is_meant = match name.as_str() {
            "steps" => self.scope.is_anywhere(of),
            "chain" => CHAIN.contains(&of.as_str()),
            _ => false,
        };
        (is_value && is_meant).then_some(at.start..end.end)
    }

    /// The same; it may go on after a dot, and its first name is a field for certain.
    fn path(&mut self, node: &Node, current: &View<'s>) -> View<'s> {
        let mut view = self.head(&node.head, current);
        for (index, link) in node.links.iter().enumerate() {
            view = self.link(link, &view, current);
            if let (Link::Compare(Comparator::Equal | Comparator::NotEqual, other), View::Root) = (link, current) {
                self.faults.extend(comparison::never((&node.head, &node.links[..index]), (&other.head, &other.links)));
            }
        }
        view
    }

    fn head(&mut self, head: &Head, current: &View<'s>) -> View<'s> {
        match head {
            Head::Current => current.clone(),
            Head::Field { name, at } => self.field(current, name, at),
            Head::Index(index) => self.array(current).at(*index),
            Head::Slice(_) => View::each(self.array(current).entry()),
            Head::Literal { .. } => View::Anything,
            Head::List(nodes) => View::List(nodes.iter().map(|node| self.whole(node, current)).collect()),
            Head::Object(members) => {
                View::Fields(members.iter().map(|(name, node)| (name.clone(), self.whole(node, current))).collect())
            }
            Head::Not(node) => {
                self.node(node, current);
                View::Anything
            }
            Head::Call(function, arguments) => self.call(*function, arguments, current),
        }
    }

    fn link(&mut self, link: &Link, view: &View<'s>, current: &View<'s>) -> View<'s> {
        match link {
            Link::Then(node) => {
                // What is picked out of the steps is noted; whatever else is done with them needs all.
                if !matches!(node.head, Head::Field { .. }) {
                    self.used_whole(view);
                }
                self.node(node, view)
            }
            Link::Or(node) => view.or(&self.node(node, current)),
            // When it is no value of `node`, it is a false one, and has no fields worth a name.
            Link::And(node) => self.node(node, current),
            Link::Compare(_, node) => {
                self.used_whole(view);
                self.whole(node, current);
                View::Anything
            }
            Link::Each(then) => {
                let entry = self.array(view).entry();
                View::each(self.path(then, &entry))
            }
            Link::Filter { keep, then } => {
                let entry = self.array(view).entry();
                self.node(keep, &entry);
                View::each(self.path(then, &entry))
            }
            Link::Flatten => self.array(view).flattened(),
            Link::Values => {
                self.used_whole(view);
                view.values()
            }
        }
    }

    fn call(&mut self, function: Function, arguments: &[Node], current: &View<'s>) -> View<'s> {
        let mut values = Vec::new();
        let mut reference = None;
        for (index, node) in arguments.iter().enumerate() {
            if function.input(index) == Input::Reference {
                reference = Some(node);
            } else {
                values.push(self.whole(node, current));
            }
        }
        let first = values.first().cloned().unwrap_or(View::Anything);
        let by = reference.map(|node| self.node(node, &first.entry()));
        match function {
            Function::Map => View::each(by.unwrap_or(View::Anything)),
            Function::MaxBy | Function::MinBy => first.entry(),
            Function::SortBy | Function::Reverse => View::each(first.entry()),
            Function::NotNull => values.iter().skip(1).fold(first, |known, view| known.or(view)),
            Function::Values => first.values(),
            // What has the steps in it has them by their names.
            Function::Merge if values.iter().any(|view| matches!(view, View::Steps | View::MaybeSteps)) => View::Steps,
            Function::ToArray if matches!(first, View::Steps) => View::each(first),
            _ => View::Anything,
        }
    }

    /// The value of a part that is used as it is.
    fn whole(&mut self, node: &Node, current: &View<'s>) -> View<'s> {
        let view = self.node(node, current);
        self.used_whole(&view);
        view
    }

    fn used_whole(&mut self, view: &View<'s>) {
        self.all |= matches!(view, View::Root | View::Steps | View::MaybeSteps);
    }

    /// The value, which is taken for an array.
    fn array(&mut self, view: &View<'s>) -> View<'s> {
        let Some(thing) = view.no_array() else { return view.clone() };
        let bracket = self.text[self.named..].find('[').map_or(self.named, |found| self.named + found);
        self.fault(&(bracket..bracket + 1), Wrong::NoArray(thing))
    }

    /// The field `name`, which stands `at` there.
    fn field(&mut self, view: &View<'s>, name: &str, at: &Range<usize>) -> View<'s> {
        self.named = at.end;
        match view {
            View::Root => match name {
                "chain" => View::Chain,
                "steps" => View::Steps,
                _ => self.fault(at, Wrong::NoField(CONTEXT, name.to_owned(), ROOT.to_vec())),
            },
            View::Chain if CHAIN.contains(&name) => View::Text,
            View::Chain => self.fault(at, Wrong::NoField("chain", name.to_owned(), CHAIN.to_vec())),
            View::Steps | View::MaybeSteps => match self.scope.look_up(name) {
                Lookup::Earlier(step) => {
                    self.steps.insert(&step.id);
                    View::Step(step)
                }
                Lookup::Itself | Lookup::Later if self.scope.is_hidden(name) => self.fault(at, Wrong::Hides),
                Lookup::Itself => self.fault(at, Wrong::Itself(self.scope.in_sight())),
                Lookup::Later => self.fault(at, Wrong::Later(self.scope.in_sight())),
                Lookup::Unknown => self.fault(at, Wrong::NoStep(name.to_owned(), self.scope.in_sight())),
            },
            View::Step(step) if name == "extracted" => View::Extracted(step),
            View::Step(step) if name == "output" => View::output(step),
            View::Step(_) | View::SomeStep if name == "status" => View::Text,
            View::Step(_) | View::SomeStep if name == "http_status" => View::Number,
            View::Step(_) | View::SomeStep if STEP.contains(&name) => View::Anything,
            View::Step(_) | View::SomeStep => self.fault(at, Wrong::NoField("a step", name.to_owned(), STEP.to_vec())),
            View::Extracted(step) if step.extracted.iter().any(|known| known == name) => View::Anything,
            View::Extracted(step) => {
                let known = step.extracted.iter().map(String::as_str).collect();
                self.fault(at, Wrong::NoField("extracted", name.to_owned(), known))
            }
            View::Nested(inner) => match name {
                "final_status" => View::Text,
                "aggregated_responses" => View::Anything,
                OUTPUTS => View::Outputs(inner),
                _ => self.fault(at, Wrong::NoField("the output of a nested chain", name.to_owned(), NESTED.to_vec())),
            },
            View::Outputs(inner) => {
                let mut taking = inner.iter().flatten().filter(|step| !step.extracted.is_empty());
                match taking.clone().find(|step| step.id == name) {
                    Some(step) => View::Extracted(step),
                    None => {
                        let known = taking.by_ref().map(|step| step.id.as_str()).collect();
                        self.fault(at, Wrong::NoField(OUTPUTS, name.to_owned(), known))
                    }
                }
            }
            View::Text | View::Number => {
                let thing = if matches!(view, View::Text) { "a text" } else { "a number" };
                self.fault(at, Wrong::NoFields(thing))
            }
            View::Fields(members) => {
                members.iter().rev().find(|(known, _)| known == name).map_or(View::Anything, |(_, view)| view.clone())
            }
            View::Anything | View::List(_) | View::Each(_) => View::Anything,
        }
    }

    fn fault(&mut self, at: &Range<usize>, wrong: Wrong<'s>) -> View<'s> {
        self.faults.push(Fault { at: at.clone(), wrong });
        View::Anything
    }
}
