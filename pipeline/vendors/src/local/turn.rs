//! Is the caller's turn over? Smart Turn's judgement of how the last seconds sound.
//!
//! The network (Smart Turn v3.2, BSD-2-Clause) hears the last 8 s of the caller as Whisper's log-mel
//! picture and gives one probability. A judgement costs some 35 ms of one core, so it is asked once
//! in a pause, on the engine's threads, and never on an async worker. What the probability is worth
//! beside the words and the pitch is not decided here: see `turn::endpoint`.

use std::sync::Arc;

use media::{g711, resample::Resampler};
use ort::{session::Session, value::TensorRef};

use super::{
    LocalError, NAME,
    engine::{Bench, Engine, Urgency},
    models::Models,
    runtime::Runtime,
};
use crate::{Problem, VendorError};

mod mel;

use mel::{BANDS, FRAMES, Mel, SAMPLES};

/// How much of the caller the network hears, ms; what is older is not looked at.
pub const HEARS_MS: u64 = 8_000;

/// Samples a second that the network hears.
const RATE: u32 = 16_000;

/// The judge, run on the engine's threads.
#[derive(Clone)]
pub struct SmartTurn {
    pub(super) engine: Arc<Engine>,
}

impl SmartTurn {
    /// The probability, 0 to 1, that the turn is over after this audio: the caller's from the turn's
    /// beginning into the silence after it, mu-law at 8 kHz, of which the last [`HEARS_MS`] count.
    /// Dropping the future calls the judgement off.
    ///
    /// # Errors
    /// The engine is overloaded, the network failed or was not loaded.
    pub async fn judge(&self, mulaw: Vec<u8>) -> Result<f32, VendorError> {
        let result = self.engine.run(Urgency::Settled, move |bench, _| judge(bench, &mulaw)).await;
        let problem = match result {
            Ok(Ok(over)) => return Ok(over),
            Ok(Err(problem)) => problem,
            Err(not_run) => not_run.to_string(),
        };
        let problem = Problem::Engine(problem);
        Err(VendorError { vendor: NAME, attempt: "judge a turn's end", problem, request_id: None })
    }
}

fn judge(bench: &mut Bench, mulaw: &[u8]) -> Result<f32, String> {
    let Some(network) = bench.turn.as_mut() else {
        return Err("no model of turns' ends is loaded".to_owned());
    };
    let heard = widened(mulaw).map_err(|error| error.to_string())?;
    network.judge(&heard).map_err(|error| format!("the model of turns' ends failed ({error})"))
}

/// The last [`HEARS_MS`] at [`RATE`], ±1 at full scale.
fn widened(mulaw: &[u8]) -> Result<Vec<f32>, media::resample::UnsupportedRate> {
    let last = mulaw.len().saturating_sub(SAMPLES / 2);
    let samples = g711::decode_all(&mulaw[last..]);
    let mut wide = Vec::with_capacity(samples.len() * 2);
    let mut resampler = Resampler::new(8_000, RATE)?;
    resampler.push(&samples, &mut wide);
    resampler.flush(&mut wide);
    Ok(wide)
}

/// The network and what makes its input.
pub(crate) struct Network {
    session: Session,
    mel: Mel,
    picture: Vec<f32>,
}

impl Network {
    pub(crate) fn load(runtime: &Runtime, models: &Models) -> Result<Self, LocalError> {
        let session = runtime.session(&models.named("smart-turn-v3.2-cpu.onnx"))?;
        Ok(Network { session, mel: Mel::new(), picture: Vec::new() })
    }

    /// The probability that a turn is over after these samples at [`RATE`].
    fn judge(&mut self, samples: &[f32]) -> ort::Result<f32> {
        self.mel.picture(samples, &mut self.picture);
        let outputs = self.session.run(ort::inputs! {
            "input_features" =>
                TensorRef::from_array_view(([1, BANDS, FRAMES], self.picture.as_slice()))?,
        })?;
        let (_, over) = outputs[0].try_extract_tensor::<f32>()?;
        let over = over.first().copied().filter(|over| (0.0..=1.0).contains(over));
        over.ok_or_else(|| ort::Error::new("the network gave no probability"))
    }
}
