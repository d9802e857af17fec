//! How a caller's turn sounds, and how the call has sounded lately.
//!
//! [`of_turn`] scores one turn. Words and phrases that carry feeling are found in lists
//! (`lexicon.rs`); where the sentence's embedding is given, a small trained head (`head.rs`) is asked
//! too and both are weighed. What was measured, and why it is weighed so, is in `docs/analysis.md`.
//! [`Mood`] smooths the turns of a call and says when its label changed.
//!
//! The embedding is all-MiniLM-L6-v2's, mean-pooled and of length 1; it reads English only, so Russian
//! is scored by its lists alone.

mod head;
mod lexicon;
mod mood;

pub use head::DIMENSIONS;
pub(crate) use mood::PLAIN;
pub use mood::{Change, Mood};

use serde::{Deserialize, Serialize};

use crate::{Language, words::words};

/// From this score on a line or a call is positive; from its negative downwards, negative.
pub const THRESHOLD: f32 = 0.25;

/// A remark that may be meant the other way is believed this much at most.
const SARCASM: f32 = 0.3;

/// Which side of neutral a score is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Label {
    /// From 0.25.
    Positive,
    /// Between.
    Neutral,
    /// To -0.25.
    Negative,
}

impl Label {
    /// Of a score from -1 to 1.
    pub fn of(score: f32) -> Self {
        if score >= THRESHOLD {
            Label::Positive
        } else if score <= -THRESHOLD {
            Label::Negative
        } else {
            Label::Neutral
        }
    }

    /// As the contract spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Label::Positive => "positive",
            Label::Neutral => "neutral",
            Label::Negative => "negative",
        }
    }
}

/// How something sounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sentiment {
    /// -1 (as bad as can be) to 1.
    pub score: f32,
    /// The side of neutral that `score` is on.
    pub label: Label,
    /// How far the score is to be believed, 0 to 1.
    pub confidence: f32,
}

impl Sentiment {
    /// Nothing is known.
    pub const UNKNOWN: Self = Sentiment { score: 0.0, label: Label::Neutral, confidence: 0.0 };

    pub(crate) fn new(score: f32, confidence: f32) -> Self {
        let score = if score.is_finite() { score.clamp(-1.0, 1.0) } else { 0.0 };
        Sentiment { score, label: Label::of(score), confidence: confidence.clamp(0.0, 1.0) }
    }
}

/// Which judge a score is from; the bench compares them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Lists of words and phrases alone.
    Lexicon,
    /// The trained head alone.
    Head,
    /// Both, weighed.
    Mix,
}

/// How a caller's turn sounds. `embedding` is the whole turn's, [`DIMENSIONS`] long; one of another
/// length is not used. What is scored is `text` alone.
///
/// A language other than English and Russian is neutral with confidence 0, and so is a turn without
/// words.
pub fn of_turn(text: &str, language: Language, embedding: Option<&[f32]>) -> Sentiment {
    scored(text, language, embedding, Method::Mix)
}

/// As [`of_turn`], by one judge. Without an embedding, or in Russian, the lists decide whatever is
/// asked for.
pub fn scored(
    text: &str,
    language: Language,
    embedding: Option<&[f32]>,
    method: Method,
) -> Sentiment {
    let words = words(text);
    if words.is_empty() {
        return Sentiment::UNKNOWN;
    }
    let language = language.of_turn(text);
    let Some(read) = lexicon::read(text, &words, language) else { return Sentiment::UNKNOWN };
    let told = embedding
        .filter(|_| language == Language::English && method != Method::Lexicon)
        .and_then(head::read);
    let sarcastic = |sentiment: Sentiment| Sentiment {
        confidence: sentiment.confidence.min(SARCASM),
        ..sentiment
    };
    let plain = match (told, method) {
        (None, _) | (_, Method::Lexicon) => Sentiment::new(read.score, read.confidence),
        (Some(told), Method::Head) => Sentiment::new(told.score(), told.confidence()),
        (Some(told), Method::Mix) => head::mixed(&read, &told),
    };
    if read.sarcasm { sarcastic(plain) } else { plain }
}
