//! What is owed: a conversion's money, shared out once.
//!
//! Runs are analysis, and there may be many over the same conversions. A settlement is the one that people are paid by: it
//! has a record for each touch that earned anything, and changes only by what is noted in its journal.

mod record;
mod status;

use std::collections::BTreeSet;

use attribution::reduce;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use self::record::{Earning, Record, RecordId};
pub use self::status::{DisputeStatus, RecordStatus};
use crate::identity::NodeId;
use crate::ids::FactId;
use crate::model::ModelCode;
use crate::money::{Money, portion};
use crate::party::Party;
use crate::time::Timestamp;

/// Why money moved after a conversion was settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    Refund(FactId),
    Dispute(String),
}

/// A line of the journal: by how much each record changed, in the order of the records. Lines of disputes add up to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    #[serde(rename = "t")]
    pub at: Timestamp,
    #[serde(rename = "c")]
    pub cause: Cause,
    /// Revenue and commission.
    #[serde(rename = "m")]
    pub moved: Vec<(i64, i64)>,
}

/// How a conversion's money was shared out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    pub conversion: FactId,
    pub customer_id: Option<NodeId>,
    /// What the tenant calls the customer as a lead, if it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead_id: Option<String>,
    pub occurred_at: Timestamp,
    /// As the conversion was reported; what was paid back since is in the journal.
    pub amount: Money,
    pub commission_minor: i64,
    pub model: ModelCode,
    /// The model that was used because the one asked for could not be.
    pub fallback: Option<ModelCode>,
    /// The approved run that it follows; None for a calculation.
    pub run_id: Option<String>,
    pub settled_at: Timestamp,
    /// What has been paid back of it.
    refunds: Vec<(FactId, i64)>,
    pub records: Vec<Record>,
    pub journal: Vec<Line>,
}

/// A record that hands move money to or from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    pub touch: FactId,
    pub revenue_minor: i64,
    pub commission_minor: i64,
}

/// Whom a record is to belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reassignment {
    /// `Some(None)` for nobody.
    pub partner_id: Option<Option<String>>,
    pub broker_id: Option<Option<String>>,
    pub channel: Option<String>,
}

/// Tells what a request changes from what others do; None of one that changes nothing.
pub fn change_id(moves: &[Move], to: Option<&Reassignment>) -> Option<String> {
    let changes = !moves.is_empty() || to.is_some();
    changes.then(|| hex::encode(Sha256::digest(format!("{moves:?} {to:?}"))))
}

/// Why a record cannot be changed so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerRefusal {
    #[error("there is no such record")]
    NoSuchRecord,
    #[error("a record that is {} cannot become {}", .0.code(), .1.code())]
    IllegalMove(RecordStatus, RecordStatus),
    #[error("the amounts moved must add up to 0")]
    NotZeroSum,
    #[error("no record can be left with less than nothing, nor with more than all of it")]
    BeyondWhatIsThere,
}

impl Settlement {
    /// Shares a conversion out, as nothing had been paid back of it.
    pub fn new(
        (conversion, customer_id, occurred_at): (FactId, Option<NodeId>, Timestamp),
        (amount, commission_minor): (Money, i64),
        (model, fallback): (ModelCode, Option<ModelCode>),
        earnings: Vec<Earning>,
        settled_at: Timestamp,
    ) -> Self {
        let record = |earning: Earning| Record {
            touch: earning.touch,
            touched_at: earning.touched_at,
            channel: earning.channel,
            campaign: earning.campaign,
            partner_id: earning.partner_id,
            broker_id: earning.broker_id,
            share_ppb: earning.share_ppb,
            weights: [earning.share_ppb; 2],
            revenue_minor: earning.revenue_minor,
            commission_minor: earning.commission_minor,
            status: RecordStatus::Calculated,
            contested: None,
            paid_minor: None,
        };
        Self {
            conversion,
            customer_id,
            lead_id: None,
            occurred_at,
            amount,
            commission_minor,
            model,
            fallback,
            run_id: None,
            settled_at,
            refunds: Vec::new(),
            records: earnings.into_iter().map(record).collect(),
            journal: Vec::new(),
        }
    }

