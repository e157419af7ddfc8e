//! The data directory.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::StackError;

/// A data directory that no other process uses as long as this exists.
pub(super) struct Folder {
    path: PathBuf,
    /// The operating system unlocks it when the process ends, however it ends.
    _lock: File,
}

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self, StackError> {
        let refuse = |source| StackError::Folder { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(refuse)?;
        let mut options = OpenOptions::new();
        let options = options.create(true).write(true).truncate(false);
        let lock = options.open(path.join("lock")).map_err(refuse)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StackError::FolderInUse(path.to_owned()),
            TryLockError::Error(source) => refuse(source),
        })?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_directory_has_one_user_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("deep/data");
        let first = Folder::open(&path).unwrap();
        let Err(error) = Folder::open(&path) else {
            panic!("opened twice");
        };
        assert!(error.to_string().contains("is in use by another crae"), "{error}");
        drop(first);
        assert!(Folder::open(&path).is_ok());
    }
}
