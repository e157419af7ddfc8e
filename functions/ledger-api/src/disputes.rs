//! Disputes about attributions.

use api::fields::{FreeObject, Id, Limit, NextCursor, Text, Wanted};
use api::views::{Moment, raw};
use api::{Access, ApiError, Body, Caller, Created, Cursors, Data, Listed, PerhapsBound, Query, may};
use axum::extract::{Path, State};
use domain::ids::FactId;
use domain::json::{self, Problem, Reader};
use domain::ledger::{
    DisputeStatus, LedgerRefusal, Move, Reassignment, Record, RecordId, Settlement, change_id,
};
use domain::money::{Currency, Money};
use domain::rule::{Refusal, Rule};
use domain::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use store::{Dispute, LedgerChange, LedgerState, Paging, Settled, Span};

use crate::attributions::{find, refused};
use crate::audit::audited;
use crate::touch_type::TouchType;

/// An objection to an attribution, which stands still until it is resolved.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct DisputeRequest {
    attribution_id: Text<128>,
    /// What it is about
    #[schemars(example = &"partner")]
    dispute_type: Text<64>,
    #[schemars(example = &"Incorrect channel attribution")]
    reason: Text<1024>,
    /// Whatever proves it, such as `originalSource`, `attributedChannel`, `timestamps`
    evidence: Option<FreeObject>,
}

/// How a dispute goes on.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase", extend("x-rules" = [Rule::ResolvedToChange]))]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct ResolutionRequest {
    /// `under_review`, or how it ends: `resolved`, `rejected` or `withdrawn`
    status: DisputeStatus,
    #[schemars(example = &"Adjusted attribution to correct channel")]
    resolution: Option<Text<1024>>,
    /// Who decided; the credential unless given
    #[schemars(example = &"admin-user")]
    resolved_by: Option<Text<128>>,
    /// Of one that is resolved: what moves between the conversion's attributions, adding up to 0
    #[schemars(length(max = 100))]
    adjustments: Option<Vec<Adjustment>>,
    /// Of one that is resolved: to whom, and to which channel, the disputed attribution belongs
    reassign: Option<ReassignRequest>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase", extend("x-rules" = [Rule::ZeroSum, Rule::WithinRecord]))]
#[expect(dead_code, reason = "it describes what is read below")]
struct Adjustment {
    attribution_id: Text<128>,
    /// What is added to its revenue; negative to take away
    revenue: Option<Change>,
    /// What is added to its commission
    commission: Option<Change>,
}

/// An amount that is added or, if negative, taken away.
struct Change;

impl JsonSchema for Change {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Change".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["number", "string"], "minimum": -1_000_000_000_000_000_i64, "maximum": 1_000_000_000_000_000_i64,
            "pattern": "^-?[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]{1,4})?$", "examples": [-300],
            "x-rules": [Rule::PlacesOfCurrency, Rule::AmountLimit],
        })
    }
}

