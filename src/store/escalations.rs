//! Calls that are handed to a person.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sqlx::types::Json;
use uuid::Uuid;

use super::{Db, StoreError, Tx, calls::named, lines, sql};
use crate::domain::{AgentId, CallId, Escalation, EscalationStatus, Progress, TenantId};

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
        e.requested_at, e.accepted_at, e.completed_at, e.tenant_id,
        COALESCE(e.asked_at, e.requested_at) AS asked_at, e.agent_call_sid
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
             context_data, requested_at, started_at, direction, business_id)
         SELECT tenant_id, id, 'pending', 'requested', $3, $4, $5, $6, $7, $8, started_at,
                direction, business_id
         FROM calls WHERE id = $1 AND tenant_id = $2 RETURNING id")
    .bind(new.call)
    .bind(new.tenant)
    .bind(new.trigger_type)
    .bind(Value::Object(new.trigger_details))
    .bind(new.agent)
    .bind(new.summary)
    .bind(Value::Object(new.context_data))
    .bind(new.at);
    let (id,): (i64,) = tx.one(insert).await?;
    shown(tx, new.call, new.at).await?;
    let assign = sql("UPDATE calls SET agent_id = $2 WHERE id = $1").bind(new.call);
    tx.exec(assign.bind(new.agent)).await?;
    let row: EscalationRow = tx.one(sql(SELECT).push("WHERE e.id =").arg(id)).await?;
    row.try_into()
}

