//! Notes that people make about calls.

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::types::Json;
use uuid::Uuid;

use super::{
    Db, StoreError, Tx,
    page::{Page, Paged},
    sql,
};
use crate::domain::{CallId, Note, TenantId};

#[derive(sqlx::FromRow)]
struct NoteRow {
    id: i64,
    call_id: Uuid,
    author_id: Uuid,
    first_name: Option<String>,
    last_name: Option<String>,
    text: String,
    category: Option<String>,
    tags: Json<Vec<String>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<NoteRow> for Note {
    fn from(row: NoteRow) -> Note {
        let name = [row.first_name, row.last_name].into_iter().flatten().collect::<Vec<_>>();
        let name = name.join(" ").trim().to_owned();
        Note {
            id: row.id,
            call: row.call_id.into(),
            author: row.author_id.into(),
            author_name: (!name.is_empty()).then_some(name),
            text: row.text,
            category: row.category,
            tags: row.tags.0,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

const SELECT: &str = "SELECT n.id, n.call_id, n.author_id, u.first_name, u.last_name, n.text,
        n.category, n.tags, n.created_at, n.updated_at
    FROM call_notes n LEFT JOIN users u ON u.id = n.author_id";

/// A page of a call's notes, newest first.
///
/// # Errors
/// [`StoreError`].
pub async fn list(
    db: &Db,
    tenant: TenantId,
    call: CallId,
    page: Page,
) -> Result<Paged<Note>, StoreError> {
    let count = sql("SELECT count(*) FROM call_notes WHERE call_id = $1 AND tenant_id = $2");
    let (total,): (i64,) = db.one(count.bind(call).bind(tenant)).await?;
    let select = sql(SELECT).push("WHERE n.call_id =").arg(call).push("AND n.tenant_id =");
    let select = select.arg(tenant).push("ORDER BY n.created_at DESC, n.id DESC LIMIT");
    let rows: Vec<NoteRow> = db.all(select.arg(page.size).push("OFFSET").arg(page.offset)).await?;
    Ok(Paged { items: rows.into_iter().map(Note::from).collect(), total })
}

/// One note of a call, in a transaction; nobody else changes it until that ends.
///
/// # Errors
/// [`StoreError`].
pub async fn find_in(
    tx: &mut Tx,
    tenant: TenantId,
    call: CallId,
    id: i64,
) -> Result<Option<Note>, StoreError> {
    let select = sql(SELECT).push("WHERE n.id =").arg(id).push("AND n.call_id =").arg(call);
    let select = select.push("AND n.tenant_id =").arg(tenant).for_update_of(tx, "n");
    let row: Option<NoteRow> = tx.opt(select).await?;
    Ok(row.map(Note::from))
}

/// Adds a note; its number. That of `note` is not looked at.
///
/// # Errors
/// [`StoreError`].
pub async fn add(tx: &mut Tx, tenant: TenantId, note: &Note) -> Result<i64, StoreError> {
    let insert = sql("INSERT INTO call_notes
            (uid, tenant_id, call_id, author_id, text, category, tags, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id")
    .bind(Uuid::now_v7())
    .bind(tenant)
    .bind(note.call)
    .bind(note.author)
    .bind(note.text.clone())
    .bind(note.category.clone())
    .bind(json!(note.tags))
    .bind(note.created_at)
    .bind(note.updated_at);
    let (id,): (i64,) = tx.one(insert).await?;
    Ok(id)
}

/// Writes what a note says now.
///
/// # Errors
/// [`StoreError`].
pub async fn update(tx: &mut Tx, tenant: TenantId, note: &Note) -> Result<(), StoreError> {
    let update = sql("UPDATE call_notes SET text = $3, category = $4, tags = $5, updated_at = $6
         WHERE id = $1 AND tenant_id = $2")
    .bind(note.id)
    .bind(tenant)
    .bind(note.text.clone())
    .bind(note.category.clone())
    .bind(json!(note.tags))
    .bind(note.updated_at);
    tx.exec(update).await.map(drop)
}

/// Removes a note.
///
/// # Errors
/// [`StoreError`].
pub async fn remove(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<(), StoreError> {
    let delete = sql("DELETE FROM call_notes WHERE id = $1 AND tenant_id = $2");
    tx.exec(delete.bind(id).bind(tenant)).await.map(drop)
}
