//! From what the voice's network predicts to samples.
//!
//! The network gives, for each frame of 12.5 ms, a pitch and five spectra: how the voiced sound is
//! shaped (magnitude, phase), how loud the breath is, and a part with a phase of its own. A pulse train
//! of that pitch takes the first shape, noise the second, and an inverse STFT makes a wave of the sum.

use std::sync::Arc;

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex, num_complex::Complex32};

/// Samples a second.
pub(crate) const RATE: u32 = 24_000;
/// Samples of a frame.
pub(crate) const HOP: usize = 300;
const WINDOW: usize = 1200;
const OVERLAP: usize = WINDOW / HOP;
/// Frequencies of a spectrum.
pub(crate) const BINS: usize = WINDOW / 2 + 1;

/// Below this pitch a frame is unvoiced, in Hz.
const VOICED_FROM: f32 = 40.0;
/// Overtones go up to this frequency, in Hz.
const HIGHEST: f32 = 11_000.0;
/// Logarithms of magnitudes are cut off here.
const LOUDEST: f32 = 7.0;

/// What the network predicts of `frames` frames. Spectra are stored frequency by frequency.
pub(crate) struct Prediction<'a> {
    pub(crate) frames: usize,
    pub(crate) voiced: &'a [f32],
    pub(crate) voiced_phase: &'a [f32],
    pub(crate) breath: &'a [f32],
    pub(crate) free: &'a [f32],
    pub(crate) free_phase: &'a [f32],
    pub(crate) pitch: &'a [f32],
}

impl Prediction<'_> {
    /// Do all parts have the size that `frames` asks for?
    pub(crate) fn is_whole(&self) -> bool {
        let spectra = [self.voiced, self.voiced_phase, self.breath, self.free, self.free_phase];
        self.pitch.len() == self.frames
            && spectra.iter().all(|spectrum| spectrum.len() == self.frames * BINS)
    }
}

pub(crate) struct Vocoder {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    window: [f32; WINDOW],
}

impl Vocoder {
    pub(crate) fn new() -> Self {
        let mut planner = RealFftPlanner::new();
        let turn = std::f32::consts::TAU / WINDOW as f32;
        Vocoder {
            forward: planner.plan_fft_forward(WINDOW),
            inverse: planner.plan_fft_inverse(WINDOW),
            window: std::array::from_fn(|n| 0.5 - 0.5 * (turn * n as f32).cos()),
        }
    }

    /// The samples of frames `from..to`, ±1 at full scale. The noise is the same every time.
    pub(crate) fn synthesize(&self, said: &Prediction<'_>, from: usize, to: usize) -> Vec<f32> {
        let (from, to) = (from.min(said.frames), to.min(said.frames));
        if from >= to {
            return Vec::new();
        }
        // Frames whose windows reach into the range.
        let first = from.saturating_sub(OVERLAP / 2);
        let last = (to + OVERLAP / 2).min(said.frames);
        let pulses = pulses(said.pitch);
        let mut wave = vec![0.0; (last - first + OVERLAP) * HOP];
        let mut weight = vec![0.0; wave.len()];
        let mut frame = self.forward.make_input_vec();
        let mut spectrum = self.forward.make_output_vec();
        let mut scratch = self.forward.make_scratch_vec();
        let mut inverse_scratch = self.inverse.make_scratch_vec();
        let mut noise = Noise(0x9E37_79B9_7F4A_7C15);

        // A unit cosine peaks at half the window's sum.
        let source_scale = 1.0 / (WINDOW as f32 / 4.0);
        for index in first..last {
            let start = (index * HOP) as isize - (WINDOW / 2) as isize;
            for (n, slot) in frame.iter_mut().enumerate() {
                *slot = reflected(&pulses, start + n as isize) * self.window[n] * source_scale;
            }
            self.forward
                .process_with_scratch(&mut frame, &mut spectrum, &mut scratch)
                .expect("the buffers were made by this transform");
            for (bin, value) in spectrum.iter_mut().enumerate() {
                let at = bin * said.frames + index;
                let level = |log: f32| log.min(LOUDEST).exp();
                let turned = std::f32::consts::PI * said.voiced_phase[at].tanh();
                *value = *value * Complex32::from_polar(level(said.voiced[at]), turned)
                    + noise.next() * level(said.breath[at])
                    + Complex32::from_polar(level(said.free[at]), said.free_phase[at]);
            }
            // Neither has a phase in the spectrum of a real wave.
            spectrum[0].im = 0.0;
            spectrum[BINS - 1].im = 0.0;
            self.inverse
                .process_with_scratch(&mut spectrum, &mut frame, &mut inverse_scratch)
                .expect("the buffers were made by this transform");
            let place = (index - first) * HOP;
            for n in 0..WINDOW {
                wave[place + n] += frame[n] * self.window[n] / WINDOW as f32;
                weight[place + n] += self.window[n] * self.window[n];
            }
        }
        let offset = WINDOW / 2 + (from - first) * HOP;
        let range = offset..offset + (to - from) * HOP;
        wave[range.clone()].iter().zip(&weight[range]).map(|(s, w)| s / w.max(1e-6)).collect()
    }
}

