//! Speech to text: one stream per call, from answer to hang-up.

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::{VendorError, Work};

/// A recogniser.
pub trait Stt: Send + Sync {
    /// The adapter's name, as in `TANDEM_STT`.
    fn name(&self) -> &'static str;

    /// Opens a stream for one call. Returns at once; connecting happens behind it, and audio sent
    /// meanwhile is kept (up to the channel's bound).
    fn listen(&self, options: SttOptions) -> SttStream;

    /// Is the vendor there and the key accepted? For `tandem check`; costs at most a trivial call.
    fn check(&self) -> crate::BoxFuture<'_, Result<String, VendorError>>;
}

/// What the recogniser is told about the call.
#[derive(Clone, Debug, Default)]
pub struct SttOptions {
    /// BCP 47, such as `en-US`.
    pub language: String,
    /// Words likely to be said: names of products and people.
    pub keywords: Vec<String>,
}

/// What goes in.
#[derive(Clone, Debug)]
pub enum SttInput {
    /// 8 kHz mu-law, any length. `at_ms` is where its first sample stands in the call's inbound
    /// audio; silence is sent too.
    Audio { at_ms: u64, mulaw: Bytes },
    /// The VAD heard the caller begin to speak, at this place in the inbound audio.
    SpeechStarted { at_ms: u64 },
    /// The VAD heard the caller fall silent, at this place in the inbound audio: a good moment to
    /// settle on the words.
    SpeechStopped { at_ms: u64 },
}

/// What comes out. Offsets are ms of the call's inbound audio.
#[derive(Clone, Debug)]
pub enum SttEvent {
    /// The best guess so far at what is being said now; replaces the previous one.
    Interim { text: String, from_ms: u64, to_ms: u64 },
    /// These words will not change. An utterance may come as several of them. Empty text says that
    /// the speech that the VAD reported held no words.
    Final { text: String, from_ms: u64, to_ms: u64, confidence: Option<f32> },
    /// The vendor itself believes that the caller's turn is over; it had listened up to this place.
    EndOfTurn {
        at_ms: u64,
        /// How sure it is, 0 to 1, where it says.
        confidence: Option<f32>,
    },
    /// The vendor believes that the turn is likely over: a reply may be prepared, not spoken. Either
    /// `EndOfTurn` follows, with the words of the last guess, or `TurnResumed`.
    EagerEndOfTurn {
        at_ms: u64,
        /// How sure it is, 0 to 1, where it says.
        confidence: Option<f32>,
    },
    /// The vendor takes back its `EagerEndOfTurn`: the caller goes on.
    TurnResumed,
    /// The connection was lost and is being made again; words of the last moments may be late.
    Reconnecting(VendorError),
    /// Connected again; audio since the loss has been replayed.
    Recovered,
    /// It is over: no more events will come.
    Failed(VendorError),
}

/// One call's recognition. Dropping it ends the vendor's work.
pub struct SttStream {
    /// Bounded; when full the audio of a moment is lost, the call is not.
    pub input: mpsc::Sender<SttInput>,
    /// In the order in which the vendor said them.
    pub events: mpsc::Receiver<SttEvent>,
    /// What feeds `events`.
    pub work: Work,
}
