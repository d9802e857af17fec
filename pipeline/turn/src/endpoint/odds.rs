//! How likely it is that the turn is over: a weighted sum of what is known.
//!
//! The weights are those of logistic regressions on pauses in recorded speech, apart for where a model
//! was asked and where none was (a model has heard the pitch too), and for where the agent had asked
//! something: an answer may be one word, a statement seldom is. How they were found is told in
//! `docs/end-of-turn.md`; `cargo bench --bench end_of_turn -- --fit` finds them again. Weights of what
//! the recordings lack are set by hand and say so.

use super::{Completeness, EndOfTurn, Evidence, Prosody};

/// What is known of a pause, as numbers around 0: where something is not known, it is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Features {
    /// Of the words.
    pub words: [f32; WORDS],
    /// Of the voice.
    pub voice: [f32; VOICE],
    /// The model's log odds.
    pub model: Option<f32>,
}

/// Numbers of the words: a sentence, an opening, a comma, none of these; how many words.
pub const WORDS: usize = 5;
/// Numbers of the voice: pitch, slope, level, how long it was held, how long the stretch was.
pub const VOICE: usize = 5;

/// What each number counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// The odds of the words, before it is looked at which they are.
    pub bias: f32,
    pub words: [f32; WORDS],
    pub voice: [f32; VOICE],
    pub model: f32,
}

/// Nothing was asked, and no model.
const STATEMENT: Weights = Weights {
    bias: 3.17,
    words: [-1.12, -1.30, -1.65, -0.09, 2.84],
    voice: [-0.08, 0.18, 0.02, -0.02, 0.23],
    model: 0.00,
};

/// Nothing was asked; a model judged.
const STATEMENT_WITH_MODEL: Weights = Weights {
    bias: 2.91,
    words: [-1.19, -1.28, -1.65, -0.23, 2.99],
    voice: [-0.09, 0.25, 0.06, 0.11, 0.27],
    model: 0.24,
};

/// The agent had asked something; no model.
const ANSWERING: Weights = Weights {
    bias: 2.39,
    words: [-0.80, -2.88, -1.36, -0.47, 0.00],
    voice: [-0.18, 0.23, -0.07, 0.04, 0.00],
    model: 0.00,
};

/// The agent had asked something; a model judged.
const ANSWERING_WITH_MODEL: Weights = Weights {
    bias: 2.17,
    words: [-0.85, -2.90, -1.32, -0.59, 0.00],
    voice: [-0.19, 0.28, -0.04, 0.12, 0.00],
    model: 0.16,
};

/// A whole answer: set by hand, because the recordings answer nothing.
const ANSWER: f32 = 3.5;
/// Words that call for more: set by hand, because those who read and act do not search for words.
pub const DANGLING: f32 = -4.5;
/// How sure a model may be, log odds: it is never wholly right.
const SUREST: f32 = 4.0;

impl Evidence {
    /// What is known, as numbers.
    pub fn features(&self) -> Features {
        let mut words = [0.0; WORDS];
        match self.words {
            Completeness::Unknown | Completeness::Answer | Completeness::Dangling => {}
            Completeness::Sentence => words[0] = 1.0,
            Completeness::Opening => words[1] = 1.0,
            Completeness::Comma => words[2] = 1.0,
            Completeness::Open => words[3] = 1.0,
        }
        let counts = !matches!(self.words, Completeness::Unknown | Completeness::Dangling);
        if counts && self.asked.is_none() {
            // A caller's one word is less seldom a whole turn than an actor's, and a caller's story
            // longer than an actor's line: hence the limits.
            words[4] = (f32::from(self.said.max(1)) / 5.0).ln().clamp(-1.1, 0.4);
        }
        let model = self.model.map(|over| {
            let over = over.clamp(1e-4, 1.0 - 1e-4);
            (over / (1.0 - over)).ln().clamp(-SUREST, SUREST)
        });
        let mut voice = self.prosody.map_or([0.0; VOICE], voice);
        if self.asked.is_some() {
            voice[4] = 0.0;
        }
        Features { words, voice, model }
    }

    /// The log odds that the turn is over, 0 where it is as likely as not.
    pub fn log_odds(&self, policy: &EndOfTurn) -> f32 {
        let features = self.features();
        let model = features.model.filter(|_| policy.model > 0.0);
        let weights = match (self.asked, model) {
            (None, None) => &STATEMENT,
            (None, Some(_)) => &STATEMENT_WITH_MODEL,
            (Some(_), None) => &ANSWERING,
            (Some(_), Some(_)) => &ANSWERING_WITH_MODEL,
        };
        let sum = |weights: &[f32], values: &[f32]| -> f32 {
            weights.iter().zip(values).map(|(weight, value)| weight * value).sum()
        };
        let set = match self.words {
            Completeness::Answer => ANSWER,
            Completeness::Dangling => DANGLING,
            Completeness::Unknown
            | Completeness::Sentence
            | Completeness::Opening
            | Completeness::Comma
            | Completeness::Open => 0.0,
        };
        // Before any words are known it is as likely as not.
        let known = if self.words == Completeness::Unknown { 0.0 } else { 1.0 };
        policy.words * known * (weights.bias + sum(&weights.words, &features.words) + set)
            + policy.prosody * sum(&weights.voice, &features.voice)
            + policy.model * weights.model * model.unwrap_or(0.0)
    }
}

/// Measures around their usual values, in steps of about the usual spread.
fn voice(prosody: Prosody) -> [f32; VOICE] {
    [
        prosody.pitch.map_or(0.0, |pitch| ((pitch + 2.0) / 4.0).clamp(-3.0, 3.0)),
        prosody.slope.map_or(0.0, |slope| ((slope + 6.0) / 20.0).clamp(-3.0, 3.0)),
        ((prosody.level + 5.0) / 4.0).clamp(-3.0, 3.0),
        ((prosody.held_ms as f32 - 120.0) / 100.0).clamp(-1.5, 3.0),
        (prosody.spoken_ms.max(100) as f32 / 1_200.0).ln().clamp(-2.5, 2.5),
    ]
}
