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

/// The mean of pauses within turns of callers of whom nothing is known, ms; see
/// `docs/end-of-turn.md`.
const USUAL_MS: f32 = 520.0;
/// What is known beforehand counts as much as so many pauses of the caller's own.
const KNOWN_BEFORE: f32 = 4.0;
/// A caller is held to pause at least, and at most, so many times as long as others.
const SCALE: (f32, f32) = (0.8, 1.8);

impl Pauses {
    /// The caller went on after a silence of this length.
    pub fn went_on_after(&mut self, silence: Duration) {
        self.count = self.count.saturating_add(1);
        self.mean_ms += (silence.as_millis() as f32 - self.mean_ms) / self.count as f32;
    }

    /// How much longer than others this caller pauses, a factor around 1.
    pub fn scale(&self) -> f32 {
        let count = self.count as f32;
        let mean = (self.mean_ms * count + USUAL_MS * KNOWN_BEFORE) / (count + KNOWN_BEFORE);
        (mean / USUAL_MS).clamp(SCALE.0, SCALE.1)
    }
}
