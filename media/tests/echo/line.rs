//! A line that returns what is said on it: delay, loss, a room, two codings, noise.

use media::g711;

/// Numbers by chance, the same for the same seed (xorshift64*).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// From -1 to 1.
    pub fn even(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// The way of an echo.
#[derive(Clone, Copy, Debug)]
pub struct Echo {
    pub delay_ms: usize,
    pub loss_db: f32,
    /// How long the room takes to fall by 60 dB; 0 is an electric line.
    pub room_ms: usize,
    pub seed: u64,
}

impl Echo {
    /// What comes back of `agent`, as long as it is.
    pub fn of(&self, agent: &[i16]) -> Vec<f32> {
        let mut chance = Chance::new(self.seed);
        // The room: a direct sound, and reflections that die away.
        let mut taps: Vec<(usize, f32)> = vec![(0, 1.0)];
        for _ in 0..if self.room_ms > 0 { 60 } else { 0 } {
            let place = chance.below(self.room_ms * 8 / 2);
            let fall = -60.0 * place as f32 / (self.room_ms * 8) as f32;
            taps.push((place, 0.35 * chance.even() * 10_f32.powf(fall / 20.0)));
        }
        let power: f32 = taps.iter().map(|(_, gain)| gain * gain).sum();
        let gain = 10_f32.powf(-self.loss_db / 20.0) / power.sqrt();
        let mut out = vec![0.0; agent.len()];
        let coded: Vec<f32> =
            agent.iter().map(|&s| f32::from(g711::decode(g711::encode(s)))).collect();
        for &(place, tap) in &taps {
            let from = self.delay_ms * 8 + place;
            for (slot, sample) in out.iter_mut().skip(from).zip(&coded) {
                *slot += gain * tap * sample;
            }
        }
        // A small loudspeaker and microphone: little below 400 Hz, less above 2,500 Hz.
        let (mut low, mut lower) = (0.0, 0.0);
        for slot in &mut out {
            low += 0.75 * (*slot - low);
            lower += 0.25 * (low - lower);
            *slot = 1.3 * (low - lower);
        }
        out
    }
}

pub fn rms(samples: &[i16]) -> f32 {
    let sum: f64 = samples.iter().map(|&s| f64::from(s) * f64::from(s)).sum();
    (sum / samples.len().max(1) as f64).sqrt() as f32
}

/// The level of the part of the samples that is speech: of the louder half of its frames, in dBFS.
pub fn speech_dbfs(samples: &[i16]) -> f32 {
    let mut powers: Vec<f32> = samples.chunks(160).map(|frame| rms(frame).powi(2)).collect();
    powers.sort_by(|a, b| b.total_cmp(a));
    powers.truncate((powers.len() / 2).max(1));
    let mean = powers.iter().sum::<f32>() / powers.len() as f32;
    10.0 * (mean.max(1.0) / 32768.0_f32.powi(2)).log10()
}

/// Brings speech to this level.
pub fn levelled(samples: &[i16], dbfs: f32) -> Vec<i16> {
    let gain = 10_f32.powf((dbfs - speech_dbfs(samples)) / 20.0);
    samples.iter().map(|&s| (f32::from(s) * gain).clamp(-32000.0, 32000.0) as i16).collect()
}

/// The caller's side as it arrives: echo, caller and noise, coded.
pub fn mixed(echo: &[f32], caller: &[i16], noise_dbfs: f32, seed: u64) -> Vec<i16> {
    let mut chance = Chance::new(seed ^ 0x55);
    let gain = 32768.0 * 10_f32.powf(noise_dbfs / 20.0) * 3_f32.sqrt();
    (0..echo.len().max(caller.len()))
        .map(|place| {
            let voice = f32::from(caller.get(place).copied().unwrap_or_default());
            let sum = echo.get(place).copied().unwrap_or_default() + voice + gain * chance.even();
            g711::decode(g711::encode(sum.clamp(-32768.0, 32767.0) as i16))
        })
        .collect()
}

/// `samples` put into silence of so many samples at a place.
pub fn placed(samples: &[i16], at: usize, length: usize) -> Vec<i16> {
    let mut out = vec![0; length];
    for (slot, &sample) in out.iter_mut().skip(at).zip(samples) {
        *slot = sample;
    }
    out
}
