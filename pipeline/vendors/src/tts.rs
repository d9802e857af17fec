//! Text to speech: one stream per sentence.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::{VendorError, Work};

/// A voice.
pub trait Tts: Send + Sync {
    /// The adapter's name, as in `TANDEM_TTS`.
    fn name(&self) -> &'static str;

    /// Begins to speak one sentence. Returns at once.
    fn speak(&self, request: TtsRequest) -> TtsStream;

    /// Is the vendor there and the key accepted? For `tandem check`.
    fn check(&self) -> crate::BoxFuture<'_, Result<String, VendorError>>;
}

/// What to say and how.
#[derive(Clone, Debug)]
pub struct TtsRequest {
    /// Plain words, no markup; best as `spoken` gives it, since vendors read figures each in its own way.
    pub text: String,
    /// The vendor's name or id of a voice; the configured one where unset.
    pub voice: Option<String>,
    /// BCP 47.
    pub language: String,
    /// Time allowed until the first audio arrives; then `Problem::TimedOut`.
    pub first_audio_within: Duration,
    /// Time allowed between one piece and the next; then `Problem::TimedOut`.
    pub next_audio_within: Duration,
}

/// What comes out.
#[derive(Clone, Debug)]
pub enum TtsEvent {
    /// The next piece, 8 kHz mu-law without any header, any length.
    Audio(Bytes),
    /// When words of this sentence are spoken, where the vendor says; in order, without repeats.
    Words(Vec<WordTime>),
    /// The sentence is complete.
    Done,
    /// It is over, incomplete.
    Failed(VendorError),
}

/// When a word is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordTime {
    /// Where the word ends in the request's text, in bytes (on a character's border).
    pub text_end: usize,
    /// Its first sound, ms from the sentence's first sample.
    pub from_ms: u32,
    /// Its last sound, ms from the sentence's first sample.
    pub to_ms: u32,
}

/// One sentence's audio. Dropping it ends the vendor's work.
pub struct TtsStream {
    pub events: mpsc::Receiver<TtsEvent>,
    pub work: Work,
}
