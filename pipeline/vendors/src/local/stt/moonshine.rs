//! The recogniser itself: samples in, words out.
//!
//! Moonshine hears a whole stretch of speech at once. Its encoder makes one vector of 24 ms, its
//! decoder a token at a time from these. It believes that whatever it hears is speech: of silence,
//! tones and noise it makes words, over and over, so it must be given speech only, and [`Guard`]
//! stops it where no speaker could be so fast or repeat so much.

use ort::{
    session::{InMemorySession, SessionInputValue},
    value::{DynValue, Tensor, TensorRef},
};

use crate::local::{LocalError, models::Models, runtime::Runtime};

use super::tokens::{Guard, Vocabulary};

/// Samples a second that the model hears.
pub(crate) const RATE: u32 = 16_000;

/// The shortest stretch that the encoder's convolutions take.
const SHORTEST: usize = 4_000;

const LAYERS: usize = 6;
const HEADS: usize = 8;
const HEAD_WIDTH: usize = 36;
const START: i64 = 1;
const END: i64 = 2;

/// What was said, as far as the model can tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Transcript {
    pub(crate) text: String,
    /// The geometric mean of the tokens' probabilities, 0 to 1.
    pub(crate) confidence: f32,
}

pub(crate) struct Moonshine {
    encoder: InMemorySession<'static>,
    decoder: InMemorySession<'static>,
    vocabulary: Vocabulary,
    past_names: Vec<(String, String)>,
}

impl Moonshine {
    pub(crate) fn load(runtime: &Runtime, models: &Models) -> Result<Self, LocalError> {
        let words = models.named("tokenizer.bin");
        let unreadable = |problem: String| LocalError::Model { path: words.clone(), problem };
        let bytes = std::fs::read(&words).map_err(|error| unreadable(error.to_string()))?;
        let vocabulary =
            Vocabulary::parse(&bytes).ok_or_else(|| unreadable("it ends within a word".into()))?;
        let past_names = (0..LAYERS)
            .flat_map(|layer| {
                ["decoder.key", "decoder.value", "encoder.key", "encoder.value"].map(|part| {
                    (format!("past_key_values.{layer}.{part}"), format!("present.{layer}.{part}"))
                })
            })
            .collect();
        Ok(Moonshine {
            encoder: runtime.shared_session(&models.named("encoder_model.ort"))?,
            decoder: runtime.shared_session(&models.named("decoder_model_merged.ort"))?,
            vocabulary,
            past_names,
        })
    }

    /// Transcribes samples at [`RATE`], ±1 at full scale. `None` if `stop` said so before the end.
    pub(crate) fn transcribe(
        &mut self,
        samples: &[f32],
        stop: &dyn Fn() -> bool,
    ) -> ort::Result<Option<Transcript>> {
        let mut padded;
        let samples = if samples.len() < SHORTEST {
            padded = samples.to_vec();
            padded.resize(SHORTEST, 0.0);
            &padded
        } else {
            samples
        };
        let length = samples.len();
        let mask = vec![1_i64; length];
        let mut encoded = self.encoder.run(ort::inputs! {
            "input_values" => TensorRef::from_array_view(([1, length], samples))?,
            "attention_mask" => TensorRef::from_array_view(([1, length], mask.as_slice()))?,
        })?;
        let Some(hidden) = encoded.remove("last_hidden_state") else {
            return Ok(Some(Transcript::default()));
        };
        drop(encoded);
        // The raw length: with the encoder's own, long stretches come out wrong.
        let mask = Tensor::from_array(([1, length], mask))?;

        let mut past: Vec<DynValue> = Vec::with_capacity(self.past_names.len());
        for _ in &self.past_names {
            let empty = Tensor::from_array(([1, HEADS, 0, HEAD_WIDTH], Vec::<f32>::new()))?;
            past.push(empty.into_dyn());
        }
        let mut guard = Guard::new(length as f32 / RATE as f32);
        let mut token = START;
        let mut certainty = 0.0;
        loop {
            if stop() {
                return Ok(None);
            }
            let first = token == START && guard.tokens().is_empty();
            let mut inputs: Vec<(&str, SessionInputValue<'_>)> = vec![
                ("encoder_attention_mask", (&mask).into()),
                ("encoder_hidden_states", (&hidden).into()),
                ("input_ids", Tensor::from_array(([1, 1], vec![token]))?.into()),
                ("use_cache_branch", Tensor::from_array(([1], vec![!first]))?.into()),
            ];
            inputs.extend(
                self.past_names
                    .iter()
                    .zip(&past)
                    .map(|((name, _), value)| (name.as_str(), value.into())),
            );
            let mut outputs = self.decoder.run(inputs)?;
            let (_, logits) = outputs["logits"].try_extract_tensor::<f32>()?;
            let (best, log_probability) = most_likely(logits);
            for ((_, name), value) in self.past_names.iter().zip(&mut past) {
                // What the encoder gave does not change, and comes back empty after the first step.
                if (first || name.contains("decoder"))
                    && let Some(next) = outputs.remove(name)
                {
                    *value = next;
                }
            }
            if best == END {
                break;
            }
            if !guard.admit(best) {
                break;
            }
            certainty += log_probability;
            token = best;
        }
        let tokens = guard.into_tokens();
        if tokens.is_empty() {
            return Ok(Some(Transcript::default()));
        }
        let confidence = (certainty / tokens.len() as f32).exp().min(1.0);
        Ok(Some(Transcript { text: self.vocabulary.text(&tokens), confidence }))
    }
}

/// The likeliest token and the logarithm of its probability.
fn most_likely(logits: &[f32]) -> (i64, f32) {
    let (mut best, mut highest) = (END as usize, f32::NEG_INFINITY);
    for (index, &logit) in logits.iter().enumerate() {
        if logit > highest {
            (best, highest) = (index, logit);
        }
    }
    let sum: f32 = logits.iter().map(|&logit| (logit - highest).exp()).sum();
    (best as i64, -sum.ln())
}
