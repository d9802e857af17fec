//! The caller, and the VAD and STT that hear them.

use turn::{Event, Moment};

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
}

impl Default for Hearing {
    fn default() -> Self {
        Hearing {
            vad_on: 60,
            vad_off: 200,
            interim: 200,
            settled: 350,
            interims: true,
            finals: true,
        }
    }
}

/// How long a word takes the caller, ms.
pub const WORD: u64 = 280;

/// How long these words take the caller, ms.
pub fn takes(text: &str) -> u64 {
    text.split_whitespace().count() as u64 * WORD
}

impl Hearing {
    /// What is heard of a caller who says this, beginning at `at`.
    pub fn of_words(&self, at: u64, text: &str) -> Vec<(u64, Event)> {
        let to = at + takes(text);
        let mut events = self.of_voice(at, to);
        let words: Vec<&str> = text.split_whitespace().collect();
        if self.interims {
            for count in 1..=words.len() {
                let when = at + count as u64 * WORD + self.interim;
                if when < to + self.settled || !self.finals {
                    // A guess has no full stop yet, and no sense of the end.
                    let text =
                        words[..count].join(" ").trim_end_matches(['.', '?', '!']).to_owned();
                    events.push((when, Event::Interim { text }));
                }
            }
        }
        if self.finals {
            let heard = Event::Heard { text: text.to_owned(), confidence: Some(0.9) };
            events.push((to + self.settled, heard));
        }
        events
    }

    /// What is heard of a sound without words.
    pub fn of_noise(&self, at: u64, lasting: u64) -> Vec<(u64, Event)> {
        let to = at + lasting;
        let mut events = self.of_voice(at, to);
        if self.finals {
            let heard = Event::Heard { text: String::new(), confidence: None };
            events.push((to + self.settled, heard));
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
