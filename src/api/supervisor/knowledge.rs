//! `/api/v1/knowledge`.

use std::time::Duration;

use axum::{
    Json,
    extract::{FromRequest, Multipart, Request, multipart::Field},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use utoipa::{IntoParams, ToSchema};

use super::{
    context::{Cx, SignedIn, Write},
    error::{ErrorResponse, Problem},
    input::{Body, EntryNumber, Id, Params},
    page::{Pagination, Paging},
    wire::{
        SuccessMessage,
        knowledge::{KnowledgeEntry, KnowledgeEntryInput, business_id},
    },
};
use crate::{
    app::{Document, Error, LARGEST_DOCUMENT},
    domain::knowledge::Processing,
    store::knowledge::Wanted,
};

/// Bytes of a whole upload. What is beyond the largest document is read and dropped, so that the
/// client hears why it is refused; beyond this it is cut off.
pub(super) const LARGEST_UPLOAD: usize = 32 << 20;
/// Bytes of a field that is no file.
/// How long an upload waits for its turn, and how long sending it may take.
const TURN_WITHIN: Duration = Duration::from_secs(10);
const SENT_WITHIN: Duration = Duration::from_secs(120);
const LONGEST_FIELD: usize = 16 << 10;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    business_id: Option<String>,
    page: Option<i64>,
    limit: Option<i64>,
    /// Part of title or content, any case
    search: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct EntryList {
    entries: Vec<KnowledgeEntry>,
    pagination: Pagination,
}

#[derive(Serialize, ToSchema)]
pub(super) struct EntryAdded {
    entry: KnowledgeEntry,
    message: String,
}

/// List knowledge base entries
#[utoipa::path(
    get, path = "/knowledge", operation_id = "list_knowledge_entries", tag = "Knowledge",
    params(ListParams),
    responses((status = 200, body = EntryList), (status = 400, body = ErrorResponse))
)]
pub(super) async fn list_knowledge_entries(
    cx: Cx<SignedIn>,
    Params(params): Params<ListParams>,
) -> Result<Json<EntryList>, Problem> {
    let page = Paging::new(params.page, params.limit).page()?;
    let business = params.business_id.filter(|id| !id.is_empty());
    let wanted = Wanted {
        business: business.as_deref().map(business_id).transpose()?,
        search: params.search.filter(|search| !search.is_empty()),
    };
    let entries = cx.app.list_knowledge(&cx.actor, wanted, page).await?;
    let pagination = Pagination::of(page, entries.total);
    let entries = entries.items.iter().map(KnowledgeEntry::from).collect();
    Ok(Json(EntryList { entries, pagination }))
}

/// Add a knowledge base entry
#[utoipa::path(
    post, path = "/knowledge", operation_id = "add_knowledge_entry", tag = "Knowledge",
    request_body = KnowledgeEntryInput,
    responses((status = 201, body = EntryAdded), (status = 400, body = ErrorResponse))
)]
pub(super) async fn add_knowledge_entry(
    cx: Cx<Write>,
    Body(input): Body<KnowledgeEntryInput>,
) -> Result<(StatusCode, Json<EntryAdded>), Problem> {
    let entry = cx.app.add_knowledge(&cx.actor, input.try_into()?).await?;
    let message = "Entry created".to_owned();
    Ok((StatusCode::CREATED, Json(EntryAdded { entry: (&entry).into(), message })))
}

