//! The functions of JMESPath, carried out.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Number;

use super::evaluate::{evaluate, values};
use super::function::{Function, Input};
use super::item::Item;
use super::meter::{Meter, Trouble};
use super::node::Node;
use super::number;

/// The value of the call of `function` with `arguments`, of which there are as many as it takes.
pub(super) fn call<'e>(
    function: Function,
    arguments: &'e [Node],
    current: &Item<'e>,
    meter: &mut Meter,
) -> Result<Item<'e>, Trouble> {
    let mut values = Vec::new();
    let mut reference = None;
    for (index, node) in arguments.iter().enumerate() {
        let input = function.input(index);
        if input == Input::Reference {
            reference = Some(node);
            continue;
        }
        let value = evaluate(node, current, meter)?;
        if !is(&value, input, meter)? {
            return Err(Trouble::Kind { function: function.name(), wanted: input.noun(), got: value.noun() });
        }
        values.push(value);
    }
    match (values.as_slice(), reference) {
        ([array], Some(by)) => by_reference(function, array, by, meter),
        ([first, rest @ ..], _) => direct(function, first, rest, meter),
        // The number of arguments was checked with the definition.
        ([], _) => Ok(Item::Null),
    }
}

fn is(value: &Item<'_>, input: Input, meter: &mut Meter) -> Result<bool, Trouble> {
    let mut all = |wanted: fn(&Item<'_>) -> bool| {
        meter.work(value.len())?;
        Ok(value.is_array() && value.entries().all(|entry| wanted(&entry)))
    };
    Ok(match input {
        Input::Any | Input::Reference => true,
        Input::Number => value.number().is_some(),
        Input::Text => value.text().is_some(),
        Input::Array => value.is_array(),
        Input::Object => value.is_object(),
        Input::Sequence => value.is_array() || value.text().is_some(),
        Input::Sized => value.is_array() || value.is_object() || value.text().is_some(),
        Input::Numbers => all(|entry| entry.number().is_some())?,
        Input::Texts => all(|entry| entry.text().is_some())?,
        Input::Ordered => all(|entry| entry.number().is_some())? || all(|entry| entry.text().is_some())?,
    })
}

fn direct<'e>(function: Function, first: &Item<'e>, rest: &[Item<'e>], meter: &mut Meter) -> Result<Item<'e>, Trouble> {
    let second = rest.first().unwrap_or(&Item::Null);
    // What is not a string or a number here was refused before.
    let text = first.text().unwrap_or_default();
    let other = second.text().unwrap_or_default();
    let round = |round: fn(f64) -> f64| on_number(first, |number| number::rounded(number, round));
    Ok(match function {
        Function::Abs => on_number(first, number::absolute)?,
        Function::Ceil => round(f64::ceil)?,
        Function::Floor => round(f64::floor)?,
        Function::Sum => Item::Number(number::sum(numbers(first, meter)?.iter())?),
        Function::Avg => {
            let numbers = numbers(first, meter)?;
            let count = u32::try_from(numbers.len()).map_err(|_| Trouble::TooMuchWork)?;
            number::mean(numbers.iter(), count)?.map_or(Item::Null, Item::Number)
        }
        Function::Contains => Item::Bool(contains(first, second, meter)?),
        Function::StartsWith => {
            meter.text(other.len())?;
            Item::Bool(text.starts_with(other))
        }
        Function::EndsWith => {
            meter.text(other.len())?;
            Item::Bool(text.ends_with(other))
        }
        Function::Join => joined(text, second, meter)?,
        Function::Keys => {
            meter.work(first.len())?;
            Item::list(first.members().map(|(name, _)| Item::Text(name)).collect())
        }
        Function::Values => values(first, meter)?,
        Function::Length => {
            meter.text(text.len())?;
            let length = if first.text().is_some() { text.chars().count() } else { first.len() };
            Item::Number(Number::from(length))
        }
        Function::Max => extreme(first, Ordering::Greater, meter)?,
        Function::Min => extreme(first, Ordering::Less, meter)?,
        Function::Merge => merged(first, rest, meter)?,
        Function::NotNull => {
            std::iter::once(first).chain(rest).find(|item| !item.is_null()).cloned().unwrap_or(Item::Null)
        }
        Function::Reverse if first.text().is_some() => {
            meter.text(text.len())?;
            Item::Made(text.chars().rev().collect::<String>().into())
        }
        Function::Reverse => {
            meter.work(first.len())?;
            let mut entries: Vec<Item> = first.entries().collect();
            entries.reverse();
            Item::list(entries)
        }
        Function::Sort => {
            let entries: Vec<Item> = first.entries().collect();
            sorted(entries.iter().cloned().zip(entries.clone()).collect(), meter)?
        }
        Function::ToArray if first.is_array() => first.clone(),
        Function::ToArray => Item::list(vec![first.clone()]),
        Function::ToNumber if first.number().is_some() => first.clone(),
        Function::ToNumber => {
            meter.text(text.len())?;
            number::parse(text).map_or(Item::Null, Item::Number)
        }
        Function::ToString => first.to_text(meter)?,
        Function::Type => Item::Text(kind(first)),
        // These take a reference, and do not get here.
        Function::Map | Function::MaxBy | Function::MinBy | Function::SortBy => Item::Null,
    })
}

fn by_reference<'e>(
    function: Function,
    array: &Item<'e>,
    by: &'e Node,
    meter: &mut Meter,
) -> Result<Item<'e>, Trouble> {
    let mut keyed = Vec::new();
    for entry in array.entries() {
        meter.work(1)?;
        keyed.push((evaluate(by, &entry, meter)?, entry));
    }
    if function == Function::Map {
        return Ok(Item::list(keyed.into_iter().map(|(value, _)| value).collect()));
    }
    let numbers = keyed.iter().filter(|(key, _)| key.number().is_some()).count();
    let texts = keyed.iter().filter(|(key, _)| key.text().is_some()).count();
    if numbers.max(texts) < keyed.len() {
        return Err(Trouble::Mixed { function: function.name() });
    }
    match function {
        Function::MaxBy => first_extreme(keyed, Ordering::Greater, meter),
        Function::MinBy => first_extreme(keyed, Ordering::Less, meter),
        _ => sorted(keyed, meter),
    }
}

