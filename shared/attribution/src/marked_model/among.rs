//! All to one touch of a class, or to another if there is none.

use crate::Marks;

/// Touches that may be credited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// All but those by which customers came on their own.
    NotDirect,
    Paid,
}

impl Class {
    pub(super) const fn holds(self, marks: Marks) -> bool {
        match self {
            Self::NotDirect => !marks.has(Marks::DIRECT),
            Self::Paid => marks.has(Marks::PAID),
        }
    }
}

pub(super) fn weights(found: Option<usize>, otherwise: usize, touches: usize, out: &mut Vec<u64>) -> bool {
    out.clear();
    out.resize(touches, 0);
    if let Some(weight) = out.get_mut(found.unwrap_or(otherwise)) {
        *weight = 1;
    }
    found.is_some()
}
