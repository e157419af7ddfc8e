//! Two runs, conversion by conversion: whose credits moved from the one to the other, and why.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use api::fields::{Limit, NextCursor};
use api::views::{Amount, Moment};
use api::{ApiError, Caller, Cursors, Query, Reported, may};
use axum::extract::State;
use domain::identity::NodeId;
use domain::ids::{FactId, FactKind};
use domain::money::{Currency, Money};
use domain::run::Stage;
use futures::future::try_join;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use store::{
    Attempt, BEHIND_ALL_CREDITS, CREDITS_PER_ITEM, Credit, CreditedConversion, Customers, Position, Run,
    Tenant,
};

use crate::App;
use crate::results::completed;
use crate::views::ConfigView;

/// How many conversions one page looks at before it ends early, for runs that hardly differ.
const MOST_LOOKED_AT: usize = 500;

/// Which runs.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct DiffAsked {
    run_ids: TwoRunIds,
    /// How many entries a page has at most; one with fewer, or none, is the last only if it has no `next_cursor`
    limit: Option<Limit>,
    /// `next_cursor` of the page before; empty or absent for the first page
    cursor: Option<NextCursor>,
}

struct TwoRunIds;

impl JsonSchema for TwoRunIds {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TwoRunIds".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "pattern": "^[^,]+,[^,]+$",
            "description": "Two completed runs, with a comma between them: before, and after",
            "examples": ["run_018d0e0a7b7c7d008000000000000001,run_018d0e0a7b7c7d008000000000000002"],
        })
    }
}

/// Why a conversion's credits are others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Reason {
    /// Only the run after took it: it is of another day or type, or was told later. So it is shown too where an identifier
    /// of its customer turned out to be shared since, and then also as `only_before`.
    OnlyAfter,
    /// Only the run before took it.
    OnlyBefore,
    /// Its amount was corrected.
    AmountChanged,
    /// Its customer is another one: customers were merged or split, or it was corrected.
    CustomerChanged,
    /// A touch counts that did not: it was told later, or the configuration lets it.
    TouchAdded,
    /// A touch no longer counts.
    TouchRemoved,
    /// The same touches weigh otherwise.
    WeightsChanged,
    /// Another model was used where the one asked for could not be.
    FallbackChanged,
    /// It is a refund, and what it pays back was shared otherwise or paid back by others too.
    PaidBackOtherwise,
}

/// A conversion whose credits differ. Of one with more than a hundred touches, only the first hundred are compared.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DifferenceView {
    #[schemars(example = &"cnv_7c6b5a4938275f1e8d0c9b8a7f6e5d4c")]
    conversion_event_id: String,
    occurred_at: Moment,
    currency: Currency,
    /// Null where only the run after took it.
    amount_before: Option<Amount>,
    amount_after: Option<Amount>,
    reasons: BTreeSet<Reason>,
    /// Those whose credits differ, in order of time.
    touches: Vec<TouchView>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "MovedTouchView")]
struct TouchView {
    #[schemars(example = &"int_3f2b8c1e5d7a5b0c9e4f6a1b2c3d4e5f")]
    interaction_id: String,
    touched_at: Moment,
    #[schemars(example = &"call")]
    channel: String,
    #[schemars(example = &"agent-001")]
    agent_id: Option<String>,
    before: Amount,
    after: Amount,
    difference: Amount,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DiffMeta {
    next_cursor: Option<String>,
    /// What the configurations of the two say otherwise, `model_code` included.
    #[schemars(example = ["model_code", "time_window_hours"])]
    changed_configuration: Vec<String>,
    /// What was received between these two moments, only the run after knows.
    cutoff_before: Option<Moment>,
    cutoff_after: Option<Moment>,
}

/// Tell which conversions two completed runs credit otherwise, and why
pub(crate) async fn diff_runs(
    State(app): State<App>,
    caller: Caller<may::AttributionView>,
    mut query: Query<DiffAsked>,
) -> Result<Reported<Vec<DifferenceView>, DiffMeta>, ApiError> {
    let tenant = &caller.tenant;
    let ids = query.parsed("run_ids", two);
    let limit = query.limit();
    let list = ids.as_ref().map(|(before, after)| format!("diff|{before}|{after}")).unwrap_or_default();
    let cursors = Cursors::of(tenant, list);
    let from = cursors.position(&mut query)?;
    query.finish()?;
    let (before, after) = ids.ok_or_else(|| ApiError::field("run_ids", "is required"))?;
    let from = from.map(|position| Place::parse(&position).ok_or(ApiError::InvalidCursor)).transpose()?;
    let (before, after) = try_join(completed(&app, tenant, &before), completed(&app, tenant, &after)).await?;
    let runs = Runs { app: &app, tenant, before: &before, after: &after };
    let (data, next) = runs.page(from.as_ref(), limit).await?;
    Ok(Reported {
        data,
        meta: DiffMeta {
            next_cursor: next.map(|place| cursors.seal(&place.position())),
            changed_configuration: changed(&before, &after),
            cutoff_before: before.cutoff.map(Moment),
            cutoff_after: after.cutoff.map(Moment),
        },
    })
}

fn two(text: &str) -> Result<(String, String), String> {
    let ids = text.split_once(',').filter(|(one, other)| !one.is_empty() && !other.is_empty());
    let ids = ids.filter(|(_, other)| !other.contains(','));
    let (before, after) = ids.ok_or("must name two runs, with a comma between them")?;
    Ok((before.to_owned(), after.to_owned()))
}

/// The names of what two configurations say otherwise.
fn changed(before: &Run, after: &Run) -> Vec<String> {
    let told = |run: &Run| {
        let config = serde_json::to_value(ConfigView::of(&run.config)).unwrap_or_default();
        let mut told: BTreeMap<String, _> =
            config.as_object().into_iter().flatten().map(|(name, is)| (name.clone(), is.clone())).collect();
        told.insert("model_code".to_owned(), run.config.model.code().into());
        told
    };
    let (before, after) = (told(before), told(after));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names.into_iter().filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

/// Where the comparison stands: first all conversions of the run after are looked at, then those of the run before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// Conversions of the run before.
    is_before: u8,
    task: String,
    /// Those without a touch.
    is_unattributed: u8,
    conversion: FactId,
}

impl Place {
    fn position(&self) -> Position {
        let Self { is_before, task, is_unattributed, conversion } = self;
        Position(format!("{is_before}#{task}#{is_unattributed}#{}", conversion.bare()))
    }

