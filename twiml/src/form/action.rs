//! What a verb found, told to its `action` beside the fields of every
//! [`VoiceRequest`](super::VoiceRequest). Read from the same form; nothing here is required, since
//! an `action` is asked even where there is nothing to tell.

use super::{
    Form,
    fields::{Fields, open_words},
};
use crate::{CallSid, Private, QueueSid, RecordingSid};

/// What a `<Gather>` heard.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GatherResult {
    /// The keys, without the one that ended them. Empty if that was the only one.
    pub digits: Option<Private>,
    pub finished_on_key: Option<String>,
    pub speech: Option<Private>,
    /// From 0 to 1.
    pub confidence: Option<f32>,
    /// Words that may still change, in a partial result.
    pub unstable_speech: Option<Private>,
}

impl GatherResult {
    pub fn from_form(form: &Form) -> Self {
        let mut fields = Fields::of(form);
        Self {
            digits: fields.text("Digits"),
            finished_on_key: fields.optional("FinishedOnKey"),
            speech: fields.optional("SpeechResult"),
            confidence: fields
                .optional("Confidence")
                .filter(|confidence| (0.0..=1.0).contains(confidence)),
            unstable_speech: fields.optional("UnstableSpeechResult"),
        }
    }
}

/// What came of a `<Dial>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DialResult {
    pub status: Option<DialStatus>,
    /// The call that was made; none after a conference.
    pub call_sid: Option<CallSid>,
    /// Seconds of talk; none after a conference.
    pub duration: Option<u32>,
    /// Whether the two were joined.
    pub bridged: Option<bool>,
    pub recording_url: Option<String>,
}

impl DialResult {
    pub fn from_form(form: &Form) -> Self {
        let mut fields = Fields::of(form);
        Self {
            status: fields.optional("DialCallStatus"),
            call_sid: fields.optional("DialCallSid"),
            duration: fields.optional("DialCallDuration"),
            bridged: fields.optional("DialBridged"),
            recording_url: fields.optional("RecordingUrl"),
        }
    }
}

/// What a `<Record>` recorded. The file may not be ready yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordResult {
    pub url: Option<String>,
    pub recording_sid: Option<RecordingSid>,
    /// Seconds.
    pub duration: Option<u32>,
    /// The key that ended it, or `hangup`.
    pub ended_by: Option<String>,
}

impl RecordResult {
    pub fn from_form(form: &Form) -> Self {
        let mut fields = Fields::of(form);
        Self {
            url: fields.optional("RecordingUrl"),
            recording_sid: fields.optional("RecordingSid"),
            duration: fields.optional("RecordingDuration"),
            ended_by: fields.optional("Digits"),
        }
    }
}

/// How a call left a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueResult {
    pub outcome: Option<QueueOutcome>,
    pub queue_sid: Option<QueueSid>,
    /// Seconds of waiting.
    pub time: Option<u32>,
}

impl QueueResult {
    pub fn from_form(form: &Form) -> Self {
        let mut fields = Fields::of(form);
        Self {
            outcome: fields.optional("QueueResult"),
            queue_sid: fields.optional("QueueSid"),
            time: fields.optional("QueueTime"),
        }
    }
}

open_words! {
    /// How a dialled call ended.
    DialStatus {
        Completed => "completed",
        /// A conference was joined, and left.
        Answered => "answered",
        Busy => "busy",
        NoAnswer => "no-answer",
        Failed => "failed",
        Canceled => "canceled",
    }
    /// How a call left a queue.
    QueueOutcome {
        Bridged => "bridged",
        BridgingInProcess => "bridging-in-process",
        QueueFull => "queue-full",
        Redirected => "redirected",
        RedirectedFromBridged => "redirected-from-bridged",
        Leave => "leave",
        Hangup => "hangup",
        Error => "error",
        SystemError => "system-error",
    }
}
