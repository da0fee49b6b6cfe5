//! JMESPath, evaluated: every node that is visited, and every entry that is passed on, is paid for.

use std::collections::BTreeMap;
use std::rc::Rc;

use jmespath::ast::Comparator;

use super::call;
use super::item::Item;
use super::meter::{Meter, Trouble};
use super::node::{Head, Link, Node, Slice};

/// The value of `node`, seen from `current`. Calls itself as deep as the expression nests, which is bounded.
pub(super) fn evaluate<'e>(node: &'e Node, current: &Item<'e>, meter: &mut Meter) -> Result<Item<'e>, Trouble> {
    let mut value = head(&node.head, current, meter)?;
    for link in &node.links {
        value = follow(link, value, current, meter)?;
    }
    Ok(value)
}

fn head<'e>(head: &'e Head, current: &Item<'e>, meter: &mut Meter) -> Result<Item<'e>, Trouble> {
    meter.work(1)?;
    Ok(match head {
        Head::Current => current.clone(),
        Head::Field { name, .. } => current.field(name),
        Head::Index(index) => match position(*index, current.len()) {
            Some(index) => current.at(index),
            None => Item::Null,
        },
        Head::Slice(slice) => sliced(current, *slice, meter)?,
        Head::Literal { value, .. } => Item::from(value),
        Head::List(_) | Head::Object(_) if current.is_null() => Item::Null,
        Head::List(nodes) => {
            let items: Result<Vec<Item>, Trouble> = nodes.iter().map(|node| evaluate(node, current, meter)).collect();
            Item::list(items?)
        }
        Head::Object(fields) => {
            let mut members = BTreeMap::new();
            for (name, node) in fields {
                meter.work(2)?;
                members.insert(name.as_str(), evaluate(node, current, meter)?);
            }
            meter.work(8)?;
            Item::Fields(Rc::new(members))
        }
        Head::Not(node) => Item::Bool(!evaluate(node, current, meter)?.is_true()),
        Head::Call(function, arguments) => call::call(*function, arguments, current, meter)?,
    })
}

fn follow<'e>(link: &'e Link, value: Item<'e>, current: &Item<'e>, meter: &mut Meter) -> Result<Item<'e>, Trouble> {
    match link {
        Link::Then(node) => evaluate(node, &value, meter),
        Link::Or(node) if !value.is_true() => evaluate(node, current, meter),
        Link::And(node) if value.is_true() => evaluate(node, current, meter),
        Link::Or(_) | Link::And(_) => Ok(value),
        Link::Compare(comparator, node) => {
            let other = evaluate(node, current, meter)?;
            compared(comparator, &value, &other, meter)
        }
        Link::Each(node) => projected(&value, None, node, meter),
        Link::Filter { keep, then } => projected(&value, Some(keep), then, meter),
        Link::Flatten => flattened(&value, meter),
        Link::Values if value.is_object() => values(&value, meter),
        Link::Values => Ok(Item::Null),
    }
}

/// `then` of every entry of an array for which `keep` is true, without the nulls.
fn projected<'e>(
    array: &Item<'e>,
    keep: Option<&'e Node>,
    then: &'e Node,
    meter: &mut Meter,
) -> Result<Item<'e>, Trouble> {
    if !array.is_array() {
        return Ok(Item::Null);
    }
    let mut collected = Vec::new();
    for entry in array.entries() {
        meter.work(1)?;
        if let Some(keep) = keep
            && !evaluate(keep, &entry, meter)?.is_true()
        {
            continue;
        }
        let value = evaluate(then, &entry, meter)?;
        if !value.is_null() {
            collected.push(value);
        }
    }
    Ok(Item::list(collected))
}

fn flattened<'e>(array: &Item<'e>, meter: &mut Meter) -> Result<Item<'e>, Trouble> {
    if !array.is_array() {
        return Ok(Item::Null);
    }
    let mut collected = Vec::new();
    for entry in array.entries() {
        meter.work(1 + entry.len())?;
        if entry.is_array() {
            collected.extend(entry.entries());
        } else {
            collected.push(entry);
        }
    }
    Ok(Item::list(collected))
}

/// The values of an object, in the order of their names.
pub(super) fn values<'e>(object: &Item<'e>, meter: &mut Meter) -> Result<Item<'e>, Trouble> {
    meter.work(object.len())?;
    Ok(Item::list(object.members().map(|(_, value)| value).collect()))
}

fn compared<'e>(comparator: &Comparator, a: &Item<'e>, b: &Item<'e>, meter: &mut Meter) -> Result<Item<'e>, Trouble> {
    let ordered = || if a.number().is_some() { a.order(b) } else { None };
    let verdict = match comparator {
        Comparator::Equal => Some(a.equals(b, meter)?),
        Comparator::NotEqual => Some(!a.equals(b, meter)?),
        Comparator::LessThan => ordered().map(std::cmp::Ordering::is_lt),
        Comparator::LessThanEqual => ordered().map(std::cmp::Ordering::is_le),
        Comparator::GreaterThan => ordered().map(std::cmp::Ordering::is_gt),
        Comparator::GreaterThanEqual => ordered().map(std::cmp::Ordering::is_ge),
    };
    // Only numbers have an order.
    Ok(verdict.map_or(Item::Null, Item::Bool))
}

/// Where the entry `index` of an array of `length` entries is; a negative one counts from the end.
fn position(index: i32, length: usize) -> Option<usize> {
    match usize::try_from(index) {
        Ok(index) => Some(index),
        Err(_) => length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
    }
}

/// As in Python: <https://jmespath.org/specification.html#slices>.
fn sliced<'e>(array: &Item<'e>, slice: Slice, meter: &mut Meter) -> Result<Item<'e>, Trouble> {
    if !array.is_array() {
        return Ok(Item::Null);
    }
    let length = i64::try_from(array.len()).unwrap_or(i64::MAX);
    let (low, high) = if slice.step > 0 { (0, length) } else { (-1, length - 1) };
    let bounded = |end: i32| {
        let end = i64::from(end);
        (if end < 0 { end + length } else { end }).clamp(low, high)
    };
    let (first, last) = if slice.step > 0 { (low, high) } else { (high, low) };
    let stop = slice.stop.map_or(last, bounded);
    let mut at = slice.start.map_or(first, bounded);
    let mut items = Vec::new();
    while if slice.step > 0 { at < stop } else { at > stop } {
        meter.work(1)?;
        items.push(array.at(usize::try_from(at).unwrap_or(usize::MAX)));
        at += i64::from(slice.step);
    }
    Ok(Item::list(items))
}
