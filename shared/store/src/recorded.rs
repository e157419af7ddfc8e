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
