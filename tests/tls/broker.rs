//! A RabbitMQ that wants to see a client certificate, and who may come in.

use std::path::Path;

use cxchain::simulator::SimulatorSettings;
use tokio::sync::OnceCell;
use url::Url;

use super::authority::{Authority, Issued};
use super::support::{Broker, Listener, Stage};

const CONF: &str = "\
listeners.ssl.1 = {address}
ssl_options.cacertfile = {dir}/ca.pem
ssl_options.certfile = {dir}/server.pem
ssl_options.keyfile = {dir}/server.key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
";

/// Its certificate is for 127.0.0.1.
pub(crate) struct TlsBroker {
    pub(crate) plain: Broker,
    pub(crate) port: u16,
    /// Whom it trusts and who issued its certificate.
    pub(crate) authority: Authority,
    /// A certificate that it accepts.
    pub(crate) client: Issued,
}

impl TlsBroker {
    /// One that the caller may kill.
    pub(crate) async fn start() -> Self {
        Self::with("").await
    }

    /// One that speaks the versions of TLS that this line of configuration says.
    pub(crate) async fn with(versions: &str) -> Self {
        let authority = Authority::new("ours");
        let server = authority.issue("127.0.0.1");
        let files = vec![
            ("ca.pem", authority.certificate()),
            ("server.pem", server.certificate.clone()),
            ("server.key", server.key.clone()),
        ];
        let listener = Listener::new(&format!("{CONF}{versions}"), files);
        let port = listener.port;
        let client = authority.issue("cxchain-client");
        Self { plain: Broker::listening(listener).await, port, authority, client }
    }

    /// The one of this test process, for tests that leave it running.
    pub(crate) async fn shared() -> &'static Self {
        static SHARED: OnceCell<TlsBroker> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    /// The listener's URL, by this host name.
    pub(crate) fn url(&self, host: &str) -> String {
        let mut url = Url::parse(&self.plain.url().replace("amqp:", "amqps:")).expect("an AMQP URL");
        url.set_host(Some(host)).expect("a host");
        url.set_port(Some(self.port)).expect("a port");
        url.into()
    }

    /// A stage whose workers and commands come in through TLS, with the good certificate.
    pub(crate) async fn stage(&self) -> Stage {
        let mut stage = Stage::new(&self.plain, SimulatorSettings::default()).await;
        stage.set("broker.url", &self.url("127.0.0.1"));
        stage.set("broker.tls.ca_file", text(&self.authority.file()));
        stage.set("broker.tls.cert_file", text(&self.client.certificate_file));
        stage.set("broker.tls.key_file", text(&self.client.key_file));
        stage
    }

    /// Of the connections that are open, those of cxchain: the subject of each one's certificate.
    pub(crate) async fn subjects(&self) -> Vec<String> {
        let all = self.plain.ctl(&["list_connections", "ssl", "peer_cert_subject", "client_properties"]).await;
        let ours = all.lines().filter(|line| line.contains("\"cxchain ") && line.starts_with("true"));
        ours.filter_map(|line| line.split('\t').nth(1)).map(str::to_owned).collect()
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("the name is ours")
}
