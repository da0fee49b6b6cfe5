//! Users of the broker with the rights that docs/OPERATIONS.md writes down for them.

use url::Url;

use super::support::{Broker, unique};

/// What a user may configure, write to and read from: patterns.
pub(crate) type Rights = [String; 3];

pub(crate) const CONFIGURE: usize = 0;
pub(crate) const WRITE: usize = 1;
pub(crate) const READ: usize = 2;

/// The line of docs/OPERATIONS.md for this user, with `prefix` in the place of `cxchain`.
pub(crate) fn documented(user: &str, prefix: &str) -> Rights {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/OPERATIONS.md");
    let text = std::fs::read_to_string(path).expect("it is there");
    let begins = format!("rabbitmqctl set_permissions -p / {user} ");
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(&begins));
    let line = lines.next().unwrap_or_else(|| panic!("{path} has no line for {user}"));
    assert_eq!(lines.next(), None, "one line for {user}");
    let quoted: Vec<_> = line.split('\'').collect();
    let ["", configure, " ", write, " ", read, ""] = quoted[..] else { panic!("three patterns in quotes: {line}") };
    [configure, write, read].map(|pattern| pattern.replace("cxchain", prefix))
}

/// A user of a test's own.
pub(crate) struct User {
    broker: &'static Broker,
    name: String,
}

impl User {
    pub(crate) async fn new(rights: &Rights) -> Self {
        let user = Self { broker: Broker::shared().await, name: unique("user") };
        user.broker.ctl(&["add_user", &user.name, "pass"]).await;
        user.may(rights).await;
        user
    }

    /// From now on, on channels that are yet to be opened.
    pub(crate) async fn may(&self, [configure, write, read]: &Rights) {
        self.broker.ctl(&["set_permissions", "-p", "/", &self.name, configure, write, read]).await;
    }

    pub(crate) fn url(&self) -> String {
        let mut url = Url::parse(self.broker.url()).expect("an AMQP URL");
        url.set_username(&self.name).expect("a URL with a host");
        url.set_password(Some("pass")).expect("a URL with a host");
        url.into()
    }
}

/// The same rights, with another pattern at one place.
pub(crate) fn but(rights: &Rights, at: usize, pattern: &str) -> Rights {
    let mut less = rights.clone();
    assert_ne!(less[at], pattern, "no test of anything");
    pattern.clone_into(&mut less[at]);
    less
}
