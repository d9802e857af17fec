//! Text messages: what came in, and what became of what went out.

use super::{
    Form, FormError, OtherFields, Place,
    fields::{Fields, open_words},
};
use crate::{AccountSid, MessageSid, MessagingServiceSid, PhoneNumber, Private};

/// A message that someone sent to one of our numbers. Answer with an empty document, never with
/// plain text: the carrier would send that text back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncomingMessage {
    pub message_sid: MessageSid,
    pub account_sid: Option<AccountSid>,
    pub messaging_service_sid: Option<MessagingServiceSid>,
    pub from: Option<PhoneNumber>,
    pub to: Option<PhoneNumber>,
    /// Empty for a message of media alone.
    pub body: Private,
    pub media: Vec<Media>,
    pub num_segments: Option<u32>,
    pub status: Option<MessageState>,
    /// Set where the carrier has already replied to a keyword: do not answer.
    pub opt_out_type: Option<OptOut>,
    pub from_place: Place,
    pub to_place: Place,
    pub other: OtherFields,
}

/// A file that came with a message. Fetching it may need the account's credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    pub url: String,
    pub content_type: Option<String>,
}

impl IncomingMessage {
    /// Files that are read from one message; the carrier sends at most ten.
    pub const MAX_MEDIA: usize = 20;

    /// Needs the message's identifier, under any of its names, and nothing else.
    pub fn from_form(form: &Form) -> Result<Self, FormError> {
        let mut fields = Fields::of(form);
        let message_sid = take_message_sid(&mut fields)?;
        // The files that are there count, whatever `NumMedia` says.
        let claimed = fields.optional::<usize>("NumMedia").unwrap_or(Self::MAX_MEDIA);
        let media = (0..claimed.min(Self::MAX_MEDIA))
            .map_while(|index| {
                let url = fields.optional(&format!("MediaUrl{index}"))?;
                Some(Media {
                    url,
                    content_type: fields.optional(&format!("MediaContentType{index}")),
                })
            })
            .collect();
        Ok(Self {
            message_sid,
            account_sid: fields.optional("AccountSid"),
            messaging_service_sid: fields.optional("MessagingServiceSid"),
            from: fields.optional("From"),
            to: fields.optional("To"),
            body: fields.text("Body").unwrap_or_default(),
            media,
            num_segments: fields.optional("NumSegments"),
            status: fields.optional("SmsStatus"),
            opt_out_type: fields.optional("OptOutType"),
            from_place: Place::take(&mut fields, "From"),
            to_place: Place::take(&mut fields, "To"),
            other: fields.rest(),
        })
    }
}

/// What became of a message that we sent. May come out of order and more than once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageStatus {
    pub message_sid: MessageSid,
    pub account_sid: Option<AccountSid>,
    pub messaging_service_sid: Option<MessagingServiceSid>,
    pub from: Option<PhoneNumber>,
    pub to: Option<PhoneNumber>,
    pub status: MessageState,
    /// Why it failed or was not delivered.
    pub error_code: Option<u32>,
    pub other: OtherFields,
}

impl MessageStatus {
    /// Needs the message's identifier and its status, under any of their names.
    pub fn from_form(form: &Form) -> Result<Self, FormError> {
        let mut fields = Fields::of(form);
        let message_sid = take_message_sid(&mut fields)?;
        let alias = fields.optional("SmsStatus");
        let status = match fields.optional("MessageStatus").or(alias) {
            Some(status) => status,
            None => return Err(FormError::Missing { name: "MessageStatus" }),
        };
        Ok(Self {
            message_sid,
            account_sid: fields.optional("AccountSid"),
            messaging_service_sid: fields.optional("MessagingServiceSid"),
            from: fields.optional("From"),
            to: fields.optional("To"),
            status,
            error_code: fields.optional("ErrorCode"),
            other: fields.rest(),
        })
    }
}

/// The identifier under its present name or one of its older ones, all of which are taken.
fn take_message_sid(fields: &mut Fields) -> Result<MessageSid, FormError> {
    let older = [fields.optional("SmsMessageSid"), fields.optional("SmsSid")];
    match fields.required("MessageSid") {
        Err(FormError::Missing { name }) => {
            older.into_iter().flatten().next().ok_or(FormError::Missing { name })
        }
        found => found,
    }
}

open_words! {
    /// How far a message has come.
    MessageState {
        Accepted => "accepted",
        Scheduled => "scheduled",
        Queued => "queued",
        Sending => "sending",
        Sent => "sent",
        Delivered => "delivered",
        PartiallyDelivered => "partially_delivered",
        Undelivered => "undelivered",
        Failed => "failed",
        Canceled => "canceled",
        Receiving => "receiving",
        Received => "received",
        Read => "read",
    }
    /// The keyword that the carrier has already answered.
    OptOut {
        Stop => "STOP",
        Start => "START",
        Help => "HELP",
    }
}

impl MessageState {
    /// Is nothing more to come, except that a delivered message may yet be read?
    pub fn is_terminal(&self) -> bool {
        match self {
            Self::Delivered | Self::Undelivered | Self::Failed | Self::Canceled | Self::Read => {
                true
            }
            Self::Accepted
            | Self::Scheduled
            | Self::Queued
            | Self::Sending
            | Self::Sent
            | Self::PartiallyDelivered
            | Self::Receiving
            | Self::Received
            | Self::Other(_) => false,
        }
    }
}
