//! Judges that need no model file: WebRTC's, and earshot's small network.
//!
//! On telephone speech with pink noise earshot is right more often and costs seven times as much; both
//! are well below a hundredth of a core a call.

use super::{Vad, Verdict};
use crate::frame::FRAME_SAMPLES;

/// How sure WebRTC's judge has to be of speech. The stricter, the more soft speech it misses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WebRtcMode {
    /// Calls nearly everything speech.
    Quality,
    /// A little stricter.
    LowBitrate,
    /// Stricter still.
    Aggressive,
    /// Right most often on the telephone.
    #[default]
    VeryAggressive,
}

/// How likely a window is speech that WebRTC's judge says yes to. It knows no degrees, and takes steady
/// tones and some noise for speech: its yes is never a sure one.
const YES: f32 = 0.8;

/// WebRTC's Gaussian mixtures over six bands: yes or no for each 20 ms, in some 2.5 us.
pub struct WebRtcVad {
    inner: SendableVad,
    mode: WebRtcMode,
    windows: Windows<FRAME_SAMPLES>,
}

impl std::fmt::Debug for WebRtcVad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebRtcVad").field("mode", &self.mode).finish()
    }
}

/// WebRTC's judge, which its crate does not mark `Send` as it holds a raw pointer.
struct SendableVad(webrtc_vad::Vad);

// SAFETY: the pointer is to a block that `fvad_new` allocated for this value alone and that
// `fvad_free` releases on drop. The library reads and writes that block only: its statics are all
// constant, it has no thread-local state and hands the pointer to nobody. It may so be used from any
// thread, by one at a time, and every method that touches it takes `&mut self`.
#[allow(unsafe_code)]
unsafe impl Send for SendableVad {}

impl WebRtcVad {
    /// A judge of the given strictness.
    #[must_use]
    pub fn new(mode: WebRtcMode) -> Self {
        let rate = webrtc_vad::SampleRate::Rate8kHz;
        let inner = webrtc_vad::Vad::new_with_rate_and_mode(rate, mode.into());
        Self { inner: SendableVad(inner), mode, windows: Windows::default() }
    }
}

impl From<WebRtcMode> for webrtc_vad::VadMode {
    fn from(mode: WebRtcMode) -> Self {
        match mode {
            WebRtcMode::Quality => Self::Quality,
            WebRtcMode::LowBitrate => Self::LowBitrate,
            WebRtcMode::Aggressive => Self::Aggressive,
            WebRtcMode::VeryAggressive => Self::VeryAggressive,
        }
    }
}

impl Default for WebRtcVad {
    fn default() -> Self {
        Self::new(WebRtcMode::default())
    }
}

impl Vad for WebRtcVad {
    fn push(&mut self, samples: &[i16], verdicts: &mut Vec<Verdict>) {
        let judge = &mut self.inner.0;
        self.windows.push(samples, verdicts, |window| {
            // It refuses only windows that are not of 10, 20 or 30 ms.
            if judge.is_voice_segment(window).unwrap_or(false) { YES } else { 0.0 }
        });
    }

    fn window(&self) -> usize {
        FRAME_SAMPLES
    }

    fn reset(&mut self) {
        // The library's own reset sets the mode back as well.
        self.inner.0.reset();
        self.inner.0.set_mode(self.mode.into());
        self.windows = Windows::default();
    }
}

/// Samples at 8 kHz in earshot's window of 16 ms.
const EARSHOT_WINDOW: usize = 128;

/// The network of crate earshot: a probability for each 16 ms.
pub struct EarshotVad {
    inner: Box<earshot::Detector>,
    windows: Windows<EARSHOT_WINDOW>,
}

impl std::fmt::Debug for EarshotVad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EarshotVad")
    }
}

impl EarshotVad {
    /// A judge with its own state.
    #[must_use]
    pub fn new() -> Self {
        Self { inner: earshot::Detector::default_boxed(), windows: Windows::default() }
    }
}

impl Default for EarshotVad {
    fn default() -> Self {
        Self::new()
    }
}

impl Vad for EarshotVad {
    fn push(&mut self, samples: &[i16], verdicts: &mut Vec<Verdict>) {
        let judge = &mut self.inner;
        self.windows.push(samples, verdicts, |window| {
            // It wants 16 kHz. Each sample said twice, not resampled: a clean upper band is unlike
            // what it learnt from, and makes it take noise and tones for speech.
            let mut doubled = [0; 2 * EARSHOT_WINDOW];
            for (pair, &sample) in doubled.chunks_exact_mut(2).zip(window) {
                pair.fill(sample);
            }
            judge.predict_i16(&doubled).clamp(0.0, 1.0)
        });
    }

    fn window(&self) -> usize {
        EARSHOT_WINDOW
    }

    fn reset(&mut self) {
        self.inner.reset();
        self.windows = Windows::default();
    }
}

/// Cuts a stream of samples into windows of `N`, keeping what is over.
#[derive(Default)]
struct Windows<const N: usize> {
    over: Vec<i16>,
    judged: u64,
}

impl<const N: usize> Windows<N> {
    fn push(
        &mut self,
        mut samples: &[i16],
        verdicts: &mut Vec<Verdict>,
        mut judge: impl FnMut(&[i16]) -> f32,
    ) {
        let mut verdict = |window: &[i16]| {
            self.judged += N as u64;
            verdicts.push(Verdict { end_sample: self.judged, speech: judge(window) });
        };
        if !self.over.is_empty() {
            let wanted = (N - self.over.len()).min(samples.len());
            self.over.extend_from_slice(&samples[..wanted]);
            samples = &samples[wanted..];
            if self.over.len() < N {
                return;
            }
            verdict(&self.over);
            self.over.clear();
        }
        let mut windows = samples.chunks_exact(N);
        for window in &mut windows {
            verdict(window);
        }
        self.over.extend_from_slice(windows.remainder());
    }
}
