//! How a voice sounds where it stops: its pitch, how that moved, its loudness.
//!
//! A speaker who has finished tends to let the voice sink and fade, and one who has not holds the
//! pitch level. [`Prosody`] follows the caller's audio frame by frame, keeping two numbers of each
//! frame; [`Prosody::ending`] tells of a stretch that the VAD says is over. What that means for the
//! turn is not decided here.
//!
//! Pitch is found by the normalised cross-correlation of David Talkin, "A Robust Algorithm for Pitch
//! Tracking (RAPT)", 1995: sought at 4 kHz and made exact at 8 kHz, which costs some 4 µs a frame.

use std::collections::VecDeque;

mod voicing;

pub use voicing::Voicing;

use crate::frame::{FRAME_SAMPLES, ms_of_samples};

/// The lowest pitch that is found, Hz.
pub const LOWEST_HZ: f32 = 62.5;
/// The highest pitch that is found, Hz.
pub const HIGHEST_HZ: f32 = 500.0;

/// Frames that are remembered: a stretch's last twelve seconds.
const REMEMBERED: usize = 600;
/// How alike two periods must be for a frame to count as voiced.
const VOICED: f32 = 0.6;
/// A peak this near to the highest counts as much: the shortest period of them is the pitch.
const NEARLY: f32 = 0.9;
/// Frames of less power than this are not looked at: -60 dB of full scale.
const SILENT: f32 = 1e-6;
/// Of the loudest frame's power so much counts a frame later: half of it after 14 s.
const FADING: f32 = 0.999;
/// The pole of the filter that keeps out hum and rumble, below some 100 Hz.
const RUMBLE: f32 = 0.92;
/// The rate at which pitch is sought: every second sample.
const COARSE: usize = 2;
const SHORTEST: usize = 16;
const LONGEST: usize = 128;
/// Samples that are compared, at 8 kHz.
const COMPARED: usize = 240;
const BUFFER: usize = COMPARED + LONGEST + COARSE;
/// Voiced frames at the end whose pitch is the final one.
const FINAL_FRAMES: usize = 5;
/// How far back from the end the slope is taken, in frames.
const SLOPE_FRAMES: usize = 20;
/// The final moments whose level is compared, in frames.
const LEVEL_FRAMES: usize = 10;
/// How far the pitch may move from frame to frame, semitones.
const STEP: f32 = 3.0;
/// Frames that a voice lasts at least.
const SHORTEST_RUN: usize = 3;
/// Power of a voice against the loudest frame's, at least: 30 dB below it.
const FAINT: f32 = 1e-3;
/// How much of the usual pitch each voiced frame replaces, once that is known well.
const USUAL_SHARE: f32 = 0.01;

/// The end of a stretch of speech.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ending {
    /// The pitch of the last voiced moments, semitones above (or below) the speaker's usual one.
    /// `None` where nothing was voiced.
    pub pitch: Option<f32>,
    /// How the pitch moved over the last 400 ms, semitones a second; `None` where too little of it
    /// was voiced.
    pub slope: Option<f32>,
    /// The level of the last 200 ms against that of the whole stretch, dB.
    pub level: f32,
    /// How long the voice was held without a break at the end, ms: a drawn-out last syllable.
    pub held_ms: u32,
    /// How long the stretch was, ms.
    pub spoken_ms: u32,
}

/// What is kept of a frame.
#[derive(Clone, Copy, Debug)]
struct Moment {
    /// Semitones above 1 Hz.
    pitch: Option<f32>,
    /// The mean square of the samples.
    power: f32,
}

/// Follows one caller's voice.
#[derive(Debug)]
pub struct Prosody {
    /// The last samples, oldest first.
    samples: Vec<f32>,
    /// The high-pass filter's last sample in and out.
    rumble: (f32, f32),
    /// Samples of the frame under way.
    fresh: usize,
    /// The power of the loudest frame, fading with time.
    loudest: f32,
    moments: VecDeque<Moment>,
    /// Frames that have ended since the beginning.
    ended: u64,
    /// The speaker's usual pitch, semitones above 1 Hz, and of how many frames that is the mean.
    usual: (f32, u32),
}

impl Default for Prosody {
    fn default() -> Self {
        Self::new()
    }
}

