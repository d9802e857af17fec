//! What the carrier tells about a call's progress.

use chrono::{DateTime, Utc};

use super::{Form, FormError, VoiceRequest, fields::Fields};
use crate::RecordingSid;

/// A call's progress. Callbacks come out of order and more than once: act once per call and
/// [`sequence_number`](Self::sequence_number), and never leave a terminal status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallStatusCallback {
    /// The fields that every request about a call has; in its `other` is what is left of both.
    pub call: VoiceRequest,
    /// The order in which the events happened, from 0.
    pub sequence_number: Option<u32>,
    pub timestamp: Option<DateTime<Utc>>,
    pub callback_source: Option<String>,
    /// Seconds of talk, when the call has ended.
    pub call_duration: Option<u32>,
    /// Minutes that are billed.
    pub billed_minutes: Option<u32>,
    /// The last answer of the far end's SIP, which says why a call failed.
    pub sip_response_code: Option<u16>,
    pub recording_url: Option<String>,
    pub recording_sid: Option<RecordingSid>,
    /// Seconds.
    pub recording_duration: Option<u32>,
}

impl CallStatusCallback {
    /// Needs the call's identifier and nothing else.
    pub fn from_form(form: &Form) -> Result<Self, FormError> {
        let mut fields = Fields::of(form);
        let mut callback = Self {
            call: VoiceRequest::take(&mut fields)?,
            sequence_number: fields.optional("SequenceNumber"),
            timestamp: fields.time("Timestamp"),
            callback_source: fields.optional("CallbackSource"),
            call_duration: fields.optional("CallDuration"),
            billed_minutes: fields.optional("Duration"),
            sip_response_code: fields.optional("SipResponseCode"),
            recording_url: fields.optional("RecordingUrl"),
            recording_sid: fields.optional("RecordingSid"),
            recording_duration: fields.optional("RecordingDuration"),
        };
        callback.call.other = fields.rest();
        Ok(callback)
    }
}
