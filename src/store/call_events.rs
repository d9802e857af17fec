//! What happened to a call, in the order in which clients are told, for those that missed some.
//!
//! A row says what kind of thing happened and which row it is about; the words are read from there.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sqlx::types::Json;
use uuid::Uuid;

use super::{Db, StoreError, calls::named, sql};
use crate::domain::{
    CallId, Escalation, EscalationStatus, Interaction, Mood, Progress, QaScore, Sentiment, Speaker,
    TenantId,
};

/// An event that is kept.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    pub sequence: i64,
    pub at: DateTime<Utc>,
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum What {
    CallStarted,
    CallUpdated,
    CallEnded,
    InteractionAdded(Interaction),
    QaScored(QaScore),
    /// The caller's, -1 to 1.
    SentimentChanged(f64),
    EscalationTriggered(Escalation),
    EscalationCompleted(Escalation),
    /// What it was about is not there any more, or a newer release wrote it.
    Forgotten,
}

#[derive(sqlx::FromRow)]
struct EventRow {
    sequence: i64,
    r#type: String,
    data: Json<Map<String, Value>>,
    at: DateTime<Utc>,
}

impl EventRow {
    /// The number of the row that the event is about.
    fn about(&self, name: &str) -> Option<i64> {
        self.data.0.get(name).and_then(Value::as_i64)
    }
}

/// The first `limit` events of the tenant's call after the one with this sequence, in their order.
///
/// # Errors
/// [`StoreError`].
pub async fn after(
    db: &Db,
    tenant: TenantId,
    call: CallId,
    sequence: i64,
    limit: i64,
) -> Result<Vec<StoredEvent>, StoreError> {
    let select = sql("SELECT sequence, type, data, at FROM call_events
         WHERE call_id = $1 AND tenant_id = $2 AND sequence > $3 ORDER BY sequence LIMIT $4")
    .bind(call)
    .bind(tenant)
    .bind(sequence)
    .bind(limit);
    let rows: Vec<EventRow> = db.all(select).await?;
    let about = |name: &str| rows.iter().filter_map(|row| row.about(name)).collect::<Vec<i64>>();
    let mut lines = interactions(db, call, about("interaction")).await?;
    let mut scores = scores(db, call, about("qa")).await?;
    let mut escalations = escalations(db, call, about("escalation")).await?;
    let told = |row: EventRow| {
        let what = match &*row.r#type {
            "call.started" => Some(What::CallStarted),
            "call.updated" => Some(What::CallUpdated),
            "call.ended" => Some(What::CallEnded),
            "interaction.added" => row
                .about("interaction")
                .and_then(|id| lines.remove(&id))
                .map(What::InteractionAdded),
            // A score and an escalation can be told of more than once.
            "qa.score.updated" => row
                .about("qa")
                .and_then(|id| scores.get_mut(&id))
                .map(|score| What::QaScored(score.clone())),
            "sentiment.changed" => {
                row.data.0.get("score").and_then(Value::as_f64).map(What::SentimentChanged)
            }
            kind @ ("escalation.triggered" | "escalation.completed") => {
                let of = row.about("escalation").and_then(|id| escalations.get_mut(&id).cloned());
                match kind {
                    "escalation.triggered" => of.map(What::EscalationTriggered),
                    _ => of.map(What::EscalationCompleted),
                }
            }
            _ => None,
        };
        let what = what.unwrap_or(What::Forgotten);
        StoredEvent { sequence: row.sequence, at: row.at, what }
    };
    Ok(rows.into_iter().map(told).collect())
}

#[derive(sqlx::FromRow)]
struct LineRow {
    id: i64,
    speaker: String,
    text: String,
    audio_url: Option<String>,
    at: DateTime<Utc>,
    sentiment_score: Option<f64>,
    sentiment: Option<String>,
    metadata: Json<Map<String, Value>>,
}

