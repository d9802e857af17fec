//! Calls: how one stands at the carrier, and ending it.
//!
//! <https://www.twilio.com/docs/voice/api/call-resource>.

use reqwest::Method;
use serde::{Deserialize, Deserializer};
use twiml::{CallSid, Form, form::CallStatus};

use super::{Client, Error, Request};

/// "Call is not in-progress": what was ordered of it came too late, or too early.
const NOT_IN_PROGRESS: u32 = 21220;

/// A call as the carrier has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Call {
    pub sid: CallSid,
    #[serde(deserialize_with = "status")]
    pub status: CallStatus,
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

fn status<'de, D: Deserializer<'de>>(text: D) -> Result<CallStatus, D::Error> {
    let Ok(status) = String::deserialize(text)?.parse();
    Ok(status)
}

impl Client {
    /// How this call stands.
    ///
    /// # Errors
    /// [`Error`]; not found if it is not this account's.
    pub async fn fetch_call(&self, call: &CallSid) -> Result<Call, Error> {
        self.send(&Request {
            attempt: "look up the call",
            method: Method::GET,
            resource: format!("/Calls/{call}.json"),
            form: Form::default(),
            repeatable: true,
        })
        .await
    }

    /// Ends this call, wherever it is: ringing, in a document, in a conference. Ending it again, or
    /// one that is over, is no error.
    ///
    /// # Errors
    /// [`Error`]; not found if it is not this account's.
    pub async fn end_call(&self, call: &CallSid) -> Result<Ended, Error> {
        let order = Request {
            attempt: "end the call",
            method: Method::POST,
            resource: format!("/Calls/{call}.json"),
            form: Form::default().with("Status", "completed"),
            repeatable: true,
        };
        match self.send::<Call>(&order).await {
            Ok(call) if call.status.is_terminal() => Ok(Ended::Now),
            Ok(_) => Ok(Ended::NotYet),
            // It ended in between, or was not far enough to be ended: the carrier knows which.
            Err(error) if error.code() == Some(NOT_IN_PROGRESS) => {
                match self.fetch_call(call).await?.status.is_terminal() {
                    true => Ok(Ended::Before),
                    false => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }
}
