//! How the played recogniser hears: by script or by loudness, in the rhythm of a real one.

use media::g711;

use super::deepgram::Said;

/// What loudness is measured over.
const FRAME_MS: u64 = 20;
/// Mean amplitude above which a frame is loud.
const LOUD: i32 = 300;
/// Loud audio that begins speech, and quiet audio that ends it.
const BEGINS_AFTER_MS: u64 = 60;
const ENDS_AFTER_MS: u64 = 300;
/// Quiet audio after which the turn is over, by the gap between words.
const TURN_ENDS_AFTER_MS: u64 = 1_000;
/// How often a guess is made of speech, and how often something is said of silence.
const GUESS_EVERY_MS: u64 = 400;
const SILENCE_EVERY_MS: u64 = 1_000;
/// How long a word takes, for guesses.
const WORD_MS: u64 = 280;

/// What was heard.
#[derive(Debug, PartialEq)]
pub(super) enum Heard {
    Words {
        from_ms: u64,
        to_ms: u64,
        text: String,
        /// Final.
        settled: bool,
        /// A pause follows.
        pause: bool,
    },
    TurnEnd {
        last_word_end_ms: u64,
    },
}

/// One connection's ear.
pub(super) struct Ear {
    at: Vec<Said>,
    rest: Vec<u8>,
    /// Audio heard so far.
    now_ms: u64,
    /// Up to here something final was said.
    told_ms: u64,
    loud_since: Option<u64>,
    speaking: Option<Speaking>,
    /// The end of the last words, until the turn's end was told.
    last_word_end_ms: Option<u64>,
    last_told_ms: u64,
}

struct Speaking {
    from_ms: u64,
    last_loud_ms: u64,
    text: String,
}

impl Ear {
    pub(super) fn new(at: &[Said]) -> Self {
        Ear {
            at: at.to_vec(),
            rest: Vec::new(),
            now_ms: 0,
            told_ms: 0,
            loud_since: None,
            speaking: None,
            last_word_end_ms: None,
            last_told_ms: 0,
        }
    }

    pub(super) fn heard_ms(&self) -> u64 {
        self.now_ms
    }

    /// Takes audio; `text` is asked for when speech begins.
    pub(super) fn hear(&mut self, mulaw: &[u8], text: impl Fn() -> String) -> Vec<Heard> {
        self.rest.extend_from_slice(mulaw);
        let mut heard = Vec::new();
        let frame_bytes = FRAME_MS as usize * 8;
        let whole = self.rest.len() / frame_bytes * frame_bytes;
        let frames: Vec<u8> = self.rest.drain(..whole).collect();
        for frame in frames.chunks_exact(frame_bytes) {
            self.frame(frame, &text, &mut heard);
        }
        heard
    }

    /// Settles on what has been said up to now.
    pub(super) fn finalize(&mut self, text: impl Fn() -> String) -> Heard {
        let text = match self.speaking.take() {
            Some(speaking) => {
                self.last_word_end_ms = Some(self.now_ms);
                if speaking.text.is_empty() { text() } else { speaking.text }
            }
            None => String::new(),
        };
        self.loud_since = None;
        self.settle(self.now_ms, text, false)
    }

    fn frame(&mut self, frame: &[u8], text: &impl Fn() -> String, heard: &mut Vec<Heard>) {
        let from_ms = self.now_ms;
        self.now_ms += FRAME_MS;
        let scripted =
            self.at.iter().find(|said| (said.from_ms..said.to_ms).contains(&from_ms)).cloned();
        let loud = match self.at.is_empty() {
            true => {
                let sum: i32 = frame.iter().map(|&b| i32::from(g711::decode(b)).abs()).sum();
                sum / frame.len() as i32 > LOUD
            }
            false => scripted.is_some(),
        };
        match (&mut self.speaking, loud) {
            (Some(speaking), true) => speaking.last_loud_ms = self.now_ms,
            (None, true) => {
                let since = *self.loud_since.get_or_insert(from_ms);
                if self.now_ms - since >= BEGINS_AFTER_MS {
                    let text = scripted.map_or_else(text, |said| said.text);
                    let last_loud_ms = self.now_ms;
                    self.speaking = Some(Speaking { from_ms: since, last_loud_ms, text });
                    self.last_told_ms = self.now_ms;
                }
            }
            (Some(_), false) => {}
            (None, false) => self.loud_since = None,
        }
        self.report(heard);
    }

    fn report(&mut self, heard: &mut Vec<Heard>) {
        let since_told = self.now_ms - self.last_told_ms;
        if let Some(speaking) = &self.speaking {
            if self.now_ms - speaking.last_loud_ms >= ENDS_AFTER_MS {
                let (text, end) = (speaking.text.clone(), speaking.last_loud_ms);
                self.speaking = None;
                self.loud_since = None;
                if !text.is_empty() {
                    self.last_word_end_ms = Some(end);
                }
                let settled = self.settle(self.now_ms, text, true);
                heard.push(settled);
            } else if since_told >= GUESS_EVERY_MS {
                let words = (self.now_ms - speaking.from_ms) / WORD_MS;
                let words: Vec<&str> = speaking.text.split(' ').take(words as usize).collect();
                self.last_told_ms = self.now_ms;
                heard.push(Heard::Words {
                    from_ms: self.told_ms,
                    to_ms: self.now_ms,
                    text: words.join(" "),
                    settled: false,
                    pause: false,
                });
            }
            return;
        }
        if let Some(last_word_end_ms) = self.last_word_end_ms
            && self.now_ms >= last_word_end_ms + TURN_ENDS_AFTER_MS
        {
            self.last_word_end_ms = None;
            heard.push(Heard::TurnEnd { last_word_end_ms });
        }
        if since_told >= SILENCE_EVERY_MS && self.loud_since.is_none() {
            let settled = self.settle(self.now_ms, String::new(), false);
            heard.push(settled);
        }
    }

    fn settle(&mut self, to_ms: u64, text: String, pause: bool) -> Heard {
        let from_ms = std::mem::replace(&mut self.told_ms, to_ms);
        self.last_told_ms = to_ms;
        Heard::Words { from_ms, to_ms, text, settled: true, pause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(heard: &[Heard], only_settled: bool) -> Vec<String> {
        let words = heard.iter().filter_map(|heard| match heard {
            Heard::Words { text, settled, .. } if *settled || !only_settled => Some(text.clone()),
            _ => None,
        });
        words.filter(|text| !text.is_empty()).collect()
    }

    #[test]
    fn loud_audio_is_speech_and_ends_in_a_pause() {
        let mut ear = Ear::new(&[]);
        let loud = [g711::encode(4_000); 160];
        let quiet = [g711::SILENCE; 160];
        let text = || "one two three".to_owned();
        let mut heard = Vec::new();
        for frame in 0..150 {
            let frame = if (25..75).contains(&frame) { &loud } else { &quiet };
            heard.extend(ear.hear(frame, text));
        }
        assert_eq!(texts(&heard, true), ["one two three"]);
        assert_eq!(texts(&heard, false)[0], "one");
        assert!(heard.contains(&Heard::TurnEnd { last_word_end_ms: 1_500 }));
    }

    #[test]
    fn finalize_settles_at_once() {
        let said = Said { from_ms: 0, to_ms: 5_000, text: "hello".into() };
        let mut ear = Ear::new(&[said]);
        ear.hear(&[0xFF; 1_600], String::new);
        assert_eq!(
            ear.finalize(String::new),
            Heard::Words {
                from_ms: 0,
                to_ms: 200,
                text: "hello".into(),
                settled: true,
                pause: false
            }
        );
    }
}
