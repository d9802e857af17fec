//! Speech and language engines behind three traits: [`Stt`], [`Llm`], [`Tts`].
//!
//! An adapter is dumb: it connects, translates and reports. It decides nothing about the
//! conversation, keeps no transcript and plays nothing. What it returns is a stream that ends the
//! vendor's work when it is dropped: that is the only way to cancel, so a barge-in has no race to
//! lose. The caller of these traits tags each stream with the epoch it was opened in.
//!
//! Audio crosses this border as 8 kHz mu-law, the carrier's own format, in both directions. An
//! adapter whose vendor takes or gives mu-law passes it through; the others convert inside.

mod address;
pub mod deepgram;
pub mod elevenlabs;
pub mod error;
pub mod failover;
mod http;
pub mod llm;
pub mod local;
pub mod openai;
#[cfg(feature = "played")]
pub mod played;
mod recognition;
mod socket;
mod speaking;
pub mod stt;
pub mod tts;

pub use error::{Problem, VendorError};
pub use llm::{Llm, LlmEvent, LlmRequest, LlmStream, Message, Tool, ToolCall};
pub use stt::{Stt, SttEvent, SttInput, SttOptions, SttStream};
pub use tts::{Tts, TtsEvent, TtsRequest, TtsStream, WordTime};

/// A future on the heap: what a trait object's async method returns.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Ends the task behind a stream when the stream is dropped.
#[derive(Debug)]
pub struct Work(tokio::task::AbortHandle);

impl Work {
    /// Runs `work` on the current runtime until it ends or this handle is dropped.
    pub fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Work(tokio::spawn(work).abort_handle())
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.0.abort();
    }
}
