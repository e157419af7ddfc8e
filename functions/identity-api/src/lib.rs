//! (being written)

use axum::Router;
use runtime::{Host, Misconfigured};

#[derive(Clone)]
pub struct App {}

impl App {
    pub fn connect(_host: &Host) -> Result<Self, Misconfigured> {
        Ok(Self {})
    }
}

pub fn router(_app: App) -> Router {
    Router::new()
}
