//! What the agent asks of a model of meaning. Which model, and on which threads it runs, is not
//! known here.

use crate::{BoxFuture, VendorError};

/// Turns texts into vectors whose dot product says how near the texts are in meaning.
pub trait Embedder: Send + Sync {
    /// Vectors of length 1, one per text and in the same order, all of the same size.
    fn embed<'a>(&'a self, texts: Vec<String>)
    -> BoxFuture<'a, Result<Vec<Vec<f32>>, VendorError>>;
}
