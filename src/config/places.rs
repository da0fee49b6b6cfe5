//! Where a file is that the configuration names: a path that is not absolute begins at the working directory.

use std::path::{Path, PathBuf};

/// Where the file is looked for, in full: so whoever is told that it is not there is told where "there" is.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
