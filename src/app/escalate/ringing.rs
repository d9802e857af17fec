//! A person's telephone: it rings, is answered, and comes to nothing or to an acceptance.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Value, json};
use turn::Command;
use twiml::{CallSid, verb::CallProgress};
use uuid::Uuid;

use super::{App, Briefing, HANDOVER, NOBODY_CAME, meeting::room, tried};
use crate::{
    app::{Error, error::Attempt, scribe::state_of, steer},
    carrier::{
        Client,
        new_call::{Instructions, NewCall},
        options::Callback,
    },
    domain::{AgentId, CallId, Direction, Escalation, Progress, State, TenantId},
    live::registry::NotTold,
    store::{
        agents, calls,
        escalations::{self, Open},
    },
};

/// How long a person's telephone rings, s.
const RINGS_FOR: u32 = 25;
/// An agent who answers hears why and presses a key, and the leg's name is written, within so long, s.
const DECIDES_WITHIN: i64 = 15;
/// Who has accepted meets the caller within this.
const MEET_WITHIN: TimeDelta = TimeDelta::seconds(30);
/// So many of them at once.
const MOST_LOOKED_AFTER: i64 = 50;
/// So many people are tried, one after another.
const MOST_TRIED: usize = 3;
/// What is said of the call to whoever answers, characters.
const LONGEST_WHISPER: usize = 400;

impl App {
    pub(super) fn ring_soon(self: &Arc<Self>, tenant: TenantId, escalation: Escalation) {
        let app = self.clone();
        tokio::spawn(async move {
            let Some((agent, _)) = escalation.agent else { return };
            let id = escalation.id;
            if let Err(error) = app.ring(tenant, escalation, agent).await {
                tracing::error!(escalation = id, %error, "a person could not be called");
                if let Err(error) = app.agent_fell_through(id, agent, Progress::Failed).await {
                    tracing::error!(escalation = id, %error, "the failure could not be written");
                }
            }
        });
    }

