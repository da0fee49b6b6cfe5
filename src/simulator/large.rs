//! Bodies that are large for whoever reads them and cost next to nothing here: a JSON string of n bytes, plain or as gzip.

use std::iter;

use flate2::{Compress, Compression, Crc, FlushCompress};
use hyper::body::Bytes;

/// A body's length on the wire and its pieces.
type Made = (u64, Box<dyn Iterator<Item = Bytes> + Send>);

const QUOTE: &[u8] = b"\"";
static PLAIN: [u8; 64 << 10] = [b'x'; 64 << 10];
/// How much one repeated piece of a bomb unpacks to.
const BLOCK: usize = 1 << 20;

/// A JSON string of `bytes` bytes (at least 2), quotes included.
pub(super) fn huge(bytes: u64) -> Made {
    let bytes = bytes.max(2);
    let (times, rest) = pieces(bytes - 2, PLAIN.len());
    let middle = iter::repeat_n(Bytes::from_static(&PLAIN), times).chain([Bytes::from_static(&PLAIN[..rest])]);
    (bytes, Box::new(quoted(Bytes::from_static(QUOTE), middle)))
}

/// The same as gzip. The repeated piece is deflated once, flushed in full so that it leans on nothing before it; its checksum
/// is raised to the power of its repetitions.
pub(super) fn bomb(bytes: u64) -> Made {
    let bytes = bytes.max(2);
    let (times, rest) = pieces(bytes - 2, BLOCK);
    let block = vec![b'x'; BLOCK];
    let (quote, full, partial) = (deflated(QUOTE), deflated(&block), deflated(&block[..rest]));

    let mut checksum = checksum_of(QUOTE);
    checksum.combine(&repeated(checksum_of(&block), times));
    checksum.combine(&checksum_of(&block[..rest]));
    checksum.combine(&checksum_of(QUOTE));

    // RFC 1952: header without name or time; RFC 1951: an empty last block; checksum and length modulo 2^32.
    let header: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut trailer = vec![0x03, 0x00];
    trailer.extend(checksum.sum().to_le_bytes());
    trailer.extend(&bytes.to_le_bytes()[..4]);

    let fixed = header.len() + 2 * quote.len() + partial.len() + trailer.len();
    let length = fixed as u64 + full.len() as u64 * times as u64;
    let middle = iter::repeat_n(full, times).chain([partial]);
    let chunks = iter::once(Bytes::from_static(header)).chain(quoted(quote, middle)).chain([Bytes::from(trailer)]);
    (length, Box::new(chunks))
}

fn quoted(quote: Bytes, middle: impl Iterator<Item = Bytes>) -> impl Iterator<Item = Bytes> {
    iter::once(quote.clone()).chain(middle).chain([quote]).filter(|piece| !piece.is_empty())
}

/// `bytes` as so many times `size` and a rest.
fn pieces(bytes: u64, size: usize) -> (usize, usize) {
    let size = size as u64;
    (usize::try_from(bytes / size).unwrap_or(usize::MAX), usize::try_from(bytes % size).unwrap_or_default())
}

/// A stretch of a deflate stream that stands by itself and ends on a byte.
fn deflated(bytes: &[u8]) -> Bytes {
    if bytes.is_empty() {
        return Bytes::new();
    }
    let mut deflate = Compress::new(Compression::best(), false);
    let mut out = Vec::with_capacity(bytes.len() / 512 + 64);
    loop {
        let done = usize::try_from(deflate.total_in()).unwrap_or(usize::MAX);
        // It cannot fail: there is no dictionary and no stream before it.
        let _ = deflate.compress_vec(&bytes[done..], &mut out, FlushCompress::Full);
        if out.len() < out.capacity() {
            return out.into();
        }
        out.reserve(out.capacity());
    }
}

fn checksum_of(bytes: &[u8]) -> Crc {
    let mut checksum = Crc::new();
    checksum.update(bytes);
    checksum
}

/// The checksum of `times` repetitions, by squaring.
fn repeated(mut power: Crc, mut times: usize) -> Crc {
    let mut product = Crc::new();
    while times > 0 {
        if times % 2 == 1 {
            product.combine(&power);
        }
        let mut squared = Crc::new();
        squared.combine(&power);
        squared.combine(&power);
        power = squared;
        times /= 2;
    }
    product
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn body((length, chunks): Made) -> Vec<u8> {
        let bytes: Vec<u8> = chunks.flat_map(|chunk| chunk.to_vec()).collect();
        assert_eq!(bytes.len() as u64, length);
        bytes
    }

    #[test]
    fn both_are_the_same_json_string_of_the_length_asked_for() {
        for bytes in [2_usize, 3, 1000, 65_537, 65_538, 65_539, BLOCK, BLOCK + 2, 3 * BLOCK + 12_345] {
            let plain = body(huge(bytes as u64));
            assert_eq!(plain.len(), bytes);
            assert!(serde_json::from_slice::<String>(&plain).is_ok());
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(&*body(bomb(bytes as u64))).read_to_end(&mut unpacked).unwrap();
            assert!(unpacked == plain, "{bytes}");
        }
    }

    #[test]
    fn a_gigabyte_travels_as_about_a_megabyte() {
        let (length, chunks) = bomb(1 << 30);
        assert!((500_000..2_000_000).contains(&length), "{length}");
        assert!(chunks.map(|chunk| chunk.len()).max().unwrap() < 4096);
    }
}
