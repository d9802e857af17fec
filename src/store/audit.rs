//! Who changed what: append-only, which the database itself sees to.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{StoreError, Tx, sql};
use crate::domain::{TenantId, UserId};

/// One thing that was done.
#[derive(Clone, Debug)]
pub struct Entry {
    pub tenant: TenantId,
    /// The user and their name; none: the server itself.
    pub actor: Option<(UserId, String)>,
    /// Such as `agent.create`.
    pub action: &'static str,
    pub entity: &'static str,
    pub entity_id: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub address: Option<String>,
    pub at: DateTime<Utc>,
}

/// Writes it down.
///
/// # Errors
/// [`StoreError`].
pub async fn add(tx: &mut Tx, entry: &Entry) -> Result<(), StoreError> {
    let (actor_id, actor) = match &entry.actor {
        Some((id, name)) => (Some(*id), name.clone()),
        None => (None, "tandem".to_owned()),
    };
    let insert = sql("INSERT INTO audit_events
            (tenant_id, actor_id, actor, action, entity, entity_id, before, after, address, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
    .bind(entry.tenant)
    .bind(actor_id)
    .bind(actor)
    .bind(entry.action)
    .bind(entry.entity)
    .bind(entry.entity_id.clone())
    .bind(entry.before.clone())
    .bind(entry.after.clone())
    .bind(entry.address.clone())
    .bind(entry.at);
    tx.exec(insert).await.map(drop)
}
