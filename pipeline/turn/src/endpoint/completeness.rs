//! What the caller's words say about whether more must come.

use serde::{Deserialize, Serialize};

use super::Question;
use crate::words;

/// What the caller's words look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Completeness {
    /// No words are known yet.
    Unknown,
    /// A whole answer to what the agent asked: "yeah" to a yes-or-no question.
    Answer,
    /// A sentence with its end.
    Sentence,
    /// Words with neither an end nor a sign that more must come.
    Open,
    /// More must come: a dangling conjunction, a hesitation, half a number.
    Dangling,
}

/// What these words look like after a question of the agent's (or none).
pub fn completeness(text: &str, asked: Option<Question>) -> Completeness {
    let spoken = words::normalised(text);
    let Some(last) = spoken.last() else { return Completeness::Unknown };
    // A comma says little: a recogniser ends with one where the audio ends.
    if words::dangles(last) || text.trim_end().ends_with(['-', '…']) {
        return Completeness::Dangling;
    }
    match asked {
        Some(Question::YesOrNo) if words::is_yes_or_no(&spoken) => return Completeness::Answer,
        Some(Question::Number) if words::digits_in(&spoken) < 7 && words::is_number(last) => {
            return Completeness::Dangling;
        }
        Some(Question::YesOrNo | Question::Number | Question::Other) | None => {}
    }
    if text.trim_end().ends_with(['.', '!', '?']) {
        Completeness::Sentence
    } else {
        Completeness::Open
    }
}