/// A sample of `wave`, mirrored at its ends.
fn reflected(wave: &[f32], at: isize) -> f32 {
    let last = wave.len() as isize - 1;
    if last <= 0 {
        return wave.first().copied().unwrap_or_default();
    }
    let folded = at.rem_euclid(2 * last);
    wave[folded.min(2 * last - folded) as usize]
}

/// A pulse train of the pitch: every overtone at the same strength, nothing where it is unvoiced.
fn pulses(pitch: &[f32]) -> Vec<f32> {
    let frames = pitch.len();
    let mut phase = 0.0_f64;
    let mut out = Vec::with_capacity(frames * HOP);
    for frame in 0..frames {
        let (here, before, after) =
            (pitch[frame], pitch[frame.saturating_sub(1)], pitch[(frame + 1).min(frames - 1)]);
        for n in 0..HOP {
            // A frame's pitch is that of its middle.
            let place = (n as f32 + 0.5) / HOP as f32 - 0.5;
            let hz = if place < 0.0 {
                here + (before - here) * -place
            } else {
                here + (after - here) * place
            };
            let rate = hz.max(VOICED_FROM);
            phase = (phase + f64::from(rate) / f64::from(RATE)).fract();
            if hz <= VOICED_FROM {
                out.push(0.0);
                continue;
            }
            let turn = (phase * std::f64::consts::TAU) as f32;
            let overtones = (HIGHEST / rate).floor() + 0.5;
            let below = 2.0 * (turn * 0.5).sin();
            // The sum of so many cosines has a closed form, whose limit at a full turn is their number.
            let sum =
                if below.abs() <= 2e-3 { overtones } else { (overtones * turn).sin() / below };
            out.push(sum - 0.5);
        }
    }
    out
}

/// Normally distributed noise, the same from every start.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 40) as f32 + 1.0) / (1 << 24) as f32
    }

    /// Both parts of deviation 1.
    fn next(&mut self) -> Complex32 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        Complex32::from_polar(radius, std::f32::consts::TAU * self.uniform())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENT: f32 = -30.0;

    fn prediction<'a>(
        frames: usize,
        voiced: &'a [f32],
        quiet: &'a [f32],
        pitch: &'a [f32],
    ) -> Prediction<'a> {
        Prediction {
            frames,
            voiced,
            voiced_phase: &quiet[..0],
            breath: quiet,
            free: quiet,
            free_phase: quiet,
            pitch,
        }
    }

    #[test]
    fn a_steady_pitch_gives_its_overtones_at_the_level_asked_for() {
        let frames = 40;
        let (pitch, quiet) = (vec![200.0; frames], vec![SILENT; frames * BINS]);
        let zero = vec![0.0; frames * BINS];
        // Only the fundamental (bin 10 is 200 Hz) is let through. A spectrum of 300, a quarter of the
        // window, is full scale, so this is a tenth.
        let mut voiced = quiet.clone();
        for bin in 8..13 {
            voiced[bin * frames..(bin + 1) * frames].fill(30_f32.ln());
        }
        let mut said = prediction(frames, &voiced, &quiet, &pitch);
        said.voiced_phase = &zero;
        assert!(said.is_whole());
        let wave = Vocoder::new().synthesize(&said, 0, frames);
        assert_eq!(wave.len(), frames * HOP);
        let middle = &wave[10 * HOP..30 * HOP];
        let rms = (middle.iter().map(|s| s * s).sum::<f32>() / middle.len() as f32).sqrt();
        // A cosine of amplitude a has the RMS a / sqrt 2.
        assert!((rms - 0.1 / 2.0_f32.sqrt()).abs() < 0.01, "{rms}");
    }

    #[test]
    fn a_part_of_the_frames_sounds_as_it_does_in_the_whole() {
        let frames = 30;
        let (pitch, quiet) = (vec![150.0; frames], vec![SILENT; frames * BINS]);
        let (zero, voiced) = (vec![0.0; frames * BINS], vec![3.0; frames * BINS]);
        let mut said = prediction(frames, &voiced, &quiet, &pitch);
        said.voiced_phase = &zero;
        let vocoder = Vocoder::new();
        let whole = vocoder.synthesize(&said, 0, frames);
        let part = vocoder.synthesize(&said, 10, 20);
        let close = part.iter().zip(&whole[10 * HOP..20 * HOP]).all(|(a, b)| (a - b).abs() < 1e-3);
        assert!(close && part.len() == 10 * HOP);
        assert!(vocoder.synthesize(&said, 25, 25).is_empty());
    }

    #[test]
    fn without_pitch_there_are_no_pulses() {
        assert!(pulses(&[0.0; 5]).iter().all(|sample| *sample == 0.0));
        assert!(pulses(&[120.0; 5]).iter().any(|sample| *sample > 10.0));
        assert!(pulses(&[]).is_empty());
    }
}
