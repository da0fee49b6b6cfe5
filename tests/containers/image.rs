//! The image, built once for all tests.

use std::path::Path;

use tokio::process::Command;
use tokio::sync::OnceCell;

use super::docker::{docker, inspect, root, run, script};

pub(crate) const IMAGE: &str = "cxchain:test";
const BASE: &str = "cxchain-base:trixie";

/// The runtime stage of deploy/Dockerfile on a base that is made of Debian packages, with this build's program in it.
pub(crate) async fn built() -> &'static str {
    static BUILT: OnceCell<()> = OnceCell::const_new();
    BUILT.get_or_init(build).await;
    IMAGE
}

async fn build() {
    run(Command::new(script("debian-image")).args(["base", BASE])).await;
    let binary = Path::new("target/image/cxchain");
    tokio::fs::create_dir_all(root().join(binary).parent().unwrap()).await.unwrap();
    tokio::fs::copy(env!("CARGO_BIN_EXE_cxchain"), root().join(binary)).await.unwrap();
    let binary_is = format!("BINARY={}", binary.display());
    let base_is = format!("RUNTIME_IMAGE={BASE}");
    let arguments =
        ["build", "--quiet", "--file", "deploy/Dockerfile", "--target", "prebuilt", "--label", "cxchain.test"];
    docker(&[&arguments[..], &["--build-arg", &base_is, "--build-arg", &binary_is, "--tag", IMAGE, "."]].concat())
        .await;
    // What had the tag before.
    docker(&["image", "prune", "--force", "--filter", "label=cxchain.test"]).await;
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
    let base_is = format!("RUNTIME_IMAGE={BASE}");
    let arguments = ["build", "--quiet", "--file", "deploy/Dockerfile", "--target", "prebuilt", "--force-rm"];
    let build =
        [&arguments[..], &["--build-arg", &base_is, "--build-arg", "BINARY=target/image/no-program", "."]].concat();
    let done = super::docker::output(Command::new("docker").args(build)).await;
    let said = super::docker::text(&done.stdout) + &super::docker::text(&done.stderr);
    assert!(!done.status.success(), "an image was built: {said}");
    assert!(said.contains("This program does not run on this base"), "{said}");
}
