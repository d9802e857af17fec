//! Cuts a call's audio into utterances by what the VAD says.
//!
//! Keeps what was heard shortly before, because a VAD notices speech after it began. Places are ms
//! of the call's inbound audio throughout; audio that never came is silence.

use media::g711;

/// What is taken from before the place where the VAD heard speech begin.
const BEFORE_MS: u64 = 300;

/// What is taken from after the place where it heard speech end, as far as it has come.
const AFTER_MS: u64 = 200;

/// What is kept while nobody speaks: the VAD's own delay, and `BEFORE_MS`.
const KEPT_MS: u64 = 2_000;

/// The longest utterance; longer ones are cut there and go on in the next.
pub(super) const LONGEST_MS: u64 = 60_000;

/// A gap longer than this is a jump of the carrier's clock, not lost audio.
const LONGEST_GAP_MS: u64 = 5_000;

/// An utterance, cut out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Segment {
    pub(super) from_ms: u64,
    pub(super) to_ms: u64,
    /// 8 kHz mu-law.
    pub(super) mulaw: Vec<u8>,
}

/// The audio of the last moments, and where the caller began to speak.
#[derive(Default)]
pub(super) struct Segmenter {
    /// Where the first kept byte stands.
    start_ms: u64,
    kept: Vec<u8>,
    /// Where the utterance begins, while there is one.
    speaking_from: Option<u64>,
    /// Where the last utterance was cut: nothing before it is taken again.
    settled_ms: u64,
}

impl Segmenter {
    /// Takes audio; may cut an utterance that has grown too long.
    pub(super) fn audio(&mut self, at_ms: u64, mulaw: &[u8]) -> Option<Segment> {
        let end = self.end_ms();
        let mulaw = if self.kept.is_empty() {
            self.start_ms = at_ms;
            mulaw
        } else if at_ms > end + LONGEST_GAP_MS || at_ms + LONGEST_GAP_MS < end {
            let cut = self.stopped(end);
            self.kept.clear();
            self.start_ms = at_ms;
            self.settled_ms = at_ms;
            self.kept.extend_from_slice(mulaw);
            return cut;
        } else if at_ms >= end {
            self.kept.resize(self.kept.len() + (at_ms - end) as usize * 8, g711::SILENCE);
            mulaw
        } else {
            // Said twice: only what goes beyond is new.
            mulaw.get((end - at_ms) as usize * 8..).unwrap_or_default()
        };
        self.kept.extend_from_slice(mulaw);
        match self.speaking_from {
            None => {
                self.forget_before(self.end_ms().saturating_sub(KEPT_MS));
                None
            }
            Some(from) if self.end_ms() - from.min(self.end_ms()) >= LONGEST_MS => {
                let cut = self.cut(from, self.end_ms(), self.end_ms());
                self.speaking_from = Some(self.end_ms());
                cut
            }
            Some(_) => None,
        }
    }

    /// The VAD heard speech begin.
    pub(super) fn started(&mut self, at_ms: u64) {
        if self.speaking_from.is_none() {
            let from = at_ms.saturating_sub(BEFORE_MS);
            self.speaking_from = Some(from.max(self.settled_ms).max(self.start_ms));
        }
    }

    /// The VAD heard speech end; the utterance, unless there was none.
    pub(super) fn stopped(&mut self, at_ms: u64) -> Option<Segment> {
        let from = self.speaking_from.take()?;
        self.cut(from, at_ms, at_ms + AFTER_MS)
    }

    /// The utterance so far, while the caller speaks.
    pub(super) fn so_far(&self) -> Option<Segment> {
        let from = self.speaking_from?;
        let to_ms = self.end_ms();
        let mulaw = self.kept.get((from - self.start_ms) as usize * 8..)?.to_vec();
        (!mulaw.is_empty()).then_some(Segment { from_ms: from, to_ms, mulaw })
    }

    /// The end of all that has come.
    pub(super) fn end_ms(&self) -> u64 {
        self.start_ms + self.kept.len() as u64 / 8
    }

