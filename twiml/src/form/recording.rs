//! What the carrier tells about a recording of its own.

use chrono::{DateTime, Utc};

use super::{
    Form, FormError, OtherFields,
    fields::{Fields, open_words},
};
use crate::{AccountSid, CallSid, ConferenceSid, RecordingSid};

/// A recording began, is ready, or holds nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingEvent {
    pub recording_sid: RecordingSid,
    pub account_sid: Option<AccountSid>,
    /// The call that was recorded: of a `<Dial>` the parent leg.
    pub call_sid: Option<CallSid>,
    /// The conference that was recorded.
    pub conference_sid: Option<ConferenceSid>,
    pub status: Option<RecordingState>,
    /// Without an extension: add `.wav` or `.mp3`. May need the account's credentials.
    pub url: Option<String>,
    /// Seconds.
    pub duration: Option<u32>,
    pub channels: Option<u8>,
    pub start_time: Option<DateTime<Utc>>,
    pub source: Option<RecordingSource>,
    pub track: Option<String>,
    pub error_code: Option<u32>,
    pub other: OtherFields,
}

impl RecordingEvent {
    /// Needs the recording's identifier and nothing else.
    pub fn from_form(form: &Form) -> Result<Self, FormError> {
        let mut fields = Fields::of(form);
        Ok(Self {
            recording_sid: fields.required("RecordingSid")?,
            account_sid: fields.optional("AccountSid"),
            call_sid: fields.optional("CallSid"),
            conference_sid: fields.optional("ConferenceSid"),
            status: fields.optional("RecordingStatus"),
            url: fields.optional("RecordingUrl"),
            duration: fields.optional("RecordingDuration"),
            channels: fields.optional("RecordingChannels"),
            start_time: fields.time("RecordingStartTime"),
            source: fields.optional("RecordingSource"),
            track: fields.optional("RecordingTrack"),
            error_code: fields.optional("ErrorCode"),
            other: fields.rest(),
        })
    }
}

open_words! {
    /// How far a recording has come.
    RecordingState {
        InProgress => "in-progress",
        Completed => "completed",
        /// Nothing was recorded.
        Absent => "absent",
        Failed => "failed",
    }
    /// What made the recording.
    RecordingSource {
        Dial => "DialVerb",
        Conference => "Conference",
        OutboundCall => "OutboundAPI",
        Record => "RecordVerb",
        CallRecording => "StartCallRecordingAPI",
        ConferenceRecording => "StartConferenceRecordingAPI",
        Trunking => "Trunking",
    }
}
