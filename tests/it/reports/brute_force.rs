//! What reports must say, computed from all facts at once, with nothing of the engine or of the rollups.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::facts::{Touch, World};

/// Which touches lead to a conversion.
pub(super) const WINDOW_HOURS: i64 = 240;

/// Whole days, both included, in one currency.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) zone: Tz,
    pub(super) from: NaiveDate,
    pub(super) to: NaiveDate,
    pub(super) currency: &'static str,
}

impl Range {
    fn holds(&self, ms: i64) -> bool {
        let day = DateTime::<Utc>::from_timestamp_millis(ms).unwrap().with_timezone(&self.zone).date_naive();
        (self.from..=self.to).contains(&day)
    }
}

#[derive(Default)]
struct Row {
    minor: i64,
    conversions: BTreeSet<usize>,
    credited: BTreeSet<usize>,
    interactions: u64,
    calls: u64,
    seconds: u64,
    rated: u64,
    hundredths: u64,
    newest: Option<(i64, Option<String>)>,
}

/// What a report has rows by.
pub(super) type Dimension = fn(&Touch) -> Option<&String>;

pub(super) struct Report {
    rows: BTreeMap<String, Row>,
    unattributed: i64,
}

impl Report {
    pub(super) fn of(world: &World, range: Range, dimension: Dimension) -> Self {
        let mut report = Self { rows: BTreeMap::new(), unattributed: 0 };
        let key = |touch: &Touch| dimension(touch).cloned().unwrap_or_default();
        for touch in &world.touches {
            if let Some(began) = touch.began.filter(|began| range.holds(*began)) {
                report.rows.entry(key(touch)).or_default().count(touch, began);
            }
        }
        for (order, touches) in credited(world).iter().enumerate() {
            let at = &world.orders[order];
            if at.currency != range.currency {
                continue;
            }
            for &touch in touches.iter().filter(|touch| range.holds(world.touches[**touch].began.unwrap())) {
                report.rows.entry(key(&world.touches[touch])).or_default().credited.insert(touch);
            }
            let touches: Vec<&Touch> = touches.iter().map(|touch| &world.touches[*touch]).collect();
            if range.holds(at.at) {
                let sold = |row: &mut Row| {
                    row.conversions.insert(order);
                };
                report.earn((0, at.minor), at.minor.cast_signed(), (&touches, dimension), sold);
            }
            let mut left = at.minor;
            for (day, refund) in &at.refunds {
                let before = left;
                left = left.saturating_sub(*refund);
                if range.holds(*day) {
                    report.earn((before, left), -refund.cast_signed(), (&touches, dimension), |_| {});
                }
            }
        }
        report
    }

    /// What touches earn when as much is left of an order as of it was before, or less, by an event of this amount.
    fn earn(
        &mut self,
        (before, after): (u64, u64),
        amount: i64,
        (touches, dimension): (&[&Touch], Dimension),
        event: impl Fn(&mut Row),
    ) {
        // Equal parts; the cents left over go to the earliest touches.
        let count = touches.len() as u64;
        let part = |minor: u64, place: u64| (minor / count + u64::from(place < minor % count)).cast_signed();
        let mut earned = 0;
        for (place, touch) in (0..).zip(touches) {
            let row = self.rows.entry(dimension(touch).cloned().unwrap_or_default()).or_default();
            let minor = part(after, place) - part(before, place);
            row.minor += minor;
            earned += minor;
            event(row);
            row.newest = row.newest.take().max(Some((touch.began.unwrap(), touch.team.clone())));
        }
        self.unattributed += amount - earned;
    }

    fn total(&self) -> Row {
        let mut total = Row::default();
        for row in self.rows.values() {
            total.minor += row.minor;
            total.conversions.extend(&row.conversions);
            total.credited.extend(&row.credited);
            total.interactions += row.interactions;
            total.calls += row.calls;
            total.seconds += row.seconds;
            total.rated += row.rated;
            total.hundredths += row.hundredths;
        }
        total
    }

    /// As the API answers, with the names of each row made by `names` and its numbers by `metrics`.
    fn answer(&self, names: impl Fn(&str, &Row) -> Value, metrics: fn(&Row) -> Value) -> Value {
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_by_key(|(key, row)| (std::cmp::Reverse((row.minor, row.interactions)), *key));
        let with = |mut names: Value, row: &Row| {
            names.as_object_mut().unwrap().extend(metrics(row).as_object().unwrap().clone());
            names
        };
        let rows: Vec<_> = rows.into_iter().map(|(key, row)| with(names(key, row), row)).collect();
        let totals = with(json!({"unattributed_revenue": money(self.unattributed)}), &self.total());
        json!({"rows": rows, "totals": totals})
    }

