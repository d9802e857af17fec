//! Calls that are handed to a person.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sqlx::types::Json;
use uuid::Uuid;

use super::{Db, StoreError, Tx, calls::named, sql};
use crate::domain::{Agent, AgentId, CallId, Escalation, EscalationStatus, Progress, TenantId};

#[derive(sqlx::FromRow)]
pub(super) struct EscalationRow {
    id: i64,
    call_id: Uuid,
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

impl TryFrom<EscalationRow> for Escalation {
    type Error = StoreError;

    fn try_from(row: EscalationRow) -> Result<Escalation, StoreError> {
        Ok(Escalation {
            id: row.id,
            call: row.call_id.into(),
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
        })
    }
}

pub(super) const SELECT: &str = "SELECT e.id, e.call_id, e.status, e.progress, e.trigger_type,
        e.trigger_details, e.agent_id, a.name AS agent_name, e.summary, e.context_data,
        e.requested_at, e.accepted_at, e.completed_at
    FROM escalations e LEFT JOIN agents a ON a.id = e.agent_id";

/// An escalation that is new: pending, requested.
#[derive(Clone, Debug)]
pub struct NewEscalation {
    pub call: CallId,
    pub tenant: TenantId,
    pub trigger_type: String,
    pub trigger_details: Map<String, Value>,
    pub agent: Option<AgentId>,
    pub summary: Option<String>,
    pub context_data: Map<String, Value>,
    pub at: DateTime<Utc>,
}

/// Adds an escalation; the call is escalated, and its agent's.
///
/// # Errors
/// [`StoreError`].
pub async fn add(tx: &mut Tx, new: NewEscalation) -> Result<Escalation, StoreError> {
    let insert = sql("INSERT INTO escalations
            (tenant_id, call_id, status, progress, trigger_type, trigger_details, agent_id, summary,
             context_data, requested_at)
         VALUES ($1, $2, 'pending', 'requested', $3, $4, $5, $6, $7, $8) RETURNING id")
    .bind(new.tenant)
    .bind(new.call)
    .bind(new.trigger_type)
    .bind(Value::Object(new.trigger_details))
    .bind(new.agent)
    .bind(new.summary)
    .bind(Value::Object(new.context_data))
    .bind(new.at);
    let (id,): (i64,) = tx.one(insert).await?;
    shown(tx, new.call, Some(EscalationStatus::Pending), new.at).await?;
    let assign = sql("UPDATE calls SET agent_id = $2 WHERE id = $1").bind(new.call);
    tx.exec(assign.bind(new.agent)).await?;
    let row: EscalationRow = tx.one(sql(SELECT).push("WHERE e.id =").arg(id)).await?;
    row.try_into()
}

/// What the call shows of its latest escalation.
pub(super) async fn shown(
    tx: &mut Tx,
    call: CallId,
    status: Option<EscalationStatus>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let status = status.filter(|status| *status != EscalationStatus::Cancelled);
    let show = sql("UPDATE calls SET escalation_status = $2, updated_at = $3 WHERE id = $1");
    tx.exec(show.bind(call).bind(status.map(EscalationStatus::name)).bind(at)).await.map(drop)
}

/// The escalation of this call that is not over, if there is one.
///
/// # Errors
/// [`StoreError`].
pub async fn open_of(tx: &mut Tx, call: CallId) -> Result<Option<Escalation>, StoreError> {
    let select = sql(SELECT).push("WHERE e.call_id =").arg(call).push(
        "AND e.status IN ('pending', 'in_progress') ORDER BY e.requested_at DESC, e.id DESC LIMIT 1",
    );
    let row: Option<EscalationRow> = tx.opt(select).await?;
    row.map(Escalation::try_from).transpose()
}

/// One escalation, whosever it is, and its tenant.
///
/// # Errors
/// [`StoreError`].
pub async fn find(tx: &mut Tx, id: i64) -> Result<Option<(TenantId, Escalation)>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Row {
        tenant_id: Uuid,
    }
    let tenant: Option<Row> =
        tx.opt(sql("SELECT tenant_id FROM escalations WHERE id = $1").bind(id)).await?;
    let row: Option<EscalationRow> = tx.opt(sql(SELECT).push("WHERE e.id =").arg(id)).await?;
    match (tenant, row) {
        (Some(tenant), Some(row)) => Ok(Some((tenant.tenant_id.into(), row.try_into()?))),
        _ => Ok(None),
    }
}

/// The escalation whose agent's leg has this name at the carrier.
///
/// # Errors
/// [`StoreError`].
pub async fn of_leg(tx: &mut Tx, agent_call_sid: &str) -> Result<Option<i64>, StoreError> {
    let select = sql("SELECT id FROM escalations WHERE agent_call_sid = $1");
    let row: Option<(i64,)> = tx.opt(select.bind(agent_call_sid)).await?;
    Ok(row.map(|(id,)| id))
}

/// Names the agent's leg.
///
/// # Errors
/// [`StoreError`].
pub async fn name_leg(tx: &mut Tx, id: i64, agent_call_sid: &str) -> Result<(), StoreError> {
    let update = sql("UPDATE escalations SET agent_call_sid = $2 WHERE id = $1");
    tx.exec(update.bind(id).bind(agent_call_sid)).await.map(drop)
}

/// The agent's leg, where it has a name yet.
///
/// # Errors
/// [`StoreError`].
pub async fn leg(tx: &mut Tx, id: i64) -> Result<Option<String>, StoreError> {
    let select = sql("SELECT agent_call_sid FROM escalations WHERE id = $1");
    let row: Option<(Option<String>,)> = tx.opt(select.bind(id)).await?;
    Ok(row.and_then(|(sid,)| sid))
}

/// Brings an escalation to this progress; its status follows: accepted is in progress, a failure is
/// cancelled. None, if it is over already or was so far before.
///
/// # Errors
/// [`StoreError`].
pub async fn advance(
    tx: &mut Tx,
    id: i64,
    to: Progress,
    at: DateTime<Utc>,
) -> Result<Option<Escalation>, StoreError> {
    let (from, status): (&[Progress], EscalationStatus) = match to {
        Progress::Requested => return Ok(None),
        Progress::Ringing => (&[Progress::Requested], EscalationStatus::Pending),
        Progress::Accepted => {
            (&[Progress::Requested, Progress::Ringing], EscalationStatus::InProgress)
        }
        Progress::Bridged => (&[Progress::Accepted], EscalationStatus::InProgress),
        Progress::Declined | Progress::Unanswered => {
            (&[Progress::Requested, Progress::Ringing], EscalationStatus::Cancelled)
        }
        Progress::Failed => (
            &[Progress::Requested, Progress::Ringing, Progress::Accepted],
            EscalationStatus::Cancelled,
        ),
        Progress::Ended => (&[Progress::Accepted, Progress::Bridged], EscalationStatus::Completed),
    };
    let update = sql("UPDATE escalations SET progress =")
        .arg(to.name())
        .push(", status =")
        .arg(status.name());
    let update = match to {
        Progress::Accepted => update.push(", accepted_at =").arg(at),
        Progress::Ended => update.push(", completed_at =").arg(at),
        _ => update,
    };
    let update = update.push("WHERE id =").arg(id);
    let update = update.and_in("progress", from.iter().map(|from| from.name()));
    let open = update.push("AND status IN ('pending', 'in_progress')");
    if tx.exec(open).await? == 0 {
        return Ok(None);
    }
    let row: EscalationRow = tx.one(sql(SELECT).push("WHERE e.id =").arg(id)).await?;
    let escalation = Escalation::try_from(row)?;
    shown(tx, escalation.call, Some(status), at).await?;
    if status == EscalationStatus::Cancelled {
        let free = sql("UPDATE calls SET agent_id = NULL WHERE id = $1").bind(escalation.call);
        tx.exec(free).await?;
    }
    Ok(Some(escalation))
}

/// Gives an open escalation that nobody has accepted to another agent.
///
/// # Errors
/// [`StoreError`].
pub async fn reassign(
    tx: &mut Tx,
    id: i64,
    call: CallId,
    agent: AgentId,
    tried: Value,
) -> Result<(), StoreError> {
    let before: Option<(Json<Map<String, Value>>,)> =
        tx.opt(sql("SELECT context_data FROM escalations WHERE id = $1").bind(id)).await?;
    let mut context = before.map(|(context,)| context.0).unwrap_or_default();
    context.insert("tried".to_owned(), tried);
    let update =
        sql("UPDATE escalations SET agent_id = $2, progress = 'requested', agent_call_sid = NULL,
                context_data = $3
         WHERE id = $1 AND status = 'pending'");
    tx.exec(update.bind(id).bind(agent).bind(Value::Object(context))).await?;
    let assign = sql("UPDATE calls SET agent_id = $2 WHERE id = $1");
    tx.exec(assign.bind(call).bind(agent)).await.map(drop)
}

/// The call has ended, and so have its escalations: completed where an agent is assigned, cancelled
/// where none is.
///
/// # Errors
/// [`StoreError`].
pub async fn close_all(
    tx: &mut Tx,
    tenant: TenantId,
    call: CallId,
    at: DateTime<Utc>,
) -> Result<Vec<Escalation>, StoreError> {
    let update = sql("UPDATE escalations
         SET status = CASE WHEN agent_id IS NULL THEN 'cancelled' ELSE 'completed' END,
             progress = CASE WHEN progress = 'bridged' THEN 'ended' ELSE progress END,
             completed_at = CASE WHEN agent_id IS NULL THEN completed_at ELSE $3 END
         WHERE call_id = $1 AND tenant_id = $2 AND status IN ('pending', 'in_progress')
         RETURNING id");
    let ids: Vec<(i64,)> = tx.all(update.bind(call).bind(tenant).bind(at)).await?;
    let mut closed = Vec::new();
    for (id,) in ids {
        let row: EscalationRow = tx.one(sql(SELECT).push("WHERE e.id =").arg(id)).await?;
        let escalation = Escalation::try_from(row)?;
        shown(tx, call, Some(escalation.status), at).await?;
        closed.push(escalation);
    }
    Ok(closed)
}

/// An agent, and how many calls and open escalations are theirs.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub agent: AgentId,
    pub load: i64,
}

/// Agents who can be called now: active, available, with a number, below their limit; those with the
/// fewest running calls first, of these who has waited longest.
///
/// # Errors
/// [`StoreError`].
pub async fn candidates(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Candidate>, StoreError> {
    let select = sql("SELECT a.id, (SELECT count(*) FROM calls c
                       WHERE c.agent_id = a.id AND c.ended_at IS NULL) AS load
         FROM agents a
         WHERE a.tenant_id = $1 AND a.is_active = $2 AND a.status = 'available'
         ORDER BY load, COALESCE(a.last_active_at, a.created_at), a.id");
    let rows: Vec<(Uuid, i64)> = tx.all(select.bind(tenant).bind(true)).await?;
    Ok(rows.into_iter().map(|(id, load)| Candidate { agent: id.into(), load }).collect())
}

/// Escalations that are open, with their calls: after a restart they are looked after again.
///
/// # Errors
/// [`StoreError`].
pub async fn open(db: &Db, most: i64) -> Result<Vec<Escalation>, StoreError> {
    let select = sql(SELECT)
        .push("WHERE e.status IN ('pending', 'in_progress') ORDER BY e.requested_at LIMIT")
        .arg(most);
    let rows: Vec<EscalationRow> = db.all(select).await?;
    rows.into_iter().map(Escalation::try_from).collect()
}

/// Is this agent free for one more call?
pub fn has_room(agent: &Agent, load: i64) -> bool {
    load < agent.max_concurrent_calls
}
