//! Is the caller speaking?
//!
//! A [`Vad`] judges short windows of audio, one after another, each by itself. The [`Detector`] turns
//! its verdicts into the two facts that a conversation needs: speech began, speech ended, and when.
//! Between them stands a gate that knows loudness only, because every such judge is fooled by
//! something: steady tones, mostly.
//!
//! Whether the caller has *finished* is another question, and not asked here. Times are ms of the
//! call's clock: the position of the samples pushed, see [`frame`](crate::frame).

mod detector;
mod engine;
mod gate;

pub use self::detector::{Detector, Policy, VadEvent};
pub use self::engine::{EarshotVad, WebRtcMode, WebRtcVad};

/// What a judge thinks of one window of audio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// The position after the window's last sample, from 0 at the first sample pushed.
    pub end_sample: u64,
    /// How likely it is that the window holds speech, 0 to 1.
    pub speech: f32,
}

/// A judge of short windows of audio at 8 kHz.
pub trait Vad: Send {
    /// Takes samples, any number of them, and appends a verdict for each window they completed. The
    /// windows follow each other without a gap.
    fn push(&mut self, samples: &[i16], verdicts: &mut Vec<Verdict>);

    /// The length of a window, in samples at 8 kHz.
    fn window(&self) -> usize;

    /// Forgets all audio so far; the next sample is at position 0.
    fn reset(&mut self);
}

impl<V: Vad + ?Sized> Vad for Box<V> {
    fn push(&mut self, samples: &[i16], verdicts: &mut Vec<Verdict>) {
        (**self).push(samples, verdicts);
    }

    fn window(&self) -> usize {
        (**self).window()
    }

    fn reset(&mut self) {
        (**self).reset();
    }
}
