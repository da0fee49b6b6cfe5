//! Recursive descent over the tokens, at most [`MAX_DEPTH`] levels of it.

use std::borrow::Cow;

use super::token::{Stop, Tokens, VALUE};
use super::{Kind, Member, Node, Pointer, Report};

/// How many arrays and objects may lie in one another. What is deeper is reported, and passed over without recursion.
pub const MAX_DEPTH: usize = 64;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads `text` as one JSON value, strictly after RFC 8259, and reports its faults: invalid UTF-8, a byte order mark,
/// a key given twice, more than [`MAX_DEPTH`] levels, numbers that neither 64-bit integers nor 64-bit floats can hold,
/// half surrogate pairs, anything after the value. `None` after a syntax error, the only fault that ends the reading.
pub fn read<'a>(text: &'a [u8], report: &mut Report<'a>) -> Option<Node<'a>> {
    let mut reader = Reader { tokens: Tokens { text, at: 0, report, passing: false } };
    reader.document().ok()
}

struct Reader<'r, 'a> {
    tokens: Tokens<'r, 'a>,
}

impl<'a> Reader<'_, 'a> {
    fn document(&mut self) -> Result<Node<'a>, Stop> {
        let root = Pointer::ROOT;
        if self.tokens.text.starts_with(BYTE_ORDER_MARK) {
            self.tokens.at = BYTE_ORDER_MARK.len();
            let mark = self.tokens.span_from(0);
            self.tokens.report.add_allowing(&root, mark, "begins with a byte order mark", "UTF-8 without one");
        }
        self.tokens.space();
        if self.tokens.peek().is_none() {
            let here = self.tokens.here();
            self.tokens.report.add_allowing(&root, here, "is empty", VALUE);
            return Err(Stop);
        }
        let node = self.value(&root, 0)?;
        self.tokens.space();
        if self.tokens.peek().is_some() {
            let here = self.tokens.here();
            self.tokens.report.add_allowing(
                &root,
                here,
                "goes on after its end",
                "one JSON value and nothing after it",
            );
        }
        Ok(node)
    }

    /// The value here, inside of `depth` arrays and objects.
    fn value(&mut self, pointer: &Pointer<'_>, depth: usize) -> Result<Node<'a>, Stop> {
        let start = self.tokens.at;
        let kind = match self.tokens.peek() {
            Some(b'{' | b'[') if depth >= MAX_DEPTH => self.too_deep(pointer)?,
            Some(b'{') => self.object(pointer, depth + 1)?,
            Some(b'[') => self.array(pointer, depth + 1)?,
            _ => self.scalar(pointer)?,
        };
        Ok(Node { span: self.tokens.span_from(start), kind })
    }

    fn scalar(&mut self, pointer: &Pointer<'_>) -> Result<Kind<'a>, Stop> {
        match self.tokens.peek() {
            Some(b'"') => {
                let string = self.tokens.string(pointer)?;
                Ok(if string.sound { Kind::String(string.text) } else { Kind::Unreadable })
            }
            Some(b'-' | b'0'..=b'9') => self.tokens.number(pointer),
            Some(b't') => self.tokens.literal("true", Kind::Bool(true), pointer),
            Some(b'f') => self.tokens.literal("false", Kind::Bool(false), pointer),
            Some(b'n') => self.tokens.literal("null", Kind::Null, pointer),
            _ => Err(self.tokens.syntax(pointer, VALUE)),
        }
    }

    fn array(&mut self, pointer: &Pointer<'_>, depth: usize) -> Result<Kind<'a>, Stop> {
        let mut items = Vec::new();
        if !self.opens_empty(b']') {
            loop {
                items.push(self.value(&pointer.index(items.len()), depth)?);
                if !self.another(b']', pointer)? {
                    break;
                }
            }
        }
        Ok(Kind::Array(items))
    }

    fn object(&mut self, pointer: &Pointer<'_>, depth: usize) -> Result<Kind<'a>, Stop> {
        let mut members = Vec::new();
        if !self.opens_empty(b'}') {
            loop {
                let start = self.tokens.at;
                let key = self.key(pointer)?;
                let key_span = self.tokens.span_from(start);
                self.colon(pointer)?;
                let node = self.value(&pointer.key(&key), depth)?;
                members.push(Member { key, key_span, node });
                if !self.another(b'}', pointer)? {
                    break;
                }
            }
        }
        self.drop_repeated(&mut members, pointer);
        Ok(Kind::Object(members))
    }

    /// Passes the bracket here. Whether it is closed at once; if not, the first entry follows.
    fn opens_empty(&mut self, close: u8) -> bool {
        self.tokens.at += 1;
        self.tokens.space();
        self.tokens.eat(close)
    }

    fn key(&mut self, pointer: &Pointer<'_>) -> Result<Cow<'a, str>, Stop> {
        if self.tokens.peek() != Some(b'"') {
            return Err(self.tokens.syntax(pointer, "a key in double quotes"));
        }
        Ok(self.tokens.string(pointer)?.text)
    }

    fn colon(&mut self, pointer: &Pointer<'_>) -> Result<(), Stop> {
        self.tokens.space();
        if !self.tokens.eat(b':') {
            return Err(self.tokens.syntax(pointer, "a colon after the key"));
        }
        self.tokens.space();
        Ok(())
    }

    /// Whether another entry follows the one that ended here, rather than `close`.
    fn another(&mut self, close: u8, pointer: &Pointer<'_>) -> Result<bool, Stop> {
        self.tokens.space();
        if self.tokens.eat(b',') {
            self.tokens.space();
            return Ok(true);
        }
        if self.tokens.eat(close) {
            return Ok(false);
        }
        Err(self.tokens.syntax(pointer, format_args!("a comma or `{}`", char::from(close))))
    }

    /// Reports every key that is there more than once, and keeps its first value. Sorts rather than hashes: no key can
    /// be chosen to make that slow.
    fn drop_repeated(&mut self, members: &mut Vec<Member<'a>>, pointer: &Pointer<'_>) {
        let mut order: Vec<usize> = (0..members.len()).collect();
        order.sort_by(|a, b| members[*a].key.cmp(&members[*b].key));
        let mut repeated: Vec<usize> = Vec::new();
        for group in order.chunk_by(|a, b| members[*a].key == members[*b].key) {
            repeated.extend(&group[1..]);
            if let Some(second) = group.get(1) {
                let member = &members[*second];
                self.tokens.report.add(&pointer.key(&member.key), member.key_span, "is given more than once");
            }
        }
        if !repeated.is_empty() {
            repeated.sort_unstable();
            let mut index = 0;
            let mut next = repeated.iter().peekable();
            members.retain(|_| {
                let drop = next.next_if(|repeated| **repeated == index).is_some();
                index += 1;
                !drop
            });
        }
    }

    /// Passes over the array or object here, and reports it as a whole. The tokens in it are checked like all others, only keys are not
    /// compared, and a syntax error ends the reading without a word of its own.
    fn too_deep(&mut self, pointer: &Pointer<'_>) -> Result<Kind<'a>, Stop> {
        let start = self.tokens.here();
        let what = format_args!("lies in more than {MAX_DEPTH} arrays and objects");
        self.tokens.report.add(pointer, start, what);
        self.tokens.passing = true;
        let passed = self.pass(pointer);
        self.tokens.passing = false;
        passed
    }

    /// Passes with a list of open brackets instead of recursion: one byte a level.
    fn pass(&mut self, pointer: &Pointer<'_>) -> Result<Kind<'a>, Stop> {
        let mut closing = Vec::new();
        loop {
            let complete = match self.tokens.peek() {
                Some(b'{') => self.pass_open(b'}', &mut closing),
                Some(b'[') => self.pass_open(b']', &mut closing),
                _ => self.scalar(pointer).map(|_| true)?,
            };
            if complete && !self.pass_on(pointer, &mut closing)? {
                return Ok(Kind::Unreadable);
            }
            if closing.last() == Some(&b'}') {
                self.key(pointer)?;
                self.colon(pointer)?;
            }
        }
    }

    /// Passes the bracket here, and notes what closes it. Whether it is closed already.
    fn pass_open(&mut self, close: u8, closing: &mut Vec<u8>) -> bool {
        let empty = self.opens_empty(close);
        if !empty {
            closing.push(close);
        }
        empty
    }

    /// Passes what follows a complete value, up to the next entry. Whether there is one before all is closed.
    fn pass_on(&mut self, pointer: &Pointer<'_>, closing: &mut Vec<u8>) -> Result<bool, Stop> {
        while let Some(close) = closing.last() {
            if self.another(*close, pointer)? {
                return Ok(true);
            }
            closing.pop();
        }
        Ok(false)
    }
}
