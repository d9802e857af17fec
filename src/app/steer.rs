//! Running calls, steered: made, spoken into, paused, ended. What a session is ordered is answered by
//! the session itself, so an order that succeeded has taken effect.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value, json};
use turn::Command;
use twiml::verb::CallProgress;
use uuid::Uuid;

use super::{App, Conflict, Error, error::Attempt, scribe::Fact};
use crate::{
    carrier::{
        self,
        hang_up::NotEnded,
        new_call::{Instructions, NewCall},
        options::Callback,
    },
    domain::{Actor, BusinessId, Call, CallId, Direction, Note, Right, State, TenantId},
    live::{desk::NotHungUp, registry::NotTold},
    realtime::{Event, Kind},
    store::{
        Tx, calls, escalations,
        lines::{self, add},
        notes,
    },
};

/// How long the end of a call may take to be written down.
const ENDED_WITHIN: Duration = Duration::from_secs(3);
/// How long the session that ends a call is given to say so itself.
const OWN_WORD_WITHIN: Duration = Duration::from_millis(1_500);
/// A call that was answered has a session within this time.
const BEGINS_WITHIN: Duration = Duration::from_secs(3);
const BETWEEN_TRIES: Duration = Duration::from_millis(50);
/// A text that a supervisor sends, characters.
const LONGEST_MESSAGE: usize = 2_000;
/// Instructions, characters.
const LONGEST_INSTRUCTIONS: usize = 32_000;

/// A call to be made.
#[derive(Clone, Debug, Default)]
pub struct Outbound {
    pub to: String,
    pub from: Option<String>,
    pub business: Option<BusinessId>,
    pub template: Option<String>,
    pub metadata: Map<String, Value>,
}

/// What a supervisor does to a running call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intervention {
    /// Tells the agent something that the caller does not hear.
    Message(String),
    Pause,
    Resume,
    /// Gives the agent other instructions.
    Override(String),
}

impl Intervention {
    /// Its name in the audit.
    fn name(&self) -> &'static str {
        match self {
            Intervention::Message(_) => "call.message",
            Intervention::Pause => "call.pause",
            Intervention::Resume => "call.resume",
            Intervention::Override(_) => "call.override",
        }
    }

    fn command(self) -> Result<Command, Error> {
        let text = |field, text: String, most: usize| {
            let text = text.trim().to_owned();
            match text.chars().count() {
                0 => Err(Error::invalid(field, "must not be blank")),
                long if long > most => {
                    Err(Error::invalid(field, format!("must have at most {most} characters")))
                }
                _ => Ok(text),
            }
        };
        Ok(match self {
            Intervention::Message(message) => {
                Command::Guide { text: text("message", message, LONGEST_MESSAGE)? }
            }
            Intervention::Pause => Command::Pause,
            Intervention::Resume => Command::Resume,
            Intervention::Override(instructions) => Command::Override {
                instructions: text("instructions", instructions, LONGEST_INSTRUCTIONS)?,
            },
        })
    }
}

