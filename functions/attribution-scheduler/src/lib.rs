//! (being written)

use runtime::{Host, Misconfigured};

#[derive(Clone)]
pub struct App {}

impl App {
    pub fn connect(_host: &Host) -> Result<Self, Misconfigured> {
        Ok(Self {})
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SweepError {}

/// Runs at every tick of the schedule.
pub async fn handle(_app: App) -> Result<(), SweepError> {
    Ok(())
}
