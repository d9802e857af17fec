//! The audio that no final words cover yet: what a new connection has to be told again.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// The most that is kept; older audio is given up.
const KEPT_MS: u64 = 10_000;

/// The longest piece in which it is told again.
const PIECE_BYTES: usize = 8_000;

/// Audio in the order in which it came.
#[derive(Debug, Default)]
pub(super) struct Memory {
    frames: VecDeque<(u64, Bytes)>,
    bytes: usize,
}

impl Memory {
    pub(super) fn push(&mut self, at_ms: u64, mulaw: Bytes) {
        self.bytes += mulaw.len();
        self.frames.push_back((at_ms, mulaw));
        while self.bytes as u64 > KEPT_MS * 8 {
            self.drop_first();
        }
    }

    /// Forgets what lies before `ms`.
    pub(super) fn settle(&mut self, ms: u64) {
        while let Some((at_ms, mulaw)) = self.frames.front_mut() {
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
            break;
        }
    }

    /// All of it, neighbouring frames put together.
    pub(super) fn pieces(&self) -> Vec<(u64, Bytes)> {
        let mut pieces: Vec<(u64, BytesMut)> = Vec::new();
        for (at_ms, mulaw) in &self.frames {
            match pieces.last_mut() {
                Some((from, piece))
                    if *from + piece.len() as u64 / 8 == *at_ms
                        && piece.len() + mulaw.len() <= PIECE_BYTES =>
                {
                    piece.extend_from_slice(mulaw);
                }
                _ => pieces.push((*at_ms, BytesMut::from(mulaw.as_ref()))),
            }
        }
        pieces.into_iter().map(|(at_ms, piece)| (at_ms, piece.freeze())).collect()
    }

    fn drop_first(&mut self) {
        if let Some((_, mulaw)) = self.frames.pop_front() {
            self.bytes -= mulaw.len();
        }
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
        assert_eq!((pieces[0].0, pieces[0].1.len()), (1_010, 7_920));
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
}
