//! What a customer went through, in order of time.

use std::collections::BTreeMap;

use api::fields::{Days, Page};
use api::views::{ConversionView, CreditView, InteractionView};
use api::{Access, ApiError, Caller, Cursors, Data, Query, may};
use axum::extract::{Path, State};
use domain::ids::{FactId, FactKind};
use domain::rule::Rule;
use schemars::JsonSchema;
use serde::Serialize;
use store::{Answer, Fact, Paging, StoredConversion, Tenant};

use crate::customers::{CustomerView, named_customer};
use crate::{conversions, interactions};

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct JourneyView {
    customer: CustomerView,
    events: Vec<EventView>,
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum EventView {
    Interaction(Box<InteractionView>),
    Conversion(Box<ConvertedView>),
}

/// A conversion with its credits in the run that answers reports for its day: null if there is none that took it. With
/// none, the run's unattributed conversions tell why.
#[derive(Debug, Serialize, JsonSchema)]
struct ConvertedView {
    #[serde(flatten)]
    conversion: ConversionView,
    credits: Option<Vec<CreditView>>,
}

/// Which part of a journey is read.
#[derive(JsonSchema)]
#[schemars(extend("x-rules" = [Rule::DaysInOrder]))]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct JourneyPage {
    #[schemars(flatten)]
    days: Days,
    #[schemars(flatten)]
    page: Page,
}

/// Read a customer's journey: interactions and conversions, oldest first
pub(crate) async fn read_journey(
    State(access): State<Access>,
    caller: Caller<may::AnalyticsJourneyView>,
    Path(id): Path<String>,
    mut query: Query<JourneyPage>,
) -> Result<Data<JourneyView>, ApiError> {
    let tenant = &caller.tenant;
    let span = query.span(tenant.settings.zone());
    let limit = query.limit();
    let cursors = Cursors::of(tenant, format!("journey|{id}|{span:?}"));
    let after = cursors.position(&mut query)?;
    query.finish()?;
    let (_, customer) = named_customer(&access, tenant, &id).await?;
    let paging = Paging { span, after: after.as_ref(), limit, newest_first: false };
    let page =
        access.table.facts(tenant, access.clock.now()).timeline(&customer.members, paging, |_| true).await?;
    let of_kind =
        |kind| page.items.iter().map(|fact: &Fact| &fact.id).filter(move |id| id.kind() == kind).cloned();
    let calls: Vec<FactId> = of_kind(FactKind::Interaction).collect();
    let sales: Vec<FactId> = of_kind(FactKind::Conversion).collect();
    let calls = access.table.interactions(tenant, &calls, access.clock.now()).await?;
    let sales = access.table.conversions(tenant, &sales, access.clock.now()).await?;
    let mut events = BTreeMap::new();
    for view in interactions::views(&access, tenant, calls).await? {
        events.insert(view.interaction_id.clone(), EventView::Interaction(Box::new(view)));
    }
    let ids: Vec<FactId> = sales.iter().map(|stored| stored.id.clone()).collect();
    let mut credits = credits(&access, tenant, &sales).await?;
    for (conversion, id) in conversions::views(&access, tenant, sales).await?.into_iter().zip(ids) {
        let converted = ConvertedView { conversion, credits: credits.remove(&id) };
        events.insert(id.to_string(), EventView::Conversion(Box::new(converted)));
    }
    Ok(Data(JourneyView {
        customer: CustomerView::of(&customer),
        events: page.items.iter().filter_map(|fact| events.remove(&fact.id.to_string())).collect(),
        next_cursor: page.next.map(|position| cursors.seal(&position)),
    }))
}

/// The credits of conversions, each in the run that answers for its day; a conversion that no run took is left out.
async fn credits(
    access: &Access,
    tenant: &Tenant,
    sales: &[StoredConversion],
) -> Result<BTreeMap<FactId, Vec<CreditView>>, ApiError> {
    let day_of = |stored: &StoredConversion| tenant.settings.zone().day_of(stored.conversion.occurred_at);
    let days = sales.iter().map(day_of);
    let Some(days) = days.clone().min().zip(days.max()) else {
        return Ok(BTreeMap::new());
    };
    let whose = conversions::whose(access, tenant, sales).await?;
    let mut views = BTreeMap::new();
    for Answer { run, from, to } in access.table.answers(tenant, days, access.clock.now()).await? {
        let of_run = sales.iter().filter(|stored| (from..=to).contains(&day_of(stored)));
        let of_run = of_run.filter_map(|stored| Some((&stored.id, &whose.get(&stored.id)?.component)));
        let of_run: Vec<_> = of_run.collect();
        if of_run.is_empty() {
            continue;
        }
        let credited = access.table.credits_in_run(&tenant.id, &run, &of_run).await?;
        views.extend(credited.into_iter().map(|(id, credited)| {
            let credits = credited.credits.iter();
            (id, credits.map(|credit| CreditView::of(tenant, &run, &credited, credit)).collect())
        }));
    }
    Ok(views)
}
