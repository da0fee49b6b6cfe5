//! `[tenants.NAME.retry]`: when a call is made again.

use std::time::Duration;

use super::key::{Fallback, Key, Part};
use super::lists::Statuses;
use super::problem::Origin;
use super::reader::Section;
use super::shapes::{Decimal, Integer, Span};

/// When a call is made again, and after how long.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// How many exchanges a step may take: 1–10.
    pub max_attempts: u8,
    /// The first delay: 1 ms – 10 min, not above `max`.
    pub base: Duration,
    /// By what each further delay is longer: 1–10.
    pub multiplier: f64,
    /// The longest delay: 1 ms – 10 min.
    pub max: Duration,
    /// The HTTP statuses after which a call may be made again: 400–599, not 401, none twice.
    pub statuses: Vec<u16>,
}

const MAX_ATTEMPTS: Key<Integer> = Key::new(
    "max_attempts",
    Integer { min: 1, max: 10 },
    Fallback::Value("4"),
    "How many exchanges a step may take; 429s and the repeat after a 401 are not counted.",
);
const BASE: Key<Span> = Key::new(
    "base",
    Span::between(Duration::from_millis(1), Duration::from_secs(600)),
    Fallback::Value("\"2s\""),
    "The first delay; not above `max`.",
);
const MULTIPLIER: Key<Decimal> = Key::new(
    "multiplier",
    Decimal { min: 1.0, max: 10.0 },
    Fallback::Value("1.5"),
    "By what each further delay is longer.",
);
const MAX: Key<Span> = Key::new(
    "max",
    Span::between(Duration::from_millis(1), Duration::from_secs(600)),
    Fallback::Value("\"12s\""),
    "The longest delay.",
);
const STATUSES: Key<Statuses> = Key::new(
    "statuses",
    Statuses,
    Fallback::Value("[429, 503]"),
    "The HTTP statuses after which a call is made again. 429 and 503 are among them in any case; others are for idempotent steps only. 408, 502 and 504 \
     need not be: they tell nobody what became of the call, and idempotent steps are sent again after them anyway.",
);

pub(super) const RETRY_PART: Part = Part {
    pattern: "tenants.NAME.retry",
    about: "When a call is made again, and after how long.",
    keys: &[&MAX_ATTEMPTS, &BASE, &MULTIPLIER, &MAX, &STATUSES],
};

pub(super) fn read_retry(mut section: Section<'_>) -> Retry {
    let (base_origin, max_origin) = (section.given(&BASE), section.given(&MAX));
    let (base, max) = (section.get(&BASE), section.get(&MAX));
    if base.zip(max).is_some_and(|(base, max)| base > max) {
        let (name, origin) = match (base_origin, max_origin) {
            (Some(origin), _) => (BASE.name, origin),
            (None, origin) => (MAX.name, origin.unwrap_or(Origin::Default)),
        };
        section.blame(name, origin, "base must not be above max");
    }
    let retry = Retry {
        max_attempts: u8::try_from(section.value(&MAX_ATTEMPTS)).unwrap_or(u8::MAX),
        base: base.unwrap_or_default(),
        multiplier: section.value(&MULTIPLIER),
        max: max.unwrap_or_default(),
        statuses: section.value(&STATUSES),
    };
    section.finish();
    retry
}