    fn parse(Position(key): &Position) -> Option<Self> {
        let mut parts = key.split('#');
        let is_before = parts.next()?.parse().ok()?;
        let task = parts.next()?.to_owned();
        let is_unattributed = parts.next()?.parse().ok()?;
        let conversion = FactId::from_bare(FactKind::Conversion, parts.next()?)?;
        Some(Self { is_before, task, is_unattributed, conversion })
    }
}

struct Runs<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    before: &'a Run,
    after: &'a Run,
}

impl Runs<'_> {
    async fn page(
        &self,
        from: Option<&Place>,
        limit: usize,
    ) -> Result<(Vec<DifferenceView>, Option<Place>), ApiError> {
        let (looked_at, mut last) = self.some(from).await?;
        let mut found = Vec::new();
        for (before, after, place) in self.paired(looked_at).await? {
            if let Some(view) = difference(before.as_ref(), after.as_ref()) {
                found.push(view);
                if found.len() == limit {
                    last = Some(place);
                    break;
                }
            }
        }
        Ok((found, last))
    }

    /// The next conversions, of the one run and then of the other; and where the next page begins, if there are more.
    async fn some(
        &self,
        from: Option<&Place>,
    ) -> Result<(Vec<(Place, CreditedConversion)>, Option<Place>), ApiError> {
        let table = &self.app.access.table;
        let (mut some, mut most) = (Vec::new(), MOST_LOOKED_AT);
        for (is_before, run) in [(0, self.after), (1, self.before)] {
            for task in table.tasks(&self.tenant.id, run, Stage::Execute).await? {
                let Some(attempt) = Attempt::committed(&self.tenant.id, run, &task) else { continue };
                for is_unattributed in [0, 1] {
                    let here = (is_before, task.name.as_str(), is_unattributed);
                    let there = from.map(|from| (from.is_before, from.task.as_str(), from.is_unattributed));
                    let after = match (there, from) {
                        (Some(there), _) if here < there => continue,
                        (Some(there), Some(from)) if here == there => {
                            Some((&from.conversion, BEHIND_ALL_CREDITS))
                        }
                        _ => None,
                    };
                    let parts = table.credits(attempt, is_unattributed == 0, after, most).await?;
                    let place = |id: &FactId| {
                        let (task, conversion) = (task.name.clone(), id.clone());
                        Place { is_before, task, is_unattributed, conversion }
                    };
                    most -= parts.len();
                    let last = parts.last().map(|part| place(&part.conversion.id)).filter(|_| most == 0);
                    let first = parts.into_iter().filter(|part| part.first == 0);
                    some.extend(first.map(|part| (place(&part.conversion.id), part.conversion)));
                    if last.is_some() {
                        return Ok((some, last));
                    }
                }
            }
        }
        Ok((some, None))
    }

    /// The same with what the other run says of each. Of those that both have, the run after's places stand.
    async fn paired(
        &self,
        some: Vec<(Place, CreditedConversion)>,
    ) -> Result<Vec<(Option<CreditedConversion>, Option<CreditedConversion>, Place)>, ApiError> {
        let mut customers = Customers::of(&self.app.access.table, self.tenant);
        customers.find(some.iter().filter_map(|(_, credited)| credited.customer_id.clone())).await?;
        let nobody = BTreeSet::<NodeId>::new();
        let nodes = |credited: &CreditedConversion| {
            credited.customer_id.as_ref().and_then(|id| customers.known(id)).map(|known| &known.component)
        };
        let of_run = |is_before: u8| {
            let of_run = some.iter().filter(move |(place, _)| place.is_before == is_before);
            of_run.map(|(_, credited)| (&credited.id, nodes(credited).unwrap_or(&nobody))).collect::<Vec<_>>()
        };
        let (of_after, of_before) = (of_run(0), of_run(1));
        let table = &self.app.access.table;
        let (mut in_before, mut in_after) = try_join(
            table.credits_in_run(&self.tenant.id, self.before, &of_after),
            table.credits_in_run(&self.tenant.id, self.after, &of_before),
        )
        .await?;
        let pair = |(place, credited): (Place, CreditedConversion)| {
            if place.is_before == 0 {
                return Some((in_before.remove(&credited.id), Some(credited), place));
            }
            let is_known = in_after.remove(&credited.id).is_some();
            (!is_known).then_some((Some(credited), None, place))
        };
        Ok(some.into_iter().filter_map(pair).collect())
    }
}

