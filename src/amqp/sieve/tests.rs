//! What passes, what is mended, and that it does not matter in which pieces it comes.

use lapin::types::FieldTable;
use proptest::prelude::*;

use super::*;

fn frame(kind: u8, content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len()).unwrap();
    [&[kind, 0, 1][..], &size.to_be_bytes(), content, &[END]].concat()
}

fn short(bytes: &[u8]) -> Vec<u8> {
    [&[u8::try_from(bytes.len()).unwrap()][..], bytes].concat()
}

fn long(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// A content header with these properties.
fn header(flags: u16, properties: &[u8]) -> Vec<u8> {
    let head = [&[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9][..], &flags.to_be_bytes()].concat();
    frame(HEADER, &[&head, properties].concat())
}

fn with_headers(table: &[u8]) -> Vec<u8> {
    header(1 << 13, &long(table))
}

fn passed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Sieve::default().pass(bytes, &mut out);
    out
}

fn nested(levels: usize, kind: u8) -> Vec<u8> {
    let mut value = Vec::new();
    for _ in 0..levels {
        let name = if kind == b'F' { short(b"k") } else { Vec::new() };
        let inner = if value.is_empty() { Vec::new() } else { [name, value].concat() };
        value = [&[kind][..], &long(&inner)].concat();
    }
    [short(b"deep"), value].concat()
}

#[test]
fn what_can_be_read_passes_as_it_is() {
    let all = [
        header(0, b""),
        header(1 << 10, &short("Größe".as_bytes())),
        header(0xFFFC, &everything()),
        with_headers(b""),
        with_headers(&nested(MOST_LEVELS - 1, b'A')),
        frame(BODY, b"\xff\xce\x01\x02"),
        frame(HEARTBEAT, b""),
        frame(METHOD, b"\x00\x0a\x00\x0a\xff"),
        frame(BODY, &vec![b'x'; 3 * MOST_BYTES]),
        frame(METHOD, &vec![b'x'; MOST_BYTES]),
    ];
    assert_eq!(passed(&all.concat()), all.concat());
}

/// Every property, and headers with a value of every kind that RabbitMQ has.
fn everything() -> Vec<u8> {
    let mut table = Vec::new();
    for (kind, size) in [("V", 0), ("t", 1), ("b", 1), ("B", 1), ("s", 2), ("u", 2), ("I", 4), ("i", 4), ("f", 4)]
        .into_iter()
        .chain([("D", 5), ("l", 8), ("L", 8), ("d", 8), ("T", 8)])
    {
        table.extend([short(kind.as_bytes()), kind.into(), vec![1; size]].concat());
    }
    for kind in ["S", "x"] {
        table.extend([short(kind.as_bytes()), kind.into(), long(b"\xff\xfe")].concat());
    }
    table.extend(nested(3, b'F'));
    let text = short(b"text");
    [&text[..], &text, &long(&table), &[2], &[9], &text, &text, &text, &text, &[0; 8], &text, &text, &text, &text]
        .concat()
}

#[test]
fn bytes_that_are_no_utf8_become_question_marks() {
    let properties = [short(b"a\xffb"), short("ä\u{20ac}".as_bytes()), short(&[0xe2, 0x82])].concat();
    let mended = [short(b"a?b"), short("ä\u{20ac}".as_bytes()), short(b"??")].concat();
    let flags = 1 << 15 | 1 << 10 | 1 << 7;
    assert_eq!(passed(&header(flags, &properties)), header(flags, &mended));

    let deliver = |key: &[u8]| {
        let tag = [short(b"tag"), vec![0; 9], short(b"exchange"), short(key)].concat();
        frame(METHOD, &[&[0, 60, 0, 60][..], &tag].concat())
    };
    assert_eq!(passed(&deliver(b"k\xe9y")), deliver(b"k?y"));
}

#[test]
fn headers_that_lapin_cannot_read_are_left_out() {
    let omitted = header(1 << 13, OMITTED);
    for table in [
        nested(MOST_LEVELS, b'A'),
        nested(MOST_LEVELS, b'F'),
        nested(20_000, b'A'),
        [short(b"na\xefve"), b"t\x01".to_vec()].concat(),
        [short(b"k"), b"?".to_vec()].concat(),
        [short(b"k"), b"S\x00\x00\x00\x09short".to_vec()].concat(),
        [short(b"k"), b"A\x00\x00\x00\x02t".to_vec()].concat(),
        [short(b"k"), b"I\x00".to_vec()].concat(),
        short(b"k"),
        b"\x09k".to_vec(),
    ] {
        assert_eq!(passed(&with_headers(&table)), omitted, "{:?}", &table[..table.len().min(20)]);
    }
    let (_, table) = lapin::types::parsing::parse_field_table(OMITTED).expect("lapin reads what is left");
    let mut wanted = FieldTable::default();
    wanted.insert("x-cxchain-headers-omitted".into(), lapin::types::AMQPValue::Boolean(true));
    assert_eq!(table, wanted);
}

#[test]
fn other_properties_outlive_headers_that_do_not() {
    let flags = 1 << 15 | 1 << 13 | 1 << 7;
    let properties = |table: &[u8]| [&short(b"application/json")[..], table, &short(b"run-1")].concat();
    let hostile = header(flags, &properties(&long(&nested(1000, b'A'))));
    assert_eq!(passed(&hostile), header(flags, &properties(OMITTED)));
}

/// RabbitMQ's answer to a client of another protocol version, or TLS.
#[test]
fn what_is_not_in_frames_passes() {
    for bytes in
        [&b"AMQP\x00\x00\x09\x01"[..], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"HTTP/1.1 400 Bad Request"]
    {
        assert_eq!(passed(bytes), bytes);
    }
}

proptest! {
    #[test]
    fn it_does_not_matter_in_which_pieces_it_comes(cuts in prop::collection::vec(1_usize..40, 1..40)) {
        let all = [
            header(1 << 10, &short(b"caf\xe9")),
            frame(BODY, b"0123456789"),
            with_headers(&nested(100, b'F')),
            frame(HEARTBEAT, b""),
            header(0xFFFC, &everything()),
        ].concat();
        let (mut sieve, mut out, mut rest) = (Sieve::default(), Vec::new(), all.as_slice());
        for cut in cuts.into_iter().cycle() {
            if rest.is_empty() {
                break;
            }
            sieve.pass(take(&mut rest, cut), &mut out);
        }
        prop_assert_eq!(out, passed(&all));
    }

    #[test]
    fn chance_bytes_do_not_stop_it(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0_u8..9) {
        let framed = frame(kind, &bytes);
        let out = passed(&framed);
        prop_assert!(out.len() <= framed.len() + OMITTED.len());
        passed(&bytes);
    }

    /// The point of it all: lapin reads every content header that RabbitMQ may send.
    #[test]
    fn lapin_reads_whatever_passed(texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..30), 3), table in prop::collection::vec(any::<u8>(), 0..60)) {
        let flags = 1 << 15 | 1 << 13 | 1 << 10 | 1 << 7;
        let properties = [short(&texts[0]), long(&table), short(&texts[1]), short(&texts[2])].concat();
        let out = passed(&header(flags, &properties));
        let content = &out[HEAD + 12..out.len() - 1];
        let (left, _) = lapin::protocol::basic::parse_properties(content).expect("lapin reads it");
        prop_assert!(left.is_empty());
    }
}
