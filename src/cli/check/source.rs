//! The files of a command line that hold chain definitions.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use owo_colors::OwoColorize;

use super::super::Exit;
use super::super::text::plain;

/// More than `worker.max_message_bytes` can be: whatever is longer is no chain definition, and may have no end.
const MOST: u64 = 64 * 1024 * 1024;

/// Why a file cannot be read.
pub(super) struct Unread {
    /// What to call it, fit for a terminal.
    pub(super) name: String,
    pub(super) why: io::Error,
    is_directory: bool,
}

impl Unread {
    /// Says so, and what to do.
    pub(super) fn say(&self) {
        let Self { name, why, is_directory } = self;
        say!("{} {name} cannot be read: {why}", "error:".red().bold());
        if *is_directory {
            let files = format!("cxchain check {}/*.json", name.trim_end_matches('/'));
            say!("Name the files in it, as in {}", files.bold());
        }
    }
}

/// A file's bytes, or standard input's, and what to call it, fit for a terminal.
pub(super) fn take(file: &str) -> Result<(String, Vec<u8>), Unread> {
    let name = if file == "-" { "<stdin>".to_owned() } else { plain(file) };
    match if file == "-" { bounded(io::stdin()) } else { open(file).and_then(bounded) } {
        Ok(body) => Ok((name, body)),
        Err(why) => Err(Unread { name, why, is_directory: Path::new(file).is_dir() }),
    }
}

/// As [`take`], where that is all there is to do: why it cannot be read is said.
pub(crate) fn read(file: &str) -> Result<(String, Vec<u8>), Exit> {
    take(file).map_err(|unread| {
        unread.say();
        Exit::Usage
    })
}

fn open(file: &str) -> io::Result<File> {
    if Path::new(file).is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
    }
    File::open(file)
}

fn bounded(source: impl Read) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    let length = source.take(MOST + 1).read_to_end(&mut body)?;
    if length as u64 > MOST { Err(io::Error::other(format!("longer than {MOST} bytes"))) } else { Ok(body) }
}
