//! Frames, and where inbound audio belongs in the call.
//!
//! A call's clock is its sample position: 8 to the millisecond, from 0 at the first audio, never
//! back, never skipping. [`Timeline`] turns the carrier's timestamps into positions on that clock, so
//! that everything behind it (recording, voice activity, recognition) may count samples and ask
//! nobody for the time.

/// Samples a second on the wire.
pub const SAMPLE_RATE: u32 = 8000;

/// Milliseconds of a frame, the unit in which carriers send.
pub const FRAME_MS: u32 = 20;

/// Samples of a frame; in mu-law, its bytes too.
pub const FRAME_SAMPLES: usize = (SAMPLE_RATE / 1000 * FRAME_MS) as usize;

const SAMPLES_PER_MS: u64 = SAMPLE_RATE as u64 / 1000;

/// The samples of so many milliseconds.
#[must_use]
pub const fn samples_of_ms(ms: u64) -> u64 {
    ms.saturating_mul(SAMPLES_PER_MS)
}

/// The whole milliseconds of so many samples.
#[must_use]
pub const fn ms_of_samples(samples: u64) -> u64 {
    samples / SAMPLES_PER_MS
}

/// A longer gap than this is not believed: so much silence is put in, and the clock set anew. 10 s.
pub const MAX_GAP: u64 = samples_of_ms(10_000);

/// Audio that repeats more than this is not dropped as a repetition: the carrier's clock was set
/// back, and the audio is new. 1 s.
pub const MAX_OVERLAP: u64 = samples_of_ms(1_000);

/// Timestamps are whole milliseconds and may waver; within half a frame they say nothing. 10 ms.
pub const JITTER: u64 = samples_of_ms(10);

/// Where one message's audio goes.
///
/// First `silence` samples of [`SILENCE`](crate::g711::SILENCE) from `at_sample` on, then the
/// message's bytes without the first `skip`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The position of the first sample that this message adds: where the one before it ended.
    pub at_sample: u64,
    /// Samples that the carrier lost; at most [`MAX_GAP`].
    pub silence: usize,
    /// Bytes at the message's front that are already there; at most its length.
    pub skip: usize,
}

/// What was odd about a call's timestamps so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oddities {
    /// Gaps that were filled.
    pub gaps: u64,
    /// Gaps of more than [`MAX_GAP`], filled with that much only.
    pub jumps: u64,
    /// Messages that began within audio that was there already.
    pub overlaps: u64,
    /// Messages from more than [`MAX_OVERLAP`] before, taken as a clock set back.
    pub setbacks: u64,
}

/// Places inbound audio by the carrier's timestamps, one after another without a hole.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    end: u64,
    /// A timestamp in ms and the position that it stands for.
    anchor: Option<(u64, u64)>,
    oddities: Oddities,
}

impl Timeline {
    /// An empty call. The first message's audio will be at position 0, whatever its timestamp.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Places a message of `bytes` samples whose audio begins at `timestamp_ms` of the stream.
    /// Without a timestamp it follows the one before it.
    pub fn place(&mut self, timestamp_ms: Option<u64>, bytes: usize) -> Placement {
        let at_sample = self.end;
        let (silence, skip) = match timestamp_ms {
            Some(timestamp) => self.correction(timestamp, bytes),
            None => (0, 0),
        };
        self.end = at_sample.saturating_add((silence + (bytes - skip)) as u64);
        Placement { at_sample, silence, skip }
    }

