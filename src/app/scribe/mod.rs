//! Writes down what running calls report, and tells listeners of what is written.
//!
//! Sessions write their journals; the carrier tells how calls fare. Both become [`Fact`]s, which one
//! task takes in batches: one transaction for all that has come (group commit), then the events. A
//! call's journal is the spool: while the database is away, or this task is behind, what is missing is
//! read from there afterwards, from the place up to which the database has it. So nothing is lost,
//! written twice, or announced before it is in the database.

mod follow;
mod origin;
mod project;
mod recover;

pub use recover::{origin as origin_of, state_of};

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError, Weak, atomic::AtomicBool},
    time::Duration,
};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use turn::{Moment, Note};

use analysis::triggers::Fired;

use self::{
    follow::Followed,
    project::{Addition, addition},
};
use super::App;
use crate::{
    domain::{
        Call, CallId, Direction, Escalation, Interaction, Sentiment, Speaker, State, TenantId,
    },
    live::journal::{Announcement, Journals, Origin},
    realtime::{Event, Kind},
    store::{
        StoreError, Tx, calls, escalations,
        lines::{self, NewCall, Progress, Standing},
    },
};

/// Facts that wait; of notes, more are read from the journals later.
const WAITING: usize = 16_384;
/// Facts of one transaction.
const MOST_AT_ONCE: usize = 512;
/// How often calls are marked as seen, and lost ones looked for.
const ROUND: Duration = Duration::from_secs(10);
/// The longest pause between tries while the database is away.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Something that happened to a call.
#[derive(Clone, Debug)]
pub enum Fact {
    /// It came in, or one that we made was answered.
    Arrived { call_sid: Arc<str>, origin: Origin },
    /// Its audio is connected.
    Connected { call_sid: Arc<str>, origin: Origin, at: DateTime<Utc> },
    /// The carrier says how it stands.
    State { call_sid: Arc<str>, state: State, at: DateTime<Utc> },
    /// The conversation wrote something down; without a position it is sheddable.
    Noted(Announcement),
    /// What the journal has beyond what is written is to be read.
    Behind { call_sid: Arc<str> },
}

impl Fact {
    fn call_sid(&self) -> &Arc<str> {
        match self {
            Fact::Arrived { call_sid, .. }
            | Fact::Connected { call_sid, .. }
            | Fact::State { call_sid, .. }
            | Fact::Behind { call_sid } => call_sid,
            Fact::Noted(announcement) => &announcement.call_sid,
        }
    }
}

/// Where facts are reported. Reporting never waits.
#[derive(Clone)]
pub struct Feed {
    facts: mpsc::Sender<Fact>,
    /// Calls of which facts were not taken.
    behind: Arc<Mutex<HashSet<Arc<str>>>>,
}

impl Feed {
    /// A feed, and what reads it.
    pub(super) fn new() -> (Feed, mpsc::Receiver<Fact>) {
        let (facts, taken) = mpsc::channel(WAITING);
        (Feed { facts, behind: Arc::default() }, taken)
    }

    /// Reports. What there is no room for is found in the call's journal later, or at the carrier.
    pub fn report(&self, fact: Fact) {
        let sheddable =
            matches!(&fact, Fact::Noted(announcement) if announcement.position.is_none());
        if let Err(refused) = self.facts.try_send(fact)
            && !sheddable
        {
            let call = refused.into_inner().call_sid().clone();
            metrics::counter!("tandem_scribe_behind_total").increment(1);
            self.behind.lock().unwrap_or_else(PoisonError::into_inner).insert(call);
        }
    }

    fn take_behind(&self) -> Vec<Fact> {
        let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        behind.drain().map(|call_sid| Fact::Behind { call_sid }).collect()
    }
}

/// One call in a batch: how it stands, and what is to be told of it.
struct Writing {
    id: CallId,
    tenant: TenantId,
    state: State,
    started_at: DateTime<Utc>,
    position: i64,
    mood: Option<Sentiment>,
    followed: Followed,
    fired: Vec<Fired>,
    spoken: (bool, bool),
    ended_now: bool,
    changed: bool,
    told: Vec<Told>,
}

