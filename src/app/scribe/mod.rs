//! Writes down what running calls report, and tells listeners of what is written.
//!
//! Sessions write their journals; the carrier tells how calls fare. Both become [`Fact`]s, which one
//! task takes in batches: one transaction for all that has come (group commit), or on PostgreSQL, whose
//! answers have a way to go, a few of them beside each other; then the events. A call's journal is the
//! spool: while the database is away, or this task is behind, what is missing is read from there
//! afterwards, from the place up to which the database has it. So nothing is lost, written twice, or
//! announced before it is in the database.

mod feed;
mod feel;
mod follow;
mod origin;
mod project;
mod recover;
mod telling;
mod trouble;

pub use feed::{Fact, Feed};
pub use feel::Heard;
pub(super) use origin::KnownNumbers;
pub use recover::{origin as origin_of, state_of};
pub(super) use telling::tell_sheddable;

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Weak, atomic::AtomicBool},
    time::Duration,
};

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use turn::{Moment, Note};

use analysis::{sentiment, triggers::Fired};

use self::{
    feel::{Meaning, Meanings},
    follow::{Followed, Said},
    project::{Addition, addition},
    telling::{Told, finish},
    trouble::Troubles,
};
use super::{App, analyse};
use crate::{
    domain::{CallId, Direction, Sentiment, Speaker, State, TenantId},
    live::journal::{Announcement, Journals, Origin},
    realtime::Event,
    store::{
        StoreError, Tx, escalations,
        lines::{self, NewCall, Standing},
        scores::{self, Known, NewFact},
    },
};

/// Facts of one batch.
const MOST_AT_ONCE: usize = 512;
/// Transactions beside each other in which a batch is written, where the engine has several writers.
const LANES: usize = 4;
/// How often calls are marked as seen, and lost ones looked for.
const ROUND: Duration = Duration::from_secs(10);
/// The longest pause between tries while the database is away.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// One call in a batch: how it stands, and what is to be told of it.
struct Writing {
    call_sid: Arc<str>,
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
    /// Callers' lines that a language model may judge.
    heard: Vec<Heard>,
    told: Vec<Told>,
}

