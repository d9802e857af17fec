//! Handing a call to a person: a warm transfer.
//!
//! While the agent goes on talking with the caller, a person's telephone rings. Who answers hears what
//! it is about (the whisper) and accepts with a key; then the caller's session ends, the carrier asks
//! how the call goes on, and both are put into one conference, whose sound comes back to us for the
//! transcript. Until then nothing has changed for the caller: who declines, is busy or does not answer
//! leaves the agent where it was, and the next person is tried.
//!
//! Who is not there yet is looked for as long as the call lasts: where nobody is free, the escalation
//! waits without an agent. Every step is an answer to a webhook and is written down, so that a restart between two of them
//! loses nothing.

mod choosing;
mod meeting;
mod ringing;

use std::sync::Arc;

use analysis::triggers::Fired;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{App, Conflict, Error, error::Attempt};
use crate::{
    domain::{
        Actor, AgentId, Audience, CallId, Escalation, EscalationStatus, News, Right, TenantId,
    },
    realtime::{Event, Kind},
    store::{
        Tx, calls,
        escalations::{self, NewEscalation},
        lines,
    },
};

/// What the agent is told when nobody came.
pub const NOBODY_CAME: &str = "No colleague could be reached to take this call over. Tell the caller \
                               so, and go on helping as well as you can: offer to take a message or \
                               to call back.";
/// Why a session ends whose caller goes to a person who has accepted.
const HANDOVER: &str = "escalation ";

/// Did the session end for this reason because a person had accepted?
pub fn is_handover(reason: &str) -> bool {
    reason.starts_with(HANDOVER)
}

/// A call to be handed over.
#[derive(Clone, Debug, Default)]
pub struct Handover {
    /// Unset: whoever is free and fits best.
    pub agent: Option<AgentId>,
    pub reason: Option<String>,
    pub context_note: Option<String>,
}

/// What a person's telephone is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Briefing {
    /// Whisper this and ask for a key.
    Ask(String),
    /// Join the caller in this room.
    Join(String),
    /// The caller is gone, or somebody else took it.
    TooLate,
}

/// What came of sending for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Someone is being called.
    OnTheWay,
    /// Nobody is free, or nobody is to be called. `dial`: the number of the server's file may be dialled
    /// instead, since the call is the operator's own.
    Nobody { dial: bool },
}

/// Why the call is handed over.
struct Cause {
    trigger_type: String,
    details: Map<String, Value>,
    context: Map<String, Value>,
}

impl Cause {
    fn of(trigger_type: impl Into<String>, details: Map<String, Value>) -> Self {
        Cause { trigger_type: trigger_type.into(), details, context: Map::new() }
    }
}

/// Whom an escalation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whom {
    /// This agent, and nobody else.
    Named(AgentId),
    /// Whoever is free; nobody is free: an error.
    Free,
    /// Whoever is free, or will be.
    FreeInTime,
}

impl App {
    /// Hands a running call to a person: chosen, or whoever is free. It is on its way when this
    /// returns; how far it is, events and the call tell.
    ///
    /// # Errors
    /// [`Error::CallEnded`], [`Conflict::NoAvailableAgents`], [`Conflict::AgentUnavailable`],
    /// [`Conflict::AlreadyEscalated`].
    pub async fn escalate_call(
        self: &Arc<Self>,
        actor: &Actor,
        id: CallId,
        handover: Handover,
    ) -> Result<Escalation, Error> {
        actor.may(Right::Write)?;
        self.call(actor, id).await?;
        let mut details = Map::new();
        details.extend(handover.reason.map(|reason| ("reason".to_owned(), json!(reason))));
        let mut cause = Cause::of("manual", details);
        let note = handover.context_note;
        cause.context.extend(note.map(|note| ("context_note".to_owned(), json!(note))));
        let whom = handover.agent.map_or(Whom::Free, Whom::Named);
        let escalation = self.escalate(actor.tenant, id, whom, cause, Some(actor)).await?;
        self.ring_soon(actor.tenant, escalation.clone());
        Ok(escalation)
    }

