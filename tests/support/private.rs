//! A private `rabbitmq-server` process with all its state in one directory.

use std::io;
use std::path::{Path, PathBuf};

use super::broker::Listener;
use super::script::{self, Guard};
use super::unique;

pub struct Node {
    dir: PathBuf,
    url: String,
    _guard: Guard,
}

impl Node {
    /// Right below /tmp: short, and within reach of the user as whom a broker runs when root starts it.
    pub async fn start(listener: Option<&Listener>) -> Self {
        let dir = PathBuf::from("/tmp").join(unique("cxchain"));
        if let Some(listener) = listener {
            lay_out(listener, &dir).unwrap_or_else(|error| panic!("cannot write to {}: {error}", dir.display()));
        }
        tokio::task::spawn_blocking(move || {
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

/// Beside what dev-broker writes there.
fn lay_out(listener: &Listener, dir: &Path) -> io::Result<()> {
    let (conf, files) = (dir.join("conf.d"), dir.join("listener"));
    std::fs::create_dir_all(&conf)?;
    std::fs::create_dir_all(&files)?;
    for (name, text) in &listener.files {
        std::fs::write(files.join(name), text)?;
    }
    std::fs::write(conf.join("20-listener.conf"), listener.conf("127.0.0.1", name(&files)))
}

fn name(dir: &Path) -> &str {
    dir.to_str().expect("the directory's name is ours")
}
