//! The lines of a source that a problem is about, fit for a terminal: bounded in number and width however long they are, and
//! with nothing in them that a terminal acts upon or that cannot be seen.

use std::ops::Range;

use unicode_width::UnicodeWidthChar;

use super::super::text::is_unfit;

/// A part on several lines is marked as a whole if it has so many at most; else only where it begins.
pub(super) const LINES: usize = 5;
/// So many bytes are looked at for each column that there is.
const BYTES_PER_COLUMN: usize = 4;
const TAB: &str = "    ";
const OMITTED: &str = "…";

/// What a bracket beside several lines takes.
pub(super) const BRACKET: usize = 2;

/// Some lines with a mark.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// The number of the first one.
    pub(super) first_line: usize,
    /// As they are shown.
    pub(super) lines: Vec<String>,
    /// What of them is meant.
    pub(super) mark: Mark,
}

/// What of an excerpt is meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// All of its lines.
    Lines,
    /// A part of its only line.
    Part {
        /// The columns before it.
        before: usize,
        /// Its own columns, at least one.
        wide: usize,
        /// The columns behind it.
        room: usize,
        /// The line on which what is meant ends, where that is a later one.
        ends_on: Option<usize>,
    },
}

/// What there is to see of `span`, which begins on `line` of the source, in so many columns. A line that has to be cut is cut in such
/// a way that a label of this width fits behind the mark. `None` where there is nothing to see.
pub(super) fn excerpt(
    source: &[u8],
    span: &Range<usize>,
    line: usize,
    (columns, label): (usize, usize),
) -> Option<Excerpt> {
    let start = span.start.min(source.len());
    let end = span.end.clamp(start, source.len());
    let reach = columns * BYTES_PER_COLUMN;
    if start == source.len() {
        return at_the_end(source, line, (columns, label));
    }
    let breaks = newlines(&source[start..end]);
    if (1..LINES).contains(&breaks)
        && let Some(lines) = several(source, start..end, columns)
    {
        return Some(Excerpt { first_line: line, lines, mark: Mark::Lines });
    }
    let ends_on = (breaks > 0).then_some(line + breaks);
    let seen = if breaks > 0 { trimmed(source, start, end_of_line(source, start, reach)) } else { end };
    Some(Row::cut(source, start..seen, reach).window((line, ends_on), columns, label))
}

