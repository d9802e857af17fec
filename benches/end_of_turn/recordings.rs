//! Turns of recorded people, each with a known end.
//!
//! A recording counts as one turn, over at its last sound: a whole announcement, a whole sentence read
//! aloud, a whole line of an actor's. Pauses within it are pauses within the turn. Everything is
//! brought to the telephone: 8 kHz, one loudness, a faint noise under all of it so that a recording's
//! own noise floor does not give its end away, and mu-law.

use std::path::Path;

use media::{g711, recording, resample::Resampler};
use turn::endpoint::Question;

use crate::packed::unpacked;

/// Loudness of speech after levelling, dB of full scale.
const SPEECH_DB: f32 = -22.0;
/// Loudness of the line's noise, dB of full scale.
const NOISE_DB: f32 = -52.0;
/// Silence before the first sound and after the last one, ms.
const BEFORE_MS: usize = 600;
const AFTER_MS: usize = 3_000;
/// A moment this far below the loud ones is silence, dB.
const SILENT_BELOW_DB: f32 = -36.0;
/// Lines with a silence of so much are all taken, ms.
const PAUSES_FROM_MS: usize = 220;

/// One turn, as the carrier would send it.
pub struct Turn {
    /// Where it comes from, and which of it.
    pub name: String,
    /// The kind of recording it is reported under.
    pub kind: &'static str,
    /// What is one whole for the split in two halves: a speaker, a scene.
    pub group: String,
    /// What the agent had asked, where the turn answers something.
    pub asked: Option<Question>,
    pub mulaw: Vec<u8>,
    /// The last sound, ms from the beginning.
    pub ends_ms: u64,
}

impl Turn {
    /// Is this in the half on which weights are fitted, rather than the half that is reported? A
    /// fixed hash of the group decides.
    pub fn is_for_fitting(&self) -> bool {
        hash(self.group.as_bytes()).is_multiple_of(2)
    }

    fn new(name: String, kind: &'static str, group: String, speech: &[i16]) -> Option<Turn> {
        let (mulaw, ends_ms) = on_the_line(speech, hash(name.as_bytes()))?;
        Some(Turn { name, kind, group, asked: None, mulaw, ends_ms })
    }
}

/// All turns that can be had on this machine, in a fixed order.
pub fn turns() -> Vec<Turn> {
    let mut turns = announcements_and_readings();
    turns.extend(codec_samples());
    turns.extend(actors());
    turns.extend(numbers());
    turns
}

/// The fixtures of people.
fn announcements_and_readings() -> Vec<Turn> {
    let mut turns = Vec::new();
    for (set, kind) in
        [("asterisk", "announcements"), ("librivox", "readings"), ("pocketsphinx", "readings")]
    {
        for recording in fixtures::set(set) {
            // One speaker reads a whole set of announcements: a few of them are a group.
            let group = format!("{set} {}", hash(recording.name.as_bytes()) % 8);
            turns.extend(Turn::new(recording.name.clone(), kind, group, &recording.samples_8k()));
        }
    }
    turns
}

/// Debian's codec2-examples: single sentences, each by another speaker.
fn codec_samples() -> Vec<Turn> {
    let folder = Path::new("/usr/share/codec2/wav");
    ["hts1a", "hts2a", "forig", "morig", "big_dog", "cross"]
        .iter()
        .filter_map(|name| {
            let speech = recording::read_wav_8k(folder.join(format!("{name}.wav"))).ok()?;
            Turn::new(format!("codec2/{name}"), "readings", format!("codec2 {name}"), &speech)
        })
        .collect()
}

/// The folder of Debian's beneath-a-steel-sky, or what `TANDEM_STEEL_SKY_DIR` names.
fn game() -> std::path::PathBuf {
    std::env::var_os("TANDEM_STEEL_SKY_DIR")
        .unwrap_or_else(|| "/usr/share/scummvm/beneath-a-steel-sky".into())
        .into()
}

