//! Sums by dimension, day and currency: of credits, and of what the touches on journeys influenced.

use std::collections::{BTreeMap, BTreeSet};

use crediting::Touch;
use domain::dimension::Dimension;
use domain::run::{Total, Totals};
use domain::time::Zone;
use store::{Credit, CreditedConversion, Sum, SumOf, Sums};

/// What credits come to: money on the days of the conversions, credited touches on their own.
pub(crate) struct Summed {
    zone: Zone,
    sums: Sums,
    totals: Totals,
}

impl Summed {
    pub(crate) fn nothing(zone: Zone) -> Self {
        Self { zone, sums: Sums::new(), totals: Totals::default() }
    }

    /// Adds all that a model credited of some customers' conversions.
    pub(crate) fn add(&mut self, credited: &[CreditedConversion]) {
        for conversion in credited {
            let currency = conversion.amount.currency;
            let (attributed, unattributed) = (conversion.attributed_minor(), conversion.unattributed_minor());
            self.totals.add(
                currency,
                Total {
                    conversions: 1,
                    amount_minor: conversion.amount.minor,
                    attributed_minor: attributed,
                    unattributed_minor: unattributed,
                },
            );
            let day = self.zone.day_of(conversion.occurred_at).to_string();
            for dimension in Dimension::ALL {
                let of = SumOf { dimension, day: day.clone(), currency };
                let rows = self.sums.entry(of).or_default();
                for (value, sum) in rows_of(dimension, conversion, unattributed) {
                    rows.entry(value).or_default().add(&sum);
                }
            }
        }
        count_touches(&mut self.sums, credited, self.zone);
    }

    /// The sums, with what the values influenced, and the totals.
    pub(crate) fn beside(mut self, influence: &Influence) -> (Sums, Totals) {
        for (of, influenced) in &influence.sums {
            let rows = self.sums.entry(of.clone()).or_default();
            for (value, sum) in influenced {
                rows.entry(value.clone()).or_default().add(sum);
            }
        }
        self.sums.retain(|_, rows| !rows.is_empty());
        (self.sums, self.totals)
    }
}

/// What conversions come to on whose journeys each value of a dimension was, whatever a model gave it. All models of a run
/// see the same journeys.
pub(crate) struct Influence {
    zone: Zone,
    sums: Sums,
}

impl Influence {
    pub(crate) const fn none(zone: Zone) -> Self {
        Self { zone, sums: Sums::new() }
    }

    /// Of a value that was there several times the conversion counts once; a refund takes back what it pays back.
    pub(crate) fn add(&mut self, conversion: &CreditedConversion, touches: &[Touch]) {
        let day = self.zone.day_of(conversion.occurred_at).to_string();
        let sum = Sum {
            influenced_minor: conversion.attributed_minor(),
            influenced: u64::from(conversion.refund_of.is_none()),
            ..Sum::default()
        };
        for dimension in Dimension::ALL.into_iter().filter(|dimension| *dimension != Dimension::Total) {
            let values = touches.iter().map(|touch| touch.value(dimension).unwrap_or_default());
            let of = SumOf { dimension, day: day.clone(), currency: conversion.amount.currency };
            let rows = self.sums.entry(of).or_default();
            for value in values.collect::<BTreeSet<_>>() {
                rows.entry(value.to_owned()).or_default().add(&sum);
            }
        }
    }
}

/// Counts each credited touch once, however many conversions credit it. All of them are a customer's, so they are all
/// here. A refund credits none.
fn count_touches(sums: &mut Sums, credited: &[CreditedConversion], zone: Zone) {
    let touches =
        credited.iter().filter(|conversion| conversion.refund_of.is_none()).flat_map(|conversion| {
            conversion
                .credits
                .iter()
                .map(|credit| ((conversion.amount.currency, &credit.interaction), credit))
        });
    for ((currency, _), credit) in touches.collect::<BTreeMap<_, _>>() {
        let day = zone.day_of(credit.touched_at).to_string();
        for dimension in Dimension::ALL {
            let rows = sums.entry(SumOf { dimension, day: day.clone(), currency }).or_default();
            rows.entry(value_of(dimension, credit)).or_default().credited += 1;
        }
    }
}

/// What one conversion adds to each value of a dimension; a value credited by several touches counts it once, and a
/// refund not at all.
fn rows_of(
    dimension: Dimension,
    conversion: &CreditedConversion,
    unattributed: i64,
) -> BTreeMap<String, Sum> {
    let mut rows: BTreeMap<String, Sum> = BTreeMap::new();
    let counted = u64::from(conversion.refund_of.is_none() && !conversion.credits.is_empty());
    if dimension == Dimension::Total {
        let revenue_minor = conversion.attributed_minor();
        let sum = Sum {
            revenue_minor,
            conversions: counted,
            commission_minor: conversion.credits.iter().map(|credit| credit.commission_minor).sum(),
            unattributed_minor: unattributed,
            ..Sum::default()
        };
        rows.insert(String::new(), sum);
        return rows;
    }
    for credit in &conversion.credits {
        let sum = rows.entry(value_of(dimension, credit)).or_default();
        sum.revenue_minor += credit.amount_minor;
        sum.commission_minor += credit.commission_minor;
        sum.conversions = counted;
        if dimension == Dimension::Agent {
            sum.last = sum.last.take().max(Some((credit.touched_at, credit.team_id.clone())));
        }
    }
    rows
}

fn value_of(dimension: Dimension, credit: &Credit) -> String {
    let value = match dimension {
        Dimension::Total => None,
        Dimension::Agent => credit.agent_id.clone(),
        Dimension::Vendor => credit.vendor_code.clone(),
        Dimension::Channel => Some(credit.channel.clone()),
        Dimension::Intent => credit.intent.clone(),
        Dimension::Campaign => credit.campaign.clone(),
        Dimension::Partner => credit.partner_id.clone(),
        Dimension::Broker => credit.broker_id.clone(),
    };
    value.unwrap_or_default()
}
