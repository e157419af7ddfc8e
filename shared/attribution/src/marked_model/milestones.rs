//! Shares for the touches at which a customer became more than they were.
//!
//! The first touch made a visitor of them, the last a customer; which ones made a lead and an opportunity is marked. A
//! touch that holds several milestones gets the shares of all, a milestone that never was has none, and what is meant for
//! the other touches goes to the milestones where there are no others: shares are always of what there is. Where neither
//! a lead nor an opportunity is marked, the milestones that have a share are taken to lie evenly from the first touch to
//! the last.

use crate::Marks;

/// What each milestone gets, and what all other touches get together. Only proportions matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Milestones {
    /// The first touch.
    pub first: u32,
    /// [`Marks::LEAD`].
    pub lead: u32,
    /// [`Marks::OPPORTUNITY`].
    pub opportunity: u32,
    /// The last touch.
    pub customer: u32,
    /// All others together.
    pub others: u32,
}

impl Milestones {
    /// 40 % for the first touch and 40 % for the lead, as HubSpot has it.
    pub const U: Self = Self { first: 40, lead: 40, opportunity: 0, customer: 0, others: 20 };
    /// 30 % each for the first touch, the lead and the opportunity.
    pub const W: Self = Self { first: 30, lead: 30, opportunity: 30, customer: 0, others: 10 };
    /// 22.5 % for each milestone.
    pub const FULL_PATH: Self = Self { first: 225, lead: 225, opportunity: 225, customer: 225, others: 100 };

    pub(super) fn weights(&self, marks: &[Marks], out: &mut Vec<u64>) -> bool {
        let touches = marks.len();
        out.clear();
        out.resize(touches, 0);
        let Some(youngest) = touches.checked_sub(1) else { return true };
        let marked = |mark| marks.iter().rposition(|marks| marks.has(mark));
        let (lead, opportunity) = (marked(Marks::LEAD), marked(Marks::OPPORTUNITY));
        let is_marked = lead.is_some() || opportunity.is_some();
        if is_marked {
            let places = [Some(0), lead, opportunity, Some(youngest)];
            let shares = [self.first, self.lead, self.opportunity, self.customer];
            places.into_iter().zip(shares).for_each(|(place, share)| add(share, place, out));
        } else {
            let shares = [self.first, self.lead, self.opportunity, self.customer];
            let shares: Vec<u32> = shares.into_iter().filter(|share| *share > 0).collect();
            let gaps = shares.len().saturating_sub(1).max(1);
            (0..).zip(shares).for_each(|(number, share)| add(share, Some(number * youngest / gaps), out));
        }
        let others = out.iter().filter(|share| **share == 0).count() as u64;
        for weight in out.iter_mut() {
            *weight = if *weight == 0 { u64::from(self.others) } else { *weight * others.max(1) };
        }
        if out.iter().all(|weight| *weight == 0) {
            out.fill(1);
        }
        is_marked
    }
}

fn add(share: u32, place: Option<usize>, out: &mut [u64]) {
    if let Some(weight) = place.and_then(|place| out.get_mut(place)) {
        *weight += u64::from(share);
    }
}
