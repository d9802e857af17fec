//! A call on disk: stereo, the caller on the left, the agent as heard on the right.
//!
//! Both sides are placed by sample position on the call's clock (see [`frame`](crate::frame)), in any
//! order and each in its own time, because what was heard is known later than what was said. What is
//! never written stays silent, so the sides cannot drift apart.
//!
//! Writing blocks on the disk: call it from a thread that may wait. Mixing, transcripts and where the
//! file is kept are not decided here.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Read};
use std::path::Path;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use crate::frame::SAMPLE_RATE;
use crate::g711;
use crate::resample::{RATES, Resampler};

/// How late audio may be placed: this much behind the latest is kept in memory. 4 s. A crash loses it.
pub const HELD_BACK: u64 = 4 * SAMPLE_RATE as u64;

/// What is held back goes to the disk in steps of this length, after which the file can be read. 1 s.
const STEP: u64 = SAMPLE_RATE as u64;

/// Audio is not placed further than this beyond the end: it would be a mistake in the position. 60 s.
pub const MAX_AHEAD: u64 = 60 * SAMPLE_RATE as u64;

/// A recording ends after this much: 24 h, well within what a WAV file can say about itself.
pub const MAX_LENGTH: u64 = 24 * 3600 * SAMPLE_RATE as u64;

/// The longest audio that [`read_wav_8k`] reads. 1 h.
pub const MAX_READ: u64 = 3600 * SAMPLE_RATE as u64;

/// Why a recording could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk, or what is on it.
    #[error("could not {attempt} the recording")]
    Wav {
        /// What was being done.
        attempt: &'static str,
        /// What stood in the way.
        source: hound::Error,
    },
    /// A position that cannot be meant: see [`MAX_AHEAD`] and [`MAX_LENGTH`].
    #[error("audio at sample {at_sample} does not fit a recording that ends at sample {end}")]
    Position {
        /// Where the audio was to go.
        at_sample: u64,
        /// How long the recording is.
        end: u64,
    },
    /// A file that is longer than [`MAX_READ`].
    #[error("the recording is longer than {} s", MAX_READ / SAMPLE_RATE as u64)]
    TooLong,
    /// A file of no channels, of too many, or of an unlikely rate.
    #[error("a recording of {channels} channels at {sample_rate} Hz is not read")]
    Format {
        /// Channels of the file.
        channels: u16,
        /// Samples a second of the file.
        sample_rate: u32,
    },
}

/// What a finished recording holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Samples of each side.
    pub samples: u64,
    /// Samples that came later than [`HELD_BACK`] and were left out.
    pub too_late: u64,
}

#[derive(Clone, Copy)]
enum Side {
    Caller = 0,
    Agent = 1,
}

/// A recording being written. Dropped without [`finish`](Self::finish), it is finished silently.
pub struct Recording {
    writer: Option<WavWriter<BufWriter<File>>>,
    /// Left and right of the samples from `written` on.
    held: VecDeque<[i16; 2]>,
    written: u64,
    too_late: u64,
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording")
            .field("written", &self.written)
            .field("held", &self.held.len())
            .field("too_late", &self.too_late)
            .finish()
    }
}

impl Recording {
    /// Begins a recording at `path`, whose folder is there. A file of that name is replaced.
    ///
    /// # Errors
    /// The file could not be made.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, Error> {
        let spec = WavSpec {
            channels: 2,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let failed = |source| Error::Wav { attempt: "create", source };
        let mut writer = WavWriter::create(path, spec).map_err(failed)?;
        // The header is whole from the start, so that a reader never finds half of one.
        writer.flush().map_err(failed)?;
        Ok(Self { writer: Some(writer), held: VecDeque::new(), written: 0, too_late: 0 })
    }

    /// Places the caller's audio. Written twice, the later one stays.
    ///
    /// # Errors
    /// The position cannot be meant, or the disk refused.
    pub fn caller(&mut self, at_sample: u64, mulaw: &[u8]) -> Result<(), Error> {
        self.place(Side::Caller, at_sample, mulaw)
    }

    /// Places what the caller heard of the agent. Written twice, the later one stays.
    ///
    /// # Errors
    /// The position cannot be meant, or the disk refused.
    pub fn agent(&mut self, at_sample: u64, mulaw: &[u8]) -> Result<(), Error> {
        self.place(Side::Agent, at_sample, mulaw)
    }

