//! Handing a call to a person: a warm transfer.
//!
//! While the agent goes on talking with the caller, a person's telephone rings. Who answers hears what
//! it is about (the whisper) and accepts with a key; then the caller's session ends, the carrier asks
//! how the call goes on, and both are put into one conference, whose sound comes back to us for the
//! transcript. Until then nothing has changed for the caller: who declines, is busy or does not answer
//! leaves the agent where it was, and the next person is tried.
//!
//! Every step is an answer to a webhook and is written down, so that a restart between two of them
//! loses nothing.

use std::sync::Arc;

use analysis::triggers::Fired;
use serde_json::{Map, Value, json};
use turn::Command;
use twiml::verb::CallProgress;
use uuid::Uuid;

use super::{App, Conflict, Error, error::Attempt};
use crate::{
    carrier::{
        new_call::{Instructions, NewCall},
        options::Callback,
    },
    domain::{
        Actor, Agent, AgentId, AgentStatus, Audience, CallId, Escalation, News, Progress, Right,
        State, TenantId,
    },
    live::registry::NotTold,
    realtime::{Event, Kind},
    store::{
        Tx, agents, calls,
        escalations::{self, NewEscalation, has_room},
        lines,
    },
};

/// How long a person's telephone rings, s.
const RINGS_FOR: u32 = 25;
/// An escalation that is open for longer is looked after, s; and so many of them at once.
const LEFT_AFTER: i64 = 60;
const MOST_LOOKED_AFTER: i64 = 50;
/// So many people are tried, one after another.
const MOST_TRIED: usize = 3;
/// What is said of the call to whoever answers, characters.
const LONGEST_WHISPER: usize = 400;
/// What the agent is told when nobody came.
const NOBODY_CAME: &str = "No colleague could be reached to take this call over. Tell the caller so, \
                           and go on helping as well as you can: offer to take a message or to call \
                           back.";

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

