//! What a completed run credited, read through the API page by page.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::world::{Line, Unheard};

/// Money by currency, in minor units.
pub(super) type Sums = BTreeMap<String, i64>;

/// One touch's share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) interaction: String,
    pub(super) minor: i64,
}

/// What became of one conversion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) currency: String,
    pub(super) shares: Vec<Share>,
    /// The amounts under which it is listed as unattributed: none, or one.
    pub(super) unattributed: Vec<i64>,
}

impl Fate {
    pub(super) fn minor(&self) -> i64 {
        self.attributed() + self.unattributed.iter().sum::<i64>()
    }

    fn attributed(&self) -> i64 {
        self.shares.iter().map(|share| share.minor).sum()
    }
}

/// Everything a completed run credited.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    /// By our id of the conversion.
    pub(super) fates: BTreeMap<String, Fate>,
    pub(super) credits: usize,
    /// Of everything as it was answered.
    pub(super) digest: String,
    problems: Vec<String>,
}

impl Reading {
    pub(super) async fn of(line: &Line, run_id: &str) -> Result<Self, Unheard> {
        let run = format!("/v1/attribution/runs/{run_id}");
        let results = line.list(&format!("{run}/results?limit=200")).await?;
        let mut unattributed = line.list(&format!("{run}/unattributed?limit=200")).await?;
        // Why nothing is credited is told by what is known now, and is none of the run's results.
        for conversion in unattributed.iter_mut().filter_map(Value::as_object_mut) {
            for told_now in ["reason", "last_interaction_id", "last_interaction_seconds_before"] {
                conversion.remove(told_now);
            }
        }
        let mut digest = Sha256::new();
        results.iter().chain(&unattributed).for_each(|item| digest.update(item.to_string()));
        let mut reading = Self {
            fates: BTreeMap::new(),
            credits: results.len(),
            digest: hex::encode(digest.finalize()),
            problems: Vec::new(),
        };
        results.iter().for_each(|credit| reading.add_credit(credit));
        unattributed.iter().for_each(|conversion| reading.add_unattributed(conversion));
        reading.check(run_id);
        Ok(reading)
    }

    fn fate(&mut self, item: &Value) -> &mut Fate {
        let id = item["conversion_event_id"].as_str().unwrap_or_default();
        let fate = self.fates.entry(id.to_owned()).or_default();
        item["currency"].as_str().unwrap_or_default().clone_into(&mut fate.currency);
        fate
    }

    fn add_credit(&mut self, credit: &Value) {
        let interaction = credit["interaction_id"].as_str().unwrap_or_default().to_owned();
        match minor(&credit["attributed_amount"], &credit["currency"]) {
            Some(minor) => self.fate(credit).shares.push(Share { interaction, minor }),
            None => self.problems.push(format!("a credit has no amount: {credit}")),
        }
    }

    fn add_unattributed(&mut self, conversion: &Value) {
        match minor(&conversion["amount_decimal"], &conversion["currency"]) {
            Some(minor) => self.fate(conversion).unattributed.push(minor),
            None => self.problems.push(format!("a conversion has no amount: {conversion}")),
        }
    }

    /// Each conversion once, and each touch once per conversion.
    fn check(&mut self, run_id: &str) {
        for (id, fate) in &self.fates {
            let touches: BTreeSet<_> = fate.shares.iter().map(|share| &share.interaction).collect();
            if touches.len() < fate.shares.len() {
                self.problems.push(format!("run {run_id} credits {id} twice: {fate:?}"));
            }
            if fate.unattributed.len() + usize::from(!fate.shares.is_empty()) != 1 {
                self.problems.push(format!("run {run_id} has {id} in more than one place: {fate:?}"));
            }
        }
    }

    pub(super) fn attributed(&self) -> Sums {
        self.sum(Fate::attributed)
    }

    pub(super) fn unattributed(&self) -> Sums {
        self.sum(|fate| fate.unattributed.iter().sum())
    }

    fn sum(&self, of: impl Fn(&Fate) -> i64) -> Sums {
        let mut sums = Sums::new();
        for fate in self.fates.values() {
            *sums.entry(fate.currency.clone()).or_default() += of(fate);
        }
        sums
    }

    /// Where this differs from what the run says of itself, or from itself.
    pub(super) fn disagreements(&self, run: &Value) -> Vec<String> {
        let mut problems = self.problems.clone();
        for (name, sums) in
            [("attributed_total", self.attributed()), ("unattributed_total", self.unattributed())]
        {
            if totals(&run[name]).as_ref() != Some(&sums) {
                problems.push(format!("the credits of {run} come to {sums:?} in {name}"));
            }
        }
        if run["conversions_processed"].as_u64() != u64::try_from(self.fates.len()).ok() {
            problems.push(format!("the credits of {run} are of {} conversions", self.fates.len()));
        }
        problems
    }
}

fn totals(view: &Value) -> Option<Sums> {
    let total = |total: &Value| {
        Some((total["currency"].as_str()?.to_owned(), minor(&total["amount"], &total["currency"])?))
    };
    view.as_array()?.iter().map(total).collect()
}

/// An amount in minor units, read from its digits.
pub(super) fn minor(amount: &Value, currency: &Value) -> Option<i64> {
    let places = if currency == "JPY" { 0 } else { 2 };
    let text = amount.as_number()?.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    if fraction.trim_end_matches('0').len() > places {
        return None;
    }
    let fraction = fraction.get(..places.min(fraction.len()))?;
    format!("{whole}{fraction:0<places$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn amounts_are_read_to_the_minor_unit() {
        let read = |text: &str, currency| minor(&serde_json::from_str(text).unwrap(), &json!(currency));
        assert_eq!(read("333.34", "USD"), Some(33_334));
        assert_eq!(read("12.3", "USD"), Some(1_230));
        assert_eq!(read("0.0", "USD"), Some(0));
        assert_eq!(read("7", "USD"), Some(700));
        assert_eq!(read("5000", "JPY"), Some(5_000));
        assert_eq!(read("1.005", "USD"), None);
        assert_eq!(read("\"7\"", "USD"), None);
    }
}
