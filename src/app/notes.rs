//! Notes about calls.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{App, Error, error::Attempt};
use crate::{
    domain::{Actor, CallId, Note, NoteDraft, Right},
    store::{
        Tx, calls, notes,
        page::{Page, Paged},
    },
};

const NOT_FOUND: Error = Error::NotFound("Note");

impl App {
    /// A page of a call's notes, newest first.
    ///
    /// # Errors
    /// As [`App::call`].
    pub async fn list_notes(
        &self,
        actor: &Actor,
        call: CallId,
        page: Page,
    ) -> Result<Paged<Note>, Error> {
        self.call(actor, call).await?;
        notes::list(&self.db, actor.tenant, call, page).await.attempt("list the notes")
    }

    /// Adds a note in the actor's name.
    ///
    /// # Errors
    /// [`Error::NoSuchCall`]; [`Error::Invalid`] of a blank one.
    pub async fn add_note(
        &self,
        actor: &Actor,
        call: CallId,
        draft: NoteDraft,
    ) -> Result<Note, Error> {
        actor.may(Right::Write)?;
        let mut note = drafted(blank(actor, call, self.clock.now()), draft)?;
        let mut tx = self.db.begin().await.attempt("add the note")?;
        let found = calls::find_in(&mut tx, actor.tenant, call).await.attempt("find the call")?;
        found.ok_or(Error::NoSuchCall)?;
        note.id = notes::add(&mut tx, actor.tenant, &note).await.attempt("add the note")?;
        let change = (None, Some(told(&note)));
        self.audit(&mut tx, actor, "note.create", entity(&note), change).await?;
        tx.commit().await.attempt("add the note")?;
        Ok(note)
    }

    /// Changes a note: one's own, or as an administrator anybody's. Its author stays.
    ///
    /// # Errors
    /// [`Error::NoSuchCall`], [`Error::NotFound`],
    /// [`Error::Invalid`] of a blank one.
    pub async fn update_note(
        &self,
        actor: &Actor,
        call: CallId,
        id: i64,
        draft: NoteDraft,
    ) -> Result<Note, Error> {
        actor.may(Right::Write)?;
        let mut tx = self.db.begin().await.attempt("change the note")?;
        let before = changeable(&mut tx, actor, call, id).await?;
        let mut after = drafted(before.clone(), draft)?;
        after.updated_at = self.clock.now();
        notes::update(&mut tx, actor.tenant, &after).await.attempt("change the note")?;
        let change = (Some(told(&before)), Some(told(&after)));
        self.audit(&mut tx, actor, "note.update", entity(&after), change).await?;
        tx.commit().await.attempt("change the note")?;
        Ok(after)
    }

    /// Removes a note, whoever wrote it.
    ///
    /// # Errors
    /// [`Error::NoSuchCall`], [`Error::NotFound`].
    pub async fn delete_note(&self, actor: &Actor, call: CallId, id: i64) -> Result<(), Error> {
        actor.may(Right::Write)?;
        let mut tx = self.db.begin().await.attempt("remove the note")?;
        let note = changeable(&mut tx, actor, call, id).await?;
        notes::remove(&mut tx, actor.tenant, id).await.attempt("remove the note")?;
        let change = (Some(told(&note)), None);
        self.audit(&mut tx, actor, "note.delete", entity(&note), change).await?;
        tx.commit().await.attempt("remove the note")
    }
}

/// A note of the actor's that says nothing yet.
pub(super) fn blank(actor: &Actor, call: CallId, now: DateTime<Utc>) -> Note {
    Note {
        id: 0,
        call,
        author: actor.user,
        author_name: Some(actor.name.clone()),
        text: String::new(),
        category: None,
        tags: Vec::new(),
        created_at: now,
        updated_at: now,
    }
}

/// A note that the actor may change.
async fn changeable(tx: &mut Tx, actor: &Actor, call: CallId, id: i64) -> Result<Note, Error> {
    let found = calls::find_in(tx, actor.tenant, call).await.attempt("find the call")?;
    found.ok_or(Error::NoSuchCall)?;
    let note = notes::find_in(tx, actor.tenant, call, id).await.attempt("find the note")?;
    note.ok_or(NOT_FOUND)
}

/// The note as the draft says.
fn drafted(mut note: Note, draft: NoteDraft) -> Result<Note, Error> {
    note.text = draft.text.unwrap_or(note.text).trim().to_owned();
    if note.text.is_empty() {
        return Err(Error::invalid("note", "must not be blank"));
    }
    let category = draft.category.or(note.category);
    note.category = category.filter(|category| !category.trim().is_empty());
    note.tags = draft.tags.unwrap_or(note.tags);
    Ok(note)
}

fn entity(note: &Note) -> (&'static str, String) {
    ("note", note.id.to_string())
}

/// As the audit keeps it.
fn told(note: &Note) -> Value {
    json!({
        "call": note.call.to_string(), "note": note.text, "category": note.category,
        "tags": note.tags,
    })
}