/// Actors' lines of a game, "Beneath a Steel Sky" (Revolution Software; Debian's package of that
/// name), read where it is installed: some twenty voices in dialogue, 8 bits at 11,025 Hz, packed. The index
/// and the layout of a file are as ScummVM's `engines/sky/disk.cpp` and `sound.cpp` read them.
fn actors() -> Vec<Turn> {
    const FIRST_LINE: u16 = 50_000;
    const LAST_LINE: u16 = 58_999;
    /// Bytes before the samples.
    const HEADER: usize = 22;
    let (Ok(index), Ok(disk)) =
        (std::fs::read(game().join("sky.dnr")), std::fs::read(game().join("sky.dsk")))
    else {
        return Vec::new();
    };
    let mut turns = Vec::new();
    for entry in index[4..].chunks_exact(8) {
        let number = u16::from_le_bytes([entry[0], entry[1]]);
        if !(FIRST_LINE..=LAST_LINE).contains(&number) {
            continue;
        }
        let place = u32::from_le_bytes([entry[2], entry[3], entry[4], entry[5]]) & 0xFF_FFFF;
        let scaled = place & 0x80_0000 != 0;
        let from = (place & 0x7F_FFFF) as usize * if scaled { 16 } else { 1 };
        let length = u32::from_le_bytes([entry[5], entry[6], entry[7], 0]) & 0x3F_FFFF;
        let Some(packed) = disk.get(from + HEADER..from + length as usize) else { continue };
        let bytes = unpacked(packed).unwrap_or_else(|| packed.to_vec());
        let seconds = bytes.len() as f32 / 11_025.0;
        if !(0.7..14.0).contains(&seconds) {
            continue;
        }
        let wide: Vec<i16> = bytes.iter().map(|&byte| (i16::from(byte) - 128) * 256).collect();
        let mut speech: Vec<i16> = Vec::new();
        let mut resampler = Resampler::new(11_025, 8_000).expect("both rates are offered");
        resampler.push(&wide, &mut speech);
        resampler.flush(&mut speech);
        // All with a pause, which is what there is to be misled by, and a fifth of the others.
        if number % 5 != 0 && longest_pause_ms(&speech) < PAUSES_FROM_MS {
            continue;
        }
        // Lines of one scene follow each other, and each scene has its own characters.
        let group = format!("scene {}", number / 60);
        turns.extend(Turn::new(format!("actors/{number}"), "actors", group, &speech));
    }
    turns
}

/// Telephone numbers, put together of single digits of Debian's asterisk-core-sounds-en-wav: three
/// groups of digits, between them pauses as long as those that the actors make within lines.
fn numbers() -> Vec<Turn> {
    /// Lengths of pauses within lines, the middle of every tenth of them, ms; see
    /// `docs/end-of-turn.md`.
    const PAUSES_MS: [usize; 10] = [290, 350, 380, 420, 450, 510, 540, 610, 700, 860];
    let folder = Path::new("/usr/share/asterisk/sounds/en_US_f_Allison/digits");
    let digits: Option<Vec<Vec<i16>>> = (0..10)
        .map(|digit| {
            let speech = recording::read_wav_8k(folder.join(format!("{digit}.wav"))).ok()?;
            let (from, to) = sounding(&speech)?;
            Some(speech[from..to].to_vec())
        })
        .collect();
    let Some(digits) = digits else { return Vec::new() };
    (0..40)
        .filter_map(|index| {
            let name = format!("numbers/{index}");
            let mut draw = Noise::new(hash(name.as_bytes()));
            let mut speech = Vec::new();
            for (group, length) in [3, 3, 4].into_iter().enumerate() {
                if group > 0 {
                    let pause = PAUSES_MS[draw.below(PAUSES_MS.len())];
                    speech.resize(speech.len() + pause * 8, 0);
                }
                for _ in 0..length {
                    speech.extend(&digits[draw.below(10)]);
                    speech.resize(speech.len() + 8 * (30 + draw.below(60)), 0);
                }
            }
            let turn = Turn::new(name, "numbers", format!("number {index}"), &speech)?;
            Some(Turn { asked: Some(Question::Number), ..turn })
        })
        .collect()
}

