//! Retry-After, in seconds or as a date (RFC 9110 section 10.2.3), never shortened.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// The most that is made of it: a number that is no time any more must not overflow the clocks it is added to.
const MOST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// A peer's clock that is further off than this from ours is no clock.
const PLAUSIBLE_SKEW: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the peer asks us to wait from now on. `None` when it does not, or in words that are neither a number nor a date.
///
/// A date is measured against the response's own `Date`, where that is plausible: both come from one clock, and ours may be
/// ahead of it. A date that is past is zero. Of several headers the longest counts.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let now = text(headers, DATE.as_str())
        .find_map(http_date)
        .filter(|date| date.duration_since(now).unsigned_abs() <= PLAUSIBLE_SKEW)
        .unwrap_or(now);
    text(headers, RETRY_AFTER.as_str()).filter_map(|value| wait(value, now)).max()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok()).map(str::trim)
}

fn wait(value: &str, now: Timestamp) -> Option<Duration> {
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Only digits and yet no number: more than fits.
        return Some(value.parse().map_or(MOST, Duration::from_secs).min(MOST));
    }
    let wait = http_date(value)?.duration_since(now);
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO).min(MOST))
}

/// The three forms of RFC 9110 section 5.6.7. The day of the week is not looked at: a wrong one does not make the date wrong.
fn http_date(value: &str) -> Option<Timestamp> {
    let (format, value) = match value.split_once(", ") {
        Some((_, date)) if date.contains('-') => ("%d-%b-%y %H:%M:%S GMT", date),
        Some((_, date)) => ("%d %b %Y %H:%M:%S GMT", date),
        None => ("%b %e %H:%M:%S %Y", value.split_once(' ')?.1),
    };
    let date = DateTime::strptime(format, value).ok()?;
    // The last day of the year 9999, by which some say "never", is beyond what a timestamp holds.
    Some(date.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |date| date.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(values: &[&str], date: Option<&str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(RETRY_AFTER, value.parse().unwrap());
        }
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        retry_after(&headers, "1994-11-06T08:49:00Z".parse().unwrap())
    }

    #[test]
    fn seconds_dates_and_rubbish() {
        for (value, seconds) in [
            ("0", Some(0)),
            ("58", Some(58)),
            (" 58 ", Some(58)),
            ("86400", Some(86400)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Mon, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(37)),
            ("Sun Nov  6 08:49:37 1994", Some(37)),
            ("Sun, 06 Nov 1994 08:48:37 GMT", Some(0)),
            ("99999999999", Some(MOST.as_secs())),
            ("99999999999999999999999999", Some(MOST.as_secs())),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(MOST.as_secs())),
            ("", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("soon, very soon", None),
            ("Sun, 99 Nov 1994 08:49:37 GMT", None),
        ] {
            assert_eq!(asked(&[value], None), seconds.map(Duration::from_secs), "{value:?}");
        }
        assert_eq!(asked(&[], None), None);
    }

    #[test]
    fn a_date_is_measured_by_the_clock_that_wrote_it() {
        let in_a_minute = ["Sun, 06 Nov 1994 08:51:00 GMT"];
        assert_eq!(asked(&in_a_minute, Some("Sun, 06 Nov 1994 08:50:00 GMT")), Some(Duration::from_secs(60)));
        assert_eq!(asked(&in_a_minute, Some("Thu, 01 Jan 1970 00:00:00 GMT")), Some(Duration::from_secs(120)));
        assert_eq!(asked(&in_a_minute, Some("never")), Some(Duration::from_secs(120)));
    }

    #[test]
    fn of_several_the_longest_counts() {
        assert_eq!(asked(&["3", "x", "7", "5"], None), Some(Duration::from_secs(7)));
    }
}
