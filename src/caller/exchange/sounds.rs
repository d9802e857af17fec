//! What the exchange sounds like: a voice for `<Say>`, music, a beep.
//!
//! No speech: a `<Say>` is a tone as long as its text. The text itself is in the leg's history.

use std::time::Duration;

use media::{g711, recording};

use super::super::clip::Clip;

/// The height of the voice, in Hz; and of the beep and the music.
const VOICE_HZ: u32 = 310;
const BEEP_HZ: u32 = 1_000;
const MUSIC_HZ: f64 = 220.0;
/// The music's loudness: well below a voice's.
const MUSIC_LOUD: f64 = 1_500.0;
/// How long a beep lasts.
const BEEP: Duration = Duration::from_millis(120);
/// The longest text that is said, in time.
const LONGEST_SAID: Duration = Duration::from_secs(120);

/// A text, said at this time for each of its characters.
pub fn said(text: &str, per_character: Duration) -> Vec<u8> {
    let count = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    let length = per_character.saturating_mul(count).min(LONGEST_SAID);
    tone(VOICE_HZ, length)
}

/// What tells of somebody's joining or leaving.
pub fn beep() -> Vec<u8> {
    tone(BEEP_HZ, BEEP)
}

fn tone(hz: u32, length: Duration) -> Vec<u8> {
    // No samples are no clip.
    Clip::tone(hz, length).map_or_else(|_| Vec::new(), |clip| clip.mulaw().to_vec())
}

/// The music of those who wait, from this sample on.
pub fn music(from: usize, samples: usize) -> Vec<u8> {
    let step = std::f64::consts::TAU * MUSIC_HZ / 8_000.0;
    let wave = |at: usize| (at as f64 * step).sin() * MUSIC_LOUD;
    (from..from + samples).map(|at| g711::encode(wave(at) as i16)).collect()
}

/// A file as the carrier would play it: WAV, or mu-law without a header.
///
/// # Errors
/// It is neither.
pub fn file(kind: &str, bytes: &[u8]) -> Result<Vec<u8>, String> {
    match kind {
        "audio/basic" | "audio/ulaw" | "audio/x-mulaw" => Ok(bytes.to_vec()),
        _ if bytes.starts_with(b"RIFF") => recording::parse_wav_8k(bytes)
            .map(|samples| g711::encode_all(&samples))
            .map_err(|error| error.to_string()),
        other => Err(format!("a file of the type {other:?} is not played")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_lasts_as_long_as_it_has_characters() {
        assert_eq!(said("Press 1.", Duration::from_millis(10)).len(), 80 * 8);
        assert_eq!(said("", Duration::from_millis(10)).len(), 0);
        assert_eq!(said(&"x".repeat(1_000_000), Duration::from_secs(1)).len(), 120 * 8_000);
    }

    #[test]
    fn files_are_wav_or_mulaw() {
        assert_eq!(file("audio/basic", &[1, 2]), Ok(vec![1, 2]));
        assert!(file("text/html", b"<p>").is_err());
        assert!(file("audio/wav", b"RIFF and no more").is_err());
    }
}
