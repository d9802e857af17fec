//! What scores rest on, and which calls have yet to get theirs.

use chrono::{DateTime, Utc};
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
