//! What running calls report, written down: arrivals, states, lines of transcripts, events.
//!
//! All of it comes from one writer a call, in the order in which it happened; see
//! [`crate::app::scribe`].

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use sqlx::types::Json;
use uuid::Uuid;

use super::{Db, StoreError, Tx, escalations, sql};
use crate::domain::{
    AgentId, BusinessId, CallId, Direction, Interaction, Sentiment, Speaker, State, TenantId,
};

/// A call that is new.
#[derive(Clone, Debug)]
pub struct NewCall {
    pub id: CallId,
    pub tenant: TenantId,
    pub call_sid: Option<String>,
    pub direction: Direction,
    pub state: State,
    pub from_number: String,
    pub to_number: String,
    pub business: Option<BusinessId>,
    pub template: Option<String>,
    pub metadata: Map<String, Value>,
    pub at: DateTime<Utc>,
}

/// Adds a call. Whether it was new; the carrier may tell of it twice.
///
/// # Errors
/// [`StoreError`].
pub async fn add(tx: &mut Tx, call: &NewCall) -> Result<bool, StoreError> {
    let insert = sql("INSERT INTO calls
            (id, tenant_id, call_sid, direction, state, from_number, to_number, business_id,
             template_id, started_at, spoken_by_ai, spoken_by_human, topics, tags, is_spam,
             is_after_hours, metadata, journal_position, event_sequence, seen_at, doubted,
             created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12, $12, $11, $11, $13, 0, 0,
                 $10, $11, $10, $10)
         ON CONFLICT DO NOTHING")
    .bind(call.id)
    .bind(call.tenant)
    .bind(call.call_sid.clone())
    .bind(call.direction.name())
    .bind(call.state.name())
    .bind(call.from_number.clone())
    .bind(call.to_number.clone())
    .bind(call.business)
    .bind(call.template.clone())
    .bind(call.at)
    .bind(false)
    .bind(json!([]))
    .bind(Value::Object(call.metadata.clone()));
    Ok(tx.exec(insert).await? == 1)
}

/// Gives a call that we made the carrier's name, unless it has one.
///
/// # Errors
/// A conflict, if another call has the name; [`StoreError`].
pub async fn name(tx: &mut Tx, id: CallId, call_sid: &str) -> Result<(), StoreError> {
    let update = sql("UPDATE calls SET call_sid = $2 WHERE id = $1 AND call_sid IS NULL");
    tx.exec(update.bind(id).bind(call_sid)).await.map(drop)
}

/// A call, as its writer needs it.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Standing {
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub state: String,
    pub started_at: DateTime<Utc>,
    pub journal_position: i64,
    pub sentiment_score: Option<f64>,
    pub sentiment: Option<String>,
}

