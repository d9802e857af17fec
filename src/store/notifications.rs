//! What users are told.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sqlx::types::Json;
use uuid::Uuid;

use super::{
    Db, Sql, StoreError, Tx,
    page::{Page, Paged},
    sql,
};
use crate::domain::{Audience, CallId, News, Notification, Role, TenantId, UserId};

#[derive(sqlx::FromRow)]
struct NotificationRow {
    id: i64,
    r#type: String,
    title: String,
    message: String,
    call_id: Option<Uuid>,
    data: Json<Map<String, Value>>,
    read_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl From<NotificationRow> for Notification {
    fn from(row: NotificationRow) -> Notification {
        Notification {
            id: row.id,
            kind: row.r#type,
            title: row.title,
            message: row.message,
            call: row.call_id.map(CallId::from),
            data: row.data.0,
            read_at: row.read_at,
            created_at: row.created_at,
        }
    }
}

/// Which notifications are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub unread_only: bool,
    pub kind: Option<String>,
}

/// A page of a user's notifications, newest first.
///
/// # Errors
/// [`StoreError`].
pub async fn list(
    db: &Db,
    tenant: TenantId,
    user: UserId,
    wanted: &Wanted,
    page: Page,
) -> Result<Paged<Notification>, StoreError> {
    let narrowed = |statement: Sql| {
        let statement = of(statement, tenant, user).and("type =", wanted.kind.clone());
        if wanted.unread_only { statement.push("AND read_at IS NULL") } else { statement }
    };
    let (total,): (i64,) = db.one(narrowed(sql("SELECT count(*) FROM notifications"))).await?;
    let select = narrowed(sql("SELECT id, type, title, message, call_id, data, read_at,
                created_at FROM notifications"));
    let select = select.push("ORDER BY created_at DESC, id DESC LIMIT").arg(page.size);
    let rows: Vec<NotificationRow> = db.all(select.push("OFFSET").arg(page.offset)).await?;
    Ok(Paged { items: rows.into_iter().map(Notification::from).collect(), total })
}

/// How many a user has not read.
///
/// # Errors
/// [`StoreError`].
pub async fn count_unread(db: &Db, tenant: TenantId, user: UserId) -> Result<i64, StoreError> {
    let select = of(sql("SELECT count(*) FROM notifications"), tenant, user);
    let (count,): (i64,) = db.one(select.push("AND read_at IS NULL")).await?;
    Ok(count)
}

/// Marks one as read; when it was read first stays. None, if the user has no such one.
///
/// # Errors
/// [`StoreError`].
pub async fn read(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    id: i64,
    now: DateTime<Utc>,
) -> Result<Option<Notification>, StoreError> {
    let update = sql("UPDATE notifications SET read_at = COALESCE(read_at, $1)").bind(now);
    let update = of(update, tenant, user)
        .push("AND id =")
        .arg(id)
        .push("RETURNING id, type, title, message, call_id, data, read_at, created_at");
    let row: Option<NotificationRow> = tx.opt(update).await?;
    Ok(row.map(Notification::from))
}

/// Marks all as read; how many were not.
///
/// # Errors
/// [`StoreError`].
pub async fn read_all(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let update = of(sql("UPDATE notifications SET read_at = $1").bind(now), tenant, user);
    tx.exec(update.push("AND read_at IS NULL")).await
}

/// Removes one. Whether the user had it.
///
/// # Errors
/// [`StoreError`].
pub async fn remove(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    id: i64,
) -> Result<bool, StoreError> {
    let delete = of(sql("DELETE FROM notifications"), tenant, user);
    Ok(tx.exec(delete.push("AND id =").arg(id)).await? == 1)
}

/// Tells the audience, as far as they are active users of the tenant's and have not been told of the
/// same already. Who was told now, and what.
///
/// # Errors
/// [`StoreError`].
pub async fn tell(
    tx: &mut Tx,
    tenant: TenantId,
    audience: &Audience,
    news: &News,
    now: DateTime<Utc>,
) -> Result<Vec<(UserId, Notification)>, StoreError> {
    let insert = sql("INSERT INTO notifications
            (tenant_id, user_id, type, title, message, call_id, data, about, created_at)
         SELECT u.tenant_id, u.id, $2, $3, $4, $5, $6, $7, $8 FROM users u
         WHERE u.tenant_id = $1 AND u.is_active")
    .bind(tenant)
    .bind(news.kind)
    .bind(news.title.clone())
    .bind(news.message.clone())
    .bind(news.call)
    .bind(Value::Object(news.data.clone()))
    .bind(news.about.clone())
    .bind(now);
    let insert = match audience {
        Audience::Users(users) => insert.and_in("u.id", users.iter().copied()),
        Audience::Everyone(right) => {
            let roles = Role::ALL.into_iter().filter(|role| role.may(*right));
            insert.and_in("u.role", roles.map(Role::name))
        }
    };
    let insert = insert.push("ON CONFLICT (user_id, about) DO NOTHING RETURNING id, user_id");
    let told: Vec<(i64, Uuid)> = tx.all(insert).await?;
    let notification = |id| Notification {
        id,
        kind: news.kind.to_owned(),
        title: news.title.clone(),
        message: news.message.clone(),
        call: news.call,
        data: news.data.clone(),
        read_at: None,
        created_at: now,
    };
    Ok(told.into_iter().map(|(id, user)| (user.into(), notification(id))).collect())
}

fn of(statement: Sql, tenant: TenantId, user: UserId) -> Sql {
    statement.push("WHERE user_id =").arg(user).push("AND tenant_id =").arg(tenant)
}