/// Speech at the one loudness, silence before and after it, on a line with faint noise; and where its
/// last sound is, ms. `None` if there is no sound.
fn on_the_line(speech: &[i16], seed: u64) -> Option<(Vec<u8>, u64)> {
    let (from, to) = sounding(speech)?;
    let speech = &speech[from..to];
    let loud: Vec<f32> = powers(speech).filter(|power| *power > 1e-6).collect();
    let mean = loud.iter().sum::<f32>() / loud.len().max(1) as f32;
    let gain = 10_f32.powf(SPEECH_DB / 20.0) / mean.sqrt();
    let noise = 10_f32.powf(NOISE_DB / 20.0);
    let (before, after) = (BEFORE_MS * 8, AFTER_MS * 8);
    let mut draw = Noise::new(seed);
    let mulaw = (0..before + speech.len() + after)
        .map(|index| {
            let sample = index.checked_sub(before).and_then(|at| speech.get(at)).copied();
            let sample = f32::from(sample.unwrap_or(0)) / 32768.0 * gain;
            g711::encode(((sample + noise * draw.sample()) * 32768.0) as i16)
        })
        .collect();
    Some((mulaw, (BEFORE_MS + speech.len() / 8) as u64))
}

/// The mean square of each 10 ms.
fn powers(speech: &[i16]) -> impl Iterator<Item = f32> {
    speech.chunks(80).map(|moment| {
        let squares: f32 = moment.iter().map(|&s| (f32::from(s) / 32768.0).powi(2)).sum();
        squares / moment.len() as f32
    })
}

/// From the first sound to the last, in samples.
fn sounding(speech: &[i16]) -> Option<(usize, usize)> {
    let powers: Vec<f32> = powers(speech).collect();
    let mut sorted = powers.clone();
    sorted.sort_by(f32::total_cmp);
    let loud = *sorted.get(sorted.len() * 19 / 20)?;
    let silent = loud * 10_f32.powf(SILENT_BELOW_DB / 10.0);
    let sounds = |power: &f32| *power > silent;
    let first = powers.iter().position(sounds)?;
    let last = powers.iter().rposition(sounds)?;
    (loud > 1e-6).then(|| (first * 80, ((last + 1) * 80).min(speech.len())))
}

/// The longest silence between two sounds, ms.
fn longest_pause_ms(speech: &[i16]) -> usize {
    let Some((from, to)) = sounding(speech) else { return 0 };
    let powers: Vec<f32> = powers(&speech[from..to]).collect();
    let loud = powers.iter().copied().fold(0.0, f32::max);
    let silent = loud * 10_f32.powf(SILENT_BELOW_DB / 10.0);
    powers.split(|power| *power > silent).map(|pause| pause.len() * 10).max().unwrap_or(0)
}

/// FNV-1a, so that a name always falls in the same half.
pub fn hash(bytes: &[u8]) -> u64 {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix);
    // FNV's lowest bit is but the parity of the bytes'.
    hash ^ (hash >> 29)
}

/// Numbers by chance, the same each time: xorshift64*.
struct Noise {
    state: u64,
    smooth: f32,
}

impl Noise {
    fn new(seed: u64) -> Self {
        Noise { state: seed | 1, smooth: 0.0 }
    }

    fn next(&mut self) -> u32 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) as u32
    }

    fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end
    }

    /// Noise that is weaker at high frequencies, as a line's; of power 1.
    fn sample(&mut self) -> f32 {
        let white = self.next() as f32 / u32::MAX as f32 * 2.0 - 1.0;
        self.smooth += 0.5 * (white - self.smooth);
        self.smooth * 3.0
    }
}
