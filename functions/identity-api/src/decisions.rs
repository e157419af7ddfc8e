//! Customers that people merge and split, where what was observed misleads.

use api::fields::{IdentifierValue, Page, Text};
use api::views::Moment;
use api::{Access, ApiError, Body, Caller, Cursors, Data, Listed, Query, may};
use axum::extract::{Path, State};
use domain::identifier::{Identifier, IdentifierType};
use domain::identity::{Customer, NodeId, Ruling, SplitRefused, pair_to_split, pairs_to_merge};
use domain::json;
use domain::permission::Principal;
use domain::rule::{Refusal, Rule};
use domain::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{Customers, Decision, Position, Tenant};

use crate::customers::{CustomerView, known_customer, named_customer, named_node};

/// A customer, and what was split off it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SplitView {
    customer: CustomerView,
    split_off: CustomerView,
}

/// What somebody decided about identifiers of a customer.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DecisionView {
    decision_id: String,
    #[schemars(extend("enum" = ["merge", "split"]))]
    kind: &'static str,
    decided_at: Moment,
    /// The id of the API key, or the user.
    author: String,
    reason: String,
    /// What was decided about: of a merge the two that were named, and those whose earlier split it undid.
    pairs: Vec<PairView>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct PairView {
    member_id: String,
    /// Of a split, what was split off.
    other_member_id: String,
}

/// With whom a customer is merged, and why.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct MergeRequest {
    /// The id of any member of the other customer, as paths have it, or one of its identifiers
    #[schemars(extend("x-rules" = [Rule::KnownCustomer, Rule::IdentifierOfType]))]
    with: OtherCustomer,
    #[schemars(example = &"the same person on two phones")]
    reason: Text<500>,
}

#[derive(JsonSchema)]
#[schemars(untagged, inline)]
#[expect(dead_code, reason = "it describes what is read below")]
enum OtherCustomer {
    Id(String),
    Identifier(Identifying<'static>),
}

/// What is split off a customer, and why.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct SplitRequest {
    #[schemars(extend("x-rules" = [Rule::OfCustomer]))]
    identifier: Identifying<'static>,
    #[schemars(example = &"the phone of the whole office")]
    reason: Text<500>,
}

/// Make two customers one
///
/// It stands until they are split by hand. That they are one already changes nothing and is recorded nowhere.
pub(crate) async fn merge_customers(
    State(access): State<Access>,
    caller: Caller<may::CustomersMerge>,
    Path(id): Path<String>,
    body: Body<MergeRequest>,
) -> Result<Data<CustomerView>, ApiError> {
    let tenant = &caller.tenant;
    let (named, customer) = named_customer(&access, tenant, &id).await?;
    let mut body = body.reader()?;
    let with = body.required("with", |raw| read_customer(raw, tenant));
    let reason = body.required("reason", json::printable(500));
    let (with, reason) = body.finish(with.zip(reason)).map_err(ApiError::Invalid)?;
    let other = known_customer(&access, tenant, &with).await?;
    let other = other.ok_or_else(|| {
        ApiError::field("with", Refusal::of(Rule::KnownCustomer, "names no customer that is known"))
    })?;
    let pairs = pairs_to_merge((&named, &customer), (&with, &other)).map_err(ApiError::NotMergeable)?;
    let decision = Act { ruling: Ruling::Together, reason, pairs: pairs.into_iter().collect() };
    decision.record(&access, &caller.principal, &[&customer, &other]).await?;
    Ok(Data(view(&access, tenant, &named).await?))
}

/// Take an identifier out of a customer
///
/// It takes with it what is connected with the customer through it alone, and stays apart whatever is observed, until
/// the two are merged by hand.
pub(crate) async fn split_customer(
    State(access): State<Access>,
    caller: Caller<may::CustomersMerge>,
    Path(id): Path<String>,
    body: Body<SplitRequest>,
) -> Result<Data<SplitView>, ApiError> {
    let tenant = &caller.tenant;
    let (named, customer) = named_customer(&access, tenant, &id).await?;
    let mut body = body.reader()?;
    let identifier = body.required("identifier", |raw| read_identifier(raw, tenant));
    let reason = body.required("reason", json::printable(500));
    let (identifier, reason) = body.finish(identifier.zip(reason)).map_err(ApiError::Invalid)?;
    let off = tenant.identity().node(&identifier);
    let refused = |refused: SplitRefused| {
        ApiError::field("identifier", Refusal::of(Rule::OfCustomer, refused.to_string()))
    };
    let pair = pair_to_split(&named, &customer, &off).map_err(refused)?;
    let stays = pair.as_ref().map_or(named, |(stays, _)| stays.clone());
    let decision = Act { ruling: Ruling::Apart, reason, pairs: pair.into_iter().collect() };
    decision.record(&access, &caller.principal, &[&customer]).await?;
    let customer = view(&access, tenant, &stays).await?;
    Ok(Data(SplitView { customer, split_off: view(&access, tenant, &off).await? }))
}

