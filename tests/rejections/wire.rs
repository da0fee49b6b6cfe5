//! AMQP 0-9-1 byte by byte, for messages that no client library would write.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use crate::support::amqp::PATIENCE;

/// Flags of the properties that are written here (section 4.2.6.1 of the specification): the first is the highest bit.
pub(crate) const HEADERS: u16 = 1 << 13;
pub(crate) const CORRELATION_ID: u16 = 1 << 10;
pub(crate) const MESSAGE_ID: u16 = 1 << 7;

/// A connection with one channel in confirm mode.
pub(crate) struct Wire(TcpStream);

impl Wire {
    pub(crate) async fn connect(url: &str) -> Self {
        let url = Url::parse(url).expect("an AMQP URL");
        let address = (url.host_str().expect("a host"), url.port().unwrap_or(5672));
        let mut wire = Self(TcpStream::connect(address).await.expect("the broker listens"));
        wire.0.write_all(b"AMQP\x00\x00\x09\x01").await.expect("it reads");
        wire.expect(10, 10).await;
        let login = format!("\0{}\0{}", url.username(), url.password().unwrap_or_default());
        let start_ok = [&long_string(b"")[..], &short_string(b"PLAIN"), &long_string(login.as_bytes()), b"\x05en_US"];
        wire.method(0, 10, 11, &start_ok.concat()).await;
        let tune = wire.expect(10, 30).await;
        wire.method(0, 10, 31, &[&tune[..6], &[0, 0]].concat()).await;
        wire.method(0, 10, 40, b"\x01/\x00\x00").await;
        wire.expect(10, 41).await;
        wire.method(1, 20, 10, b"\x00").await;
        wire.expect(20, 11).await;
        wire.method(1, 85, 10, b"\x00").await;
        wire.expect(85, 11).await;
        wire
    }

    /// Publishes to a queue and waits for the confirm. `properties` are the bytes of those that `flags` announce.
    pub(crate) async fn publish(&mut self, queue: &str, flags: u16, properties: &[u8], body: &[u8]) {
        let target = [&[0, 0, 0][..], &short_string(queue.as_bytes()), &[1]].concat();
        self.method(1, 60, 40, &target).await;
        let size = u64::try_from(body.len()).expect("a length").to_be_bytes();
        let header = [&60_u16.to_be_bytes()[..], &[0, 0], &size, &flags.to_be_bytes(), properties].concat();
        self.frame(2, 1, &header).await;
        self.frame(3, 1, body).await;
        self.expect(60, 80).await;
    }

    async fn method(&mut self, channel: u16, class: u16, method: u16, arguments: &[u8]) {
        let payload = [&class.to_be_bytes()[..], &method.to_be_bytes(), arguments].concat();
        self.frame(1, channel, &payload).await;
    }

    async fn frame(&mut self, kind: u8, channel: u16, payload: &[u8]) {
        let size = u32::try_from(payload.len()).expect("a frame's length").to_be_bytes();
        let frame = [&[kind][..], &channel.to_be_bytes(), &size, payload, &[0xCE]].concat();
        self.0.write_all(&frame).await.expect("the broker reads");
    }

    /// The arguments of the next method, which has to be this one.
    async fn expect(&mut self, class: u16, method: u16) -> Vec<u8> {
        let mut payload = timeout(PATIENCE, self.next()).await.expect("the broker answers");
        let arguments = payload.split_off(4);
        assert_eq!(payload, [class.to_be_bytes(), method.to_be_bytes()].concat(), "{}", text(&arguments));
        arguments
    }

    /// The payload of the next frame.
    async fn next(&mut self) -> Vec<u8> {
        let mut head = [0; 7];
        self.0.read_exact(&mut head).await.expect("the broker stays");
        let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
        let mut payload = vec![0; usize::try_from(size).expect("a length") + 1];
        self.0.read_exact(&mut payload).await.expect("the broker stays");
        payload.pop();
        payload
    }
}

/// At most 255 bytes, after one that counts them.
pub(crate) fn short_string(bytes: &[u8]) -> Vec<u8> {
    [&[u8::try_from(bytes.len()).expect("a short string is short")], bytes].concat()
}

/// Bytes, or a table's fields, after four that count them.
pub(crate) fn long_string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).expect("a length").to_be_bytes()[..], bytes].concat()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
