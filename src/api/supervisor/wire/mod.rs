//! This dialect's types, one file per noun; each is made of the domain's.

pub mod agent;
pub mod analytics;
pub mod business;
pub mod call;
pub mod knowledge;
pub mod record;
pub mod words;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// ISO 8601, UTC, to the microsecond where there is one.
pub fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// It is done.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SuccessMessage {
    pub success: bool,
    pub message: String,
}

impl SuccessMessage {
    /// What is done, in words.
    pub fn of(message: &str) -> Self {
        SuccessMessage { success: true, message: message.to_owned() }
    }
}
