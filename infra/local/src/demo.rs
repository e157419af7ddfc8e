//! The example data of tenant `demo`: made up by rule, and told through the public API as anybody's would be.

mod cast;
mod client;
mod filling;
mod standings;
mod story;

use std::time::Duration;

use domain::model::ModelCode;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{Instant, sleep};

use crate::stack::Stack;
use crate::tenants::TenantCredentials;
pub use client::{Client, DemoError};
pub use filling::Filling;
pub use standings::Standings;
pub use story::Story;

/// The models that are shown side by side: more would not fit a terminal.
const COMPARED: [ModelCode; 6] = [
    ModelCode::FirstTouch,
    ModelCode::LastTouch,
    ModelCode::Linear,
    ModelCode::TimeDecay,
    ModelCode::PositionBased,
    ModelCode::AiWeighted,
];

/// How long what was told may take to be read and counted.
const PATIENCE: Duration = Duration::from_mins(5);

const POLL_EVERY: Duration = Duration::from_millis(50);

/// Tells the story to a stack, has every model executed, and answers what came of it.
///
/// All of it may be told again: what is there already stays as it is.
pub async fn fill(stack: &Stack, demo: &TenantCredentials, story: &Story) -> Result<Standings, DemoError> {
    let client = Client::new(stack.url(), demo)?;
    let bar = progress(story.deliveries.len() as u64);
    bar.set_message("calls");
    client.deliver(&story.deliveries, || bar.inc(1)).await?;
    bar.set_message("conversions");
    client.post_all("/v1/interactions/batch", &story.touches).await?;
    client.post_all("/v1/conversions/batch", &story.conversions).await?;
    bar.set_message("waiting until all is read");
    idle(stack, "crae-deliveries").await?;
    bar.set_message("attribution");
    let mut runs = client.execute(ModelCode::ALL).await?;
    runs.retain(|(model, _)| COMPARED.contains(model));
    bar.set_message("reports");
    let standings = Standings::read(&client, story, &runs).await?;
    bar.finish_and_clear();
    Ok(standings)
}

fn progress(steps: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("  Filling tenant demo  {bar:32} {pos}/{len}  {msg}");
    ProgressBar::new(steps).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Returns once nothing is left in a queue, nor in anybody's hands.
async fn idle(stack: &Stack, queue: &str) -> Result<(), DemoError> {
    let since = Instant::now();
    loop {
        let counts = stack.queues().counts(queue).await?;
        if counts.visible + counts.in_flight + counts.delayed == 0 {
            return Ok(());
        }
        if since.elapsed() > PATIENCE {
            return Err(DemoError::Unread);
        }
        sleep(POLL_EVERY).await;
    }
}
