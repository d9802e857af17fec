//! The settings of endpointing, each with its unit, its default and its consequence.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Question;
use crate::time::ms;

/// When a silence ends the caller's turn. Durations are ms of silence since the last sound.
///
/// The wait is a straight line over the log odds that the turn is over, which the evidence gives:
/// `even` less `spread` for each unit, never under `shortest` nor over `longest`. If pauses within
/// turns die out exponentially, no other rule loses less time for as few interruptions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EndOfTurn {
    /// The shortest wait, however sure it is, 250 ms unless set. Less, and a model's judgement comes
    /// too late to count.
    #[serde(with = "ms")]
    pub shortest: Duration,
    /// The longest wait, however doubtful, 2,000 ms unless set; dictation may wait longer. More, and
    /// a caller who was misjudged thinks that the line is dead.
    #[serde(with = "ms")]
    pub longest: Duration,
    /// The wait where it is as likely as not that the turn is over, 1,000 ms unless set. Less is quicker
    /// throughout, and cuts in more.
    #[serde(with = "ms")]
    pub even: Duration,
    /// How much the wait changes with the evidence, 220 ms a unit of log odds unless set. 0: the same
    /// wait after everything.
    #[serde(with = "ms")]
    pub spread: Duration,
    /// How much the words count, as a factor, 1 unless set; 0 leaves them out.
    pub words: f32,
    /// How much the voice's pitch and level count, as a factor, 1 unless set; 0 leaves them out.
    pub prosody: f32,
    /// How much the model's judgement counts where there is one, as a factor, 1 unless set; 0 leaves
    /// it out.
    pub model: f32,
    /// How much this caller's own pauses count, as a factor, 1 unless set; 0: all callers are alike.
    pub caller: f32,
    /// When the STT vendor itself says that the turn is over, at most this, 250 ms unless set.
    #[serde(with = "ms")]
    pub when_suggested: Duration,
    /// How long a pause in something dictated may be.
    pub dictation: DictationWaits,
    /// How much longer to wait for the STT to settle on the words, 900 ms unless set; then its last
    /// guess is taken.
    #[serde(with = "ms")]
    pub settle_within: Duration,
    /// A voice that lasts so long without a new word is noise and counts as silence, 15,000 ms
    /// unless set.
    #[serde(with = "ms")]
    pub noise_after: Duration,
}

/// The silence that ends the turn of a caller who is dictating and has not come to the end, by what
/// was asked for. 0 turns the mode off for that question. Shorter cuts numbers in two; longer keeps a
/// caller waiting who gave less than was expected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DictationWaits {
    /// In a number, 1,800 ms unless set.
    #[serde(with = "ms")]
    pub number: Duration,
    /// In a spelled name or code, 1,800 ms unless set.
    #[serde(with = "ms")]
    pub spelling: Duration,
    /// In an e-mail address, 2,200 ms unless set.
    #[serde(with = "ms")]
    pub email: Duration,
    /// In a postal address, 1,800 ms unless set.
    #[serde(with = "ms")]
    pub address: Duration,
    /// In a date, 1,500 ms unless set.
    #[serde(with = "ms")]
    pub date: Duration,
}

impl DictationWaits {
    /// Off for every question.
    pub(super) fn off() -> Self {
        let off = Duration::ZERO;
        DictationWaits { number: off, spelling: off, email: off, address: off, date: off }
    }

    pub(super) fn of(&self, question: Question) -> Duration {
        match question {
            Question::Number => self.number,
            Question::Spelling => self.spelling,
            Question::Email => self.email,
            Question::Address => self.address,
            Question::Date => self.date,
            Question::YesOrNo | Question::Other => Duration::ZERO,
        }
    }
}

impl Default for DictationWaits {
    fn default() -> Self {
        DictationWaits {
            number: Duration::from_millis(1_800),
            spelling: Duration::from_millis(1_800),
            email: Duration::from_millis(2_200),
            address: Duration::from_millis(1_800),
            date: Duration::from_millis(1_500),
        }
    }
}

impl EndOfTurn {
    /// The one silence after everything.
    pub fn silence_only(silence: Duration) -> Self {
        EndOfTurn {
            shortest: silence,
            longest: silence,
            even: silence,
            spread: Duration::ZERO,
            when_suggested: silence,
            dictation: DictationWaits::off(),
            ..EndOfTurn::default()
        }
    }
}

impl Default for EndOfTurn {
    fn default() -> Self {
        EndOfTurn {
            shortest: Duration::from_millis(250),
            longest: Duration::from_millis(2_000),
            even: Duration::from_millis(1_000),
            spread: Duration::from_millis(220),
            words: 1.0,
            prosody: 1.0,
            model: 1.0,
            caller: 1.0,
            when_suggested: Duration::from_millis(250),
            dictation: DictationWaits::default(),
            settle_within: Duration::from_millis(900),
            noise_after: Duration::from_secs(15),
        }
    }
}
