//! Where the vendor's seconds stand in the call.
//!
//! The vendor counts the audio that it was sent on this connection, nothing else: neither what came
//! before, nor a pause in which none was sent.

/// Places further apart than this are a pause, not rounding.
const ROUNDING_MS: u64 = 2;

/// What was sent on one connection.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// Where an unbroken run of audio begins: samples sent before it, and its place in the call.
    runs: Vec<(u64, u64)>,
    sent: u64,
}

impl Timeline {
    /// Notes that `samples` were sent, the first of which stands at `at_ms`.
    pub(crate) fn sent(&mut self, at_ms: u64, samples: usize) {
        let continues =
            self.runs.last().is_some_and(|_| self.at(self.sent).abs_diff(at_ms) <= ROUNDING_MS);
        if !continues {
            self.runs.push((self.sent, at_ms));
        }
        self.sent += samples as u64;
    }

    /// The place of something that begins there.
    pub(crate) fn start_ms(&self, seconds: f64) -> u64 {
        self.at(samples(seconds))
    }

    /// The place of something that ends there: at a pause, its near side.
    pub(crate) fn end_ms(&self, seconds: f64) -> u64 {
        let samples = samples(seconds);
        match samples.checked_sub(8) {
            Some(before) => self.at(before) + 1,
            None => self.at(samples),
        }
    }

    fn at(&self, samples: u64) -> u64 {
        let run = self.runs.iter().rev().find(|(begun, _)| *begun <= samples);
        run.map_or(0, |(begun, at_ms)| at_ms + (samples - begun) / 8)
    }
}

fn samples(seconds: f64) -> u64 {
    // A negative or absurd number becomes the nearest possible one.
    (seconds * 8_000.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_in_mid_call_counts_from_its_first_audio() {
        let mut timeline = Timeline::default();
        for frame in 0..50 {
            timeline.sent(30_000 + frame * 20, 160);
        }
        assert_eq!(timeline.runs.len(), 1);
        assert_eq!((timeline.start_ms(0.0), timeline.end_ms(1.0)), (30_000, 31_000));
        assert_eq!(timeline.start_ms(-1.0), 30_000);
    }

    #[test]
    fn a_pause_without_audio_is_skipped() {
        let mut timeline = Timeline::default();
        timeline.sent(1_000, 8_000);
        timeline.sent(60_000, 8_000);
        assert_eq!(timeline.end_ms(1.0), 2_000);
        assert_eq!(timeline.start_ms(1.0), 60_000);
        assert_eq!(timeline.end_ms(1.5), 60_500);
    }

    #[test]
    fn before_any_audio_all_is_the_beginning() {
        assert_eq!(Timeline::default().end_ms(3.0), 1);
        assert_eq!(Timeline::default().start_ms(3.0), 0);
    }
}
