//! What an expression is made of: the parser's tree in a form that is evaluated without running deep. What the parser nests to the left
//! (`a.b.c.d`, `a || b || c`) is a list in here.

use std::ops::Range;

use jmespath::Variable;
use jmespath::ast::{Ast, Comparator};
use serde_json::{Map, Value};

use super::fault::{Fault, Wrong};
use super::function::{Function, Input};
use super::syntax;
use super::token::Token;

/// A value, and what is done with it, step by step.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) head: Head,
    pub(super) links: Vec<Link>,
}

/// What a path begins with, seen from the current node.
#[derive(Debug, Clone)]
pub(super) enum Head {
    /// `@`
    Current,
    Field {
        name: String,
        /// Where it stands in the expression.
        at: Range<usize>,
    },
    Index(i32),
    Slice(Slice),
    Literal {
        value: Value,
        /// Where it stands in the expression.
        at: Range<usize>,
    },
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
    Not(Box<Node>),
    /// The arguments in order. A reference (`&…`) is the expression after the `&`.
    Call(Function, Vec<Node>),
}

/// `[start:stop:step]`
#[derive(Debug, Clone, Copy)]
pub(super) struct Slice {
    pub(super) start: Option<i32>,
    pub(super) stop: Option<i32>,
    /// Never 0.
    pub(super) step: i32,
}

/// What is done with the value so far.
#[derive(Debug, Clone)]
pub(super) enum Link {
    /// `.` or `|`: it becomes the current node.
    Then(Node),
    /// `||`
    Or(Node),
    /// `&&`
    And(Node),
    Compare(Comparator, Node),
    /// `[*]`: for every entry.
    Each(Node),
    /// `[?keep]`: for every entry for which `keep` is true.
    Filter {
        keep: Node,
        then: Node,
    },
    /// `[]`
    Flatten,
    /// `.*`
    Values,
}

/// Translates what the parser made of `tokens`, and notes what could never be evaluated.
pub(super) fn build(ast: Ast, tokens: &[Token], faults: &mut Vec<Fault<'_>>) -> Node {
    Builder { tokens, faults }.node(ast)
}

struct Builder<'b, 's> {
    tokens: &'b [Token],
    faults: &'b mut Vec<Fault<'s>>,
}

impl Builder<'_, '_> {
    /// Calls itself for what stands to the right and in brackets only, which is bounded; what stands to the left is taken apart in a
    /// loop.
    fn node(&mut self, ast: Ast) -> Node {
        let mut links = Vec::new();
        let mut left = ast;
        let head = loop {
            left = match left {
                Ast::Subexpr { lhs, rhs, .. } => {
                    links.push(Link::Then(self.node(*rhs)));
                    *lhs
                }
                Ast::Or { lhs, rhs, .. } => {
                    links.push(Link::Or(self.node(*rhs)));
                    *lhs
                }
                Ast::And { lhs, rhs, .. } => {
                    links.push(Link::And(self.node(*rhs)));
                    *lhs
                }
                Ast::Comparison { comparator, lhs, rhs, .. } => {
                    links.push(Link::Compare(comparator, self.node(*rhs)));
                    *lhs
                }
                Ast::Projection { lhs, rhs, .. } => {
                    links.push(self.projection(*rhs));
                    *lhs
                }
                Ast::Flatten { node, .. } => {
                    links.push(Link::Flatten);
                    *node
                }
                Ast::ObjectValues { node, .. } => {
                    links.push(Link::Values);
                    *node
                }
                other => break self.head(other),
            }
        };
        links.reverse();
        if let (Head::Not(_), Some(Link::Then(Node { head: Head::Field { at, .. }, .. }))) = (&head, links.first()) {
            self.fault(at.clone(), Wrong::Negation);
        }
        Node { head, links }
    }

    fn projection(&mut self, rhs: Ast) -> Link {
        match rhs {
            Ast::Condition { predicate, then, .. } => {
                Link::Filter { keep: self.node(*predicate), then: self.node(*then) }
            }
            rhs => Link::Each(self.node(rhs)),
        }
    }

