//! Endpointing: how long a silence must be, after all that is known, to end the caller's turn.
//!
//! The deadline is continuous: whenever something more is known ([`Evidence`]) it is set anew, from
//! the last sound. It is never asked again for the mere passing of time, because what is known then
//! changes by the clock alone, and that is in the deadline already.
//!
//! What is known adds up to odds (`odds`), the odds give a wait ([`EndOfTurn`]). Something dictated is
//! apart from this: within a number neither pitch nor grammar tells its end (`dictation`).

mod completeness;
mod dictation;
mod odds;
mod pauses;
mod prosody;
mod question;
mod settings;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::{
    completeness::{Completeness, completeness},
    dictation::Dictation,
    odds::{DANGLING, Features, VOICE, WORDS},
    pauses::Pauses,
    prosody::Prosody,
    question::{Question, question},
    settings::{DictationWaits, EndOfTurn},
};

/// All that is known of a silence of the caller's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What the words look like.
    pub words: Completeness,
    /// How many words the turn has.
    #[serde(default)]
    pub said: u16,
    /// Something dictated of which more must come.
    #[serde(default)]
    pub dictation: Option<Dictation>,
    /// What the agent had asked.
    pub asked: Option<Question>,
    /// The STT vendor holds the turn to be over.
    pub suggested: bool,
    /// How the voice ended.
    pub prosody: Option<Prosody>,
    /// A model's probability that the turn is over, 0 to 1, asked once in this silence.
    pub model: Option<f32>,
    /// This caller's pauses so far.
    pub pauses: Pauses,
}

/// From these log odds on a reply may be prepared: two to one.
const LIKELY: f32 = 0.7;

impl Evidence {
    /// What the words of a turn say, after a question of the agent's (or none); all else unknown.
    pub fn of_words(text: &str, asked: Option<Question>) -> Self {
        let (words, dictation) = completeness::judged(text, asked);
        Evidence {
            words,
            said: text.split_whitespace().count().try_into().unwrap_or(u16::MAX),
            dictation,
            asked,
            suggested: false,
            prosody: None,
            model: None,
            pauses: Pauses::default(),
        }
    }

    /// The silence that ends the turn: between `shortest` and `longest`, or longer for dictation.
    pub fn wait(&self, policy: &EndOfTurn) -> Duration {
        let ms = |span: Duration| span.as_millis() as f32;
        let (shortest, longest) = (ms(policy.shortest), ms(policy.longest.max(policy.shortest)));
        let by_odds = ms(policy.even) - ms(policy.spread) * self.log_odds(policy);
        let by_odds = by_odds.clamp(shortest, longest);
        let caller = 1.0 + policy.caller.max(0.0) * (self.pauses.scale() - 1.0);
        let mut wait = (shortest + (by_odds - shortest) * caller.max(0.0)).min(longest);
        if self.suggested && self.words != Completeness::Dangling {
            wait = wait.min(ms(policy.when_suggested));
        }
        if let Some(Dictation { of, to_come }) = self.dictation {
            let dictating = ms(policy.dictation.of(of));
            wait += (dictating - wait).max(0.0) * to_come.clamp(0.0, 1.0);
        }
        Duration::from_millis(wait.round() as u64)
    }

    /// Is it so likely that the turn is over that a reply may be prepared?
    pub fn is_likely_over(&self) -> bool {
        let more = self.dictation.is_some() || self.words == Completeness::Dangling;
        let known = self.words != Completeness::Unknown;
        self.suggested || known && !more && self.log_odds(&EndOfTurn::default()) >= LIKELY
    }
}

/// Other settings, for the record of what they would have done: a name, and the settings.
pub fn alternatives(policy: &EndOfTurn) -> Vec<(&'static str, EndOfTurn)> {
    let even_by = |by: f32| EndOfTurn {
        even: policy.even.mul_f32(by),
        spread: policy.spread.mul_f32(by),
        ..policy.clone()
    };
    let silence = |ms| EndOfTurn {
        settle_within: policy.settle_within,
        noise_after: policy.noise_after,
        ..EndOfTurn::silence_only(Duration::from_millis(ms))
    };
    vec![
        ("silence 500 ms", silence(500)),
        ("silence 800 ms", silence(800)),
        ("quicker", even_by(0.75)),
        ("slower", even_by(1.4)),
        ("without words", EndOfTurn { words: 0.0, ..policy.clone() }),
        ("without prosody", EndOfTurn { prosody: 0.0, ..policy.clone() }),
        ("without model", EndOfTurn { model: 0.0, ..policy.clone() }),
        ("without the caller's pauses", EndOfTurn { caller: 0.0, ..policy.clone() }),
        ("without dictation", EndOfTurn { dictation: DictationWaits::off(), ..policy.clone() }),
    ]
}