    /// What is left of the amount after what was paid back.
    pub fn left_minor(&self) -> i64 {
        let paid_back: i128 = self.refunds.iter().map(|(_, minor)| i128::from(*minor)).sum();
        let left = i128::from(self.amount.minor) + paid_back;
        i64::try_from(left.max(0)).unwrap_or(i64::MAX)
    }

    /// Whether another calculation may still take its place: nobody has relied on it.
    pub fn is_replaceable(&self) -> bool {
        let untouched = |record: &Record| {
            matches!(record.status, RecordStatus::Pending | RecordStatus::Calculated)
                && record.contested.is_none()
        };
        let by_hand = self.journal.iter().any(|line| matches!(line.cause, Cause::Dispute(_)));
        self.records.iter().all(untouched) && !by_hand
    }

    pub fn record(&self, touch: &FactId) -> Option<&Record> {
        self.records.iter().find(|record| record.touch == *touch)
    }

    /// As much of it as a partner or broker may see: its own records.
    #[must_use]
    pub fn share_of(&self, party: &Party) -> Self {
        let own = self.records.iter().filter(|record| record.is_of(party)).cloned();
        Self { records: own.collect(), journal: Vec::new(), refunds: Vec::new(), ..self.clone() }
    }

    fn record_mut(&mut self, touch: &FactId) -> Result<&mut Record, LedgerRefusal> {
        self.records.iter_mut().find(|record| record.touch == *touch).ok_or(LedgerRefusal::NoSuchRecord)
    }

    /// What the records would have if nothing had been paid back: revenue and commission.
    pub fn before_refunds(&self) -> Vec<(i64, i64)> {
        let mut amounts: Vec<_> =
            self.records.iter().map(|record| (record.revenue_minor, record.commission_minor)).collect();
        for line in self.journal.iter().filter(|line| matches!(line.cause, Cause::Refund(_))) {
            for (amount, (revenue, commission)) in amounts.iter_mut().zip(&line.moved) {
                *amount = (amount.0 - revenue, amount.1 - commission);
            }
        }
        amounts
    }

    /// By how much a refund changed each record.
    pub fn taken_back_by(&self, refund: &FactId) -> Option<&[(i64, i64)]> {
        let line = self.journal.iter().find(|line| line.cause == Cause::Refund(refund.clone()))?;
        Some(&line.moved)
    }

    /// The same as an approved run has it.
    #[must_use]
    pub fn approved_with(mut self, run_id: &str) -> Self {
        self.run_id = Some(run_id.to_owned());
        self.records.iter_mut().for_each(|record| record.status = RecordStatus::Approved);
        self
    }

    /// Everybody who has a record here.
    pub fn parties(&self) -> BTreeSet<Party> {
        self.records.iter().flat_map(Record::parties).collect()
    }

    /// Takes a refund back from the records, in proportion to what they were given; false if that was done before.
    pub fn take_back(&mut self, refund: &FactId, minor: i64, at: Timestamp) -> bool {
        if minor >= 0 || self.refunds.iter().any(|(known, _)| known == refund) {
            return false;
        }
        self.refunds.push((refund.clone(), minor));
        let left = self.left_minor();
        let whole = self.amount.minor.unsigned_abs();
        let commission = match whole {
            0 => self.commission_minor,
            _ => portion(self.commission_minor, left.unsigned_abs().min(whole), whole),
        };
        let reduced = |of: fn(&Record) -> (i64, u64), left: i64| {
            let (mut credits, weights): (Vec<_>, Vec<_>) = self.records.iter().map(of).unzip();
            reduce(&mut credits, &weights, left);
            credits
        };
        let revenue = reduced(|record| (record.revenue_minor, record.weights[0]), left);
        let commission = reduced(|record| (record.commission_minor, record.weights[1]), commission);
        self.note(Cause::Refund(refund.clone()), at, revenue.into_iter().zip(commission).collect());
        true
    }

