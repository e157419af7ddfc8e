//! What a completed run credited, shard after shard. A run that is not completed has no results to read.

use std::sync::Arc;

use api::fields::Page;
use api::views::CreditView;
use api::{ApiError, Caller, Cursors, Listed, Query, may};
use axum::extract::{Path, State};
use domain::ids::{FactId, FactKind};
use domain::run::{RunStatus, Stage};
use store::{Attempt, Credit, CreditedPart, Position, Run, Tenant};

use crate::App;

/// A credit's place in the list: task, conversion, and which of its credits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    task: String,
    conversion: FactId,
    credit: usize,
}

impl Place {
    fn position(&self) -> Position {
        Position(format!("{}#{}#{}", self.task, self.conversion.bare(), self.credit))
    }

    fn parse(Position(key): &Position) -> Option<Self> {
        let mut parts = key.split('#');
        let task = parts.next()?.to_owned();
        let conversion = FactId::from_bare(FactKind::Conversion, parts.next()?)?;
        Some(Self { task, conversion, credit: parts.next()?.parse().ok()? })
    }
}

/// List the non-zero credits of a run
pub(crate) async fn list_results(
    State(app): State<App>,
    caller: Caller<may::AttributionView>,
    Path(run_id): Path<String>,
    query: Query<Page>,
) -> Result<Listed<CreditView>, ApiError> {
    let tenant = &caller.tenant;
    let run = completed(&app, tenant, &run_id).await?;
    let page = page(&app, tenant, &run, (true, query)).await?;
    let view =
        |item: &Item| item.credit().map(|credit| CreditView::of(tenant, &run, &item.part.conversion, credit));
    Ok(Listed { items: page.items.iter().filter_map(view).collect(), next_cursor: page.next_cursor })
}

pub(crate) async fn completed(app: &App, tenant: &Tenant, run_id: &str) -> Result<Run, ApiError> {
    let run = app.run(tenant, run_id).await?;
    match run.status {
        RunStatus::Completed => Ok(run),
        RunStatus::Pending | RunStatus::Running | RunStatus::Failed | RunStatus::Cancelled => {
            Err(ApiError::NotCompleted(run.status.name()))
        }
    }
}

pub(crate) struct CreditPage {
    pub(crate) items: Vec<Item>,
    pub(crate) next_cursor: Option<String>,
}

/// A place, and the conversion there: with one of its credits, or with none.
pub(crate) struct Item {
    place: Place,
    pub(crate) part: Arc<CreditedPart>,
}

impl Item {
    fn credit(&self) -> Option<&Credit> {
        self.part.conversion.credits.get(self.place.credit - self.part.first)
    }
}

/// A page of places: one for each credit, or one for each conversion without a touch.
pub(crate) async fn page(
    app: &App,
    tenant: &Tenant,
    run: &Run,
    (attributed, mut query): (bool, Query<Page>),
) -> Result<CreditPage, ApiError> {
    let cursors = Cursors::of(tenant, format!("credits|{}|{attributed}", run.id()));
    let limit = query.limit();
    let after = cursors.position(&mut query)?;
    let after = after.map(|position| Place::parse(&position).ok_or(ApiError::InvalidCursor)).transpose()?;
    query.finish()?;
    let mut items: Vec<Item> = Vec::new();
    for task in app.access.table.tasks(&tenant.id, run, Stage::Execute).await? {
        let Some(attempt) = Attempt::committed(&tenant.id, run, &task) else { continue };
        let from = match &after {
            Some(place) if task.name < place.task => continue,
            Some(place) if task.name == place.task => Some((&place.conversion, place.credit)),
            Some(_) | None => None,
        };
        // One more than a page, to know of a next one; and one more again, since the first may be listed already.
        for part in app.access.table.credits(attempt, attributed, from, limit + 2).await? {
            let part = Arc::new(part);
            let places = (0..part.conversion.credits.len().max(1)).map(|index| Place {
                task: task.name.clone(),
                conversion: part.conversion.id.clone(),
                credit: part.first + index,
            });
            let new = places.filter(|place| after.as_ref().is_none_or(|after| place > after));
            items.extend(new.map(|place| Item { place, part: Arc::clone(&part) }));
            if items.len() > limit {
                items.truncate(limit);
                let next_cursor = items.last().map(|item| cursors.seal(&item.place.position()));
                return Ok(CreditPage { items, next_cursor });
            }
        }
    }
    Ok(CreditPage { items, next_cursor: None })
}
