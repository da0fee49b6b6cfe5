//! A network between the worker and its broker that loses what they say.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use url::Url;

use crate::support::{Broker, SOON};

/// The worker's connections, in the order in which it opens them.
pub const PUBLISH: usize = 0;
pub const CONSUME: usize = 1;

/// A TCP proxy in front of a broker. Dropped, it cuts everything.
pub struct Wire {
    url: String,
    lines: Arc<Mutex<Vec<Line>>>,
    refuses: Arc<AtomicBool>,
    _server: JoinSet<()>,
}

/// One connection through it.
struct Line {
    up: Arc<Direction>,
    down: Arc<Direction>,
    tasks: JoinSet<()>,
}

/// One way.
struct Direction {
    /// What is said is not passed on.
    deaf: watch::Sender<bool>,
    /// What was said and not passed on.
    swallowed: watch::Sender<Vec<u8>>,
}

impl Wire {
    pub async fn to(broker: &Broker) -> Self {
        let mut url = Url::parse(broker.url()).expect("an AMQP URL");
        let target = format!("{}:{}", url.host_str().expect("a host"), url.port().unwrap_or(5672));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        url.set_port(Some(listener.local_addr().expect("bound").port())).expect("a URL with a port");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let mut server = JoinSet::new();
        let refuses = Arc::new(AtomicBool::new(false));
        server.spawn(serve(listener, target, lines.clone(), refuses.clone()));
        Self { url: url.to_string(), lines, refuses, _server: server }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on the broker does not hear what the worker says on its `line`th connection.
    pub fn lose_what_the_worker_says(&self, line: usize) {
        self.lock()[line].up.deaf.send_replace(true);
    }

    /// From now on the worker does not hear what the broker says on its `line`th connection.
    pub fn lose_what_the_broker_says(&self, line: usize) {
        self.lock()[line].down.deaf.send_replace(true);
    }

    /// Waits until `count` AMQP methods of this kind were lost.
    pub async fn has_lost(&self, line: usize, (class, method): (u8, u8), count: usize) {
        let kind = [0, class, 0, method];
        let direction = |direction: &Arc<Direction>| direction.swallowed.subscribe();
        let (mut up, mut down) = {
            let lines = self.lock();
            (direction(&lines[line].up), direction(&lines[line].down))
        };
        let enough = |bytes: &Vec<u8>| bytes.windows(4).filter(|window| **window == kind).count() >= count;
        let waited = tokio::time::timeout(SOON, async {
            tokio::select! {
                seen = up.wait_for(enough) => seen.is_ok(),
                seen = down.wait_for(enough) => seen.is_ok(),
            }
        });
        assert!(waited.await.expect("they are said within that time"), "the connection is gone");
    }

    /// From now on no new connection comes about.
    pub fn refuse(&self) {
        self.refuses.store(true, Ordering::SeqCst);
    }

    /// New connections come about again.
    pub fn accept(&self) {
        self.refuses.store(false, Ordering::SeqCst);
    }

    /// Both ends of the `line`th connection find it closed.
    pub fn cut(&self, line: usize) {
        self.lock()[line].tasks.abort_all();
    }

    /// Where the newest connection is, or the one before it.
    pub fn newest(&self, before: usize) -> usize {
        self.lock().len().saturating_sub(1 + before)
    }

    /// So do those of all that there are.
    pub fn cut_all(&self) {
        self.lock().iter_mut().for_each(|line| line.tasks.abort_all());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Line>> {
        self.lines.lock().expect("no panic while it is held")
    }
}

async fn serve(listener: TcpListener, target: String, lines: Arc<Mutex<Vec<Line>>>, refuses: Arc<AtomicBool>) {
    loop {
        let (near, _) = listener.accept().await.expect("a connection");
        if refuses.load(Ordering::SeqCst) {
            continue;
        }
        let Ok(far) = TcpStream::connect(&target).await else { continue };
        let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
        let direction =
            || Arc::new(Direction { deaf: watch::channel(false).0, swallowed: watch::channel(Vec::new()).0 });
        let (up, down) = (direction(), direction());
        let mut tasks = JoinSet::new();
        tasks.spawn(carry(near_in, far_out, up.clone()));
        tasks.spawn(carry(far_in, near_out, down.clone()));
        lines.lock().expect("no panic while it is held").push(Line { up, down, tasks });
    }
}

async fn carry(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    direction: Arc<Direction>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if *direction.deaf.borrow() {
            direction.swallowed.send_modify(|all| all.extend_from_slice(&buffer[..read]));
        } else if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