    /// Has the agent's telephone ring. Without a carrier the escalation stays pending: the person may
    /// come by another way.
    async fn ring(
        self: &Arc<Self>,
        tenant: TenantId,
        escalation: Escalation,
        agent: AgentId,
    ) -> Result<(), Error> {
        const ATTEMPT: &str = "call the agent";
        let Some(carrier) = &self.desk.carrier else { return Ok(()) };
        let agent = agents::find(&self.db, tenant, agent).await.attempt(ATTEMPT)?;
        let call = calls::find(&self.db, tenant, escalation.call).await.attempt(ATTEMPT)?;
        let (Some(agent), Some(call)) = (agent, call) else { return Err(Error::NoSuchCall) };
        let phone = steer::number("phone_number", agent.phone.as_deref().unwrap_or_default())?;
        let own = match call.direction {
            Direction::Inbound => call.to_number,
            Direction::Outbound => call.from_number,
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
        let named = escalations::name_leg(&mut tx, id, agent, leg.sid.as_str()).await;
        if !named.attempt(ATTEMPT)? {
            drop(tx);
            // The call ended, or somebody else was asked, while this one was being placed.
            self.let_go_of(leg.sid);
            return Ok(());
        }
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

    /// Ends a person's leg, if it is up.
    fn let_go_of(self: &Arc<Self>, leg: CallSid) {
        let app = self.clone();
        tokio::spawn(async move {
            if let Err(error) = app.desk.hang_ups.order(&leg).await {
                tracing::warn!(leg = leg.as_str(), %error, "an agent's leg may still be up");
            }
        });
    }

    /// The call is over: nobody's telephone rings for it, or waits in its room, any longer.
    pub(in crate::app) async fn release_agents(self: &Arc<Self>, call: CallId) {
        if self.desk.carrier.is_none() {
            return;
        }
        match escalations::legs(&self.db, call).await {
            Ok(legs) => {
                legs.iter().filter_map(|leg| leg.parse().ok()).for_each(|leg| self.let_go_of(leg));
            }
            Err(error) => {
                tracing::warn!(call = %call, error = ?error, "agents' legs could not be found");
            }
        }
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
        if !is_asked(&escalation, agent) {
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
                        self.agent_fell_through(id, agent, Progress::Failed).await?;
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
        let order = Command::Transfer { reason: format!("{HANDOVER}{}", escalation.id) };
        self.tell_soon(call_sid, State::InProgress, order).await
    }

    /// How the agent's leg fares: it rings, or it came to nothing. Its name is written down here, too: who
    /// ordered it may be gone, and never have learnt it.
    ///
    /// # Errors
    /// The store failed.
    pub async fn agent_leg(
        self: &Arc<Self>,
        id: i64,
        agent: AgentId,
        (leg, state): (&str, State),
    ) -> Result<(), Error> {
        match state {
            State::Queued | State::Initiated | State::InProgress | State::Ringing => {
                const ATTEMPT: &str = "note that it rings";
                let mut tx = self.db.begin().await.attempt(ATTEMPT)?;
                let named = escalations::name_leg(&mut tx, id, agent, leg).await;
                if named.attempt(ATTEMPT)? && state == State::Ringing {
                    let now = self.clock.now();
                    let moved = escalations::advance(&mut tx, id, Progress::Ringing, now).await;
                    moved.attempt(ATTEMPT)?;
                }
                tx.commit().await.attempt(ATTEMPT)
            }
            // Answered, and put down without a key; or after they met.
            State::Completed | State::Busy => {
                if self.is_parted_by_caller(id).await? {
                    return Ok(());
                }
                self.agent_fell_through(id, agent, Progress::Declined).await
            }
            State::NoAnswer | State::Canceled => {
                self.agent_fell_through(id, agent, Progress::Unanswered).await
            }
            State::Failed => self.agent_fell_through(id, agent, Progress::Failed).await,
        }
    }

    /// Has the caller hung up on a person who had accepted, before we were told that the two had met? Then
    /// nothing has failed, and the end of the call is the end of the escalation.
    async fn is_parted_by_caller(&self, id: i64) -> Result<bool, Error> {
        const ATTEMPT: &str = "find the escalation's call";
        let mut tx = self.db.begin().await.attempt(ATTEMPT)?;
        let found = escalations::find(&mut tx, id).await.attempt(ATTEMPT)?;
        let Some((tenant, escalation)) = found else { return Ok(false) };
        if escalation.progress != Progress::Accepted {
            return Ok(false);
        }
        let call = calls::find_in(&mut tx, tenant, escalation.call).await.attempt(ATTEMPT)?;
        drop(tx);
        match call.and_then(|call| call.call_sid) {
            Some(caller) => Ok(self.is_leg_over_soon(&caller).await),
            None => Ok(false),
        }
    }

    /// The person did not come, or is gone: another one is tried, or the agent goes on.
    pub(super) async fn agent_fell_through(
        self: &Arc<Self>,
        id: i64,
        agent: AgentId,
        how: Progress,
    ) -> Result<(), Error> {
        const ATTEMPT: &str = "note that nobody came";
        let now = self.clock.now();
        let mut tx = self.db.begin().await.attempt(ATTEMPT)?;
        let found = escalations::find(&mut tx, id).await.attempt(ATTEMPT)?;
        let Some((tenant, escalation)) = found else { return Ok(()) };
        if !is_asked(&escalation, agent) {
            // Said twice, and somebody else is being called by now.
            return Ok(());
        }
        let waiting = matches!(escalation.progress, Progress::Requested | Progress::Ringing);
        let mut asked = tried(&escalation);
        asked.push(agent);
        let call = calls::find_in(&mut tx, tenant, escalation.call).await.attempt(ATTEMPT)?;
        let Some(call) = call else { return Ok(()) };
        if waiting
            && !call.state.is_over()
            && asked.len() < MOST_TRIED
            && let Some(next) = self.choose(&mut tx, tenant, escalation.call, &asked).await?
        {
            drop(call);
            return self.ask_next(tx, tenant, escalation, (next, &asked)).await;
        }
        // Who had accepted has not declined.
        let how = match escalation.progress {
            Progress::Accepted => Progress::Failed,
            Progress::Bridged => Progress::Ended,
            _ => how,
        };
        let met = escalation.progress == Progress::Bridged;
        let Some(over) = escalations::advance(&mut tx, id, how, now).await.attempt(ATTEMPT)? else {
            return Ok(());
        };
        let completed = self.escalation_event(&mut tx, tenant, &over).await?;
        let updated = self.told(&mut tx, tenant, over.call, "call.updated").await?;
        tx.commit().await.attempt(ATTEMPT)?;
        self.publish(completed);
        self.publish(updated);
        let Some(call_sid) = call.call_sid else { return Ok(()) };
        if waiting {
            let guide = Command::Guide { text: NOBODY_CAME.to_owned() };
            // A call without a session needs no telling.
            let _ = self.desk.registry.tell(&call_sid, Uuid::now_v7().to_string(), guide).await;
        } else {
            self.fetch_back_soon(call_sid, met);
        }
        Ok(())
    }

    /// Has the next one's telephone ring.
    async fn ask_next(
        self: &Arc<Self>,
        mut tx: crate::store::Tx,
        tenant: TenantId,
        escalation: Escalation,
        (next, asked): (AgentId, &[AgentId]),
    ) -> Result<(), Error> {
        const ATTEMPT: &str = "ask the next one";
        let ids: Vec<Uuid> = asked.iter().map(|agent| agent.uuid()).collect();
        let now = self.clock.now();
        let given = escalations::reassign(&mut tx, &escalation, next, json!(ids), now).await;
        if !given.attempt(ATTEMPT)? {
            return Ok(());
        }
        let found = escalations::find(&mut tx, escalation.id).await.attempt(ATTEMPT)?;
        let updated = self.told(&mut tx, tenant, escalation.call, "call.updated").await?;
        tx.commit().await.attempt(ATTEMPT)?;
        self.publish(updated);
        if let Some((tenant, escalation)) = found {
            self.ring_soon(tenant, escalation);
        }
        Ok(())
    }

    /// Looks after escalations that a restart, or a lost word of the carrier's, has left open: nobody was
    /// called, the leg of who was is over, the two do not meet; and looks for somebody for those that
    /// wait for whoever is free.
    pub(in crate::app) async fn look_after_escalations(self: &Arc<Self>) {
        let open = match escalations::open(&self.db, MOST_LOOKED_AFTER).await {
            Ok(open) => open,
            Err(error) => {
                return tracing::warn!(error = ?error, "open escalations could not be found");
            }
        };
        for one in open {
            let id = one.escalation.id;
            let done = match (&one.escalation.agent, &self.desk.carrier) {
                (None, _) => self.find_someone(one.tenant, id).await,
                (Some((agent, _)), Some(carrier)) => {
                    let agent = *agent;
                    self.look_after(&one, agent, carrier).await
                }
                (Some(_), None) => Ok(()),
            };
            if let Err(error) = done {
                tracing::warn!(escalation = id, error = ?error, "it stays open");
            }
        }
    }

    /// Somebody may be free by now.
    async fn find_someone(self: &Arc<Self>, tenant: TenantId, id: i64) -> Result<(), Error> {
        const ATTEMPT: &str = "look for an agent";
        let mut tx = self.db.begin().await.attempt(ATTEMPT)?;
        let found = escalations::find(&mut tx, id).await.attempt(ATTEMPT)?;
        let Some((_, escalation)) = found else { return Ok(()) };
        if escalation.agent.is_some() || escalation.progress != Progress::Requested {
            return Ok(());
        }
        match self.choose(&mut tx, tenant, escalation.call, &[]).await? {
            Some(agent) => self.ask_next(tx, tenant, escalation, (agent, &[])).await,
            None => Ok(()),
        }
    }

    async fn look_after(
        self: &Arc<Self>,
        open: &Open,
        agent: AgentId,
        carrier: &Client,
    ) -> Result<(), Error> {
        let (id, now) = (open.escalation.id, self.clock.now());
        let longest = self.settings.lost_after_secs.max(i64::from(RINGS_FOR) + DECIDES_WITHIN);
        let asked_long_ago = now - open.asked_at > TimeDelta::seconds(longest);
        match (open.escalation.progress, open.leg.as_deref().and_then(|leg| leg.parse().ok())) {
            (Progress::Requested, None) if asked_long_ago => {
                self.agent_fell_through(id, agent, Progress::Failed).await
            }
            (Progress::Accepted, leg)
                if open.escalation.accepted_at.is_some_and(|at| now - at > MEET_WITHIN) =>
            {
                leg.into_iter().for_each(|leg| self.let_go_of(leg));
                self.agent_fell_through(id, agent, Progress::Failed).await
            }
            (_, Some(leg)) if asked_long_ago => match state_at(carrier, &leg).await {
                Some(state) if state.is_over() => {
                    self.agent_leg(id, agent, (leg.as_str(), state)).await
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

/// How a leg stands at the carrier, if it says so; one that it does not know came to nothing.
pub(super) async fn state_at(carrier: &Client, leg: &CallSid) -> Option<State> {
    match carrier.fetch_call(leg).await {
        Ok(call) => state_of(&call.status),
        Err(error) => error.is_not_found().then_some(State::Failed),
    }
}

/// Is this the agent who is being asked, or was, last?
fn is_asked(escalation: &Escalation, agent: AgentId) -> bool {
    escalation.agent.as_ref().is_some_and(|(asked, _)| *asked == agent)
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
