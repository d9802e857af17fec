//! Work on the knowledge that outlives a request: the text of documents, the vectors of passages, and
//! the counts of what was used. All of it is in the database until it is done, so a restart loses
//! none.

use std::sync::Arc;

use chrono::TimeDelta;
use documents::extract::{BadDocument, Extracted, run_in_child};
use serde_json::json;

use super::{FULL, limits, passages, shelf};
use crate::{
    app::{App, Error, error::Attempt},
    domain::{
        TenantId,
        knowledge::{Entry, Processing, REASON_KEY, STATUS_KEY},
    },
    store::{
        Tx,
        knowledge::{self, Upload},
    },
};

/// The argument with which this program reads a document from its standard input.
pub const READER_ARGUMENT: &str = "extract-text";

/// Whoever took a document has it so long: more than reading one may take.
const LEASE: TimeDelta = TimeDelta::seconds(90);
/// After our own failure a document is tried again so much later.
const AGAIN_AFTER: TimeDelta = TimeDelta::seconds(30);
/// Times that a document is begun: one that ends the process each time is given up.
const MOST_TRIES: i64 = 3;
/// Passages whose vectors are made between two looks at what else there is to do.
const PASSAGES_AT_ONCE: i64 = 16;

impl App {
    /// Does the next piece of work on the knowledge; false if there is none.
    ///
    /// # Errors
    /// The store failed, or the model did; the work is still to be done.
    pub async fn work_on_knowledge(&self) -> Result<bool, Error> {
        let now = self.clock.now();
        let taken = knowledge::take_upload(&self.db, now, now + LEASE).await;
        if let Some(upload) = taken.attempt("take a document")? {
            self.read_document(upload).await?;
            return Ok(true);
        }
        self.make_vectors().await
    }

    /// Told when there is work on the knowledge.
    pub(crate) fn knowledge_work(&self) -> Arc<tokio::sync::Notify> {
        Arc::clone(&self.shelf.work)
    }

    /// Writes down how often entries have been answered from.
    ///
    /// # Errors
    /// [`Error::Store`]; what was not written is lost.
    pub async fn count_knowledge_use(&self) -> Result<(), Error> {
        let uses = self.shelf.take_uses();
        if uses.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let mut tx = self.db.begin().await.attempt("count the answers")?;
        for (tenant, entry, times) in uses {
            let counted = knowledge::count_use(&mut tx, tenant, entry, times, now).await;
            counted.attempt("count the answers")?;
        }
        tx.commit().await.attempt("count the answers")
    }

    async fn read_document(&self, upload: Upload) -> Result<(), Error> {
        let Upload { entry, tenant, bytes, tries } = upload;
        if tries > MOST_TRIES {
            return self.finish_document(entry, tenant, Err(BadDocument::Crashed)).await;
        }
        let reader = self.settings.document_reader.clone();
        let read = tokio::task::spawn_blocking(move || {
            run_in_child(&reader, &[READER_ARGUMENT], &bytes, &limits())
        });
        let read = read.await.map_err(|error| Error::Internal {
            attempt: "reading a document",
            why: error.to_string(),
        })?;
        match read {
            Err(bad) if bad.is_ours() && tries < MOST_TRIES => {
                // Its words are for the operator; what the document holds is not in them.
                tracing::error!(entry, why = ?bad, "a document could not be read, and is tried again");
                let at = self.clock.now() + AGAIN_AFTER;
                knowledge::leave_upload(&self.db, entry, at).await.attempt("leave the document")
            }
            read => self.finish_document(entry, tenant, read).await,
        }
    }

    async fn finish_document(
        &self,
        id: i64,
        tenant: TenantId,
        read: Result<Extracted, BadDocument>,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin().await.attempt("keep the document's text")?;
        let found = knowledge::find_in(&mut tx, tenant, id).await.attempt("find the entry")?;
        // Removed meanwhile, and the document with it.
        let Some(mut entry) = found else { return Ok(()) };
        entry.updated_at = self.clock.now();
        let outcome = match read {
            Ok(extracted) => self.take_text(&mut tx, &mut entry, extracted).await?,
            Err(bad) => Err(bad.to_string()),
        };
        let status = match outcome {
            Ok(()) => Processing::Completed,
            Err(why) => {
                entry.metadata.insert(REASON_KEY.to_owned(), json!(why));
                Processing::Failed
            }
        };
        entry.metadata.insert(STATUS_KEY.to_owned(), json!(status.name()));
        knowledge::replace(&mut tx, &entry).await.attempt("keep the document's text")?;
        knowledge::drop_upload(&mut tx, id).await.attempt("drop the document")?;
        self.knowledge_changes(&mut tx, tenant).await?;
        tx.commit().await.attempt("keep the document's text")?;
        self.shelf.forget(tenant);
        metrics::counter!("tandem_documents_total", "outcome" => status.name()).increment(1);
        Ok(())
    }

    /// Takes the text into the entry, or says why not.
    async fn take_text(
        &self,
        tx: &mut Tx,
        entry: &mut Entry,
        extracted: Extracted,
    ) -> Result<Result<(), String>, Error> {
        let passages = match passages(&entry.title, &extracted.text) {
            Ok(passages) => passages,
            Err(too_many) => return Ok(Err(too_many.to_string())),
        };
        if !self.keep_passages(tx, entry.tenant, entry.id, passages).await? {
            return Ok(Err(format!("The document {FULL}.")));
        }
        if let Some(pages) = extracted.pages {
            entry.metadata.insert("pages".to_owned(), json!(pages));
        }
        entry.content = extracted.text;
        Ok(Ok(()))
    }

    /// Makes the vectors of the next passages that have none; false if none are left, or no model is
    /// there.
    async fn make_vectors(&self) -> Result<bool, Error> {
        let Some(embedder) = self.shelf.embedder().map(Arc::clone) else { return Ok(false) };
        let rows = knowledge::without_vectors(&self.db, shelf::MODEL, PASSAGES_AT_ONCE).await;
        let rows = rows.attempt("find passages")?;
        if rows.is_empty() {
            return Ok(false);
        }
        let mut made = Vec::with_capacity(rows.len());
        for (id, tenant, heading, text) in rows {
            let keys = shelf::keys(&heading, &text);
            let vectors = embedder.embed(keys).await.map_err(|error| Error::Internal {
                attempt: "making vectors",
                why: error.to_string(),
            })?;
            made.push((id, TenantId::from(tenant), shelf::bytes(&vectors)));
        }
        let mut tenants: Vec<TenantId> = made.iter().map(|(_, tenant, _)| *tenant).collect();
        tenants.sort_unstable();
        tenants.dedup();
        let mut tx = self.db.begin().await.attempt("keep vectors")?;
        for (id, _, vectors) in made {
            let put = knowledge::put_vectors(&mut tx, id, vectors, shelf::MODEL).await;
            put.attempt("keep vectors")?;
        }
        for tenant in &tenants {
            self.knowledge_changes(&mut tx, *tenant).await?;
        }
        tx.commit().await.attempt("keep vectors")?;
        tenants.into_iter().for_each(|tenant| self.shelf.forget(tenant));
        Ok(true)
    }
}
