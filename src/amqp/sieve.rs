//! What the broker sends, made readable for lapin, frame by frame.
//!
//! lapin takes properties and headers for text and for shallow. Whoever may enqueue can write others, and RabbitMQ passes them
//! on: bytes that are no UTF-8 end lapin's connection, every time that the message is delivered, until the delivery limit
//! has buried its neighbours with it; headers nested some thousand levels deep overflow the stack and end the process. So
//! bytes that cannot be read become `?` here, and headers that cannot be read, or are too deep, become one header that says
//! so. Bodies pass as they come.

/// Levels of tables and lists in the headers of a message.
const MOST_LEVELS: usize = 64;
/// No frame that is looked into is longer; RabbitMQ's own bound is 128 KiB.
const MOST_BYTES: usize = 1 << 20;

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;

/// Kind, channel and size of a frame.
const HEAD: usize = 7;
const END: u8 = 0xCE;

/// `{"x-cxchain-headers-omitted": true}`
const OMITTED: &[u8] = b"\x00\x00\x00\x1c\x19x-cxchain-headers-omittedt\x01";

/// Reads frames as they come, in pieces of any length.
#[derive(Debug)]
pub(super) enum Sieve {
    /// A frame's head, and its content if that is looked into: what is there of it.
    Collecting(Vec<u8>),
    /// The rest of a frame that passes as it comes.
    Passing(usize),
    /// What comes is not in frames: all passes.
    Open,
}

impl Default for Sieve {
    fn default() -> Self {
        Self::Collecting(Vec::new())
    }
}

impl Sieve {
    /// Takes in what came, and adds to `out` what lapin may see of it.
    pub(super) fn pass(&mut self, mut fresh: &[u8], out: &mut Vec<u8>) {
        while !fresh.is_empty() {
            match self {
                Self::Open => {
                    out.extend_from_slice(fresh);
                    return;
                }
                Self::Passing(left) => {
                    let piece = take(&mut fresh, *left);
                    out.extend_from_slice(piece);
                    *left -= piece.len();
                    if *left == 0 {
                        *self = Self::default();
                    }
                }
                Self::Collecting(frame) => {
                    let wanted = length(frame).unwrap_or(HEAD);
                    let missing = wanted - frame.len();
                    frame.extend_from_slice(take(&mut fresh, missing));
                    if frame.len() == wanted {
                        *self = Self::after(std::mem::take(frame), out);
                    }
                }
            }
        }
    }

    /// What follows a head, or a whole frame.
    fn after(frame: Vec<u8>, out: &mut Vec<u8>) -> Self {
        if frame.len() > HEAD {
            out.extend(mended(&frame).unwrap_or(frame));
            return Self::default();
        }
        let rest = size(&frame).map_or(0, |size| size.saturating_add(1));
        match frame[0] {
            METHOD | HEADER if rest <= MOST_BYTES => return Self::Collecting(frame),
            METHOD | HEADER | BODY | HEARTBEAT => {}
            _ => {
                out.extend(frame);
                return Self::Open;
            }
        }
        out.extend(frame);
        Self::Passing(rest)
    }
}

/// How long the frame is whose head is there.
fn length(frame: &[u8]) -> Option<usize> {
    Some(HEAD + size(frame)? + 1)
}

fn size(frame: &[u8]) -> Option<usize> {
    let size = frame.get(3..HEAD)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(size)).ok()
}

/// Up to `most` bytes off the front.
fn take<'a>(from: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (piece, rest) = from.split_at(most.min(from.len()));
    *from = rest;
    piece
}

/// The whole frame with whatever cannot be read replaced; `None`: it is passed as it is.
fn mended(frame: &[u8]) -> Option<Vec<u8>> {
    let (kind, content) = (*frame.first()?, frame.get(HEAD..frame.len() - 1)?);
    let content = match kind {
        METHOD => delivery(content)?,
        HEADER => properties(content)?,
        _ => return None,
    };
    let size = u32::try_from(content.len()).ok()?;
    Some([&frame[..3], &size.to_be_bytes(), &content, &[END]].concat())
}

