//! What a repeated report comes to.

/// Reports are merged, never overwritten: what contradicts is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merged<T> {
    /// It says nothing new.
    Same,
    /// It adds something and contradicts nothing.
    Added(T),
    /// It says something else about these fields, named as the API names them.
    Contradicts(Vec<&'static str>),
}
