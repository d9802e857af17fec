//! `/api/v1/notifications`: those of whoever asks.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    context::{Cx, SignedIn},
    error::{ErrorResponse, Problem},
    input::{Id, NotificationNumber, Params},
    page::{Pagination, Paging},
    wire::{SuccessMessage, record::Notification},
};
use crate::store::notifications::Wanted;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// Filter unread only
    unread_only: Option<bool>,
    /// Filter by type
    r#type: Option<String>,
    page: Option<i64>,
    limit: Option<i64>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct NotificationList {
    notifications: Vec<Notification>,
    pagination: Pagination,
}

/// List notifications of the current user
#[utoipa::path(
    get, path = "/notifications", operation_id = "list_notifications", tag = "Notifications",
    params(ListParams),
    responses((status = 200, body = NotificationList), (status = 400, body = ErrorResponse))
)]
pub(super) async fn list_notifications(
    cx: Cx<SignedIn>,
    Params(params): Params<ListParams>,
) -> Result<Json<NotificationList>, Problem> {
    let page = Paging::new(params.page, params.limit).page()?;
    let kind = params.r#type.filter(|kind| !kind.is_empty());
    let wanted = Wanted { unread_only: params.unread_only.unwrap_or(false), kind };
    let listed = cx.app.list_notifications(&cx.actor, &wanted, page).await?;
    let pagination = Pagination::of(page, listed.total);
    let notifications = listed.items.iter().map(Notification::from).collect();
    Ok(Json(NotificationList { notifications, pagination }))
}

#[derive(Serialize, ToSchema)]
pub(super) struct UnreadCount {
    #[schema(minimum = 0)]
    unread_count: i64,
}

/// Get unread notification count
#[utoipa::path(
    get, path = "/notifications/unread-count", operation_id = "get_unread_notification_count",
    tag = "Notifications", responses((status = 200, body = UnreadCount))
)]
pub(super) async fn get_unread_notification_count(
    cx: Cx<SignedIn>,
) -> Result<Json<UnreadCount>, Problem> {
    Ok(Json(UnreadCount { unread_count: cx.app.count_unread(&cx.actor).await? }))
}

#[derive(Serialize, ToSchema)]
pub(super) struct AllRead {
    success: bool,
    message: String,
    #[schema(minimum = 0)]
    updated: u64,
}

/// Mark all notifications as read
#[utoipa::path(
    patch, path = "/notifications/read-all", operation_id = "mark_all_notifications_read",
    tag = "Notifications", responses((status = 200, body = AllRead))
)]
pub(super) async fn mark_all_notifications_read(
    cx: Cx<SignedIn>,
) -> Result<Json<AllRead>, Problem> {
    let updated = cx.app.read_all_notifications(&cx.actor).await?;
    Ok(Json(AllRead { success: true, message: "Notifications marked as read".to_owned(), updated }))
}

#[derive(Serialize, ToSchema)]
pub(super) struct NotificationRead {
    success: bool,
    message: String,
    notification: Notification,
}

/// Mark a notification as read
#[utoipa::path(
    patch, path = "/notifications/{id}/read", operation_id = "mark_notification_read",
    tag = "Notifications", params(("id" = i64, Path)),
    responses((status = 200, body = NotificationRead), (status = 404, body = ErrorResponse))
)]
pub(super) async fn mark_notification_read(
    cx: Cx<SignedIn>,
    Id(NotificationNumber(id)): Id<NotificationNumber>,
) -> Result<Json<NotificationRead>, Problem> {
    let read = cx.app.read_notification(&cx.actor, id).await?;
    let message = "Notification marked as read".to_owned();
    let notification = Notification::from(&read);
    Ok(Json(NotificationRead { success: true, message, notification }))
}

/// Delete a notification
#[utoipa::path(
    delete, path = "/notifications/{id}", operation_id = "delete_notification",
    tag = "Notifications", params(("id" = i64, Path)),
    responses((status = 200, body = SuccessMessage), (status = 404, body = ErrorResponse))
)]
pub(super) async fn delete_notification(
    cx: Cx<SignedIn>,
    Id(NotificationNumber(id)): Id<NotificationNumber>,
) -> Result<Json<SuccessMessage>, Problem> {
    cx.app.delete_notification(&cx.actor, id).await?;
    Ok(Json(SuccessMessage::of("Notification deleted")))
}
