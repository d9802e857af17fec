//! Voice activity by Silero at 8 kHz, for all calls on one thread of its own.
//!
//! A window of 32 ms costs 0.1 ms alone and a third of that when windows of several calls are judged
//! together, so the thread gathers for a moment when there are many calls. It never waits for a
//! sentence to be recognised or spoken: an interruption must be noticed at once.

use media::vad::{Vad, Verdict};
use ort::{session::Session, value::TensorRef};

use super::{LocalError, models::Models, runtime::Runtime};

mod lane;

pub use lane::{Silero, VadStream};

/// Samples of a window at 8 kHz.
pub const WINDOW: usize = 256;

/// Samples of the window before that the network also sees.
const CONTEXT: usize = 32;

const INPUT: usize = CONTEXT + WINDOW;

/// What the network remembers of a call, in each of two layers.
const MEMORY: usize = 128;

/// What the network knows of a call from its windows so far.
#[derive(Clone)]
struct Ear {
    context: [f32; CONTEXT],
    memory: [[f32; MEMORY]; 2],
}

impl Default for Ear {
    fn default() -> Self {
        Ear { context: [0.0; CONTEXT], memory: [[0.0; MEMORY]; 2] }
    }
}

/// The network.
struct Network {
    session: Session,
    input: Vec<f32>,
    memory: Vec<f32>,
}

impl Network {
    fn load(runtime: &Runtime, models: &Models) -> Result<Self, LocalError> {
        let session = runtime.session(&models.named("silero_vad.onnx"))?;
        Ok(Network { session, input: Vec::new(), memory: Vec::new() })
    }

    /// How likely each call's window holds speech. All windows have [`WINDOW`] samples.
    fn judge(&mut self, calls: &mut [(&mut Ear, &[i16])]) -> ort::Result<Vec<f32>> {
        let count = calls.len();
        self.input.clear();
        self.memory.clear();
        for (ear, window) in calls.iter() {
            self.input.extend_from_slice(&ear.context);
            self.input.extend(window.iter().map(|&sample| f32::from(sample) / 32768.0));
        }
        for layer in 0..2 {
            for (ear, _) in calls.iter() {
                self.memory.extend_from_slice(&ear.memory[layer]);
            }
        }
        let outputs = self.session.run(ort::inputs! {
            "input" => TensorRef::from_array_view(([count, INPUT], self.input.as_slice()))?,
            "state" => TensorRef::from_array_view(([2, count, MEMORY], self.memory.as_slice()))?,
            "sr" => TensorRef::from_array_view(([0_usize; 0], [8_000_i64].as_slice()))?,
        })?;
        let (_, speech) = outputs["output"].try_extract_tensor::<f32>()?;
        let (_, memory) = outputs["stateN"].try_extract_tensor::<f32>()?;
        if speech.len() != count || memory.len() != 2 * count * MEMORY {
            return Err(ort::Error::new("the network judged another number of windows"));
        }
        for (index, (ear, _)) in calls.iter_mut().enumerate() {
            for (layer, kept) in ear.memory.iter_mut().enumerate() {
                let at = (layer * count + index) * MEMORY;
                kept.copy_from_slice(&memory[at..at + MEMORY]);
            }
            let end = (index + 1) * INPUT;
            ear.context.copy_from_slice(&self.input[end - CONTEXT..end]);
        }
        Ok(speech.to_vec())
    }
}

/// One call's judge, run on the caller's own thread: for tests and measurements.
pub struct SileroVad {
    network: Network,
    ear: Ear,
    waiting: Vec<i16>,
    judged: u64,
}

impl SileroVad {
    /// A judge out of the models' folder.
    ///
    /// # Errors
    /// The runtime or the model cannot be loaded.
    pub fn open(models: &Models) -> Result<Self, LocalError> {
        let network = Network::load(&Runtime::load(models)?, models)?;
        Ok(SileroVad { network, ear: Ear::default(), waiting: Vec::new(), judged: 0 })
    }
}

impl Vad for SileroVad {
    fn push(&mut self, samples: &[i16], verdicts: &mut Vec<Verdict>) {
        self.waiting.extend_from_slice(samples);
        while self.waiting.len() >= WINDOW {
            let window: Vec<i16> = self.waiting.drain(..WINDOW).collect();
            // A window that cannot be judged is silence: better deaf than stuck in speech.
            let judged = self.network.judge(&mut [(&mut self.ear, &window)]);
            let speech = judged.ok().and_then(|speech| speech.first().copied()).unwrap_or_default();
            self.judged += WINDOW as u64;
            verdicts.push(Verdict { end_sample: self.judged, speech });
        }
    }

    fn window(&self) -> usize {
        WINDOW
    }

    fn reset(&mut self) {
        self.ear = Ear::default();
        self.waiting.clear();
        self.judged = 0;
    }
}