/// The end of the source: the mark is behind the last thing that can be seen.
fn at_the_end(source: &[u8], line: usize, (columns, label): (usize, usize)) -> Option<Excerpt> {
    let reach = columns * BYTES_PER_COLUMN;
    let near = source.len().saturating_sub(reach);
    let last = near + source[near..].iter().rposition(|byte| !byte.is_ascii_whitespace())? + 1;
    let line = line.saturating_sub(newlines(&source[last..])).max(1);
    Some(Row::cut(source, last..last, reach).window((line, None), columns, label))
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// Where the line of `at` ends, if that is within `reach`.
fn end_of_line(source: &[u8], at: usize, reach: usize) -> usize {
    let far = (at + reach).min(source.len());
    source[at..far].iter().position(|byte| *byte == b'\n').map_or(far, |length| at + length)
}

/// `to` without the white space before it, down to `from`.
fn trimmed(source: &[u8], from: usize, to: usize) -> usize {
    from + source[from..to].trim_ascii_end().len()
}

/// The whole lines of `span`, if each of them has room.
fn several(source: &[u8], span: Range<usize>, columns: usize) -> Option<Vec<String>> {
    let reach = columns * BYTES_PER_COLUMN;
    let (mut lines, mut at) = (Vec::new(), span.start);
    loop {
        let row = Row::cut(source, at..at, reach);
        if row.cut_left || row.cut_right || row.width() + BRACKET > columns {
            return None;
        }
        lines.push(row.shown());
        let next = end_of_line(source, at, reach);
        if span.end <= next {
            return Some(lines);
        }
        at = next + 1;
    }
}

/// One character, or one byte that is none, as it is shown.
struct Cell {
    bytes: Range<usize>,
    shown: String,
    width: usize,
}

impl Cell {
    fn of(at: usize, c: char) -> Self {
        let shown = match c {
            '\t' => TAB.to_owned(),
            c if is_unfit(c) || !is_seen(c) => c.escape_unicode().to_string(),
            c => c.to_string(),
        };
        Self::new(at..at + c.len_utf8(), shown)
    }

    fn new(bytes: Range<usize>, shown: String) -> Self {
        let width = shown.chars().map(|c| c.width().unwrap_or(0)).sum();
        Self { bytes, shown, width }
    }
}

/// Whether a character leaves a trace on paper. The standard library knows, and says so by escaping what does not; it leaves
/// marks that combine with the letter before them.
fn is_seen(c: char) -> bool {
    matches!(c, '"' | '\'' | '\\') || String::from_iter(['a', c]).escape_debug().skip(1).eq([c])
}

/// A part of one line.
struct Row {
    cells: Vec<Cell>,
    /// The marked cells.
    marked: Range<usize>,
    /// The line begins before it.
    cut_left: bool,
    /// The line ends behind it.
    cut_right: bool,
}

impl Row {
    /// What lies around `mark`, and `reach` bytes of that at most on either side.
    fn cut(source: &[u8], mark: Range<usize>, reach: usize) -> Self {
        let near = mark.start.saturating_sub(reach);
        let begins = source[near..mark.start].iter().rposition(|byte| *byte == b'\n').map(|at| near + at + 1);
        let (mut from, cut_left) = (begins.unwrap_or(near), begins.is_none() && near > 0);
        let mut to = end_of_line(source, mark.start, reach);
        let cut_right = source.get(to).is_some_and(|byte| *byte != b'\n');
        // Whole characters.
        while cut_left && from < mark.start && is_later_byte(source, from) {
            from += 1;
        }
        while cut_right && to > mark.start + 1 && is_later_byte(source, to) {
            to -= 1;
        }
        if !cut_right && source[from..to].ends_with(b"\r") && to > mark.start {
            to -= 1;
        }
        let cells = cells(source, from..to);
        let first = cells.iter().position(|cell| cell.bytes.end > mark.start).unwrap_or(cells.len());
        let count = cells[first..].iter().take_while(|cell| cell.bytes.start < mark.end).count();
        Self { cells, marked: first..first + count, cut_left, cut_right }
    }

    fn width(&self) -> usize {
        width(&self.cells)
    }

    fn shown(&self) -> String {
        self.cells.iter().map(|cell| cell.shown.as_str()).collect()
    }

    /// As much of it around the mark as so many columns have room for.
    fn window(mut self, (line, ends_on): (usize, Option<usize>), columns: usize, label: usize) -> Excerpt {
        if self.width() > columns || self.cut_left || self.cut_right {
            self.narrow(columns.saturating_sub(2 * OMITTED.chars().count()), label);
        }
        let [left, right] = [self.cut_left, self.cut_right].map(|cut| if cut { OMITTED } else { "" });
        let before = left.chars().count() + width(&self.cells[..self.marked.start]);
        // A mark of nothing is seen, too.
        let wide = width(&self.cells[self.marked.clone()]).max(1);
        let room = columns.saturating_sub(before + wide);
        let mark = Mark::Part { before, wide, room, ends_on };
        Excerpt { first_line: line, lines: vec![format!("{left}{}{right}", self.shown())], mark }
    }

    /// Drops cells on both sides until so many columns are enough; of the mark, its end goes first. Behind the mark there are
    /// `label` columns, if that can be.
    fn narrow(&mut self, columns: usize, label: usize) {
        let marked = width(&self.cells[self.marked.clone()]).min(columns);
        let before = self.cells[..self.marked.start].iter().rev();
        let behind = width(&self.cells[self.marked.end..]).max(label);
        // A third of what is left goes before the mark, and what is not needed behind it.
        let left = ((columns - marked) / 3).max((columns - marked).saturating_sub(behind));
        let dropped = self.marked.start - fitting(before, left);
        self.cut_left |= dropped > 0;
        self.cells.drain(..dropped);
        let kept = fitting(self.cells.iter(), columns);
        self.cut_right |= kept < self.cells.len();
        self.cells.truncate(kept);
        let in_sight = |at: usize| at.saturating_sub(dropped).min(kept);
        self.marked = in_sight(self.marked.start)..in_sight(self.marked.end);
    }
}

/// How many of `cells`, from the first, so many columns have room for.
fn fitting<'c>(cells: impl Iterator<Item = &'c Cell>, columns: usize) -> usize {
    let ends = cells.scan(0, |end, cell| {
        *end += cell.width;
        Some(*end)
    });
    ends.take_while(|end| *end <= columns).count()
}

fn width(cells: &[Cell]) -> usize {
    cells.iter().map(|cell| cell.width).sum()
}

fn is_later_byte(source: &[u8], at: usize) -> bool {
    source.get(at).is_some_and(|byte| (0x80..0xC0).contains(byte))
}

fn cells(source: &[u8], range: Range<usize>) -> Vec<Cell> {
    let mut at = range.start;
    let mut cells = Vec::new();
    for chunk in source[range].utf8_chunks() {
        for c in chunk.valid().chars() {
            cells.push(Cell::of(at, c));
            at += c.len_utf8();
        }
        for byte in chunk.invalid() {
            cells.push(Cell::new(at..at + 1, format!("\\x{byte:02x}")));
            at += 1;
        }
    }
    cells
}

#[cfg(test)]
mod tests;
