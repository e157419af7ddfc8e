//! Attributions: the records of the ledger.

use std::cmp::Reverse;

use api::fields::{Limit, NextCursor, Text, Wanted};
use api::views::{Amount, Moment, share};
use api::{Access, ApiError, Body, Caller, Cursors, Data, Listed, PerhapsBound, Query, may};
use axum::extract::{Path, State};
use domain::ids::FactKind;
use domain::json::{self, Problem};
use domain::ledger::{LedgerRefusal, Record, RecordId, RecordStatus, Settlement};
use domain::money::{Currency, Money};
use domain::party::{Party, PartyKind};
use domain::rule::Rule;
use domain::time::{Day, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use store::{LedgerChange, LedgerState, Page, Paging, Position, Settled, Span, Tenant};

use crate::audit::audited;
use crate::leads::Lead;
use crate::models;
use crate::touch_type::TouchType;

/// What one touchpoint earned of a conversion.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AttributionView {
    #[schemars(example = &"atr_018d0e0a7b7c7c6b5a4938275f1e8d0c9b8a7f6e5d4c3f2b8c1e5d7a5b0c9e4f6a1b2c3d4e5f")]
    id: String,
    #[schemars(example = &"lead-123")]
    lead_id: Option<String>,
    #[schemars(example = &"cnv_7c6b5a4938275f1e8d0c9b8a7f6e5d4c")]
    conversion_id: String,
    #[schemars(example = &"int_3f2b8c1e5d7a5b0c9e4f6a1b2c3d4e5f")]
    touchpoint_id: String,
    channel: TouchType,
    #[schemars(example = &"position_based")]
    model: String,
    /// The model's share, from 0 to 1.
    #[schemars(with = "f64", example = 0.4)]
    credit: Box<RawValue>,
    /// The same of 100.
    #[schemars(with = "f64", example = 40)]
    percentage: Box<RawValue>,
    /// What is left of it after refunds, and after what disputes moved.
    revenue_attributed: Amount,
    commission_amount: Amount,
    /// What of the commission was paid out; null before.
    commission_paid: Option<Amount>,
    /// What is still to be paid; negative where more was paid than is left after refunds.
    commission_owed: Amount,
    currency: Currency,
    partner_id: Option<String>,
    broker_id: Option<String>,
    #[schemars(example = &"home-insurance-q4")]
    campaign_id: Option<String>,
    touched_at: Moment,
    /// When the lead converted.
    converted_at: Moment,
    calculated_at: Moment,
    status: RecordStatus,
}

/// Billionths as a percentage without trailing zeros: `40`, `33.3333333`.
pub(crate) fn percent(ppb: u64) -> Box<RawValue> {
    let text = format!("{}.{:07}", ppb / 10_000_000, ppb % 10_000_000);
    api::views::raw(text.trim_end_matches('0').trim_end_matches('.'))
}

impl AttributionView {
    pub(crate) fn of(settlement: &Settlement, record: &Record) -> Self {
        let currency = settlement.amount.currency;
        let amount = |minor| Amount(Money { minor, currency });
        Self {
            id: RecordId::of(settlement, record).to_string(),
            lead_id: lead_of(settlement),
            conversion_id: settlement.conversion.to_string(),
            touchpoint_id: record.touch.to_string(),
            channel: TouchType::of_channel(&record.channel),
            model: models::name(settlement.model),
            credit: share(record.share_ppb),
            percentage: percent(record.share_ppb),
            revenue_attributed: amount(record.revenue_minor),
            commission_amount: amount(record.commission_minor),
            commission_paid: record.paid_minor.map(amount),
            commission_owed: amount(record.owed_minor()),
            currency,
            partner_id: record.partner_id.clone(),
            broker_id: record.broker_id.clone(),
            campaign_id: record.campaign.clone(),
            touched_at: Moment(record.touched_at),
            converted_at: Moment(settlement.occurred_at),
            calculated_at: Moment(settlement.settled_at),
            status: record.status,
        }
    }

    pub(crate) fn all_of(settlement: &Settlement) -> Vec<Self> {
        settlement.records.iter().map(|record| Self::of(settlement, record)).collect()
    }
}

pub(crate) fn lead_of(settlement: &Settlement) -> Option<String> {
    settlement.lead_id.clone().or_else(|| settlement.customer_id.as_ref().map(ToString::to_string))
}

/// Read an attribution
pub(crate) async fn find_attribution(
    State(access): State<Access>,
    caller: PerhapsBound<may::AttributionView>,
    Path(id): Path<String>,
    query: Query<()>,
) -> Result<Data<AttributionView>, ApiError> {
    query.finish()?;
    let (settlement, id) = find(&access, &caller.0.tenant, (&id, caller.party())).await?;
    let record = settlement.record(&id.touch).ok_or(ApiError::NotFound("attribution"))?;
    Ok(Data(AttributionView::of(&settlement, record)))
}

