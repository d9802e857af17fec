//! What the agent had asked, as far as it was heard.

use serde::{Deserialize, Serialize};

use crate::words;

/// What the agent's last words asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    YesOrNo,
    /// A telephone number, an account: digits with pauses between groups.
    Number,
    Other,
}

/// What these words of the agent ask for, if anything.
pub fn question(text: &str) -> Option<Question> {
    let asks = text
        .trim_end()
        .rsplit_once(['.', '!'])
        .map_or(text, |(before, last)| if last.trim().is_empty() { before } else { last });
    if !text.trim_end().ends_with('?') {
        return None;
    }
    let spoken = words::normalised(asks);
    if spoken.iter().any(|word| matches!(word.as_str(), "number" | "digits" | "account" | "code")) {
        return Some(Question::Number);
    }
    let yes_or_no = spoken.first().is_some_and(|word| {
        matches!(
            word.as_str(),
            "is" | "are"
                | "was"
                | "were"
                | "do"
                | "does"
                | "did"
                | "can"
                | "could"
                | "would"
                | "will"
                | "shall"
                | "should"
                | "have"
                | "has"
                | "may"
        )
    });
    Some(if yes_or_no { Question::YesOrNo } else { Question::Other })
}
