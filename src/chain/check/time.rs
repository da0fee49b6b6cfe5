//! RFC 3339, strictly.

use jiff::Timestamp;
use jiff::civil::DateTime;

pub(super) const ALLOWED: &str = "an RFC 3339 time with its offset, such as 2027-01-31T09:30:00Z";

/// The instant that `text` names. The shape is checked first, because jiff reads more forms than RFC 3339 has (a space
/// for the T, no colons, zone names in brackets), and other readers of the same message might not.
pub(super) fn rfc3339(text: &str) -> Option<Timestamp> {
    let (date_time, rest) = text.split_at_checked(DATE_TIME.len())?;
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 {
                return None;
            }
            &fraction[digits..]
        }
        None => rest,
    };
    if !shaped(date_time, DATE_TIME) || !is_offset(rest) {
        return None;
    }
    text.parse().ok().or_else(|| beyond(date_time))
}

/// The last days of the year 9999, by which some say "never", are beyond what a timestamp holds.
fn beyond(date_time: &str) -> Option<Timestamp> {
    let last_days = date_time.starts_with("9999-12-3");
    let exists = date_time.to_ascii_uppercase().parse::<DateTime>().is_ok();
    (last_days && exists).then_some(Timestamp::MAX)
}

const DATE_TIME: &str = "0000-00-00T00:00:00";

fn is_offset(text: &str) -> bool {
    // jiff takes offsets of up to 25 hours.
    let hours_and_minutes = |text| (shaped(text, "+00:00") || shaped(text, "-00:00")) && text[1..] < *"24";
    matches!(text, "Z" | "z") || hours_and_minutes(text)
}

/// Whether `text` has a digit where `shape` has 0, and the same character elsewhere.
fn shaped(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, wanted)| match wanted {
            b'0' => byte.is_ascii_digit(),
            wanted => byte.eq_ignore_ascii_case(&wanted),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_is_read() {
        for (text, instant) in [
            ("2027-01-31T09:30:00Z", "2027-01-31T09:30:00Z"),
            ("2027-01-31t09:30:00z", "2027-01-31T09:30:00Z"),
            ("2027-01-31T09:30:00.123456789+02:00", "2027-01-31T07:30:00.123456789Z"),
            ("2027-01-31T09:30:00-00:00", "2027-01-31T09:30:00Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
            ("2024-02-29T00:00:00-08:30", "2024-02-29T08:30:00Z"),
            ("2024-02-29T23:59:00+23:59", "2024-02-29T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(text), Some(instant.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn the_end_of_time_is_a_time() {
        for text in ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999Z", "9999-12-31t23:59:59-05:00"] {
            assert_eq!(rfc3339(text), Some(Timestamp::MAX), "{text}");
        }
        for text in ["9999-12-32T00:00:00Z", "9999-12-31T24:00:00Z", "9999-12-31T23:59:59"] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn other_forms_are_not() {
        for text in [
            "",
            "tomorrow",
            "2027-01-31",
            "2027-01-31T09:30:00",
            "2027-01-31 09:30:00Z",
            "2027-01-31T09:30Z",
            "20270131T093000Z",
            "2027-01-31T09:30:00+0200",
            "2027-01-31T09:30:00+02",
            "2027-01-31T09:30:00.Z",
            "2027-01-31T09:30:00Z[UTC]",
            "2027-01-31T09:30:00[Europe/Berlin]",
            " 2027-01-31T09:30:00Z",
            "+002027-01-31T09:30:00Z",
            "2027-02-29T00:00:00Z",
            "2027-13-01T00:00:00Z",
            "2027-01-31T24:00:00Z",
            "2027-01-31T09:30:00+25:00",
            "2027-01-31T09:30:00-24:00",
            "2027-01-31T09:30:00+23:60",
            "2027-01-31T09:30:0äZ",
            "２027-01-31T09:30:00Z",
        ] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
    }
}
