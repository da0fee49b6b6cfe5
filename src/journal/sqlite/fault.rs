//! What goes wrong with the file, told apart by what can be done about it.

use rusqlite::ErrorCode;

use super::error::FileError;

/// What went wrong in the middle of some work with the file.
#[derive(Debug)]
pub(super) enum Trouble {
    /// SQLite says so.
    Sqlite(rusqlite::Error),
    /// A record is not what was written.
    Damaged(String),
    /// The file is not what it has to be.
    File(FileError),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// What can be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// Waiting: it may pass. What is wrong, and what to do.
    Passing(String),
    /// Nothing, while the file is as it is.
    Lasting(FileError),
    /// Nothing is wrong with the file: this request cannot be done.
    OfTheRequest(String),
}

/// SQLite's extended codes for an I/O error that is damage: a file system that says so itself, a checksum that does not match.
const IOERR_DAMAGE: [i32; 2] = [rusqlite::ffi::SQLITE_IOERR_CORRUPTFS, rusqlite::ffi::SQLITE_IOERR_DATA];

impl Trouble {
    /// What can be done about it; the file is at `path`.
    pub(super) fn fault(self, path: &str) -> Fault {
        let path = path.to_owned();
        let error = match self {
            Self::Sqlite(error) => error,
            Self::Damaged(why) => return Fault::Lasting(FileError::Damaged { path, why }),
            Self::File(error) => return Fault::Lasting(error),
        };
        let damage = |why: String| Fault::Lasting(FileError::Damaged { path, why });
        let Some(failure) = error.sqlite_error() else { return Fault::OfTheRequest(error.to_string()) };
        let said = format!("{error} (SQLite code {})", failure.extended_code);
        let advice = match failure.code {
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => return damage(said),
            ErrorCode::SystemIoFailure if IOERR_DAMAGE.contains(&failure.extended_code) => return damage(said),
            ErrorCode::DiskFull => "make room on its file system",
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied => {
                "let the worker's user write the file and its directory, on a file system that is not read-only"
            }
            ErrorCode::SystemIoFailure | ErrorCode::CannotOpen => {
                "look at the disk and at the system's log, and whether the worker's user may write the directory"
            }
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
                "end whatever else writes the file for so long"
            }
            ErrorCode::OutOfMemory => "give the worker more memory",
            _ => return Fault::OfTheRequest(said),
        };
        Fault::Passing(format!("{said}: {advice}"))
    }

    /// As an error of opening or reading the file at `path`.
    pub(super) fn into_file_error(self, path: &str) -> FileError {
        match self.fault(path) {
            Fault::Lasting(error) => error,
            Fault::Passing(why) | Fault::OfTheRequest(why) => FileError::Failing { path: path.to_owned(), why },
        }
    }
}
