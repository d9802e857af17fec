//! Organisations, users, their sign-ins.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Db, StoreError, Tx, sql};
use crate::domain::{LoginId, Role, TenantId, User, UserId};

#[derive(sqlx::FromRow)]
struct UserRow {
    id: Uuid,
    tenant_id: Uuid,
    email: String,
    first_name: String,
    last_name: String,
    role: String,
    is_active: bool,
    created_at: DateTime<Utc>,
}

impl TryFrom<UserRow> for User {
    type Error = StoreError;

    fn try_from(row: UserRow) -> Result<User, StoreError> {
        let role = Role::named(&row.role)
            .ok_or(StoreError::Corrupt { what: "a user's role", value: row.role })?;
        Ok(User {
            id: row.id.into(),
            tenant: row.tenant_id.into(),
            email: row.email,
            first_name: row.first_name,
            last_name: row.last_name,
            role,
            is_active: row.is_active,
            created_at: row.created_at,
        })
    }
}

/// An organisation.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Tenant {
    pub id: Uuid,
    pub name: String,
    pub slug: String,
    /// IANA name.
    pub timezone: String,
}

/// Adds an organisation.
///
/// # Errors
/// A conflict, if the slug is taken; [`StoreError`].
pub async fn add_tenant(
    tx: &mut Tx,
    tenant: &Tenant,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let insert = sql(
        "INSERT INTO tenants (id, name, slug, timezone, self_registration, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6)",
    )
    .bind(tenant.id)
    .bind(tenant.name.clone())
    .bind(tenant.slug.clone())
    .bind(tenant.timezone.clone())
    .bind(true)
    .bind(now);
    tx.exec(insert).await.map(drop)
}

/// An organisation.
///
/// # Errors
/// [`StoreError`].
pub async fn tenant(db: &Db, id: TenantId) -> Result<Option<Tenant>, StoreError> {
    db.opt(sql("SELECT id, name, slug, timezone FROM tenants WHERE id = $1").bind(id)).await
}

/// The first organisation: calls to numbers that are nobody's are its.
///
/// # Errors
/// [`StoreError`].
pub async fn first_tenant(db: &Db) -> Result<Option<Tenant>, StoreError> {
    let first = "SELECT id, name, slug, timezone FROM tenants ORDER BY created_at, id LIMIT 1";
    db.opt(sql(first)).await
}

/// All organisations, oldest first. They are the server's own to see, not a client's.
///
/// # Errors
/// [`StoreError`].
pub async fn tenants(db: &Db) -> Result<Vec<Tenant>, StoreError> {
    db.all(sql("SELECT id, name, slug, timezone FROM tenants ORDER BY created_at, id")).await
}

/// Adds a user. Without a hash they have yet to set a password.
///
/// # Errors
/// A conflict, if the e-mail address is taken; [`StoreError`].
pub async fn add(tx: &mut Tx, user: &User, hash: Option<String>) -> Result<(), StoreError> {
    let insert =
        sql("INSERT INTO users (id, tenant_id, email, password_hash, first_name, last_name, role,
                            notification_prefs, is_active, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)")
        .bind(user.id)
        .bind(user.tenant)
        .bind(user.email.clone())
        .bind(hash)
        .bind(user.first_name.clone())
        .bind(user.last_name.clone())
        .bind(user.role.name())
        .bind(serde_json::json!({}))
        .bind(user.is_active)
        .bind(user.created_at);
    tx.exec(insert).await.map(drop)
}

/// The user with this address, lower case, and the hash of their password.
///
/// # Errors
/// [`StoreError`].
pub async fn by_email(db: &Db, email: &str) -> Result<Option<(User, Option<String>)>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Row {
        #[sqlx(flatten)]
        user: UserRow,
        password_hash: Option<String>,
    }
    let select =
        sql("SELECT id, tenant_id, email, password_hash, first_name, last_name, role, is_active,
                created_at
         FROM users WHERE email = $1");
    let row: Option<Row> = db.opt(select.bind(email)).await?;
    row.map(|row| Ok((row.user.try_into()?, row.password_hash))).transpose()
}

/// All users of an organisation, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn list(db: &Db, tenant: TenantId) -> Result<Vec<User>, StoreError> {
    let select =
        sql("SELECT id, tenant_id, email, first_name, last_name, role, is_active, created_at
         FROM users WHERE tenant_id = $1 ORDER BY created_at, id");
    let rows: Vec<UserRow> = db.all(select.bind(tenant)).await?;
    rows.into_iter().map(User::try_from).collect()
}