/// `basic.deliver`, whose routing key is the sender's.
fn delivery(content: &[u8]) -> Option<Vec<u8>> {
    const BASIC_DELIVER: &[u8] = &[0, 60, 0, 60];
    let mut parts = Parts { rest: content, out: Vec::with_capacity(content.len()) };
    if parts.keep(4)? != BASIC_DELIVER {
        return None;
    }
    parts.text()?; // the consumer's tag
    parts.keep(8 + 1)?; // the delivery's tag, and whether it was redelivered
    parts.text()?; // the exchange
    parts.text()?; // the routing key
    parts.end()
}

/// A content header: class, weight, body size, flags, and the properties that the flags announce.
fn properties(content: &[u8]) -> Option<Vec<u8>> {
    let mut parts = Parts { rest: content, out: Vec::with_capacity(content.len()) };
    parts.keep(2 + 2 + 8)?;
    let flags = u16::from_be_bytes(parts.keep(2)?.try_into().ok()?);
    for property in (2..16).rev().filter(|bit| flags & (1 << bit) != 0) {
        match property {
            13 => parts.headers()?,
            12 | 11 => parts.keep(1).map(|_| ())?, // delivery mode, priority
            6 => parts.keep(8).map(|_| ())?,       // timestamp
            _ => parts.text()?,
        }
    }
    parts.end()
}

/// A frame's content on its way from the one form into the other. `None`: it is not built as it should be.
struct Parts<'a> {
    rest: &'a [u8],
    out: Vec<u8>,
}

impl<'a> Parts<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (piece, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(piece)
    }

    fn keep(&mut self, count: usize) -> Option<&'a [u8]> {
        let piece = self.take(count)?;
        self.out.extend_from_slice(piece);
        Some(piece)
    }

    /// A short string. Its length stays.
    fn text(&mut self) -> Option<()> {
        let length = usize::from(*self.keep(1)?.first()?);
        for chunk in self.take(length)?.utf8_chunks() {
            self.out.extend_from_slice(chunk.valid().as_bytes());
            self.out.resize(self.out.len() + chunk.invalid().len(), b'?');
        }
        Some(())
    }

    fn headers(&mut self) -> Option<()> {
        let length = u32::from_be_bytes(self.rest.get(..4)?.try_into().ok()?);
        let table = self.take(4 + usize::try_from(length).ok()?)?;
        let readable = is_readable(&table[4..]).is_some();
        self.out.extend_from_slice(if readable { table } else { OMITTED });
        Some(())
    }

    fn end(self) -> Option<Vec<u8>> {
        self.rest.is_empty().then_some(self.out)
    }
}

/// Walks a table with a list of ends instead of recursion. `None` where lapin would stumble.
fn is_readable(table: &[u8]) -> Option<()> {
    struct Level {
        end: usize,
        has_names: bool,
    }
    let mut open = vec![Level { end: table.len(), has_names: true }];
    let mut at = 0;
    while let Some(level) = open.last() {
        let end = level.end;
        if at == end {
            open.pop();
            continue;
        }
        let here = table.get(at..end)?;
        let mut parts = Parts { rest: here, out: Vec::new() };
        if level.has_names {
            let length = usize::from(*parts.take(1)?.first()?);
            std::str::from_utf8(parts.take(length)?).ok()?;
        }
        let kind = *parts.take(1)?.first()?;
        let size = match kind {
            b'V' => 0,
            b't' | b'b' | b'B' => 1,
            b's' | b'U' | b'u' => 2,
            b'I' | b'i' | b'f' => 4,
            b'D' => 5,
            b'L' | b'l' | b'd' | b'T' => 8,
            b'S' | b'x' | b'A' | b'F' => usize::try_from(u32::from_be_bytes(parts.take(4)?.try_into().ok()?)).ok()?,
            _ => return None,
        };
        let start = end - parts.rest.len();
        parts.take(size)?;
        if matches!(kind, b'A' | b'F') {
            if open.len() == MOST_LEVELS {
                return None;
            }
            open.push(Level { end: start + size, has_names: kind == b'F' });
            at = start;
        } else {
            at = start + size;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests;
