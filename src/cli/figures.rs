//! Figures as people read them.

/// `87 ms`, `2.3 s`, `4 min 05 s`, `3 h 20 min`, `12 d 6 h`.
pub(super) fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    match ms {
        0..1000 => format!("{ms} ms"),
        // To the nearest tenth; what would be 60.0 is a minute.
        1000..59_950 => format!("{}.{} s", (ms + 50) / 1000, (ms + 50) % 1000 / 100),
        59_950..60_000 => "1 min 00 s".into(),
        60_000..3_600_000 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3_600_000..86_400_000 => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// `912 B`, `1.4 KiB`, `23.0 MiB`.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let (mut unit, mut tenths) = (0, u128::from(count) * 10 / 1024);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        (unit, tenths) = (unit + 1, tenths / 1024);
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// `1 run`, `2 runs`.
pub(super) fn count(number: u64, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// `head` and its details on lines of so many columns, of which `margin` are taken: broken between the details, the lines after the
/// first a little further to the right.
pub(super) fn broken(head: &str, details: &[String], columns: usize, margin: usize) -> Vec<String> {
    let room = columns.saturating_sub(margin);
    let mut lines = vec![head.to_owned()];
    let mut wide = head.chars().count();
    for (n, detail) in details.iter().enumerate() {
        let between = if n == 0 { "  " } else { " · " };
        let more = between.chars().count() + detail.chars().count();
        match lines.last_mut() {
            Some(line) if wide + more <= room => {
                line.push_str(between);
                line.push_str(detail);
                wide += more;
            }
            _ => {
                lines.push(format!("  {detail}"));
                wide = 2 + detail.chars().count();
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_two_units_at_most() {
        let cases = [
            (0, "0 ms"),
            (999, "999 ms"),
            (1000, "1.0 s"),
            (1050, "1.1 s"),
            (1999, "2.0 s"),
            (59_949, "59.9 s"),
            (59_999, "1 min 00 s"),
            (60_000, "1 min 00 s"),
            (3_599_999, "59 min 59 s"),
            (12_000_000, "3 h 20 min"),
            (86_400_000, "1 d 0 h"),
            (u64::MAX, "213503982334 d 14 h"),
        ];
        for (ms, text) in cases {
            assert_eq!(span(ms), text);
        }
    }

    #[test]
    fn bytes_are_given_in_the_unit_that_fits() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_575, "1023.9 KiB"),
            (1_048_576, "1.0 MiB"),
            (u64::MAX, "16777215.9 TiB"),
        ];
        for (number, text) in cases {
            assert_eq!(bytes(number), text);
        }
    }
}
