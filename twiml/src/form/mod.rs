//! The carrier's webhook requests: form fields parsed once, then read as what they tell.
//!
//! [`Form`] is the request as it came, which is what its signature covers. The typed requests are
//! read from it and never fail because the carrier added, left out or renamed something: a field
//! that is not known, or does not parse, stays in `other` under its own name. Only without the
//! identifier of what it is about is a request an error.
//!
//! Where the carrier may add words, an enum has `Other`. Phone numbers, names, keys and speech do
//! not show in `Debug`.

mod action;
mod amd;
mod conference;
mod fields;
mod geo;
mod message;
mod pairs;
mod recording;
mod status;
mod stream;
mod voice;

pub use action::{DialResult, DialStatus, GatherResult, QueueOutcome, QueueResult, RecordResult};
pub use amd::{AmdResult, AnsweredBy};
pub use conference::{ConferenceEvent, ConferenceEventKind};
pub use fields::OtherFields;
pub use geo::Place;
pub use message::{IncomingMessage, Media, MessageState, MessageStatus, OptOut};
pub use pairs::{Form, FormError};
pub use recording::{RecordingEvent, RecordingSource, RecordingState};
pub use status::CallStatusCallback;
pub use stream::{StreamEvent, StreamEventKind};
pub use voice::{CallStatus, Direction, VoiceRequest};
