//! The audio that no final words cover yet: what a new connection, or another engine, has to be told
//! again.
//!
//! Keeps the order in which things came, and what the VAD said of them: an engine that hears whole
//! stretches of speech has to know where they began and ended.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::SttInput;

/// The most that is kept; older audio is given up.
pub(crate) const KEPT_MS: u64 = 10_000;

/// The longest piece in which it is told again.
const PIECE_BYTES: usize = 8_000;

/// What the VAD says is kept of so many beginnings and ends of speech: of ten seconds, all.
const MARKS: usize = 128;

/// What is left of speech after its last final words is a sound dying away, not a word.
const SHORTEST_REST_MS: u64 = 250;

/// Audio, and what the VAD said of it, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    kept: VecDeque<SttInput>,
    bytes: usize,
    marks: usize,
    /// Speech that began before all that is kept and has not ended before it.
    speaking_from: Option<u64>,
    /// Up to here words are final.
    settled_ms: u64,
}

impl Memory {
    /// Keeps audio.
    pub(crate) fn push(&mut self, at_ms: u64, mulaw: Bytes) {
        self.keep(SttInput::Audio { at_ms, mulaw });
    }

    /// Keeps whatever came.
    pub(crate) fn keep(&mut self, input: SttInput) {
        match &input {
            SttInput::Audio { mulaw, .. } => self.bytes += mulaw.len(),
            SttInput::SpeechStarted { .. } | SttInput::SpeechStopped { .. } => self.marks += 1,
        }
        self.kept.push_back(input);
        while self.bytes as u64 > KEPT_MS * 8 || self.marks > MARKS {
            self.drop_first();
        }
        self.fold();
    }

    /// Forgets what lies before `ms`.
    pub(crate) fn settle(&mut self, ms: u64) {
        self.settled_ms = self.settled_ms.max(ms);
        loop {
            match self.kept.front_mut() {
                Some(SttInput::Audio { at_ms, mulaw }) => {
                    let end = *at_ms + mulaw.len() as u64 / 8;
                    if end <= ms {
                        self.drop_first();
                        continue;
                    }
                    if *at_ms < ms {
                        let cut = (ms - *at_ms) as usize * 8;
                        let _ = mulaw.split_to(cut);
                        *at_ms = ms;
                        self.bytes -= cut;
                    }
                    return;
                }
                Some(SttInput::SpeechStarted { .. } | SttInput::SpeechStopped { .. }) => {
                    self.drop_first();
                }
                None => return,
            }
        }
    }

    /// All audio, neighbouring frames put together.
    pub(crate) fn pieces(&self) -> Vec<(u64, Bytes)> {
        let audio = self.again().into_iter().filter_map(|input| match input {
            SttInput::Audio { at_ms, mulaw } => Some((at_ms, mulaw)),
            SttInput::SpeechStarted { .. } | SttInput::SpeechStopped { .. } => None,
        });
        audio.collect()
    }

    /// All that an engine has to be told that hears it for the first time, neighbouring frames put
    /// together. Speech whose words are final is no longer in it, and begun speech begins where its
    /// first audio does.
    pub(crate) fn again(&self) -> Vec<SttInput> {
        let from = self.kept.iter().find_map(|input| match input {
            SttInput::Audio { at_ms, .. } => Some(*at_ms),
            SttInput::SpeechStarted { .. } | SttInput::SpeechStopped { .. } => None,
        });
        let from = from.unwrap_or(0);
        let mut said = Again::default();
        let mut began = self.speaking_from;
        if let Some(began) = began {
            said.started(began.max(from));
        }
        for input in &self.kept {
            match input {
                SttInput::Audio { at_ms, mulaw } => said.audio(*at_ms, mulaw),
                SttInput::SpeechStarted { at_ms } => {
                    began = Some(*at_ms);
                    said.started((*at_ms).max(from));
                }
                SttInput::SpeechStopped { at_ms } => {
                    let has_final_words = began.take().is_some_and(|at| at < self.settled_ms);
                    let rest = at_ms.saturating_sub(self.settled_ms);
                    said.stopped(*at_ms, has_final_words && rest < SHORTEST_REST_MS);
                }
            }
        }
        said.finish()
    }

    fn drop_first(&mut self) {
        match self.kept.pop_front() {
            Some(SttInput::Audio { mulaw, .. }) => self.bytes -= mulaw.len(),
            Some(SttInput::SpeechStarted { at_ms }) => {
                self.marks -= 1;
                self.speaking_from = Some(at_ms);
            }
            Some(SttInput::SpeechStopped { .. }) => {
                self.marks -= 1;
                self.speaking_from = None;
            }
            None => {}
        }
    }

    /// What the VAD said before all audio that is kept says only whether somebody speaks.
    fn fold(&mut self) {
        while self.bytes > 0 && !matches!(self.kept.front(), None | Some(SttInput::Audio { .. })) {
            self.drop_first();
        }
    }
}

/// What is told again, as it is put together.
#[derive(Default)]
struct Again {
    told: Vec<SttInput>,
    /// Audio that may still grow.
    piece: Option<(u64, BytesMut)>,
    /// Where in `told` the speech under way begins.
    started: Option<usize>,
}

