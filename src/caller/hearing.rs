//! Where there is speech on one side of the call, from its loudness.
//!
//! This is a level meter with a memory, not a voice detector: on a simulated line the silence is
//! digital, so loudness is enough, and it does not share the gateway's own opinion of what speech is.

use media::g711;

use super::clock::{PER_MS, Tick};

/// Audio is judged in blocks of 10 ms.
const BLOCK: usize = 10 * PER_MS as usize;

/// Of the last [`WINDOW`] blocks, so many must be loud to begin speech: a click is not one.
const LOUD_TO_BEGIN: usize = 3;
const WINDOW: usize = 5;

/// The level above which a block is loud, in dB of full scale, where nothing better is known.
pub const FLOOR_DB: f64 = -45.0;

/// A silence that ends a stretch if the other side speaks in it; a shorter one is between words.
pub const BREATH: Tick = Tick::from_ms(200);

/// A stretch of speech.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The beginning of its first loud block.
    pub from: Tick,
    /// The end of its last loud block so far.
    pub to: Tick,
}

/// Follows one side of the call.
#[derive(Clone, Debug)]
pub struct Hearing {
    /// Mean square above which a block is loud.
    threshold: f64,
    /// A silence of this length ends a stretch of speech.
    pause: Tick,
    heard: Tick,
    block: Vec<u8>,
    recent: [bool; WINDOW],
    spans: Vec<Span>,
    /// The next speech is a new stretch, however short the silence before it.
    parted: bool,
}

impl Hearing {
    /// Silence of `pause` ends a stretch; what is louder than `floor_db` is speech.
    #[must_use]
    pub fn new(pause: Tick, floor_db: f64) -> Self {
        let amplitude = 32_768.0 * 10_f64.powf(floor_db / 20.0);
        Self {
            threshold: amplitude * amplitude,
            pause,
            heard: Tick(0),
            block: Vec::with_capacity(BLOCK),
            recent: [false; WINDOW],
            spans: Vec::new(),
            parted: false,
        }
    }

    /// The next audio of this side, from where the last ended.
    pub fn push(&mut self, mulaw: &[u8]) {
        let mut rest = mulaw;
        while !rest.is_empty() {
            let take = rest.len().min(BLOCK - self.block.len());
            self.block.extend_from_slice(&rest[..take]);
            rest = &rest[take..];
            if self.block.len() == BLOCK {
                let loud = mean_square(&self.block) > self.threshold;
                self.block.clear();
                self.judge(loud);
            }
        }
    }

    fn judge(&mut self, loud: bool) {
        self.recent.rotate_left(1);
        self.recent[WINDOW - 1] = loud;
        let from = self.heard;
        self.heard = from.plus(Tick(BLOCK as u64));
        if !loud {
            return;
        }
        if let Some(span) = self.spans.last_mut()
            && !self.parted
            && from.since(span.to) < self.pause
        {
            span.to = self.heard;
        } else if self.recent.iter().filter(|loud| **loud).count() >= LOUD_TO_BEGIN {
            let first = self.recent.iter().position(|loud| *loud).unwrap_or(WINDOW - 1);
            let back = Tick(((WINDOW - 1 - first) * BLOCK) as u64);
            self.parted = false;
            self.spans.push(Span { from: from.since(back), to: self.heard });
        }
    }

    /// The other side speaks now: if this side is silent ([`BREATH`]), its stretch is over.
    pub fn part(&mut self) {
        if self.latest().is_some_and(|span| self.heard.since(span.to) >= BREATH) {
            self.parted = true;
        }
    }

    /// Every stretch so far, the current one among them.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// The latest stretch, over or not.
    #[must_use]
    pub fn latest(&self) -> Option<Span> {
        self.spans.last().copied()
    }

    /// How much audio was judged.
    #[must_use]
    pub fn heard(&self) -> Tick {
        self.heard
    }
}

