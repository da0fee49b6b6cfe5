//! A stack of one test's own, or the one that all tests share which leave it as it is.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use tokio::process::Command;
use tokio::sync::OnceCell;

use super::docker::{docker, inspect, run, script};
use super::image;
use super::support::unique;

/// All healthy when it is there. Dropping it removes all of it, and so does killing the test process.
pub(crate) struct Stack {
    project: String,
    secrets: PathBuf,
    rabbitmq_image: String,
    _guard: Guard,
}

impl Stack {
    pub(crate) async fn shared() -> &'static Self {
        static SHARED: OnceCell<Stack> = OnceCell::const_new();
        SHARED.get_or_init(Self::up).await
    }

    pub(crate) async fn up() -> Self {
        image::built().await;
        Self::of_the_built_image().await
    }

    /// As `make stack` starts it; Docker chooses the ports.
    pub(crate) async fn of_the_built_image() -> Self {
        let project = unique("cxchain-test");
        let secrets = std::env::temp_dir().join(&project);
        let rabbitmq_image =
            std::env::var("CXCHAIN_TEST_RABBITMQ_IMAGE").unwrap_or_else(|_| "rabbitmq:4-management".to_owned());
        let guard = Guard::spawn(&project, &secrets);
        let stack = Self { project, secrets, rabbitmq_image, _guard: guard };
        run(stack.script().arg("up")).await;
        stack
    }

    /// `deploy/stack …` for this stack.
    pub(crate) fn script(&self) -> Command {
        let mut command = Command::new(script("stack"));
        command
            .env("COMPOSE_PROJECT_NAME", &self.project)
            .env("CXCHAIN_SECRETS_DIR", &self.secrets)
            .env("CXCHAIN_IMAGE", image::IMAGE)
            .env("CXCHAIN_RABBITMQ_IMAGE", &self.rabbitmq_image)
            .envs(["AMQP", "MANAGEMENT", "SIMULATOR"].map(|port| (format!("CXCHAIN_{port}_PORT"), "0")));
        command
    }

    /// Docker's name of the project, under which containers, network and volume are found.
    pub(crate) fn project(&self) -> &str {
        &self.project
    }

    pub(crate) fn secrets(&self) -> &Path {
        &self.secrets
    }

    /// The id of a service's container.
    pub(crate) async fn container(&self, service: &str) -> String {
        let service_is = format!("label=com.docker.compose.service={service}");
        let project_is = format!("label=com.docker.compose.project={}", self.project);
        let ids = docker(&["ps", "--all", "--quiet", "--filter", &project_is, "--filter", &service_is]).await;
        assert_eq!(ids.lines().count(), 1, "containers of {service}: {ids:?}");
        ids
    }

    pub(crate) async fn is_healthy(&self, service: &str) -> bool {
        inspect(&self.container(service).await).await["State"]["Health"]["Status"] == "healthy"
    }

    /// Where the host reaches a port of a service.
    pub(crate) async fn address(&self, service: &str, port: u16) -> String {
        docker(&["port", &self.container(service).await, &format!("{port}/tcp")]).await
    }

    /// Where the host reaches the broker, with user and password.
    pub(crate) async fn broker(&self) -> String {
        let inside = std::fs::read_to_string(self.secrets.join("amqp_url")).unwrap();
        inside.trim().replace("rabbitmq:5672", &self.address("rabbitmq", 5672).await)
    }
}

/// `deploy/stack guard`, which waits for the end of its input: the kernel closes that, in whatever way this process ends.
struct Guard(Child);

impl Guard {
    fn spawn(project: &str, secrets: &Path) -> Self {
        let child = std::process::Command::new(script("stack"))
            .arg("guard")
            .env("COMPOSE_PROJECT_NAME", project)
            .env("CXCHAIN_SECRETS_DIR", secrets)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn();
        Self(child.unwrap_or_else(|error: io::Error| panic!("deploy/stack guard: {error}")))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
