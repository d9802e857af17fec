//! Who answered: the result of answering machine detection.

use super::{
    Form, FormError, OtherFields,
    fields::{Fields, open_words},
};
use crate::{AccountSid, CallSid};

/// The result of detection that ran beside the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmdResult {
    pub call_sid: CallSid,
    pub account_sid: Option<AccountSid>,
    pub answered_by: AnsweredBy,
    /// Milliseconds that detection took.
    pub machine_detection_duration: Option<u32>,
    pub other: OtherFields,
}

impl AmdResult {
    /// Needs the call's identifier and who answered.
    pub fn from_form(form: &Form) -> Result<Self, FormError> {
        let mut fields = Fields::of(form);
        Ok(Self {
            call_sid: fields.required("CallSid")?,
            account_sid: fields.optional("AccountSid"),
            answered_by: fields.required("AnsweredBy")?,
            machine_detection_duration: fields.optional("MachineDetectionDuration"),
            other: fields.rest(),
        })
    }
}

open_words! {
    /// Who, or what, answered.
    AnsweredBy {
        Human => "human",
        /// A machine, whose greeting may still run.
        MachineStart => "machine_start",
        /// A machine, and its beep was heard: leave the message now.
        MachineEndBeep => "machine_end_beep",
        /// A machine, and its greeting ended in silence.
        MachineEndSilence => "machine_end_silence",
        /// A machine, and its greeting ended otherwise.
        MachineEndOther => "machine_end_other",
        Fax => "fax",
        Unknown => "unknown",
    }
}

impl AnsweredBy {
    /// Is it an answering machine, at whatever point of its greeting?
    pub fn is_machine(&self) -> bool {
        match self {
            Self::MachineStart
            | Self::MachineEndBeep
            | Self::MachineEndSilence
            | Self::MachineEndOther => true,
            Self::Human | Self::Fax | Self::Unknown => false,
            Self::Other(word) => word.starts_with("machine"),
        }
    }
}
