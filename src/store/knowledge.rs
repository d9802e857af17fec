//! The knowledge base: entries, the passages they are cut into, and documents yet to be read.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sqlx::types::Json;
use uuid::Uuid;

use super::{
    Db, Sql, StoreError, Tx,
    page::{Page, Paged},
    sql,
};
use crate::domain::{
    BusinessId, TenantId,
    knowledge::{Entry, EntryDraft},
};

#[derive(sqlx::FromRow)]
struct EntryRow {
    id: i64,
    tenant_id: Uuid,
    business_id: Option<Uuid>,
    title: String,
    content: String,
    source: Option<String>,
    source_type: Option<String>,
    metadata: Json<Map<String, Value>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<EntryRow> for Entry {
    fn from(row: EntryRow) -> Entry {
        Entry {
            id: row.id,
            tenant: row.tenant_id.into(),
            business: row.business_id.map(Into::into),
            title: row.title,
            content: row.content,
            source: row.source,
            source_type: row.source_type,
            metadata: row.metadata.0,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

const SELECT: &str = "SELECT id, tenant_id, business_id, title, content, source, source_type,
        metadata, created_at, updated_at
    FROM knowledge";

/// Which entries are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub business: Option<BusinessId>,
    /// Part of title or content, in any case.
    pub search: Option<String>,
}

/// A text as the pattern that finds it anywhere; `\` escapes.
fn anywhere(text: &str) -> String {
    let mut pattern = String::from("%");
    for letter in text.to_lowercase().chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

/// What is searched of an entry.
fn search_text(title: &str, content: &str) -> String {
    format!("{title}\n{content}").to_lowercase()
}

/// A page of the tenant's entries, newest first.
///
/// # Errors
/// [`StoreError`].
pub async fn list(
    db: &Db,
    tenant: TenantId,
    wanted: &Wanted,
    page: Page,
) -> Result<Paged<Entry>, StoreError> {
    let narrowed = |statement: Sql| {
        let statement = statement.push("WHERE tenant_id =").arg(tenant);
        let statement = statement.and("business_id =", wanted.business);
        match &wanted.search {
            None => statement,
            Some(text) => {
                statement.push("AND search_text LIKE").arg(anywhere(text)).push("ESCAPE '\\'")
            }
        }
    };
    let (total,): (i64,) = db.one(narrowed(sql("SELECT count(*) FROM knowledge"))).await?;
    let rows = narrowed(sql(SELECT)).push("ORDER BY created_at DESC, id DESC LIMIT").arg(page.size);
    let rows: Vec<EntryRow> = db.all(rows.push("OFFSET").arg(page.offset)).await?;
    Ok(Paged { items: rows.into_iter().map(Entry::from).collect(), total })
}

/// How many entries the tenant has, and how many bytes their texts and their unread documents take.
/// Neither engine reads a text for its length.
///
/// # Errors
/// [`StoreError`].
pub async fn held(tx: &mut Tx, tenant: TenantId) -> Result<(i64, i64), StoreError> {
    let select = sql("SELECT
            (SELECT count(*) FROM knowledge WHERE tenant_id = $1),
            CAST((SELECT coalesce(sum(octet_length(content)), 0) FROM knowledge
                   WHERE tenant_id = $1)
               + (SELECT coalesce(sum(octet_length(bytes)), 0) FROM knowledge_uploads
                   WHERE tenant_id = $1) AS BIGINT)");
    tx.one(select.bind(tenant)).await
}

/// One entry of the tenant's; nobody else changes it until the transaction ends.
///
/// # Errors
/// [`StoreError`].
pub async fn find_in(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<Option<Entry>, StoreError> {
    let select = sql(SELECT).push("WHERE id =").arg(id).push("AND tenant_id =").arg(tenant);
    let row: Option<EntryRow> = tx.opt(select.for_update(tx)).await?;
    Ok(row.map(Entry::from))
}

/// Adds an entry.
///
/// # Errors
/// [`StoreError`].
pub async fn add(
    tx: &mut Tx,
    tenant: TenantId,
    draft: EntryDraft,
    now: DateTime<Utc>,
) -> Result<Entry, StoreError> {
    let insert = sql("INSERT INTO knowledge
            (uid, tenant_id, business_id, kind, title, content, search_text, variations, source,
             source_type, usage_count, is_priority, is_active, metadata, created_at, updated_at)
         VALUES ($1, $2, $3, 'document', $4, $5, $6, $7, $8, $9, 0, $10, $11, $12, $13, $13)
         RETURNING id")
    .bind(Uuid::now_v7())
    .bind(tenant)
    .bind(draft.business)
    .bind(draft.title.clone())
    .bind(draft.content.clone())
    .bind(search_text(&draft.title, &draft.content))
    .bind(serde_json::json!([]))
    .bind(draft.source.clone())
    .bind(draft.source_type.clone())
    .bind(false)
    .bind(true)
    .bind(Value::Object(draft.metadata.clone()))
    .bind(now);
    let (id,): (i64,) = tx.one(insert).await?;
    Ok(Entry {
        id,
        tenant,
        business: draft.business,
        title: draft.title,
        content: draft.content,
        source: draft.source,
        source_type: draft.source_type,
        metadata: draft.metadata,
        created_at: now,
        updated_at: now,
    })
}

/// Writes the entry's content and metadata.
///
/// # Errors
/// [`StoreError`].
pub async fn replace(tx: &mut Tx, entry: &Entry) -> Result<(), StoreError> {
    let update = sql("UPDATE knowledge SET content = $3, search_text = $4, metadata = $5,
            updated_at = $6 WHERE id = $1 AND tenant_id = $2")
    .bind(entry.id)
    .bind(entry.tenant)
    .bind(entry.content.clone())
    .bind(search_text(&entry.title, &entry.content))
    .bind(Value::Object(entry.metadata.clone()))
    .bind(entry.updated_at);
    tx.exec(update).await.map(drop)
}

/// Removes an entry, with its passages and its document.
///
/// # Errors
/// [`StoreError`].
pub async fn remove(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<(), StoreError> {
    let delete = sql("DELETE FROM knowledge WHERE id = $1 AND tenant_id = $2");
    tx.exec(delete.bind(id).bind(tenant)).await.map(drop)
}

/// Counts answers that were made from entries.
///
/// # Errors
/// [`StoreError`].
pub async fn count_use(
    tx: &mut Tx,
    tenant: TenantId,
    id: i64,
    times: i64,
    last: DateTime<Utc>,
) -> Result<(), StoreError> {
    let update = sql("UPDATE knowledge SET usage_count = usage_count + $3, last_used_at = $4
         WHERE id = $1 AND tenant_id = $2");
    tx.exec(update.bind(id).bind(tenant).bind(times).bind(last)).await.map(drop)
}

/// How often answers were made from an entry, and when last.
///
/// # Errors
/// [`StoreError`].
pub async fn uses(
    db: &Db,
    tenant: TenantId,
    id: i64,
) -> Result<Option<(i64, Option<DateTime<Utc>>)>, StoreError> {
    db.opt(
        sql("SELECT usage_count, last_used_at FROM knowledge WHERE id = $1 AND tenant_id = $2")
            .bind(id)
            .bind(tenant),
    )
    .await
}

/// Notes that the tenant's knowledge has changed.
///
/// # Errors
/// [`StoreError`].
pub async fn changed(tx: &mut Tx, tenant: TenantId) -> Result<(), StoreError> {
    let upsert = sql("INSERT INTO knowledge_versions (tenant_id, version) VALUES ($1, 1)
         ON CONFLICT (tenant_id) DO UPDATE SET version = knowledge_versions.version + 1");
    tx.exec(upsert.bind(tenant)).await.map(drop)
}

/// How often the tenant's knowledge has changed.
///
/// # Errors
/// [`StoreError`].
pub async fn version(db: &Db, tenant: TenantId) -> Result<i64, StoreError> {
    let select = sql("SELECT version FROM knowledge_versions WHERE tenant_id = $1").bind(tenant);
    let row: Option<(i64,)> = db.opt(select).await?;
    Ok(row.map_or(0, |(version,)| version))
}

/// A passage to be kept.
#[derive(Clone, Debug)]
pub struct NewChunk {
    pub heading: String,
    pub text: String,
}

/// Keeps an entry's passages, in their order; those before are gone.
///
/// # Errors
/// [`StoreError`].
pub async fn put_chunks(
    tx: &mut Tx,
    tenant: TenantId,
    entry: i64,
    chunks: Vec<NewChunk>,
) -> Result<(), StoreError> {
    let delete = sql("DELETE FROM knowledge_chunks WHERE entry_id = $1 AND tenant_id = $2");
    tx.exec(delete.bind(entry).bind(tenant)).await?;
    for (place, chunk) in (0_i64..).zip(chunks) {
        let insert = sql("INSERT INTO knowledge_chunks (tenant_id, entry_id, place, heading, text)
             VALUES ($1, $2, $3, $4, $5)");
        tx.exec(insert.bind(tenant).bind(entry).bind(place).bind(chunk.heading).bind(chunk.text))
            .await?;
    }
    Ok(())
}

/// How many passages the tenant has.
///
/// # Errors
/// [`StoreError`].
pub async fn count_chunks(tx: &mut Tx, tenant: TenantId) -> Result<i64, StoreError> {
    let select = sql("SELECT count(*) FROM knowledge_chunks WHERE tenant_id = $1").bind(tenant);
    let (count,): (i64,) = tx.one(select).await?;
    Ok(count)
}

/// A passage as it is kept.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ChunkRow {
    pub id: i64,
    pub entry_id: i64,
    pub heading: String,
    pub text: String,
    pub vector: Option<Vec<u8>>,
    pub model: Option<String>,
}

/// Which entries may answer for a business: its own and those of all the tenant's businesses.
fn answering(statement: Sql, tenant: TenantId, business: Option<BusinessId>) -> Sql {
    let statement = statement.push("AND k.tenant_id =").arg(tenant);
    let statement = statement.push("AND k.is_active AND (k.business_id IS NULL");
    match business {
        None => statement.push(")"),
        Some(id) => statement.push("OR k.business_id =").arg(id).push(")"),
    }
}

/// All passages that may answer for a business; those of entries that matter most first.
///
/// # Errors
/// [`StoreError`].
pub async fn chunks(
    db: &Db,
    tenant: TenantId,
    business: Option<BusinessId>,
) -> Result<Vec<ChunkRow>, StoreError> {
    let select = sql("SELECT c.id, c.entry_id, c.heading, c.text, c.vector, c.model
         FROM knowledge_chunks c JOIN knowledge k ON k.id = c.entry_id WHERE 1 = 1");
    let select = answering(select, tenant, business);
    db.all(select.push("ORDER BY k.is_priority DESC, k.created_at DESC, c.entry_id, c.place")).await
}

/// The passages that have any of these words, best first, `most` at most.
///
/// # Errors
/// [`StoreError`].
pub async fn by_words(
    db: &Db,
    tenant: TenantId,
    business: Option<BusinessId>,
    words: &[String],
    most: i64,
) -> Result<Vec<i64>, StoreError> {
    let select = db.matching_words(words, |select| answering(select, tenant, business));
    let rows: Vec<(i64,)> = db.all(select.push("LIMIT").arg(most)).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Passages that have no vectors of this model yet, oldest first: id, tenant, heading, text.
///
/// # Errors
/// [`StoreError`].
pub async fn without_vectors(
    db: &Db,
    model: &str,
    most: i64,
) -> Result<Vec<(i64, Uuid, String, String)>, StoreError> {
    db.all(
        sql("SELECT id, tenant_id, heading, text FROM knowledge_chunks
             WHERE model IS NULL OR model <> $1 ORDER BY id LIMIT $2")
        .bind(model)
        .bind(most),
    )
    .await
}

/// Keeps a passage's vectors.
///
/// # Errors
/// [`StoreError`].
pub async fn put_vectors(
    tx: &mut Tx,
    id: i64,
    vectors: Vec<u8>,
    model: &str,
) -> Result<(), StoreError> {
    let update = sql("UPDATE knowledge_chunks SET vector = $2, model = $3 WHERE id = $1");
    tx.exec(update.bind(id).bind(vectors).bind(model)).await.map(drop)
}

/// A document whose text is to be extracted.
#[derive(Clone, Debug)]
pub struct Upload {
    pub entry: i64,
    pub tenant: TenantId,
    pub bytes: Vec<u8>,
    /// How often it was begun, this time included.
    pub tries: i64,
}

/// Keeps a document until its text has been extracted.
///
/// # Errors
/// [`StoreError`].
pub async fn put_upload(
    tx: &mut Tx,
    tenant: TenantId,
    entry: i64,
    bytes: Vec<u8>,
) -> Result<(), StoreError> {
    let insert = sql("INSERT INTO knowledge_uploads (entry_id, tenant_id, bytes, tries)
         VALUES ($1, $2, $3, 0)");
    tx.exec(insert.bind(entry).bind(tenant).bind(bytes)).await.map(drop)
}

/// Takes a document that nobody is at; it is this process's until `until`.
///
/// # Errors
/// [`StoreError`].
pub async fn take_upload(
    db: &Db,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Option<Upload>, StoreError> {
    let mut tx = db.begin().await?;
    // The outer condition is looked at again when another process has just taken the row.
    let update = sql("UPDATE knowledge_uploads SET taken_until = $2, tries = tries + 1
         WHERE entry_id = (SELECT entry_id FROM knowledge_uploads
                WHERE taken_until IS NULL OR taken_until < $1 ORDER BY entry_id LIMIT 1)
            AND (taken_until IS NULL OR taken_until < $1)
         RETURNING entry_id, tenant_id, bytes, tries");
    let row: Option<(i64, Uuid, Vec<u8>, i64)> = tx.opt(update.bind(now).bind(until)).await?;
    tx.commit().await?;
    Ok(row.map(|(entry, tenant, bytes, tries)| Upload {
        entry,
        tenant: tenant.into(),
        bytes,
        tries,
    }))
}

/// Gives a document back, for whoever tries it from `at` on.
///
/// # Errors
/// [`StoreError`].
pub async fn leave_upload(db: &Db, entry: i64, at: DateTime<Utc>) -> Result<(), StoreError> {
    let update = sql("UPDATE knowledge_uploads SET taken_until = $2 WHERE entry_id = $1");
    db.exec(update.bind(entry).bind(at)).await.map(drop)
}

/// Gives back all documents that anybody took.
///
/// # Errors
/// [`StoreError`].
pub async fn leave_all_uploads(db: &Db) -> Result<(), StoreError> {
    db.exec(sql("UPDATE knowledge_uploads SET taken_until = NULL")).await.map(drop)
}

/// Drops a document: its text has been extracted, or cannot be.
///
/// # Errors
/// [`StoreError`].
pub async fn drop_upload(tx: &mut Tx, entry: i64) -> Result<(), StoreError> {
    let delete = sql("DELETE FROM knowledge_uploads WHERE entry_id = $1");
    tx.exec(delete.bind(entry)).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_searched_stands_for_itself() {
        assert_eq!(anywhere("50%_Off\\"), "%50\\%\\_off\\\\%");
    }
}