/// Why the call is handed over.
struct Cause {
    trigger_type: String,
    details: Map<String, Value>,
    context: Map<String, Value>,
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
        let mut context = Map::new();
        let note = handover.context_note;
        context.extend(note.map(|note| ("context_note".to_owned(), json!(note))));
        let cause = Cause { trigger_type: "manual".to_owned(), details, context };
        let escalation =
            self.escalate(actor.tenant, id, handover.agent, cause, Some(actor)).await?;
        self.ring_soon(actor.tenant, escalation.clone());
        Ok(escalation)
    }

    /// Hands a call to a person because a trigger of its configuration fired.
    pub(super) async fn escalate_because(
        self: &Arc<Self>,
        tenant: TenantId,
        id: CallId,
        fired: Fired,
    ) {
        let cause =
            Cause { trigger_type: fired.trigger_type, details: fired.details, context: Map::new() };
        match self.escalate(tenant, id, None, cause, None).await {
            Ok(escalation) => self.ring_soon(tenant, escalation),
            // It is being handed over, or over; and where nobody is free, the agent goes on.
            Err(error) => tracing::info!(call = %id, %error, "a trigger did not escalate"),
        }
    }

    /// The agent itself wants a person for the caller with this name at the carrier.
    pub fn send_for_person(self: &Arc<Self>, call_sid: &str) {
        let (app, call_sid) = (self.clone(), call_sid.to_owned());
        tokio::spawn(async move {
            let call = match calls::of_sid(&app.db, &call_sid).await {
                Ok(Some(call)) => call,
                Ok(None) => return,
                Err(error) => {
                    return tracing::error!(call = call_sid, error = ?error, "no person is sent for");
                }
            };
            let trigger_type = "asked_for_person".to_owned();
            let cause = Cause { trigger_type, details: Map::new(), context: Map::new() };
            match app.escalate(call.tenant, call.id, None, cause, None).await {
                Ok(escalation) => app.ring_soon(call.tenant, escalation),
                Err(error) => {
                    tracing::info!(call = call_sid, %error, "nobody is sent for");
                    let guide = Command::Guide { text: NOBODY_CAME.to_owned() };
                    let id = Uuid::now_v7().to_string();
                    let _ = app.desk.registry.tell(&call_sid, id, guide).await;
                }
            }
        });
    }

    async fn escalate(
        &self,
        tenant: TenantId,
        id: CallId,
        wanted: Option<AgentId>,
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
        if escalations::open_of(&mut tx, id).await.attempt(ATTEMPT)?.is_some() {
            return Err(Error::Conflict(Conflict::AlreadyEscalated));
        }
        let agent = match wanted {
            Some(wanted) => {
                let agent = agents::find_in(&mut tx, tenant, wanted).await.attempt(ATTEMPT)?;
                let free =
                    |agent: &Agent| agent.is_active && agent.status == AgentStatus::Available;
                agent.filter(free).ok_or(Error::Conflict(Conflict::AgentUnavailable))?.id
            }
            None => self
                .choose(&mut tx, tenant, id, &[])
                .await?
                .ok_or(Error::Conflict(Conflict::NoAvailableAgents))?,
        };
        let summary = lines::said(&mut tx, id).await.attempt(ATTEMPT)?;
        let summary = super::analyse::so_far(&summary);
        let details = cause.details.clone();
        let escalation = escalations::add(
            &mut tx,
            NewEscalation {
                call: id,
                tenant,
                trigger_type: cause.trigger_type,
                trigger_details: cause.details,
                agent: Some(agent),
                summary,
                context_data: cause.context,
                at: now,
            },
        )
        .await
        .attempt(ATTEMPT)?;
        let entity = ("call", id.to_string());
        let after = Some(Value::Object(details));
        match actor {
            Some(actor) => {
                self.audit(&mut tx, actor, "call.escalate", entity, (None, after)).await?;
            }
            None => self.audit_own(&mut tx, tenant, "call.escalate", entity, after).await?,
        }
        let triggered = self.escalation_event(&mut tx, tenant, &escalation, false).await?;
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

    /// Who is free and fits best: skills and departments that the call's configuration asks for first,
    /// then who has the fewest calls, then who has waited longest.
    async fn choose(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        id: CallId,
        but_not: &[AgentId],
    ) -> Result<Option<AgentId>, Error> {
        const ATTEMPT: &str = "choose an agent";
        let config = lines::config_of(tx, id).await.attempt(ATTEMPT)?.unwrap_or_default();
        let asked = |key: &str| -> Vec<String> {
            serde_json::from_value(config["escalation"][key].clone()).unwrap_or_default()
        };
        let (skills, departments) = (asked("skills"), asked("departments"));
        let mut best: Option<(usize, AgentId)> = None;
        for candidate in escalations::candidates(tx, tenant).await.attempt(ATTEMPT)? {
            let agent = agents::find_in(tx, tenant, candidate.agent).await.attempt(ATTEMPT)?;
            let Some(agent) = agent else { continue };
            let reachable = self.desk.carrier.is_none() || agent.phone.is_some();
            if !reachable || !has_room(&agent, candidate.load) || but_not.contains(&agent.id) {
                continue;
            }
            let shared = |asked: &[String], has: &[String]| {
                asked
                    .iter()
                    .filter(|one| has.iter().any(|own| own.eq_ignore_ascii_case(one)))
                    .count()
            };
            let fits = shared(&skills, &agent.skills) + shared(&departments, &agent.departments);
            // They come in the order of load: the first of those that fit equally is taken.
            if best.is_none_or(|(so_far, _)| fits > so_far) {
                best = Some((fits, agent.id));
            }
        }
        Ok(best.map(|(_, agent)| agent))
    }

    fn ring_soon(self: &Arc<Self>, tenant: TenantId, escalation: Escalation) {
        let app = self.clone();
        tokio::spawn(async move {
            let id = escalation.id;
            if let Err(error) = app.ring(tenant, escalation).await {
                tracing::error!(escalation = id, %error, "a person could not be called");
                if let Err(error) = app.agent_fell_through(id, Progress::Failed).await {
                    tracing::error!(escalation = id, %error, "the failure could not be written");
                }
            }
        });
    }

    /// Has the agent's telephone ring. Without a carrier or a number the escalation stays pending: the
    /// person may come by another way.
    async fn ring(&self, tenant: TenantId, escalation: Escalation) -> Result<(), Error> {
        const ATTEMPT: &str = "call the agent";
        let Some((agent, _)) = escalation.agent else { return Ok(()) };
        let Some(carrier) = &self.desk.carrier else { return Ok(()) };
        let agent = agents::find(&self.db, tenant, agent).await.attempt(ATTEMPT)?;
        let call = calls::find(&self.db, tenant, escalation.call).await.attempt(ATTEMPT)?;
        let (Some(agent), Some(call)) = (agent, call) else { return Ok(()) };
        let Some(phone) = agent.phone else { return Ok(()) };
        let phone = super::steer::number("phone_number", &phone)?;
        let own = match call.direction {
            crate::domain::Direction::Inbound => call.to_number,
            crate::domain::Direction::Outbound => call.from_number,
        };
        let (url, id, agent) = (&self.settings.public_url, escalation.id, agent.id);
        let ask = format!("{url}/webhooks/twilio/agent-answer?escalation={id}&agent={agent}");
        let told = Callback::new(
            format!("{url}/webhooks/twilio/agent-status?escalation={id}&agent={agent}"),
            CallProgress::ALL.iter().copied(),
        );
        let new = NewCall::new(phone.as_str(), own.as_str(), Instructions::at(ask)).status(told);
        let new = new.rings_for(RINGS_FOR).map_err(|error| Error::Carrier(error.to_string()))?;
        let leg = carrier.create_call(&new).await;
        let leg = leg.map_err(|error| Error::Carrier(error.to_string()))?;
        let mut tx = self.db.begin().await.attempt(ATTEMPT)?;
        escalations::name_leg(&mut tx, id, leg.sid.as_str()).await.attempt(ATTEMPT)?;
        let moved = escalations::advance(&mut tx, id, Progress::Ringing, self.clock.now())
            .await
            .attempt(ATTEMPT)?;
        let updated = match moved {
            Some(_) => Some(self.told(&mut tx, tenant, escalation.call, "call.updated").await?),
            None => None,
        };
        tx.commit().await.attempt(ATTEMPT)?;
        updated.into_iter().for_each(|event| self.publish(event));
        Ok(())
    }

    /// The agent's telephone was answered, or a key was pressed there: what it is told.
    ///
    /// # Errors
    /// The store failed.
    pub async fn brief_agent(
        self: &Arc<Self>,
        id: i64,
        agent: AgentId,
        keys: Option<&str>,
    ) -> Result<Briefing, Error> {
        const ATTEMPT: &str = "brief the agent";
        let mut tx = self.db.begin().await.attempt(ATTEMPT)?;
        let found = escalations::find(&mut tx, id).await.attempt(ATTEMPT)?;
        let Some((tenant, escalation)) = found else { return Ok(Briefing::TooLate) };
        if escalation.agent.as_ref().map(|(of, _)| *of) != Some(agent) {
            // Somebody else is being called by now.
            return Ok(Briefing::TooLate);
        }
        let call = calls::find_in(&mut tx, tenant, escalation.call).await.attempt(ATTEMPT)?;
        let Some(call) = call.filter(|call| !call.state.is_over()) else {
            return Ok(Briefing::TooLate);
        };
        match (escalation.progress, keys) {
            (Progress::Requested | Progress::Ringing, None) => {
                Ok(Briefing::Ask(whisper(&escalation)))
            }
            (Progress::Requested | Progress::Ringing, Some(keys)) if keys.contains('1') => {
                let now = self.clock.now();
                let accepted = escalations::advance(&mut tx, id, Progress::Accepted, now)
                    .await
                    .attempt(ATTEMPT)?;
                if accepted.is_none() {
                    return Ok(Briefing::TooLate);
                }
                let updated = self.told(&mut tx, tenant, call.id, "call.updated").await?;
                tx.commit().await.attempt(ATTEMPT)?;
                self.publish(updated);
                match self.let_go(&call.call_sid, &escalation).await {
                    Ok(()) => Ok(Briefing::Join(room(call.id))),
                    Err(error) => {
                        tracing::warn!(call = %call.id, %error, "a call could not be handed over");
                        self.agent_fell_through(id, Progress::Failed).await?;
                        Ok(Briefing::TooLate)
                    }
                }
            }
            // The answer came twice.
            (Progress::Accepted | Progress::Bridged, _) => Ok(Briefing::Join(room(call.id))),
            // Any other key, or too late.
            _ => Ok(Briefing::TooLate),
        }
    }

    /// Has the caller's session end, so that the carrier asks how the call goes on.
    async fn let_go(
        &self,
        call_sid: &Option<String>,
        escalation: &Escalation,
    ) -> Result<(), NotTold> {
        let call_sid = call_sid.as_deref().ok_or(NotTold::NotLive)?;
        let reason = format!("escalation {}", escalation.id);
        let order = Command::Transfer { reason };
        self.desk.registry.tell(call_sid, Uuid::now_v7().to_string(), order).await.map(drop)
    }

    /// How the agent's leg fares: it rings, or it came to nothing.
    ///
    /// # Errors
    /// The store failed.
    pub async fn agent_leg(
        self: &Arc<Self>,
        id: i64,
        agent: AgentId,
        state: State,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin().await.attempt("find the escalation")?;
        let found = escalations::find(&mut tx, id).await.attempt("find the escalation")?;
        drop(tx);
        let of = found.and_then(|(_, escalation)| escalation.agent.map(|(of, _)| of));
        if of != Some(agent) {
            return Ok(());
        }
        match state {
            State::Queued | State::Initiated | State::InProgress => Ok(()),
            State::Ringing => {
                let mut tx = self.db.begin().await.attempt("note that it rings")?;
                let now = self.clock.now();
                let moved = escalations::advance(&mut tx, id, Progress::Ringing, now).await;
                moved.attempt("note that it rings")?;
                tx.commit().await.attempt("note that it rings")
            }
            // Answered, and put down without a key; or after the bridge, which the caller's leg tells.
            State::Completed => self.agent_fell_through(id, Progress::Declined).await,
            State::Busy => self.agent_fell_through(id, Progress::Declined).await,
            State::NoAnswer | State::Canceled => {
                self.agent_fell_through(id, Progress::Unanswered).await
            }
            State::Failed => self.agent_fell_through(id, Progress::Failed).await,
        }
    }

    /// The person did not come: another one is tried, or the agent goes on.
    async fn agent_fell_through(self: &Arc<Self>, id: i64, how: Progress) -> Result<(), Error> {
        const ATTEMPT: &str = "note that nobody came";
        let now = self.clock.now();
        let mut tx = self.db.begin().await.attempt(ATTEMPT)?;
        let found = escalations::find(&mut tx, id).await.attempt(ATTEMPT)?;
        let Some((tenant, escalation)) = found else { return Ok(()) };
        let waiting = matches!(escalation.progress, Progress::Requested | Progress::Ringing);
        let mut tried: Vec<AgentId> = serde_json::from_value(
            escalation.context_data.get("tried").cloned().unwrap_or_default(),
        )
        .map(|ids: Vec<Uuid>| ids.into_iter().map(Into::into).collect())
        .unwrap_or_default();
        tried.extend(escalation.agent.as_ref().map(|(agent, _)| *agent));
        let call = calls::find_in(&mut tx, tenant, escalation.call).await.attempt(ATTEMPT)?;
        let running = call.as_ref().is_some_and(|call| !call.state.is_over());
        if waiting
            && running
            && tried.len() < MOST_TRIED
            && let Some(next) = self.choose(&mut tx, tenant, escalation.call, &tried).await?
        {
            let ids: Vec<Uuid> = tried.iter().map(|agent| agent.uuid()).collect();
            escalations::reassign(&mut tx, id, escalation.call, next, json!(ids))
                .await
                .attempt(ATTEMPT)?;
            let found = escalations::find(&mut tx, id).await.attempt(ATTEMPT)?;
            let updated = self.told(&mut tx, tenant, escalation.call, "call.updated").await?;
            tx.commit().await.attempt(ATTEMPT)?;
            self.publish(updated);
            if let Some((tenant, escalation)) = found {
                self.ring_soon(tenant, escalation);
            }
            return Ok(());
        }
        // Who had accepted and is gone before the caller came has not declined.
        let how = match escalation.progress {
            Progress::Accepted => Progress::Failed,
            _ => how,
        };
        let Some(over) = escalations::advance(&mut tx, id, how, now).await.attempt(ATTEMPT)? else {
            return Ok(());
        };
        let completed = self.escalation_event(&mut tx, tenant, &over, true).await?;
        let updated = self.told(&mut tx, tenant, over.call, "call.updated").await?;
        tx.commit().await.attempt(ATTEMPT)?;
        self.publish(completed);
        self.publish(updated);
        if let Some(call_sid) = call.and_then(|call| call.call_sid) {
            let guide = Command::Guide { text: NOBODY_CAME.to_owned() };
            // A call without a session needs no telling.
            let _ = self.desk.registry.tell(&call_sid, Uuid::now_v7().to_string(), guide).await;
        }
        Ok(())
    }

    /// Looks after escalations that a restart, or a lost word of the carrier's, has left open: nobody was
    /// called, or the leg of who was is over.
    pub(super) async fn look_after_escalations(self: &Arc<Self>) {
        let Some(carrier) = &self.desk.carrier else { return };
        let open = match escalations::open(&self.db, MOST_LOOKED_AFTER).await {
            Ok(open) => open,
            Err(error) => {
                return tracing::warn!(error = ?error, "open escalations could not be found");
            }
        };
        let late = self.clock.now() - chrono::TimeDelta::seconds(LEFT_AFTER);
        for escalation in open.into_iter().filter(|one| one.requested_at < late) {
            let Some((agent, _)) = escalation.agent else { continue };
            let leg = match self.db.begin().await {
                Ok(mut tx) => escalations::leg(&mut tx, escalation.id).await,
                Err(error) => Err(error),
            };
            let done = match leg.map(|leg| leg.and_then(|leg| leg.parse().ok())) {
                Ok(Some(leg)) => match carrier.fetch_call(&leg).await {
                    Ok(call) => match super::scribe::state_of(&call.status) {
                        Some(state) if state.is_over() => {
                            self.agent_leg(escalation.id, agent, state).await
                        }
                        _ => Ok(()),
                    },
                    Err(_) => Ok(()),
                },
                Ok(None) => self.agent_fell_through(escalation.id, Progress::Failed).await,
                Err(_) => Ok(()),
            };
            if let Err(error) = done {
                tracing::warn!(escalation = escalation.id, error = ?error, "it stays open");
            }
        }
    }

    /// The room in which the caller with this name at the carrier is awaited by a person, if one is.
    ///
    /// # Errors
    /// The store failed.
    pub async fn room_of(&self, call_sid: &str) -> Result<Option<(CallId, String)>, Error> {
        const ATTEMPT: &str = "find the escalation";
        let mut tx = self.db.begin().await.attempt(ATTEMPT)?;
        let call = calls::by_sid(&mut tx, call_sid).await.attempt(ATTEMPT)?;
        let Some(call) = call.filter(|call| !call.state.is_over()) else { return Ok(None) };
        let open = escalations::open_of(&mut tx, call.id).await.attempt(ATTEMPT)?;
        let ready = open.is_some_and(|escalation| {
            matches!(escalation.progress, Progress::Accepted | Progress::Bridged)
        });
        Ok(ready.then(|| (call.id, room(call.id))))
    }

    /// The caller has joined the person: they are bridged.
    ///
    /// # Errors
    /// The store failed.
    pub async fn bridged(&self, call_sid: &str) -> Result<(), Error> {
        const ATTEMPT: &str = "note the bridge";
        let mut tx = self.db.begin().await.attempt(ATTEMPT)?;
        let Some(call) = calls::by_sid(&mut tx, call_sid).await.attempt(ATTEMPT)? else {
            return Ok(());
        };
        let Some(open) = escalations::open_of(&mut tx, call.id).await.attempt(ATTEMPT)? else {
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

    /// The person's leg is gone before the caller came: the agent takes the caller back.
    ///
    /// # Errors
    /// The store failed.
    pub async fn returned(self: &Arc<Self>, call_sid: &str) -> Result<(), Error> {
        const ATTEMPT: &str = "take the call back";
        let mut tx = self.db.begin().await.attempt(ATTEMPT)?;
        let Some(call) = calls::by_sid(&mut tx, call_sid).await.attempt(ATTEMPT)? else {
            return Ok(());
        };
        let open = escalations::open_of(&mut tx, call.id).await.attempt(ATTEMPT)?;
        drop(tx);
        match open {
            Some(open) => self.agent_fell_through(open.id, Progress::Failed).await,
            None => Ok(()),
        }
    }

    async fn escalation_event(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        escalation: &Escalation,
        over: bool,
    ) -> Result<Event, Error> {
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

/// The name of the room in which a call's parties meet.
fn room(call: CallId) -> String {
    format!("call_{call}")
}

/// What the person hears before they accept.
fn whisper(escalation: &Escalation) -> String {
    let reason = escalation.trigger_details.get("reason").and_then(Value::as_str);
    let note = escalation.context_data.get("context_note").and_then(Value::as_str);
    let mut text = "A caller is being handed to you.".to_owned();
    for part in [reason, note, escalation.summary.as_deref()].into_iter().flatten() {
        let part = part.trim();
        if !part.is_empty() {
            text.push(' ');
            text.push_str(part);
            if !part.ends_with(['.', '!', '?']) {
                text.push('.');
            }
        }
    }
    text.chars().take(LONGEST_WHISPER).collect()
}
