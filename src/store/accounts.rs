//! What a tenant has at others: keys for vendors and the carrier, sealed, and telephone numbers.

use chrono::{DateTime, Utc};

use super::{Db, StoreError, Tx, sql};
use crate::domain::{NumberId, TenantId};

/// Keeps a tenant's sealed credentials for a provider; those before are gone.
///
/// # Errors
/// [`StoreError`].
pub async fn put_credentials(
    tx: &mut Tx,
    tenant: TenantId,
    provider: &str,
    sealed: Vec<u8>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let upsert = sql("INSERT INTO credentials (tenant_id, provider, sealed, updated_at)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant_id, provider) DO UPDATE SET
            sealed = excluded.sealed, updated_at = excluded.updated_at")
    .bind(tenant)
    .bind(provider)
    .bind(sealed)
    .bind(now);
    tx.exec(upsert).await.map(drop)
}

/// A tenant's sealed credentials for a provider.
///
/// # Errors
/// [`StoreError`].
pub async fn credentials(
    db: &Db,
    tenant: TenantId,
    provider: &str,
) -> Result<Option<Vec<u8>>, StoreError> {
    let select = sql("SELECT sealed FROM credentials WHERE tenant_id = $1 AND provider = $2");
    let row: Option<(Vec<u8>,)> = db.opt(select.bind(tenant).bind(provider)).await?;
    Ok(row.map(|(sealed,)| sealed))
}

/// For which providers the tenant has credentials.
///
/// # Errors
/// [`StoreError`].
pub async fn providers(tx: &mut Tx, tenant: TenantId) -> Result<Vec<String>, StoreError> {
    let select = sql("SELECT provider FROM credentials WHERE tenant_id = $1 ORDER BY provider");
    let rows: Vec<(String,)> = tx.all(select.bind(tenant)).await?;
    Ok(rows.into_iter().map(|(provider,)| provider).collect())
}

/// A telephone number as it is made known here.
#[derive(Clone, Debug)]
pub struct NewNumber {
    pub tenant: TenantId,
    /// E.164.
    pub number: twiml::PhoneNumber,
    pub provider: &'static str,
    pub business: crate::domain::BusinessId,
}

/// Makes a number the tenant's (its country is not known here), answered by a business; false if it is another tenant's.
///
/// # Errors
/// [`StoreError`].
pub async fn put_number(
    tx: &mut Tx,
    new: &NewNumber,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let upsert = sql("INSERT INTO phone_numbers
            (id, tenant_id, number, provider, country, business_id, is_active, created_at)
         VALUES ($1, $2, $3, $4, '', $5, $6, $7)
         ON CONFLICT (number) DO UPDATE SET
            business_id = excluded.business_id, provider = excluded.provider, is_active = $6
            WHERE phone_numbers.tenant_id = excluded.tenant_id")
    .bind(NumberId::new())
    .bind(new.tenant)
    .bind(new.number.expose())
    .bind(new.provider)
    .bind(new.business)
    .bind(true)
    .bind(now);
    Ok(tx.exec(upsert).await? == 1)
}

/// Notes that the tenant has been set up; the first time counts.
///
/// # Errors
/// [`StoreError`].
pub async fn set_up(tx: &mut Tx, tenant: TenantId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let update = sql("UPDATE tenants SET updated_at = $2,
            setup_completed_at = COALESCE(setup_completed_at, $2) WHERE id = $1");
    tx.exec(update.bind(tenant).bind(now)).await.map(drop)
}
