//! The caller, and the VAD and STT that hear them.

use turn::{Event, Moment, words};

use super::random::Random;

/// How what the caller says is recognised. Times in ms.
#[derive(Clone, Debug)]
pub struct Hearing {
    /// From the first sound to the VAD's word.
    pub vad_on: u64,
    /// From the last sound to the VAD's word.
    pub vad_off: u64,
    /// From a word to the guess that holds it.
    pub interim: u64,
    /// From the last sound to the settled words.
    pub settled: u64,
    /// Guesses come at all.
    pub interims: bool,
    /// The words are settled on at all.
    pub finals: bool,
    pub faults: Faults,
}

/// What goes wrong at the recogniser, each in so many of a thousand sayings.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// A word of the guesses is another, or is left out.
    pub misheard: u64,
    /// The words are settled on in two pieces.
    pub pieces: u64,
    /// They are settled on twice.
    pub repeated: u64,
    /// They are settled on late, by [`LATEST`] ms at most.
    pub late: u64,
    /// Words that wait to be settled on are settled on together with the next.
    pub joined: u64,
    /// What is drawn for a saying hangs on this and on when it is said, not on the sayings before it.
    pub seed: u64,
}

/// From the last sound to the settled words, ms, at most.
pub const LATEST: u64 = 4_500;

impl Default for Hearing {
    fn default() -> Self {
        Hearing {
            vad_on: 60,
            vad_off: 200,
            interim: 200,
            settled: 350,
            interims: true,
            finals: true,
            faults: Faults::default(),
        }
    }
}

/// How long a word takes the caller, ms.
pub const WORD: u64 = 280;

/// How long these words take the caller, ms.
pub fn takes(text: &str) -> u64 {
    text.split_whitespace().count() as u64 * WORD
}

/// The recogniser at work: it settles on words in the order in which they were said.
#[derive(Debug, Default)]
pub struct Recogniser {
    settled_until: u64,
    /// The last words, when they are settled on, and all that is said until then.
    pending: Option<(u64, String)>,
}

/// What the machine is told of one saying.
#[derive(Debug, Default)]
pub struct Recognised {
    pub events: Vec<(u64, Event)>,
    /// Words that are settled on with these after all, and when they would have been.
    pub taken_back: Option<(u64, String)>,
    /// A word that nobody said.
    pub misheard: Option<String>,
    /// So few words were guessed with it, if the turn is cut off there, that they are not known again.
    pub doubtful: String,
}

impl Recogniser {
    /// When words that could be settled on at `at` are.
    pub fn in_order(&mut self, at: u64) -> u64 {
        self.pending = None;
        self.settled_until = self.settled_until.max(at);
        self.settled_until
    }
}

impl Hearing {
    /// What is heard of a caller who says this, beginning at `at`.
    pub fn of_words(&self, at: u64, text: &str, recogniser: &mut Recogniser) -> Recognised {
        let mut random = Random::new(self.faults.seed ^ at.wrapping_mul(0x9E37_79B9));
        let to = at + takes(text);
        let mut heard = Recognised { events: self.of_voice(at, to), ..Recognised::default() };
        let said: Vec<&str> = text.split_whitespace().collect();
        let late = random.chance(self.faults.late);
        let settled = if late { self.settled.max(random.between(0, LATEST)) } else { self.settled };
        let joins = random.chance(self.faults.joined);
        heard.taken_back = recogniser.pending.take().filter(|(until, _)| joins && *until > at);
        let before = heard.taken_back.as_ref().map(|(_, text)| text.clone()).unwrap_or_default();
        let before = before.as_str();
        let earlier = recogniser.settled_until;
        let last = recogniser.in_order(to + settled);
        let guessed = self.misheard(&said, &mut random, &mut heard);
        // Who mishears half of a piece may have heard something else.
        let clear = guessed.iter().zip(&said).all(|(one, other)| one == other);
        let cut =
            (clear && said.len() > 1 && before.is_empty() && random.chance(self.faults.pieces))
                .then(|| random.between(1, said.len() as u64 - 1) as usize);
        let first = cut.map(|cut| {
            let soonest = (at + cut as u64 * WORD + self.settled).max(earlier);
            random.between(soonest.min(last), last)
        });
        if self.interims {
            for count in 1..=said.len() {
                let when = at + count as u64 * WORD + self.interim;
                let settled = cut.filter(|_| first.is_some_and(|first| first <= when));
                if when < last || !self.finals {
                    // A guess has no full stop yet, and no sense of the end.
                    let words = &guessed[settled.unwrap_or(0).min(count)..count];
                    let text = joined(before, words);
                    let text = text.trim_end_matches(['.', '?', '!']).to_owned();
                    if !text.is_empty() {
                        heard.events.push((when, Event::Interim { text }));
                    }
                }
            }
        }
        if !self.finals {
            return heard;
        }
        let final_at = |at: u64, text: String| (at, Event::Heard { text, confidence: Some(0.9) });
        if let (Some(cut), Some(first)) = (cut, first) {
            heard.events.push(final_at(first, said[..cut].join(" ")));
        }
        let text = joined(before, &said[cut.unwrap_or(0)..]);
        heard.events.push(final_at(last, text.clone()));
        let spoken = words::normalised(&text);
        let telling = spoken.len() > 1 && !spoken.iter().all(|word| words::is_number(word));
        if telling && random.chance(self.faults.repeated) {
            let again = recogniser.in_order(last + random.between(50, 250));
            heard.events.push(final_at(again, text));
        } else if cut.is_none() && before.is_empty() {
            recogniser.pending = Some((last, text));
        }
        heard
    }

    /// The words as they are guessed.
    fn misheard(&self, said: &[&str], random: &mut Random, heard: &mut Recognised) -> Vec<String> {
        let mut guessed: Vec<String> = said.iter().map(|word| (*word).to_owned()).collect();
        if said.len() >= 4 && random.chance(self.faults.misheard) {
            let place = random.between(0, said.len() as u64 - 1) as usize;
            let cut_short: String = said[place].chars().take(3).collect();
            let other = random.pick(&["", "cable", "lesson", "won", cut_short.as_str()]).to_owned();
            heard.misheard = (!other.is_empty()).then(|| other.clone());
            guessed[place] = other;
            if place < 4 {
                heard.doubtful = said[..4].join(" ");
            }
        }
        guessed
    }

    /// What is heard of a sound without words.
    pub fn of_noise(
        &self,
        at: u64,
        lasting: u64,
        recogniser: &mut Recogniser,
    ) -> Vec<(u64, Event)> {
        let to = at + lasting;
        let mut events = self.of_voice(at, to);
        if self.finals {
            let heard = Event::Heard { text: String::new(), confidence: None };
            events.push((recogniser.in_order(to + self.settled), heard));
        }
        events
    }

    fn of_voice(&self, from: u64, to: u64) -> Vec<(u64, Event)> {
        vec![
            (from + self.vad_on, Event::SpeechStarted { at: Moment(from), echo: None }),
            (to + self.vad_off, Event::SpeechStopped { at: Moment(to), prosody: None }),
        ]
    }
}

fn joined(before: &str, words: &[impl AsRef<str>]) -> String {
    let words = words.iter().map(AsRef::as_ref);
    std::iter::once(before)
        .chain(words)
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