/// List what was decided about a customer by hand, newest first
pub(crate) async fn list_decisions(
    State(access): State<Access>,
    caller: Caller<may::CustomersView>,
    Path(id): Path<String>,
    mut query: Query<Page>,
) -> Result<Listed<DecisionView>, ApiError> {
    let tenant = &caller.tenant;
    let limit = query.limit();
    let cursors = Cursors::of(tenant, format!("decisions|{id}"));
    let after = cursors.position(&mut query)?;
    query.finish()?;
    let (_, customer) = named_customer(&access, tenant, &id).await?;
    let decided = access.table.decisions(&tenant.id, &customer.members).await?;
    let before = |pair: &&Decision| after.as_ref().is_none_or(|Position(after)| place(pair) < *after);
    let mut views: Vec<(String, DecisionView)> = Vec::new();
    for pair in decided.iter().rev().filter(before) {
        match views.last_mut() {
            Some((at, view)) if *at == place(pair) => view.pairs.push(PairView::of(pair)),
            _ => views.push((place(pair), DecisionView::of(pair))),
        }
    }
    let more = views.len() > limit;
    views.truncate(limit);
    let next = views.last().filter(|_| more).map(|(place, _)| cursors.seal(&Position(place.clone())));
    Ok(Listed { items: views.into_iter().map(|(_, view)| view).collect(), next_cursor: next })
}

/// Sorts decisions by time.
fn place(decision: &Decision) -> String {
    format!("{}#{}", decision.at.sortable(), decision.decision_id)
}

impl DecisionView {
    fn of(decision: &Decision) -> Self {
        Self {
            decision_id: decision.decision_id.clone(),
            kind: decision.ruling.code(),
            decided_at: Moment(decision.at),
            author: decision.author.clone(),
            reason: decision.reason.clone(),
            pairs: vec![PairView::of(decision)],
        }
    }
}

impl PairView {
    fn of(decision: &Decision) -> Self {
        Self { member_id: decision.customer.to_string(), other_member_id: decision.other.to_string() }
    }
}

/// A decision that is about to be made.
struct Act {
    ruling: Ruling,
    reason: String,
    pairs: Vec<(NodeId, NodeId)>,
}

impl Act {
    async fn record(self, access: &Access, author: &Principal, about: &[&Customer]) -> Result<(), ApiError> {
        if self.pairs.is_empty() {
            return Ok(());
        }
        // What overrules a decision is later than it, whatever the clock of this machine says.
        let known = about.iter().filter_map(|customer| customer.decisions.latest()).max();
        let at: Timestamp =
            known.map_or(access.clock.now(), |known| access.clock.now().max(known.plus_ms(1)));
        let decision_id = access.clock.mint("dec");
        let pairs = self.pairs.into_iter().map(|(customer, other)| Decision {
            decision_id: decision_id.clone(),
            at,
            ruling: self.ruling,
            author: author.credential.id().to_owned(),
            reason: self.reason.clone(),
            customer,
            other,
        });
        Ok(access.table.put_decision(&author.tenant, &pairs.collect::<Vec<_>>()).await?)
    }
}

async fn view(access: &Access, tenant: &Tenant, node: &NodeId) -> Result<CustomerView, ApiError> {
    Ok(CustomerView::of(&*Customers::of(&access.table, tenant).of_node(node).await?))
}

/// Another customer: its id as paths have it, or one of its identifiers.
fn read_customer(raw: &RawValue, tenant: &Tenant) -> Result<NodeId, Refusal> {
    let unknown = |_| Refusal::of(Rule::KnownCustomer, "is not the id of a customer");
    match json::text(raw) {
        Ok(id) => named_node(tenant, &id).map_err(unknown),
        Err(_) => Ok(tenant.identity().node(&read_identifier(raw, tenant)?)),
    }
}

/// Something that somebody is known by.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Identifying")]
struct Identifying<'a> {
    #[schemars(with = "IdentifierType", example = &"phone")]
    r#type: String,
    #[serde(borrow)]
    #[schemars(with = "IdentifierValue", example = &"+14155550123")]
    value: &'a RawValue,
}

fn read_identifier(raw: &RawValue, tenant: &Tenant) -> Result<Identifier, Refusal> {
    const SHAPE: &str = r#"must be an identifier such as {"type": "phone", "value": "+14155550123"}"#;
    let Identifying { r#type, value } = serde_json::from_str(raw.get()).map_err(|_| SHAPE)?;
    let kind = IdentifierType::parse(&r#type).ok_or(SHAPE)?;
    match Identifier::parse(kind, &json::text_or_number(value)?, tenant.settings.region())? {
        own if tenant.settings.is_own(&own) => {
            let problem = "is one of the tenant's own numbers, which identify nobody";
            Err(Refusal::of(Rule::IdentifierOfType, problem))
        }
        identifier => Ok(identifier),
    }
}