/// The settlement that holds a record, as much of it as the caller may see.
pub(crate) async fn find(
    access: &Access,
    tenant: &Tenant,
    (id, party): (&str, Option<&Party>),
) -> Result<(Settlement, RecordId), ApiError> {
    let missing = || ApiError::NotFound("attribution");
    let id = RecordId::parse(id).ok_or_else(missing)?;
    let of = Settled { occurred_at: id.occurred_at, conversion: id.conversion.clone() };
    let found = access.table.settlement(tenant, (&of, party), access.clock.now()).await?;
    Ok((found.filter(|found| found.record(&id.touch).is_some()).ok_or_else(missing)?, id))
}

/// Which attributions are listed.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", extend("x-rules" = [Rule::DaysInOrder]))]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct ListAttributions {
    /// Your id of a lead, or ours of the customer
    #[schemars(extend("x-rules" = [Rule::IdentifierOfType]))]
    lead_id: Option<Wanted>,
    conversion_id: Option<Wanted>,
    status: Option<RecordStatus>,
    channel: Option<TouchType>,
    partner_id: Option<Wanted>,
    broker_id: Option<Wanted>,
    /// Of conversions from this day on, in the tenant's time zone
    start_date: Option<Day>,
    /// Of conversions up to this day
    end_date: Option<Day>,
    limit: Option<Limit>,
    cursor: Option<NextCursor>,
}

/// Which records are wanted.
#[derive(Clone, Debug)]
struct Selection {
    lead: Option<Lead>,
    conversion: Option<String>,
    status: Option<RecordStatus>,
    channel: Option<TouchType>,
    partner: Option<String>,
    broker: Option<String>,
    span: Span,
}

impl Selection {
    fn take(query: &mut Query<ListAttributions>, tenant: &Tenant) -> Self {
        query.accept_snake_case();
        Self {
            lead: query.parsed("leadId", |text| Lead::parse(text, tenant)),
            conversion: query.text("conversionId"),
            status: query.parsed("status", |text| {
                let codes = RecordStatus::CODES.join(", ");
                RecordStatus::parse(text).ok_or_else(|| format!("must be one of {codes}"))
            }),
            channel: query.parsed("channel", TouchType::named),
            partner: query.text("partnerId"),
            broker: query.text("brokerId"),
            span: query.span(tenant.settings.zone()),
        }
    }

    fn takes(&self, record: &Record) -> bool {
        self.status.is_none_or(|status| status == record.status)
            && self.channel.is_none_or(|channel| channel == TouchType::of_channel(&record.channel))
            && self.partner.as_ref().is_none_or(|id| record.partner_id.as_ref() == Some(id))
            && self.broker.as_ref().is_none_or(|id| record.broker_id.as_ref() == Some(id))
    }

    /// In whose partition all wanted records stand, if they are somebody's.
    fn party(&self) -> Option<Party> {
        let of = |kind, id: &Option<String>| id.clone().map(|id| Party { kind, id });
        of(PartyKind::Partner, &self.partner).or_else(|| of(PartyKind::Broker, &self.broker))
    }
}

/// List attributions, those of the newest conversions first
pub(crate) async fn list_attributions(
    State(access): State<Access>,
    caller: PerhapsBound<may::AttributionView>,
    mut query: Query<ListAttributions>,
) -> Result<Listed<AttributionView>, ApiError> {
    let (tenant, bound) = (&caller.0.tenant, caller.party());
    let selection = Selection::take(&mut query, tenant);
    let limit = query.limit();
    let cursors = Cursors::of(tenant, format!("attributions|{bound:?}|{selection:?}"));
    let after = cursors.position(&mut query)?;
    query.finish()?;
    let party = bound.cloned().or_else(|| selection.party());
    let wanted = (&selection, party.as_ref());
    let page = settlements(&access, tenant, wanted, (after.as_ref(), limit)).await?;
    let skipped = after.as_ref().and_then(|after| after.0.split_once('!'));
    let records = page.items.iter().flat_map(|settlement| {
        let place = Settled::of(settlement).place();
        let skip = skipped.filter(|(last, _)| *last == place).and_then(|(_, skip)| skip.parse().ok());
        let records = settlement.records.iter().filter(|record| selection.takes(record));
        let records = records.enumerate().skip(skip.unwrap_or(0));
        records.map(move |(number, record)| {
            (format!("{place}!{number}"), AttributionView::of(settlement, record))
        })
    });
    let mut records: Vec<_> = records.collect();
    let next = match records.get(limit) {
        Some((place, _)) => Some(Position(place.clone())),
        None => page.next,
    };
    records.truncate(limit);
    Ok(Listed {
        items: records.into_iter().map(|(_, view)| view).collect(),
        next_cursor: next.map(|position| cursors.seal(&position)),
    })
}

