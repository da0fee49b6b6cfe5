//! The image, built once for all tests.

use tokio::process::Command;
use tokio::sync::OnceCell;

use super::docker::{docker, inspect, output, root, run, script, text};

pub(crate) const IMAGE: &str = "cxchain:test";
const BASE: &str = "cxchain-base:trixie";

/// As deploy/Dockerfile makes it of a base of Debian packages and a program from outside, which is this build's.
pub(crate) async fn built() -> &'static str {
    static BUILT: OnceCell<()> = OnceCell::const_new();
    BUILT.get_or_init(build).await;
    IMAGE
}

async fn build() {
    run(Command::new(script("debian-image")).args(["base", BASE])).await;
    let program = "target/image/cxchain";
    tokio::fs::create_dir_all(root().join("target/image")).await.unwrap();
    tokio::fs::copy(env!("CARGO_BIN_EXE_cxchain"), root().join(program)).await.unwrap();
    run(docker_build(program).args(["--tag", IMAGE])).await;
    // What had the tag before.
    docker(&["image", "prune", "--force", "--filter", "label=cxchain.test"]).await;
}

/// The context is where commands run: the repository.
fn docker_build(program: &str) -> Command {
    let mut command = Command::new("docker");
    command.args(["build", "--quiet", "--force-rm", "--file", "deploy/Dockerfile", "--label", "cxchain.test", "."]);
    for argument in ["BUILD_IMAGE=", "RUNTIME_IMAGE="] {
        command.args(["--build-arg", &format!("{argument}{BASE}")]);
    }
    command.args(["--build-arg", &format!("BINARY={program}")]);
    command
}

#[tokio::test]
async fn the_image_runs_a_worker_as_nobody_in_particular_and_stops_it_with_sigterm() {
    let image = inspect(built().await).await;
    let config = &image["Config"];
    assert_eq!(config["User"], "10001:10001");
    assert_eq!(config["Entrypoint"], serde_json::json!(["cxchain"]));
    assert_eq!(config["Cmd"], serde_json::json!(["worker"]));
    assert_eq!(config["StopSignal"], "SIGTERM");
    assert_eq!(config["Healthcheck"]["Test"], serde_json::json!(["CMD", "http-ok", "9464", "/healthz"]));
    assert_eq!(config["Labels"]["org.opencontainers.image.title"], "cxchain");
}

/// A base that is too old for the program, or no base for it at all, is found out when the image is built.
#[tokio::test]
async fn an_image_whose_program_cannot_run_is_not_built() {
    built().await;
    tokio::fs::write(root().join("target/image/no-program"), "no program").await.unwrap();
    let done = output(&mut docker_build("target/image/no-program")).await;
    let said = text(&done.stdout) + &text(&done.stderr);
    assert!(!done.status.success(), "an image was built: {said}");
    assert!(said.contains("This program does not run on this base"), "{said}");
}
