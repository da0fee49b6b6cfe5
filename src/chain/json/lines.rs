//! From a byte to the line and column that an editor shows.

/// A place in a text as people count: both from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line, from 1; `\n` ends one.
    pub line: usize,
    /// The character within the line, from 1.
    pub column: usize,
}

impl Position {
    const START: Position = Position { line: 1, column: 1 };

    fn after(self, byte: u8) -> Position {
        match byte {
            b'\n' => Position { line: self.line + 1, column: 1 },
            // The later bytes of one character.
            0x80..0xC0 => self,
            _ => Position { line: self.line, column: self.column + 1 },
        }
    }
}

/// Looks up positions in one text. Made in one pass; a look-up then reads 4 KiB at most, so that a hundred of them in a
/// single line of 2 MiB cost nothing.
#[derive(Debug)]
pub struct Lines<'a> {
    text: &'a [u8],
    /// The position of every `STRIDE`th byte.
    marks: Vec<Position>,
}

const STRIDE: usize = 4096;

impl<'a> Lines<'a> {
    /// Reads `text` once.
    #[must_use]
    pub fn new(text: &'a [u8]) -> Self {
        let mut marks = vec![Position::START];
        let mut position = Position::START;
        for chunk in text.chunks_exact(STRIDE) {
            position = chunk.iter().fold(position, |position, byte| position.after(*byte));
            marks.push(position);
        }
        Lines { text, marks }
    }

    /// The position of the byte at `offset`; of the end of the text when it is beyond.
    #[must_use]
    pub fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let mark = offset / STRIDE;
        self.text[mark * STRIDE..offset].iter().fold(self.marks[mark], |position, byte| position.after(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counted(text: &str, offset: usize) -> Position {
        let before = &text[..offset];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Position { line, column }
    }

    #[test]
    fn columns_are_characters_and_lines_end_with_newline() {
        let text = "ä\r\n😀x";
        let lines = Lines::new(text.as_bytes());
        assert_eq!(lines.position(text.find('x').unwrap()), Position { line: 2, column: 2 });
        assert_eq!(lines.position(999), Position { line: 2, column: 3 });
        assert_eq!(Lines::new(b"").position(0), Position { line: 1, column: 1 });
    }

    proptest! {
        #[test]
        fn agrees_with_counting(text in "[a\nä😀]{0,6000}", offset in any::<prop::sample::Index>()) {
            let mut offset = offset.index(text.len() + 1);
            while !text.is_char_boundary(offset) {
                offset -= 1;
            }
            prop_assert_eq!(Lines::new(text.as_bytes()).position(offset), counted(&text, offset));
        }
    }
}