/// The settlements with wanted records, newest first, from where a page begins on: one more than it can hold.
async fn settlements(
    access: &Access,
    tenant: &Tenant,
    (selection, party): (&Selection, Option<&Party>),
    (after, limit): (Option<&Position>, usize),
) -> Result<Page<Settlement>, ApiError> {
    let now = access.clock.now();
    let keep = |settlement: &Settlement| settlement.records.iter().any(|record| selection.takes(record));
    // What is one customer's is found by its facts.
    let of_customer = match (&selection.conversion, &selection.lead) {
        (Some(conversion), _) => {
            let found = crate::conversions::named(access, tenant, conversion).await?;
            Some(found.map(|found| (found.conversion.occurred_at, found.id)).into_iter().collect())
        }
        (None, Some(lead)) => {
            let customer = lead.customer(access, tenant).await?;
            let places = access.table.facts(tenant, now).places(&customer.members, selection.span).await?;
            Some(places)
        }
        (None, None) => None,
    };
    let Some(places) = of_customer else {
        let paging = Paging { span: selection.span, after, limit: limit + 1, newest_first: true };
        return Ok(access.table.newest_settlements(tenant, party, (paging, now), keep).await?);
    };
    let of = |(occurred_at, conversion)| Settled { occurred_at, conversion };
    let places: Vec<_> = places
        .into_iter()
        .filter(|(_, id): &(Timestamp, _)| id.kind() == FactKind::Conversion)
        .map(of)
        .collect();
    let found = access.table.settlements_of(tenant, (&places, party), now).await?;
    let mut found: Vec<_> = found.into_values().filter(keep).collect();
    found.retain(|settlement| (selection.span.from..=selection.span.to).contains(&settlement.occurred_at));
    let place = |settlement: &Settlement| Settled::of(settlement).place();
    found.sort_by_key(|settlement| Reverse(place(settlement)));
    if let Some(Position(last)) = after {
        found.retain(|settlement| place(settlement) <= *last);
    }
    Ok(Page { items: found, next: None })
}

/// What is changed of an attribution.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct AttributionChange {
    /// `pending` may become `calculated`, that `approved`, and that `paid`; disputes begin and end at `/disputes`
    status: RecordStatus,
    /// Why, for the audit log
    #[schemars(example = &"paid with invoice 17")]
    note: Option<Text<512>>,
}

/// Move an attribution on: approve it, or note that it is paid
pub(crate) async fn change_attribution(
    State(access): State<Access>,
    caller: Caller<may::AttributionConfigure>,
    Path(id): Path<String>,
    body: Body<AttributionChange>,
) -> Result<Data<AttributionView>, ApiError> {
    let (tenant, now) = (&caller.tenant, access.clock.now());
    let (_, id) = find(&access, tenant, (&id, None)).await?;
    let mut body = body.reader()?;
    let status = body.required("status", json::one_of(RecordStatus::parse, RecordStatus::CODES));
    let note = body.optional("note", json::printable(512));
    let status = body.finish(status).map_err(ApiError::Invalid)?;
    let of = Settled { occurred_at: id.occurred_at, conversion: id.conversion.clone() };
    let detail = serde_json::json!({ "status": status.code(), "note": note });
    let audited = audited(&access, &caller, ("attribution.status", &id.to_string()), &detail);
    let decide = |seen: &LedgerState| -> Result<Option<LedgerChange>, ApiError> {
        let mut settlement = seen.settlement.clone().ok_or(ApiError::NotFound("attribution"))?;
        if settlement.record(&id.touch).is_some_and(|record| record.status == status) {
            return Ok(None);
        }
        settlement.advance(&id.touch, status).map_err(refused)?;
        Ok(Some(LedgerChange { settlement, dispute: None, audited: audited.clone(), unless_changed: None }))
    };
    let state = access.table.change_ledger(tenant, (&of, None), now, decide).await?;
    let settlement = state.settlement.ok_or(ApiError::NotFound("attribution"))?;
    let record = settlement.record(&id.touch).ok_or(ApiError::NotFound("attribution"))?;
    Ok(Data(AttributionView::of(&settlement, record)))
}

/// A refusal of the ledger as an answer.
pub(crate) fn refused(refusal: LedgerRefusal) -> ApiError {
    match refusal {
        LedgerRefusal::NoSuchRecord => ApiError::NotFound("attribution"),
        LedgerRefusal::IllegalMove(from, to) => ApiError::IllegalMove(from.code(), to.code()),
        LedgerRefusal::NotZeroSum => ApiError::Invalid(vec![Problem::of(
            "adjustments",
            domain::rule::Refusal::of(Rule::ZeroSum, refusal.to_string()),
        )]),
        LedgerRefusal::BeyondWhatIsThere => ApiError::Invalid(vec![Problem::of(
            "adjustments",
            domain::rule::Refusal::of(Rule::WithinRecord, refusal.to_string()),
        )]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_percentage_without_trailing_zeros() {
        let of = [(400_000_000, "40"), (333_333_333, "33.3333333"), (1_000_000_000, "100"), (0, "0")];
        for (ppb, text) in of {
            assert_eq!(percent(ppb).get(), text);
        }
    }
}
