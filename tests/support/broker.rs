//! The RabbitMQ of a test: the one that is named, else Docker's, else a private process.

use std::io::Write as _;
use std::time::Duration;

use cxchain::ports::{Dice as _, SystemDice};
use tokio::sync::OnceCell;
use url::Url;

use super::container::Container;
use super::private::Node;
use super::script;

/// A running broker. Dropping it leaves nothing behind, and so does killing the test process.
pub struct Broker {
    url: String,
    version: String,
    home: Home,
}

enum Home {
    /// Named by `CXCHAIN_TEST_AMQP_URL`: not ours to break.
    Given,
    Container(Box<Container>),
    Private(Node),
}

/// One more listener, and what it needs.
pub struct Listener {
    /// Its port, on loopback.
    pub port: u16,
    /// Lines of `rabbitmq.conf`, where `{address}` stands for what to listen at and `{dir}` for where the files are.
    pub conf: String,
    /// Names and contents.
    pub files: Vec<(&'static str, String)>,
}

impl Listener {
    /// At a port that nobody listens on now, and that the kernel gives to nobody unasked.
    pub fn new(conf: &str, files: Vec<(&'static str, String)>) -> Self {
        let drawn =
            || 20_000 + u16::try_from(SystemDice.up_to(Duration::from_micros(12_000)).as_micros()).expect("small");
        let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
        let port = std::iter::repeat_with(drawn).find(free).expect("it does not end");
        Self { port, conf: conf.to_owned(), files }
    }

    /// The lines of `rabbitmq.conf` for a broker that listens on `host` and has the files in `dir`.
    pub fn conf(&self, host: &str, dir: &str) -> String {
        self.conf.replace("{address}", &format!("{host}:{}", self.port)).replace("{dir}", dir)
    }
}

impl Broker {
    /// A broker of the caller's own, which it may kill.
    ///
    /// # Panics
    /// When none can be had: what is missing fails the test.
    pub async fn start() -> Self {
        match std::env::var("CXCHAIN_TEST_AMQP_URL") {
            Ok(url) => Self::at(url, Home::Given).await,
            Err(_) => Self::own(None).await,
        }
    }

    /// [`Broker::start`] with one more listener.
    ///
    /// # Panics
    /// Also when `CXCHAIN_TEST_AMQP_URL` names a broker: how that one listens is not the test's to say.
    pub async fn listening(listener: Listener) -> Self {
        let given = std::env::var_os("CXCHAIN_TEST_AMQP_URL").is_some();
        assert!(!given, "this test configures its broker: unset CXCHAIN_TEST_AMQP_URL, or leave this test out");
        Self::own(Some(&listener)).await
    }

    async fn own(listener: Option<&Listener>) -> Self {
        match script::run(&["way"]).await.as_str() {
            "docker" => match Container::start(listener).await {
                Some(container) => Self::at(container.url().to_owned(), Home::Container(Box::new(container))).await,
                None => Self::private(listener).await,
            },
            "private" => Self::private(listener).await,
            _ => panic!(
                "no RabbitMQ for this test: `deploy/dev-broker need` gets one, or CXCHAIN_TEST_AMQP_URL names one that runs"
            ),
        }
    }

    /// The one broker of this test process, for tests that leave it running.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Broker> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    async fn private(listener: Option<&Listener>) -> Self {
        let node = Node::start(listener).await;
        Self::at(node.url().to_owned(), Home::Private(node)).await
    }

    async fn at(url: String, home: Home) -> Self {
        let version = version_at(&url).await;
        let broker = Self { url, version, home };
        broker.report();
        broker
    }

    /// Where it listens; the same after a restart.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// As the broker says it: `3.10.8`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The private node's directory, if it is one.
    pub fn dir(&self) -> Option<&std::path::Path> {
        match &self.home {
            Home::Private(node) => Some(node.dir()),
            Home::Given | Home::Container(_) => None,
        }
    }

    /// SIGKILL, once the quorum queues that it has are registered on its disk.
    pub async fn kill(&self) {
        match &self.home {
            Home::Given => self.not_ours("kills"),
            Home::Container(container) => container.kill().await,
            Home::Private(node) => node.act("kill").await,
        }
    }

    /// An orderly shutdown.
    pub async fn stop(&self) {
        match &self.home {
            Home::Given => self.not_ours("stops"),
            Home::Container(container) => container.stop().await,
            Home::Private(node) => node.act("stop").await,
        }
    }

    /// Starts it again, with its data and at its address, after [`Broker::kill`] or [`Broker::stop`]; ends when it serves.
    pub async fn restart(&self) {
        match &self.home {
            Home::Given => self.not_ours("restarts"),
            Home::Container(container) => container.restart().await,
            Home::Private(node) => node.act("restart").await,
        }
    }

    /// Freezes it: connections stay open, and nobody answers.
    pub async fn pause(&self) {
        match &self.home {
            Home::Given => self.not_ours("freezes"),
            Home::Container(container) => container.pause().await,
            Home::Private(node) => node.act("pause").await,
        }
    }

    /// Ends [`Broker::pause`].
    pub async fn resume(&self) {
        match &self.home {
            Home::Given => self.not_ours("freezes"),
            Home::Container(container) => container.resume().await,
            Home::Private(node) => node.act("resume").await,
        }
    }

    /// `rabbitmqctl ARGS…`; answers with its output.
    pub async fn ctl(&self, args: &[&str]) -> String {
        match &self.home {
            Home::Given => self.not_ours("commands"),
            Home::Container(container) => container.ctl(args).await,
            Home::Private(node) => node.ctl(args).await,
        }
    }

    fn not_ours(&self, does: &str) -> ! {
        panic!(
            "this test {does} its broker, and CXCHAIN_TEST_AMQP_URL names one that is not the test's own: \
             unset it, or leave this test out"
        );
    }

    /// Tells CI which brokers the tests ran against.
    fn report(&self) {
        let Ok(path) = std::env::var("CXCHAIN_TEST_BROKERS_FILE") else { return };
        let home = match self.home {
            Home::Given => "as given",
            Home::Container(_) => "in Docker",
            Home::Private(_) => "a private process",
        };
        let line = format!("RabbitMQ {}, {home}\n", self.version);
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(line.as_bytes()))
            .unwrap_or_else(|error| panic!("cannot write {path}: {error}"));
    }
}

async fn version_at(url: &str) -> String {
    let url = Url::parse(url).expect("an AMQP URL");
    if url.scheme() == "amqps" {
        return "of unknown version (TLS)".to_owned();
    }
    let port = url.port().unwrap_or(5672).to_string();
    script::run(&["version", url.host_str().unwrap_or("127.0.0.1"), &port]).await
}
