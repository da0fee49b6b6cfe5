//! The plain shapes: numbers, durations, switches, choices, texts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ::config::ValueKind;

use super::key::{Fault, Given, Shape};
use crate::chain::TenantName;

/// A whole number.
pub(super) struct Integer {
    pub min: u64,
    pub max: u64,
}

impl Shape for Integer {
    type Value = u64;

    fn kind(&self) -> &'static str {
        "an integer"
    }

    fn bounds(&self) -> String {
        format!("from {} to {}", self.min, self.max)
    }

    fn read(&self, given: &Given<'_>) -> Result<u64, Fault> {
        let number = given.integer().ok_or(Fault::Type)?;
        match u64::try_from(number) {
            Ok(number) if (self.min..=self.max).contains(&number) => Ok(number),
            _ => Err(Fault::Bounds(Some(number.to_string()))),
        }
    }

    fn show(&self, value: &u64) -> toml::Value {
        i64::try_from(*value).unwrap_or(i64::MAX).into()
    }
}

/// A number, or `auto`: `None`.
pub(super) struct OrAuto(pub Integer);

impl Shape for OrAuto {
    type Value = Option<u64>;

    fn kind(&self) -> &'static str {
        self.0.kind()
    }

    fn bounds(&self) -> String {
        format!("{}, or \"auto\"", self.0.bounds())
    }

    fn read(&self, given: &Given<'_>) -> Result<Option<u64>, Fault> {
        match given.text().map(str::trim) {
            Some("auto") => Ok(None),
            _ => self.0.read(given).map(Some),
        }
    }

    fn show(&self, value: &Option<u64>) -> toml::Value {
        value.as_ref().map_or("auto".into(), |number| self.0.show(number))
    }
}

/// A number that may have a fraction.
pub(super) struct Decimal {
    pub min: f64,
    pub max: f64,
}

impl Shape for Decimal {
    type Value = f64;

    fn kind(&self) -> &'static str {
        "a number"
    }

    fn bounds(&self) -> String {
        format!("from {} to {}", self.min, self.max)
    }

    fn read(&self, given: &Given<'_>) -> Result<f64, Fault> {
        let number = match given.value.kind {
            ValueKind::Float(number) => number,
            _ => match given.env_text() {
                Some(text) => text.trim().parse().map_err(|_| Fault::Type)?,
                None => given.integer().ok_or(Fault::Type)?.to_string().parse().map_err(|_| Fault::Type)?,
            },
        };
        // A NaN is in no range.
        if (self.min..=self.max).contains(&number) { Ok(number) } else { Err(Fault::Bounds(Some(number.to_string()))) }
    }

    fn show(&self, value: &f64) -> toml::Value {
        (*value).into()
    }
}

/// A duration such as `"1m 30s"`, in whole `step`s.
pub(super) struct Span {
    pub min: Duration,
    pub max: Duration,
    pub step: Duration,
}

impl Span {
    /// Whole milliseconds between the two.
    pub(super) const fn between(min: Duration, max: Duration) -> Self {
        Self { min, max, step: Duration::from_millis(1) }
    }
}

/// A duration in the largest unit that divides it: `90s`, `24h`.
pub(super) fn span_text(span: Duration) -> String {
    let millis = span.as_millis();
    for (unit, name) in [(3_600_000, "h"), (60_000, "m"), (1_000, "s")] {
        if millis >= unit && millis.is_multiple_of(unit) {
            return format!("{}{name}", millis / unit);
        }
    }
    format!("{millis}ms")
}

impl Shape for Span {
    type Value = Duration;

    fn kind(&self) -> &'static str {
        "a duration"
    }

    fn bounds(&self) -> String {
        let step = if self.step == Duration::from_secs(1) { ", in whole seconds" } else { "" };
        format!("from \"{}\" to \"{}\"{step}", span_text(self.min), span_text(self.max))
    }

    fn read(&self, given: &Given<'_>) -> Result<Duration, Fault> {
        let text = given.text().ok_or(Fault::Type)?;
        let span = humantime::parse_duration(text).map_err(|_| Fault::Type)?;
        let whole = span.as_nanos().is_multiple_of(self.step.as_nanos());
        if whole && (self.min..=self.max).contains(&span) {
            Ok(span)
        } else {
            Err(Fault::Bounds(Some(humantime::format_duration(span).to_string())))
        }
    }

    fn show(&self, value: &Duration) -> toml::Value {
        span_text(*value).into()
    }
}

/// `true` or `false`.
pub(super) struct Switch;

impl Shape for Switch {
    type Value = bool;

    fn kind(&self) -> &'static str {
        "a boolean"
    }

    fn bounds(&self) -> String {
        "(true or false)".into()
    }

    fn read(&self, given: &Given<'_>) -> Result<bool, Fault> {
        match (&given.value.kind, given.env_text().map(str::trim)) {
            (ValueKind::Boolean(value), _) => Ok(*value),
            (_, Some("true")) => Ok(true),
            (_, Some("false")) => Ok(false),
            _ => Err(Fault::Type),
        }
    }

    fn show(&self, value: &bool) -> toml::Value {
        (*value).into()
    }
}

