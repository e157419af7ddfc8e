//! Partners and brokers by name.

use api::fields::{Id, Text};
use api::{Access, ApiError, Body, Caller, Data, Listed, Query, may};
use axum::extract::State;
use domain::json;
use domain::party::{Party, PartyKind};
use schemars::JsonSchema;
use serde::Serialize;
use store::KnownParty;

use crate::audit::audited;

/// Who a partner or broker is.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct PartyRequest {
    /// As touchpoints name it
    #[schemars(example = &"partner-abc")]
    id: Id,
    #[schemars(example = &"Alpine Partners")]
    name: Text<128>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PartyView {
    /// As touchpoints name it
    #[schemars(example = &"partner-abc")]
    id: String,
    #[schemars(example = &"Alpine Partners")]
    name: String,
}

impl From<KnownParty> for PartyView {
    fn from(known: KnownParty) -> Self {
        Self { id: known.party.id, name: known.name }
    }
}

async fn listed(
    access: &Access,
    caller: &Caller<may::AttributionView>,
    kind: PartyKind,
) -> Result<Listed<PartyView>, ApiError> {
    let parties = access.table.parties(&caller.tenant, kind).await?;
    Ok(Listed { items: parties.into_iter().map(PartyView::from).collect(), next_cursor: None })
}

async fn named(
    access: &Access,
    caller: &Caller<may::AttributionConfigure>,
    kind: PartyKind,
    body: &Body<PartyRequest>,
) -> Result<Data<PartyView>, ApiError> {
    let mut body = body.reader()?;
    let id = body.required("id", json::id);
    let name = body.required("name", json::printable(128));
    let (id, name) = body.finish(id.zip(name)).map_err(ApiError::Invalid)?;
    let known = KnownParty { party: Party { kind, id }, name };
    let detail = serde_json::json!({ "name": known.name });
    let audited = audited(access, caller, ("party.named", &known.party.to_string()), &detail);
    access.table.note_audit(&caller.tenant, &audited).await?;
    access.table.put_party(&caller.tenant, &known).await?;
    Ok(Data(known.into()))
}

/// List the partners that are known by name
pub(crate) async fn list_partners(
    State(access): State<Access>,
    caller: Caller<may::AttributionView>,
    query: Query<()>,
) -> Result<Listed<PartyView>, ApiError> {
    query.finish()?;
    listed(&access, &caller, PartyKind::Partner).await
}

/// List the brokers that are known by name
pub(crate) async fn list_brokers(
    State(access): State<Access>,
    caller: Caller<may::AttributionView>,
    query: Query<()>,
) -> Result<Listed<PartyView>, ApiError> {
    query.finish()?;
    listed(&access, &caller, PartyKind::Broker).await
}

/// Name a partner, or give it another name
pub(crate) async fn name_partner(
    State(access): State<Access>,
    caller: Caller<may::AttributionConfigure>,
    body: Body<PartyRequest>,
) -> Result<Data<PartyView>, ApiError> {
    named(&access, &caller, PartyKind::Partner, &body).await
}

/// Name a broker, or give it another name
pub(crate) async fn name_broker(
    State(access): State<Access>,
    caller: Caller<may::AttributionConfigure>,
    body: Body<PartyRequest>,
) -> Result<Data<PartyView>, ApiError> {
    named(&access, &caller, PartyKind::Broker, &body).await
}
