//! Models that ask what a touch was, and not how old it is. A new one is a file here and a member.

mod among;
mod milestones;

pub use among::Class;
pub use milestones::Milestones;

use crate::Marks;

/// How an amount is shared among touches by their marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MarkedModel {
    /// All to the oldest touch of a class; of all touches if none is of it.
    First(Class),
    /// All to the youngest touch of a class; of all touches if none is of it.
    Last(Class),
    /// Shares for what a customer became: a visitor, a lead, an opportunity, a customer.
    Milestones(Milestones),
}

impl MarkedModel {
    /// Replaces `out` by the weights of one journey's touches, oldest first, to [`split`](crate::split()) its amount by.
    ///
    /// Answers whether the model could be followed: false if no touch is of the class, or none is marked as a milestone,
    /// and what each member says for that case was done instead.
    pub fn weights_into(&self, marks: &[Marks], out: &mut Vec<u64>) -> bool {
        match self {
            Self::First(class) => {
                among::weights(marks.iter().position(|marks| class.holds(*marks)), 0, marks.len(), out)
            }
            Self::Last(class) => {
                let youngest = marks.len().saturating_sub(1);
                among::weights(
                    marks.iter().rposition(|marks| class.holds(*marks)),
                    youngest,
                    marks.len(),
                    out,
                )
            }
            Self::Milestones(shares) => shares.weights(marks, out),
        }
    }
}
