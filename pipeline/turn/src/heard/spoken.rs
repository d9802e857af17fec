//! One sentence's audio, and which of its words lie before a sample: as the voice says, or spread over
//! the audio by their length.

use crate::{event::WordAt, time::Moment};

/// One sentence's audio.
#[derive(Debug, Default)]
pub(super) struct Sentence {
    pub text: String,
    /// Samples to a letter, by what is known of the voice.
    pub per_letter: u64,
    pub words: Vec<WordAt>,
    /// Where another voice took over: in the text, bytes, and in the audio, samples.
    pub base: (u32, u32),
    pub ready: u64,
    /// Set when no more audio will come: where in it there is speech.
    pub voiced: Option<(u64, u64)>,
    pub sent: u64,
    pub heard: u64,
    /// When the first and the last heard samples sounded.
    pub sounded: Option<(Moment, Moment)>,
}

impl Sentence {
    /// The words of which at least half lies before this sample.
    pub fn heard_text(&self, heard: u64) -> &str {
        self.text_until(heard, 2)
    }

    /// The words of which at least one `part`th lies before this sample.
    pub fn text_until(&self, heard: u64, part: u64) -> &str {
        if heard == 0 {
            return "";
        }
        if let Some((_, last)) = self.voiced
            && heard >= last.min(self.ready)
        {
            return &self.text;
        }
        let mut end = 0;
        let mut from = self.voiced.map_or(0, |(first, _)| first);
        for (text_end, to) in self.word_ends() {
            if heard < from + to.saturating_sub(from) / part {
                break;
            }
            end = text_end;
            from = to;
        }
        self.text.get(..end).unwrap_or(&self.text).trim_end()
    }

    /// Where the word ends that this sample lies in.
    pub fn word_end_after(&self, sample: u64) -> Option<u64> {
        self.word_ends().into_iter().map(|(_, end)| end).find(|end| *end > sample)
    }

    /// Where words end, in text and in samples: as the voice said, or spread by their length.
    fn word_ends(&self) -> Vec<(usize, u64)> {
        let told = self.words.last().map_or(0, |word| word.text_end as usize);
        let mut ends: Vec<(usize, u64)> =
            self.words.iter().map(|word| (word.text_end as usize, u64::from(word.end))).collect();
        let Some(rest) = self.text.get(told..) else { return ends };
        let from = self
            .words
            .last()
            .map_or(self.voiced.map_or(0, |(first, _)| first), |word| u64::from(word.end));
        let weight: u64 = rest.chars().map(letter_weight).sum();
        let span = match self.voiced {
            Some((_, to)) => to.saturating_sub(from),
            None => (weight * self.per_letter).max(self.ready.saturating_sub(from)),
        };
        let (mut sum, mut in_word) = (0, false);
        for (place, letter) in rest.char_indices() {
            if letter.is_whitespace() && in_word {
                ends.push((told + place, from + span * sum / weight.max(1)));
            }
            in_word = !letter.is_whitespace();
            sum += letter_weight(letter);
        }
        if in_word {
            ends.push((self.text.len(), from + span));
        }
        ends
    }
}

/// How long a letter takes beside others: a pause is as long as some letters, a digit is a word.
pub(super) fn letter_weight(letter: char) -> u64 {
    match letter {
        ',' | ';' | ':' => 3,
        '.' | '!' | '?' => 5,
        '0'..='9' => 4,
        _ => 1,
    }
}
