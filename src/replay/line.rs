//! The carrier, as far as its buffer goes: it plays what it was sent in real time and reaches marks.

use turn::{Generation, Moment};

/// Samples in a millisecond of telephone audio.
const PER_MS: u64 = 8;

/// The carrier's buffer, by what was sent.
#[derive(Debug, Default)]
pub struct Line {
    generation: Generation,
    /// When all that was sent has been played, in samples since the session began.
    until: u64,
}

impl Line {
    /// Audio was sent; answers when it has been played, and so when a mark after it is reached.
    pub fn sent(&mut self, at: Moment, samples: u32) -> Moment {
        self.until = self.until.max(at.0 * PER_MS) + u64::from(samples);
        Moment(self.until.div_ceil(PER_MS))
    }

    /// The buffer was emptied.
    pub fn clear(&mut self, at: Moment, generation: Generation) {
        self.generation = generation;
        self.until = self.until.min(at.0 * PER_MS);
    }

    /// The generation that marks sent now belong to.
    pub fn generation(&self) -> Generation {
        self.generation
    }
}