    /// Sets the records to these amounts, and notes by how much each changed.
    fn note(&mut self, cause: Cause, at: Timestamp, amounts: Vec<(i64, i64)>) {
        let changed = self.records.iter_mut().zip(amounts).map(|(record, (revenue, commission))| {
            let moved = (revenue - record.revenue_minor, commission - record.commission_minor);
            (record.revenue_minor, record.commission_minor) = (revenue, commission);
            moved
        });
        let moved = changed.collect();
        self.journal.push(Line { at, cause, moved });
    }

    /// Moves a record on. What is paid is what is owed then.
    pub fn advance(&mut self, touch: &FactId, next: RecordStatus) -> Result<(), LedgerRefusal> {
        let record = self.record_mut(touch)?;
        if !record.status.may_become(next) {
            return Err(LedgerRefusal::IllegalMove(record.status, next));
        }
        record.status = next;
        if next == RecordStatus::Paid {
            record.paid_minor = Some(record.commission_minor);
        }
        Ok(())
    }

    /// Stops a record for a dispute.
    pub fn contest(&mut self, touch: &FactId, dispute_id: &str) -> Result<(), LedgerRefusal> {
        let record = self.record_mut(touch)?;
        if !record.status.is_disputable() {
            return Err(LedgerRefusal::IllegalMove(record.status, RecordStatus::Disputed));
        }
        record.contested = Some((dispute_id.to_owned(), record.status));
        record.status = RecordStatus::Disputed;
        Ok(())
    }

    /// Lets the record go on that stood still for a dispute.
    pub fn release(&mut self, dispute_id: &str) {
        for record in &mut self.records {
            if let Some((_, before)) = record.contested.take_if(|(contested, _)| contested == dispute_id) {
                record.status = before;
            }
        }
    }

    /// Moves money between records, as a dispute was resolved: the moves add up to nothing. Later refunds are shared out by
    /// what the records have then.
    pub fn adjust(&mut self, moves: &[Move], dispute_id: &str, at: Timestamp) -> Result<(), LedgerRefusal> {
        let mut amounts: Vec<(i64, i64)> =
            self.records.iter().map(|record| (record.revenue_minor, record.commission_minor)).collect();
        let (revenue, commission) =
            amounts.iter().fold((0_i128, 0_i128), |(r, c), (x, y)| (r + i128::from(*x), c + i128::from(*y)));
        let (mut sum_r, mut sum_c) = (0_i128, 0_i128);
        for Move { touch, revenue_minor, commission_minor } in moves {
            let place = self.records.iter().position(|record| record.touch == *touch);
            let place = place.ok_or(LedgerRefusal::NoSuchRecord)?;
            let amount = &mut amounts[place];
            let beyond = || LedgerRefusal::BeyondWhatIsThere;
            amount.0 = amount.0.checked_add(*revenue_minor).ok_or_else(beyond)?;
            amount.1 = amount.1.checked_add(*commission_minor).ok_or_else(beyond)?;
            sum_r += i128::from(*revenue_minor);
            sum_c += i128::from(*commission_minor);
        }
        if (sum_r, sum_c) != (0, 0) {
            return Err(LedgerRefusal::NotZeroSum);
        }
        let within = |part: i64, whole: i128| (whole.min(0)..=whole.max(0)).contains(&i128::from(part));
        if !amounts.iter().all(|(r, c)| within(*r, revenue) && within(*c, commission)) {
            return Err(LedgerRefusal::BeyondWhatIsThere);
        }
        self.note(Cause::Dispute(dispute_id.to_owned()), at, amounts);
        for record in &mut self.records {
            record.weights = [record.revenue_minor.unsigned_abs(), record.commission_minor.unsigned_abs()];
        }
        Ok(())
    }

    /// Gives a record to somebody else.
    pub fn reassign(&mut self, touch: &FactId, to: Reassignment) -> Result<(), LedgerRefusal> {
        let record = self.record_mut(touch)?;
        if let Some(partner_id) = to.partner_id {
            record.partner_id = partner_id;
        }
        if let Some(broker_id) = to.broker_id {
            record.broker_id = broker_id;
        }
        if let Some(channel) = to.channel {
            record.channel = channel;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
