//! Loudness in bands, in dB, 100 times a second.

use std::sync::{Arc, OnceLock};

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};

use super::HOP;

/// How many bands there are.
pub(super) const BANDS: usize = 12;

/// Loudness of each band in dB, where 0 is about a sine of full scale.
pub(super) type Level = [f32; BANDS];

/// Below this a band is silent: the noise of mu-law's smallest steps.
const SILENT_DB: f32 = -75.0;
pub(super) const QUIETEST: Level = [SILENT_DB; BANDS];

/// So far above the background something is to be heard, on average over the bands.
pub(super) const HEARD_DB: f32 = 3.0;
/// So far above silence the agent talks.
pub(super) const TALKING_DB: f32 = 12.0;

/// Samples of a window, 32 ms; one bin is 31.25 Hz.
const WINDOW: usize = 256;

/// The bands' edges in bins: about 220 Hz to 3,600 Hz, wider above as the ear's are. Below, telephones
/// pass hum rather than speech.
const EDGES: [usize; BANDS + 1] = [7, 11, 16, 21, 26, 32, 39, 47, 57, 68, 81, 97, 115];

fn plan() -> Arc<dyn RealToComplex<f32>> {
    static PLAN: OnceLock<Arc<dyn RealToComplex<f32>>> = OnceLock::new();
    Arc::clone(PLAN.get_or_init(|| RealFftPlanner::new().plan_fft_forward(WINDOW)))
}

/// Hann's window, scaled so that a sine of full scale has power 1 in its band.
fn shape() -> &'static [f32; WINDOW] {
    static SHAPE: OnceLock<[f32; WINDOW]> = OnceLock::new();
    SHAPE.get_or_init(|| {
        std::array::from_fn(|place| {
            let turn = std::f32::consts::TAU * place as f32 / WINDOW as f32;
            (0.5 - 0.5 * turn.cos()) / 32768.0
        })
    })
}

/// The power of a windowed sine of amplitude 1, summed over its bins: (N/4)^2 and its neighbours'.
const FULL_SCALE: f32 = (WINDOW * WINDOW) as f32 * 3.0 / 32.0;

/// Measures both sides of a call.
pub(super) struct Bands {
    fft: Arc<dyn RealToComplex<f32>>,
    /// The last samples of the agent and of the caller.
    sides: [[i16; WINDOW]; 2],
    input: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl Default for Bands {
    fn default() -> Self {
        let fft = plan();
        let (input, spectrum) = (fft.make_input_vec(), fft.make_output_vec());
        let scratch = fft.make_scratch_vec();
        Self { fft, sides: [[0; WINDOW]; 2], input, spectrum, scratch }
    }
}

impl Bands {
    /// The loudness of agent and caller in the window that ends with these samples, one hop.
    pub(super) fn measure(&mut self, hop: &[(i16, i16)]) -> (Level, Level) {
        for side in &mut self.sides {
            side.copy_within(HOP.., 0);
        }
        for (place, &(agent, caller)) in hop.iter().enumerate() {
            self.sides[0][WINDOW - HOP + place] = agent;
            self.sides[1][WINDOW - HOP + place] = caller;
        }
        (self.level(0), self.level(1))
    }

    fn level(&mut self, side: usize) -> Level {
        let samples = &self.sides[side];
        if samples.iter().all(|&sample| sample == 0) {
            return QUIETEST;
        }
        for ((slot, &sample), &factor) in self.input.iter_mut().zip(samples).zip(shape()) {
            *slot = f32::from(sample) * factor;
        }
        let done =
            self.fft.process_with_scratch(&mut self.input, &mut self.spectrum, &mut self.scratch);
        // It refuses only buffers of another length than its own.
        debug_assert!(done.is_ok());
        std::array::from_fn(|band| {
            let bins = &self.spectrum[EDGES[band]..EDGES[band + 1]];
            let power: f32 = bins.iter().map(Complex::norm_sqr).sum();
            (10.0 * (power / FULL_SCALE).max(1e-12).log10()).max(SILENT_DB)
        })
    }
}

/// How far a level is above another one, on average over the bands that are above it.
pub(super) fn above(level: &Level, floor: &Level) -> f32 {
    let sum: f32 = level.iter().zip(floor).map(|(level, floor)| (level - floor).max(0.0)).sum();
    sum / BANDS as f32
}

/// Background rises by this much a hop, 3 dB a second, and falls at once.
const NOISE_RISE: f32 = 0.03;
/// In the first second it rises so much: a noisy line is one from the beginning.
const NOISE_RISE_AT_FIRST: f32 = 0.3;
const FIRST_HOPS: u64 = 100;

/// Follows the loudness of the background: the quietest of the last moments. So many hops came before.
pub(super) fn follow_noise(noise: &mut Level, near: &Level, hops: u64) {
    let rise = if hops < FIRST_HOPS { NOISE_RISE_AT_FIRST } else { NOISE_RISE };
    for (noise, &near) in noise.iter_mut().zip(near) {
        *noise = if near < *noise { 0.5 * (*noise + near) } else { near.min(*noise + rise) };
    }
}
