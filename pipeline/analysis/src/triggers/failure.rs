//! What went wrong between caller and agent: not known, not understood, said again.

use std::{collections::VecDeque, ops::Range};

use super::person::request;
use crate::{
    Language, phrases,
    words::{Word, words},
};

/// Turns of the caller that a new one is compared with.
const REMEMBERED: usize = 6;
/// Words that say something, below which a turn is too short to be a repetition.
const LEAST_WORDS: usize = 3;
/// The share of words in common from which on it is the same again.
const SAME: f64 = 0.6;
/// Words that say nothing of what is asked.
const EMPTY: &str = "the a an i to is it and of in on for you my me do can have that this what so um uh please \
                     are be at with your we no yes not if or but was would could will like just \
                     и в не на я что с а у по мне вы это как за же бы мой моя меня вас ли до от да нет ну";

/// What is said again by the caller.
#[derive(Clone, Debug, Default)]
pub(super) struct Repetition {
    earlier: VecDeque<Vec<String>>,
}

impl Repetition {
    /// Whether this turn of the caller says again what an earlier one did, and remembers it.
    pub fn push(&mut self, text: &str, language: Language) -> bool {
        let words = words(text);
        let content = content(&words);
        let says_so = phrases::of(language).is_some_and(|list| list.said_before.met(&words));
        let same = content.len() >= LEAST_WORDS
            && self.earlier.iter().any(|earlier| alike(earlier, &content) >= SAME);
        if content.len() >= LEAST_WORDS {
            if self.earlier.len() == REMEMBERED {
                self.earlier.pop_front();
            }
            self.earlier.push_back(content);
        }
        says_so || same
    }
}

/// Does the caller ask for something that could be known? "Sorry?" and "Are you there?" hold nothing to
/// look for.
pub fn asks_something(text: &str, language: Language) -> bool {
    let said = words(text);
    let Some(list) = phrases::of(language.of_turn(text)) else { return false };
    let asks = text.contains('?') || list.question.met(&said);
    asks && list.filler.covered(&said) < said.len()
        && !list.farewell.met(&said)
        && request(&said, language.of_turn(text)).is_none()
        && content(&said).len() >= 2
}

/// The words of a turn that carry its matter, once each, cut so that endings do not tell them apart.
pub(crate) fn content(words: &[Word]) -> Vec<String> {
    let said =
        words.iter().filter(|word| !EMPTY.split_whitespace().any(|empty| empty == word.text));
    let mut stems: Vec<String> = said.map(|word| stem(&word.text)).collect();
    stems.sort_unstable();
    stems.dedup();
    stems
}

/// A word without its ending, roughly: enough to compare two turns of one caller.
fn stem(word: &str) -> String {
    let letters = word.chars().count();
    let kept = if letters > 6 { letters - 2 } else { letters.min(5) };
    word.chars().take(kept).collect()
}

/// The share of words in common, 0 to 1 (Jaccard); both sorted.
pub(crate) fn alike(a: &[String], b: &[String]) -> f64 {
    let both = a.iter().filter(|word| b.binary_search(word).is_ok()).count();
    let all = a.len() + b.len() - both;
    if all == 0 { 0.0 } else { both as f64 / all as f64 }
}

/// Where the agent says that it does not know or has not understood.
pub(crate) fn of_agent(words: &[Word], language: Language) -> Option<Range<usize>> {
    let list = phrases::of(language)?;
    list.unsure.find(words).or_else(|| list.not_caught.find(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_in_other_words_is_said_again() {
        let mut caller = Repetition::default();
        assert!(!caller.push("what are your opening hours on Friday", Language::English));
        assert!(!caller.push("yes", Language::English));
        assert!(!caller.push("and do you take insurance from Delta", Language::English));
        assert!(caller.push("so what are the opening hours on Friday", Language::English));
        assert!(caller.push("I already told you", Language::English));
        let mut caller = Repetition::default();
        assert!(!caller.push("где мой заказ сорок два", Language::Russian));
        assert!(caller.push("скажите где заказ сорок два", Language::Russian));
    }
}
