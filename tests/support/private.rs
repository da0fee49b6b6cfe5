//! A private `rabbitmq-server` process with all its state in one directory.

use std::path::{Path, PathBuf};

use super::script::{self, Guard};
use super::unique;

pub struct Node {
    dir: PathBuf,
    url: String,
    _guard: Guard,
}

impl Node {
    /// Right below /tmp: short, and within reach of the user as whom a broker runs when root starts it.
    pub async fn start() -> Self {
        tokio::task::spawn_blocking(|| {
            let dir = PathBuf::from("/tmp").join(unique("cxchain"));
            let mut guard = Guard::spawn(&[name(&dir)]);
            let url = guard.url();
            Self { dir, url, _guard: guard }
        })
        .await
        .expect("the private broker did not start")
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// `rabbitmqctl ARGS…`
    pub async fn ctl(&self, args: &[&str]) -> String {
        script::run(&[&["ctl", name(&self.dir)], args].concat()).await
    }

    /// A subcommand of dev-broker upon this node.
    pub async fn act(&self, command: &str) {
        script::run(&[command, name(&self.dir)]).await;
    }
}

fn name(dir: &Path) -> &str {
    dir.to_str().expect("the directory's name is ours")
}
