//! A door to the broker with a password of its own, so that a test can tell a password in a log from a user's name. It can
//! slam, too.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use url::Url;

pub(crate) struct Door {
    url: String,
    slam: watch::Sender<()>,
}

impl Door {
    /// Opens it in front of the broker at `url`; whoever knows `password` is let in as that URL's user.
    pub(crate) async fn open(url: &str, password: &'static str) -> Self {
        let inside = Url::parse(url).expect("an AMQP URL");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let mut outside = inside.clone();
        outside.set_host(Some("127.0.0.1")).expect("a host");
        outside.set_port(Some(listener.local_addr().expect("it is bound").port())).expect("a port");
        outside.set_password(Some(password)).expect("a password");
        let slam = watch::Sender::new(());
        let slammed = slam.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let mut slammed = slammed.subscribe();
                let inside = inside.clone();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = slammed.changed() => {}
                        () = pass(client, &inside, password) => {}
                    }
                });
            }
        });
        Self { url: outside.into(), slam }
    }

    /// The URL from outside, password included.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Cuts all that is connected. It stays open.
    pub(crate) fn slam(&self) {
        self.slam.send_replace(());
    }
}

/// Between a client and the broker, with the client's login put right.
async fn pass(mut client: TcpStream, inside: &Url, password: &str) {
    let address = (inside.host_str().expect("a host"), inside.port().unwrap_or(5672));
    let mut broker = TcpStream::connect(address).await.expect("the broker listens");
    let mut greeting = [0; 8];
    if client.read_exact(&mut greeting).await.is_err() || broker.write_all(&greeting).await.is_err() {
        return;
    }
    // connection.start, whatever it says.
    let Some(start) = frame(&mut broker).await else { return };
    if client.write_all(&start).await.is_err() {
        return;
    }
    let Some(start_ok) = frame(&mut client).await else { return };
    let user = inside.username();
    let given = format!("\0{user}\0{password}");
    let right = format!("\0{user}\0{}", inside.password().unwrap_or_default());
    let _ = broker.write_all(&exchanged(&start_ok, given.as_bytes(), right.as_bytes())).await;
    let _ = copy_bidirectional(&mut client, &mut broker).await;
}

/// A whole frame.
async fn frame(from: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut frame = vec![0; 7];
    from.read_exact(&mut frame).await.ok()?;
    let size = u32::from_be_bytes([frame[3], frame[4], frame[5], frame[6]]);
    frame.resize(7 + usize::try_from(size).ok()? + 1, 0);
    from.read_exact(&mut frame[7..]).await.ok()?;
    Some(frame)
}

/// The frame with another long string in the place of the first.
fn exchanged(frame: &[u8], first: &[u8], other: &[u8]) -> Vec<u8> {
    let long = |bytes: &[u8]| [&u32::try_from(bytes.len()).expect("a length").to_be_bytes()[..], bytes].concat();
    let (first, other) = (long(first), long(other));
    let at = frame.windows(first.len()).position(|part| part == first);
    let at = at.expect("the client gives the password of the door");
    let content = [&frame[7..at], &other, &frame[at + first.len()..frame.len() - 1]].concat();
    [&frame[..3], &long(&content), &[0xCE]].concat()
}