/// How the call stands that the carrier calls so. On PostgreSQL its row is locked until the
/// transaction ends; SQLite has one writer.
///
/// # Errors
/// [`StoreError`].
pub async fn standing(tx: &mut Tx, call_sid: &str) -> Result<Option<Standing>, StoreError> {
    let select =
        sql("SELECT id, tenant_id, state, started_at, journal_position, sentiment_score, sentiment
         FROM calls WHERE call_sid = $1");
    tx.opt(select.bind(call_sid).for_update(tx)).await
}

/// Brings a call to this state, if it may follow the one that it is in. Whether it did.
///
/// # Errors
/// [`StoreError`].
pub async fn advance(
    tx: &mut Tx,
    id: CallId,
    state: State,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let before = State::ALL.iter().filter(|before| before.may_become(state));
    let update = sql("UPDATE calls SET state =").arg(state.name()).push(", updated_at =").arg(at);
    let update = match state {
        State::InProgress => update.push(", answered_at =").arg(at),
        _ => update,
    };
    let update = update.push("WHERE id =").arg(id);
    Ok(tx.exec(update.and_in("state", before.map(|state| state.name()))).await? == 1)
}

/// Says when and why a call ended, once.
///
/// # Errors
/// [`StoreError`].
pub async fn end(
    tx: &mut Tx,
    id: CallId,
    ended_at: DateTime<Utc>,
    duration_seconds: i64,
    reason: Option<&str>,
) -> Result<(), StoreError> {
    let update = sql("UPDATE calls SET ended_at = $2, duration_seconds = $3,
                          end_reason = COALESCE(end_reason, $4)
         WHERE id = $1 AND ended_at IS NULL");
    if tx.exec(update.bind(id).bind(ended_at).bind(duration_seconds).bind(reason)).await? == 0 {
        return Ok(());
    }
    // The person who was with the caller, from when they took the call.
    let Some((agent, since)) = escalations::taken_by(tx, id).await? else { return Ok(()) };
    let handled =
        sql("UPDATE agents SET total_calls_handled = total_calls_handled + 1, last_active_at = $2,
                total_call_duration_seconds = total_call_duration_seconds + $3
         WHERE id = $1");
    let seconds = (ended_at - since).num_seconds().max(0);
    tx.exec(handled.bind(agent).bind(ended_at).bind(seconds)).await.map(drop)
}

/// Keeps others from changing the call until the transaction ends.
///
/// # Errors
/// [`StoreError`].
pub async fn hold(tx: &mut Tx, id: CallId) -> Result<(), StoreError> {
    let select = sql("SELECT id FROM calls WHERE id = $1").bind(id).for_update(tx);
    let _: Option<(Uuid,)> = tx.opt(select).await?;
    Ok(())
}

/// Says why a call ended, before its end is known.
///
/// # Errors
/// [`StoreError`].
pub async fn because(tx: &mut Tx, id: CallId, reason: &str) -> Result<(), StoreError> {
    let update = sql("UPDATE calls SET end_reason = $2 WHERE id = $1 AND end_reason IS NULL");
    tx.exec(update.bind(id).bind(reason)).await.map(drop)
}

/// Says who answered a call that we made.
///
/// # Errors
/// [`StoreError`].
pub async fn answered_by(tx: &mut Tx, id: CallId, by: &str) -> Result<(), StoreError> {
    let update = sql("UPDATE calls SET answered_by = $2 WHERE id = $1");
    tx.exec(update.bind(id).bind(by)).await.map(drop)
}

/// A line of a transcript, to be written.
#[derive(Clone, Debug)]
pub struct NewLine {
    pub position: i64,
    pub speaker: Speaker,
    pub text: String,
    pub at: DateTime<Utc>,
    pub from_ms: i64,
    pub to_ms: i64,
    pub sentiment: Option<Sentiment>,
    /// How far that is to be believed, 0 to 1; none: it was judged in haste, and is to be judged again.
    pub sentiment_confidence: Option<f64>,
    /// How sure the recogniser is of the words, 0 to 1.
    pub confidence: Option<f64>,
    pub metadata: Map<String, Value>,
}

/// Writes a line. None, if it is there already.
///
/// # Errors
/// [`StoreError`].
pub async fn add_line(
    tx: &mut Tx,
    tenant: TenantId,
    call: CallId,
    line: NewLine,
) -> Result<Option<Interaction>, StoreError> {
    let insert = sql("INSERT INTO utterances
            (tenant_id, call_id, position, speaker, text, at, from_ms, to_ms, sentiment_score,
             sentiment, confidence, metadata, sentiment_confidence)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         ON CONFLICT (call_id, position) DO NOTHING RETURNING id")
    .bind(tenant)
    .bind(call)
    .bind(line.position)
    .bind(line.speaker.name())
    .bind(line.text.clone())
    .bind(line.at)
    .bind(line.from_ms)
    .bind(line.to_ms)
    .bind(line.sentiment.map(|sentiment| sentiment.score))
    .bind(line.sentiment.map(|sentiment| sentiment.mood.name()))
    .bind(line.confidence)
    .bind(Value::Object(line.metadata.clone()))
    .bind(line.sentiment_confidence);
    let id: Option<(i64,)> = tx.opt(insert).await?;
    Ok(id.map(|(id,)| Interaction {
        id,
        call,
        speaker: line.speaker,
        text: line.text,
        audio_url: None,
        at: line.at,
        sentiment: line.sentiment,
        metadata: line.metadata,
    }))
}

/// Where the time of an answer went, to be written.
#[derive(Clone, Debug)]
pub struct NewTurn {
    pub position: i64,
    pub turn: i64,
    pub total_ms: Option<i64>,
    pub culprit: Option<String>,
    pub waterfall: Value,
    pub at: DateTime<Utc>,
}

/// Writes it, once.
///
/// # Errors
/// [`StoreError`].
pub async fn add_turn(
    tx: &mut Tx,
    tenant: TenantId,
    call: CallId,
    turn: NewTurn,
) -> Result<(), StoreError> {
    let insert = sql("INSERT INTO call_turns
            (call_id, position, tenant_id, turn, total_ms, culprit, waterfall, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING")
    .bind(call)
    .bind(turn.position)
    .bind(tenant)
    .bind(turn.turn)
    .bind(turn.total_ms)
    .bind(turn.culprit)
    .bind(turn.waterfall)
    .bind(turn.at);
    tx.exec(insert).await.map(drop)
}

/// How far a call's journal is written down, and what it has come to.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Notes of the journal that are in the database.
    pub position: i64,
    /// So many events more, which [`put_events`] keeps.
    pub events: i64,
    pub spoken_by_ai: bool,
    pub spoken_by_human: bool,
    /// Of the caller, smoothed.
    pub sentiment: Option<Sentiment>,
    pub at: DateTime<Utc>,
}

/// Writes it down; the sequence of the call's last event, with those that are yet to be kept. None: the
/// call is not there.
///
/// # Errors
/// [`StoreError`].
pub async fn progress(tx: &mut Tx, id: CallId, to: Progress) -> Result<Option<i64>, StoreError> {
    let update = sql("UPDATE calls SET journal_position = $2, seen_at = $3, updated_at = $3,
                spoken_by_ai = spoken_by_ai OR $4, spoken_by_human = spoken_by_human OR $5,
                sentiment_score = COALESCE($6, sentiment_score),
                sentiment = COALESCE($7, sentiment), event_sequence = event_sequence + $8
         WHERE id = $1 RETURNING event_sequence")
    .bind(id)
    .bind(to.position)
    .bind(to.at)
    .bind(to.spoken_by_ai)
    .bind(to.spoken_by_human)
    .bind(to.sentiment.map(|sentiment| sentiment.score))
    .bind(to.sentiment.map(|sentiment| sentiment.mood.name()))
    .bind(to.events);
    let last: Option<(i64,)> = tx.opt(update).await?;
    Ok(last.map(|(last,)| last))
}

/// Keeps events of a call, in their order; the sequence of the last of them.
///
/// # Errors
/// [`StoreError`].
pub async fn add_events(
    tx: &mut Tx,
    tenant: TenantId,
    call: CallId,
    events: &[(&'static str, Value)],
    at: DateTime<Utc>,
) -> Result<i64, StoreError> {
    let update = sql("UPDATE calls SET event_sequence = event_sequence + $2 WHERE id = $1
         RETURNING event_sequence");
    let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
    let (last,): (i64,) = tx.one(update.bind(call).bind(count)).await?;
    put_events(tx, tenant, call, last, events, at).await?;
    Ok(last)
}

/// Keeps a call's latest events, whose last has this sequence already. Whoever reads them finds what
/// they are about by the references in `data`.
///
/// # Errors
/// [`StoreError`].
pub async fn put_events(
    tx: &mut Tx,
    tenant: TenantId,
    call: CallId,
    last: i64,
    events: &[(&'static str, Value)],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
    for (place, (kind, data)) in (last - count + 1..).zip(events) {
        let insert = sql("INSERT INTO call_events (call_id, sequence, tenant_id, type, data, at)
             VALUES ($1, $2, $3, $4, $5, $6)");
        let insert = insert.bind(call).bind(place).bind(tenant).bind(*kind).bind(data.clone());
        tx.exec(insert.bind(at)).await?;
    }
    Ok(())
}

/// Nobody has the call: it is the first to be looked after.
///
/// # Errors
/// [`StoreError`].
pub async fn doubt(tx: &mut Tx, id: CallId) -> Result<(), StoreError> {
    let update = sql("UPDATE calls SET doubted = $2 WHERE id = $1 AND ended_at IS NULL");
    tx.exec(update.bind(id).bind(true)).await.map(drop)
}

/// Notes that this process has these calls.
///
/// # Errors
/// [`StoreError`].
pub async fn seen(db: &Db, call_sids: &[String], at: DateTime<Utc>) -> Result<(), StoreError> {
    if call_sids.is_empty() {
        return Ok(());
    }
    let update = sql("UPDATE calls SET doubted =").arg(false).push(", seen_at =").arg(at);
    let update = update.push("WHERE ended_at IS NULL");
    db.exec(update.and_in("call_sid", call_sids.iter().cloned())).await.map(drop)
}

/// A call that runs, as far as the database knows.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Running {
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub call_sid: Option<String>,
    pub state: String,
    pub started_at: DateTime<Utc>,
    pub seen_at: DateTime<Utc>,
}

/// A call is taken for over so long after its socket has ended without a word of the carrier's, s.
const DOUBTED_FOR: i64 = 8;

/// Calls that no process was seen with since `before`, the longest unseen first.
///
/// # Errors
/// [`StoreError`].
pub async fn unseen(
    db: &Db,
    now: DateTime<Utc>,
    before: DateTime<Utc>,
    most: i64,
) -> Result<Vec<Running>, StoreError> {
    let select = sql("SELECT id, tenant_id, call_sid, state, started_at, seen_at FROM calls
         WHERE ended_at IS NULL AND (seen_at < $1 OR (doubted = $2 AND seen_at < $3))
         ORDER BY seen_at LIMIT $4");
    let doubted = now - chrono::TimeDelta::seconds(DOUBTED_FOR);
    db.all(select.bind(before).bind(true).bind(doubted).bind(most)).await
}

/// How many notes of each of these calls' journals are written down, and whether the call was over
/// `before` then; calls that are not there are left out.
///
/// # Errors
/// [`StoreError`].
pub async fn positions(
    db: &Db,
    call_sids: &[String],
    before: DateTime<Utc>,
) -> Result<Vec<(String, i64, bool)>, StoreError> {
    let select =
        sql("SELECT call_sid, journal_position, ended_at IS NOT NULL AND ended_at <").arg(before);
    let select = select.push("FROM calls WHERE 1 = 1");
    db.all(select.and_in("call_sid", call_sids.iter().cloned())).await
}

/// The tenant and business configuration of a number of ours; none: it is nobody's.
///
/// # Errors
/// [`StoreError`].
pub async fn number(
    db: &Db,
    number: &str,
) -> Result<Option<(TenantId, Option<BusinessId>)>, StoreError> {
    let select = sql(
        "SELECT tenant_id, business_id FROM phone_numbers WHERE number = $1 AND is_active = $2",
    );
    let row: Option<(Uuid, Option<Uuid>)> = db.opt(select.bind(number).bind(true)).await?;
    Ok(row.map(|(tenant, business)| (tenant.into(), business.map(Into::into))))
}

/// The tenant's first active number: calls are made from it unless another is named.
///
/// # Errors
/// [`StoreError`].
pub async fn first_number(db: &Db, tenant: TenantId) -> Result<Option<String>, StoreError> {
    let select = sql("SELECT number FROM phone_numbers WHERE tenant_id = $1 AND is_active = $2
         ORDER BY created_at, id LIMIT 1");
    let row: Option<(String,)> = db.opt(select.bind(tenant).bind(true)).await?;
    Ok(row.map(|(number,)| number))
}

/// Is the number blocked by the tenant, or may it not be called?
///
/// # Errors
/// [`StoreError`].
pub async fn is_blocked(
    db: &Db,
    tenant: TenantId,
    number: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let select =
        sql("SELECT (SELECT count(*) FROM blocked_numbers WHERE tenant_id = $1 AND number = $2)
              + (SELECT count(*) FROM do_not_contact
                 WHERE tenant_id = $1 AND number = $2 AND channel IN ('call', 'all')
                   AND (expires_at IS NULL OR expires_at > $3))");
    let (found,): (i64,) = db.one(select.bind(tenant).bind(number).bind(now)).await?;
    Ok(found > 0)
}

/// Assigns the call to an agent.
///
/// # Errors
/// [`StoreError`].
pub async fn assign(tx: &mut Tx, call: CallId, agent: Option<AgentId>) -> Result<(), StoreError> {
    tx.exec(sql("UPDATE calls SET agent_id = $2 WHERE id = $1").bind(call).bind(agent))
        .await
        .map(drop)
}

/// A line of a transcript, as it is read again.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Said {
    /// Its place among the notes of the call's journal.
    pub position: i64,
    pub speaker: String,
    pub text: String,
    pub at: DateTime<Utc>,
    /// Within its session of the call.
    pub from_ms: i64,
    pub to_ms: i64,
    /// How sure the recogniser is of the words, 0 to 1.
    pub confidence: Option<f64>,
    pub sentiment_score: Option<f64>,
    pub sentiment_confidence: Option<f64>,
    pub metadata: Json<Map<String, Value>>,
}

const SAID: &str = "SELECT position, speaker, text, at, from_ms, to_ms, confidence,
        sentiment_score, sentiment_confidence, metadata
    FROM utterances";

/// Who said what in a call so far, in the order in which it was said.
///
/// # Errors
/// [`StoreError`].
pub async fn said(tx: &mut Tx, call: CallId) -> Result<Vec<Said>, StoreError> {
    tx.all(sql(SAID).push("WHERE call_id =").arg(call).push("ORDER BY position")).await
}

/// The last `most` lines of a call up to the one at this place, in the order in which they were said.
///
/// # Errors
/// [`StoreError`].
pub async fn said_before(
    db: &Db,
    call: CallId,
    position: i64,
    most: i64,
) -> Result<Vec<Said>, StoreError> {
    let select = sql(SAID).push("WHERE call_id =").arg(call).push("AND position <=").arg(position);
    let select = select.push("ORDER BY position DESC LIMIT").arg(most);
    let mut said: Vec<Said> = db.all(select).await?;
    said.reverse();
    Ok(said)
}

/// Says anew how a line sounds.
///
/// # Errors
/// [`StoreError`].
pub async fn feel(
    tx: &mut Tx,
    call: CallId,
    position: i64,
    (sentiment, confidence): (Sentiment, f64),
) -> Result<(), StoreError> {
    let update = sql("UPDATE utterances SET sentiment_score = $3, sentiment = $4,
                sentiment_confidence = $5
         WHERE call_id = $1 AND position = $2");
    let update = update.bind(call).bind(position).bind(sentiment.score).bind(sentiment.mood.name());
    tx.exec(update.bind(confidence)).await.map(drop)
}

/// The `config_data` of a call's business configuration.
///
/// # Errors
/// [`StoreError`].
pub async fn config_of(tx: &mut Tx, call: CallId) -> Result<Option<Value>, StoreError> {
    let select =
        sql("SELECT b.config_data FROM calls c JOIN business_configs b ON b.id = c.business_id
         WHERE c.id = $1");
    let row: Option<(Json<Value>,)> = tx.opt(select.bind(call)).await?;
    Ok(row.map(|(config,)| config.0))
}

/// Has the tenant an active business configuration of this name?
///
/// # Errors
/// [`StoreError`].
pub async fn has_business(db: &Db, tenant: TenantId, id: BusinessId) -> Result<bool, StoreError> {
    let select = sql(
        "SELECT count(*) FROM business_configs WHERE id = $1 AND tenant_id = $2 AND is_active = $3",
    );
    let (there,): (i64,) = db.one(select.bind(id).bind(tenant).bind(true)).await?;
    Ok(there == 1)
}
