//! Words of turns that were taken, which may come once more: a turn that was taken on the
//! recogniser's guess is settled on later, and what was settled on may be said twice.
//!
//! The recogniser settles on words in the order in which they were said, so what it settles on next
//! begins with what it still owes.

use std::{collections::VecDeque, time::Duration};

use crate::{
    time::Moment,
    words::{
        self,
        overlap::{Token, beyond, overlap, tokens},
    },
};

/// A guess that is not settled on by then will not be: a recogniser that fails and is replaced takes
/// so long.
const SETTLED_WITHIN: Duration = Duration::from_secs(10);
/// One or two words that come later than this, after the caller has spoken again, are an answer.
const FEW_WITHIN: Duration = Duration::from_secs(5);
const FEW: usize = 2;
/// What comes so soon, of a caller who has been silent since, is the turn in whatever wording.
const REWORDED_WITHIN: Duration = Duration::from_secs(3);
/// How long a whole turn may be said twice.
const SAID_TWICE_WITHIN: Duration = Duration::from_secs(3);
/// Nobody says the same again so quickly.
const AT_ONCE: Duration = Duration::from_secs(1);
/// At most so many turns wait to be settled on.
const MOST: usize = 4;

/// What was taken of the caller's words, as far as it may come again.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    last: Option<Last>,
    /// What is not settled on yet, first to last.
    guesses: VecDeque<Guess>,
    /// What was settled on last, when, and whether the caller has spoken since.
    settled: Option<(Vec<String>, Moment, bool)>,
}

/// The turn that was taken last.
#[derive(Debug)]
pub(crate) struct Last {
    pub at: Moment,
    /// The last sound of it.
    pub stopped: Moment,
    words: Vec<String>,
    voice_since: bool,
}

#[derive(Debug)]
struct Guess {
    words: Vec<Token>,
    at: Moment,
}

/// What of a text was taken already.
struct Found {
    /// So many guesses that were never settled on stand before it.
    skipped: usize,
    /// So many words of the guesses it settles.
    known: usize,
    rest: String,
}

impl Leftovers {
    /// A turn is taken: all its words, and those of them that are only guessed.
    pub fn took(&mut self, text: &str, guess: &str, stopped: Moment, now: Moment) {
        let words = words::normalised(text);
        self.last = Some(Last { at: now, stopped, words, voice_since: false });
        let words = tokens(guess);
        if !words.is_empty() {
            if self.guesses.len() == MOST {
                self.guesses.pop_front();
            }
            self.guesses.push_back(Guess { words, at: now });
        }
    }

    /// The caller speaks. The turn before, if this is their first sound since.
    pub fn voice_began(&mut self) -> Option<&Last> {
        if let Some((.., voice_since)) = &mut self.settled {
            *voice_since = true;
        }
        let last = self.last.as_mut()?;
        (!std::mem::replace(&mut last.voice_since, true)).then_some(&*last)
    }

    /// What of a guess is new; None where nothing is.
    pub fn new_of_guess(&self, text: String, now: Moment) -> Option<String> {
        match self.find(&text, now) {
            Some(found) => (!found.rest.is_empty()).then_some(found.rest),
            None => Some(text),
        }
    }

    /// What of words that were settled on is new; None where nothing is. What they settle of the
    /// guesses is not waited for any more.
    pub fn new_of_settled(&mut self, text: String, now: Moment) -> Option<String> {
        let words = words::normalised(&text);
        if words.is_empty() {
            // That there were no words is no news of a turn that was taken.
            let owed = self.guesses.iter().any(|guess| now.since(guess.at) <= SETTLED_WITHIN);
            let of_turn = self.last.as_ref().is_some_and(|last| !last.voice_since);
            return (!(owed && of_turn)).then_some(text);
        }
        if self.is_said_twice(&words, now) {
            return None;
        }
        self.settled = Some((words, now, false));
        let Some(found) = self.find(&text, now) else {
            // Words are settled on in their order: those before will not come any more.
            self.guesses.clear();
            return Some(text);
        };
        self.guesses.drain(..found.skipped);
        let mut settled = found.known;
        while let Some(first) = self.guesses.front_mut()
            && settled > 0
        {
            let here = settled.min(first.words.len());
            first.words.drain(..here);
            settled -= here;
            if first.words.is_empty() {
                self.guesses.pop_front();
            }
        }
        (!found.rest.is_empty()).then_some(found.rest)
    }

    fn is_said_twice(&self, now_said: &[String], now: Moment) -> bool {
        // "Five", said again, is another digit; a single word may be said again, too.
        let telling = now_said.len() >= FEW && !now_said.iter().all(|word| words::is_number(word));
        let again = self.settled.as_ref().is_some_and(|(words, at, voice_since)| {
            let within = if *voice_since { AT_ONCE } else { SETTLED_WITHIN };
            words == now_said && now.since(*at) <= within
        });
        let turn = self.last.as_ref().is_some_and(|last| {
            !last.voice_since
                && now.since(last.at) <= SAID_TWICE_WITHIN
                && last.words == now_said
                && self.guesses.is_empty()
        });
        telling && again || turn
    }

    fn find(&self, text: &str, now: Moment) -> Option<Found> {
        let last = self.last.as_ref()?;
        let said = tokens(text);
        let first = self.guesses.iter().position(|guess| now.since(guess.at) <= SETTLED_WITHIN)?;
        (first..self.guesses.len()).find_map(|skipped| {
            let guesses = self.guesses.iter().skip(skipped);
            let at = self.guesses[skipped].at;
            let known: Vec<Token> = guesses.flat_map(|guess| &guess.words).cloned().collect();
            let over = overlap(&known, &said)?;
            let rest = beyond(text, &said, over.said);
            // A last word that was cut short or misheard comes with the rest.
            let taken = over.said - usize::from(over.last_differs && !rest.is_empty());
            let soon = now.since(last.at) <= REWORDED_WITHIN;
            let is_it = if last.voice_since {
                over.is_close(4) && (said.len() > FEW || now.since(at) <= FEW_WITHIN)
            } else {
                over.is_close(2) || soon && (over.alike || rest.is_empty())
            };
            let rest = if rest.is_empty() { rest } else { beyond(text, &said, taken) };
            is_it.then_some(Found { skipped, known: over.known, rest })
        })
    }
}
