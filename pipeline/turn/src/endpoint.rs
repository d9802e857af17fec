//! Endpointing: how long a silence must be, after these words, to end the caller's turn.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{policy::EndOfTurn, words};

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

/// The silence that ends the turn after such words.
pub fn wait(words: Completeness, suggested: bool, policy: &EndOfTurn) -> Duration {
    let by_words = match words {
        Completeness::Answer => policy.after_answer,
        Completeness::Sentence => policy.after_sentence,
        Completeness::Unknown | Completeness::Open => policy.after_open,
        Completeness::Dangling => policy.after_dangling,
    };
    if suggested && words != Completeness::Dangling {
        by_words.min(policy.when_suggested)
    } else {
        by_words
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_whether_more_must_come() {
        let cases = [
            ("", None, Completeness::Unknown),
            ("I would like to book an appointment.", None, Completeness::Sentence),
            ("I would like to book a", None, Completeness::Dangling),
            ("It is about my tooth and", None, Completeness::Dangling),
            ("Um", None, Completeness::Dangling),
            ("next Tuesday", None, Completeness::Open),
            ("Yeah", Some(Question::YesOrNo), Completeness::Answer),
            ("five five five", Some(Question::Number), Completeness::Dangling),
            ("five five five one two three four", Some(Question::Number), Completeness::Open),
        ];
        for (text, asked, wanted) in cases {
            assert_eq!(completeness(text, asked), wanted, "{text:?}");
        }
    }

    #[test]
    fn a_question_is_known_by_its_last_sentence() {
        assert_eq!(question("We open at eight."), None);
        assert_eq!(question("We open at eight. Would you like to come?"), Some(Question::YesOrNo));
        assert_eq!(question("Fine. What is your phone number?"), Some(Question::Number));
        assert_eq!(question("When would you like to come?"), Some(Question::Other));
    }
}
