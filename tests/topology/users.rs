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
    [configure, write, read].map(|pattern| on_stage(pattern, prefix))
}

/// What a worker makes for itself begins with `cxchain.`, whatever the other names are.
fn on_stage(pattern: &str, prefix: &str) -> String {
    const OWN: [(&str, &str); 2] = [(r"cxchain\.lock\.", "<lock>"), (r"cxchain\.journal\.", "<journal>")];
    if pattern == r"^cxchain\." {
        return format!(r"^(cxchain\.(lock|journal)\.)?{prefix}\.");
    }
    let kept = OWN.iter().fold(pattern.to_owned(), |pattern, (own, kept)| pattern.replace(own, kept));
    let named = kept.replace("cxchain", prefix);
    OWN.iter().fold(named, |pattern, (own, kept)| pattern.replace(kept, own))
}

/// What `rabbitmqctl set_permissions` does.
const SET: &str = "ok = rabbit_auth_backend_internal:set_permissions(N, <<\"/\">>, C, W, R, <<\"test\">>)";

/// A user of a test's own.
pub(crate) struct User {
    broker: &'static Broker,
    name: String,
}

impl User {
    pub(crate) async fn new(rights: &Rights) -> Self {
        Self::all([rights]).await.remove(0)
    }

    /// One user for each of these rights. In one go, since every rabbitmqctl is a machine of Erlang's that has to start.
    pub(crate) async fn all<'a>(rights: impl IntoIterator<Item = &'a Rights>) -> Vec<Self> {
        let broker = Broker::shared().await;
        let rights = rights.into_iter();
        let users: Vec<_> = rights.map(|rights| (Self { broker, name: unique("user") }, rights)).collect();
        let list: Vec<String> = users.iter().map(|(user, rights)| user.with(rights)).collect();
        let make = format!(
            "[begin rabbit_auth_backend_internal:add_user(N, <<\"pass\">>, <<\"test\">>), {SET} end || {{N, C, W, R}} <- [{}]].",
            list.join(", ")
        );
        broker.ctl(&["eval", &make]).await;
        users.into_iter().map(|(user, _)| user).collect()
    }

    /// From now on, on channels that are yet to be opened.
    pub(crate) async fn may(&self, rights: &Rights) {
        let set = format!("[{SET} || {{N, C, W, R}} <- [{}]].", self.with(rights));
        self.broker.ctl(&["eval", &set]).await;
    }

    /// The user's name and rights, for Erlang.
    fn with(&self, rights: &Rights) -> String {
        let binary = |text: &str| format!("<<\"{}\">>", text.replace('\\', r"\\"));
        let [configure, write, read] = rights;
        format!("{{{}}}", [&self.name, configure, write, read].map(|text| binary(text)).join(", "))
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