/// One of a few words; those without a value are not built yet.
pub(super) struct Choice<T: 'static>(pub &'static [(&'static str, Option<T>)]);

impl<T> Choice<T> {
    fn words(&self, built: bool) -> String {
        let words: Vec<_> = self
            .0
            .iter()
            .filter(|(_, value)| value.is_some() == built)
            .map(|(word, _)| format!("\"{word}\""))
            .collect();
        words.join(", ")
    }
}

impl<T: Copy + PartialEq> Shape for Choice<T> {
    type Value = T;

    fn kind(&self) -> &'static str {
        "one of"
    }

    fn bounds(&self) -> String {
        let later = self.words(false);
        let note = if later.is_empty() { String::new() } else { format!(" (not built yet: {later})") };
        format!("{}{note}", self.words(true))
    }

    fn read(&self, given: &Given<'_>) -> Result<T, Fault> {
        let text = given.text().ok_or(Fault::Type)?;
        match self.0.iter().find(|(word, _)| *word == text) {
            Some((_, Some(value))) => Ok(*value),
            Some((word, None)) => Err(Fault::NotBuilt { value: format!("\"{word}\""), has: self.words(true) }),
            None => Err(Fault::Bounds(Some(format!("\"{}\"", clip(text))))),
        }
    }

    fn show(&self, value: &T) -> toml::Value {
        self.0.iter().find(|(_, of)| of.as_ref() == Some(value)).map_or("", |(word, _)| word).into()
    }
}

/// The beginning of a text, on one line.
fn clip(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_debug).collect()
}

/// A text with a rule of its own.
pub(super) struct Text {
    /// The rule in words, to be read after "a string".
    pub rule: &'static str,
    pub valid: fn(&str) -> bool,
}

impl Text {
    /// 1 to 128 bytes of printable ASCII.
    pub(super) const LABEL: Self =
        Self { rule: "of 1 to 128 characters of printable ASCII", valid: |text| printable(text, 128) };
}

/// Whether `text` is 1 to `max` bytes of printable ASCII.
pub(super) fn printable(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

impl Shape for Text {
    type Value = String;

    fn kind(&self) -> &'static str {
        "a string"
    }

    fn bounds(&self) -> String {
        self.rule.into()
    }

    fn read(&self, given: &Given<'_>) -> Result<String, Fault> {
        let text = given.text().ok_or(Fault::Type)?;
        if (self.valid)(text) { Ok(text.to_owned()) } else { Err(Fault::Bounds(None)) }
    }

    fn show(&self, value: &String) -> toml::Value {
        value.as_str().into()
    }
}

/// The path of a file, relative to the working directory. Whether the file is there is seen when it is read.
pub(super) struct FilePath;

impl Shape for FilePath {
    type Value = PathBuf;

    fn kind(&self) -> &'static str {
        "a file path,"
    }

    fn bounds(&self) -> String {
        "absolute, or from the working directory".into()
    }

    fn read(&self, given: &Given<'_>) -> Result<PathBuf, Fault> {
        match given.text() {
            Some(text) if !text.is_empty() && !text.contains('\0') => Ok(text.into()),
            Some(_) => Err(Fault::Bounds(None)),
            None => Err(Fault::Type),
        }
    }

    fn show(&self, value: &PathBuf) -> toml::Value {
        value.display().to_string().into()
    }
}

/// The name of a tenant.
pub(super) struct Tenancy;

impl Shape for Tenancy {
    type Value = TenantName;

    fn kind(&self) -> &'static str {
        "a tenant's name:"
    }

    fn bounds(&self) -> String {
        TenantName::ALLOWED.into()
    }

    fn read(&self, given: &Given<'_>) -> Result<TenantName, Fault> {
        TenantName::parse(given.text().ok_or(Fault::Type)?).map_err(|_| Fault::Bounds(None))
    }

    fn show(&self, value: &TenantName) -> toml::Value {
        value.as_str().into()
    }
}

/// An address to listen on, or none.
pub(super) struct Address;

impl Shape for Address {
    type Value = Option<SocketAddr>;

    fn kind(&self) -> &'static str {
        "an IP address with a port"
    }

    fn bounds(&self) -> String {
        "such as \"127.0.0.1:9464\", or \"\" for none".into()
    }

    fn read(&self, given: &Given<'_>) -> Result<Option<SocketAddr>, Fault> {
        match given.text().ok_or(Fault::Type)? {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| Fault::Bounds(None)),
        }
    }

    fn show(&self, value: &Option<SocketAddr>) -> toml::Value {
        value.map(|address| address.to_string()).unwrap_or_default().into()
    }
}
