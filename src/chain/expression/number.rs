//! Numbers that keep their digits: two 64-bit integers are compared and added as integers, never by way of a float.

use std::cmp::Ordering;

use serde_json::Number;

use super::meter::Trouble;

/// Which is larger, exactly.
pub(super) fn compare(a: &Number, b: &Number) -> Ordering {
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(a), None) => against_float(a, float(b)),
        (None, Some(b)) => against_float(b, float(a)).reverse(),
        // Numbers of JSON are finite.
        (None, None) => float(a).partial_cmp(&float(b)).unwrap_or(Ordering::Equal),
    }
}

/// The sum, in integers as long as all are integers and it is one of 64 bits.
pub(super) fn sum<'n>(numbers: impl Iterator<Item = &'n Number> + Clone) -> Result<Number, Trouble> {
    let exact: Option<i128> = numbers.clone().map(integer).sum();
    exact.and_then(Number::from_i128).map_or_else(|| whole(numbers.map(float).sum()), Ok)
}

/// The mean of `count` numbers; of none there is none.
pub(super) fn mean<'n>(
    numbers: impl Iterator<Item = &'n Number> + Clone,
    count: u32,
) -> Result<Option<Number>, Trouble> {
    if count == 0 {
        return Ok(None);
    }
    let exact: Option<i128> = numbers.clone().map(integer).sum();
    if let Some(mean) = exact.filter(|sum| sum % i128::from(count) == 0).map(|sum| sum / i128::from(count)) {
        return Ok(Number::from_i128(mean));
    }
    whole(numbers.map(float).sum::<f64>() / f64::from(count)).map(Some)
}

/// `abs`
pub(super) fn absolute(number: &Number) -> Result<Number, Trouble> {
    match number.as_i64() {
        Some(integer) => Ok(Number::from(integer.unsigned_abs())),
        None if number.is_u64() => Ok(number.clone()),
        None => Number::from_f64(float(number).abs()).ok_or(Trouble::Range),
    }
}

/// `ceil` and `floor`: an integer is left as it is.
pub(super) fn rounded(number: &Number, round: fn(f64) -> f64) -> Result<Number, Trouble> {
    if integer(number).is_some() { Ok(number.clone()) } else { whole(round(float(number))) }
}

/// A number in a string, as JSON writes it; `None` also for an integer beyond 64 bits, which would lose digits.
pub(super) fn parse(text: &str) -> Option<Number> {
    if !text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) || !text.ends_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let number: Number = serde_json::from_str(text).ok()?;
    let digits_only = text.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
    (integer(&number).is_some() || !digits_only || text == "-0").then_some(number)
}

/// Where a float is a whole number that it holds exactly, an integer: who asks for `floor(x)` does not want to send `3.0`.
fn whole(float: f64) -> Result<Number, Trouble> {
    exact(float).or_else(|| Number::from_f64(float)).ok_or(Trouble::Range)
}

/// The integer that a float stands for, where no other one is rounded to it: below 2^53.
pub(super) fn exact(float: f64) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if float.fract() != 0.0 || float.abs() >= EXACT {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a whole number of at most 53 bits")]
    Some(Number::from(float as i64))
}

/// Whether it is out of the range of 64-bit integers. An integer that was written in there has become a float, without its last digits.
pub(super) fn is_beyond_64_bits(number: &Number) -> bool {
    const LEAST: f64 = -9_223_372_036_854_775_808.0;
    const BEYOND: f64 = 18_446_744_073_709_551_616.0;
    number.is_f64() && (float(number) <= LEAST || float(number) >= BEYOND)
}

fn integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

/// Every number of JSON has one here: integers beyond 2^53 are rounded.
fn float(number: &Number) -> f64 {
    number.as_f64().unwrap_or_default()
}

/// A 64-bit integer against a float, without rounding it.
fn against_float(integer: i128, float: f64) -> Ordering {
    const BEYOND: f64 = 1e20;
    if float.abs() >= BEYOND {
        return if float > 0.0 { Ordering::Less } else { Ordering::Greater };
    }
    #[expect(clippy::cast_possible_truncation, reason = "within 1e20, far from the bounds of 128 bits")]
    let truncated = float.trunc() as i128;
    integer.cmp(&truncated).then_with(|| 0.0.partial_cmp(&float.fract()).unwrap_or(Ordering::Equal))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn integers_are_compared_digit_by_digit() {
        for (a, b, order) in [
            ("9007199254740993", "9007199254740992", Ordering::Greater),
            ("9007199254740993", "9007199254740992.0", Ordering::Greater),
            ("18446744073709551615", "18446744073709551614", Ordering::Greater),
            ("-9223372036854775808", "18446744073709551615", Ordering::Less),
            ("18446744073709551615", "1.8446744073709552e19", Ordering::Less),
            ("1", "1.0", Ordering::Equal),
            ("1", "1.5", Ordering::Less),
            ("-1", "-1.5", Ordering::Greater),
            ("1", "1e300", Ordering::Less),
            ("1", "-1e300", Ordering::Greater),
            ("0.5", "0.25", Ordering::Greater),
            ("0", "-0.0", Ordering::Equal),
        ] {
            assert_eq!(compare(&number(a), &number(b)), order, "{a} {b}");
            assert_eq!(compare(&number(b), &number(a)), order.reverse(), "{b} {a}");
        }
    }

    #[test]
    fn sums_and_means_are_integers_where_they_can_be() {
        let add = |texts: &[&str]| {
            let numbers: Vec<Number> = texts.iter().map(|text| number(text)).collect();
            sum(numbers.iter()).map(|sum| sum.to_string())
        };
        assert_eq!(add(&[]).unwrap(), "0");
        assert_eq!(add(&["9007199254740993", "2"]).unwrap(), "9007199254740995");
        assert_eq!(add(&["18446744073709551615", "-1"]).unwrap(), "18446744073709551614");
        assert_eq!(add(&["0.5", "1.5"]).unwrap(), "2");
        assert_eq!(add(&["0.5", "1"]).unwrap(), "1.5");
        assert_eq!(add(&["18446744073709551615", "1"]).unwrap(), "1.8446744073709552e+19");
        assert_eq!(add(&["1.7e308", "1.7e308"]), Err(Trouble::Range));
        let numbers = [number("9007199254740993"), number("9007199254740995")];
        assert_eq!(mean(numbers.iter(), 2).unwrap().unwrap().to_string(), "9007199254740994");
        assert_eq!(mean([number("1"), number("2")].iter(), 2).unwrap().unwrap().to_string(), "1.5");
        assert_eq!(mean([].iter(), 0), Ok(None));
    }

    #[test]
    fn a_text_is_a_number_only_as_json_writes_it() {
        for (text, parsed) in [
            ("1", "1"),
            ("-1", "-1"),
            ("1.50", "1.5"),
            ("1e2", "100.0"),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), parsed, "{text}");
        }
        for text in
            ["", " 1", "1 ", "01", "+1", ".5", "1.", "0x1", "1e", "-", "--1", "NaN", "Infinity", "1,2", "[1]", "1e999"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("18446744073709551616"), None);
    }
}
