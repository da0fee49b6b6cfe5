//! A small disk: a tmpfs in a mount namespace of its own, which the kernel takes back when the process that holds it ends. That
//! is when its input does, so also when this process is killed.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::support::{SOON, Stage, Worker};

const NEEDS: &str = "it takes root and util-linux (unshare, nsenter, mount)";

pub(crate) struct Disk {
    holder: Child,
    /// Where the disk is mounted, in its namespace.
    directory: TempDir,
}

impl Disk {
    /// An empty disk of so many MiB: several times as many as the write-ahead log may take (16), or the log alone fills it.
    ///
    /// # Panics
    /// When there can be none.
    pub(crate) async fn new(mebibytes: u32) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let script = format!("mount -t tmpfs -o size={mebibytes}m none \"$0\" && echo mounted && exec cat");
        let mut holder = Command::new("unshare")
            .args(["--mount", "sh", "-c", &script])
            .arg(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{NEEDS}: cannot run unshare: {error}"));
        let mut said = BufReader::new(holder.stdout.take().expect("piped")).lines();
        let said = tokio::time::timeout(SOON, said.next_line()).await.expect("it says something").expect("text");
        assert_eq!(said.as_deref(), Some("mounted"), "{NEEDS}");
        Self { holder, directory }
    }

    fn pid(&self) -> u32 {
        self.holder.id().expect("it runs")
    }

    /// The journal's file, as a worker on this disk calls it.
    pub(crate) fn journal(&self) -> PathBuf {
        self.directory.path().join("cxchain.db")
    }

    /// The same file from out here.
    pub(crate) fn seen(&self) -> PathBuf {
        self.seen_as("cxchain.db")
    }

    fn seen_as(&self, name: &str) -> PathBuf {
        let inside = self.directory.path().strip_prefix("/").expect("an absolute path");
        Path::new(&format!("/proc/{}/root", self.pid())).join(inside).join(name)
    }

    /// Not a byte more goes onto it.
    pub(crate) fn fill(&self) {
        use std::io::Write;
        let mut filler = std::fs::File::create(self.seen_as("filler")).expect("a file");
        while let Ok(written) = filler.write(&[0; 4096]) {
            assert!(written > 0);
        }
    }

    pub(crate) fn make_room(&self) {
        std::fs::remove_file(self.seen_as("filler")).expect("it was full");
    }

    pub(crate) async fn make_read_only(&self) {
        let pid = self.pid().to_string();
        let mut remount = Command::new("nsenter");
        remount.args(["--mount", "--target", &pid, "mount", "-o", "remount,ro"]).arg(self.directory.path());
        assert!(remount.status().await.expect(NEEDS).success(), "{NEEDS}");
    }

    /// A worker whose journal lies on this disk.
    pub(crate) fn spawn(&self, stage: &mut Stage) -> Worker {
        stage.set("journal.path", &self.journal().display().to_string());
        let pid = self.pid().to_string();
        Worker::spawn_within(&["nsenter", "--mount", "--target", &pid, "--"], &stage.env())
    }

    /// The same, consuming.
    pub(crate) async fn worker(&self, stage: &mut Stage) -> Worker {
        let worker = self.spawn(stage);
        worker.consuming(1, SOON).await;
        worker
    }
}
