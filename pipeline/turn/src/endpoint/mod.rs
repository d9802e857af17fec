//! Endpointing: how long a silence must be, after all that is known, to end the caller's turn.
//!
//! The deadline is continuous: whenever something more is known ([`Evidence`]) it is set anew, from
//! the last sound. It is never asked again for the mere passing of time, because what is known then
//! changes by the clock alone, and that is in the deadline already.

mod completeness;
mod pauses;
mod prosody;
mod question;
mod settings;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::{
    completeness::{Completeness, completeness},
    pauses::Pauses,
    prosody::Prosody,
    question::{Question, question},
    settings::EndOfTurn,
};

/// All that is known of a silence of the caller's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What the words look like.
    pub words: Completeness,
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

impl Evidence {
    /// The silence that ends the turn.
    pub fn wait(&self, policy: &EndOfTurn) -> Duration {
        let by_words = match self.words {
            Completeness::Answer => policy.after_answer,
            Completeness::Sentence => policy.after_sentence,
            Completeness::Unknown | Completeness::Open => policy.after_open,
            Completeness::Dangling => policy.after_dangling,
        };
        if self.suggested && self.words != Completeness::Dangling {
            by_words.min(policy.when_suggested)
        } else {
            by_words
        }
    }

    /// Is it so likely that the turn is over that a reply may be prepared?
    pub fn is_likely_over(&self) -> bool {
        self.suggested
            || matches!(self.words, Completeness::Answer | Completeness::Sentence)
                && self.model.is_none_or(|over| over >= 0.5)
    }
}

/// Other settings, for the record of what they would have done: a name, and the settings.
pub fn alternatives(policy: &EndOfTurn) -> Vec<(&'static str, EndOfTurn)> {
    let scaled = |by: f32| EndOfTurn {
        after_answer: policy.after_answer.mul_f32(by),
        after_sentence: policy.after_sentence.mul_f32(by),
        after_open: policy.after_open.mul_f32(by),
        after_dangling: policy.after_dangling.mul_f32(by),
        ..policy.clone()
    };
    vec![("quicker", scaled(0.7)), ("slower", scaled(1.5))]
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