/// An event in the making.
enum Told {
    Started,
    Updated,
    Ended,
    Line(Interaction),
    Mood(Sentiment),
    Escalation(Escalation),
}

impl Writing {
    fn of(standing: Standing, followed: Followed) -> Result<Self, StoreError> {
        let state = State::named(&standing.state)
            .ok_or(StoreError::Corrupt { what: "a call's state", value: standing.state })?;
        Ok(Writing {
            id: standing.id.into(),
            tenant: standing.tenant_id.into(),
            state,
            started_at: standing.started_at,
            position: standing.journal_position,
            mood: None,
            followed,
            fired: Vec::new(),
            spoken: (false, false),
            ended_now: false,
            changed: false,
            told: Vec::new(),
        })
    }
}

/// The task that writes.
pub(super) struct Scribe {
    app: Weak<App>,
    feed: Feed,
    journals: Journals,
    /// The calls that run here, kept in mind.
    followed: HashMap<Arc<str>, Followed>,
    /// Lost calls are being looked after.
    looking: Arc<AtomicBool>,
}

/// What a batch came to.
#[derive(Default)]
struct Written {
    events: Vec<Event>,
    followed: Vec<(Arc<str>, Option<Followed>)>,
    fired: Vec<(TenantId, CallId, Fired)>,
    ended: Vec<(TenantId, CallId)>,
}

impl Scribe {
    /// Runs until the app or the feed is gone.
    pub(super) async fn run(
        app: Weak<App>,
        feed: Feed,
        journals: Journals,
        mut facts: mpsc::Receiver<Fact>,
    ) {
        let mut scribe =
            Scribe { app, feed, journals, followed: HashMap::new(), looking: Arc::default() };
        let mut round = tokio::time::interval(ROUND);
        round.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        scribe.recover().await;
        loop {
            let mut batch = Vec::new();
            tokio::select! {
                taken = facts.recv_many(&mut batch, MOST_AT_ONCE) => {
                    if taken == 0 {
                        return;
                    }
                }
                _ = round.tick() => {}
            }
            let idle = batch.is_empty();
            batch.extend(scribe.feed.take_behind());
            if !scribe.settle(batch).await {
                return;
            }
            if idle {
                scribe.look_round().await;
            }
        }
    }

