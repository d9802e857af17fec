//! What callers do: recorded speech, coughs and hums, and noises, each at a level and a place.

use media::{g711, prosody::Prosody};

/// Samples in a second.
pub const RATE: usize = 8_000;
const FRAME: usize = 160;

/// The level of a caller of common loudness, dBFS, over the louder half of the frames.
pub const COMMON_DBFS: f32 = -20.0;
/// The line's own noise, dBFS.
pub const LINE_DBFS: f32 = -62.0;

/// Numbers by chance, the same for the same seed (xorshift64*).
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn even(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

fn power(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    sum / samples.len().max(1) as f64
}

fn dbfs(power: f64) -> f32 {
    (10.0 * (power.max(1e-3) / 32768.0_f64.powi(2)).log10()) as f32
}

/// The level of the louder half of the frames.
fn level(samples: &[i16]) -> f32 {
    let mut powers: Vec<f64> = samples.chunks(FRAME).map(power).collect();
    powers.sort_by(|a, b| b.total_cmp(a));
    powers.truncate(powers.len().div_ceil(2));
    dbfs(powers.iter().sum::<f64>() / powers.len().max(1) as f64)
}

/// Brings a sound to a level.
pub fn levelled(samples: &[i16], to_dbfs: f32) -> Vec<i16> {
    let gain = 10_f32.powf((to_dbfs - level(samples)) / 20.0);
    samples.iter().map(|&s| (f32::from(s) * gain).clamp(-32000.0, 32000.0) as i16).collect()
}

/// The first voiced frame: the first of 10 ms within 20 dB of the sound's own level that two of the
/// next three also are. In samples.
pub fn onset(samples: &[i16]) -> usize {
    let threshold = level(samples) - 20.0;
    let loud: Vec<bool> = samples.chunks(80).map(|frame| dbfs(power(frame)) > threshold).collect();
    let first = (0..loud.len())
        .find(|&at| loud[at] && loud[at + 1..].iter().take(3).filter(|loud| **loud).count() >= 2);
    first.unwrap_or(0) * 80
}

/// The first voiced frame of 20 ms, by its pitch: of the first 60 ms or more in a row whose pitch stays
/// near, all within 20 dB of the sound's own level. In samples; the onset, if nothing is voiced.
pub fn first_voiced(samples: &[i16]) -> usize {
    const RUN_MS: u64 = 60;
    let threshold = level(samples) - 20.0;
    let loud = |place: usize| dbfs(power(&samples[place * FRAME..][..FRAME])) > threshold;
    let run = RUN_MS as usize * RATE / 1_000 / FRAME;
    let mut prosody = Prosody::new();
    for (place, frame) in samples.chunks_exact(FRAME).enumerate() {
        prosody.push(frame);
        let now_ms = (place as u64 + 1) * 20;
        let held = u64::from(prosody.ending(0, now_ms).held_ms) >= RUN_MS;
        // `held_ms` leaves out what is not voiced at the end: this frame must be.
        let voiced_now = prosody.ending(now_ms.saturating_sub(RUN_MS), now_ms).held_ms >= 60;
        if held && voiced_now && (place + 1 - run..=place).all(loud) {
            return (place + 1 - run) * FRAME;
        }
    }
    onset(samples)
}

/// The line of a call of so many ms: noise, then a sound added with its onset at `at_ms`.
pub struct Line {
    pub samples: Vec<f32>,
    seed: u64,
}

impl Line {
    pub fn quiet(ms: usize, seed: u64) -> Self {
        let mut line = Line { samples: vec![0.0; ms * RATE / 1_000], seed };
        line.hiss(LINE_DBFS);
        line
    }

    /// White noise all along.
    fn hiss(&mut self, to_dbfs: f32) {
        let mut chance = Chance::new(self.seed ^ 0x15);
        let gain = 32768.0 * 10_f32.powf(to_dbfs / 20.0) * 3_f32.sqrt();
        self.samples.iter_mut().for_each(|sample| *sample += gain * chance.even());
    }

    /// Adds a sound whose onset is at `at_ms`.
    pub fn add(&mut self, sound: &[i16], at_ms: usize) -> &mut Self {
        let from = (at_ms * RATE / 1_000).saturating_sub(onset(sound));
        for (slot, &sample) in self.samples.iter_mut().skip(from).zip(sound) {
            *slot += f32::from(sample);
        }
        self
    }

    /// Adds a sound from `at_ms` on, as it is.
    pub fn add_from(&mut self, sound: &[i16], at_ms: usize) -> &mut Self {
        for (slot, &sample) in self.samples.iter_mut().skip(at_ms * RATE / 1_000).zip(sound) {
            *slot += f32::from(sample);
        }
        self
    }

    /// As it arrives: coded.
    pub fn coded(&self) -> Vec<i16> {
        let code =
            |sample: &f32| g711::decode(g711::encode(sample.clamp(-32768.0, 32767.0) as i16));
        self.samples.iter().map(code).collect()
    }
}

/// Noise whose power falls by 3 dB an octave, as of traffic or a fan (Kellet's filter).
pub fn pink(ms: usize, to_dbfs: f32, seed: u64) -> Vec<i16> {
    let mut chance = Chance::new(seed);
    let mut state = [0.0_f32; 3];
    let samples: Vec<i16> = (0..ms * RATE / 1_000)
        .map(|_| {
            let white = chance.even();
            state[0] = 0.997_65 * state[0] + white * 0.099_046;
            state[1] = 0.963_0 * state[1] + white * 0.296_516_4;
            state[2] = 0.57 * state[2] + white * 1.052_691_3;
            (3_000.0 * (state.iter().sum::<f32>() + white * 0.184_8)) as i16
        })
        .collect();
    levelled(&samples, to_dbfs)
}

/// Six people who talk at once, somewhere in the room.
pub fn babble(ms: usize, to_dbfs: f32, seed: u64) -> Vec<i16> {
    let mut set = fixtures::set("librivox");
    set.extend(fixtures::set("asterisk"));
    let mut chance = Chance::new(seed ^ 0xBAB);
    let length = ms * RATE / 1_000;
    let mut sum = vec![0.0_f32; length];
    for _ in 0..6 {
        let mut at = 0;
        while at < length {
            let voice = levelled(&set[chance.below(set.len())].samples_8k(), -26.0);
            for (slot, &sample) in sum.iter_mut().skip(at).zip(&voice) {
                *slot += f32::from(sample);
            }
            at += voice.len();
        }
    }
    let samples: Vec<i16> = sum.iter().map(|&s| s.clamp(-32000.0, 32000.0) as i16).collect();
    levelled(&samples, to_dbfs)
}