    fn cut(&mut self, from: u64, told_end: u64, taken_end: u64) -> Option<Segment> {
        let taken_end = taken_end.min(self.end_ms());
        if taken_end <= from {
            return None;
        }
        let at = |ms: u64| (ms - self.start_ms) as usize * 8;
        let mulaw = self.kept.get(at(from)..at(taken_end))?.to_vec();
        self.settled_ms = taken_end;
        self.forget_before(self.end_ms().saturating_sub(KEPT_MS).max(from));
        Some(Segment { from_ms: from, to_ms: told_end.clamp(from, taken_end), mulaw })
    }

    fn forget_before(&mut self, ms: u64) {
        let ms = ms.min(self.end_ms());
        // In whole steps, because each moves all that stays.
        if ms >= self.start_ms + 500 {
            self.kept.drain(..(ms - self.start_ms) as usize * 8);
            self.start_ms = ms;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Audio in which the byte tells the second.
    fn feed(segmenter: &mut Segmenter, from_ms: u64, to_ms: u64) -> Vec<Segment> {
        let frames = (from_ms..to_ms).step_by(20);
        frames.filter_map(|at| segmenter.audio(at, &[(at / 1_000) as u8; 160])).collect()
    }

    #[test]
    fn an_utterance_has_a_little_before_and_after() {
        let mut segmenter = Segmenter::default();
        feed(&mut segmenter, 1_000, 5_100);
        segmenter.started(5_000);
        feed(&mut segmenter, 5_100, 7_000);
        let cut = segmenter.stopped(6_500).unwrap();
        assert_eq!((cut.from_ms, cut.to_ms, cut.mulaw.len()), (4_700, 6_500, 2_000 * 8));
        assert_eq!((cut.mulaw[0], cut.mulaw[300 * 8], *cut.mulaw.last().unwrap()), (4, 5, 6));
        assert_eq!(segmenter.stopped(7_000), None);
    }

    #[test]
    fn the_next_utterance_takes_nothing_twice() {
        let mut segmenter = Segmenter::default();
        segmenter.started(0);
        feed(&mut segmenter, 0, 1_000);
        assert_eq!(segmenter.stopped(900).unwrap().mulaw.len(), 1_000 * 8);
        segmenter.started(1_050);
        feed(&mut segmenter, 1_000, 2_000);
        let cut = segmenter.stopped(1_800).unwrap();
        assert_eq!((cut.from_ms, cut.mulaw.len()), (1_000, 1_000 * 8));
    }

    #[test]
    fn gaps_are_silence_and_what_came_twice_counts_once() {
        let mut segmenter = Segmenter::default();
        segmenter.started(0);
        segmenter.audio(0, &[1; 160]);
        segmenter.audio(40, &[2; 160]);
        segmenter.audio(50, &[3; 160]);
        let cut = segmenter.stopped(100).unwrap();
        assert_eq!(cut.mulaw.len(), 70 * 8);
        assert!(cut.mulaw[160..320].iter().all(|&byte| byte == g711::SILENCE));
        assert!(cut.mulaw[480..].iter().all(|&byte| byte == 3));
    }

    #[test]
    fn an_endless_utterance_is_cut_and_goes_on() {
        let mut segmenter = Segmenter::default();
        segmenter.started(0);
        let cuts = feed(&mut segmenter, 0, 130_000);
        assert_eq!(cuts.len(), 2);
        assert!(cuts.iter().all(|cut| cut.mulaw.len() == 60_000 * 8));
        assert_eq!(segmenter.stopped(130_000).unwrap().from_ms, 120_000);
        assert!(segmenter.kept.len() <= 3_000 * 8);
    }

    #[test]
    fn a_jump_of_the_clock_ends_the_utterance() {
        let mut segmenter = Segmenter::default();
        segmenter.started(0);
        feed(&mut segmenter, 0, 1_000);
        let cut = segmenter.audio(900_000, &[1; 160]).unwrap();
        assert_eq!(cut.to_ms, 1_000);
        segmenter.started(900_020);
        assert_eq!(segmenter.so_far().unwrap().from_ms, 900_000);
    }

    #[test]
    fn speech_without_audio_is_nothing() {
        let mut segmenter = Segmenter::default();
        segmenter.started(500);
        assert_eq!(segmenter.stopped(900), None);
        assert_eq!(segmenter.so_far(), None);
    }
}
