//! The models of attribution, by their codes. What they do is in the crate `attribution`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The models that can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ModelCode {
    FirstTouch,
    LastTouch,
    Linear,
    TimeDecay,
    PositionBased,
    AiWeighted,
    LastNonDirect,
    FirstPaid,
    LastPaid,
    J,
    InverseJ,
    U,
    W,
    FullPath,
    Custom,
    DataDriven,
}

impl ModelCode {
    pub const ALL: [ModelCode; 16] = [
        ModelCode::FirstTouch,
        ModelCode::LastTouch,
        ModelCode::Linear,
        ModelCode::TimeDecay,
        ModelCode::PositionBased,
        ModelCode::AiWeighted,
        ModelCode::LastNonDirect,
        ModelCode::FirstPaid,
        ModelCode::LastPaid,
        ModelCode::J,
        ModelCode::InverseJ,
        ModelCode::U,
        ModelCode::W,
        ModelCode::FullPath,
        ModelCode::Custom,
        ModelCode::DataDriven,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            ModelCode::FirstTouch => "FIRST_TOUCH",
            ModelCode::LastTouch => "LAST_TOUCH",
            ModelCode::Linear => "LINEAR",
            ModelCode::TimeDecay => "TIME_DECAY",
            ModelCode::PositionBased => "POSITION_BASED",
            ModelCode::AiWeighted => "AI_WEIGHTED",
            ModelCode::LastNonDirect => "LAST_NON_DIRECT",
            ModelCode::FirstPaid => "FIRST_PAID",
            ModelCode::LastPaid => "LAST_PAID",
            ModelCode::J => "J",
            ModelCode::InverseJ => "INVERSE_J",
            ModelCode::U => "U",
            ModelCode::W => "W",
            ModelCode::FullPath => "FULL_PATH",
            ModelCode::Custom => "CUSTOM",
            ModelCode::DataDriven => "DATA_DRIVEN",
        }
    }

    /// Reads a code in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|model| model.code().eq_ignore_ascii_case(text))
    }
}
