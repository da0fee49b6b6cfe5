//! Times and rates of a plan in words.

use std::time::Duration;

/// `250 ms`, `30 s`, `2 min`, `2 min 30 s`, `1 h`: as exact as it was given.
pub(super) fn clock(span: Duration) -> String {
    let (seconds, ms) = (span.as_secs(), span.subsec_millis());
    let units = [(seconds / 3600, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s"), (u64::from(ms), "ms")];
    let parts: Vec<String> =
        units.iter().filter(|(number, _)| *number > 0).map(|(number, unit)| format!("{number} {unit}")).collect();
    if parts.is_empty() { "0 s".into() } else { parts.join(" ") }
}

/// What a rate that is not too low ends with.
pub(super) const RUNS_A_MINUTE: &str = " runs a minute";

/// Runs a minute: `30 runs a minute`, `3.5 runs a minute`, `1 run in 2 min 30 s`.
pub(super) fn rate(per_minute: f64) -> String {
    if per_minute >= 10.0 {
        format!("{:.0}{RUNS_A_MINUTE}", per_minute.floor())
    } else if per_minute >= 1.0 {
        format!("{per_minute:.1}{RUNS_A_MINUTE}")
    } else {
        // A limit of one request an hour and a run of thousands of them: nobody plans further ahead.
        let seconds = (60.0 / per_minute).min(1e9).round();
        format!("1 run in {}", clock(Duration::from_secs_f64(seconds)))
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_as_exact_as_it_was_given() {
        let said =
            [0, 250, 1_000, 30_000, 60_000, 150_000, 3_600_000, 3_660_500].map(|ms| clock(Duration::from_millis(ms)));
        assert_eq!(said, ["0 s", "250 ms", "1 s", "30 s", "1 min", "2 min 30 s", "1 h", "1 h 1 min 500 ms"]);
    }

    #[test]
    fn a_rate_has_no_more_digits_than_it_is_worth() {
        let said = [91.0, 10.2, 3.456, 1.0, 0.5, 0.4, 0.0].map(rate);
        assert_eq!(said[..4], ["91 runs a minute", "10 runs a minute", "3.5 runs a minute", "1.0 runs a minute"]);
        assert_eq!(said[4..6], ["1 run in 2 min", "1 run in 2 min 30 s"]);
        assert!(said[6].starts_with("1 run in "));
    }

    #[test]
    fn a_list_reads_as_a_sentence() {
        let said = [&[][..], &["a"], &["a", "b"], &["a", "b", "c"]]
            .map(|words| listed(&words.iter().map(ToString::to_string).collect::<Vec<_>>()));
        assert_eq!(said, ["", "a", "a and b", "a, b and c"]);
    }
}
