//! How the caller's voice ended, as plain numbers; `media` measures them.

use serde::{Deserialize, Serialize};

/// The end of a stretch of speech, measured at 8 kHz.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Prosody {
    /// Pitch in the last voiced moments, semitones above (or below) the speaker's usual one. `None`
    /// where nothing was voiced.
    pub pitch: Option<f32>,
    /// How the pitch moved there, semitones a second.
    pub slope: Option<f32>,
    /// Level of the last moments against that of the whole stretch, dB.
    pub level: f32,
    /// How long the voice was held without a break at the end, ms.
    pub held_ms: u32,
    /// How long the stretch was, ms.
    pub spoken_ms: u32,
}
