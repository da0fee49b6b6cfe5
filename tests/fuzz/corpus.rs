//! The inputs that every round begins with, and where those go that found something.

use std::path::{Path, PathBuf};

use cxchain::chain::hash::sha256_hex;

/// What is fed.
#[derive(Clone)]
pub(crate) enum Input {
    /// The body of a message.
    Definition(Vec<u8>),
    /// One expression, to stand wherever one may.
    Expression(String),
}

impl Input {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Definition(body) => body,
            Self::Expression(text) => text.as_bytes(),
        }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus")
}

/// All of the corpus: a `.json` is a definition; every line of a `.txt` is an expression.
pub(crate) fn read() -> Vec<Input> {
    let mut paths = Vec::new();
    for folder in ["definitions", "expressions", "found"].map(|name| folder().join(name)) {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        paths.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    paths.sort();
    let mut inputs = Vec::new();
    for path in paths {
        let bytes = std::fs::read(&path).expect("a file of the corpus");
        if path.extension().is_some_and(|extension| extension == "json") {
            inputs.push(Input::Definition(bytes));
        } else {
            inputs.extend(String::from_utf8_lossy(&bytes).lines().map(|line| Input::Expression(line.to_owned())));
        }
    }
    assert!(inputs.len() > 100, "the corpus has {} inputs", inputs.len());
    inputs
}

/// Keeps an input that found something.
pub(crate) fn save(input: &Input) -> PathBuf {
    let extension = if matches!(input, Input::Definition(_)) { "json" } else { "txt" };
    let found = folder().join("found");
    std::fs::create_dir_all(&found).expect("a folder for what was found");
    let path = found.join(format!("{}.{extension}", &sha256_hex(input.bytes())[..16]));
    std::fs::write(&path, input.bytes()).expect("what was found is kept");
    path
}

pub(crate) fn current_path() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz-current")
}

/// Leaves a copy of the input that is fed next, for the case that the process does not survive it.
pub(crate) fn current(input: &Input) {
    std::fs::write(current_path(), input.bytes()).expect("a file in target/tmp");
}
