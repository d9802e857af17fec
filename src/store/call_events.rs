//! What happened to a call, in the order in which clients are told, for those that missed some.
//!
//! A row says what kind of thing happened and which row it is about; the words are read from there.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sqlx::types::Json;

use super::{
    Db, Sql, StoreError,
    backend::Row,
    escalations::EscalationRow,
    records::{LineRow, QaRow},
    sql,
};
use crate::domain::{CallId, Escalation, Interaction, QaScore, TenantId};

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

/// The call's rows with these numbers.
async fn by_number<R, T>(
    db: &Db,
    select: Sql,
    column: &'static str,
    numbers: Vec<i64>,
    number: impl Fn(&T) -> i64,
) -> Result<HashMap<i64, T>, StoreError>
where
    R: Row,
    T: TryFrom<R, Error = StoreError>,
{
    if numbers.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<R> = db.all(select.and_in(column, numbers)).await?;
    rows.into_iter().map(|row| T::try_from(row).map(|found| (number(&found), found))).collect()
}

async fn interactions(
    db: &Db,
    call: CallId,
    numbers: Vec<i64>,
) -> Result<HashMap<i64, Interaction>, StoreError> {
    let select =
        sql("SELECT id, call_id, speaker, text, audio_url, at, sentiment_score, sentiment,
                metadata
         FROM utterances WHERE call_id = $1");
    by_number::<LineRow, _>(db, select.bind(call), "id", numbers, |line: &Interaction| line.id)
        .await
}

async fn scores(
    db: &Db,
    call: CallId,
    numbers: Vec<i64>,
) -> Result<HashMap<i64, QaScore>, StoreError> {
    let select = sql("SELECT id, call_id, overall, sentiment, compliance, accuracy,
                professionalism, sentiment_label, compliance_issues, flagged_issues, reviewed_by,
                review_notes, created_at, updated_at
         FROM qa_scores WHERE call_id = $1");
    by_number::<QaRow, _>(db, select.bind(call), "id", numbers, |score: &QaScore| score.id).await
}

async fn escalations(
    db: &Db,
    call: CallId,
    numbers: Vec<i64>,
) -> Result<HashMap<i64, Escalation>, StoreError> {
    let select = sql("SELECT e.id, e.call_id, e.status, e.progress, e.trigger_type,
                e.trigger_details, e.agent_id, a.name AS agent_name, e.summary, e.context_data,
                e.requested_at, e.accepted_at, e.completed_at
         FROM escalations e LEFT JOIN agents a ON a.id = e.agent_id WHERE e.call_id = $1");
    by_number::<EscalationRow, _>(db, select.bind(call), "e.id", numbers, |one: &Escalation| one.id)
        .await
}
