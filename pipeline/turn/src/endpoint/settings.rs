//! The settings of endpointing, each with its unit, its default and its consequence.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::ms;

/// Silence that ends the caller's turn, by what the words look like. Shorter feels quick, and cuts
/// in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EndOfTurn {
    /// After a whole answer to a yes-or-no question, 300 ms unless set.
    #[serde(with = "ms")]
    pub after_answer: Duration,
    /// After a sentence that ends, 500 ms unless set.
    #[serde(with = "ms")]
    pub after_sentence: Duration,
    /// After other words, and before any are known, 800 ms unless set.
    #[serde(with = "ms")]
    pub after_open: Duration,
    /// After words that must go on, 1,600 ms unless set.
    #[serde(with = "ms")]
    pub after_dangling: Duration,
    /// When the STT vendor itself says that the turn is over, at most this, 250 ms unless set.
    #[serde(with = "ms")]
    pub when_suggested: Duration,
    /// How much longer to wait for the STT to settle on the words, 900 ms unless set; then its last
    /// guess is taken.
    #[serde(with = "ms")]
    pub settle_within: Duration,
    /// A voice that lasts so long without a new word is noise and counts as silence, 15,000 ms
    /// unless set.
    #[serde(with = "ms")]
    pub noise_after: Duration,
}

impl Default for EndOfTurn {
    fn default() -> Self {
        EndOfTurn {
            after_answer: Duration::from_millis(300),
            after_sentence: Duration::from_millis(500),
            after_open: Duration::from_millis(800),
            after_dangling: Duration::from_millis(1_600),
            when_suggested: Duration::from_millis(250),
            settle_within: Duration::from_millis(900),
            noise_after: Duration::from_secs(15),
        }
    }
}