impl Prosody {
    /// One that has heard nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            samples: vec![0.0; BUFFER],
            rumble: (0.0, 0.0),
            fresh: 0,
            loudest: 0.0,
            moments: VecDeque::with_capacity(REMEMBERED),
            ended: 0,
            usual: (0.0, 0),
        }
    }

    /// Takes the next samples at 8 kHz, any number of them.
    pub fn push(&mut self, mut samples: &[i16]) {
        while !samples.is_empty() {
            let (now, later) = samples.split_at(samples.len().min(FRAME_SAMPLES - self.fresh));
            self.samples.drain(..now.len());
            for &sample in now {
                let sample = f32::from(sample) / 32768.0;
                let (before, passed) = self.rumble;
                self.rumble = (sample, sample - before + RUMBLE * passed);
                self.samples.push(self.rumble.1);
            }
            self.fresh += now.len();
            if self.fresh == FRAME_SAMPLES {
                self.fresh = 0;
                self.end_frame();
            }
            samples = later;
        }
    }

    /// How the stretch between these times of the call sounded at its end, as far as it is
    /// remembered: its last twelve seconds. Times are ms since the first sample pushed.
    #[must_use]
    pub fn ending(&self, from_ms: u64, to_ms: u64) -> Ending {
        let frame_ms = ms_of_samples(FRAME_SAMPLES as u64);
        let spoken_ms = u32::try_from(to_ms.saturating_sub(from_ms)).unwrap_or(u32::MAX);
        let stretch = self.stretch(from_ms, to_ms);
        let last = |count: usize| &stretch[stretch.len().saturating_sub(count)..];

        let voiced: Vec<f32> = stretch.iter().filter_map(|moment| moment.pitch).collect();
        let finals = &voiced[voiced.len().saturating_sub(FINAL_FRAMES)..];
        let pitch = median(finals).map(|pitch| pitch - self.usual.0);
        let level = decibels(last(LEVEL_FRAMES)) - decibels(&stretch);
        let unvoiced = stretch.iter().rev().skip_while(|moment| moment.pitch.is_none());
        let held = unvoiced.take_while(|moment| moment.pitch.is_some()).count();
        Ending {
            pitch,
            slope: slope(last(SLOPE_FRAMES)),
            level: if stretch.is_empty() { 0.0 } else { level },
            held_ms: held as u32 * frame_ms as u32,
            spoken_ms,
        }
    }

    /// How much of what was heard between these times was voiced, ms, as far as it is remembered. Times
    /// are ms since the first sample pushed.
    #[must_use]
    pub fn voiced_ms(&self, from_ms: u64, to_ms: u64) -> u32 {
        let stretch = self.stretch(from_ms, to_ms);
        let voiced = stretch.iter().filter(|moment| moment.pitch.is_some()).count();
        ms_of_samples((voiced * FRAME_SAMPLES) as u64) as u32
    }

    /// What is remembered between these times, with the pitch of voices only.
    fn stretch(&self, from_ms: u64, to_ms: u64) -> Vec<Moment> {
        let frame_ms = ms_of_samples(FRAME_SAMPLES as u64);
        let oldest = self.ended - self.moments.len() as u64;
        let place = |ms: u64| (ms / frame_ms).clamp(oldest, self.ended) - oldest;
        let (from, to) = (place(from_ms) as usize, place(to_ms) as usize);
        let mut stretch: Vec<Moment> = self.moments.range(from.min(to)..to).copied().collect();
        believe(&mut stretch);
        stretch
    }

    fn end_frame(&mut self) {
        let frame = &self.samples[BUFFER - FRAME_SAMPLES..];
        let power = frame.iter().map(|sample| sample * sample).sum::<f32>() / FRAME_SAMPLES as f32;
        self.loudest = power.max(self.loudest * FADING);
        let audible = power > SILENT.max(self.loudest * FAINT);
        let pitch = if audible { pitch_of(&self.samples).map(semitones) } else { None };
        if let Some(pitch) = pitch {
            let (usual, frames) = &mut self.usual;
            *frames = frames.saturating_add(1);
            *usual += (pitch - *usual) * USUAL_SHARE.max(1.0 / *frames as f32);
        }
        if self.moments.len() == REMEMBERED {
            self.moments.pop_front();
        }
        self.moments.push_back(Moment { pitch, power });
        self.ended += 1;
    }
}

