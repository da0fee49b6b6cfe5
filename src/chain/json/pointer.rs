//! Where a value stands in the tree, without a byte on the heap until someone has to be told.

/// A path from the root to a value: a list on the stack, each part pointing to the one above.
#[derive(Debug, Clone, Copy)]
pub struct Pointer<'p> {
    above: Option<&'p Pointer<'p>>,
    segment: Segment<'p>,
}

#[derive(Debug, Clone, Copy)]
enum Segment<'p> {
    Root,
    Key(&'p str),
    Index(usize),
}

/// How many characters of a key are shown, the mark of omission included.
const KEY_CHARS: usize = 64;
/// How many bytes a pointer has at most as text.
const TEXT_BYTES: usize = 512;
const OMITTED: char = '…';

impl<'p> Pointer<'p> {
    /// The whole text.
    pub const ROOT: Pointer<'static> = Pointer { above: None, segment: Segment::Root };

    /// The member `key` of the object here.
    #[must_use]
    pub fn key(&'p self, key: &'p str) -> Self {
        Pointer { above: Some(self), segment: Segment::Key(key) }
    }

    /// The entry `index` of the array here.
    #[must_use]
    pub fn index(&'p self, index: usize) -> Self {
        Pointer { above: Some(self), segment: Segment::Index(index) }
    }

    /// The RFC 6901 form. A person reads it in a terminal and a machine in a header, so keys are cut at 64 characters
    /// and the whole at 512 bytes, and control and invisible characters are escaped; up to that it is exact.
    #[must_use]
    pub fn render(&self) -> String {
        let mut segments = Vec::new();
        let mut next = Some(self);
        while let Some(pointer) = next {
            match pointer.segment {
                Segment::Root => {}
                Segment::Key(key) => segments.push(shown(key)),
                Segment::Index(index) => segments.push(index.to_string()),
            }
            next = pointer.above;
        }
        let mut text = String::new();
        for segment in segments.into_iter().rev() {
            if text.len() + "/".len() + segment.len() > TEXT_BYTES - "/…".len() {
                text.push('/');
                text.push(OMITTED);
                break;
            }
            text.push('/');
            text.push_str(&segment);
        }
        text
    }
}

fn shown(key: &str) -> String {
    let mut text = String::new();
    let mut chars = 0;
    let mut rest = key.chars();
    while let Some(c) = rest.next() {
        let part = match c {
            '~' => "~0".to_owned(),
            '/' => "~1".to_owned(),
            '\\' | '"' | '\'' => c.to_string(),
            c => c.escape_debug().to_string(),
        };
        let last = if rest.as_str().is_empty() { 0 } else { 1 };
        chars += part.chars().count();
        if chars + last > KEY_CHARS {
            text.push(OMITTED);
            break;
        }
        text.push_str(&part);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(key: &str) -> String {
        Pointer::ROOT.key(key).render()
    }

    #[test]
    fn the_text_is_that_of_rfc_6901() {
        assert_eq!(Pointer::ROOT.render(), "");
        assert_eq!(Pointer::ROOT.key("steps").index(3).key("id").render(), "/steps/3/id");
        for (key, text) in
            [("", "/"), ("a/b", "/a~1b"), ("m~n", "/m~0n"), ("~1", "/~01"), (" ", "/ "), ("i\\j", "/i\\j")]
        {
            assert_eq!(rendered(key), text);
        }
        assert_eq!(rendered("Größe\"'"), "/Größe\"'");
    }

    #[test]
    fn what_a_terminal_would_act_upon_is_escaped() {
        assert_eq!(rendered("a\r\nb\u{1b}[31m\0"), "/a\\r\\nb\\u{1b}[31m\\0");
        assert_eq!(rendered("\u{202e}\u{200b}\u{feff}"), "/\\u{202e}\\u{200b}\\u{feff}");
    }

    #[test]
    fn a_key_has_at_most_64_characters() {
        assert_eq!(rendered(&"k".repeat(64)), format!("/{}", "k".repeat(64)));
        assert_eq!(rendered(&"k".repeat(65)), format!("/{}…", "k".repeat(63)));
        for key in ["\u{1b}".repeat(1_000_000), "😀".repeat(1_000), "~".repeat(1_000)] {
            assert!(rendered(&key).chars().count() <= 65);
        }
    }

    #[test]
    fn a_pointer_has_at_most_512_bytes() {
        let key = "😀".repeat(60);
        let a = Pointer::ROOT.key(&key);
        let b = a.key(&key);
        let c = b.key(&key);
        assert_eq!(c.render(), format!("/{key}/{key}/…"));
        assert!(c.render().len() <= 512);
    }
}
