//! Calls: finding them, and lists of them.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sqlx::types::Json;
use uuid::Uuid;

use super::{Db, StoreError, Tx, sql};
mod facets;
mod list;

pub use list::{Key, Sort, Wanted, list, plan};

use crate::domain::{Call, CallId, Direction, EscalationStatus, Mood, State, TenantId, UserId};

#[derive(sqlx::FromRow)]
pub(super) struct CallRow {
    id: Uuid,
    tenant_id: Uuid,
    call_sid: Option<String>,
    direction: String,
    state: String,
    from_number: String,
    to_number: String,
    business_id: Option<Uuid>,
    template_id: Option<String>,
    agent_id: Option<Uuid>,
    agent_name: Option<String>,
    started_at: DateTime<Utc>,
    answered_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    duration_seconds: Option<i64>,
    end_reason: Option<String>,
    summary: Option<String>,
    sentiment: Option<String>,
    qa_score: Option<f64>,
    escalation_status: Option<String>,
    escalated: bool,
    metadata: Json<Map<String, Value>>,
    event_sequence: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// Reads a name that the database holds.
pub(super) fn named<T>(
    what: &'static str,
    value: String,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, StoreError> {
    parse(&value).ok_or(StoreError::Corrupt { what, value })
}

impl TryFrom<CallRow> for Call {
    type Error = StoreError;

    fn try_from(row: CallRow) -> Result<Call, StoreError> {
        let mood = row.sentiment.map(|name| named("a sentiment", name, Mood::named));
        let escalation = row
            .escalation_status
            .map(|name| named("an escalation's status", name, EscalationStatus::named));
        Ok(Call {
            id: row.id.into(),
            tenant: row.tenant_id.into(),
            call_sid: row.call_sid,
            direction: named("a call's direction", row.direction, Direction::named)?,
            state: named("a call's state", row.state, State::named)?,
            from_number: row.from_number,
            to_number: row.to_number,
            business: row.business_id.map(Into::into),
            template: row.template_id,
            agent: row.agent_id.map(|id| (id.into(), row.agent_name.unwrap_or_default())),
            started_at: row.started_at,
            answered_at: row.answered_at,
            ended_at: row.ended_at,
            duration_seconds: row.duration_seconds,
            end_reason: row.end_reason,
            summary: row.summary,
            mood: mood.transpose()?,
            qa_score: row.qa_score,
            escalation: escalation.transpose()?,
            escalated: row.escalated,
            metadata: row.metadata.0,
            event_sequence: row.event_sequence,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

pub(super) const SELECT: &str = "SELECT c.id, c.tenant_id, c.call_sid, c.direction, c.state,
        c.from_number, c.to_number, c.business_id, c.template_id, c.agent_id, a.name AS agent_name,
        c.started_at, c.answered_at, c.ended_at, c.duration_seconds, c.end_reason, c.summary,
        c.sentiment, c.qa_score, c.escalation_status, c.escalated, c.metadata, c.event_sequence, c.created_at,
        c.updated_at
    FROM calls c LEFT JOIN agents a ON a.id = c.agent_id";

/// One call of the tenant's.
///
/// # Errors
/// [`StoreError`].
pub async fn find(db: &Db, tenant: TenantId, id: CallId) -> Result<Option<Call>, StoreError> {
    let select = sql(SELECT).push("WHERE c.id =").arg(id).push("AND c.tenant_id =").arg(tenant);
    let row: Option<CallRow> = db.opt(select).await?;
    row.map(Call::try_from).transpose()
}

/// The same in a transaction. What is decided by it holds where [`hold`](super::lines::hold) came before.
///
/// # Errors
/// [`StoreError`].
pub async fn find_in(
    tx: &mut Tx,
    tenant: TenantId,
    id: CallId,
) -> Result<Option<Call>, StoreError> {
    let select = sql(SELECT).push("WHERE c.id =").arg(id).push("AND c.tenant_id =").arg(tenant);
    let row: Option<CallRow> = tx.opt(select).await?;
    row.map(Call::try_from).transpose()
}

/// A call, whosever it is: for the carrier's webhooks, which know no tenants.
///
/// # Errors
/// [`StoreError`].
pub async fn anyones(db: &Db, id: CallId) -> Result<Option<Call>, StoreError> {
    let row: Option<CallRow> = db.opt(sql(SELECT).push("WHERE c.id =").arg(id)).await?;
    row.map(Call::try_from).transpose()
}

/// The call of this name at the carrier, outside of any transaction.
///
/// # Errors
/// [`StoreError`].
pub async fn of_sid(db: &Db, call_sid: &str) -> Result<Option<Call>, StoreError> {
    let row: Option<CallRow> = db.opt(sql(SELECT).push("WHERE c.call_sid =").arg(call_sid)).await?;
    row.map(Call::try_from).transpose()
}

/// The call that the carrier knows by this name, whosever it is: the carrier knows no tenants.
///
/// # Errors
/// [`StoreError`].
pub async fn by_sid(tx: &mut Tx, call_sid: &str) -> Result<Option<Call>, StoreError> {
    let row: Option<CallRow> = tx.opt(sql(SELECT).push("WHERE c.call_sid =").arg(call_sid)).await?;
    row.map(Call::try_from).transpose()
}

/// Is the call's job assigned to this user?
///
/// # Errors
/// [`StoreError`].
pub async fn is_assigned(db: &Db, id: CallId, user: UserId) -> Result<bool, StoreError> {
    let select = sql("SELECT count(*) FROM calls c JOIN job_assignments j ON j.job_id = c.job_id
         WHERE c.id = $1 AND j.user_id = $2");
    let (assigned,): (i64,) = db.one(select.bind(id).bind(user)).await?;
    Ok(assigned > 0)
}
