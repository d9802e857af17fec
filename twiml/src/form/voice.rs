//! What the carrier asks when a call needs a document: the fields of every voice request.

use super::{
    AnsweredBy, Form, FormError, OtherFields, Place,
    fields::{Fields, open_words},
};
use crate::{AccountSid, CallSid, PhoneNumber, Private};

/// A request for a document, and the fields that every request about a call shares.
///
/// A request to a verb's `action` is one of these too; what the verb found is read from the same
/// form by [`GatherResult`](super::GatherResult) and its kin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoiceRequest {
    pub call_sid: CallSid,
    pub account_sid: Option<AccountSid>,
    pub from: Option<PhoneNumber>,
    pub to: Option<PhoneNumber>,
    pub call_status: Option<CallStatus>,
    pub direction: Option<Direction>,
    /// The number that forwarded the call here, if its network says so.
    pub forwarded_from: Option<PhoneNumber>,
    /// The caller's registered name, if the number looks it up.
    pub caller_name: Option<Private>,
    /// The call that dialled this one.
    pub parent_call_sid: Option<CallSid>,
    /// To be passed on when forwarding, so that the original caller is shown.
    pub call_token: Option<Private>,
    /// Who answered, where detection came before the document.
    pub answered_by: Option<AnsweredBy>,
    /// Milliseconds that detection took.
    pub machine_detection_duration: Option<u32>,
    /// The caller's number as its network attests it, as in `TN-Validation-Passed-A`.
    pub stir_verstat: Option<String>,
    pub from_place: Place,
    pub to_place: Place,
    /// Why the carrier asks the fallback address: the code of what failed at the first.
    pub error_code: Option<u32>,
    pub api_version: Option<String>,
    pub other: OtherFields,
}

impl VoiceRequest {
    /// Needs the call's identifier and nothing else.
    pub fn from_form(form: &Form) -> Result<Self, FormError> {
        let mut fields = Fields::of(form);
        let mut request = Self::take(&mut fields)?;
        request.other = fields.rest();
        Ok(request)
    }

    /// Takes the shared fields and leaves those that only another kind of request knows.
    pub(super) fn take(fields: &mut Fields) -> Result<Self, FormError> {
        Ok(Self {
            call_sid: fields.required("CallSid")?,
            account_sid: fields.optional("AccountSid"),
            from: fields.optional("From"),
            to: fields.optional("To"),
            call_status: fields.optional("CallStatus"),
            direction: fields.optional("Direction"),
            forwarded_from: fields.optional("ForwardedFrom"),
            caller_name: fields.optional("CallerName"),
            parent_call_sid: fields.optional("ParentCallSid"),
            call_token: fields.optional("CallToken"),
            answered_by: fields.optional("AnsweredBy"),
            machine_detection_duration: fields.optional("MachineDetectionDuration"),
            stir_verstat: fields.optional("StirVerstat"),
            from_place: Place::take(fields, "From"),
            to_place: Place::take(fields, "To"),
            error_code: fields.optional("ErrorCode"),
            api_version: fields.optional("ApiVersion"),
            other: OtherFields::default(),
        })
    }
}

open_words! {
    /// How far a call has come.
    CallStatus {
        Queued => "queued",
        Initiated => "initiated",
        Ringing => "ringing",
        InProgress => "in-progress",
        Completed => "completed",
        Busy => "busy",
        Failed => "failed",
        NoAnswer => "no-answer",
        Canceled => "canceled",
    }
    /// Who began the call.
    Direction {
        Inbound => "inbound",
        /// Made over REST.
        OutboundApi => "outbound-api",
        /// Made by a `<Dial>`.
        OutboundDial => "outbound-dial",
    }
}

impl CallStatus {
    /// Is the call over? A later event that says otherwise came out of order.
    pub fn is_terminal(&self) -> bool {
        match self {
            Self::Completed | Self::Busy | Self::Failed | Self::NoAnswer | Self::Canceled => true,
            Self::Queued | Self::Initiated | Self::Ringing | Self::InProgress => false,
            Self::Other(_) => false,
        }
    }
}
