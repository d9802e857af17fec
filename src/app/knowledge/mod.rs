//! The knowledge base: what the agent may answer from. Texts are cut into passages at once; documents
//! are read in the background (`reading`); `search` finds passages for a caller's question.

use documents::{
    chunk::{ChunkPolicy, chunks},
    extract::{self, BadDocument, Kind, Limits},
};
use serde_json::{Value, json};

use super::{App, Error, error::Attempt, storable};
use crate::{
    domain::{
        Actor, BusinessId, Right, TenantId,
        knowledge::{Entry, EntryDraft, Processing, STATUS_KEY},
    },
    store::{
        self, Tx,
        knowledge::{NewChunk, Wanted},
        page::{Page, Paged},
    },
};

mod reading;
mod search;
pub(super) mod shelf;
mod words;

pub use reading::READER_ARGUMENT;
pub use search::Reach;

const NOT_FOUND: Error = Error::NotFound("Knowledge entry");

/// Characters of a passage, at most: what the model of meaning reads, and a voice can say.
const PASSAGE: usize = 450;
/// Passages of one entry, and of all of a tenant's.
const MOST_PASSAGES: usize = 4_000;
const MOST_OF_A_TENANT: i64 = 20_000;
/// Characters of an entry's text: some 180 pages.
const LONGEST_CONTENT: usize = 500_000;
/// Characters of a title, of a source, of its type.
const LONGEST_TITLE: usize = 500;
const LONGEST_SOURCE: usize = 2_000;
const LONGEST_TYPE: usize = 100;
/// Bytes of an entry's metadata.
const LONGEST_METADATA: usize = 64 * 1024;
/// Stands between an entry's title and the headings above a passage.
const BETWEEN_HEADINGS: &str = " › ";

/// Bytes of a document, 10 MiB.
pub const LARGEST_DOCUMENT: usize = 10 << 20;

/// A document that someone uploads.
#[derive(Clone, Debug)]
pub struct Document {
    pub file_name: String,
    /// Unset: the file's name.
    pub title: Option<String>,
    pub business: Option<BusinessId>,
    pub bytes: Vec<u8>,
}

/// What reading a document may cost.
fn limits() -> Limits {
    Limits { file: LARGEST_DOCUMENT, characters: LONGEST_CONTENT, ..Limits::default() }
}

