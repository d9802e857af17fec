//! Calls: how one stands at the carrier, redirecting and ending it. Making one is [`super::new_call`].
//!
//! <https://www.twilio.com/docs/voice/api/call-resource>.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use twiml::{
    CallSid, Form,
    form::{AnsweredBy, CallStatus, Direction},
};

use super::{
    Client, Error, Repeat, Request,
    new_call::Instructions,
    wire::{time, word, word_if_any},
};

/// "Call is not in-progress": what was ordered of it came too late, or too early.
const NOT_IN_PROGRESS: u32 = 21220;

/// A call as the carrier has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Call {
    pub sid: CallSid,
    #[serde(deserialize_with = "word")]
    pub status: CallStatus,
    #[serde(default, deserialize_with = "word_if_any")]
    pub direction: Option<Direction>,
    /// The call that dialled this one.
    #[serde(default)]
    pub parent_call_sid: Option<CallSid>,
    /// Who answered, where that was found out.
    #[serde(default, deserialize_with = "word_if_any")]
    pub answered_by: Option<AnsweredBy>,
    /// When it was answered.
    #[serde(default, deserialize_with = "time")]
    pub start_time: Option<DateTime<Utc>>,
    /// Seconds, when it is over.
    #[serde(default, deserialize_with = "word_if_any")]
    pub duration: Option<u32>,
}

/// What an order to end a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It is over by this order.
    Now,
    /// It was over before.
    Before,
    /// The carrier took the order and says that the call is not over yet.
    NotYet,
}

impl Error {
    /// The call is not in a state for what was ordered of it: not yet answered, or over.
    #[must_use]
    pub fn is_not_in_progress(&self) -> bool {
        self.code() == Some(NOT_IN_PROGRESS)
    }
}

impl Client {
    /// How this call stands.
    ///
    /// # Errors
    /// [`Error`]; not found if it is not this account's.
    pub async fn fetch_call(&self, call: &CallSid) -> Result<Call, Error> {
        let resource = format!("/Calls/{call}.json");
        self.send(&Request::get("look up the call", resource, Form::default())).await
    }

    /// Takes a running call out of whatever it does, and goes on with another document. Its media
    /// socket is closed by the carrier; a leg that it has dialled falls away.
    ///
    /// # Errors
    /// [`Error`]; [`Error::is_not_in_progress`] if nobody has answered yet, or it is over.
    pub async fn redirect_call(&self, call: &CallSid, to: &Instructions) -> Result<Call, Error> {
        let (attempt, resource) = ("redirect the call", format!("/Calls/{call}.json"));
        let form = to.put(Form::default());
        // A second redirect would interrupt what the first began.
        self.send(&Request::post(attempt, resource, form, Repeat::Undone)).await
    }

    /// Takes back a call that has not been answered. One that is answered meanwhile goes on: see
    /// [`Client::end_call`] for either.
    ///
    /// # Errors
    /// [`Error`]; [`Error::is_not_in_progress`] if it does not ring any more.
    pub async fn cancel_call(&self, call: &CallSid) -> Result<Call, Error> {
        let (attempt, resource) = ("take the call back", format!("/Calls/{call}.json"));
        let form = Form::default().with("Status", "canceled");
        self.send(&Request::post(attempt, resource, form, Repeat::Safe)).await
    }

    /// Ends this call, wherever it is: ringing, in a document, in a conference. Ending it again, or
    /// one that is over, is no error.
    ///
    /// # Errors
    /// [`Error`]; not found if it is not this account's.
    pub async fn end_call(&self, call: &CallSid) -> Result<Ended, Error> {
        let (attempt, resource) = ("end the call", format!("/Calls/{call}.json"));
        let form = Form::default().with("Status", "completed");
        let order = Request::post(attempt, resource, form, Repeat::Safe);
        match self.send::<Call>(&order).await {
            Ok(call) if call.status.is_terminal() => Ok(Ended::Now),
            Ok(_) => Ok(Ended::NotYet),
            // It ended in between, or was not far enough to be ended: the carrier knows which.
            Err(error) if error.is_not_in_progress() => {
                match self.fetch_call(call).await?.status.is_terminal() {
                    true => Ok(Ended::Before),
                    false => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }
}