/// How a conversion's credits differ; None if they do not.
fn difference(
    before: Option<&CreditedConversion>,
    after: Option<&CreditedConversion>,
) -> Option<DifferenceView> {
    let known = after.or(before)?;
    let currency = known.amount.currency;
    let amount = |minor| Amount(Money { minor, currency });
    let touches = touches(before, after);
    let moved = touches.iter().filter(|(before, after)| minor(*before) != minor(*after));
    let view = |(before, after): &(Option<&Credit>, Option<&Credit>)| {
        let credit = after.or(*before)?;
        Some(TouchView {
            interaction_id: credit.interaction.to_string(),
            touched_at: Moment(credit.touched_at),
            channel: credit.channel.clone(),
            agent_id: credit.agent_id.clone(),
            before: amount(minor(*before)),
            after: amount(minor(*after)),
            difference: amount(minor(*after) - minor(*before)),
        })
    };
    let reasons = reasons(before, after, &touches);
    (!reasons.is_empty()).then(|| DifferenceView {
        conversion_event_id: known.id.to_string(),
        occurred_at: Moment(known.occurred_at),
        currency,
        amount_before: before.map(|before| Amount(before.amount)),
        amount_after: after.map(|after| Amount(after.amount)),
        touches: moved.filter_map(view).collect(),
        reasons,
    })
}

fn minor(credit: Option<&Credit>) -> i64 {
    credit.map_or(0, |credit| credit.amount_minor)
}

type Pair<'a> = (Option<&'a Credit>, Option<&'a Credit>);

/// The credits of each touch in both runs, in order of time. Where only the first of very many are known of one run, those
/// of the other that are later are left out.
fn touches<'a>(
    before: Option<&'a CreditedConversion>,
    after: Option<&'a CreditedConversion>,
) -> Vec<Pair<'a>> {
    let mut by_id: BTreeMap<&FactId, Pair<'a>> = BTreeMap::new();
    for credit in before.iter().flat_map(|before| &before.credits) {
        by_id.entry(&credit.interaction).or_default().0 = Some(credit);
    }
    for credit in after.iter().flat_map(|after| &after.credits) {
        by_id.entry(&credit.interaction).or_default().1 = Some(credit);
    }
    let is_cut = |credited: &&CreditedConversion| credited.credits.len() >= CREDITS_PER_ITEM;
    let cut = before.into_iter().chain(after).filter(is_cut);
    let known_to = cut.filter_map(|credited| Some(credited.credits.last()?.touched_at)).min();
    let time = |pair: &Pair<'_>| pair.1.or(pair.0).map(|credit| credit.touched_at);
    let mut touches: Vec<Pair<'a>> = by_id.into_values().collect();
    touches.retain(|pair| known_to.is_none_or(|known_to| time(pair).is_some_and(|time| time < known_to)));
    touches.sort_by_key(time);
    touches
}

fn reasons(
    before: Option<&CreditedConversion>,
    after: Option<&CreditedConversion>,
    touches: &[Pair<'_>],
) -> BTreeSet<Reason> {
    let (before, after) = match (before, after) {
        (Some(before), Some(after)) => (before, after),
        (None, _) => return BTreeSet::from([Reason::OnlyAfter]),
        (_, None) => return BTreeSet::from([Reason::OnlyBefore]),
    };
    let added = touches.iter().any(|(before, _)| before.is_none());
    let removed = touches.iter().any(|(_, after)| after.is_none());
    let weighs_otherwise = |(before, after): &Pair<'_>| {
        before.zip(*after).is_some_and(|(before, after)| before.weight_ppb != after.weight_ppb)
    };
    let moved = touches.iter().any(|(before, after)| minor(*before) != minor(*after));
    // A refund credits no touch from which it takes nothing back.
    let is_refund = after.refund_of.is_some();
    let all = [
        (Reason::AmountChanged, before.amount != after.amount),
        (Reason::CustomerChanged, before.customer_id != after.customer_id),
        (Reason::TouchAdded, added && !is_refund),
        (Reason::TouchRemoved, removed && !is_refund),
        (Reason::WeightsChanged, !added && !removed && touches.iter().any(weighs_otherwise)),
        (Reason::FallbackChanged, before.fallback != after.fallback),
    ];
    let all = all.into_iter().filter_map(|(reason, holds)| holds.then_some(reason));
    let mut reasons: BTreeSet<Reason> = all.collect();
    if moved && reasons.is_empty() {
        reasons.insert(Reason::PaidBackOtherwise);
    }
    reasons
}
