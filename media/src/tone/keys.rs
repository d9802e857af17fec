//! Keys as tones.

use crate::g711;

/// Low and high frequencies in Hz, and the keys at their crossings: ITU-T Q.23.
const LOW: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
const KEYS: [[char; 4]; 4] =
    [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];

/// Levels of the two, as amplitudes: -9 and -7 dBm0, where mu-law's full scale is +3.17 dBm0. Within
/// what Q.24's receivers take (0 to -25 dBm), the high one a little louder as lines dampen it more.
const LOW_LOUD: f32 = 32_124.0 * 0.246_3;
const HIGH_LOUD: f32 = 32_124.0 * 0.310_1;

/// Rise and fall, samples: 3 ms. Q.24 wants no more than 7 ms; without any, each key would click.
const EDGE: usize = 24;

/// The shortest tone and pause that a receiver must know: ITU-T Q.24, 40 ms.
const SHORTEST_MS: u32 = 40;
/// The longest that make sense.
const LONGEST_MS: u32 = 2_000;
/// The most keys at a time.
const MOST_KEYS: usize = 64;

/// Why there are no tones for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSuchKey {
    /// No telephone has this key.
    #[error("a telephone has no key {0:?}")]
    Key(char),
    /// So many are not pressed at a time.
    #[error("more than {MOST_KEYS} keys at a time")]
    TooMany,
}

/// The tones of these keys (`0`–`9`, `*`, `#`, `A`–`D`), in mu-law at 8 kHz: each sounds for `on_ms`
/// and is followed by `off_ms` of silence. 80 to 100 ms each are understood everywhere; less than 40 ms
/// is taken for 40, more than 2,000 for that.
///
/// # Errors
/// There is no such key, or there are more than 64.
pub fn dtmf(keys: &str, on_ms: u32, off_ms: u32) -> Result<Vec<u8>, NoSuchKey> {
    let samples = |ms: u32| (ms.clamp(SHORTEST_MS, LONGEST_MS) * 8) as usize;
    let (on, off) = (samples(on_ms), samples(off_ms));
    if keys.chars().nth(MOST_KEYS).is_some() {
        return Err(NoSuchKey::TooMany);
    }
    let mut mulaw = Vec::with_capacity(keys.len() * (on + off));
    for key in keys.chars() {
        let (low, high) = tones(key).ok_or(NoSuchKey::Key(key))?;
        mulaw.extend((0..on).map(|place| {
            let turn = std::f32::consts::TAU * place as f32 / 8_000.0;
            let edge = place.min(on - 1 - place).min(EDGE) as f32 / EDGE as f32;
            let both = LOW_LOUD * (turn * low).sin() + HIGH_LOUD * (turn * high).sin();
            g711::encode((edge * both) as i16)
        }));
        mulaw.resize(mulaw.len() + off, g711::SILENCE);
    }
    Ok(mulaw)
}

fn tones(key: char) -> Option<(f32, f32)> {
    let key = key.to_ascii_uppercase();
    let row = KEYS.iter().position(|row| row.contains(&key))?;
    let column = KEYS[row].iter().position(|one| *one == key)?;
    Some((LOW[row], HIGH[column]))
}