/// A number as the store keeps it: E.164, without blanks, dashes, dots and brackets.
///
/// # Errors
/// [`Error::Invalid`] of this field.
pub(super) fn number(field: &'static str, text: &str) -> Result<String, Error> {
    let plain: String = text.chars().filter(|c| !" -.()\u{a0}".contains(*c)).collect();
    let digits = plain.strip_prefix('+').unwrap_or_default();
    let fits = (7..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0');
    if fits {
        Ok(plain)
    } else {
        Err(Error::invalid(field, "must be a number such as +14155550100"))
    }
}

/// It is no fault of whoever asked.
fn failed(attempt: &'static str, error: &impl std::error::Error) -> Error {
    Error::Internal { attempt, why: error.to_string() }
}

impl App {
    /// Makes a call: the agent speaks with whoever answers.
    ///
    /// # Errors
    /// [`Conflict::NumberBlocked`], [`Error::Invalid`], [`Error::NotConfigured`] without a carrier's
    /// account or a number to call from, [`Error::Carrier`] if the carrier refused.
    pub async fn initiate_call(
        self: &Arc<Self>,
        actor: &Actor,
        wanted: Outbound,
    ) -> Result<Call, Error> {
        actor.may(Right::Write)?;
        let to = number("to_number", &wanted.to)?;
        let from = wanted.from.as_deref().map(|from| number("from_number", from)).transpose()?;
        let tenant = actor.tenant;
        if let Some(business) = wanted.business {
            let there = lines::has_business(&self.db, tenant, business).await;
            if !there.attempt("find the business configuration")? {
                return Err(Error::invalid("business_id", "is no active configuration of yours"));
            }
        }
        let now = self.clock.now();
        if lines::is_blocked(&self.db, tenant, &to, now).await.attempt("look the number up")? {
            return Err(Error::Conflict(Conflict::NumberBlocked));
        }
        let from = match from {
            Some(from) => {
                let owner = lines::number(&self.db, &from).await.attempt("find the number")?;
                if owner.is_some_and(|(owner, _)| owner != tenant) {
                    return Err(Error::invalid("from_number", "is no number of yours"));
                }
                from
            }
            None => lines::first_number(&self.db, tenant)
                .await
                .attempt("find a number to call from")?
                .or_else(|| {
                    // The server's own number is its own organisation's.
                    let own = self.home.get() == Some(&tenant);
                    own.then(|| self.settings.from_number.clone()).flatten()
                })
                .ok_or(Error::NotConfigured("there is no number to call from"))?,
        };
        let ours = lines::number(&self.db, &to).await.attempt("look the number up")?.is_some();
        if ours || to == from || self.settings.from_number.as_deref() == Some(&*to) {
            // Two agents would talk with each other.
            return Err(Error::invalid("to_number", "is answered by this server itself"));
        }
        let carrier = self.carrier()?;
        let id = CallId::new();
        let new = lines::NewCall {
            id,
            tenant,
            call_sid: None,
            direction: Direction::Outbound,
            state: State::Queued,
            from_number: from.clone(),
            to_number: to.clone(),
            business: wanted.business,
            template: wanted.template,
            metadata: wanted.metadata,
            at: now,
        };
        let mut tx = self.db.begin().await.attempt("add the call")?;
        add(&mut tx, &new).await.attempt("add the call")?;
        let after = Some(json!({"direction": "outbound"}));
        self.audit(&mut tx, actor, "call.initiate", ("call", id.to_string()), (None, after))
            .await?;
        let started = self.told(&mut tx, tenant, id, "call.started").await?;
        tx.commit().await.attempt("add the call")?;
        self.publish(started);

        let url = &self.settings.public_url;
        let instructions = Instructions::at(format!("{url}/webhooks/twilio/answer?callId={id}"));
        let progress = Callback::new(
            format!("{url}/webhooks/twilio/status?callId={id}"),
            CallProgress::ALL.iter().copied(),
        );
        let call = NewCall::new(to.as_str(), from.as_str(), instructions).status(progress);
        match carrier.create_call(&call).await {
            Ok(placed) => {
                let mut tx = self.db.begin().await.attempt("name the call")?;
                lines::name(&mut tx, id, placed.sid.as_str()).await.attempt("name the call")?;
                let moved = lines::advance(&mut tx, id, State::Initiated, self.clock.now())
                    .await
                    .attempt("name the call")?;
                let updated = match moved {
                    true => Some(self.told(&mut tx, tenant, id, "call.updated").await?),
                    // It was answered before we knew that it was placed.
                    false => None,
                };
                let now = calls::find_in(&mut tx, tenant, id).await.attempt("name the call")?;
                tx.commit().await.attempt("name the call")?;
                if !moved && now.is_some_and(|call| call.state.is_over()) {
                    // Somebody ended it while it was being placed.
                    let _ = self.desk.hang_ups.order(&placed.sid).await;
                }
                updated.into_iter().for_each(|event| self.publish(event));
            }
            // It may ring all the same: what the carrier calls it, its callbacks tell.
            Err(carrier::Error::Unreached { sent: true, .. }) => {
                return Err(Error::Internal {
                    attempt: "placing a call",
                    why: "the carrier did not answer in time".to_owned(),
                });
            }
            Err(error) => {
                self.give_up(id, tenant).await?;
                if error.is_retryable() {
                    return Err(failed("placing a call", &error));
                }
                return Err(Error::Carrier(error.to_string()));
            }
        }
        let call = calls::find(&self.db, tenant, id).await.attempt("find the call")?;
        call.ok_or(Error::NoSuchCall)
    }

    /// Ends a call that the carrier never took.
    pub(super) async fn give_up(
        self: &Arc<Self>,
        id: CallId,
        tenant: TenantId,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await.attempt("end the call")?;
        if !lines::advance(&mut tx, id, State::Failed, now).await.attempt("end the call")? {
            return Ok(());
        }
        lines::end(&mut tx, id, now, 0, Some("not_placed")).await.attempt("end the call")?;
        let closed = escalations::close_all(&mut tx, tenant, id, now).await;
        let mut events = Vec::new();
        for escalation in closed.attempt("end the call")? {
            events.push(self.escalation_event(&mut tx, tenant, &escalation).await?);
        }
        events.push(self.told(&mut tx, tenant, id, "call.ended").await?);
        tx.commit().await.attempt("end the call")?;
        events.into_iter().for_each(|event| self.publish(event));
        self.release_agents(id).await;
        Ok(())
    }

    /// Intervenes in a running call. When it returns, it is so: who was paused is silent.
    ///
    /// # Errors
    /// [`Error::CallEnded`], [`Error::NotDone`] with what the session said, [`Error::Invalid`].
    pub async fn intervene(
        &self,
        actor: &Actor,
        id: CallId,
        what: Intervention,
    ) -> Result<Call, Error> {
        actor.may(Right::Write)?;
        let action = what.name();
        let command = what.command()?;
        let call = self.call(actor, id).await?;
        if call.state.is_over() {
            return Err(Error::CallEnded(id));
        }
        let call_sid = call.call_sid.as_deref().ok_or(NotTold::NotLive)?;
        self.tell_soon(call_sid, call.state, command).await?;
        let mut tx = self.db.begin().await.attempt("write the audit")?;
        self.audit(&mut tx, actor, action, ("call", id.to_string()), (None, None)).await?;
        tx.commit().await.attempt("write the audit")?;
        Ok(call)
    }

    /// Has a call's session carry out an order. A call that was answered has one, or is about to; one
    /// that still rings will, and finds the order waiting.
    pub(super) async fn tell_soon(
        &self,
        call_sid: &str,
        state: State,
        command: Command,
    ) -> Result<(), NotTold> {
        let registry = &self.desk.registry;
        let id = Uuid::now_v7().to_string();
        let began = tokio::time::Instant::now();
        loop {
            match registry.tell(call_sid, id.clone(), command.clone()).await {
                Err(NotTold::NotLive) if state < State::InProgress => {
                    return registry.leave(call_sid, id, command);
                }
                Err(NotTold::NotLive) if began.elapsed() < BEGINS_WITHIN => {
                    tokio::time::sleep(BETWEEN_TRIES).await;
                }
                told => return told.map(drop),
            }
        }
    }

    /// Ends a call at once, wherever it is. One that is over stays as it is.
    ///
    /// # Errors
    /// [`Error::NoSuchCall`]; [`Error::Internal`] if nobody could end it: it may be up still.
    pub async fn end_call(
        self: &Arc<Self>,
        actor: &Actor,
        id: CallId,
        reason: Option<String>,
        notes: Option<String>,
    ) -> Result<Call, Error> {
        actor.may(Right::Write)?;
        let call = self.call(actor, id).await?;
        if call.state.is_over() {
            return Ok(call);
        }
        let Some(call_sid) = call.call_sid.clone() else {
            self.give_up(id, actor.tenant).await?;
            return self.call(actor, id).await;
        };
        let mut listener = self.hub.listen(actor.tenant);
        // What the carrier cannot have named, it does not have.
        if let Ok(sid) = call_sid.parse() {
            match self.desk.end_call(&sid, Uuid::now_v7().to_string(), false).await {
                Ok(_) => {}
                Err(NotHungUp::Session(why)) => return Err(failed("ending a call", &why)),
                // Nobody has it: neither a session nor, where one is configured, the carrier.
                Err(NotHungUp::Carrier(_)) if self.desk.carrier.is_none() => {}
                Err(NotHungUp::Carrier(NotEnded::Api(error))) if error.is_not_found() => {}
                Err(NotHungUp::Carrier(error)) => return Err(failed("ending a call", &error)),
            }
        }
        let state = if call.state < State::InProgress { State::Canceled } else { State::Completed };
        let at = self.clock.now();
        let written = async {
            loop {
                match listener.next().await {
                    Ok(event)
                        if event.call == Some(id) && matches!(event.kind, Kind::CallEnded(_)) =>
                    {
                        return;
                    }
                    Ok(_) => {}
                    // It may have been among those: the store knows.
                    Err(_) => return,
                }
            }
        };
        // The session's own word brings its last lines with it; without one the carrier's counts.
        tokio::pin!(written);
        if tokio::time::timeout(OWN_WORD_WITHIN, &mut written).await.is_err() {
            self.report(Fact::State { call_sid: Arc::from(call_sid), state, at });
            let _ = tokio::time::timeout(ENDED_WITHIN, written).await;
        }
        let mut tx = self.db.begin().await.attempt("write the audit")?;
        let after = Some(json!({"reason": reason}));
        self.audit(&mut tx, actor, "call.end", ("call", id.to_string()), (None, after)).await?;
        let text = notes.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        if let Some(text) = text {
            let note = Note { text, ..super::notes::blank(actor, id, at) };
            notes::add(&mut tx, actor.tenant, &note).await.attempt("add the note")?;
        }
        tx.commit().await.attempt("write the audit")?;
        let call = self.call(actor, id).await?;
        if call.state.is_over() {
            return Ok(call);
        }
        Err(Error::Internal {
            attempt: "ending a call",
            why: "it is not written down yet".to_owned(),
        })
    }

    /// The carrier's API.
    ///
    /// # Errors
    /// [`Error::NotConfigured`].
    pub(super) fn carrier(&self) -> Result<&carrier::Client, Error> {
        let missing =
            "no carrier's account is configured: TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN";
        self.desk.carrier.as_ref().ok_or(Error::NotConfigured(missing))
    }

    /// Keeps an event about the call itself; to be published when the transaction is done.
    pub(super) async fn told(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        id: CallId,
        kind: &'static str,
    ) -> Result<Event, Error> {
        let now = self.clock.now();
        let sequence = lines::add_events(tx, tenant, id, &[(kind, json!({}))], now)
            .await
            .attempt("keep the event")?;
        let call = calls::find_in(tx, tenant, id).await.attempt("find the call")?;
        let call = Arc::new(call.ok_or(Error::NoSuchCall)?);
        let kind = match kind {
            "call.started" => Kind::CallStarted(call),
            "call.ended" => Kind::CallEnded(call),
            _ => Kind::CallUpdated(call),
        };
        Ok(Event { tenant, call: Some(id), sequence: Some(sequence), kind })
    }

    pub(super) fn publish(&self, event: Event) {
        self.hub.publish(event);
    }
}
