//! What the carrier tells about a media stream, beside what its socket says.

use chrono::{DateTime, Utc};

use super::{
    Form, FormError, OtherFields,
    fields::{Fields, open_words},
};
use crate::{AccountSid, CallSid, StreamSid};

/// A stream started, stopped or failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEvent {
    pub call_sid: CallSid,
    pub stream_sid: StreamSid,
    pub account_sid: Option<AccountSid>,
    /// The stream's name, or its identifier if it has none.
    pub name: Option<String>,
    pub event: StreamEventKind,
    /// What failed, in the carrier's words.
    pub error: Option<String>,
    pub timestamp: Option<DateTime<Utc>>,
    pub other: OtherFields,
}

impl StreamEvent {
    /// Needs the call's and the stream's identifier and the event's name.
    pub fn from_form(form: &Form) -> Result<Self, FormError> {
        let mut fields = Fields::of(form);
        Ok(Self {
            call_sid: fields.required("CallSid")?,
            stream_sid: fields.required("StreamSid")?,
            account_sid: fields.optional("AccountSid"),
            name: fields.optional("StreamName"),
            event: fields.required("StreamEvent")?,
            error: fields.optional("StreamError"),
            timestamp: fields.time("Timestamp"),
            other: fields.rest(),
        })
    }
}

open_words! {
    /// What happened to a stream.
    StreamEventKind {
        Started => "stream-started",
        Stopped => "stream-stopped",
        Error => "stream-error",
    }
}
