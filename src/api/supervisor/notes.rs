//! `/api/v1/calls/{call_id}/notes`.

use axum::{Json, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    context::{Cx, SeeCalls, Write},
    error::{ErrorResponse, Problem},
    input::{Body, Id, NoteNumber, Params, given},
    page::{Pagination, Paging},
    wire::{SuccessMessage, record::CallNote},
};
use crate::domain::{CallId, NoteDraft};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    page: Option<i64>,
    limit: Option<i64>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct NoteList {
    notes: Vec<CallNote>,
    pagination: Pagination,
}

/// List call notes
#[utoipa::path(
    get, path = "/calls/{call_id}/notes", operation_id = "list_call_notes", tag = "Calls",
    params(("call_id" = String, Path), ListParams),
    responses(
        (status = 200, body = NoteList), (status = 400, body = ErrorResponse),
        (status = 404, body = ErrorResponse),
    )
)]
pub(super) async fn list_call_notes(
    cx: Cx<SeeCalls>,
    Id(call): Id<CallId>,
    Params(params): Params<ListParams>,
) -> Result<Json<NoteList>, Problem> {
    let page = Paging::new(params.page, params.limit).page()?;
    let notes = cx.app.list_notes(&cx.actor, call, page).await?;
    let pagination = Pagination::of(page, notes.total);
    Ok(Json(NoteList { notes: notes.items.iter().map(CallNote::from).collect(), pagination }))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct NewNote {
    /// Required, not blank
    note: String,
    /// Optional tags
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    tags: Option<Vec<String>>,
    /// Optional category
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    category: Option<String>,
}

impl From<NewNote> for NoteDraft {
    fn from(input: NewNote) -> Self {
        NoteDraft { text: Some(input.note), category: input.category, tags: input.tags }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct NoteAdded {
    success: bool,
    note_id: i64,
    message: String,
}

/// Add a note to a call
#[utoipa::path(
    post, path = "/calls/{call_id}/notes", operation_id = "add_call_note", tag = "Calls",
    params(("call_id" = String, Path)), request_body = NewNote,
    responses(
        (status = 201, body = NoteAdded), (status = 400, body = ErrorResponse),
        (status = 404, body = ErrorResponse),
    )
)]
pub(super) async fn add_call_note(
    cx: Cx<Write>,
    Id(call): Id<CallId>,
    Body(input): Body<NewNote>,
) -> Result<(StatusCode, Json<NoteAdded>), Problem> {
    let note = cx.app.add_note(&cx.actor, call, input.into()).await?;
    let message = "Note added".to_owned();
    Ok((StatusCode::CREATED, Json(NoteAdded { success: true, note_id: note.id, message })))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct NoteChange {
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    note: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    tags: Option<Vec<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    category: Option<String>,
}

impl From<NoteChange> for NoteDraft {
    fn from(input: NoteChange) -> Self {
        NoteDraft { text: input.note, category: input.category, tags: input.tags }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct NoteChanged {
    success: bool,
    note_id: i64,
    note: CallNote,
    message: String,
}

/// Update a call note
#[utoipa::path(
    put, path = "/calls/{call_id}/notes/{note_id}", operation_id = "update_call_note",
    tag = "Calls", params(("call_id" = String, Path), ("note_id" = i64, Path)),
    request_body = NoteChange,
    responses(
        (status = 200, body = NoteChanged), (status = 400, body = ErrorResponse),
        (status = 404, body = ErrorResponse),
    )
)]
pub(super) async fn update_call_note(
    cx: Cx<Write>,
    Id(call): Id<CallId>,
    Id(NoteNumber(id)): Id<NoteNumber>,
    Body(input): Body<NoteChange>,
) -> Result<Json<NoteChanged>, Problem> {
    let note = cx.app.update_note(&cx.actor, call, id, input.into()).await?;
    let message = "Note updated".to_owned();
    let changed = NoteChanged { success: true, note_id: id, note: CallNote::from(&note), message };
    Ok(Json(changed))
}

/// Delete a call note
#[utoipa::path(
    delete, path = "/calls/{call_id}/notes/{note_id}", operation_id = "delete_call_note",
    tag = "Calls", params(("call_id" = String, Path), ("note_id" = i64, Path)),
    responses((status = 200, body = SuccessMessage), (status = 404, body = ErrorResponse))
)]
pub(super) async fn delete_call_note(
    cx: Cx<Write>,
    Id(call): Id<CallId>,
    Id(NoteNumber(id)): Id<NoteNumber>,
) -> Result<Json<SuccessMessage>, Problem> {
    cx.app.delete_note(&cx.actor, call, id).await?;
    Ok(Json(SuccessMessage::of("Note deleted")))
}
