//! People who take calls.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sqlx::types::Json;
use uuid::Uuid;

use super::{
    Db, StoreError, Tx,
    page::{Page, Paged},
    sql,
};
use crate::domain::{Agent, AgentId, AgentStatus, AgentUsage, TenantId};

#[derive(sqlx::FromRow)]
struct AgentRow {
    id: Uuid,
    tenant_id: Uuid,
    name: String,
    email: Option<String>,
    phone: Option<String>,
    extension: Option<String>,
    status: String,
    is_active: bool,
    skills: Json<Vec<String>>,
    departments: Json<Vec<String>>,
    max_concurrent_calls: i64,
    load: i64,
    total_calls_handled: i64,
    average_rating: Option<f64>,
    last_active_at: Option<DateTime<Utc>>,
    metadata: Json<Map<String, Value>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<AgentRow> for Agent {
    type Error = StoreError;

    fn try_from(row: AgentRow) -> Result<Agent, StoreError> {
        let status = AgentStatus::named(&row.status)
            .ok_or(StoreError::Corrupt { what: "an agent's status", value: row.status })?;
        Ok(Agent {
            id: row.id.into(),
            tenant: row.tenant_id.into(),
            name: row.name,
            email: row.email,
            phone: row.phone,
            extension: row.extension,
            status,
            is_active: row.is_active,
            skills: row.skills.0,
            departments: row.departments.0,
            max_concurrent_calls: row.max_concurrent_calls,
            load: row.load,
            total_calls_handled: row.total_calls_handled,
            average_rating: row.average_rating,
            last_active_at: row.last_active_at,
            metadata: row.metadata.0,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

const SELECT: &str =
    "SELECT id, tenant_id, name, email, phone, extension, status, is_active, skills,
        departments, max_concurrent_calls,
        (SELECT count(*) FROM calls c WHERE c.agent_id = agents.id AND c.ended_at IS NULL) AS load,
        total_calls_handled, average_rating, last_active_at, metadata, created_at, updated_at
    FROM agents";

/// Nobody is on the line who fills the agent's hands.
const FREE: &str = "(status = 'available' AND max_concurrent_calls >
    (SELECT count(*) FROM calls c WHERE c.agent_id = agents.id AND c.ended_at IS NULL))";

/// Which agents are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    pub is_active: Option<bool>,
    pub is_available: Option<bool>,
}

/// A page of the tenant's agents, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn list(
    db: &Db,
    tenant: TenantId,
    wanted: Wanted,
    page: Page,
) -> Result<Paged<Agent>, StoreError> {
    let narrowed = |statement: super::Sql| {
        let statement = statement.push("WHERE deleted_at IS NULL AND tenant_id =").arg(tenant);
        let statement = statement.and("is_active =", wanted.is_active);
        match wanted.is_available {
            None => statement,
            Some(true) => statement.push("AND").push(FREE),
            Some(false) => statement.push("AND NOT").push(FREE),
        }
    };
    let (total,): (i64,) = db.one(narrowed(sql("SELECT count(*) FROM agents"))).await?;
    let rows = narrowed(sql(SELECT)).push("ORDER BY created_at, id LIMIT").arg(page.size);
    let rows: Vec<AgentRow> = db.all(rows.push("OFFSET").arg(page.offset)).await?;
    let items = rows.into_iter().map(Agent::try_from).collect::<Result<_, _>>()?;
    Ok(Paged { items, total })
}

/// One agent of the tenant's.
///
/// # Errors
/// [`StoreError`].
pub async fn find(db: &Db, tenant: TenantId, id: AgentId) -> Result<Option<Agent>, StoreError> {
    let select = sql(SELECT).push("WHERE id =").arg(id).push("AND tenant_id =").arg(tenant);
    let select = select.push("AND deleted_at IS NULL");
    let row: Option<AgentRow> = db.opt(select).await?;
    row.map(Agent::try_from).transpose()
}

/// The same in a transaction; nobody else changes it until that ends.
///
/// # Errors
/// [`StoreError`].
pub async fn find_in(
    tx: &mut Tx,
    tenant: TenantId,
    id: AgentId,
) -> Result<Option<Agent>, StoreError> {
    let select = sql(SELECT).push("WHERE id =").arg(id).push("AND tenant_id =").arg(tenant);
    let select = select.push("AND deleted_at IS NULL");
    let row: Option<AgentRow> = tx.opt(select.for_update(tx)).await?;
    row.map(Agent::try_from).transpose()
}

/// Agents who can be called now: active, available, with room for one more call; those with the fewest
/// running calls first, of these who has waited longest. Until the transaction ends nobody else chooses
/// among them.
///
/// # Errors
/// [`StoreError`].
pub async fn candidates(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Agent>, StoreError> {
    let hold = sql("SELECT id FROM tenants WHERE id = $1").bind(tenant).for_update(tx);
    let _: Option<(Uuid,)> = tx.opt(hold).await?;
    let select = sql(SELECT).push("WHERE deleted_at IS NULL AND tenant_id =").arg(tenant);
    let select = select.push("AND is_active =").arg(true).push("AND").push(FREE);
    let select = select.push("ORDER BY load, COALESCE(last_active_at, created_at), id");
    let rows: Vec<AgentRow> = tx.all(select).await?;
    rows.into_iter().map(Agent::try_from).collect()
}

/// Writes an agent: a new one, or the new state of one that is there.
///
/// # Errors
/// [`StoreError`].
pub async fn put(tx: &mut Tx, agent: &Agent) -> Result<(), StoreError> {
    let upsert = sql("INSERT INTO agents
            (id, tenant_id, name, email, phone, extension, status, is_active, skills, departments,
             max_concurrent_calls, total_calls_handled, total_call_duration_seconds, metadata,
             created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, $13, $14, $15)
         ON CONFLICT (id) DO UPDATE SET
            name = excluded.name, email = excluded.email, phone = excluded.phone,
            extension = excluded.extension, status = excluded.status,
            is_active = excluded.is_active, skills = excluded.skills,
            departments = excluded.departments, metadata = excluded.metadata,
            max_concurrent_calls = excluded.max_concurrent_calls,
            updated_at = excluded.updated_at")
    .bind(agent.id)
    .bind(agent.tenant)
    .bind(agent.name.clone())
    .bind(agent.email.clone())
    .bind(agent.phone.clone())
    .bind(agent.extension.clone())
    .bind(agent.status.name())
    .bind(agent.is_active)
    .bind(serde_json::json!(agent.skills))
    .bind(serde_json::json!(agent.departments))
    .bind(agent.max_concurrent_calls)
    .bind(agent.total_calls_handled)
    .bind(Value::Object(agent.metadata.clone()))
    .bind(agent.created_at)
    .bind(agent.updated_at);
    tx.exec(upsert).await.map(drop)
}

/// Removes an agent. The calls and escalations of the past keep the name; how the agent could be
/// reached is forgotten.
///
/// # Errors
/// [`StoreError`].
pub async fn remove(
    tx: &mut Tx,
    tenant: TenantId,
    id: AgentId,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let update =
        sql("UPDATE agents SET deleted_at = $3, is_active = $4, user_id = NULL, email = NULL,
            phone = NULL, extension = NULL, metadata = $5
         WHERE id = $1 AND tenant_id = $2 AND deleted_at IS NULL");
    let nothing = Value::Object(Map::new());
    tx.exec(update.bind(id).bind(tenant).bind(at).bind(false).bind(nothing)).await.map(drop)
}

/// What hangs on an agent.
///
/// # Errors
/// [`StoreError`].
pub async fn usage(tx: &mut Tx, tenant: TenantId, id: AgentId) -> Result<AgentUsage, StoreError> {
    let (active_escalations, total_escalations): (i64, i64) = tx
        .one(
            sql("SELECT count(*) FILTER (WHERE status IN ('pending', 'in_progress')), count(*)
                 FROM escalations WHERE agent_id = $1 AND tenant_id = $2")
            .bind(id)
            .bind(tenant),
        )
        .await?;
    let (active_calls, total_calls): (i64, i64) = tx
        .one(
            sql("SELECT count(*) FILTER (WHERE ended_at IS NULL), count(*)
                 FROM calls WHERE agent_id = $1 AND tenant_id = $2")
            .bind(id)
            .bind(tenant),
        )
        .await?;
    Ok(AgentUsage { active_escalations, active_calls, total_escalations, total_calls })
}
