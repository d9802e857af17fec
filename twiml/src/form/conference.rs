//! What the carrier tells about a conference.

use chrono::{DateTime, Utc};

use super::{
    CallStatus, Form, FormError, OtherFields,
    fields::{Fields, open_words},
};
use crate::{AccountSid, CallSid, ConferenceSid};

/// Something that happened in a conference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConferenceEvent {
    pub conference_sid: ConferenceSid,
    pub account_sid: Option<AccountSid>,
    pub event: ConferenceEventKind,
    /// The room's name.
    pub friendly_name: Option<String>,
    /// The order in which the events happened.
    pub sequence_number: Option<u32>,
    pub timestamp: Option<DateTime<Utc>>,
    /// The participant that the event is about.
    pub call_sid: Option<CallSid>,
    pub participant_label: Option<String>,
    pub muted: Option<bool>,
    pub hold: Option<bool>,
    pub coaching: Option<bool>,
    pub start_on_enter: Option<bool>,
    pub end_on_exit: Option<bool>,
    /// How the participant's call stands, when it has left.
    pub participant_call_status: Option<CallStatus>,
    pub reason_participant_left: Option<String>,
    /// The participant whose leaving ended the conference.
    pub call_sid_ending_conference: Option<CallSid>,
    pub participant_label_ending_conference: Option<String>,
    pub reason_conference_ended: Option<String>,
    pub announce_url: Option<String>,
    pub reason_announcement_failed: Option<String>,
    pub other: OtherFields,
}

impl ConferenceEvent {
    /// Needs the conference's identifier and the event's name.
    pub fn from_form(form: &Form) -> Result<Self, FormError> {
        let mut fields = Fields::of(form);
        Ok(Self {
            conference_sid: fields.required("ConferenceSid")?,
            account_sid: fields.optional("AccountSid"),
            event: fields.required("StatusCallbackEvent")?,
            friendly_name: fields.optional("FriendlyName"),
            sequence_number: fields.optional("SequenceNumber"),
            timestamp: fields.time("Timestamp"),
            call_sid: fields.optional("CallSid"),
            participant_label: fields.optional("ParticipantLabel"),
            muted: fields.optional("Muted"),
            hold: fields.optional("Hold"),
            coaching: fields.optional("Coaching"),
            start_on_enter: fields.optional("StartConferenceOnEnter"),
            end_on_exit: fields.optional("EndConferenceOnExit"),
            participant_call_status: fields.optional("ParticipantCallStatus"),
            reason_participant_left: fields.optional("ReasonParticipantLeft"),
            call_sid_ending_conference: fields.optional("CallSidEndingConference"),
            participant_label_ending_conference: fields
                .optional("ParticipantLabelEndingConference"),
            reason_conference_ended: fields.optional("ReasonConferenceEnded"),
            announce_url: fields.optional("AnnounceUrl"),
            reason_announcement_failed: fields.optional("ReasonAnnouncementFailed"),
            other: fields.rest(),
        })
    }
}

open_words! {
    /// What happened in a conference.
    ConferenceEventKind {
        ConferenceStart => "conference-start",
        ConferenceEnd => "conference-end",
        ParticipantJoin => "participant-join",
        ParticipantLeave => "participant-leave",
        ParticipantMute => "participant-mute",
        ParticipantUnmute => "participant-unmute",
        ParticipantHold => "participant-hold",
        ParticipantUnhold => "participant-unhold",
        ParticipantModify => "participant-modify",
        ParticipantSpeechStart => "participant-speech-start",
        ParticipantSpeechStop => "participant-speech-stop",
        AnnouncementEnd => "announcement-end",
        AnnouncementFail => "announcement-fail",
    }
}
