//! Whether a data directory is still to be filled.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use domain::time::Day;

use super::Story;

/// What tells, in a data directory, that filling it was begun and never finished.
const MARK: &str = "filling";

/// A place that is being filled. Where that is cut short, the next start tells the same story again from its beginning,
/// which changes nothing of what is there already.
#[derive(Debug)]
pub struct Filling {
    /// None for a stack in memory.
    mark: Option<PathBuf>,
    before: Day,
}

impl Filling {
    /// Of a stack in memory.
    pub fn of_memory(today: Day) -> Self {
        Self { mark: None, before: today }
    }

    /// Of a data directory that is new, or that was not filled to its end. None if it is to be left as it is.
    pub fn of_folder(folder: &Path, today: Day) -> io::Result<Option<Self>> {
        let mark = folder.join(MARK);
        match fs::read_to_string(&mark) {
            Ok(begun) => {
                Ok(Some(Self { mark: Some(mark), before: Day::parse(begun.trim()).unwrap_or(today) }))
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Err(_) if !is_empty(folder)? => Ok(None),
            Err(_) => {
                fs::create_dir_all(folder)?;
                fs::write(&mark, today.to_string())?;
                Ok(Some(Self { mark: Some(mark), before: today }))
            }
        }
    }

    pub fn story(&self) -> Story {
        Story::before(self.before)
    }

    pub fn done(self) -> io::Result<()> {
        self.mark.map_or(Ok(()), fs::remove_file)
    }
}

/// Whether there is nothing in it, or it is not there at all.
fn is_empty(folder: &Path) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    #[test]
    fn only_a_new_folder_is_filled_and_one_that_was_cut_short_with_the_same_story() {
        let folder = tempfile::tempdir().unwrap();
        let (new, old) = (folder.path().join("new"), folder.path().join("old"));
        fs::create_dir(&old).unwrap();
        fs::write(old.join("lock"), "").unwrap();
        assert!(Filling::of_folder(&old, day("2026-01-02")).unwrap().is_none(), "it was there before");
        let cut_short = Filling::of_folder(&new, day("2026-01-02")).unwrap().unwrap();
        drop(cut_short);
        let again = Filling::of_folder(&new, day("2026-01-05")).unwrap().unwrap();
        assert_eq!(again.story(), Story::before(day("2026-01-02")));
        fs::write(new.join("lock"), "").unwrap();
        again.done().unwrap();
        assert!(Filling::of_folder(&new, day("2026-01-06")).unwrap().is_none());
    }
}
