//! What a caller can say: a recording, ready to be sent.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use media::g711;

use super::clock::Tick;
use super::hearing::{self, Span};

/// The longest recording that a caller says in one step.
pub const LONGEST: Tick = Tick::from_ms(30 * 60 * 1000);

/// The height of a tone's wave: 12 dB below the loudest, as telephone networks send theirs.
const LOUDNESS: f64 = 8_000.0;

/// The largest file that is read.
const MAX_FILE: u64 = 512 * 1024 * 1024;

/// A recording as mu-law at 8 kHz.
pub struct Clip {
    name: String,
    mulaw: Vec<u8>,
    voice: Vec<Span>,
}

/// Why a recording cannot be said.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// The file is absent, unreadable, or no sound that can be read.
    #[error("cannot read the recording {path}: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Longer than half an hour.
    #[error("the recording {0} is longer than half an hour")]
    TooLong(String),
    /// Not one sample.
    #[error("the recording {0} is empty")]
    Empty(String),
    /// A fixture was asked for where none are known.
    #[error("there is no fixture {0} here")]
    NoFixture(String),
}

impl Clip {
    /// Mu-law at 8 kHz, under a name for reports.
    ///
    /// # Errors
    /// There is no sample, or more than half an hour of them.
    pub fn from_mulaw(name: impl Into<String>, mulaw: Vec<u8>) -> Result<Arc<Self>, ClipError> {
        let name = name.into();
        if mulaw.is_empty() {
            return Err(ClipError::Empty(name));
        }
        if mulaw.len() as u64 > LONGEST.0 {
            return Err(ClipError::TooLong(name));
        }
        let voice = hearing::spans_of(&mulaw, Tick::from_ms(700));
        Ok(Arc::new(Self { name, mulaw, voice }))
    }

    /// A single steady tone, as a voicemail gives before it records.
    ///
    /// # Errors
    /// As [`Clip::from_mulaw`].
    pub fn tone(hz: u32, length: Duration) -> Result<Arc<Self>, ClipError> {
        let samples = Tick::from_duration(length).0;
        let name = format!("a tone of {hz} Hz");
        if samples > LONGEST.0 {
            return Err(ClipError::TooLong(name));
        }
        let step = std::f64::consts::TAU * f64::from(hz) / 8_000.0;
        let wave = (0..samples).map(|at| ((at as f64 * step).sin() * LOUDNESS).round() as i16);
        Self::from_samples(name, &wave.collect::<Vec<i16>>())
    }

    /// Linear samples at 8 kHz.
    ///
    /// # Errors
    /// As [`Clip::from_mulaw`].
    pub fn from_samples(name: impl Into<String>, samples: &[i16]) -> Result<Arc<Self>, ClipError> {
        Self::from_mulaw(name, samples.iter().map(|sample| g711::encode(*sample)).collect())
    }

    /// A WAV file of any rate, mixed to one channel.
    ///
    /// # Errors
    /// The file cannot be read, or as [`Clip::from_mulaw`].
    pub fn read(path: &Path) -> Result<Arc<Self>, ClipError> {
        let unreadable = |why: String| ClipError::Unreadable { path: path.to_owned(), why };
        let size = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
        if size > MAX_FILE {
            return Err(unreadable(format!("{size} bytes are too many")));
        }
        let samples =
            media::recording::read_wav_8k(path).map_err(|error| unreadable(error.to_string()))?;
        let name =
            path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        Self::from_samples(name, &samples)
    }

    /// For reports.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The audio.
    #[must_use]
    pub fn mulaw(&self) -> &[u8] {
        &self.mulaw
    }

    /// How long it takes to say.
    #[must_use]
    pub fn length(&self) -> Tick {
        Tick(self.mulaw.len() as u64)
    }

    /// Where the voice is in it; nothing if the clip is silence.
    #[must_use]
    pub fn voice(&self) -> Option<Span> {
        let (first, last) = (self.voice.first()?, self.voice.last()?);
        Some(Span { from: first.from, to: last.to })
    }
}

impl fmt::Debug for Clip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clip").field("name", &self.name).field("ms", &self.length().ms()).finish()
    }
}
