//! What callers and agents say that matters: lists by meaning, in English and Russian.
//!
//! One list each for what a rule looks for; `english.rs` and `russian.rs` hold them.

mod english;
mod russian;

use std::sync::LazyLock;

use crate::{Language, pattern::Patterns};

/// The lists of one language.
pub(crate) struct Phrases {
    /// The caller asks for a person, or to be put through.
    pub person: Patterns,
    /// The caller does not want that: what [`Phrases::person`] finds within it does not count.
    pub no_person: Patterns,
    /// The agent does not know.
    pub unsure: Patterns,
    /// The agent did not hear or understand.
    pub not_caught: Patterns,
    /// The agent apologises.
    pub apology: Patterns,
    /// The caller says that it was said before.
    pub said_before: Patterns,
    /// A greeting.
    pub greeting: Patterns,
    /// A farewell.
    pub farewell: Patterns,
    /// Courtesy of the agent's.
    pub courtesy: Patterns,
    /// Insults and swearing.
    pub profanity: Patterns,
    /// The agent promises that something will be done.
    pub promise: Patterns,
    /// The agent says that something has been done.
    pub claimed: Patterns,
    /// The agent offers a person, or puts through.
    pub offers_person: Patterns,
    /// The words ask something without a question mark.
    pub question: Patterns,
    /// The caller's matter, said in their first turns.
    pub wish: Patterns,
    /// Courtesies that carry no matter: "hi", "yes please", "thanks bye".
    pub filler: Patterns,
    /// The caller says that it is settled.
    pub settled: Patterns,
}

static ENGLISH: LazyLock<Phrases> = LazyLock::new(english::phrases);
static RUSSIAN: LazyLock<Phrases> = LazyLock::new(russian::phrases);

/// The lists of a language; `None` where there are none.
pub(crate) fn of(language: Language) -> Option<&'static Phrases> {
    match language {
        Language::English => Some(&ENGLISH),
        Language::Russian => Some(&RUSSIAN),
        Language::Other => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::words;

    fn met(list: impl Fn(&'static Phrases) -> &'static Patterns, text: &str) -> bool {
        let phrases = of(Language::English.of_turn(text)).unwrap();
        list(phrases).met(&words(text))
    }

    #[test]
    fn what_agents_here_say_is_known() {
        for text in [
            "I'm not sure about that.",
            "Я не знаю, к сожалению.",
            "I don't have that information.",
        ] {
            assert!(met(|it| &it.unsure, text), "{text}");
        }
        for text in [
            "I'm sorry, I did not catch that.",
            "Sorry, I didn't catch that. Could you say it again?",
            "Извините, я не расслышала, повторите, пожалуйста.",
        ] {
            assert!(met(|it| &it.not_caught, text), "{text}");
        }
        assert!(!met(|it| &it.unsure, "I'm sure about that."));
        assert!(!met(|it| &it.not_caught, "I caught that, thank you."));
    }

    #[test]
    fn promises_are_not_questions_or_conditions() {
        assert!(met(|it| &it.promise, "I'll book that for you now."));
        assert!(met(|it| &it.promise, "Я вас запишу на вторник."));
        assert!(!met(|it| &it.promise, "Shall I book that for you?"));
        assert!(met(|it| &it.claimed, "You're booked for Tuesday at nine."));
        assert!(met(|it| &it.claimed, "Готово, я вас записала."));
    }
}
