//! What can be ordered of running calls, wherever they are: here by their sessions, elsewhere by the
//! carrier.

use std::sync::Arc;

use turn::{Command, Effect, EndReason, Refusal};
use twiml::CallSid;

use super::registry::{NotTold, Registry};
use crate::carrier::{
    Client,
    calls::Ended,
    hang_up::{HangUps, NotEnded, Patience},
};

/// Why a call could not be ended.
#[derive(Debug, thiserror::Error)]
pub enum NotHungUp {
    #[error(transparent)]
    Session(#[from] NotTold),
    #[error(transparent)]
    Carrier(#[from] NotEnded),
}

/// Running calls, and the carrier's API.
#[derive(Clone)]
pub struct Desk {
    pub registry: Registry,
    /// The calls whose end the carrier has not confirmed.
    pub hang_ups: Arc<HangUps>,
    /// The carrier's API, where an account is set.
    pub carrier: Option<Client>,
}

impl Desk {
    /// A desk without calls.
    pub fn new(carrier: Option<Client>, patience: Patience) -> Self {
        let hang_ups = Arc::new(HangUps::new(carrier.clone(), patience));
        Desk { registry: Registry::default(), hang_ups, carrier }
    }

    /// Ends a call, wherever it is: here, by its session; else by the carrier. `id` is the client's own
    /// of this order. A call that is over already is [`Effect::AlreadySo`], however often it is asked.
    ///
    /// # Errors
    /// [`NotHungUp`]; the call may be up still.
    pub async fn end_call(
        &self,
        call: &CallSid,
        id: String,
        politely: bool,
    ) -> Result<Effect, NotHungUp> {
        if self.registry.is_listened_to(call.as_str()) {
            // The session is a listener: two people talk, and only the carrier can part them.
            return self.order(call).await;
        }
        match self.registry.tell(call.as_str(), id, Command::End { politely }).await {
            Ok(effect) => return Ok(effect),
            // It is over, or about to be: whoever ended it first did so for both.
            Err(NotTold::Refused(Refusal::Ended | Refusal::Ending)) => {
                return Ok(Effect::AlreadySo);
            }
            Err(NotTold::NotLive) => {}
            Err(error) => return Err(error.into()),
        }
        match self.registry.ended(call.as_str()) {
            Some(EndReason::CallerLeft | EndReason::Transferred { .. }) | None => {
                self.order(call).await
            }
            // A session hung it up, and that is seen to.
            Some(_) => Ok(Effect::AlreadySo),
        }
    }

    async fn order(&self, call: &CallSid) -> Result<Effect, NotHungUp> {
        Ok(match self.hang_ups.order(call).await? {
            Ended::Before => Effect::AlreadySo,
            Ended::Now | Ended::NotYet => Effect::Done,
        })
    }
}
