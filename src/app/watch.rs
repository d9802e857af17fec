//! Watching calls as they happen: who may, and what a client missed.

use std::sync::Arc;

use super::{App, Error, accounts, error::Attempt};
use crate::{
    domain::{Actor, CallId, Right, Sentiment},
    realtime::{Event, Kind},
    store::{
        call_events::{self, What},
        calls, users,
    },
};

/// An event that is kept. None: its place is taken, but what it was about is gone.
pub type Kept = (i64, Option<Event>);

impl App {
    /// The actor as they stand now: the sign-in may have ended, the user have another role.
    ///
    /// # Errors
    /// [`Error::Unauthorized`]: the sign-in has ended, the user is inactive.
    pub async fn standing(&self, actor: &Actor) -> Result<Actor, Error> {
        let now = self.clock.now();
        let user = users::of_login(&self.db, actor.login, now).await.attempt("find the login")?;
        let user = user.ok_or(Error::Unauthorized("The sign-in has ended"))?;
        Ok(accounts::actor(&user, actor.login, actor.address.clone()))
    }

    /// May the actor see this call of their organisation?
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn may_see_call(&self, actor: &Actor, id: CallId) -> Result<bool, Error> {
        match actor.only_assigned() {
            None => Ok(actor.may(Right::SeeCalls).is_ok()),
            Some(user) => calls::is_assigned(&self.db, id, user).await.attempt("find the job"),
        }
    }

    /// The first `limit` events of a call after the one with this sequence, in their order. A call is
    /// shown as it stands now, whatever the event.
    ///
    /// # Errors
    /// [`Error::NoSuchCall`], [`Error::NotAssigned`].
    pub async fn events_after(
        &self,
        actor: &Actor,
        id: CallId,
        sequence: i64,
        limit: i64,
    ) -> Result<Vec<Kept>, Error> {
        let call = Arc::new(self.call(actor, id).await?);
        let stored = call_events::after(&self.db, actor.tenant, id, sequence, limit).await;
        let stored = stored.attempt("read the call's events")?;
        let kept = |stored: call_events::StoredEvent| {
            let kind = match stored.what {
                What::CallStarted => Some(Kind::CallStarted(call.clone())),
                What::CallUpdated => Some(Kind::CallUpdated(call.clone())),
                What::CallEnded => Some(Kind::CallEnded(call.clone())),
                What::InteractionAdded(line) => Some(Kind::InteractionAdded(Arc::new(line))),
                What::QaScored(score) => Some(Kind::QaScored(Arc::new(score))),
                What::SentimentChanged(score) => Some(Kind::SentimentChanged(Sentiment::of(score))),
                What::EscalationTriggered(one) => Some(Kind::EscalationTriggered(Arc::new(one))),
                What::EscalationCompleted(one) => Some(Kind::EscalationCompleted(Arc::new(one))),
                What::Forgotten => None,
            };
            let (tenant, sequence) = (actor.tenant, stored.sequence);
            let event = |kind| Event { tenant, call: Some(id), sequence: Some(sequence), kind };
            (sequence, kind.map(event))
        };
        Ok(stored.into_iter().map(kept).collect())
    }
}
