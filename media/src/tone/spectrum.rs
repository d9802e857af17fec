//! What a moment of audio holds: one tone, two that mean busy, something else, nothing.

use std::sync::{Arc, OnceLock};

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};

use super::HOP;

/// What a moment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Quiet,
    /// One tone.
    Single,
    /// 480 and 620 Hz: busy in North America (Telcordia GR-506; E.180 for others).
    Busy,
    /// Anything else.
    Other,
}

/// Samples of a window, 32 ms.
const WINDOW: usize = 256;
/// Hz of a bin.
const BIN_HZ: f32 = 8_000.0 / WINDOW as f32;
/// Bins that are looked at, 190 to 3,500 Hz.
const FIRST: usize = 6;
const LAST: usize = 112;
/// A tone's power lies within so many bins of its highest one.
const WIDTH: usize = 2;
/// The share of all power that one tone holds, or two.
const PURE: f32 = 0.96;
const PURE_TWO: f32 = 0.93;
/// Power of a windowed sine of full scale.
const FULL_SCALE: f32 = (WINDOW * WINDOW) as f32 * 3.0 / 32.0;

/// Spectra of a stream of audio.
pub(super) struct Spectra {
    fft: Arc<dyn RealToComplex<f32>>,
    samples: [i16; WINDOW],
    input: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

fn shape() -> &'static [f32; WINDOW] {
    static SHAPE: OnceLock<[f32; WINDOW]> = OnceLock::new();
    SHAPE.get_or_init(|| {
        std::array::from_fn(|place| {
            let turn = std::f32::consts::TAU * place as f32 / WINDOW as f32;
            (0.5 - 0.5 * turn.cos()) / 32768.0
        })
    })
}

impl Default for Spectra {
    fn default() -> Self {
        static PLAN: OnceLock<Arc<dyn RealToComplex<f32>>> = OnceLock::new();
        let fft = PLAN.get_or_init(|| RealFftPlanner::new().plan_fft_forward(WINDOW));
        Self {
            fft: Arc::clone(fft),
            samples: [0; WINDOW],
            input: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
        }
    }
}

impl Spectra {
    /// What the window that ends with this hop holds: its kind, its frequency if it is one tone, its
    /// level in dBFS, where 0 is a sine of full scale.
    pub(super) fn next(&mut self, hop: &[i16], quietest_dbfs: f32) -> (Kind, f32, f32) {
        self.samples.copy_within(HOP.., 0);
        self.samples[WINDOW - HOP..].copy_from_slice(hop);
        for ((slot, &sample), &factor) in self.input.iter_mut().zip(&self.samples).zip(shape()) {
            *slot = f32::from(sample) * factor;
        }
        let done =
            self.fft.process_with_scratch(&mut self.input, &mut self.spectrum, &mut self.scratch);
        // It refuses only buffers of another length than its own.
        debug_assert!(done.is_ok());
        let power = |bin: usize| self.spectrum[bin].norm_sqr() / FULL_SCALE;
        let total: f32 = (FIRST..=LAST).map(power).sum();
        let dbfs = 10.0 * total.max(1e-10).log10();
        if dbfs < quietest_dbfs {
            return (Kind::Quiet, 0.0, dbfs);
        }
        let peak = |bins: &mut dyn Iterator<Item = usize>| {
            bins.max_by(|a, b| power(*a).total_cmp(&power(*b))).unwrap_or(FIRST)
        };
        let around = |bin: usize| -> f32 {
            (bin.saturating_sub(WIDTH).max(FIRST)..=(bin + WIDTH).min(LAST)).map(power).sum()
        };
        let first = peak(&mut (FIRST..=LAST));
        let one = around(first);
        if one >= PURE * total {
            return (Kind::Single, self.hz(first), dbfs);
        }
        let second = peak(&mut (FIRST..=LAST).filter(|bin| bin.abs_diff(first) > WIDTH));
        let two = one + around(second);
        let (low, high) = (self.hz(first.min(second)), self.hz(first.max(second)));
        let alike = power(first) < 6.0 * power(second);
        let busy = (low - 480.0).abs() < 20.0 && (high - 620.0).abs() < 20.0;
        if alike && busy && two >= PURE_TWO * total {
            return (Kind::Busy, 480.0, dbfs);
        }
        (Kind::Other, 0.0, dbfs)
    }

    /// The frequency of the tone whose highest bin this is: Hann's window makes of the ratio of two
    /// neighbours a distance.
    fn hz(&self, bin: usize) -> f32 {
        let size = |bin: usize| self.spectrum[bin].norm();
        let (left, right) = (size(bin - 1), size(bin + 1));
        let (neighbour, sign) = if right > left { (right, 1.0) } else { (left, -1.0) };
        let ratio = neighbour / size(bin).max(1e-12);
        (bin as f32 + sign * (2.0 * ratio - 1.0) / (ratio + 1.0)) * BIN_HZ
    }
}
