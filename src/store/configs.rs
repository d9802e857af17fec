//! Business configurations.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sqlx::types::Json;
use uuid::Uuid;

use super::{
    Db, StoreError, Tx,
    page::{Page, Paged},
    sql,
};
use crate::domain::{BusinessConfig, BusinessId, ConfigData, ConfigUsage, TenantId};

#[derive(sqlx::FromRow)]
struct ConfigRow {
    id: Uuid,
    tenant_id: Uuid,
    name: String,
    r#type: String,
    config_data: Json<Map<String, Value>>,
    is_active: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<ConfigRow> for BusinessConfig {
    type Error = StoreError;

    fn try_from(row: ConfigRow) -> Result<BusinessConfig, StoreError> {
        let data = ConfigData::read(row.config_data.0).map_err(|error| StoreError::Corrupt {
            what: "a business configuration",
            value: error.to_string(),
        })?;
        Ok(BusinessConfig {
            id: row.id.into(),
            tenant: row.tenant_id.into(),
            name: row.name,
            kind: row.r#type,
            data,
            is_active: row.is_active,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

const SELECT: &str = "SELECT id, tenant_id, name, type, config_data, is_active, created_at,
        updated_at
    FROM business_configs";

/// A page of the tenant's configurations, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn list(
    db: &Db,
    tenant: TenantId,
    is_active: Option<bool>,
    page: Page,
) -> Result<Paged<BusinessConfig>, StoreError> {
    let narrowed = |statement: super::Sql| {
        statement.push("WHERE tenant_id =").arg(tenant).and("is_active =", is_active)
    };
    let (total,): (i64,) = db.one(narrowed(sql("SELECT count(*) FROM business_configs"))).await?;
    let rows = narrowed(sql(SELECT)).push("ORDER BY created_at, id LIMIT").arg(page.size);
    let rows: Vec<ConfigRow> = db.all(rows.push("OFFSET").arg(page.offset)).await?;
    let items = rows.into_iter().map(BusinessConfig::try_from).collect::<Result<_, _>>()?;
    Ok(Paged { items, total })
}

/// One configuration of the tenant's.
///
/// # Errors
/// [`StoreError`].
pub async fn find(
    db: &Db,
    tenant: TenantId,
    id: BusinessId,
) -> Result<Option<BusinessConfig>, StoreError> {
    let select = sql(SELECT).push("WHERE id =").arg(id).push("AND tenant_id =").arg(tenant);
    let row: Option<ConfigRow> = db.opt(select).await?;
    row.map(BusinessConfig::try_from).transpose()
}

/// The same in a transaction; nobody else changes it until that ends.
///
/// # Errors
/// [`StoreError`].
pub async fn find_in(
    tx: &mut Tx,
    tenant: TenantId,
    id: BusinessId,
) -> Result<Option<BusinessConfig>, StoreError> {
    let select = sql(SELECT).push("WHERE id =").arg(id).push("AND tenant_id =").arg(tenant);
    let row: Option<ConfigRow> = tx.opt(select.for_update(tx)).await?;
    row.map(BusinessConfig::try_from).transpose()
}

/// Writes a configuration: a new one, or the new state of one that is there.
///
/// # Errors
/// [`StoreError`].
pub async fn put(tx: &mut Tx, config: &BusinessConfig) -> Result<(), StoreError> {
    let upsert = sql("INSERT INTO business_configs
            (id, tenant_id, name, type, config_data, is_active, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (id) DO UPDATE SET
            name = excluded.name, type = excluded.type, config_data = excluded.config_data,
            is_active = excluded.is_active, updated_at = excluded.updated_at")
    .bind(config.id)
    .bind(config.tenant)
    .bind(config.name.clone())
    .bind(config.kind.clone())
    .bind(Value::Object(config.data.document()))
    .bind(config.is_active)
    .bind(config.created_at)
    .bind(config.updated_at);
    tx.exec(upsert).await.map(drop)
}

/// Removes a configuration, and the knowledge that was its own alone: without it, that would answer
/// for the tenant's other businesses. Its telephone numbers stay, and belong to none.
///
/// # Errors
/// [`StoreError`].
pub async fn remove(tx: &mut Tx, tenant: TenantId, id: BusinessId) -> Result<(), StoreError> {
    for statement in [
        "UPDATE phone_numbers SET business_id = NULL WHERE business_id = $1 AND tenant_id = $2",
        "DELETE FROM knowledge WHERE business_id = $1 AND tenant_id = $2",
        "DELETE FROM business_configs WHERE id = $1 AND tenant_id = $2",
    ] {
        tx.exec(sql(statement).bind(id).bind(tenant)).await?;
    }
    Ok(())
}

/// What hangs on a configuration.
///
/// # Errors
/// [`StoreError`].
pub async fn usage(
    tx: &mut Tx,
    tenant: TenantId,
    id: BusinessId,
) -> Result<ConfigUsage, StoreError> {
    let (active_calls, total_calls): (i64, i64) = tx
        .one(
            // Two counts, each from an index; both at once would look up every call.
            sql("SELECT (SELECT count(*) FROM calls
                     WHERE tenant_id = $2 AND business_id = $1 AND ended_at IS NULL),
                    (SELECT count(*) FROM calls WHERE tenant_id = $2 AND business_id = $1)")
            .bind(id)
            .bind(tenant),
        )
        .await?;
    let (knowledge_entries,): (i64,) = tx
        .one(
            sql("SELECT count(*) FROM knowledge WHERE business_id = $1 AND tenant_id = $2")
                .bind(id)
                .bind(tenant),
        )
        .await?;
    Ok(ConfigUsage { active_calls, total_calls, knowledge_entries })
}
