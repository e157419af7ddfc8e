//! Many calculations in one request.

use api::fields::Item;
use api::{Access, ApiError, Body, Caller, Data, InPart, may};
use axum::Extension;
use axum::extract::State;
use domain::json::{self, Problem};
use futures::{StreamExt, stream};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Asked, CalculationRequest, CalculationView, Purpose, carry_out};

/// Many calculations at once.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct CalculationBatch {
    #[schemars(length(min = 1, max = MOST_ITEMS))]
    items: Vec<Item<CalculationRequest>>,
    /// Whether each conversion is settled so, or nothing is stored; the latter unless given
    purpose: Option<Purpose>,
}

const MOST_ITEMS: usize = 100;

/// How many calculations are carried out at a time.
const ABREAST: usize = 8;

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CalculationResults {
    results: Vec<CalculationResult>,
}

/// What the single call would have answered for one entry.
#[derive(Debug, Serialize, JsonSchema)]
struct CalculationResult {
    index: usize,
    status: u16,
    data: Option<CalculationView>,
    error: Option<CalculationError>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct CalculationError {
    error: String,
    code: &'static str,
    details: Vec<Problem>,
}

impl CalculationResult {
    fn of(index: usize, answer: Result<CalculationView, ApiError>) -> Self {
        match answer {
            Ok(data) => Self { index, status: 200, data: Some(data), error: None },
            Err(error) => {
                let (status, code) = error.status_and_code();
                let problem = CalculationError { error: error.to_string(), code, details: error.details() };
                Self { index, status: status.as_u16(), data: None, error: Some(problem) }
            }
        }
    }
}

/// What came of many; where any of it failed on our side, the answer is not kept for a repetition.
type BatchAnswer = (Option<Extension<InPart>>, Data<CalculationResults>);

/// Calculate, or settle, up to 100 conversions
pub(crate) async fn calculate_batch(
    State(access): State<Access>,
    caller: Caller<may::AttributionRun>,
    body: Body<CalculationBatch>,
) -> Result<BatchAnswer, ApiError> {
    let now = access.clock.now();
    let mut body = body.reader()?;
    let purpose = body.optional("purpose", json::one_of(Purpose::parse, &["calculate", "save"]));
    let entries = body.entries("items", 1..=MOST_ITEMS);
    body.finish(Some(())).map_err(ApiError::Invalid)?;
    let purpose = purpose.unwrap_or(Purpose::Calculate);
    let (access, caller) = (&access, &caller);
    let answers = entries.into_iter().enumerate().map(|(index, entry)| async move {
        let asked = entry.map_err(|problem| vec![problem]).and_then(|mut entry| {
            let asked = Asked::take(&mut entry, &caller.tenant, now);
            entry.finish(asked)
        });
        match asked {
            Ok(asked) => CalculationResult::of(index, carry_out(access, caller, asked, purpose).await),
            Err(problems) => CalculationResult::of(index, Err(ApiError::Invalid(problems))),
        }
    });
    let answers: Vec<_> = answers.collect();
    let results: Vec<_> = stream::iter(answers).buffered(ABREAST).collect().await;
    let failed = results.iter().any(|result| result.status >= 500);
    Ok((failed.then_some(Extension(InPart)), Data(CalculationResults { results })))
}