/// Sets a user's password; all their sign-ins end.
///
/// # Errors
/// [`StoreError`].
pub async fn set_password(
    tx: &mut Tx,
    user: UserId,
    hash: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let update = sql("UPDATE users SET password_hash = $2, updated_at = $3 WHERE id = $1");
    tx.exec(update.bind(user).bind(hash).bind(now)).await?;
    let revoke = sql("UPDATE logins SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL");
    tx.exec(revoke.bind(user).bind(now)).await?;
    let spend = sql("UPDATE reset_tokens SET used_at = $2 WHERE user_id = $1 AND used_at IS NULL");
    tx.exec(spend.bind(user).bind(now)).await.map(drop)
}

/// Adds a sign-in.
///
/// # Errors
/// [`StoreError`].
pub async fn add_login(
    tx: &mut Tx,
    login: LoginId,
    user: &User,
    refresh_hash: Vec<u8>,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let insert =
        sql("INSERT INTO logins (id, tenant_id, user_id, refresh_hash, expires_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)");
    let insert = insert.bind(login).bind(user.tenant).bind(user.id).bind(refresh_hash);
    tx.exec(insert.bind(expires_at).bind(now)).await?;
    let seen = sql("UPDATE users SET last_seen_at = $2 WHERE id = $1").bind(user.id).bind(now);
    tx.exec(seen).await.map(drop)
}

/// The user of a sign-in that is valid now.
///
/// # Errors
/// [`StoreError`].
pub async fn of_login(
    db: &Db,
    login: LoginId,
    now: DateTime<Utc>,
) -> Result<Option<User>, StoreError> {
    let select =
        sql("SELECT u.id, u.tenant_id, u.email, u.first_name, u.last_name, u.role, u.is_active,
                u.created_at
         FROM logins l JOIN users u ON u.id = l.user_id
         WHERE l.id = $1 AND l.revoked_at IS NULL AND l.expires_at > $2 AND u.is_active = $3");
    let row: Option<UserRow> = db.opt(select.bind(login).bind(now).bind(true)).await?;
    row.map(User::try_from).transpose()
}

/// Puts a new refresh token in the place of an old one, if that is valid: once, however many try.
///
/// # Errors
/// [`StoreError`].
pub async fn rotate_refresh(
    tx: &mut Tx,
    old_hash: Vec<u8>,
    new_hash: Vec<u8>,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<Option<(LoginId, User)>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Rotated {
        login_id: Uuid,
        #[sqlx(flatten)]
        user: UserRow,
    }
    let update = sql("UPDATE logins SET refresh_hash = $2, expires_at = $4
         WHERE refresh_hash = $1 AND revoked_at IS NULL AND expires_at > $3");
    let update = update.bind(old_hash).bind(new_hash.clone()).bind(now).bind(expires_at);
    if tx.exec(update).await? == 0 {
        return Ok(None);
    }
    let select = sql(
        "SELECT l.id AS login_id, u.id, u.tenant_id, u.email, u.first_name, u.last_name, u.role,
                u.is_active, u.created_at
         FROM logins l JOIN users u ON u.id = l.user_id
         WHERE l.refresh_hash = $1 AND u.is_active = $2",
    );
    let row: Option<Rotated> = tx.opt(select.bind(new_hash).bind(true)).await?;
    row.map(|row| Ok((row.login_id.into(), row.user.try_into()?))).transpose()
}

/// Ends a sign-in.
///
/// # Errors
/// [`StoreError`].
pub async fn revoke_login(
    tx: &mut Tx,
    login: LoginId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let revoke = sql("UPDATE logins SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL");
    tx.exec(revoke.bind(login).bind(now)).await.map(drop)
}

/// Keeps a token with which a user can set a new password, once.
///
/// # Errors
/// [`StoreError`].
pub async fn add_reset(
    tx: &mut Tx,
    user: UserId,
    token_hash: Vec<u8>,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let insert = sql("INSERT INTO reset_tokens (token_hash, user_id, expires_at, created_at)
         VALUES ($1, $2, $3, $4)");
    tx.exec(insert.bind(token_hash).bind(user).bind(expires_at).bind(now)).await.map(drop)
}

/// Uses up a reset token; whose it is, if it was valid.
///
/// # Errors
/// [`StoreError`].
pub async fn spend_reset(
    tx: &mut Tx,
    token_hash: Vec<u8>,
    now: DateTime<Utc>,
) -> Result<Option<(UserId, TenantId, String)>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Owner {
        id: Uuid,
        tenant_id: Uuid,
        email: String,
    }
    let update = sql("UPDATE reset_tokens SET used_at = $2
         WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2");
    if tx.exec(update.bind(token_hash.clone()).bind(now)).await? == 0 {
        return Ok(None);
    }
    let select = sql(
        "SELECT u.id, u.tenant_id, u.email FROM reset_tokens r JOIN users u ON u.id = r.user_id
         WHERE r.token_hash = $1 AND u.is_active = $2",
    );
    let owner: Option<Owner> = tx.opt(select.bind(token_hash).bind(true)).await?;
    Ok(owner.map(|owner| (owner.id.into(), owner.tenant_id.into(), owner.email)))
}