/// To whom an attribution belongs from now on; null for nobody.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what is read below")]
struct ReassignRequest {
    #[schemars(example = &"partner-abc")]
    partner_id: Option<Id>,
    broker_id: Option<Id>,
    channel: Option<TouchType>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DisputeView {
    #[schemars(example = &"dsp_018d0e0a7b7c7d008000000000000001")]
    id: String,
    attribution_id: String,
    #[schemars(example = &"partner")]
    dispute_type: String,
    #[schemars(example = &"Incorrect channel attribution")]
    reason: String,
    #[schemars(with = "Option<std::collections::BTreeMap<String, serde_json::Value>>")]
    evidence: Option<Box<RawValue>>,
    status: DisputeStatus,
    resolution: Option<String>,
    resolved_by: Option<String>,
    created_at: Moment,
    resolved_at: Option<Moment>,
}

fn record_of(dispute: &Dispute) -> RecordId {
    RecordId {
        occurred_at: dispute.occurred_at,
        conversion: dispute.conversion.clone(),
        touch: dispute.touch.clone(),
    }
}

impl From<Dispute> for DisputeView {
    fn from(dispute: Dispute) -> Self {
        Self {
            attribution_id: record_of(&dispute).to_string(),
            id: dispute.dispute_id,
            dispute_type: dispute.kind,
            reason: dispute.reason,
            evidence: dispute.evidence.as_deref().map(raw),
            status: dispute.status,
            resolution: dispute.resolution,
            resolved_by: dispute.resolved_by,
            created_at: Moment(dispute.opened_at),
            resolved_at: dispute.resolved_at.map(Moment),
        }
    }
}

/// Dispute an attribution; it stands still until the dispute is over
pub(crate) async fn create_dispute(
    State(access): State<Access>,
    caller: PerhapsBound<may::DisputesCreate>,
    body: Body<DisputeRequest>,
) -> Result<Created<DisputeView>, ApiError> {
    let (tenant, now) = (&caller.0.tenant, access.clock.now());
    let Claim { record, kind, reason, evidence } = read_claim(body.reader()?).map_err(ApiError::Invalid)?;
    let (seen, id) = find(&access, tenant, (&record, caller.party())).await?;
    let dispute = Dispute {
        dispute_id: caller.0.mint(&access.clock, "dsp"),
        conversion: id.conversion.clone(),
        occurred_at: id.occurred_at,
        kind,
        reason,
        evidence,
        status: DisputeStatus::Open,
        opened_at: now,
        opened_by: caller.0.principal.credential.id().to_owned(),
        parties: seen.record(&id.touch).into_iter().flat_map(Record::parties).collect(),
        resolution: None,
        change_id: None,
        resolved_by: None,
        resolved_at: None,
        revision: 0,
        touch: id.touch.clone(),
    };
    let detail = serde_json::json!({ "attributionId": id.to_string(), "disputeType": dispute.kind });
    let audited = audited(&access, &caller.0, ("dispute.opened", &dispute.dispute_id), &detail);
    let of = Settled { occurred_at: id.occurred_at, conversion: id.conversion };
    let decide = |seen: &LedgerState| -> Result<Option<LedgerChange>, ApiError> {
        // The same request again: it was opened by the first.
        if seen.dispute.is_some() {
            return Ok(None);
        }
        let mut settlement = seen.settlement.clone().ok_or(ApiError::NotFound("attribution"))?;
        settlement.contest(&dispute.touch, &dispute.dispute_id).map_err(refused)?;
        Ok(Some(LedgerChange {
            settlement,
            dispute: Some(dispute.clone()),
            audited: audited.clone(),
            unless_changed: None,
        }))
    };
    let state = access.table.change_ledger(tenant, (&of, Some(&dispute.dispute_id)), now, decide).await?;
    state.dispute.map(|dispute| Created(dispute.into())).ok_or(ApiError::NotFound("dispute"))
}

/// What is disputed, and why.
struct Claim {
    record: String,
    kind: String,
    reason: String,
    evidence: Option<String>,
}

fn read_claim(mut body: Reader<'_>) -> Result<Claim, Vec<Problem>> {
    let record = body.required("attributionId", json::printable(128));
    let kind = body.required("disputeType", json::printable(64));
    let reason = body.required("reason", json::printable(1024));
    let evidence = body.optional("evidence", json::metadata);
    let claim = record.zip(kind).zip(reason);
    body.finish(claim.map(|((record, kind), reason)| Claim { record, kind, reason, evidence }))
}

/// Which disputes are listed.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct ListDisputes {
    status: Option<DisputeStatus>,
    attribution_id: Option<Wanted>,
    limit: Option<Limit>,
    cursor: Option<NextCursor>,
}

/// List disputes, newest first
pub(crate) async fn list_disputes(
    State(access): State<Access>,
    caller: PerhapsBound<may::DisputesView>,
    mut query: Query<ListDisputes>,
) -> Result<Listed<DisputeView>, ApiError> {
    let (tenant, bound) = (&caller.0.tenant, caller.party());
    query.accept_snake_case();
    let status = query.parsed("status", |text| {
        let codes = DisputeStatus::CODES.join(", ");
        DisputeStatus::parse(text).ok_or_else(|| format!("must be one of {codes}"))
    });
    let attribution_id = query.text("attributionId");
    let limit = query.limit();
    let cursors = Cursors::of(tenant, format!("disputes|{bound:?}|{status:?}|{attribution_id:?}"));
    let after = cursors.position(&mut query)?;
    query.finish()?;
    let paging = Paging { span: Span::ALL, after: after.as_ref(), limit, newest_first: true };
    let keep = |dispute: &Dispute| {
        let of_record = |id: &String| record_of(dispute).to_string() == *id;
        status.is_none_or(|status| status == dispute.status) && attribution_id.as_ref().is_none_or(of_record)
    };
    let page = access.table.disputes(tenant, bound, (paging, access.clock.now()), keep).await?;
    Ok(Listed {
        items: page.items.into_iter().map(DisputeView::from).collect(),
        next_cursor: page.next.map(|position| cursors.seal(&position)),
    })
}

/// How a dispute is to go on, as far as it can be read without knowing the currency.
struct Resolution {
    status: DisputeStatus,
    resolution: Option<String>,
    resolved_by: Option<String>,
    moves: Vec<Move>,
    reassignment: Option<Reassignment>,
}