    fn head(&mut self, ast: Ast) -> Head {
        match ast {
            Ast::Field { name, offset } => Head::Field { name, at: self.token(offset) },
            Ast::Index { idx, .. } => Head::Index(idx),
            Ast::Slice { step: 0, offset, .. } => {
                self.fault(offset..offset + 1, Wrong::StandingSlice);
                Head::Current
            }
            Ast::Slice { start, stop, step, .. } => Head::Slice(Slice { start, stop, step }),
            Ast::Literal { value, offset } => Head::Literal { value: literal(&value), at: self.token(offset) },
            Ast::MultiList { elements, .. } => Head::List(self.nodes(elements)),
            Ast::MultiHash { elements, .. } => {
                Head::Object(elements.into_iter().map(|pair| (pair.key, self.node(pair.value))).collect())
            }
            Ast::Not { node, .. } => Head::Not(Box::new(self.node(*node))),
            Ast::Function { name, args, offset } => self.call(&name, args, offset),
            Ast::Expref { offset, ast } => {
                self.fault(offset..offset + 1, Wrong::Reference);
                Head::Not(Box::new(self.node(*ast)))
            }
            // `@` is one; the others are taken apart by the callers.
            _ => Head::Current,
        }
    }

    fn nodes(&mut self, list: Vec<Ast>) -> Vec<Node> {
        list.into_iter().map(|ast| self.node(ast)).collect()
    }

    /// The call of `name`, whose opening bracket stands at `bracket`.
    fn call(&mut self, name: &str, args: Vec<Ast>, bracket: usize) -> Head {
        let before = self.tokens.iter().rev().find(|token| token.at.end <= bracket);
        let at = before.map_or(bracket..bracket + 1, |token| token.at.clone());
        let Some(function) = Function::named(name) else {
            self.fault(at, syntax::no_function(name));
            // What the arguments refer to is looked at nevertheless.
            return Head::List(self.nodes(args));
        };
        if !function.takes(args.len()) {
            let least = function.inputs().len();
            self.fault(at, Wrong::Arity(function.name(), least, function.is_variadic()));
            return Head::List(args.into_iter().map(|arg| self.dereferenced(arg).0).collect());
        }
        let mut nodes = Vec::new();
        for (index, arg) in args.into_iter().enumerate() {
            if function.input(index) == Input::Reference {
                let (node, is_reference) = self.dereferenced(arg);
                if !is_reference {
                    self.fault(at.clone(), Wrong::NoReference(function.name()));
                }
                nodes.push(node);
            } else {
                nodes.push(self.node(arg));
            }
        }
        Head::Call(function, nodes)
    }

    fn dereferenced(&mut self, ast: Ast) -> (Node, bool) {
        match ast {
            Ast::Expref { ast, .. } => (self.node(*ast), true),
            ast => (self.node(ast), false),
        }
    }

    fn token(&self, start: usize) -> Range<usize> {
        let found = self.tokens.binary_search_by_key(&start, |token| token.at.start);
        found.map_or(start..start + 1, |index| self.tokens[index].at.clone())
    }

    fn fault(&mut self, at: Range<usize>, wrong: Wrong<'static>) {
        self.faults.push(Fault { at, wrong });
    }
}

/// At most as deep as the JSON reader of the parser goes: 127 levels.
fn literal(variable: &Variable) -> Value {
    match variable {
        Variable::Null | Variable::Expref(_) => Value::Null,
        Variable::Bool(flag) => Value::Bool(*flag),
        Variable::Number(number) => Value::Number(number.clone()),
        Variable::String(text) => Value::String(text.clone()),
        Variable::Array(items) => Value::Array(items.iter().map(|item| literal(item)).collect()),
        Variable::Object(members) => {
            Value::Object(members.iter().map(|(key, value)| (key.clone(), literal(value))).collect::<Map<_, _>>())
        }
    }
}
