//! The file as the file system has it: its place, the right to be its only writer, and whether it still is the same.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::error::FileError;

/// Logs hold payloads and responses: nobody else's business.
const OWNER_ONLY: u32 = 0o600;

/// A journal file that this process alone writes.
///
/// The database itself is never opened here but by SQLite: closing any handle of it would drop SQLite's locks (POSIX locks belong
/// to the process).
pub(super) struct JournalFile {
    path: PathBuf,
    shown: String,
    /// Held as long as the process writes, and let go by the system when it dies.
    _lock: File,
    /// The database and its write-ahead log, when they were opened.
    opened: Option<[Inode; 2]>,
}

/// What a file is, whatever it is called.
type Inode = (u64, u64);

/// Whether a journal can be at `path`, as far as that can be seen without touching anything.
///
/// # Errors
/// [`FileError::Place`].
pub fn check_place(path: &Path) -> Result<(), FileError> {
    let place = |why: String| Err(FileError::Place { path: path.display().to_string(), why });
    let directory = directory(path);
    match fs::metadata(directory) {
        Ok(found) if !found.is_dir() => return place(format!("{} is no directory", directory.display())),
        Ok(_) => {}
        Err(why) if why.kind() == ErrorKind::NotFound => {
            let directory = directory.display();
            return place(format!(
                "its directory {directory} does not exist: make it, and let the worker's user write it"
            ));
        }
        Err(why) => return place(format!("its directory {}: {why}", directory.display())),
    }
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return place("it is no file: name one in a directory that the worker's user may write".to_owned());
    }
    Ok(())
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Where the file at `path` is, or will be, whatever links lead there: SQLite keeps `-wal` and `-shm` beside the file itself, and two
/// names of one file must not have two locks. A name of its own is all that is left in it: no `file:…` with a meaning to SQLite.
///
/// # Errors
/// [`FileError`].
pub(super) fn real(path: &Path) -> Result<PathBuf, FileError> {
    let found = fs::canonicalize(path).or_else(|why| match path.file_name() {
        Some(name) if why.kind() == ErrorKind::NotFound && !path.is_symlink() => {
            fs::canonicalize(directory(path)).map(|directory| directory.join(name))
        }
        _ => Err(why),
    });
    let shown = path.display().to_string();
    found.map_err(|why| match why.kind() {
        ErrorKind::NotFound if path.is_symlink() => {
            let why =
                "it is a symbolic link to something that does not exist: name a file, or make the one that it leads to";
            FileError::Place { path: shown, why: why.to_owned() }
        }
        _ => refused(&shown, path, &why),
    })
}

/// The journal file that is at `path`: where it really is, and its size.
///
/// # Errors
/// [`FileError`]: there is none, or it cannot be looked at.
pub(super) fn existing(path: &Path) -> Result<(PathBuf, u64), FileError> {
    let shown = || path.display().to_string();
    let found = fs::metadata(path).map_err(|why| match why.kind() {
        ErrorKind::NotFound => FileError::Missing { path: shown() },
        _ => FileError::Place { path: shown(), why: why.to_string() },
    })?;
    Ok((real(path)?, found.len()))
}

/// `path` with something behind its name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

impl JournalFile {
    /// The right to be the only writer of the journal at `path`; the file is made if there is none.
    ///
    /// # Errors
    /// [`FileError`].
    pub(super) fn take(path: &Path) -> Result<Self, FileError> {
        check_place(path)?;
        let real = real(path)?;
        // Where a link leads, so that an advice about `-wal` is about the right directory.
        let shown = if path.is_symlink() { real.display() } else { path.display() }.to_string();
        let path = real.as_path();
        let name = beside(path, "-lock");
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(OWNER_ONLY).open(&name);
        let lock = lock.map_err(|why| refused(&shown, &name, &why))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FileError::Held { path: shown }),
            Err(TryLockError::Error(why)) => return Err(refused(&shown, &name, &why)),
        }
        // SQLite would make it readable to all.
        match OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path) {
            Ok(_) => {}
            Err(why) if why.kind() == ErrorKind::AlreadyExists => {}
            Err(why) => return Err(refused(&shown, path, &why)),
        }
        Ok(Self { path: path.to_owned(), shown, _lock: lock, opened: None })
    }

    /// As it is configured, or where a link leads.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// SQLite has it open from now on, with its write-ahead log.
    ///
    /// # Errors
    /// [`FileError::Gone`] when it is not there.
    pub(super) fn opened(&mut self) -> Result<(), FileError> {
        self.opened = Some(self.found()?);
        Ok(())
    }

    /// Whether what SQLite writes is still what lies at the path: what is written to a file that was deleted is lost.
    ///
    /// # Errors
    /// [`FileError::Gone`].
    pub(super) fn still_there(&self) -> Result<(), FileError> {
        if self.opened.is_none_or(|opened| self.found().is_ok_and(|found| found == opened)) {
            Ok(())
        } else {
            Err(FileError::Gone { path: self.shown.clone() })
        }
    }

    fn found(&self) -> Result<[Inode; 2], FileError> {
        let inode = |path: &Path| {
            let found = fs::metadata(path).map_err(|_| FileError::Gone { path: self.shown.clone() })?;
            Ok((found.dev(), found.ino()))
        };
        Ok([inode(&self.path)?, inode(&beside(&self.path, "-wal"))?])
    }
}

/// `name`, for the journal `shown`, cannot be opened for writing.
fn refused(shown: &str, name: &Path, why: &io::Error) -> FileError {
    let (path, name) = (shown.to_owned(), name.display());
    match why.kind() {
        ErrorKind::PermissionDenied => {
            let why =
                format!("{name} cannot be written ({why}): let the worker's user write the file and its directory");
            FileError::Place { path, why }
        }
        ErrorKind::ReadOnlyFilesystem => {
            FileError::Failing { path, why: format!("{name}: {why}: make its file system writable again") }
        }
        ErrorKind::StorageFull => {
            FileError::Failing { path, why: format!("{name}: {why}: make room on its file system") }
        }
        _ => FileError::Failing { path, why: format!("{name}: {why}") },
    }
}