/// An upload's fields, for the description alone.
#[derive(ToSchema)]
#[allow(dead_code)]
pub(super) struct UploadInput {
    /// PDF, DOCX, TXT
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    #[schema(nullable = false)]
    business_id: Option<String>,
    /// Default: the file name
    #[schema(nullable = false)]
    title: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct UploadAccepted {
    entry: KnowledgeEntry,
    message: String,
    /// processing, completed, failed
    processing_status: &'static str,
}

/// Upload a document to the knowledge base
#[utoipa::path(
    post, path = "/knowledge/upload", operation_id = "upload_knowledge_document",
    tag = "Knowledge",
    request_body(content = UploadInput, content_type = "multipart/form-data"),
    responses((status = 202, body = UploadAccepted), (status = 400, body = ErrorResponse))
)]
pub(super) async fn upload_knowledge_document(
    cx: Cx<Write>,
    request: Request,
) -> Result<(StatusCode, Json<UploadAccepted>), Problem> {
    let turn = timeout(TURN_WITHIN, cx.app.upload_turn());
    let turn = turn.await.map_err(|_| crate::app::Error::TooOften { retry_after: 10 })??;
    let document = timeout(SENT_WITHIN, document(request));
    let document =
        document.await.map_err(|_| Problem::invalid("file", "was sent too slowly"))??;
    let entry = cx.app.upload_knowledge(&cx.actor, document).await?;
    drop(turn);
    let processing_status = Processing::Processing.name();
    let message = "Document accepted; its text is being extracted".to_owned();
    let accepted = UploadAccepted { entry: (&entry).into(), message, processing_status };
    Ok((StatusCode::ACCEPTED, Json(accepted)))
}

/// Delete a knowledge base entry
#[utoipa::path(
    delete, path = "/knowledge/{entry_id}", operation_id = "delete_knowledge_entry",
    tag = "Knowledge", params(("entry_id" = i64, Path)),
    responses((status = 200, body = SuccessMessage), (status = 404, body = ErrorResponse))
)]
pub(super) async fn delete_knowledge_entry(
    cx: Cx<Write>,
    Id(id): Id<EntryNumber>,
) -> Result<Json<SuccessMessage>, Problem> {
    cx.app.delete_knowledge(&cx.actor, id.0).await?;
    Ok(Json(SuccessMessage::of("Entry deleted")))
}

/// Reads the form: one file and what is said of it. Fields of other names are passed over.
async fn document(request: Request) -> Result<Document, Problem> {
    let form = Multipart::from_request(request, &()).await;
    let mut form =
        form.map_err(|_| Problem::invalid("", "The body must be multipart/form-data"))?;
    let (mut file, mut title, mut business) = (None, None, None);
    while let Some(field) = form.next_field().await.map_err(broken)? {
        match field.name() {
            Some("file") if file.is_none() => {
                let name = field.file_name().unwrap_or_default().to_owned();
                let Some(bytes) = read(field, LARGEST_DOCUMENT).await? else {
                    return Err(too_large());
                };
                file = Some((name, bytes));
            }
            Some("file") => return Err(Problem::invalid("file", "must be one file")),
            Some("title") => title = Some(text(field, "title").await?),
            Some("business_id") => business = Some(text(field, "business_id").await?),
            _ => {}
        }
    }
    let (file_name, bytes) = file.ok_or_else(|| Problem::invalid("file", "is missing"))?;
    // A form sends the fields that were left empty, too.
    let business = business.filter(|id| !id.is_empty());
    let business = business.as_deref().map(business_id).transpose()?;
    Ok(Document { file_name, title, business, bytes })
}

/// The whole field; none if it is longer than this, which is read all the same.
async fn read(mut field: Field<'_>, most: usize) -> Result<Option<Vec<u8>>, Problem> {
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(piece) = field.chunk().await.map_err(broken)? {
        length += piece.len();
        if length <= most {
            bytes.extend_from_slice(&piece);
        }
    }
    Ok((length <= most).then_some(bytes))
}

async fn text(field: Field<'_>, name: &str) -> Result<String, Problem> {
    let bytes = read(field, LONGEST_FIELD).await?;
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(|text| text.trim().to_owned())
        .ok_or_else(|| Problem::invalid(name, "must be a text of at most 16 KiB"))
}

fn too_large() -> Problem {
    let most = LARGEST_DOCUMENT >> 20;
    Error::InvalidFile(format!("The file is larger than {most} MiB.")).into()
}

fn broken(error: axum::extract::multipart::MultipartError) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        _ => Problem::invalid("", "The body is no whole multipart/form-data"),
    }
}
