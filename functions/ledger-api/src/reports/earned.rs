//! What was earned in a span, added up from the ledger.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use api::{Access, ApiError};
use domain::dimension::Dimension;
use domain::ids::{FactId, FactKind};
use domain::ledger::{Record, Settlement};
use domain::money::Currency;
use domain::party::PartyKind;
use domain::rollup::Tally;
use domain::time::Day;
use store::{Fact, Paging, Position, Settled, Tenant};

use super::Asked;
use crate::touch_type::TouchType;

/// What one row earned.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    /// All that there were, converting or not; None where only some of them are asked for, which nobody counts.
    pub(super) touchpoints: Option<u64>,
    pub(super) converting: u64,
    pub(super) conversions: u64,
    pub(super) revenue_minor: i64,
    pub(super) commission_minor: i64,
    /// Of each channel: how many records, and what they earned.
    pub(super) channels: BTreeMap<&'static str, (u64, i64)>,
}

/// The rows of one kind, by their value; those of touchpoints that have none stand under the empty text.
pub(super) type Rows = BTreeMap<String, Row>;

/// What was earned.
#[derive(Debug, Default)]
pub(super) struct Earned {
    pub(super) channels: Rows,
    pub(super) partners: Rows,
    pub(super) brokers: Rows,
    pub(super) campaigns: Rows,
    pub(super) days: BTreeMap<Day, Row>,
    /// Of everything that is settled.
    pub(super) all: Row,
    /// Conversions of the span, settled or not, and what they were worth after what they pay back.
    pub(super) conversions: u64,
    pub(super) revenue_minor: i64,
    pub(super) other_currencies: BTreeSet<Currency>,
    pub(super) names: Names,
    counted: HashSet<FactId>,
}

impl Earned {
    pub(super) async fn read(access: &Access, tenant: &Tenant, asked: &Asked) -> Result<Self, ApiError> {
        let now = access.clock.now();
        let zone = tenant.settings.zone();
        let mut earned = Self::default();
        let settled = access.table.each_settlement(tenant, asked.span, now, |settlement| {
            let day = zone.day_of(settlement.occurred_at);
            earned.add(asked, &settlement, day);
        });
        let ((), converted, counted, names) = Box::pin(async {
            tokio::try_join!(
                async { Ok(settled.await?) },
                Converted::read(access, tenant, asked),
                counted(access, tenant, asked),
                names(access, tenant),
            )
        })
        .await?;
        earned.conversions = converted.conversions;
        earned.revenue_minor = converted.revenue_minor;
        earned.other_currencies.extend(converted.other_currencies);
        earned.take_back(access, tenant, (asked, &converted.refunds)).await?;
        earned.count(asked, counted);
        earned.names = names;
        Ok(earned)
    }

    /// Adds a settlement, as if nothing had been paid back: that counts on its own day.
    fn add(&mut self, asked: &Asked, settlement: &Settlement, day: Day) {
        if settlement.amount.currency != asked.currency {
            self.other_currencies.insert(settlement.amount.currency);
            return;
        }
        if asked.model.is_some_and(|model| model != settlement.model) {
            return;
        }
        let amounts = settlement.before_refunds();
        self.add_all(asked, (settlement, &amounts), day, Counting::Conversion);
    }

    fn add_all(
        &mut self,
        asked: &Asked,
        (settlement, amounts): (&Settlement, &[(i64, i64)]),
        day: Day,
        counting: Counting,
    ) {
        let mut seen = BTreeSet::new();
        for (record, (revenue, commission)) in settlement.records.iter().zip(amounts) {
            let channel = TouchType::of_channel(&record.channel);
            if !wanted(asked, record, channel) {
                continue;
            }
            let is_new = self.counted.insert(record.touch.clone());
            let values = [
                (&mut self.channels, channel.code()),
                (&mut self.partners, record.partner_id.as_deref().unwrap_or_default()),
                (&mut self.brokers, record.broker_id.as_deref().unwrap_or_default()),
                (&mut self.campaigns, record.campaign.as_deref().unwrap_or_default()),
            ];
            for (place, (rows, value)) in values.into_iter().enumerate() {
                let row = rows.entry(value.to_owned()).or_default();
                let is_first = seen.insert((place, value.to_owned()));
                row.conversions += u64::from(is_first && counting == Counting::Conversion);
                row.add((channel, is_new), (*revenue, *commission), counting);
            }
            let is_first = seen.insert((usize::MAX, String::new()));
            let of_day = self.days.entry(day).or_default();
            for row in [of_day, &mut self.all] {
                row.conversions += u64::from(is_first && counting == Counting::Conversion);
                row.add((channel, is_new), (*revenue, *commission), counting);
            }
        }
    }

    /// Takes back what refunds of the span took from what is settled, whenever that was.
    async fn take_back(
        &mut self,
        access: &Access,
        tenant: &Tenant,
        (asked, refunds): (&Asked, &[FactId]),
    ) -> Result<(), ApiError> {
        let now = access.clock.now();
        let refunds = access.table.conversions(tenant, refunds, now).await?;
        let originals = access.table.originals(tenant, &refunds.iter().collect::<Vec<_>>(), now).await?;
        let places: BTreeSet<_> = originals.values().map(Settled::from).collect();
        let places: Vec<_> = places.into_iter().collect();
        let settled = access.table.settlements_of(tenant, (&places, None), now).await?;
        for refund in &refunds {
            let settlement = originals.get(&refund.id).and_then(|original| settled.get(&original.id));
            let Some(settlement) = settlement else { continue };
            if asked.model.is_some_and(|model| model != settlement.model) {
                continue;
            }
            if let Some(moved) = settlement.taken_back_by(&refund.id) {
                let day = tenant.settings.zone().day_of(refund.conversion.occurred_at);
                self.add_all(asked, (settlement, moved), day, Counting::Refund);
            }
        }
        Ok(())
    }

