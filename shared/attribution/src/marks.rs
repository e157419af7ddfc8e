//! What some models ask of a touch beside its age.

/// Marks of a touch, any number of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Marks(u8);

impl Marks {
    pub const NONE: Self = Self(0);
    /// The customer came on their own, by no campaign.
    pub const DIRECT: Self = Self(1);
    /// Somebody was paid for the touch, or by it: a click, a placement, a partner.
    pub const PAID: Self = Self(2);
    /// The last touch before the customer became a lead.
    pub const LEAD: Self = Self(4);
    /// The last touch before the lead became an opportunity.
    pub const OPPORTUNITY: Self = Self(8);

    /// These marks and those.
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether all of these are there.
    pub const fn has(self, marks: Self) -> bool {
        self.0 & marks.0 == marks.0
    }
}
