//! Sentences as vectors: near in meaning, near in direction.
//!
//! MiniLM, 384 dimensions. A short sentence takes some 4 ms of one core. The library unpacks the int8
//! weights to 90 MB, so one session serves all threads, in turn.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use ort::{session::Session, value::TensorRef};

use super::{
    LocalError, NAME,
    engine::{Engine, Urgency},
    models::Models,
    runtime::Runtime,
};
use crate::{BoxFuture, Problem, VendorError};

mod wordpiece;

use wordpiece::WordPiece;

/// A sentence's direction, of length 1.
pub type Vector = Vec<f32>;

/// Tokens of a sentence that are read; the model was trained on no more.
const LONGEST: usize = 128;

/// Sentences of one job, so that a long list does not keep a thread from callers.
const BATCH: usize = 8;

/// How alike two sentences are, -1 to 1.
pub fn likeness(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The model, run on the engine's threads.
#[derive(Clone)]
pub struct Embedder {
    pub(super) engine: Arc<Engine>,
    /// `None` where it was not loaded.
    pub(super) model: Option<Arc<Mutex<MiniLm>>>,
}

impl super::agent::Embedder for Embedder {
    fn embed<'a>(&'a self, texts: Vec<String>) -> BoxFuture<'a, Result<Vec<Vector>, VendorError>> {
        Box::pin(async move {
            let result = self.vectors(texts).await;
            result.map_err(|problem| VendorError {
                vendor: NAME,
                attempt: "compare meanings",
                problem,
                request_id: None,
            })
        })
    }
}

impl Embedder {
    /// The vectors of `sentences`, in their order.
    ///
    /// # Errors
    /// The engine is overloaded, or the model failed or was not loaded.
    pub async fn vectors(&self, sentences: Vec<String>) -> Result<Vec<Vector>, Problem> {
        let mut vectors = Vec::with_capacity(sentences.len());
        for batch in sentences.chunks(BATCH) {
            let not_loaded = || Problem::Engine("the local embeddings are not loaded".into());
            let (batch, model) = (batch.to_vec(), self.model.clone().ok_or_else(not_loaded)?);
            let result = self.engine.run(Urgency::Lookup, move |_, _| {
                let mut model = model.lock().unwrap_or_else(PoisonError::into_inner);
                let embed = |sentence: &String| model.embed(sentence);
                let vectors: ort::Result<Vec<Vector>> = batch.iter().map(embed).collect();
                vectors.map_err(|error| format!("the embeddings failed ({error})"))
            });
            let result = result.await.map_err(|error| Problem::Engine(error.to_string()))?;
            vectors.extend(result.map_err(Problem::Engine)?);
        }
        Ok(vectors)
    }
}

/// The model itself.
pub(crate) struct MiniLm {
    session: Session,
    words: WordPiece,
}

impl MiniLm {
    pub(crate) fn load(runtime: &Runtime, models: &Models) -> Result<Self, LocalError> {
        let path = models.named("vocab.txt");
        let unreadable = |problem: String| LocalError::Model { path: path.clone(), problem };
        let list = std::fs::read_to_string(&path).map_err(|error| unreadable(error.to_string()))?;
        let vocabulary: HashMap<String, i64> =
            (0..).zip(list.lines()).map(|(id, word)| (word.to_owned(), id)).collect();
        let words = WordPiece::new(vocabulary)
            .ok_or_else(|| unreadable("it lacks the special words".into()))?;
        Ok(MiniLm { session: runtime.session(&models.named("model.onnx"))?, words })
    }

    pub(crate) fn embed(&mut self, sentence: &str) -> ort::Result<Vector> {
        let ids = self.words.ids(sentence, LONGEST);
        let shape = [1, ids.len()];
        let (mask, types) = (vec![1_i64; ids.len()], vec![0_i64; ids.len()]);
        let outputs = self.session.run(ort::inputs! {
            "input_ids" => TensorRef::from_array_view((shape, ids.as_slice()))?,
            "attention_mask" => TensorRef::from_array_view((shape, mask.as_slice()))?,
            "token_type_ids" => TensorRef::from_array_view((shape, types.as_slice()))?,
        })?;
        let (_, hidden) = outputs[0].try_extract_tensor::<f32>()?;
        let width = hidden.len() / ids.len();
        let mut mean = vec![0.0; width];
        for token in hidden.chunks_exact(width.max(1)) {
            mean.iter_mut().zip(token).for_each(|(sum, value)| *sum += value);
        }
        let length = mean.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-9);
        mean.iter_mut().for_each(|value| *value /= length);
        Ok(mean)
    }
}