/// Go on with a dispute: review it, or end it and say how, with what moves between the conversion's attributions
pub(crate) async fn resolve_dispute(
    State(access): State<Access>,
    caller: Caller<may::DisputesResolve>,
    Path(dispute_id): Path<String>,
    body: Body<ResolutionRequest>,
) -> Result<Data<DisputeView>, ApiError> {
    let (tenant, now) = (&caller.tenant, access.clock.now());
    let missing = || ApiError::NotFound("dispute");
    let known = access.table.dispute(tenant, &dispute_id, now).await?.ok_or_else(missing)?;
    let of = Settled { occurred_at: known.occurred_at, conversion: known.conversion.clone() };
    let settlement = access.table.settlement(tenant, (&of, None), now).await?.ok_or_else(missing)?;
    let currency = settlement.amount.currency;
    let asked = read_resolution(body.reader()?, (&known.conversion, currency)).map_err(ApiError::Invalid)?;
    let detail = serde_json::json!({
        "attributionId": record_of(&known).to_string(), "status": asked.status.code(),
        "adjustments": asked.moves.len(), "reassigned": asked.reassignment.is_some(),
    });
    let audited = audited(&access, &caller, ("dispute.status", &dispute_id), &detail);
    let by = asked.resolved_by.clone().unwrap_or_else(|| caller.principal.credential.id().to_owned());
    let decide = |seen: &LedgerState| -> Result<Option<LedgerChange>, ApiError> {
        let LedgerState { settlement: Some(settlement), dispute: Some(dispute) } = seen else {
            return Err(ApiError::NotFound("dispute"));
        };
        if is_done(dispute, &asked) {
            return Ok(None);
        }
        if !dispute.status.may_become(asked.status) {
            return Err(ApiError::IllegalMove(dispute.status.code(), asked.status.code()));
        }
        let mut settlement = settlement.clone();
        apply(&mut settlement, (dispute, &asked), now).map_err(refused)?;
        let dispute = Some(gone_on(dispute, &asked, (&by, now)));
        Ok(Some(LedgerChange { settlement, dispute, audited: audited.clone(), unless_changed: None }))
    };
    let state = access.table.change_ledger(tenant, (&of, Some(&dispute_id)), now, decide).await?;
    state.dispute.map(|dispute| Data(dispute.into())).ok_or_else(missing)
}

fn gone_on(dispute: &Dispute, asked: &Resolution, (by, now): (&str, Timestamp)) -> Dispute {
    let is_over = asked.status.is_over();
    Dispute {
        status: asked.status,
        resolution: asked.resolution.clone(),
        change_id: change_id(&asked.moves, asked.reassignment.as_ref()),
        resolved_by: is_over.then(|| by.to_owned()),
        resolved_at: is_over.then_some(now),
        revision: dispute.revision + 1,
        ..dispute.clone()
    }
}

/// Whether this is the same request again, carried out by the first.
fn is_done(dispute: &Dispute, asked: &Resolution) -> bool {
    dispute.status == asked.status
        && dispute.resolution == asked.resolution
        && dispute.change_id == change_id(&asked.moves, asked.reassignment.as_ref())
}

fn apply(
    settlement: &mut Settlement,
    (dispute, asked): (&Dispute, &Resolution),
    now: Timestamp,
) -> Result<(), LedgerRefusal> {
    if !asked.moves.is_empty() {
        settlement.adjust(&asked.moves, &dispute.dispute_id, now)?;
    }
    if let Some(to) = &asked.reassignment {
        settlement.reassign(&dispute.touch, to.clone())?;
    }
    if asked.status.is_over() {
        settlement.release(&dispute.dispute_id);
    }
    Ok(())
}

fn read_resolution(
    mut body: Reader<'_>,
    (conversion, currency): (&FactId, Currency),
) -> Result<Resolution, Vec<Problem>> {
    let status = body.required("status", json::one_of(DisputeStatus::parse, DisputeStatus::CODES));
    let resolution = body.optional("resolution", json::printable(1024));
    let resolved_by = body.optional("resolvedBy", json::printable(128));
    let moves = body.objects("adjustments", 0..=100, |item| {
        let id = item.required("attributionId", json::printable(128));
        let revenue = item.optional("revenue", signed(currency));
        let commission = item.optional("commission", signed(currency));
        let id = RecordId::parse(&id?).filter(|id| id.conversion == *conversion);
        let Some(id) = id else {
            let problem = "must be an attribution of the same conversion";
            item.refuse("attributionId", Refusal::of(Rule::ZeroSum, problem));
            return None;
        };
        let (revenue_minor, commission_minor) = (revenue.unwrap_or_default(), commission.unwrap_or_default());
        Some(Move { touch: id.touch, revenue_minor, commission_minor })
    });
    let reassignment = body.object("reassign").map(|mut to| {
        let reassignment = Reassignment {
            partner_id: to.clearable("partnerId", json::id),
            broker_id: to.clearable("brokerId", json::id),
            channel: to
                .optional("channel", json::one_of(TouchType::parse, TouchType::CODES))
                .map(|kind| kind.channel().to_owned()),
        };
        to.refuse_unknown();
        body.absorb(to.problems());
        reassignment
    });
    if status.is_some_and(|status| status != DisputeStatus::Resolved)
        && (!moves.is_empty() || reassignment.is_some())
    {
        let problem = "must be resolved for adjustments and reassign to take place";
        body.refuse("status", Refusal::of(Rule::ResolvedToChange, problem));
    }
    let asked = status.map(|status| Resolution { status, resolution, resolved_by, moves, reassignment });
    body.finish(asked)
}

fn signed(currency: Currency) -> impl Fn(&RawValue) -> Result<i64, Refusal> {
    move |raw| Ok(Money::parse_signed(&json::text_or_number(raw)?, currency)?.minor)
}
