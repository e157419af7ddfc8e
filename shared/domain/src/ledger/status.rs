//! What a record of the ledger, and a dispute about it, go through.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! statuses {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $member:ident = $code:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$of])* $member,)+ }

        impl $name {
            pub const ALL: &[$name] = &[$($name::$member,)+];
            pub const CODES: &[&str] = &[$($code,)+];

            pub const fn code(self) -> &'static str {
                match self { $($name::$member => $code,)+ }
            }

            /// Reads a code in any case.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|status| status.code().eq_ignore_ascii_case(text))
            }
        }
    };
}

statuses! {
    /// Where a record stands between having been worked out and having been paid.
    RecordStatus {
        /// Provisional: somebody holds it back.
        Pending = "pending",
        Calculated = "calculated",
        Approved = "approved",
        /// It stands still until the dispute is over.
        Disputed = "disputed",
        Paid = "paid",
    }
}

statuses! {
    /// Where a dispute stands.
    DisputeStatus {
        Open = "open",
        UnderReview = "under_review",
        Resolved = "resolved",
        Rejected = "rejected",
        /// Whoever opened it takes it back.
        Withdrawn = "withdrawn",
    }
}

impl RecordStatus {
    /// Whether it can be set to this. Disputes begin and end by themselves.
    pub const fn may_become(self, next: RecordStatus) -> bool {
        matches!(
            (self, next),
            (RecordStatus::Pending, RecordStatus::Calculated)
                | (RecordStatus::Calculated, RecordStatus::Approved)
                | (RecordStatus::Approved, RecordStatus::Paid)
        )
    }

    /// Whether it can be disputed.
    pub const fn is_disputable(self) -> bool {
        matches!(self, RecordStatus::Calculated | RecordStatus::Approved)
    }
}

impl DisputeStatus {
    /// Whether nothing can come after it.
    pub const fn is_over(self) -> bool {
        matches!(self, DisputeStatus::Resolved | DisputeStatus::Rejected | DisputeStatus::Withdrawn)
    }

    pub const fn may_become(self, next: DisputeStatus) -> bool {
        match self {
            DisputeStatus::Open => !matches!(next, DisputeStatus::Open),
            DisputeStatus::UnderReview => next.is_over(),
            DisputeStatus::Resolved | DisputeStatus::Rejected | DisputeStatus::Withdrawn => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_goes_one_way_and_stands_still_while_it_is_disputed() {
        let moves = |from: RecordStatus| {
            let next = RecordStatus::ALL.iter().filter(move |next| from.may_become(**next));
            next.map(|next| next.code()).collect::<Vec<_>>()
        };
        let all: Vec<_> = RecordStatus::ALL.iter().map(|status| moves(*status)).collect();
        let none: Vec<&str> = Vec::new();
        assert_eq!(all, [vec!["calculated"], vec!["approved"], vec!["paid"], none.clone(), none]);
    }

    #[test]
    fn a_dispute_that_is_over_stays_so() {
        for status in DisputeStatus::ALL {
            let goes_on = DisputeStatus::ALL.iter().any(|next| status.may_become(*next));
            assert_eq!(goes_on, !status.is_over(), "{status:?}");
            assert_eq!(DisputeStatus::parse(&status.code().to_uppercase()), Some(*status));
        }
    }
}
