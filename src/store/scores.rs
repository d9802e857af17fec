//! What scores rest on, and which calls have yet to get theirs.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use super::{Db, StoreError, Tx, sql};
use crate::domain::{CallId, TenantId};

/// How long each answer took to be heard, ms.
///
/// # Errors
/// [`StoreError`].
pub async fn answers_ms(tx: &mut Tx, call: CallId) -> Result<Vec<i64>, StoreError> {
    let select = sql("SELECT total_ms FROM call_turns WHERE call_id = $1 AND total_ms IS NOT NULL
         ORDER BY position");
    let rows: Vec<(i64,)> = tx.all(select.bind(call)).await?;
    Ok(rows.into_iter().map(|(ms,)| ms).collect())
}

/// Something that is known of a call besides its words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Known {
    /// A tool was used: whether it did what it is for, and whether that changes something.
    Tool { name: String, ok: bool, effects: bool, answer: String },
    /// A model was told these passages with the caller's words.
    Passages { texts: Vec<String> },
    /// The caller spoke while the agent did.
    Overlap { ms: u64 },
}

/// The same, to be written.
#[derive(Clone, Debug)]
pub struct NewFact {
    /// Its place among the notes of the call's journal; none: it is in no journal.
    pub position: Option<i64>,
    pub at: DateTime<Utc>,
    pub known: Known,
}

/// The same, as it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredFact {
    pub at: DateTime<Utc>,
    pub known: Known,
}

/// Facts of one call that scores are made from.
const MOST_FACTS: i64 = 2_000;

/// Writes a fact; one of the journal once.
///
/// # Errors
/// [`StoreError`].
pub async fn add_fact(
    tx: &mut Tx,
    tenant: TenantId,
    call: CallId,
    fact: NewFact,
) -> Result<(), StoreError> {
    let insert = sql("INSERT INTO call_facts (tenant_id, call_id, position, at, data)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING");
    let insert = insert.bind(tenant).bind(call).bind(fact.position).bind(fact.at);
    let data = serde_json::to_value(fact.known).unwrap_or_default();
    tx.exec(insert.bind(data)).await.map(drop)
}

/// What is known of a call besides its words, in the order in which it came about.
///
/// # Errors
/// [`StoreError`].
pub async fn facts(tx: &mut Tx, call: CallId) -> Result<Vec<StoredFact>, StoreError> {
    let select = sql("SELECT at, data FROM call_facts WHERE call_id = $1
         ORDER BY at, id LIMIT $2");
    let rows: Vec<(DateTime<Utc>, Json<serde_json::Value>)> =
        tx.all(select.bind(call).bind(MOST_FACTS)).await?;
    let fact = |(at, data): (_, Json<serde_json::Value>)| {
        let known = serde_json::from_value(data.0);
        let corrupt = |error: serde_json::Error| StoreError::Corrupt {
            what: "a fact of a call",
            value: error.to_string(),
        };
        Ok(StoredFact { at, known: known.map_err(corrupt)? })
    };
    rows.into_iter().map(fact).collect()
}

/// Marks a call that is over as analysed; false, if it was already.
///
/// # Errors
/// [`StoreError`].
pub async fn mark_analysed(
    tx: &mut Tx,
    call: CallId,
    summary: Option<&str>,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let update =
        sql("UPDATE calls SET analysed_at = $2, summary = COALESCE($3, summary), updated_at = $2
         WHERE id = $1 AND ended_at IS NOT NULL AND analysed_at IS NULL");
    Ok(tx.exec(update.bind(call).bind(at).bind(summary)).await? == 1)
}

/// Calls that are over and not analysed, the oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn unanalysed(db: &Db, most: i64) -> Result<Vec<(TenantId, CallId)>, StoreError> {
    let select =
        sql("SELECT tenant_id, id FROM calls WHERE ended_at IS NOT NULL AND analysed_at IS NULL
         ORDER BY ended_at LIMIT $1");
    let rows: Vec<(Uuid, Uuid)> = db.all(select.bind(most)).await?;
    Ok(rows.into_iter().map(|(tenant, call)| (tenant.into(), call.into())).collect())
}