/// Drops the pitch of frames that stand alone or are faint: the noise of an "s" or of the line now and
/// then looks periodic, a voice stays near its pitch for some frames.
fn believe(stretch: &mut [Moment]) {
    let loudest = stretch.iter().map(|moment| moment.power).fold(0.0, f32::max);
    let pitches: Vec<Option<f32>> = stretch.iter().map(|moment| moment.pitch).collect();
    let near = |a: Option<f32>, b: Option<f32>| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= STEP,
        _ => false,
    };
    let follows = |index: usize| index > 0 && near(pitches[index - 1], pitches[index]);
    let mut first = 0;
    while first < stretch.len() {
        let end = (first + 1..stretch.len()).find(|&at| !follows(at)).unwrap_or(stretch.len());
        for moment in &mut stretch[first..end] {
            if moment.power < loudest * FAINT || end - first < SHORTEST_RUN {
                moment.pitch = None;
            }
        }
        first = end;
    }
}

/// Semitones above 1 Hz.
fn semitones(hz: f32) -> f32 {
    12.0 * hz.log2()
}

fn median(values: &[f32]) -> Option<f32> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

fn decibels(moments: &[Moment]) -> f32 {
    let mean = moments.iter().map(|moment| moment.power).sum::<f32>() / moments.len().max(1) as f32;
    10.0 * mean.max(1e-9).log10()
}

/// The straight line through the voiced moments, by least squares; semitones a second.
fn slope(moments: &[Moment]) -> Option<f32> {
    let seconds = ms_of_samples(FRAME_SAMPLES as u64) as f32 / 1_000.0;
    let points: Vec<(f32, f32)> = (0..)
        .zip(moments)
        .filter_map(|(index, moment)| Some((index as f32 * seconds, moment.pitch?)))
        .collect();
    if points.len() < FINAL_FRAMES {
        return None;
    }
    let count = points.len() as f32;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (x, y) = (x / count, y / count);
    let across: f32 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let along: f32 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    (along > 0.0).then(|| across / along)
}

/// The pitch at the end of these samples at 8 kHz, Hz, if there is one.
fn pitch_of(samples: &[f32]) -> Option<f32> {
    let mut coarse = [0.0; BUFFER / COARSE];
    for (mean, pair) in coarse.iter_mut().zip(samples.chunks_exact(COARSE)) {
        *mean = pair.iter().sum::<f32>() / COARSE as f32;
    }
    let (shortest, longest) = (SHORTEST / COARSE, LONGEST / COARSE);
    let mut likeness = [0.0; LONGEST / COARSE + 1];
    for (lag, likeness) in likeness.iter_mut().enumerate().skip(shortest - 1) {
        *likeness = alike(&coarse, COMPARED / COARSE, lag);
    }
    let best = likeness[shortest..].iter().copied().fold(0.0, f32::max);
    if best < VOICED {
        return None;
    }
    // Twice the period is as good a match as the period itself.
    let is_peak = |lag: &usize| {
        likeness[*lag] >= best * NEARLY
            && likeness[*lag] > likeness[lag - 1]
            && likeness.get(lag + 1).is_none_or(|next| likeness[*lag] >= *next)
    };
    let coarse_lag = (shortest..=longest).find(is_peak)?;
    let middle = (coarse_lag * COARSE).clamp(SHORTEST + 1, LONGEST - 1);
    let exact = |lag: usize| alike(samples, COMPARED, lag);
    let lag = (middle - 1..=middle + 1).max_by(|a, b| exact(*a).total_cmp(&exact(*b)))?;
    let around = [exact(lag - 1), exact(lag), exact((lag + 1).min(LONGEST))];
    // The top of the parabola through three points lies between the samples.
    let bend = around[0] - 2.0 * around[1] + around[2];
    let shift = if bend < -1e-9 { 0.5 * (around[0] - around[2]) / bend } else { 0.0 };
    let period = lag as f32 + shift.clamp(-0.5, 0.5);
    Some((8_000.0 / period).clamp(LOWEST_HZ, HIGHEST_HZ))
}

/// How like the last `compared` samples are to those `lag` earlier, -1 to 1.
fn alike(samples: &[f32], compared: usize, lag: usize) -> f32 {
    let at = samples.len() - compared;
    let (now, before) = (&samples[at..], &samples[at - lag..at - lag + compared]);
    let mut sums = [[0.0_f32; 8]; 3];
    // Eight sums side by side, so that they run as one vector.
    for (a, b) in now.chunks_exact(8).zip(before.chunks_exact(8)) {
        for lane in 0..8 {
            sums[0][lane] += a[lane] * b[lane];
            sums[1][lane] += a[lane] * a[lane];
            sums[2][lane] += b[lane] * b[lane];
        }
    }
    let [across, own, other] = sums.map(|lanes| lanes.iter().sum::<f32>());
    across / (own * other).sqrt().max(1e-9)
}