    /// Adds the span's touchpoints, which are counted by one thing at a time.
    fn count(&mut self, asked: &Asked, [channels, partners, brokers, campaigns]: Counted) {
        let of_channel = |name: &str| TouchType::of_channel(name).code().to_owned();
        let is_wanted = |name: &str| asked.channel.is_none_or(|channel| channel.code() == name);
        let of = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|id| id == name);
        let all_channels = asked.channel.is_none();
        let (all_partners, all_brokers) = (asked.partner_id.is_none(), asked.broker_id.is_none());
        if all_partners && all_brokers {
            add_tallies(&mut self.channels, channels, of_channel, is_wanted);
        }
        if all_channels && all_brokers {
            add_tallies(&mut self.partners, partners, str::to_owned, |id| of(&asked.partner_id, id));
        }
        if all_channels && all_partners {
            add_tallies(&mut self.brokers, brokers, str::to_owned, |id| of(&asked.broker_id, id));
        }
        if all_channels && all_partners && all_brokers {
            add_tallies(&mut self.campaigns, campaigns, str::to_owned, |_| true);
        }
    }
}

/// Touchpoints by channel, partner, broker and campaign.
type Counted = [BTreeMap<String, Tally>; 4];

/// Counts the span's touchpoints, as the rollups hold them.
async fn counted(access: &Access, tenant: &Tenant, asked: &Asked) -> Result<Counted, ApiError> {
    let zone = tenant.settings.zone();
    let (start, end) = asked.days;
    let hours = (zone.hour_of(zone.start_of(start)), zone.hour_of(zone.end_of(end)));
    let now = access.clock.now();
    let tallies = |dimension| access.table.tallies(tenant, dimension, hours, now);
    let (channels, partners, brokers, campaigns) = tokio::try_join!(
        tallies(Dimension::Channel),
        tallies(Dimension::Partner),
        tallies(Dimension::Broker),
        tallies(Dimension::Campaign),
    )?;
    Ok([channels, partners, brokers, campaigns])
}

type Names = HashMap<(PartyKind, String), String>;

async fn names(access: &Access, tenant: &Tenant) -> Result<Names, ApiError> {
    let mut names = Names::new();
    for kind in PartyKind::ALL {
        let known = access.table.parties(tenant, kind).await?;
        names.extend(known.into_iter().map(|known| ((kind, known.party.id), known.name)));
    }
    Ok(names)
}

/// A span's conversions, settled or not.
#[derive(Default)]
struct Converted {
    conversions: u64,
    revenue_minor: i64,
    /// Those that pay others back.
    refunds: Vec<FactId>,
    other_currencies: BTreeSet<Currency>,
}

impl Converted {
    async fn read(access: &Access, tenant: &Tenant, asked: &Asked) -> Result<Self, ApiError> {
        let facts = access.table.facts(tenant, access.clock.now());
        let (mut all, mut after): (Self, Option<Position>) = (Self::default(), None);
        loop {
            let paging = Paging {
                span: asked.span,
                after: after.as_ref(),
                limit: usize::MAX >> 1,
                newest_first: true,
            };
            let page = facts.newest(FactKind::Conversion, paging, |_: &Fact| true).await?;
            page.items.into_iter().for_each(|fact| all.add(asked, fact));
            after = page.next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    fn add(&mut self, asked: &Asked, fact: Fact) {
        let Some(amount) = fact.amount else { return };
        if amount.currency != asked.currency {
            self.other_currencies.insert(amount.currency);
            return;
        }
        self.revenue_minor += amount.minor;
        if amount.minor < 0 {
            self.refunds.push(fact.id);
        } else {
            self.conversions += 1;
        }
    }
}

/// What adding a row's amounts counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counting {
    Conversion,
    /// A refund takes back and is no conversion.
    Refund,
}

impl Row {
    fn add(
        &mut self,
        (channel, is_new): (TouchType, bool),
        (revenue, commission): (i64, i64),
        counting: Counting,
    ) {
        self.revenue_minor += revenue;
        self.commission_minor += commission;
        self.converting += u64::from(is_new && counting == Counting::Conversion);
        let of_channel = self.channels.entry(channel.code()).or_default();
        of_channel.0 += u64::from(counting == Counting::Conversion);
        of_channel.1 += revenue;
    }
}

fn wanted(asked: &Asked, record: &Record, channel: TouchType) -> bool {
    asked.channel.is_none_or(|wanted| wanted == channel)
        && asked.partner_id.as_ref().is_none_or(|id| record.partner_id.as_ref() == Some(id))
        && asked.broker_id.as_ref().is_none_or(|id| record.broker_id.as_ref() == Some(id))
}

fn add_tallies(
    rows: &mut Rows,
    tallies: BTreeMap<String, Tally>,
    name: impl Fn(&str) -> String,
    is_wanted: impl Fn(&str) -> bool,
) {
    for (value, tally) in tallies {
        let value = name(&value);
        if is_wanted(&value) {
            *rows.entry(value).or_default().touchpoints.get_or_insert(0) += tally.interactions;
        }
    }
    // What earned something of the span's conversions may have had no touchpoint in it.
    rows.values_mut().for_each(|row| row.touchpoints = row.touchpoints.or(Some(0)));
}