    /// Writes a batch, however long the database is away. False: the app is gone.
    async fn settle(&mut self, batch: Vec<Fact>) -> bool {
        if batch.is_empty() {
            return true;
        }
        let batch = self.sheddable_told(batch);
        let mut pause = Duration::from_millis(50);
        loop {
            let Some(app) = self.app.upgrade() else { return false };
            match self.write(&app, &batch).await {
                Ok(written) => {
                    self.announce(&app, written);
                    return true;
                }
                Err(error) if error.is_away() => {
                    metrics::counter!("tandem_store_away_total").increment(1);
                    tracing::warn!(
                        error = std::error::Error::source(&error).map(|e| e.to_string()),
                        "the database is away: calls go on, their journals keep what is said"
                    );
                }
                Err(error) => {
                    tracing::error!(error = ?error, "a batch could not be written");
                    return self.one_by_one(&app, batch).await;
                }
            }
            drop(app);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Writes each call by itself, so that one that cannot be written does not keep the others.
    async fn one_by_one(&mut self, app: &Arc<App>, batch: Vec<Fact>) -> bool {
        for facts in by_call(batch) {
            match self.write(app, &facts).await {
                Ok(written) => self.announce(app, written),
                Err(error) => {
                    metrics::counter!("tandem_scribe_failures_total").increment(1);
                    let call = facts.first().map(|fact| fact.call_sid().to_string());
                    tracing::error!(call, error = ?error, "a call could not be written down");
                    if let Some(fact) = facts.first() {
                        let call_sid = fact.call_sid().clone();
                        let mut behind =
                            self.feed.behind.lock().unwrap_or_else(PoisonError::into_inner);
                        behind.insert(call_sid);
                    }
                }
            }
        }
        true
    }

    /// Tells of interim words, which are not written; gives the rest back.
    fn sheddable_told(&self, batch: Vec<Fact>) -> Vec<Fact> {
        let app = self.app.upgrade();
        let mut kept = Vec::with_capacity(batch.len());
        for fact in batch {
            match fact {
                Fact::Noted(Announcement {
                    call_sid,
                    position: None,
                    note: Note::CallerSaying { turn, text },
                    ..
                }) => {
                    if let Some(app) = &app
                        && let Some((call, tenant)) = app.desk.registry.whose(&call_sid)
                    {
                        let kind = Kind::CallerSaying { turn: turn.0.into(), text };
                        let call = Some(call);
                        app.hub.publish(Event { tenant, call, sequence: None, kind });
                    }
                }
                other => kept.push(other),
            }
        }
        kept
    }

    /// Tells of what is written, and has done what follows from it.
    fn announce(&mut self, app: &Arc<App>, written: Written) {
        for (call_sid, followed) in written.followed {
            match followed {
                Some(followed) => drop(self.followed.insert(call_sid, followed)),
                None => drop(self.followed.remove(&call_sid)),
            }
        }
        written.events.into_iter().for_each(|event| app.hub.publish(event));
        for (tenant, call, fired) in written.fired {
            let app = app.clone();
            tokio::spawn(async move { app.escalate_because(tenant, call, fired).await });
        }
        for (tenant, call) in written.ended {
            app.analyse_soon(tenant, call);
        }
    }

    /// Writes a batch in one transaction.
    async fn write(&self, app: &Arc<App>, batch: &[Fact]) -> Result<Written, StoreError> {
        let now = app.clock.now();
        let mut written = Written::default();
        let mut tx = app.db.begin().await?;
        for facts in by_call(batch.to_vec()) {
            self.write_call(&mut tx, facts, now, &mut written).await?;
        }
        tx.commit().await?;
        Ok(written)
    }

    async fn write_call(
        &self,
        tx: &mut Tx,
        facts: Vec<Fact>,
        now: DateTime<Utc>,
        written: &mut Written,
    ) -> Result<(), StoreError> {
        let Some(call_sid) = facts.first().map(|fact| fact.call_sid().clone()) else {
            return Ok(());
        };
        let origin = facts.iter().find_map(|fact| match fact {
            Fact::Arrived { origin, .. } | Fact::Connected { origin, .. } => Some(origin.clone()),
            _ => None,
        });
        let mut started = false;
        if let Some(origin) = &origin {
            started = arrive(tx, &call_sid, origin).await?;
        }
        let mut standing = lines::standing(tx, &call_sid).await?;
        if standing.is_none() {
            // Its arrival is not written yet, but the journal tells of it.
            if let Some(origin) = recover::origin(&self.journals, &call_sid).await {
                started = arrive(tx, &call_sid, &origin).await?;
                standing = lines::standing(tx, &call_sid).await?;
            }
        }
        // A call of which nothing is known is not the control plane's.
        let Some(standing) = standing else { return Ok(()) };
        let followed = match self.followed.get(&call_sid) {
            Some(followed) => followed.clone(),
            None => follow(tx, &standing).await?,
        };
        let mut writing = Writing::of(standing, followed)?;
        if started {
            writing.told.push(Told::Started);
        }
        for fact in facts {
            match fact {
                Fact::Arrived { .. } => {}
                Fact::Connected { at, .. } => {
                    advance(tx, &mut writing, State::InProgress, at).await?;
                }
                Fact::State { state, at, .. } => advance(tx, &mut writing, state, at).await?,
                Fact::Behind { .. } => self.catch_up(tx, &mut writing, &call_sid).await?,
                Fact::Noted(announcement) => {
                    let Some(position) = announcement.position else { continue };
                    let position = i64::try_from(position).unwrap_or(i64::MAX);
                    if position > writing.position {
                        self.catch_up(tx, &mut writing, &call_sid).await?;
                    }
                    if position == writing.position {
                        let Announcement { began, at, note, .. } = announcement;
                        note_down(tx, &mut writing, began, at, note).await?;
                    }
                }
            }
        }
        let (tenant, id) = (writing.tenant, writing.id);
        let over = writing.state.is_over();
        if writing.ended_now {
            written.ended.push((tenant, id));
        }
        written.fired.extend(writing.fired.drain(..).map(|fired| (tenant, id, fired)));
        written.followed.push((call_sid, (!over).then(|| writing.followed.clone())));
        written.events.extend(finish(tx, writing, now).await?);
        Ok(())
    }

    /// Writes what the journal has beyond what is written.
    async fn catch_up(
        &self,
        tx: &mut Tx,
        writing: &mut Writing,
        call_sid: &str,
    ) -> Result<(), StoreError> {
        let from = u64::try_from(writing.position).unwrap_or(0);
        for (began, at, note) in recover::notes(&self.journals, call_sid, from).await {
            note_down(tx, writing, began, at, note).await?;
        }
        Ok(())
    }
}

/// The batch's facts, call by call, each in its order.
fn by_call(batch: Vec<Fact>) -> Vec<Vec<Fact>> {
    let mut places: HashMap<Arc<str>, usize> = HashMap::new();
    let mut calls: Vec<Vec<Fact>> = Vec::new();
    for fact in batch {
        let place = *places.entry(fact.call_sid().clone()).or_insert_with(|| {
            calls.push(Vec::new());
            calls.len() - 1
        });
        calls[place].push(fact);
    }
    calls
}

/// Keeps a call in mind that this process did not have in mind: what was said before is said again.
async fn follow(tx: &mut Tx, standing: &Standing) -> Result<Followed, StoreError> {
    let id = CallId::from(standing.id);
    let config = lines::config_of(tx, id).await?;
    let mut followed = Followed::new(config.as_ref());
    if standing.journal_position > 0 {
        for (speaker, text, from, to) in lines::said(tx, id).await? {
            if let Some(speaker) = Speaker::named(&speaker) {
                followed.line(speaker, &text, (from, to));
            }
        }
    }
    Ok(followed)
}

/// Adds the call, or names the one that we made. Whether it was new.
async fn arrive(tx: &mut Tx, call_sid: &str, origin: &Origin) -> Result<bool, StoreError> {
    let call = NewCall {
        id: origin.call.into(),
        tenant: origin.tenant.into(),
        call_sid: Some(call_sid.to_owned()),
        direction: if origin.outbound { Direction::Outbound } else { Direction::Inbound },
        state: State::Ringing,
        from_number: origin.from.clone(),
        to_number: origin.to.clone(),
        business: origin.business.map(Into::into),
        template: None,
        metadata: serde_json::Map::new(),
        at: origin.arrived_at,
    };
    let new = lines::add(tx, &call).await?;
    if !new {
        lines::name(tx, call.id, call_sid).await?;
    }
    Ok(new)
}

async fn advance(
    tx: &mut Tx,
    writing: &mut Writing,
    state: State,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    if !writing.state.may_become(state) || !lines::advance(tx, writing.id, state, at).await? {
        return Ok(());
    }
    writing.state = state;
    writing.changed = true;
    if state.is_over() {
        let seconds = (at - writing.started_at).num_seconds().max(0);
        lines::end(tx, writing.id, at, seconds, None).await?;
        writing.ended_now = true;
    }
    Ok(())
}

async fn note_down(
    tx: &mut Tx,
    writing: &mut Writing,
    began: DateTime<Utc>,
    at: Moment,
    note: Note,
) -> Result<(), StoreError> {
    let position = writing.position;
    writing.position += 1;
    let fired = writing.followed.note(at.0, &note);
    writing.fired.extend(fired);
    match addition(position, began, at, note) {
        Addition::Line(mut line) => {
            match line.speaker {
                Speaker::Ai => writing.spoken.0 = true,
                Speaker::Agent => writing.spoken.1 = true,
                Speaker::Customer => {}
            }
            let times = (line.from_ms, line.to_ms);
            let effect = writing.followed.line(line.speaker, &line.text, times);
            line.sentiment = effect.felt;
            writing.mood = effect.mood.or(writing.mood);
            writing.fired.extend(effect.fired);
            if let Some(line) = lines::add_line(tx, writing.tenant, writing.id, line).await? {
                writing.told.push(Told::Line(line));
            }
            writing.told.extend(effect.turned.map(Told::Mood));
        }
        Addition::Turn(turn) => lines::add_turn(tx, writing.tenant, writing.id, turn).await?,
        Addition::AnsweredBy(by) => lines::answered_by(tx, writing.id, by).await?,
        Addition::Ended { reason, call_goes_on } => {
            // Who listens to a caller and a person does not know when these have parted.
            let bridged = escalations::open_of(tx, writing.id).await?.is_some_and(|open| {
                matches!(
                    open.progress,
                    crate::domain::Progress::Accepted | crate::domain::Progress::Bridged
                )
            });
            if !bridged {
                lines::because(tx, writing.id, reason).await?;
            }
            if reason == "caller_left" && !bridged {
                // The socket's end, which may be a broken one: the carrier's word is waited for a moment.
                lines::doubt(tx, writing.id).await?;
            } else if !call_goes_on && !bridged {
                let at = began + chrono::TimeDelta::milliseconds(at.0.try_into().unwrap_or(0));
                advance(tx, writing, State::Completed, at).await?;
            }
        }
        Addition::Nothing => {}
    }
    Ok(())
}

/// Writes how far it is, and what is to be told.
async fn finish(
    tx: &mut Tx,
    writing: Writing,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, StoreError> {
    let Writing { id, tenant, mut told, .. } = writing;
    let progress = Progress {
        position: writing.position,
        spoken_by_ai: writing.spoken.0,
        spoken_by_human: writing.spoken.1,
        sentiment: writing.mood,
        at: now,
    };
    lines::progress(tx, id, progress).await?;
    if writing.ended_now {
        let closed = escalations::close_all(tx, tenant, id, now).await?;
        told.extend(closed.into_iter().map(Told::Escalation));
        told.push(Told::Ended);
    } else if writing.changed {
        told.push(Told::Updated);
    }
    if told.is_empty() {
        return Ok(Vec::new());
    }
    let Some(call) = calls::find_in(tx, tenant, id).await? else { return Ok(Vec::new()) };
    let call = Arc::new(call);
    let kept: Vec<(&'static str, Value)> = told.iter().map(kept).collect();
    let last = lines::add_events(tx, tenant, id, &kept, now).await?;
    let first = last - i64::try_from(kept.len()).unwrap_or(0) + 1;
    let events = told.into_iter().zip(first..).map(|(told, sequence)| Event {
        tenant,
        call: Some(id),
        sequence: Some(sequence),
        kind: kind(told, &call, sequence),
    });
    Ok(events.collect())
}

/// How an event is kept: what it is about, by reference.
fn kept(told: &Told) -> (&'static str, Value) {
    match told {
        Told::Started => ("call.started", json!({})),
        Told::Updated => ("call.updated", json!({})),
        Told::Ended => ("call.ended", json!({})),
        Told::Line(line) => ("interaction.added", json!({"interaction": line.id})),
        Told::Mood(mood) => ("sentiment.changed", json!({"score": mood.score})),
        Told::Escalation(escalation) => {
            ("escalation.completed", json!({"escalation": escalation.id}))
        }
    }
}

fn kind(told: Told, call: &Arc<Call>, sequence: i64) -> Kind {
    let as_of = || {
        let mut call = Call::clone(call);
        call.event_sequence = sequence;
        Arc::new(call)
    };
    match told {
        Told::Started => Kind::CallStarted(as_of()),
        Told::Updated => Kind::CallUpdated(as_of()),
        Told::Ended => Kind::CallEnded(as_of()),
        Told::Line(line) => Kind::InteractionAdded(Arc::new(line)),
        Told::Mood(mood) => Kind::SentimentChanged(mood),
        Told::Escalation(escalation) => Kind::EscalationCompleted(Arc::new(escalation)),
    }
}
