//! The room in which the caller and the person meet, and the way back out of it.

use std::{sync::Arc, time::Duration};

use super::{App, ringing::state_at};
use crate::{
    app::{Error, error::Attempt},
    carrier::new_call::Instructions,
    domain::{CallId, Progress, State},
    store::{calls, escalations},
};

/// How long the carrier is asked, where a person awaits a caller, whether they still do.
const ASKED_WITHIN: Duration = Duration::from_secs(2);
/// Who is in a room that somebody has left is given so long to be told that it is over.
const LEAVES_WITHIN: Duration = Duration::from_secs(3);
/// A caller who is on the way into the room, or back to the agent, is there by then.
const SETTLES_WITHIN: Duration = Duration::from_secs(1);

impl App {
    /// The room in which the caller with this name at the carrier is awaited by a person, if one is. Who
    /// accepted before a restart may have left meanwhile, with nobody there to be told: unless `surely`,
    /// the carrier is asked, so that no caller waits in an empty room.
    ///
    /// # Errors
    /// The store failed.
    pub async fn room_of(
        self: &Arc<Self>,
        call_sid: &str,
        surely: bool,
    ) -> Result<Option<(CallId, String)>, Error> {
        const ATTEMPT: &str = "find the escalation";
        let call = calls::of_sid(&self.db, call_sid).await.attempt(ATTEMPT)?;
        let Some(call) = call.filter(|call| !call.state.is_over()) else { return Ok(None) };
        let awaited = escalations::awaited(&self.db, call.id).await.attempt(ATTEMPT)?;
        let Some(awaited) = awaited else { return Ok(None) };
        if !surely
            && awaited.escalation.progress == Progress::Accepted
            && let (Some((agent, _)), Some(leg)) = (&awaited.escalation.agent, awaited.leg)
            && self.is_leg_over(&leg).await
        {
            self.agent_fell_through(awaited.escalation.id, *agent, Progress::Failed).await?;
            return Ok(None);
        }
        Ok(Some((call.id, room(call.id))))
    }

    /// Does the carrier say that this leg is over? One that it says nothing of may be up.
    pub(super) async fn is_leg_over(&self, leg: &str) -> bool {
        let (Some(carrier), Ok(leg)) = (&self.desk.carrier, leg.parse()) else { return false };
        let state = tokio::time::timeout(ASKED_WITHIN, state_at(carrier, &leg)).await;
        state.ok().flatten().is_some_and(State::is_over)
    }

    /// The same of a leg whose end the carrier may be about to tell: the legs of one room end together, and
    /// the word on one comes before the word on the other.
    pub(super) async fn is_leg_over_soon(&self, leg: &str) -> bool {
        if self.is_leg_over(leg).await {
            return true;
        }
        tokio::time::sleep(SETTLES_WITHIN).await;
        self.is_leg_over(leg).await
    }

    /// The caller has joined the room: the two are bridged. A caller whose person is gone by now is
    /// fetched back.
    ///
    /// # Errors
    /// The store failed.
    pub async fn bridged(self: &Arc<Self>, call_sid: &str) -> Result<(), Error> {
        const ATTEMPT: &str = "note the bridge";
        let mut tx = self.db.begin().await.attempt(ATTEMPT)?;
        let Some(call) = calls::by_sid(&mut tx, call_sid).await.attempt(ATTEMPT)? else {
            return Ok(());
        };
        let Some(open) = escalations::open_of(&mut tx, call.id).await.attempt(ATTEMPT)? else {
            if !call.state.is_over() {
                self.fetch_back_soon(call_sid.to_owned(), false);
            }
            return Ok(());
        };
        let moved = escalations::advance(&mut tx, open.id, Progress::Bridged, self.clock.now());
        if moved.await.attempt(ATTEMPT)?.is_none() {
            return Ok(());
        }
        let updated = self.told(&mut tx, call.tenant, call.id, "call.updated").await?;
        tx.commit().await.attempt(ATTEMPT)?;
        self.publish(updated);
        Ok(())
    }

    /// The caller could not be put into the room, or left it alone: the agent takes the caller back.
    /// False: no person was to take this call.
    ///
    /// # Errors
    /// The store failed.
    pub async fn returned(self: &Arc<Self>, call_sid: &str) -> Result<bool, Error> {
        const ATTEMPT: &str = "take the call back";
        let mut tx = self.db.begin().await.attempt(ATTEMPT)?;
        let Some(call) = calls::by_sid(&mut tx, call_sid).await.attempt(ATTEMPT)? else {
            return Ok(false);
        };
        let open = escalations::open_of(&mut tx, call.id).await.attempt(ATTEMPT)?;
        drop(tx);
        let Some(open) = open else { return Ok(false) };
        let Some((agent, _)) = open.agent else { return Ok(false) };
        self.agent_fell_through(open.id, agent, Progress::Failed).await?;
        self.release_agents(call.id).await;
        Ok(true)
    }

    /// The person's leg is over. If the caller's is not, the caller is alone in the room: the carrier is
    /// told to ask us how the call goes on. `met`: the two had met, so that the room is closing, which
    /// ends the caller's leg, and takes a moment.
    pub(super) fn fetch_back_soon(self: &Arc<Self>, call_sid: String, met: bool) {
        let app = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(if met { LEAVES_WITHIN } else { SETTLES_WITHIN }).await;
            // Where the agent speaks with the caller, the caller is not in the room.
            let registry = &app.desk.registry;
            let speaks = registry.whose(&call_sid).is_some() && !registry.is_listened_to(&call_sid);
            if let Some(carrier) = &app.desk.carrier
                && !speaks
                && let Ok(sid) = call_sid.parse()
            {
                let over = state_at(carrier, &sid).await.is_some_and(State::is_over);
                let resume = format!("{}/webhooks/twilio/resume", app.settings.public_url);
                if !over
                    && let Err(error) = carrier.redirect_call(&sid, &Instructions::at(resume)).await
                {
                    tracing::error!(call = call_sid, %error, "a caller may be left alone");
                }
            }
        });
    }
}

/// The name of the room in which a call's parties meet.
pub(super) fn room(call: CallId) -> String {
    format!("call_{call}")
}