    /// The length so far, in samples.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.written + self.held.len() as u64
    }

    /// Whether nothing was placed yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes out what is held back and closes the file.
    ///
    /// # Errors
    /// The disk refused; what was written before can be read.
    pub fn finish(mut self) -> Result<Summary, Error> {
        self.write_out(self.held.len())?;
        if let Some(writer) = self.writer.take() {
            writer.finalize().map_err(|source| Error::Wav { attempt: "finish", source })?;
        }
        Ok(Summary { samples: self.written, too_late: self.too_late })
    }

    fn place(&mut self, side: Side, at_sample: u64, mulaw: &[u8]) -> Result<(), Error> {
        let end = self.len();
        let beyond = at_sample.saturating_add(mulaw.len() as u64);
        if beyond > end.saturating_add(MAX_AHEAD) || beyond > MAX_LENGTH {
            return Err(Error::Position { at_sample, end });
        }
        let late = self.written.saturating_sub(at_sample).min(mulaw.len() as u64);
        self.too_late += late;
        // Piece by piece, so that a long gap or a long text of audio is never wholly in memory.
        let mut at = at_sample + late;
        let mut rest = &mulaw[late as usize..];
        while self.len() < at {
            let silence = (at - self.len()).min(STEP) as usize;
            self.held.extend(std::iter::repeat_n([0; 2], silence));
            self.write_steps()?;
        }
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(STEP as usize));
            let from = (at - self.written) as usize;
            let to = from + piece.len();
            if self.held.len() < to {
                self.held.resize(to, [0; 2]);
            }
            for (slot, &byte) in self.held.range_mut(from..to).zip(piece) {
                slot[side as usize] = g711::decode(byte);
            }
            self.write_steps()?;
            at += piece.len() as u64;
            rest = after;
        }
        Ok(())
    }

    fn write_steps(&mut self) -> Result<(), Error> {
        while self.held.len() as u64 >= HELD_BACK + STEP {
            self.write_out(STEP as usize)?;
        }
        Ok(())
    }

    fn write_out(&mut self, samples: usize) -> Result<(), Error> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let failed = |source| Error::Wav { attempt: "write to", source };
        for frame in self.held.drain(..samples) {
            writer.write_sample(frame[0]).map_err(failed)?;
            writer.write_sample(frame[1]).map_err(failed)?;
        }
        self.written += samples as u64;
        writer.flush().map_err(failed)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        // Nobody is left to be told of a failure; the writer's own drop completes the header.
        let _ = self.write_out(self.held.len());
    }
}

/// Reads any WAV file that hound reads (integers of 8 to 32 bits or floats, any usual rate, up to 8
/// channels, which are averaged) as mono at 8 kHz.
///
/// # Errors
/// The file cannot be read, is no such WAV, or is longer than [`MAX_READ`].
pub fn read_wav_8k(path: impl AsRef<Path>) -> Result<Vec<i16>, Error> {
    let failed = |source| Error::Wav { attempt: "read", source };
    samples_of(WavReader::open(path).map_err(failed)?)
}

/// As [`read_wav_8k`], from a file that is in memory.
///
/// # Errors
/// It is no such WAV, or is longer than [`MAX_READ`].
pub fn parse_wav_8k(bytes: &[u8]) -> Result<Vec<i16>, Error> {
    let failed = |source| Error::Wav { attempt: "read", source };
    samples_of(WavReader::new(bytes).map_err(failed)?)
}

fn samples_of(reader: WavReader<impl Read>) -> Result<Vec<i16>, Error> {
    let failed = |source| Error::Wav { attempt: "read", source };
    let spec = reader.spec();
    let format = Error::Format { channels: spec.channels, sample_rate: spec.sample_rate };
    if !(1..=8).contains(&spec.channels) || !RATES.contains(&spec.sample_rate) {
        return Err(format);
    }
    let longest = MAX_READ / u64::from(SAMPLE_RATE) * u64::from(spec.sample_rate);
    if u64::from(reader.duration()) > longest {
        return Err(Error::TooLong);
    }
    let resampler = Resampler::new(spec.sample_rate, SAMPLE_RATE).map_err(|_| format)?;
    match spec.sample_format {
        SampleFormat::Float => mono(reader, resampler, |sample: f32| sample),
        SampleFormat::Int => {
            let full_scale = (1u64 << (spec.bits_per_sample.clamp(1, 32) - 1)) as f32;
            mono(reader, resampler, |sample: i32| sample as f32 / full_scale)
        }
    }
    .map_err(failed)
}

fn mono<S: hound::Sample>(
    mut reader: WavReader<impl Read>,
    mut resampler: Resampler,
    to_f32: impl Fn(S) -> f32,
) -> Result<Vec<i16>, hound::Error> {
    /// Frames of the file that are resampled at a time.
    const PIECE: usize = 4096;
    let channels = usize::from(reader.spec().channels);
    let mut out = Vec::new();
    let mut piece = Vec::with_capacity(PIECE);
    let (mut sum, mut summed) = (0.0, 0);
    for sample in reader.samples::<S>() {
        sum += to_f32(sample?);
        summed += 1;
        if summed < channels {
            continue;
        }
        piece.push(sum / channels as f32);
        (sum, summed) = (0.0, 0);
        if piece.len() == PIECE {
            resampler.push(&piece, &mut out);
            piece.clear();
        }
    }
    resampler.push(&piece, &mut out);
    resampler.flush(&mut out);
    Ok(out)
}