async fn interactions(
    db: &Db,
    call: CallId,
    ids: Vec<i64>,
) -> Result<HashMap<i64, Interaction>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let select =
        sql("SELECT id, speaker, text, audio_url, at, sentiment_score, sentiment, metadata
         FROM utterances WHERE call_id = $1")
        .bind(call)
        .and_in("id", ids);
    let rows: Vec<LineRow> = db.all(select).await?;
    let line = |row: LineRow| {
        let mood = row.sentiment.map(|name| named("a sentiment", name, Mood::named)).transpose()?;
        let sentiment = row.sentiment_score.zip(mood);
        let line = Interaction {
            id: row.id,
            call,
            speaker: named("a speaker", row.speaker, Speaker::named)?,
            text: row.text,
            audio_url: row.audio_url,
            at: row.at,
            sentiment: sentiment.map(|(score, mood)| Sentiment { score, mood }),
            metadata: row.metadata.0,
        };
        Ok((line.id, line))
    };
    rows.into_iter().map(line).collect()
}

#[derive(sqlx::FromRow)]
struct ScoreRow {
    id: i64,
    overall: f64,
    sentiment: f64,
    compliance: f64,
    accuracy: f64,
    professionalism: f64,
    sentiment_label: String,
    compliance_issues: Json<Vec<String>>,
    flagged_issues: Json<Vec<String>>,
    reviewed_by: String,
    review_notes: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

async fn scores(db: &Db, call: CallId, ids: Vec<i64>) -> Result<HashMap<i64, QaScore>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let select = sql("SELECT id, overall, sentiment, compliance, accuracy, professionalism,
                sentiment_label, compliance_issues, flagged_issues, reviewed_by, review_notes,
                created_at, updated_at
         FROM qa_scores WHERE call_id = $1")
    .bind(call)
    .and_in("id", ids);
    let rows: Vec<ScoreRow> = db.all(select).await?;
    let score = |row: ScoreRow| {
        let score = QaScore {
            id: row.id,
            call,
            overall: row.overall,
            sentiment: row.sentiment,
            compliance: row.compliance,
            accuracy: row.accuracy,
            professionalism: row.professionalism,
            mood: named("a sentiment", row.sentiment_label, Mood::named)?,
            compliance_issues: row.compliance_issues.0,
            flagged_issues: row.flagged_issues.0,
            reviewed_by: row.reviewed_by,
            review_notes: row.review_notes,
            created_at: row.created_at,
            updated_at: row.updated_at,
        };
        Ok((score.id, score))
    };
    rows.into_iter().map(score).collect()
}

#[derive(sqlx::FromRow)]
struct EscalationRow {
    id: i64,
    status: String,
    progress: String,
    trigger_type: String,
    trigger_details: Json<Map<String, Value>>,
    agent_id: Option<Uuid>,
    agent_name: Option<String>,
    summary: Option<String>,
    context_data: Json<Map<String, Value>>,
    requested_at: DateTime<Utc>,
    accepted_at: Option<DateTime<Utc>>,
    completed_at: Option<DateTime<Utc>>,
}

async fn escalations(
    db: &Db,
    call: CallId,
    ids: Vec<i64>,
) -> Result<HashMap<i64, Escalation>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let select = sql("SELECT e.id, e.status, e.progress, e.trigger_type, e.trigger_details,
                e.agent_id, a.name AS agent_name, e.summary, e.context_data, e.requested_at,
                e.accepted_at, e.completed_at
         FROM escalations e LEFT JOIN agents a ON a.id = e.agent_id WHERE e.call_id = $1")
    .bind(call)
    .and_in("e.id", ids);
    let rows: Vec<EscalationRow> = db.all(select).await?;
    let escalation = |row: EscalationRow| {
        let escalation = Escalation {
            id: row.id,
            call,
            status: named("an escalation's status", row.status, EscalationStatus::named)?,
            progress: named("an escalation's progress", row.progress, Progress::named)?,
            trigger_type: row.trigger_type,
            trigger_details: row.trigger_details.0,
            agent: row.agent_id.map(|id| (id.into(), row.agent_name.unwrap_or_default())),
            summary: row.summary,
            context_data: row.context_data.0,
            requested_at: row.requested_at,
            accepted_at: row.accepted_at,
            completed_at: row.completed_at,
        };
        Ok((escalation.id, escalation))
    };
    rows.into_iter().map(escalation).collect()
}