impl Again {
    fn audio(&mut self, at_ms: u64, mulaw: &[u8]) {
        if let Some((from, piece)) = &mut self.piece
            && *from + piece.len() as u64 / 8 == at_ms
            && piece.len() + mulaw.len() <= PIECE_BYTES
        {
            piece.extend_from_slice(mulaw);
            return;
        }
        self.end_piece();
        self.piece = Some((at_ms, BytesMut::from(mulaw)));
    }

    fn end_piece(&mut self) {
        if let Some((at_ms, piece)) = self.piece.take() {
            self.told.push(SttInput::Audio { at_ms, mulaw: piece.freeze() });
        }
    }

    fn started(&mut self, at_ms: u64) {
        self.end_piece();
        self.started = Some(self.told.len());
        self.told.push(SttInput::SpeechStarted { at_ms });
    }

    /// `settled`: its words are final, so it is as if nobody had spoken.
    fn stopped(&mut self, at_ms: u64, settled: bool) {
        match (self.started.take(), settled) {
            (Some(place), true) => drop(self.told.remove(place)),
            (Some(_), false) => {
                self.end_piece();
                self.told.push(SttInput::SpeechStopped { at_ms });
            }
            (None, _) => {}
        }
    }

    fn finish(mut self) -> Vec<SttInput> {
        self.end_piece();
        self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(frames: std::ops::Range<u64>) -> Memory {
        let mut memory = Memory::default();
        for frame in frames {
            memory.push(frame * 20, Bytes::from(vec![frame as u8; 160]));
        }
        memory
    }

    /// What is told again, in short: `a` audio, `[` speech begins, `]` it ends.
    fn told(memory: &Memory) -> String {
        let spell = |input: &SttInput| match input {
            SttInput::Audio { at_ms, mulaw } => {
                format!("a{at_ms}-{}", at_ms + mulaw.len() as u64 / 8)
            }
            SttInput::SpeechStarted { at_ms } => format!("[{at_ms}"),
            SttInput::SpeechStopped { at_ms } => format!("]{at_ms}"),
        };
        memory.again().iter().map(spell).collect::<Vec<_>>().join(" ")
    }

    fn hear(memory: &mut Memory, from_ms: u64, to_ms: u64) {
        for at_ms in (from_ms..to_ms).step_by(20) {
            memory.push(at_ms, Bytes::from_static(&[1; 160]));
        }
    }

    #[test]
    fn only_the_last_moments_are_kept() {
        let memory = memory(0..1_000);
        let pieces = memory.pieces();
        assert_eq!(pieces[0].0, 10_000);
        assert_eq!(pieces.len(), 10);
        assert_eq!(pieces.iter().map(|(_, piece)| piece.len()).sum::<usize>(), 80_000);
    }

    #[test]
    fn what_is_settled_is_forgotten_to_the_millisecond() {
        let mut memory = memory(0..100);
        memory.settle(1_010);
        let pieces = memory.pieces();
        assert_eq!((pieces[0].0, pieces.iter().map(|(_, p)| p.len()).sum()), (1_010, 7_920));
        memory.settle(5_000);
        assert!(memory.pieces().is_empty());
        assert_eq!(memory.bytes, 0);
    }

    #[test]
    fn a_gap_stays_a_gap() {
        let mut memory = memory(0..2);
        memory.push(500, Bytes::from_static(&[1; 160]));
        let places: Vec<u64> = memory.pieces().iter().map(|(at_ms, _)| *at_ms).collect();
        assert_eq!(places, [0, 500]);
    }

    #[test]
    fn speech_is_told_again_where_its_words_are_not_final() {
        let mut memory = Memory::default();
        hear(&mut memory, 0, 400);
        memory.keep(SttInput::SpeechStarted { at_ms: 200 });
        hear(&mut memory, 400, 1_000);
        assert_eq!(told(&memory), "a0-400 [200 a400-1000");
        memory.settle(700);
        assert_eq!(
            told(&memory),
            "[700 a700-1000",
            "the rest of a sentence whose first words are final"
        );
        memory.keep(SttInput::SpeechStopped { at_ms: 990 });
        hear(&mut memory, 1_000, 1_100);
        assert_eq!(told(&memory), "[700 a700-1000 ]990 a1000-1100");
        memory.settle(980);
        assert_eq!(told(&memory), "a980-1100", "its words are final, all but the last breath");
        memory.keep(SttInput::SpeechStarted { at_ms: 1_050 });
        hear(&mut memory, 1_100, 1_200);
        memory.keep(SttInput::SpeechStopped { at_ms: 1_180 });
        assert_eq!(told(&memory), "a980-1100 [1050 a1100-1200 ]1180", "short, but new");
    }

    #[test]
    fn a_flood_of_marks_is_bounded() {
        let mut memory = Memory::default();
        for at_ms in 0..10_000 {
            memory.keep(SttInput::SpeechStarted { at_ms });
            memory.keep(SttInput::SpeechStopped { at_ms });
        }
        assert!(memory.kept.len() <= MARKS);
    }
}