impl Writing {
    fn of(call_sid: Arc<str>, standing: Standing, followed: Followed) -> Result<Self, StoreError> {
        let state = State::named(&standing.state)
            .ok_or(StoreError::Corrupt { what: "a call's state", value: standing.state })?;
        Ok(Writing {
            call_sid,
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
            heard: Vec::new(),
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
    /// Calls that the database refuses.
    troubles: Troubles,
    /// Lost calls are being looked after.
    looking: Arc<AtomicBool>,
}

/// How far a call's journal is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    All,
    /// So many notes.
    Notes(usize),
    /// The next note is left out.
    OverOne,
}

/// Calls to be kept in mind, or not any more.
type KeptInMind = Vec<(Arc<str>, Option<Followed>)>;

/// What a batch came to.
#[derive(Default)]
struct Written {
    events: Vec<Event>,
    followed: KeptInMind,
    fired: Vec<(TenantId, CallId, Fired)>,
    heard: Vec<Heard>,
    ended: Vec<(TenantId, CallId)>,
    /// Notes that were read from journals.
    read: usize,
}

impl Scribe {
    /// Runs until the app or the feed is gone.
    pub(super) async fn run(
        app: Weak<App>,
        feed: Feed,
        journals: Journals,
        mut facts: mpsc::Receiver<Fact>,
    ) {
        let mut scribe = Scribe {
            app,
            feed,
            journals,
            followed: HashMap::new(),
            troubles: Troubles::default(),
            looking: Arc::default(),
        };
        let mut round = tokio::time::interval(ROUND);
        round.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        scribe.recover().await;
        loop {
            let mut batch = Vec::new();
            let mut is_round = false;
            let again = scribe.troubles.due();
            tokio::select! {
                taken = facts.recv_many(&mut batch, MOST_AT_ONCE) => {
                    if taken == 0 {
                        return;
                    }
                }
                _ = round.tick() => is_round = true,
                () = sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => {}
            }
            batch.extend(scribe.feed.take_behind());
            if !scribe.settle(batch).await || !scribe.retry().await {
                return;
            }
            if is_round {
                scribe.look_round().await;
            }
        }
    }

    /// Writes a batch, however long the database is away. False: the app is gone.
    async fn settle(&mut self, batch: Vec<Fact>) -> bool {
        let batch = self.set_aside(batch);
        if batch.is_empty() {
            return true;
        }
        let lanes = match self.app.upgrade() {
            Some(app) if app.db.has_many_writers() => LANES,
            Some(_) => 1,
            None => return false,
        };
        let parts = by_lane(batch, lanes).into_iter().filter(|part| !part.is_empty());
        let parts: Vec<Vec<Fact>> = parts.collect();
        let lanes = parts.iter().map(|part| self.write_in_lane(part, Reach::All));
        let settled = join_all(lanes).await;
        let mut refused = Vec::new();
        for (part, outcome) in parts.into_iter().zip(settled) {
            match outcome {
                None => return false,
                Some(Ok((_, followed))) => self.keep_in_mind(followed),
                Some(Err(error)) => {
                    tracing::error!(error = ?error, "a batch could not be written");
                    refused.push(part);
                }
            }
        }
        for part in refused {
            if !self.one_by_one(part).await {
                return false;
            }
        }
        true
    }

    /// Writes in one transaction and tells of it, however long the database is away. How many notes were
    /// read from journals; none: the app is gone.
    ///
    /// # Errors
    /// The database is there, and refused it.
    async fn write_patiently(
        &mut self,
        facts: &[Fact],
        reach: Reach,
    ) -> Option<Result<usize, StoreError>> {
        let written = self.write_in_lane(facts, reach).await?;
        Some(written.map(|(read, followed)| {
            self.keep_in_mind(followed);
            read
        }))
    }

    /// The same beside others, of which none has a fact of the same calls.
    async fn write_in_lane(
        &self,
        facts: &[Fact],
        reach: Reach,
    ) -> Option<Result<(usize, KeptInMind), StoreError>> {
        let meanings = Meanings::of(&*self.app.upgrade()?, facts).await;
        let mut pause = Duration::from_millis(50);
        loop {
            let app = self.app.upgrade()?;
            match self.write(&app, facts, (reach, &meanings)).await {
                Ok(written) => return Some(Ok((written.read, announce(&app, written)))),
                Err(error) if error.is_away() => {
                    metrics::counter!("tandem_store_away_total").increment(1);
                    tracing::warn!(
                        error = std::error::Error::source(&error).map(|e| e.to_string()),
                        "the database is away: calls go on, their journals keep what is said"
                    );
                }
                Err(error) => return Some(Err(error)),
            }
            drop(app);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn keep_in_mind(&mut self, followed: KeptInMind) {
        for (call_sid, followed) in followed {
            match followed {
                Some(followed) => drop(self.followed.insert(call_sid, followed)),
                None => drop(self.followed.remove(&call_sid)),
            }
        }
    }

    /// Writes a batch in one transaction.
    async fn write(
        &self,
        app: &Arc<App>,
        batch: &[Fact],
        (reach, meanings): (Reach, &Meanings),
    ) -> Result<Written, StoreError> {
        let now = app.clock.now();
        let mut written = Written::default();
        let mut tx = app.db.begin().await?;
        for facts in by_call(batch.to_vec()) {
            self.write_call(&mut tx, (facts, reach), (now, meanings), &mut written).await?;
        }
        tx.commit().await?;
        Ok(written)
    }

    async fn write_call(
        &self,
        tx: &mut Tx,
        (facts, reach): (Vec<Fact>, Reach),
        (now, meanings): (DateTime<Utc>, &Meanings),
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
        let mut writing = Writing::of(call_sid.clone(), standing, followed)?;
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
                Fact::Behind { .. } => {
                    written.read += self.catch_up(tx, &mut writing, reach, meanings).await?;
                }
                Fact::Noted(announcement) => {
                    let Some(position) = announcement.position else { continue };
                    let position = i64::try_from(position).unwrap_or(i64::MAX);
                    if position > writing.position {
                        self.catch_up(tx, &mut writing, reach, meanings).await?;
                    }
                    if position == writing.position {
                        let Announcement { began, at, note, .. } = announcement;
                        note_down(tx, &mut writing, began, (at, note), meanings).await?;
                    }
                }
                Fact::Consulted { texts, .. } if texts.is_empty() => {
                    writing.followed.consulted(false);
                }
                Fact::Consulted { at, texts, .. } => {
                    writing.followed.consulted(true);
                    let known = Known::Passages { texts };
                    let fact = NewFact { position: None, at, known };
                    scores::add_fact(tx, writing.tenant, writing.id, fact).await?;
                }
                Fact::Felt { line, felt } => revise(tx, &mut writing, &line, felt).await?,
            }
        }
        let (tenant, id) = (writing.tenant, writing.id);
        let over = writing.state.is_over();
        if writing.ended_now {
            written.ended.push((tenant, id));
        }
        if meanings.asks && !over {
            written.heard.append(&mut writing.heard);
        }
        written.fired.extend(writing.fired.drain(..).map(|fired| (tenant, id, fired)));
        written.followed.push((call_sid, (!over).then(|| writing.followed.clone())));
        written.events.extend(finish(tx, writing, now).await?);
        Ok(())
    }

    /// Writes what the journal has beyond what is written, as far as it is to be read; how many notes.
    /// Nobody waits for it, and there may be much: models are not asked about it.
    async fn catch_up(
        &self,
        tx: &mut Tx,
        writing: &mut Writing,
        reach: Reach,
        meanings: &Meanings,
    ) -> Result<usize, StoreError> {
        let from = u64::try_from(writing.position).unwrap_or(0);
        let mut notes = recover::notes(&self.journals, &writing.call_sid, from).await;
        match reach {
            Reach::All => {}
            Reach::Notes(most) => notes.truncate(most),
            Reach::OverOne => {
                notes.clear();
                writing.position += 1;
            }
        }
        let read = notes.len();
        for (began, at, note) in notes {
            note_down(tx, writing, began, (at, note), meanings).await?;
        }
        writing.heard.clear();
        Ok(read)
    }
}

/// Tells of what is written, and has done what follows from it. What is to be kept in mind.
fn announce(app: &Arc<App>, written: Written) -> KeptInMind {
    written.events.into_iter().for_each(|event| app.hub.publish(event));
    for (tenant, call, fired) in written.fired {
        let app = app.clone();
        tokio::spawn(async move { app.escalate_because(tenant, call, fired).await });
    }
    written.heard.into_iter().for_each(|line| app.feel_soon(line));
    for (tenant, call) in written.ended {
        app.analyse_soon(tenant, call);
        let app = app.clone();
        tokio::spawn(async move { app.release_agents(call).await });
    }
    written.followed
}

/// The batch's facts, those of a call always in one lane, each call's in their order.
fn by_lane(batch: Vec<Fact>, lanes: usize) -> Vec<Vec<Fact>> {
    let mut parts: Vec<Vec<Fact>> = (0..lanes).map(|_| Vec::new()).collect();
    for fact in batch {
        let mut hasher = DefaultHasher::new();
        fact.call_sid().hash(&mut hasher);
        parts[(hasher.finish() % lanes as u64) as usize].push(fact);
    }
    parts
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
        for line in lines::said(tx, id).await? {
            if let Some(speaker) = Speaker::named(&line.speaker) {
                let felt = analyse::felt(&line).unwrap_or_else(|| followed.feel(&line.text, None));
                let times = (line.from_ms, line.to_ms);
                let confidence = line.confidence;
                followed.line(Said { speaker, text: &line.text, times, confidence }, felt);
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
        // The carrier tells whole seconds: a call of a moment would end before it began.
        let at = at.max(writing.started_at);
        let seconds = (at - writing.started_at).num_seconds();
        lines::end(tx, writing.id, at, seconds, None).await?;
        writing.ended_now = true;
    }
    Ok(())
}

async fn note_down(
    tx: &mut Tx,
    writing: &mut Writing,
    began: DateTime<Utc>,
    (at, note): (Moment, Note),
    meanings: &Meanings,
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
            let meaning = meanings.get(&writing.call_sid, position, &line.text);
            let embedding = match meaning {
                Meaning::Told(vector) => Some(vector),
                Meaning::Unknown | Meaning::Missing => None,
            };
            let felt = writing.followed.feel(&line.text, embedding);
            let interaction = writing.followed.next_line();
            let times = (line.from_ms, line.to_ms);
            let said = Said {
                speaker: line.speaker,
                text: &line.text,
                times,
                confidence: line.confidence,
            };
            let effect = writing.followed.line(said, felt);
            if let Some((felt, sure)) = effect.felt {
                line.sentiment = Some(felt);
                // What was judged without the model that is there is judged again after the call.
                line.sentiment_confidence = (!matches!(meaning, Meaning::Missing)).then_some(sure);
                writing.heard.push(Heard {
                    call_sid: writing.call_sid.clone(),
                    tenant: writing.tenant,
                    call: writing.id,
                    position,
                    interaction,
                    to_ms: line.to_ms,
                    text: line.text.clone(),
                });
            }
            writing.mood = effect.mood.or(writing.mood);
            writing.fired.extend(effect.fired);
            if let Some(line) = lines::add_line(tx, writing.tenant, writing.id, line).await? {
                writing.told.push(Told::Line(line));
            }
            writing.told.extend(effect.turned.map(Told::Mood));
        }
        Addition::Fact(fact) => scores::add_fact(tx, writing.tenant, writing.id, fact).await?,
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

/// Takes another judge's word on a line that was written. One that comes after the call's end is too
/// late: it may be analysed already.
async fn revise(
    tx: &mut Tx,
    writing: &mut Writing,
    line: &Heard,
    felt: sentiment::Sentiment,
) -> Result<(), StoreError> {
    if writing.state.is_over() {
        return Ok(());
    }
    let effect = writing.followed.revise((line.interaction, line.to_ms), &line.text, felt);
    if let Some(felt) = effect.felt {
        lines::feel(tx, writing.id, line.position, felt).await?;
    }
    writing.mood = effect.mood.or(writing.mood);
    writing.fired.extend(effect.fired);
    writing.told.extend(effect.turned.map(Told::Mood));
    Ok(())
}