impl App {
    /// A page of the entries, newest first.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub async fn list_knowledge(
        &self,
        actor: &Actor,
        wanted: Wanted,
        page: Page,
    ) -> Result<Paged<Entry>, Error> {
        actor.may(Right::SignedIn)?;
        if let Some(search) = &wanted.search {
            storable::text("search", search)?;
        }
        let listed = store::knowledge::list(&self.db, actor.tenant, &wanted, page).await;
        listed.attempt("list the knowledge")
    }

    /// Adds a text.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub async fn add_knowledge(&self, actor: &Actor, draft: EntryDraft) -> Result<Entry, Error> {
        actor.may(Right::Write)?;
        let mut tx = self.db.begin().await.attempt("add the entry")?;
        let entry = self.add_entry(&mut tx, actor, draft).await?;
        tx.commit().await.attempt("add the entry")?;
        self.shelf.forget(actor.tenant);
        Ok(entry)
    }

    /// Adds a text with its passages, in the transaction that makes it.
    pub(super) async fn add_entry(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        draft: EntryDraft,
    ) -> Result<Entry, Error> {
        let content = draft.content.as_str();
        if content.trim().is_empty() || content.chars().count() > LONGEST_CONTENT {
            let wrong = format!("must have from 1 to {LONGEST_CONTENT} characters");
            return Err(Error::invalid("content", wrong));
        }
        storable::text("content", content)?;
        let passages = passages(&draft.title, content)
            .map_err(|_| Error::invalid("content", "makes too many passages; add it in parts"))?;
        let entry = self.keep_entry(tx, actor, draft, "knowledge.create").await?;
        self.must_fit(tx, actor.tenant, ("content", 0)).await?;
        if !self.keep_passages(tx, actor.tenant, entry.id, passages).await? {
            return Err(Error::invalid("content", FULL));
        }
        Ok(entry)
    }

    /// Adds a document, whose text is extracted in the background.
    ///
    /// # Errors
    /// [`Error::InvalidFile`], [`Error::Invalid`]; the latter also where the tenant has as much
    /// knowledge as it may.
    pub async fn upload_knowledge(
        &self,
        actor: &Actor,
        document: Document,
    ) -> Result<Entry, Error> {
        actor.may(Right::Write)?;
        let Document { file_name, title, business, bytes } = document;
        let source_type = kind_of(&bytes).map_err(|bad| Error::InvalidFile(bad.to_string()))?;
        let file_name = plain_name(&file_name);
        let named = || if file_name.is_empty() { "Document".to_owned() } else { file_name.clone() };
        let title = title.filter(|title| !title.trim().is_empty()).unwrap_or_else(named);
        let metadata = json!({
            STATUS_KEY: Processing::Processing.name(), "file_name": file_name,
            "file_size": bytes.len(),
        });
        let Value::Object(metadata) = metadata else { unreachable!("it is written as one") };
        let draft = EntryDraft {
            business,
            title,
            content: String::new(),
            source: (!file_name.is_empty()).then_some(file_name),
            source_type: Some(source_type.to_owned()),
            metadata,
        };
        let mut tx = self.db.begin().await.attempt("add the document")?;
        let entry = self.keep_entry(&mut tx, actor, draft, "knowledge.upload").await?;
        self.must_fit(&mut tx, actor.tenant, ("file", bytes.len())).await?;
        store::knowledge::put_upload(&mut tx, actor.tenant, entry.id, bytes)
            .await
            .attempt("keep the document")?;
        tx.commit().await.attempt("add the document")?;
        self.shelf.work.notify_one();
        Ok(entry)
    }

    /// Waits until another document may be read into memory; it may while what this gives is held.
    ///
    /// # Errors
    /// Never: nothing closes it.
    pub async fn upload_turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Error> {
        self.shelf.uploads.acquire().await.map_err(|error| Error::Internal {
            attempt: "taking an upload",
            why: error.to_string(),
        })
    }

    /// Removes an entry: the agent does not answer from it any more.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_knowledge(&self, actor: &Actor, id: i64) -> Result<(), Error> {
        actor.may(Right::Write)?;
        let mut tx = self.db.begin().await.attempt("remove the entry")?;
        let found = store::knowledge::find_in(&mut tx, actor.tenant, id).await;
        let entry = found.attempt("find the entry")?.ok_or(NOT_FOUND)?;
        store::knowledge::remove(&mut tx, actor.tenant, id).await.attempt("remove the entry")?;
        let before = Some(json!({"title": entry.title, "source": entry.source}));
        let entity = ("knowledge", id.to_string());
        self.audit(&mut tx, actor, "knowledge.delete", entity, (before, None)).await?;
        self.knowledge_changes(&mut tx, actor.tenant).await?;
        tx.commit().await.attempt("remove the entry")?;
        self.shelf.forget(actor.tenant);
        Ok(())
    }

    /// Whether the tenant may have what it has in this transaction, and so many bytes more; the field
    /// would be to blame.
    async fn must_fit(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        (field, more): (&'static str, usize),
    ) -> Result<(), Error> {
        // Others who change the same knowledge wait from here on: each counts what is there.
        self.knowledge_changes(tx, tenant).await?;
        let held = store::knowledge::held(tx, tenant).await;
        let (entries, bytes) = held.attempt("measure the knowledge")?;
        let most = self.settings.knowledge;
        let fits = entries <= i64::from(most.entries)
            && bytes.saturating_add_unsigned(more as u64) <= i64::from(most.mib) << 20;
        if fits { Ok(()) } else { Err(Error::invalid(field, FULL)) }
    }

    async fn keep_entry(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        draft: EntryDraft,
        action: &'static str,
    ) -> Result<Entry, Error> {
        let draft = EntryDraft { title: draft.title.trim().to_owned(), ..draft };
        check(&draft)?;
        if let Some(business) = draft.business {
            let found = store::configs::find_in(tx, actor.tenant, business).await;
            if found.attempt("find the configuration")?.is_none() {
                return Err(Error::invalid("business_id", "names no business configuration"));
            }
        }
        let entry = store::knowledge::add(tx, actor.tenant, draft, self.clock.now()).await;
        let entry = entry.attempt("add the entry")?;
        let after = json!({
            "title": entry.title, "source": entry.source,
            "business_id": entry.business.map(|id| id.to_string()),
        });
        let entity = ("knowledge", entry.id.to_string());
        self.audit(tx, actor, action, entity, (None, Some(after))).await?;
        Ok(entry)
    }

    /// Keeps an entry's passages; false if the tenant would have more than it may.
    async fn keep_passages(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        entry: i64,
        passages: Vec<NewChunk>,
    ) -> Result<bool, Error> {
        let kept = store::knowledge::count_chunks(tx, tenant).await;
        let kept = kept.attempt("count the passages")?;
        if kept.saturating_add_unsigned(passages.len() as u64) > MOST_OF_A_TENANT {
            return Ok(false);
        }
        let put = store::knowledge::put_chunks(tx, tenant, entry, passages).await;
        put.attempt("keep the passages")?;
        Ok(true)
    }

    /// Notes that the tenant's knowledge has changed, in the transaction that changes it.
    pub(super) async fn knowledge_changes(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
    ) -> Result<(), Error> {
        store::knowledge::changed(tx, tenant).await.attempt("note the change")
    }
}