    /// Hands a call to a person because a trigger of its configuration fired. Where nobody is free it
    /// waits until somebody is.
    pub(super) async fn escalate_because(
        self: &Arc<Self>,
        tenant: TenantId,
        id: CallId,
        fired: Fired,
    ) {
        let cause = Cause::of(fired.trigger_type, fired.details);
        match self.escalate(tenant, id, Whom::FreeInTime, cause, None).await {
            Ok(escalation) => self.ring_soon(tenant, escalation),
            // It is being handed over, or over.
            Err(error) => tracing::info!(call = %id, %error, "a trigger did not escalate"),
        }
    }

    /// The agent itself wants a person for the caller with this name at the carrier. `dials`: there is a
    /// number that could be dialled where nobody is free.
    pub async fn send_for_person(self: &Arc<Self>, call_sid: &str, dials: bool) -> Sent {
        let (app, call_sid) = (self.clone(), call_sid.to_owned());
        // Whoever asked may not wait for the end of it.
        let sending = tokio::spawn(async move { app.send(&call_sid, dials).await });
        sending.await.unwrap_or(Sent::Nobody { dial: dials })
    }

    async fn send(self: &Arc<Self>, call_sid: &str, dials: bool) -> Sent {
        let found = calls::of_sid(&self.db, call_sid).await;
        let call = match found {
            Ok(Some(call)) => call,
            Ok(None) => return Sent::Nobody { dial: dials },
            Err(error) => {
                tracing::error!(call = call_sid, error = ?error, "no person is sent for");
                return Sent::Nobody { dial: dials };
            }
        };
        let dial = dials && self.home.get() == Some(&call.tenant);
        match self.puts_through(call.id).await {
            Ok(true) => {}
            Ok(false) => return Sent::Nobody { dial: false },
            Err(error) => {
                tracing::error!(call = call_sid, error = ?error, "no person is sent for");
                return Sent::Nobody { dial };
            }
        }
        let cause = Cause::of("asked_for_person", Map::new());
        // Where a number is dialled instead, nobody is to ring as well.
        let whom = if dial { Whom::Free } else { Whom::FreeInTime };
        match self.escalate(call.tenant, call.id, whom, cause, None).await {
            Ok(escalation) => {
                let comes = escalation.agent.is_some();
                self.ring_soon(call.tenant, escalation);
                if comes { Sent::OnTheWay } else { Sent::Nobody { dial: false } }
            }
            Err(Error::Conflict(Conflict::AlreadyEscalated)) => Sent::OnTheWay,
            Err(error) => {
                tracing::info!(call = call_sid, %error, "nobody is sent for");
                Sent::Nobody { dial }
            }
        }
    }

    /// Does the call's configuration let callers be put through?
    async fn puts_through(&self, id: CallId) -> Result<bool, Error> {
        const ATTEMPT: &str = "read the call's configuration";
        let mut tx = self.db.begin().await.attempt(ATTEMPT)?;
        let config = lines::config_of(&mut tx, id).await.attempt(ATTEMPT)?.unwrap_or_default();
        Ok(config["escalation"]["enabled"].as_bool().unwrap_or(true))
    }

