//! Words of turns that were taken, which may come once more: a turn that was taken on the
//! recogniser's guess is settled on later, and what was settled on may be said twice.
//!
//! The recogniser settles on words in the order in which they were said. So what it settles on next
//! begins with what it still owes, unless words came between that were never among its guesses.

use std::{collections::VecDeque, time::Duration};

use crate::{
    time::Moment,
    words::{
        self,
        overlap::{Overlap, Token, beyond, overlap, tokens},
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
/// No word is settled on sooner after the voice began.
const FIRST_WORD: Duration = Duration::from_millis(300);
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
    /// When the caller was first heard since.
    voice_since: Option<Moment>,
}

impl Last {
    /// May words that come now be of what the caller has said since?
    fn may_be_answered(&self, now: Moment) -> bool {
        self.voice_since.is_some_and(|at| now.since(at) >= FIRST_WORD)
    }
}

#[derive(Debug)]
struct Guess {
    words: Vec<Token>,
    at: Moment,
    /// The first word may be settled already, as another.
    first_in_doubt: bool,
    /// The first of it is settled: the rest is on its way.
    begun: bool,
}

impl Guess {
    /// May the recogniser still settle on it?
    fn is_awaited(&self, now: Moment) -> bool {
        now.since(self.at) <= SETTLED_WITHIN
    }
}

/// What of a text was taken already.
struct Found {
    /// So many guesses that were never settled on stand before it.
    skipped: usize,
    /// So many words of the guesses it settles.
    known: usize,
    /// And perhaps one more.
    next_in_doubt: bool,
    rest: String,
    over: Overlap,
}

impl Leftovers {
    /// A turn is taken: all its words, and those of them that are only guessed.
    pub fn took(&mut self, text: &str, guess: &str, stopped: Moment, now: Moment) {
        let words = words::normalised(text);
        self.last = Some(Last { at: now, stopped, words, voice_since: None });
        let words = tokens(guess);
        if !words.is_empty() {
            if self.guesses.len() == MOST {
                self.guesses.pop_front();
            }
            self.guesses.push_back(Guess { words, at: now, first_in_doubt: false, begun: false });
        }
    }

    /// The caller speaks. The turn before, if this is their first sound since.
    pub fn voice_began(&mut self, at: Moment) -> Option<&Last> {
        if let Some((.., voice_since)) = &mut self.settled {
            *voice_since = true;
        }
        let last = self.last.as_mut()?;
        let first = last.voice_since.is_none();
        last.voice_since.get_or_insert(at);
        first.then_some(&*last)
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
        while self.guesses.pop_front_if(|guess| !guess.is_awaited(now)).is_some() {}
        let words = words::normalised(&text);
        if words.is_empty() {
            // That there were no words is no news of a turn that was taken.
            let of_turn = self.last.as_ref().is_some_and(|last| last.voice_since.is_none());
            return (self.guesses.is_empty() || !of_turn).then_some(text);
        }
        if self.is_said_twice(&words, now) {
            return None;
        }
        self.settled = Some((words, now, false));
        let Some(found) = self.find(&text, now) else { return Some(text) };
        self.guesses.drain(..found.skipped);
        let mut settled = found.known;
        while let Some(first) = self.guesses.front_mut()
            && settled > 0
        {
            let here = settled.min(first.words.len());
            first.words.drain(..here);
            settled -= here;
            (first.first_in_doubt, first.begun) = (false, true);
            if first.words.is_empty() {
                self.guesses.pop_front();
            }
        }
        if let Some(first) = self.guesses.front_mut() {
            first.first_in_doubt |= found.next_in_doubt;
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
            !last.may_be_answered(now)
                && now.since(last.at) <= SAID_TWICE_WITHIN
                && last.words == now_said
                && self.guesses.is_empty()
        });
        telling && again || turn
    }

    fn find(&self, text: &str, now: Moment) -> Option<Found> {
        let awaited = |place: &usize| self.guesses[*place].is_awaited(now);
        (0..self.guesses.len()).filter(awaited).find_map(|place| {
            let in_doubt = usize::from(self.guesses[place].first_in_doubt);
            (0..=in_doubt).find_map(|settled| {
                let found = self.find_from(place, settled, text, now)?;
                Some(Found { skipped: place, known: settled + found.known, ..found })
            })
        })
    }

    /// Does the text begin with this guess, from which `settled` words are taken off?
    fn find_from(&self, place: usize, settled: usize, text: &str, now: Moment) -> Option<Found> {
        let (last, guess) = (self.last.as_ref()?, self.guesses.get(place)?);
        let (known, said) = (&guess.words[settled..], tokens(text));
        let over = overlap(known, &said)?;
        let answers = last.may_be_answered(now);
        let share = if answers && !guess.begun { 4 } else { 2 };
        let is_it = if answers {
            over.is_close(share) && (said.len() > FEW || now.since(guess.at) <= FEW_WITHIN)
        } else {
            over.is_close(share) || now.since(last.at) <= REWORDED_WITHIN && over.alike
        };
        let rest = beyond(text, &said, over.said);
        if !rest.is_empty()
            && let Some(next) = self.find_from(place + 1, 0, &rest, now)
            && (is_it || over.is_close_with(&next.over, share))
        {
            return Some(Found { known: over.known + next.known, ..next });
        }
        if !is_it {
            return None;
        }
        // A last word that was cut short or misheard comes with what follows it.
        let follows = over.last_differs && !rest.is_empty();
        let rest = if follows { beyond(text, &said, over.said - 1) } else { rest };
        let known = over.known - usize::from(over.last_in_doubt);
        Some(Found { skipped: place, known, next_in_doubt: over.last_in_doubt, rest, over })
    }
}
