//! Whisper's log-mel picture of eight seconds, as Smart Turn was trained on it.
//!
//! The same sums as `WhisperFeatureExtractor(chunk_length=8)` of Hugging Face's transformers with
//! `do_normalize`: the waveform to zero mean and unit variance, short-time Fourier transforms of 400
//! samples every 160 (Hann, centred, the ends mirrored), 80 triangular bands on Slaney's mel scale,
//! the logarithm to base ten, at most eight decades below its peak, halved twice around -4.

use std::{f64::consts::PI, sync::Arc};

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};

/// Samples at 16 kHz that are pictured: eight seconds.
pub(super) const SAMPLES: usize = 128_000;
/// Bands of the picture.
pub(super) const BANDS: usize = 80;
/// Moments of the picture, 10 ms apart.
pub(super) const FRAMES: usize = SAMPLES / HOP;

const WINDOW: usize = 400;
const HOP: usize = 160;
const BINS: usize = WINDOW / 2 + 1;
const RATE: f64 = 16_000.0;

/// What the picture is made with.
pub(super) struct Mel {
    fft: Arc<dyn RealToComplex<f32>>,
    hann: Vec<f32>,
    bands: Vec<Band>,
    padded: Vec<f32>,
    windowed: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

/// One triangle: the bins from `first` on, with their weights.
struct Band {
    first: usize,
    weights: Vec<f32>,
}

impl Mel {
    pub(super) fn new() -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(WINDOW);
        let hann = (0..WINDOW)
            .map(|index| (0.5 - 0.5 * (2.0 * PI * index as f64 / WINDOW as f64).cos()) as f32)
            .collect();
        Mel {
            hann,
            bands: bands(),
            padded: Vec::new(),
            windowed: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            fft,
        }
    }

    /// The picture of the last eight seconds of `samples`, silence before them where there are fewer:
    /// [`BANDS`] rows of [`FRAMES`].
    pub(super) fn picture(&mut self, samples: &[f32], picture: &mut Vec<f32>) {
        self.prepare(samples);
        picture.clear();
        picture.resize(BANDS * FRAMES, 0.0);
        let mut highest = f32::MIN;
        for frame in 0..FRAMES {
            let from = frame * HOP;
            for ((out, sample), weight) in
                self.windowed.iter_mut().zip(&self.padded[from..]).zip(&self.hann)
            {
                *out = sample * weight;
            }
            self.fft
                .process_with_scratch(&mut self.windowed, &mut self.spectrum, &mut self.scratch)
                .expect("the buffers are of the transform's own lengths");
            for (row, band) in self.bands.iter().enumerate() {
                let bins = &self.spectrum[band.first..];
                let power: f32 =
                    bins.iter().zip(&band.weights).map(|(b, w)| b.norm_sqr() * w).sum();
                let value = power.max(1e-10).log10();
                highest = highest.max(value);
                picture[row * FRAMES + frame] = value;
            }
        }
        for value in picture {
            *value = (value.max(highest - 8.0) + 4.0) / 4.0;
        }
    }

    /// Eight seconds of zero mean and unit variance, mirrored by half a window at both ends.
    fn prepare(&mut self, samples: &[f32]) {
        let samples = &samples[samples.len().saturating_sub(SAMPLES)..];
        let silent = SAMPLES - samples.len();
        let sum: f64 = samples.iter().map(|&sample| f64::from(sample)).sum();
        let mean = sum / SAMPLES as f64;
        let squares: f64 = samples.iter().map(|&s| (f64::from(s) - mean).powi(2)).sum();
        let variance = (squares + silent as f64 * mean * mean) / SAMPLES as f64;
        let scale = 1.0 / (variance + 1e-7).sqrt();
        let normal = |sample: f32| ((f64::from(sample) - mean) * scale) as f32;

        const EDGE: usize = WINDOW / 2;
        self.padded.clear();
        self.padded.resize(EDGE + silent, normal(0.0));
        self.padded.extend(samples.iter().map(|&sample| normal(sample)));
        for index in 0..EDGE {
            // Without the outermost sample itself, as numpy's "reflect".
            self.padded[index] = self.padded[2 * EDGE - index];
            let mirrored = self.padded[EDGE + SAMPLES - 2 - index];
            self.padded.push(mirrored);
        }
    }
}