    async fn escalate(
        &self,
        tenant: TenantId,
        id: CallId,
        whom: Whom,
        cause: Cause,
        actor: Option<&Actor>,
    ) -> Result<Escalation, Error> {
        const ATTEMPT: &str = "escalate the call";
        let now = self.clock.now();
        let mut tx = self.db.begin().await.attempt(ATTEMPT)?;
        // Two triggers of one line do not fetch two people.
        lines::hold(&mut tx, id).await.attempt(ATTEMPT)?;
        let call = calls::find_in(&mut tx, tenant, id).await.attempt(ATTEMPT)?;
        let call = call.ok_or(Error::NoSuchCall)?;
        if call.state.is_over() {
            return Err(Error::CallEnded(id));
        }
        let open = escalations::open_of(&mut tx, id).await.attempt(ATTEMPT)?;
        // One that waits for whoever is free may be given to somebody now.
        let waits = open.as_ref().is_some_and(|open| open.agent.is_none()) && actor.is_some();
        if open.is_some() && !waits {
            return Err(Error::Conflict(Conflict::AlreadyEscalated));
        }
        let agent = self.pick(&mut tx, tenant, id, whom).await?;
        let details = cause.details.clone();
        let escalation = match (open, agent) {
            (Some(mut open), Some(agent)) => {
                open.context_data.extend(cause.context);
                open.trigger_details.extend(cause.details);
                open.trigger_type = cause.trigger_type;
                escalations::reassign(&mut tx, &open, agent, json!([]), now)
                    .await
                    .attempt(ATTEMPT)?;
                let found = escalations::find(&mut tx, open.id).await.attempt(ATTEMPT)?;
                found.map(|(_, escalation)| escalation).ok_or(Error::NoSuchCall)?
            }
            (_, agent) => {
                let said = lines::said(&mut tx, id).await.attempt(ATTEMPT)?;
                let new = NewEscalation {
                    call: id,
                    tenant,
                    trigger_type: cause.trigger_type,
                    trigger_details: cause.details,
                    agent,
                    summary: super::analyse::so_far(&said),
                    context_data: cause.context,
                    at: now,
                };
                escalations::add(&mut tx, new).await.attempt(ATTEMPT)?
            }
        };
        let entity = ("call", id.to_string());
        let after = Some(Value::Object(details));
        match actor {
            Some(actor) => {
                self.audit(&mut tx, actor, "call.escalate", entity, (None, after)).await?;
            }
            None => self.audit_own(&mut tx, tenant, "call.escalate", entity, after).await?,
        }
        let triggered = self.escalation_event(&mut tx, tenant, &escalation).await?;
        let updated = self.told(&mut tx, tenant, id, "call.updated").await?;
        let news = News {
            kind: "escalation",
            title: "A call needs a person".to_owned(),
            message: escalation.summary.clone().unwrap_or_else(|| "A call was escalated.".into()),
            call: Some(id),
            data: Map::new(),
            about: format!("escalation:{}", escalation.id),
        };
        let audience = Audience::Everyone(Right::Write);
        let notified = self.notify(&mut tx, tenant, &audience, &news).await?;
        tx.commit().await.attempt(ATTEMPT)?;
        self.publish(triggered);
        self.publish(updated);
        self.publish_notified(notified);
        Ok(escalation)
    }

    /// The event of an escalation that has begun, or is over; kept in the call's own list.
    pub(super) async fn escalation_event(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        escalation: &Escalation,
    ) -> Result<Event, Error> {
        let over =
            matches!(escalation.status, EscalationStatus::Completed | EscalationStatus::Cancelled);
        let name = if over { "escalation.completed" } else { "escalation.triggered" };
        let data = json!({"escalation": escalation.id});
        let now = self.clock.now();
        let sequence = lines::add_events(tx, tenant, escalation.call, &[(name, data)], now)
            .await
            .attempt("keep the event")?;
        let shown = Arc::new(escalation.clone());
        let kind = match over {
            true => Kind::EscalationCompleted(shown),
            false => Kind::EscalationTriggered(shown),
        };
        Ok(Event { tenant, call: Some(escalation.call), sequence: Some(sequence), kind })
    }
}

/// The agents who were asked before.
fn tried(escalation: &Escalation) -> Vec<AgentId> {
    let ids = escalation.context_data.get("tried").cloned().unwrap_or_default();
    let ids: Vec<Uuid> = serde_json::from_value(ids).unwrap_or_default();
    ids.into_iter().map(Into::into).collect()
}
