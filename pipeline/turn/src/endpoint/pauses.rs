//! How long this caller pauses amid a turn.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The pauses that turned out to lie within a turn of this caller's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pauses {
    /// How many there were.
    pub count: u32,
    /// Their mean, ms.
    pub mean_ms: f32,
}

impl Pauses {
    /// The caller went on after a silence of this length.
    pub fn went_on_after(&mut self, silence: Duration) {
        self.count += 1;
        self.mean_ms += (silence.as_millis() as f32 - self.mean_ms) / self.count as f32;
    }
}