/// Slaney's mel scale: straight up to 1 kHz, logarithmic above.
fn hertz(mel: f64) -> f64 {
    if mel < 15.0 {
        200.0 / 3.0 * mel
    } else {
        1_000.0 * (6.4_f64.ln() / 27.0 * (mel - 15.0)).exp()
    }
}

fn bands() -> Vec<Band> {
    let highest = 15.0 + (RATE / 2.0 / 1_000.0).ln() * 27.0 / 6.4_f64.ln();
    let edge = |index: usize| hertz(highest * index as f64 / (BANDS + 1) as f64);
    let band = |index: usize| {
        let (low, peak, high) = (edge(index), edge(index + 1), edge(index + 2));
        let weight = |bin: usize| {
            let at = bin as f64 * RATE / WINDOW as f64;
            let triangle = ((at - low) / (peak - low)).min((high - at) / (high - peak)).max(0.0);
            // Of equal area, so that wide bands are not louder.
            triangle * 2.0 / (high - low)
        };
        let weights: Vec<f64> = (0..BINS).map(weight).collect();
        let first = weights.iter().position(|&weight| weight > 0.0).unwrap_or(0);
        let last = weights.iter().rposition(|&weight| weight > 0.0).unwrap_or(0);
        Band { first, weights: weights[first..=last].iter().map(|&weight| weight as f32).collect() }
    };
    (0..BANDS).map(band).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bands 0, 10, … 70 at [`AT`] of [`sound`], by the extractor that Smart Turn's own package
    /// (pipecat-ai 1.14.0) uses, `compute_whisper_log_mel_features` in numpy.
    const REFERENCE: [[f32; 4]; 8] = [
        [0.76198, 1.34734, 0.88038, 0.92895],
        [0.55820, 0.99500, 0.88466, 0.78316],
        [0.33198, 0.82191, 0.88001, 0.39250],
        [0.42741, 0.93788, 0.87982, 0.13454],
        [0.47817, 1.35455, 0.88761, -0.17018],
        [0.28911, 0.79832, 0.88117, 0.37281],
        [0.34296, 0.85294, 0.88104, 0.10993],
        [0.35628, 0.86629, 0.88056, -0.08613],
    ];
    /// Moments just before the sound begins, at its beginning, within it and at its end.
    const AT: [usize; 4] = [499, 500, 650, 799];

    /// Two tones and a click, three seconds, exactly made.
    fn sound() -> Vec<f32> {
        (0..48_000)
            .map(|index| {
                let at = index as f64 / RATE;
                let tones = 0.3 * (2.0 * PI * 220.0 * at).sin()
                    + 0.1 * (2.0 * PI * 1_700.0 * at * (1.0 + at / 10.0)).sin();
                (tones + if index % 4_000 == 0 { 0.5 } else { 0.0 }) as f32
            })
            .collect()
    }

    #[test]
    fn the_picture_is_the_reference_extractors() {
        let mut picture = Vec::new();
        Mel::new().picture(&sound(), &mut picture);
        for (row, expected) in REFERENCE.iter().enumerate() {
            for (column, expected) in expected.iter().enumerate() {
                let found = picture[row * 10 * FRAMES + AT[column]];
                assert!((found - expected).abs() < 2e-3, "{row} {column}: {found} {expected}");
            }
        }
    }

    #[test]
    fn silence_and_too_much_audio_have_pictures() {
        let (mut mel, mut picture) = (Mel::new(), Vec::new());
        mel.picture(&[], &mut picture);
        assert!(picture.iter().all(|value| value.is_finite()));
        let long = vec![0.1; SAMPLES + 12_345];
        mel.picture(&long, &mut picture);
        assert_eq!(picture.len(), BANDS * FRAMES);
    }
}
