use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

use super::*;

/// The excerpt of where `part` stands in `source`, drawn.
fn drawn(source: &str, part: &str, columns: usize) -> String {
    let start = source.find(part).expect("it is in there");
    draw(source.as_bytes(), start..start + part.len(), columns)
}

fn draw(source: &[u8], span: Range<usize>, columns: usize) -> String {
    let line = newlines(&source[..span.start.min(source.len())]) + 1;
    let Some(excerpt) = excerpt(source, &span, line, (columns, 0)) else { return "nothing".into() };
    let mut text = format!("from line {}\n{}", excerpt.first_line, excerpt.lines.join("\n"));
    if let Mark::Part { before, wide, ends_on, .. } = excerpt.mark {
        text += &format!("\n{:before$}{}", "", "^".repeat(wide));
        text += &ends_on.map(|line| format!(" up to line {line}")).unwrap_or_default();
    }
    text
}

#[test]
fn a_part_is_marked_in_its_line() {
    insta::assert_snapshot!(drawn("{\n  \"a\": 1,\r\n  \"b\": 2\n}", "\"a\"", 40), @r#"
    from line 2
      "a": 1,
      ^^^
    "#);
    insta::assert_snapshot!(drawn("[1, 2]", "2", 40), @r"
    from line 1
    [1, 2]
        ^
    ");
}

#[test]
fn wide_and_combining_characters_and_tabs_are_as_wide_as_they_look() {
    insta::assert_snapshot!(drawn("\t\"日本\": \"e\u{301}\", \"🧀\": 1", "1", 40), @r#"
    from line 1
        "日本": "é", "🧀": 1
                           ^
    "#);
    insta::assert_snapshot!(drawn("{\"日本\": 1}", "日本", 40), @r#"
    from line 1
    {"日本": 1}
      ^^^^
    "#);
}

#[test]
fn what_a_terminal_would_act_upon_or_nobody_would_see_is_spelt_out() {
    insta::assert_snapshot!(
        drawn("\u{feff}{\"a\u{1b}[2J\u{202e}\u{200b}\u{9b}\0\": \u{a0}1, \"\\\"'\": 2}", "1", 100),
        @r#"
    from line 1
    \u{feff}{"a\u{1b}[2J\u{202e}\u{200b}\u{9b}\u{0}": \u{a0}1, "\"'": 2}
                                                            ^
    "#
    );
}

#[test]
fn what_is_no_utf_8_is_spelt_out_byte_by_byte() {
    insta::assert_snapshot!(draw(b"{\"a\xff\xe2\x82\": \"\xe2\x82\xac\"}", 3..6, 40), @r#"
    from line 1
    {"a\xff\xe2\x82": "€"}
       ^^^^^^^^^^^^
    "#);
    // A part that begins in the middle of a character has all of it.
    insta::assert_snapshot!(draw("€".as_bytes(), 1..2, 40), @r"
    from line 1
    €
    ^
    ");
}

#[test]
fn of_a_long_line_there_is_a_window_around_the_part() {
    let long = format!("[{}\"here\",{}]", "1,".repeat(500_000), "2,".repeat(500_000));
    insta::assert_snapshot!(drawn(&long, "\"here\"", 40), @r#"
    from line 1
    …1,1,1,1,1,"here",2,2,2,2,2,2,2,2,2,2,2…
               ^^^^^^
    "#);
    insta::assert_snapshot!(draw(long.as_bytes(), 0..1, 40), @r"
    from line 1
    [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1…
    ^
    ");
    insta::assert_snapshot!(draw(long.as_bytes(), long.len() - 1..long.len(), 40), @r"
    from line 1
    …,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,]
                                          ^
    ");
    insta::assert_snapshot!(draw(long.as_bytes(), 1..long.len() - 1, 40), @r"
    from line 1
    …1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,…
     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    ");
    insta::assert_snapshot!(drawn(&"日本".repeat(50).replacen("本日", "X", 1), "X", 40), @r"
    from line 1
    日X本日本日本日本日本日本日本日本日本…
      ^
    ");
}

#[test]
fn characters_without_a_width_do_not_add_up() {
    let line = format!("\"a{}\", 1", "\u{301}".repeat(1_000_000));
    for span in [0..1, line.len() - 1..line.len(), 0..line.len()] {
        let shown = excerpt(line.as_bytes(), &span, 1, (40, 0)).expect("it is there").lines.concat();
        assert!(shown.len() < 1_000, "{}", shown.len());
    }
}

#[test]
fn a_line_that_is_cut_leaves_room_for_a_label() {
    let line = format!("{}\"here\"]", "1,".repeat(50));
    let at = line.find("\"here\"").expect("it is in there");
    let room = |label| match excerpt(line.as_bytes(), &(at..at + 6), 1, (60, label)).expect("it is there").mark {
        Mark::Part { room, .. } => room,
        Mark::Lines => panic!("one line"),
    };
    assert_eq!((room(0), room(20), room(30), room(90)), (2, 21, 31, 36), "two thirds at most");
}

#[test]
fn a_part_on_a_few_lines_is_shown_as_a_whole() {
    insta::assert_snapshot!(drawn("[\n  {\n    \"a\": 1\n\n  }, 2]", "{\n    \"a\": 1\n\n  }", 40), @r#"
    from line 2
      {
        "a": 1

      }, 2]
    "#);
    let broad = format!("[\n{}\n]", "1,".repeat(30));
    insta::assert_snapshot!(drawn(&broad, &broad, 40), @r"
    from line 1
    [
    ^ up to line 3
    ");
}

#[test]
fn of_a_part_on_many_lines_there_is_its_beginning() {
    let source = "{ \n\"a\": [\n 1,\n 2,\n 3,\n 4\n]}";
    insta::assert_snapshot!(drawn(source, source, 40), @r"
    from line 1
    { 
    ^ up to line 7
    ");
}

#[test]
fn at_the_end_the_mark_is_behind_the_last_thing_that_is_seen() {
    for source in ["{\n\"a\": [", "{\n\"a\": [\n", "{\n\"a\": [ \r\n \r\n"] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(draw(source.as_bytes(), source.len()..source.len(), 40).replace(" \n", "\n"), @r#"
            from line 2
            "a": [
                  ^
            "#);
        }
    }
    for nothing in ["", "\n\n \t"] {
        assert_eq!(draw(nothing.as_bytes(), nothing.len()..nothing.len(), 40), "nothing");
    }
}

fn sources() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<char>().prop_map(|c| c.to_string().into_bytes()),
        prop::sample::select(vec![
            "\n",
            "\r\n",
            "\t",
            "\u{1b}[2J",
            "\u{202e}",
            "\u{200d}",
            "日",
            "e\u{301}",
            "{",
            "\"a\": 1, "
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        any::<u8>().prop_map(|byte| vec![byte]),
        (any::<u8>(), 0..400_usize).prop_map(|(byte, count)| vec![byte; count]),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn whatever_the_bytes_and_the_span_it_is_narrow_and_harmless(
        source in sources(),
        (start, length) in (0..3_000_usize, 0..3_000_usize),
        line in 1..10_usize,
        (columns, label) in (30..120_usize, 0..60_usize),
    ) {
        let Some(excerpt) = excerpt(&source, &(start..start + length), line, (columns, label)) else { return Ok(()) };
        prop_assert!((1..=LINES).contains(&excerpt.lines.len()));
        for shown in &excerpt.lines {
            prop_assert!(!shown.chars().any(|c| is_unfit(c) || !is_seen(c)), "{shown:?}");
            prop_assert!(shown.chars().map(|c| c.width().unwrap_or(0)).sum::<usize>() <= columns, "{shown:?}");
            prop_assert!(shown.width() <= columns, "{shown:?}");
        }
        if let Mark::Part { before, wide, room, .. } = excerpt.mark {
            prop_assert_eq!(excerpt.lines.len(), 1);
            prop_assert!(wide >= 1 && before + wide + room <= columns + 1);
        }
    }

    /// Whatever the window, what is marked is what was asked for.
    #[test]
    fn the_mark_is_below_the_part(before in "[a-z日\\t]{0,200}", part in "[A-Z語]{1,9}", after in "[a-z日\\t]{0,200}", columns in 30..80_usize) {
        let source = format!("{before}{part}{after}");
        let span = before.len()..before.len() + part.len();
        let excerpt = excerpt(source.as_bytes(), &span, 1, (columns, 0)).expect("it is there");
        let Mark::Part { before, wide, .. } = excerpt.mark else { panic!("a part of one line") };
        let mut column = 0;
        let marked: String = excerpt.lines[0].chars().filter(|c| {
            column += c.width().unwrap_or(0);
            column > before && column <= before + wide
        }).collect();
        prop_assert_eq!(marked, part);
    }
}