/// By their keys, which are all numbers or all strings; entries of one key stay in their order.
fn sorted<'e>(mut keyed: Vec<(Item<'e>, Item<'e>)>, meter: &mut Meter) -> Result<Item<'e>, Trouble> {
    // A comparison of two strings costs no more than the shorter one is long, and each is compared about log n times.
    let rounds = 1 + usize::try_from(keyed.len().max(1).ilog2()).unwrap_or_default();
    for (key, _) in &keyed {
        meter.work(rounds * (1 + key.text().map_or(0, str::len) / 16))?;
    }
    keyed.sort_by(|(a, _), (b, _)| a.order(b).unwrap_or(Ordering::Equal));
    Ok(Item::list(keyed.into_iter().map(|(_, entry)| entry).collect()))
}

fn extreme<'e>(array: &Item<'e>, wanted: Ordering, meter: &mut Meter) -> Result<Item<'e>, Trouble> {
    first_extreme(array.entries().map(|entry| (entry.clone(), entry)).collect(), wanted, meter)
}

/// The first entry whose key is the largest or the smallest; null where there is none.
fn first_extreme<'e>(
    keyed: Vec<(Item<'e>, Item<'e>)>,
    wanted: Ordering,
    meter: &mut Meter,
) -> Result<Item<'e>, Trouble> {
    let mut best: Option<(Item<'e>, Item<'e>)> = None;
    for (key, entry) in keyed {
        meter.text(key.text().map_or(0, str::len))?;
        if best.as_ref().is_none_or(|(known, _)| key.order(known) == Some(wanted)) {
            best = Some((key, entry));
        }
    }
    Ok(best.map_or(Item::Null, |(_, entry)| entry))
}

fn contains(subject: &Item<'_>, wanted: &Item<'_>, meter: &mut Meter) -> Result<bool, Trouble> {
    if let Some(text) = subject.text() {
        meter.text(text.len())?;
        return Ok(wanted.text().is_some_and(|wanted| text.contains(wanted)));
    }
    for entry in subject.entries() {
        if entry.equals(wanted, meter)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn joined<'e>(glue: &str, texts: &Item<'e>, meter: &mut Meter) -> Result<Item<'e>, Trouble> {
    let mut joined = String::new();
    for (index, entry) in texts.entries().enumerate() {
        let text = entry.text().unwrap_or_default();
        let glue = if index == 0 { "" } else { glue };
        meter.text(glue.len() + text.len())?;
        joined.push_str(glue);
        joined.push_str(text);
    }
    Ok(Item::Made(joined.into()))
}

fn merged<'e>(first: &Item<'e>, rest: &[Item<'e>], meter: &mut Meter) -> Result<Item<'e>, Trouble> {
    let mut members = BTreeMap::new();
    for object in std::iter::once(first).chain(rest) {
        meter.work(8 + 2 * object.len())?;
        members.extend(object.members());
    }
    Ok(Item::Fields(Rc::new(members)))
}

fn numbers(array: &Item<'_>, meter: &mut Meter) -> Result<Vec<Number>, Trouble> {
    meter.work(array.len())?;
    Ok(array.entries().filter_map(|entry| entry.number().cloned()).collect())
}

fn on_number<'e>(item: &Item<'e>, apply: impl Fn(&Number) -> Result<Number, Trouble>) -> Result<Item<'e>, Trouble> {
    item.number().map_or(Ok(Item::Null), |number| apply(number).map(Item::Number))
}

/// The name of a kind in JMESPath.
fn kind(item: &Item<'_>) -> &'static str {
    match item {
        Item::Null => "null",
        Item::Bool(_) => "boolean",
        Item::Number(_) => "number",
        Item::Text(_) | Item::Made(_) => "string",
        Item::Array(_) | Item::List(_) => "array",
        Item::Object(_) | Item::Fields(_) => "object",
    }
}
