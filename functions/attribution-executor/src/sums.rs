//! Sums of credits by dimension, day and currency, computed from the credits alone.

use std::collections::BTreeMap;

use domain::run::{Dimension, Total, Totals};
use domain::time::Zone;
use store::{Credit, CreditedConversion, Sum, SumOf, Sums};

/// The sums of a shard, on the days of the conversions, and its totals.
pub(crate) fn sums_of(credited: &[CreditedConversion], zone: Zone) -> (Sums, Totals) {
    let (mut sums, mut totals) = (Sums::new(), Totals::default());
    for conversion in credited {
        let currency = conversion.amount.currency;
        let attributed: i64 = conversion.credits.iter().map(|credit| credit.amount_minor).sum();
        let unattributed = if conversion.credits.is_empty() { conversion.amount.minor } else { 0 };
        totals.add(
            currency,
            Total {
                conversions: 1,
                amount_minor: conversion.amount.minor,
                attributed_minor: attributed,
                unattributed_minor: unattributed,
            },
        );
        let day = zone.day_of(conversion.occurred_at).to_string();
        for dimension in Dimension::ALL {
            let of = SumOf { dimension, day: day.clone(), currency };
            let rows = sums.entry(of).or_default();
            for (value, sum) in rows_of(dimension, conversion, unattributed) {
                rows.entry(value).or_default().add(&sum);
            }
        }
    }
    sums.retain(|_, rows| !rows.is_empty());
    (sums, totals)
}

/// What one conversion adds to each value of a dimension; a value credited by several touches counts it once.
fn rows_of(
    dimension: Dimension,
    conversion: &CreditedConversion,
    unattributed: i64,
) -> BTreeMap<String, Sum> {
    let mut rows: BTreeMap<String, Sum> = BTreeMap::new();
    if dimension == Dimension::Total {
        let revenue_minor = conversion.credits.iter().map(|credit| credit.amount_minor).sum();
        let conversions = u64::from(!conversion.credits.is_empty());
        let sum = Sum { revenue_minor, conversions, unattributed_minor: unattributed, last: None };
        rows.insert(String::new(), sum);
        return rows;
    }
    for credit in &conversion.credits {
        let sum = rows.entry(value_of(dimension, credit)).or_default();
        sum.revenue_minor += credit.amount_minor;
        sum.conversions = 1;
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
    };
    value.unwrap_or_default()
}