    /// The position after the last audio placed: the call's present.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end
    }

    /// What was odd so far.
    #[must_use]
    pub fn oddities(&self) -> Oddities {
        self.oddities
    }

    /// Silence to put in and bytes to leave out, so that the audio lies where its timestamp says.
    fn correction(&mut self, timestamp: u64, bytes: usize) -> (usize, usize) {
        let Some((anchor_ms, anchor_at)) = self.anchor else {
            self.anchor = Some((timestamp, self.end));
            return (0, 0);
        };
        // Wide enough for any two timestamps, hostile ones included.
        let since_anchor = i128::from(timestamp) - i128::from(anchor_ms);
        let expected = i128::from(anchor_at) + since_anchor * i128::from(SAMPLES_PER_MS);
        let late = expected - i128::from(self.end);
        let distance = late.unsigned_abs();
        if distance <= u128::from(JITTER) {
            return (0, 0);
        }
        if late > 0 {
            if distance <= u128::from(MAX_GAP) {
                self.oddities.gaps += 1;
                return (distance as usize, 0);
            }
            self.oddities.jumps += 1;
            self.anchor = Some((timestamp, self.end.saturating_add(MAX_GAP)));
            return (MAX_GAP as usize, 0);
        }
        if distance <= u128::from(MAX_OVERLAP) {
            self.oddities.overlaps += 1;
            return (0, bytes.min(distance as usize));
        }
        self.oddities.setbacks += 1;
        self.anchor = Some((timestamp, self.end));
        (0, 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn placed(timeline: &mut Timeline, timestamp_ms: u64) -> (u64, usize, usize) {
        let placement = timeline.place(Some(timestamp_ms), FRAME_SAMPLES);
        (placement.at_sample, placement.silence, placement.skip)
    }

    #[test]
    fn frames_in_order_follow_each_other_whatever_the_first_timestamp() {
        let mut timeline = Timeline::new();
        assert_eq!(placed(&mut timeline, 5), (0, 0, 0));
        assert_eq!(placed(&mut timeline, 25), (160, 0, 0));
        assert_eq!(placed(&mut timeline, 45), (320, 0, 0));
        assert_eq!(timeline.oddities(), Oddities::default());
    }

    #[test]
    fn a_lost_frame_becomes_silence() {
        let mut timeline = Timeline::new();
        placed(&mut timeline, 0);
        assert_eq!(placed(&mut timeline, 40), (160, 160, 0));
        assert_eq!(placed(&mut timeline, 60), (480, 0, 0));
        assert_eq!(timeline.oddities().gaps, 1);
    }

    #[test]
    fn a_waver_of_the_timestamps_is_not_heard() {
        let mut timeline = Timeline::new();
        for (index, timestamp) in [3, 20, 44, 62, 79, 105].into_iter().enumerate() {
            assert_eq!(placed(&mut timeline, timestamp), (160 * index as u64, 0, 0));
        }
    }

    #[test]
    fn a_slow_drift_of_the_carriers_clock_is_followed() {
        let mut timeline = Timeline::new();
        // 21 ms of the carrier's clock to every 20 ms of audio, for a minute.
        for index in 0..3000 {
            placed(&mut timeline, index * 21);
        }
        let end_ms = ms_of_samples(timeline.end());
        assert!(end_ms.abs_diff(3000 * 21) <= 20, "{end_ms}");
    }

    #[test]
    fn audio_that_is_there_already_is_left_out() {
        let mut timeline = Timeline::new();
        placed(&mut timeline, 0);
        placed(&mut timeline, 20);
        assert_eq!(placed(&mut timeline, 25), (320, 0, 120));
        assert_eq!(placed(&mut timeline, 20), (360, 0, 160));
        assert_eq!(placed(&mut timeline, 45), (360, 0, 0));
        assert_eq!(timeline.oddities().overlaps, 2);
    }

    #[test]
    fn a_clock_set_back_starts_anew() {
        let mut timeline = Timeline::new();
        placed(&mut timeline, 60_000);
        assert_eq!(placed(&mut timeline, 0), (160, 0, 0));
        assert_eq!(placed(&mut timeline, 20), (320, 0, 0));
        assert_eq!(timeline.oddities().setbacks, 1);
    }

    #[test]
    fn a_jump_beyond_belief_is_cut_short() {
        let mut timeline = Timeline::new();
        placed(&mut timeline, 0);
        assert_eq!(placed(&mut timeline, u64::MAX), (160, 80_000, 0));
        assert_eq!(placed(&mut timeline, u64::MAX), (80_320, 0, 160));
        assert_eq!(timeline.oddities().jumps, 1);
    }

    #[test]
    fn messages_without_a_timestamp_follow_on() {
        let mut timeline = Timeline::new();
        timeline.place(None, 160);
        placed(&mut timeline, 500);
        timeline.place(None, 7);
        assert_eq!(timeline.place(Some(540), 33).at_sample, 327);
        assert_eq!(timeline.end(), 327 + 153 + 33);
    }

    proptest! {
        #[test]
        fn positions_are_contiguous_and_bounded(
            messages in prop::collection::vec(
                (
                    prop::option::of(prop_oneof![0u64..5_000, 0u64..40_000, any::<u64>()]),
                    prop_oneof![Just(160usize), 0usize..500],
                ),
                0..200,
            )
        ) {
            let mut timeline = Timeline::new();
            let mut end = 0;
            for (timestamp, bytes) in messages {
                let placement = timeline.place(timestamp, bytes);
                prop_assert_eq!(placement.at_sample, end);
                prop_assert!(placement.skip <= bytes);
                prop_assert!(placement.silence as u64 <= MAX_GAP);
                end += (placement.silence + bytes - placement.skip) as u64;
                prop_assert_eq!(timeline.end(), end);
            }
        }
    }
}