/// Said when a tenant has as much knowledge as it may.
const FULL: &str = "does not fit: the knowledge base is full; remove entries first";

/// A text cut into passages, each under its headings.
fn passages(title: &str, text: &str) -> Result<Vec<NewChunk>, documents::chunk::TooManyChunks> {
    let policy = ChunkPolicy { target: PASSAGE, most: MOST_PASSAGES };
    let cut = chunks(text, &policy)?;
    let passage = |chunk: &documents::chunk::Chunk| {
        let headings = std::iter::once(title.trim().to_owned()).chain(chunk.headings.clone());
        let heading = headings.collect::<Vec<_>>().join(BETWEEN_HEADINGS);
        NewChunk { heading, text: chunk.text(text).to_owned() }
    };
    Ok(cut.iter().map(passage).collect())
}

/// What a document is, by its content, in the words of `source_type`.
fn kind_of(bytes: &[u8]) -> Result<&'static str, BadDocument> {
    if bytes.len() > LARGEST_DOCUMENT {
        return Err(BadDocument::TooLarge { most: LARGEST_DOCUMENT });
    }
    match extract::sniff(bytes) {
        Kind::Pdf => Ok("pdf"),
        Kind::Docx => Ok("docx"),
        Kind::Text => Ok("txt"),
        // What is of no kind is refused before anything of it is read.
        Kind::Unknown => match extract::extract(bytes, &limits()) {
            Err(bad) => Err(bad),
            Ok(_) => Err(BadDocument::UnknownKind),
        },
    }
}

/// A file's name without folders and without what cannot be shown.
fn plain_name(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let shown: String = name.chars().filter(|c| !c.is_control()).take(255).collect();
    shown.trim().to_owned()
}

fn check(draft: &EntryDraft) -> Result<(), Error> {
    let fits = |field, text: &str, least: usize, most: usize| {
        storable::text(field, text)?;
        match (least..=most).contains(&text.chars().count()) {
            true => Ok(()),
            false => {
                let wrong = format!("must have from {least} to {most} characters");
                Err(Error::invalid(field, wrong))
            }
        }
    };
    fits("title", &draft.title, 1, LONGEST_TITLE)?;
    fits("source", draft.source.as_deref().unwrap_or_default(), 0, LONGEST_SOURCE)?;
    fits("source_type", draft.source_type.as_deref().unwrap_or_default(), 0, LONGEST_TYPE)?;
    storable::object("metadata", &draft.metadata)?;
    let size = serde_json::to_string(&draft.metadata).map_or(usize::MAX, |text| text.len());
    if size > LONGEST_METADATA {
        let wrong = format!("must have at most {LONGEST_METADATA} bytes");
        return Err(Error::invalid("metadata", wrong));
    }
    Ok(())
}
