//! RabbitMQ in a container.

use std::net::TcpListener;
use std::time::Duration;

use testcontainers::core::{ExecCommand, IntoContainerPort as _, WaitFor};
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{ContainerAsync, GenericImage, ImageExt as _, TestcontainersError};

use super::broker::Listener;
use super::script::{self, Guard};
use super::wait::eventually;

const IMAGE: &str = "rabbitmq:4.0";
/// Where a listener's files are.
const FILES: &str = "/etc/rabbitmq/listener";
const UP: Duration = Duration::from_secs(60);

/// Waits until names.dets knows all that has a directory.
const REGISTERED: &str = r#"
cd /var/lib/rabbitmq/mnesia || exit
registered() {
    for one in */quorum/*/*/ */coordination/*/*/; do
        [ ! -d "$one" ] || grep -qsF "$(basename "$one")" "$(dirname "$one")/names.dets" || return 1
    done
}
for try in $(seq 50); do ! registered || exit 0; sleep 0.1; done
"#;

pub struct Container {
    url: String,
    port: u16,
    container: ContainerAsync<GenericImage>,
    _guard: Guard,
}

impl Container {
    /// `None` when the daemon or the image cannot be had after all.
    ///
    /// The host's port is chosen here: Docker would choose another one at every restart. `guest` may log in from loopback
    /// only, which a mapped port is not: hence a user.
    pub async fn start(listener: Option<&Listener>) -> Option<Self> {
        let image = std::env::var("CXCHAIN_TEST_RABBITMQ_IMAGE").unwrap_or_else(|_| IMAGE.to_owned());
        let (name, tag) = image.rsplit_once(':').unwrap_or((&image, "latest"));
        let port = free_port();
        let mut request = GenericImage::new(name, tag)
            .with_wait_for(WaitFor::message_on_stdout("Server startup complete"))
            .with_mapped_port(port, 5672.tcp())
            .with_startup_timeout(UP)
            .with_env_var("RABBITMQ_DEFAULT_USER", "cxchain")
            .with_env_var("RABBITMQ_DEFAULT_PASS", "cxchain");
        if let Some(listener) = listener {
            let conf = listener.conf("0.0.0.0", FILES).into_bytes();
            request = request
                .with_mapped_port(listener.port, listener.port.tcp())
                .with_copy_to("/etc/rabbitmq/conf.d/20-listener.conf", conf);
            for (name, text) in &listener.files {
                request = request.with_copy_to(format!("{FILES}/{name}"), text.clone().into_bytes());
            }
        }
        let container = match request.start().await {
            Ok(container) => container,
            Err(TestcontainersError::Client(error)) => {
                eprintln!("no broker from Docker, a private process instead: {error}");
                return None;
            }
            Err(error) => panic!("{image} does not start in Docker: {error}"),
        };
        let guard = Guard::spawn(&["--container", container.id()]);
        let started =
            Self { url: format!("amqp://cxchain:cxchain@127.0.0.1:{port}/%2f"), port, container, _guard: guard };
        started.serves().await;
        Some(started)
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// A grace of zero seconds is SIGKILL. Before it, everything that was declared is registered on the broker's disk: killed
    /// within the first second of a queue it would start that one empty, which is not the fault that our tests look for. (See
    /// `node_kill_for_test` in deploy/lib/node.sh.)
    pub async fn kill(&self) {
        self.exec(ExecCommand::new(["sh", "-c", REGISTERED])).await;
        self.container.stop_with_timeout(Some(0)).await.expect("Docker kills the broker");
    }

    pub async fn stop(&self) {
        self.container.stop_with_timeout(Some(30)).await.expect("Docker stops the broker");
    }

    pub async fn restart(&self) {
        self.container.start().await.expect("Docker starts the broker again");
        self.serves().await;
    }

    pub async fn pause(&self) {
        self.container.pause().await.expect("Docker freezes the broker");
    }

    pub async fn resume(&self) {
        self.container.unpause().await.expect("Docker thaws the broker");
    }

    /// `rabbitmqctl ARGS…`
    pub async fn ctl(&self, args: &[&str]) -> String {
        let command = ExecCommand::new([&["rabbitmqctl", "--quiet"], args].concat());
        self.exec(command).await
    }

    /// Runs a command to its end; answers with its output.
    async fn exec(&self, command: ExecCommand) -> String {
        let mut done = self.container.exec(command).await.expect("Docker runs the command");
        let said = done.stdout_to_vec().await.expect("its output");
        let code = done.exit_code().await.expect("its exit code");
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        assert_eq!(code, Some(0), "the command failed: {said}");
        said
    }

    /// A mapped port takes connections before anybody is behind it.
    async fn serves(&self) {
        eventually("the broker in Docker serves", UP, async || {
            script::answers("127.0.0.1", self.port).await.then_some(())
        })
        .await;
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}
