//! From one sample rate to another, in pieces of any size.
//!
//! A [`Resampler`] keeps its filter's state from piece to piece, so the joins are inaudible, and makes
//! up for the filter's delay: what comes out lies in time exactly where it went in, and after
//! [`flush`](Resampler::flush) there is exactly as much of it. Until then the output is behind by up
//! to a block and a half, 30 ms at the usual rates.

use std::collections::VecDeque;
use std::fmt;

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _};

/// The rates between which resampling is offered, in Hz.
pub const RATES: std::ops::RangeInclusive<u32> = 1_000..=384_000;

/// A sample rate that is not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot resample from {from_hz} Hz to {to_hz} Hz")]
pub struct UnsupportedRate {
    /// Samples a second going in.
    pub from_hz: u32,
    /// Samples a second asked for.
    pub to_hz: u32,
}

/// How a sample is written: `i16`, or `f32` where ±1 is full scale.
pub trait Sample: Copy + private::Sealed {
    /// As a fraction of full scale.
    fn to_f32(self) -> f32;
    /// From a fraction of full scale; what is beyond full scale is cut off.
    fn from_f32(value: f32) -> Self;
}

mod private {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for i16 {}
}

impl Sample for f32 {
    fn to_f32(self) -> f32 {
        self
    }

    fn from_f32(value: f32) -> Self {
        value
    }
}

impl Sample for i16 {
    fn to_f32(self) -> f32 {
        f32::from(self) / 32768.0
    }

    fn from_f32(value: f32) -> Self {
        // `as` saturates, and makes NaN zero.
        (value * 32768.0).round() as i16
    }
}

/// One stream of mono audio on its way from one rate to another.
pub struct Resampler {
    from_hz: u32,
    to_hz: u32,
    /// None where the rates are equal.
    filter: Option<Filter>,
    taken: u64,
    given: u64,
}

struct Filter {
    fft: Fft<f32>,
    /// Input that does not fill a block yet.
    waiting: VecDeque<f32>,
    block_in: Vec<f32>,
    block_out: Vec<f32>,
    /// Output still to be dropped, for the filter's delay.
    lead: usize,
}

impl fmt::Debug for Resampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resampler")
            .field("from_hz", &self.from_hz)
            .field("to_hz", &self.to_hz)
            .field("taken", &self.taken)
            .field("given", &self.given)
            .finish()
    }
}

impl Resampler {
    /// A resampler for one stream.
    ///
    /// # Errors
    /// One of the rates is outside [`RATES`].
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Self, UnsupportedRate> {
        let unsupported = UnsupportedRate { from_hz, to_hz };
        if !RATES.contains(&from_hz) || !RATES.contains(&to_hz) {
            return Err(unsupported);
        }
        let filter = if from_hz == to_hz {
            None
        } else {
            let (from, to) = (from_hz as usize, to_hz as usize);
            let fft = Fft::<f32>::new(from, to, block_length(from, to), 1, FixedSync::Both)
                .map_err(|_| unsupported)?;
            Some(Filter::new(fft))
        };
        Ok(Self { from_hz, to_hz, filter, taken: 0, given: 0 })
    }

    /// Takes `input` and appends what is ready to `out`: nothing, at times.
    pub fn push<I: Sample, O: Sample>(&mut self, input: &[I], out: &mut Vec<O>) {
        self.taken += input.len() as u64;
        let before = out.len();
        match &mut self.filter {
            None => out.extend(input.iter().map(|sample| O::from_f32(sample.to_f32()))),
            Some(filter) => {
                filter.waiting.extend(input.iter().map(|sample| sample.to_f32()));
                filter.run(out);
            }
        }
        self.given += (out.len() - before) as u64;
    }

    /// Ends the stream: appends what was still held back, so that in all `taken * to / from` samples
    /// (rounded) came out. The resampler is then as new.
    pub fn flush<O: Sample>(&mut self, out: &mut Vec<O>) {
        let (from, to) = (u64::from(self.from_hz), u64::from(self.to_hz));
        let total = (self.taken * to + from / 2) / from;
        // The delay alone keeps what was given below the total.
        let owed = total.saturating_sub(self.given) as usize;
        if let Some(filter) = &mut self.filter {
            let end = out.len() + owed;
            while out.len() < end {
                let missing = filter.block_in.len() - filter.waiting.len();
                filter.waiting.extend(std::iter::repeat_n(0.0, missing));
                filter.run(out);
            }
            out.truncate(end);
        }
        self.reset();
    }

    /// Forgets the stream so far.
    pub fn reset(&mut self) {
        (self.taken, self.given) = (0, 0);
        if let Some(filter) = &mut self.filter {
            filter.fft.reset();
            filter.waiting.clear();
            filter.lead = filter.fft.output_delay();
        }
    }
}

/// Blocks of 20 ms where the rates allow it, more where they have few common divisors.
///
/// Of even length on both sides: the filter's delay is half a block, and only whole samples of delay
/// can be made up for.
fn block_length(from: usize, to: usize) -> usize {
    let common = greatest_common_divisor(from, to);
    let smallest = from / common;
    let blocks = (from / 50).div_ceil(smallest);
    if blocks % 2 == 1 && (smallest % 2 == 1 || to / common % 2 == 1) {
        smallest * (blocks + 1)
    } else {
        smallest * blocks
    }
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

impl Filter {
    fn new(fft: Fft<f32>) -> Self {
        Self {
            waiting: VecDeque::new(),
            block_in: vec![0.0; fft.input_frames_next()],
            block_out: vec![0.0; fft.output_frames_next()],
            lead: fft.output_delay(),
            fft,
        }
    }

    fn run<O: Sample>(&mut self, out: &mut Vec<O>) {
        while self.waiting.len() >= self.block_in.len() {
            let block = self.waiting.drain(..self.block_in.len());
            self.block_in.iter_mut().zip(block).for_each(|(slot, sample)| *slot = sample);
            let (frames_in, frames_out) = (self.block_in.len(), self.block_out.len());
            let input = InterleavedSlice::new(&self.block_in, 1, frames_in);
            let output = InterleavedSlice::new_mut(&mut self.block_out, 1, frames_out);
            let (Ok(input), Ok(mut output)) = (input, output) else {
                unreachable!("the slices have the lengths that are given with them");
            };
            // Both sides are of fixed size, and these are the sizes that the filter named.
            self.fft
                .process_into_buffer(&input, &mut output, None)
                .expect("the filter was given blocks of the size that it asked for");
            let dropped = self.lead.min(frames_out);
            self.lead -= dropped;
            out.extend(self.block_out[dropped..].iter().map(|&sample| O::from_f32(sample)));
        }
    }
}
