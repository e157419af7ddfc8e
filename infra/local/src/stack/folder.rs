//! The data directory.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::StackError;

/// Where other commands find the embedded services.
const REACHED_AT: &str = "reached-at.json";

const LOCK: &str = "lock";

/// How other commands reach a running stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReachedAt {
    pub dynamodb: String,
    pub s3: String,
    pub sqs: String,
    pub table: String,
}

impl ReachedAt {
    /// What the stack that uses this data directory has written there; None if none does.
    ///
    /// Whether one runs is asked of the lock: what it wrote may be left over from one that was killed.
    pub fn of(data_dir: &Path) -> io::Result<Option<Self>> {
        let lock = match File::open(data_dir.join(LOCK)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            lock => lock?,
        };
        match lock.try_lock() {
            Ok(()) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
            Err(TryLockError::WouldBlock) => match fs::read(data_dir.join(REACHED_AT)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                read => Ok(Some(serde_json::from_slice(&read?)?)),
            },
        }
    }
}

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
        let lock = options.open(path.join(LOCK)).map_err(refuse)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StackError::FolderInUse(path.to_owned()),
            TryLockError::Error(source) => refuse(source),
        })?;
        let folder = Self { path: path.to_owned(), _lock: lock };
        match fs::remove_file(folder.file(REACHED_AT)) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(refuse(source)),
            _ => Ok(folder),
        }
    }

    /// Lets other commands of the same user reach the stack.
    pub(super) fn tell(&self, reached_at: &ReachedAt) -> Result<(), StackError> {
        let write = || {
            let content = serde_json::to_vec(reached_at)?;
            let partial = self.file("reached-at.partial");
            let mut options = OpenOptions::new();
            let mut file = options.create(true).truncate(true).write(true).mode(0o600).open(&partial)?;
            file.write_all(&content)?;
            fs::rename(partial, self.file(REACHED_AT))
        };
        write().map_err(|source| StackError::Folder { path: self.path.clone(), source })
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // If it stays, the lock still tells that nobody is there.
        drop(fs::remove_file(self.file(REACHED_AT)));
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

    #[test]
    fn a_stack_is_reached_only_while_it_runs() {
        let data = tempfile::tempdir().unwrap();
        let told = ReachedAt {
            dynamodb: "http://127.0.0.1:1".to_owned(),
            s3: "http://127.0.0.1:3".to_owned(),
            sqs: "http://127.0.0.1:2".to_owned(),
            table: "crae".to_owned(),
        };
        assert_eq!(ReachedAt::of(data.path()).unwrap(), None);
        let folder = Folder::open(data.path()).unwrap();
        assert_eq!(ReachedAt::of(data.path()).unwrap(), None);
        folder.tell(&told).unwrap();
        assert_eq!(ReachedAt::of(data.path()).unwrap(), Some(told.clone()));
        // Killed: the file is left, the lock is not.
        let file = folder.file(REACHED_AT);
        let left = fs::read(&file).unwrap();
        drop(folder);
        assert!(!file.exists());
        fs::write(&file, left).unwrap();
        assert_eq!(ReachedAt::of(data.path()).unwrap(), None);
    }

    #[test]
    fn nobody_else_may_read_where_a_stack_is_reached() {
        use std::os::unix::fs::PermissionsExt;
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::open(data.path()).unwrap();
        let nowhere = ReachedAt {
            dynamodb: String::new(),
            s3: String::new(),
            sqs: String::new(),
            table: String::new(),
        };
        folder.tell(&nowhere).unwrap();
        let mode = fs::metadata(folder.file(REACHED_AT)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