    pub(super) fn agents(&self) -> Value {
        let names = |key: &str, row: &Row| {
            let team = row.newest.as_ref().and_then(|(_, team)| team.clone());
            json!({"agent_id": named(key), "team_id": team.filter(|_| !key.is_empty())})
        };
        self.answer(names, |row| {
            json!({
                "attributed_revenue": money(row.minor),
                "conversions": row.conversions.len(),
                "conversion_rate": ratio(row.credited.len() as u64, row.interactions),
                "average_deal_size": deal_size(row),
                "total_interactions": row.interactions,
                "average_call_duration_seconds": ratio(row.seconds, row.calls),
            })
        })
    }

    pub(super) fn vendors(&self) -> Value {
        self.answer(
            |key, _| json!({"vendor_code": named(key)}),
            |row| {
                json!({
                    "attributed_revenue": money(row.minor),
                    "conversions": row.conversions.len(),
                    "average_deal_size": deal_size(row),
                    "total_interactions": row.interactions,
                    "conversion_rate": ratio(row.credited.len() as u64, row.interactions),
                    "cost": null, "cost_per_acquisition": null, "roi": null,
                })
            },
        )
    }

    pub(super) fn intents(&self) -> Value {
        self.answer(
            |key, _| json!({"intent": named(key)}),
            |row| {
                json!({
                    "attributed_revenue": money(row.minor),
                    "conversions": row.conversions.len(),
                    "conversion_rate": ratio(row.credited.len() as u64, row.interactions),
                    "average_deal_size": deal_size(row),
                    "frequency": row.interactions,
                    "average_purchase_probability": ratio(row.hundredths, row.rated * 100),
                })
            },
        )
    }
}

impl Row {
    fn count(&mut self, touch: &Touch, began: i64) {
        self.interactions += 1;
        if let Some(seconds) = touch.seconds.filter(|_| touch.channel == "call") {
            self.calls += 1;
            self.seconds += seconds;
        }
        if let Some(hundredths) = touch.probability {
            self.rated += 1;
            self.hundredths += hundredths;
        }
        self.newest = self.newest.take().max(Some((began, touch.team.clone())));
    }
}

fn named(key: &str) -> Option<&str> {
    (!key.is_empty()).then_some(key)
}

fn money(minor: i64) -> Value {
    json!(minor as f64 / 100.0)
}

fn ratio(of: u64, over: u64) -> Option<f64> {
    (over > 0).then(|| (of as f64 / over as f64 * 1e6).round() / 1e6)
}

fn deal_size(row: &Row) -> Option<Value> {
    let conversions = i64::try_from(row.conversions.len()).unwrap();
    (conversions > 0).then(|| money((row.minor + conversions / 2).div_euclid(conversions)))
}

/// The touches that lead to each order, the earliest first.
fn credited(world: &World) -> Vec<Vec<usize>> {
    let customers = Customers::of(world);
    let mut touches: BTreeMap<&str, Vec<(i64, usize)>> = BTreeMap::new();
    for (index, touch) in world.touches.iter().enumerate() {
        if let Some((began, who)) = touch.began.zip(touch.who.first()) {
            touches.entry(customers.find(who)).or_default().push((began, index));
        }
    }
    let lead_to = |order: &super::facts::Order| {
        let customer = customers.find(&order.who[0]);
        let from = order.at - WINDOW_HOURS * 3_600_000;
        let all = touches.get(customer).into_iter().flatten();
        let mut led: Vec<_> = all.filter(|(began, _)| (from..=order.at).contains(began)).copied().collect();
        led.sort_unstable();
        led.into_iter().map(|(_, index)| index).collect()
    };
    world.orders.iter().map(lead_to).collect()
}

/// Who is whom: identifiers that were seen together belong to one customer.
struct Customers<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Customers<'a> {
    fn of(world: &'a World) -> Self {
        let mut customers = Self(BTreeMap::new());
        // Whom a call was with is told with its start.
        let told = world.touches.iter().filter(|touch| touch.began.is_some()).map(|touch| &touch.who);
        let seen = told.chain(world.orders.iter().map(|order| &order.who));
        for pair in seen.flat_map(|who| who.windows(2)) {
            let (one, other) = (customers.find(&pair[0]), customers.find(&pair[1]));
            if one != other {
                customers.0.insert(one, other);
            }
        }
        customers
    }

    fn find(&self, who: &'a str) -> &'a str {
        let mut at = who;
        while let Some(next) = self.0.get(at) {
            at = next;
        }
        at
    }
}
