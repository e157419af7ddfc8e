/// What became of a report.
#[derive(Clone, Debug, PartialEq)]
pub enum Recorded<T> {
    Created(T),
    /// It was stored before and said the same.
    Same(T),
    /// It added something to what was stored.
    Added(T),
    /// It contradicts what is stored in these fields; nothing was changed.
    Contradicts(Vec<&'static str>),
}

/// How a report came to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storing {
    Created,
    Same,
    Added,
}

impl<T> Recorded<T> {
    /// What is stored then, and how it came to be; or the fields that were contradicted.
    pub fn stored(self) -> Result<(T, Storing), Vec<&'static str>> {
        match self {
            Recorded::Created(stored) => Ok((stored, Storing::Created)),
            Recorded::Same(stored) => Ok((stored, Storing::Same)),
            Recorded::Added(stored) => Ok((stored, Storing::Added)),
            Recorded::Contradicts(fields) => Err(fields),
        }
    }
}
