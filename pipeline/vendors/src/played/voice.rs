//! What a played vendor's speech sounds like.

use std::sync::Arc;

use media::g711;

/// Samples a second that a [`Voice`] makes.
pub const RATE: u32 = 24_000;

/// Makes speech of text: 24 kHz mono samples. A tone unless something better is given.
#[derive(Clone)]
pub struct Voice(Arc<Speak>);

type Speak = dyn Fn(&str) -> Vec<i16> + Send + Sync;

impl Voice {
    /// A voice that calls `speak` with each sentence; it answers with 24 kHz samples.
    pub fn new(speak: impl Fn(&str) -> Vec<i16> + Send + Sync + 'static) -> Self {
        Voice(Arc::new(speak))
    }

    /// A tone of 440 Hz, this long for each character.
    pub fn tone(ms_per_char: u32) -> Self {
        Voice::new(move |text| {
            let ms = text.chars().count() as u64 * u64::from(ms_per_char);
            let sample = |n: u64| {
                let phase = n as f64 * 440.0 * std::f64::consts::TAU / f64::from(RATE);
                (phase.sin() * 8_000.0) as i16
            };
            (0..ms * u64::from(RATE) / 1_000).map(sample).collect()
        })
    }

    /// The sentence as 24 kHz samples.
    pub fn samples(&self, text: &str) -> Vec<i16> {
        (self.0)(text)
    }

    /// The sentence as 8 kHz mu-law.
    pub fn mulaw(&self, text: &str) -> Vec<u8> {
        let mean = |three: &[i16]| {
            let sum: i32 = three.iter().copied().map(i32::from).sum();
            g711::encode((sum / 3) as i16)
        };
        self.samples(text).chunks_exact(3).map(mean).collect()
    }
}

impl Default for Voice {
    fn default() -> Self {
        Voice::tone(40)
    }
}

impl std::fmt::Debug for Voice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Voice")
    }
}
