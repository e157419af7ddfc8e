//! One report or many: the same reading, recording and answers for every resource.

use std::collections::BTreeMap;
use std::future::Future;

use api::fields::Item;
use api::{Access, ApiError, Body, Data, InPart, Stored};
use axum::Extension;
use domain::ids::FactId;
use domain::json::{Problem, Reader};
use domain::time::Timestamp;
use futures::{StreamExt, stream};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use store::{Recorded, Tenant};

/// No batch has more entries.
const MOST_ITEMS: usize = 500;

/// How many entries are stored at a time.
const ABREAST: usize = 16;

/// What became of a report.
pub(crate) type Outcome<R> = Recorded<<R as Resource>::Stored>;

/// What differs between interactions and conversions.
pub(crate) trait Resource: Sized {
    /// How a report looks, as the document tells it.
    type Looks: JsonSchema;
    type Report: Send + Sync;
    type Stored: Send + Sync;
    type View: Serialize;

    fn read(body: Reader<'_>, tenant: &Tenant, now: Timestamp) -> Result<Self::Report, Vec<Problem>>;

    fn id(tenant: &Tenant, report: &Self::Report) -> FactId;

    fn record(
        access: &Access,
        tenant: &Tenant,
        report: &Self::Report,
    ) -> impl Future<Output = Result<Outcome<Self>, ApiError>> + Send;

    fn view(
        access: &Access,
        tenant: &Tenant,
        stored: &Self::Stored,
    ) -> impl Future<Output = Result<Self::View, ApiError>> + Send;
}

pub(crate) async fn create_one<R: Resource>(
    access: &Access,
    tenant: &Tenant,
    body: &Body<R::Looks>,
) -> Result<Stored<R::View>, ApiError> {
    let report = R::read(body.reader()?, tenant, access.clock.now()).map_err(ApiError::Invalid)?;
    let recorded = R::record(access, tenant, &report).await?;
    let (stored, storing) = recorded.stored().map_err(ApiError::Duplicate)?;
    Ok(Stored::of(R::view(access, tenant, &stored).await?, storing))
}

/// Many reports at once.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Batch_of_{T}")]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct Batch<T> {
    #[schemars(length(min = 1, max = MOST_ITEMS))]
    items: Vec<Item<T>>,
}

/// What the single call would have answered for one entry.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BatchEntryView")]
pub(crate) struct ResultView {
    index: usize,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorView>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "EntryErrorView")]
struct ErrorView {
    error: String,
    code: &'static str,
    details: Vec<Problem>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct BatchView {
    results: Vec<ResultView>,
}

/// What became of the entries, and whether some of them must come again.
pub(crate) type BatchAnswer = (Option<Extension<InPart>>, Data<BatchView>);

impl ResultView {
    fn refused(index: usize, error: &ApiError) -> Self {
        let (status, code) = error.status_and_code();
        let error = ErrorView { error: error.to_string(), code, details: error.details() };
        Self { index, status: status.as_u16(), id: None, error: Some(error) }
    }
}

pub(crate) async fn create_many<R: Resource>(
    access: &Access,
    tenant: &Tenant,
    body: &Body<Batch<R::Looks>>,
) -> Result<BatchAnswer, ApiError> {
    let mut reader = body.reader()?;
    let entries = reader.entries("items", 1..=MOST_ITEMS);
    reader.finish(Some(())).map_err(ApiError::Invalid)?;
    let now = access.clock.now();
    let mut results = Vec::new();
    // Entries about the same fact are stored one after another, in their order.
    let mut by_id: BTreeMap<FactId, Vec<(usize, R::Report)>> = BTreeMap::new();
    for (index, entry) in entries.into_iter().enumerate() {
        match entry.map_err(|problem| vec![problem]).and_then(|item| R::read(item, tenant, now)) {
            Ok(report) => by_id.entry(R::id(tenant, &report)).or_default().push((index, report)),
            Err(problems) => results.push(ResultView::refused(index, &ApiError::Invalid(problems))),
        }
    }
    let ids: Vec<_> = by_id.keys().cloned().collect();
    let access = &access.with_table(access.table.reading_ahead(&tenant.id, &ids).await);
    let stored = stream::iter(by_id)
        .map(|(id, reports)| record_in_order::<R>(access, tenant, id, reports))
        .buffer_unordered(ABREAST)
        .concat();
    results.extend(stored.await);
    results.sort_by_key(|result| result.index);
    let failed = results.iter().any(|result| result.status >= 500);
    Ok((failed.then_some(Extension(InPart)), Data(BatchView { results })))
}

async fn record_in_order<R: Resource>(
    access: &Access,
    tenant: &Tenant,
    id: FactId,
    reports: Vec<(usize, R::Report)>,
) -> Vec<ResultView> {
    let mut results = Vec::new();
    let mut reports = reports.into_iter();
    for (index, report) in reports.by_ref() {
        let ok = |status: StatusCode| ResultView {
            index,
            status: status.as_u16(),
            id: Some(id.to_string()),
            error: None,
        };
        results.push(match R::record(access, tenant, &report).await {
            Ok(Recorded::Created(_)) => ok(StatusCode::CREATED),
            Ok(Recorded::Added(_) | Recorded::Same(_)) => ok(StatusCode::OK),
            Ok(Recorded::Contradicts(fields)) => ResultView::refused(index, &ApiError::Duplicate(fields)),
            Err(error) => {
                // What comes after it is not stored either: sent again together, they are stored in their order.
                results.push(ResultView::refused(index, &error));
                results.extend(reports.map(|(index, _)| ResultView::refused(index, &error)));
                return results;
            }
        });
    }
    results
}