/// What the call shows of its latest escalation, and whether any of them counts.
pub(super) async fn shown(tx: &mut Tx, call: CallId, at: DateTime<Utc>) -> Result<(), StoreError> {
    let select = sql("SELECT status FROM escalations WHERE call_id = $1
         ORDER BY requested_at DESC, id DESC LIMIT 1");
    let latest: Option<(String,)> = tx.opt(select.bind(call)).await?;
    let cancelled = EscalationStatus::Cancelled.name();
    let status = latest.map(|(status,)| status).filter(|status| status != cancelled);
    let show = sql("UPDATE calls SET escalation_status = $2, updated_at = $3, escalated = EXISTS
            (SELECT 1 FROM escalations WHERE call_id = $1 AND status <> 'cancelled')
         WHERE id = $1");
    tx.exec(show.bind(call).bind(status).bind(at)).await.map(drop)
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

/// Holds the call of an escalation, which comes first wherever both are changed. The call, if there is
/// such an escalation.
async fn hold(tx: &mut Tx, id: i64) -> Result<Option<(TenantId, CallId)>, StoreError> {
    let select = sql("SELECT tenant_id, call_id FROM escalations WHERE id = $1").bind(id);
    let Some((tenant, call)): Option<(Uuid, Uuid)> = tx.opt(select).await? else {
        return Ok(None);
    };
    lines::hold(tx, call.into()).await?;
    Ok(Some((tenant.into(), call.into())))
}

/// One escalation, whosever it is, and its tenant. Nobody else changes it until the transaction ends.
///
/// # Errors
/// [`StoreError`].
pub async fn find(tx: &mut Tx, id: i64) -> Result<Option<(TenantId, Escalation)>, StoreError> {
    let Some((tenant, _)) = hold(tx, id).await? else { return Ok(None) };
    let row: EscalationRow = tx.one(sql(SELECT).push("WHERE e.id =").arg(id)).await?;
    Ok(Some((tenant, row.try_into()?)))
}

/// Names the leg of the agent who is assigned. False: somebody else is by now, or it is over.
///
/// # Errors
/// [`StoreError`].
pub async fn name_leg(
    tx: &mut Tx,
    id: i64,
    agent: AgentId,
    agent_call_sid: &str,
) -> Result<bool, StoreError> {
    hold(tx, id).await?;
    let update = sql("UPDATE escalations SET agent_call_sid = $3
         WHERE id = $1 AND agent_id = $2 AND status IN ('pending', 'in_progress')");
    Ok(tx.exec(update.bind(id).bind(agent).bind(agent_call_sid)).await? == 1)
}

/// The agents' legs of this call.
///
/// # Errors
/// [`StoreError`].
pub async fn legs(db: &Db, call: CallId) -> Result<Vec<String>, StoreError> {
    let select = sql("SELECT agent_call_sid FROM escalations
         WHERE call_id = $1 AND agent_call_sid IS NOT NULL");
    let rows: Vec<(String,)> = db.all(select.bind(call)).await?;
    Ok(rows.into_iter().map(|(sid,)| sid).collect())
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
    hold(tx, id).await?;
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
    shown(tx, escalation.call, at).await?;
    if status == EscalationStatus::Cancelled {
        let free = sql("UPDATE calls SET agent_id = NULL WHERE id = $1").bind(escalation.call);
        tx.exec(free).await?;
    }
    Ok(Some(escalation))
}

/// Gives an open escalation that nobody has accepted to another agent, with its cause and context as they
/// are here; `tried` are those who were asked before. False: it is over, was accepted, or is somebody else's by now.
///
/// # Errors
/// [`StoreError`].
pub async fn reassign(
    tx: &mut Tx,
    escalation: &Escalation,
    agent: AgentId,
    tried: Value,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let mut context = escalation.context_data.clone();
    context.insert("tried".to_owned(), tried);
    let update =
        sql("UPDATE escalations SET agent_id = $2, progress = 'requested', agent_call_sid = NULL,
                context_data = $3, asked_at = $4, trigger_type = $6, trigger_details = $7
         WHERE id = $1 AND status = 'pending' AND agent_id IS NOT DISTINCT FROM $5");
    let update = update.bind(escalation.id).bind(agent).bind(Value::Object(context)).bind(at);
    let update = update.bind(escalation.agent.as_ref().map(|(from, _)| *from));
    let update = update.bind(escalation.trigger_type.clone());
    let update = update.bind(Value::Object(escalation.trigger_details.clone()));
    if tx.exec(update).await? == 0 {
        return Ok(false);
    }
    let assign = sql("UPDATE calls SET agent_id = $2 WHERE id = $1");
    tx.exec(assign.bind(escalation.call).bind(agent)).await?;
    Ok(true)
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
        closed.push(escalation);
    }
    if !closed.is_empty() {
        shown(tx, call, at).await?;
    }
    Ok(closed)
}

/// An open escalation, to be looked after.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    pub tenant: TenantId,
    pub escalation: Escalation,
    /// When its agent was asked.
    pub asked_at: DateTime<Utc>,
    /// The agent's leg at the carrier, once it has a name.
    pub leg: Option<String>,
}

#[derive(sqlx::FromRow)]
struct OpenRow {
    tenant_id: Uuid,
    asked_at: DateTime<Utc>,
    agent_call_sid: Option<String>,
    #[sqlx(flatten)]
    escalation: EscalationRow,
}

impl TryFrom<OpenRow> for Open {
    type Error = StoreError;

    fn try_from(row: OpenRow) -> Result<Open, StoreError> {
        Ok(Open {
            tenant: row.tenant_id.into(),
            escalation: row.escalation.try_into()?,
            asked_at: row.asked_at,
            leg: row.agent_call_sid,
        })
    }
}

/// Escalations that are open: those first whose people have not met, of these the oldest.
///
/// # Errors
/// [`StoreError`].
pub async fn open(db: &Db, most: i64) -> Result<Vec<Open>, StoreError> {
    let select = sql(SELECT)
        .push("WHERE e.status IN ('pending', 'in_progress')")
        .push("ORDER BY CASE e.progress WHEN 'bridged' THEN 1 ELSE 0 END, asked_at, e.id LIMIT")
        .arg(most);
    let rows: Vec<OpenRow> = db.all(select).await?;
    rows.into_iter().map(Open::try_from).collect()
}

/// The escalation of this call that a person has accepted, and that is not over.
///
/// # Errors
/// [`StoreError`].
pub async fn awaited(db: &Db, call: CallId) -> Result<Option<Open>, StoreError> {
    let select = sql(SELECT).push("WHERE e.call_id =").arg(call).push(
        "AND e.status = 'in_progress' AND e.progress IN ('accepted', 'bridged')
         ORDER BY e.id DESC LIMIT 1",
    );
    let row: Option<OpenRow> = db.opt(select).await?;
    row.map(Open::try_from).transpose()
}

/// Who took this call over last, and when.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn taken_by(
    tx: &mut Tx,
    call: CallId,
) -> Result<Option<(Uuid, DateTime<Utc>)>, StoreError> {
    let select = sql("SELECT agent_id, accepted_at FROM escalations
         WHERE call_id = $1 AND agent_id IS NOT NULL AND accepted_at IS NOT NULL
         ORDER BY id DESC LIMIT 1");
    tx.opt(select.bind(call)).await
}