/// The stretches of speech in a whole recording, judged against its own loudest parts: what is 30 dB
/// below them is background, whatever its level.
#[must_use]
pub fn spans_of(mulaw: &[u8], pause: Tick) -> Vec<Span> {
    let mut hearing = Hearing::new(pause, floor_of(mulaw));
    hearing.push(mulaw);
    hearing.spans
}

fn floor_of(mulaw: &[u8]) -> f64 {
    let mut loud: Vec<f64> =
        mulaw.chunks_exact(BLOCK).map(mean_square).filter(|square| *square > 1.0).collect();
    loud.sort_by(f64::total_cmp);
    // The loudest twentieth, so that one crack of the line does not set the scale.
    let Some(&near_peak) = loud.get(loud.len() * 19 / 20) else { return FLOOR_DB };
    let peak_db = 10.0 * (near_peak / (32_768.0 * 32_768.0)).log10();
    (peak_db - 30.0).clamp(-55.0, -20.0)
}

fn mean_square(mulaw: &[u8]) -> f64 {
    let sum: f64 = mulaw.iter().map(|byte| f64::from(g711::decode(*byte)).powi(2)).sum();
    sum / mulaw.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOUD: u8 = 0xA0;
    const PAUSE: Tick = Tick::from_ms(700);

    fn timeline(parts: &[(u8, usize)]) -> Vec<u8> {
        parts.iter().flat_map(|(byte, ms)| vec![*byte; ms * 8]).collect()
    }

    fn in_ms(spans: &[Span]) -> Vec<(u64, u64)> {
        spans.iter().map(|span| (span.from.ms(), span.to.ms())).collect()
    }

    #[test]
    fn a_stretch_ends_with_the_pause_and_not_before() {
        let audio = timeline(&[
            (0xFF, 200),
            (LOUD, 300),
            (0xFF, 600),
            (LOUD, 300),
            (0xFF, 900),
            (LOUD, 100),
        ]);
        let mut hearing = Hearing::new(PAUSE, FLOOR_DB);
        for piece in audio.chunks(37) {
            hearing.push(piece);
        }
        assert_eq!(in_ms(hearing.spans()), [(200, 1_400), (2_300, 2_400)]);
        assert_eq!(hearing.heard().ms(), 2_400);
    }

    #[test]
    fn the_other_side_parts_what_a_short_silence_would_join() {
        let mut hearing = Hearing::new(PAUSE, FLOOR_DB);
        hearing.push(&timeline(&[(LOUD, 300), (0xFF, 100)]));
        hearing.part();
        hearing.push(&timeline(&[(LOUD, 300), (0xFF, 300)]));
        hearing.part();
        hearing.push(&timeline(&[(LOUD, 300)]));
        assert_eq!(in_ms(hearing.spans()), [(0, 700), (1_000, 1_300)]);
    }

    #[test]
    fn a_click_is_not_speech() {
        let mut hearing = Hearing::new(PAUSE, FLOOR_DB);
        hearing.push(&timeline(&[(0xFF, 200), (LOUD, 20), (0xFF, 200)]));
        assert_eq!(hearing.latest(), None);
    }

    #[test]
    fn background_far_below_the_voice_is_not_speech() {
        // 0xE0 is 372, 27 dB under a voice at 7932; 0xF0 is 120, 36 dB under it.
        let noisy = timeline(&[(0xF0, 1_000), (LOUD, 500), (0xF0, 1_000)]);
        assert_eq!(in_ms(&spans_of(&noisy, PAUSE)), [(1_000, 1_500)]);
        let quiet = timeline(&[(0xFF, 1_000), (0xE0, 500), (0xFF, 1_000)]);
        assert_eq!(in_ms(&spans_of(&quiet, PAUSE)), [(1_000, 1_500)]);
        assert_eq!(spans_of(&timeline(&[(0xFF, 1_000)]), PAUSE), []);
    }
}
