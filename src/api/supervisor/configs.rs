//! `/api/v1/config`.

use axum::{Json, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    context::{Cx, SignedIn, Write},
    error::{ErrorResponse, Problem},
    input::{Body, Id, Params},
    page::{Pagination, Paging},
    wire::{
        SuccessMessage,
        business::{
            ApiConfig, BusinessConfig, BusinessConfigInput, BusinessConfigUsage, ConnectionResult,
        },
    },
};
use crate::domain::BusinessId;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    is_active: Option<bool>,
    page: Option<i64>,
    limit: Option<i64>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ConfigList {
    configs: Vec<BusinessConfig>,
    pagination: Pagination,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ConfigAnswer {
    config: BusinessConfig,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ConfigChanged {
    config: BusinessConfig,
    message: String,
}

/// List business configurations
#[utoipa::path(
    get, path = "/config/business", operation_id = "list_business_configs", tag = "Config",
    params(ListParams),
    responses((status = 200, body = ConfigList), (status = 400, body = ErrorResponse))
)]
pub(super) async fn list_business_configs(
    cx: Cx<SignedIn>,
    Params(params): Params<ListParams>,
) -> Result<Json<ConfigList>, Problem> {
    let page = Paging::new(params.page, params.limit).page()?;
    let configs = cx.app.list_business_configs(&cx.actor, params.is_active, page).await?;
    let pagination = Pagination::of(page, configs.total);
    let configs = configs.items.iter().map(BusinessConfig::from).collect();
    Ok(Json(ConfigList { configs, pagination }))
}

/// Create a business configuration
#[utoipa::path(
    post, path = "/config/business", operation_id = "create_business_config", tag = "Config",
    request_body = BusinessConfigInput,
    responses((status = 201, body = ConfigChanged), (status = 400, body = ErrorResponse))
)]
pub(super) async fn create_business_config(
    cx: Cx<Write>,
    Body(input): Body<BusinessConfigInput>,
) -> Result<(StatusCode, Json<ConfigChanged>), Problem> {
    let config = cx.app.create_business_config(&cx.actor, input.into()).await?;
    let message = "Configuration created".to_owned();
    Ok((StatusCode::CREATED, Json(ConfigChanged { config: (&config).into(), message })))
}

/// Get a business configuration
#[utoipa::path(
    get, path = "/config/business/{business_id}", operation_id = "get_business_config",
    tag = "Config", params(("business_id" = String, Path)),
    responses((status = 200, body = ConfigAnswer), (status = 404, body = ErrorResponse))
)]
pub(super) async fn get_business_config(
    cx: Cx<SignedIn>,
    Id(id): Id<BusinessId>,
) -> Result<Json<ConfigAnswer>, Problem> {
    let config = cx.app.business_config(&cx.actor, id).await?;
    Ok(Json(ConfigAnswer { config: (&config).into() }))
}

/// Update a business configuration
#[utoipa::path(
    put, path = "/config/business/{business_id}", operation_id = "update_business_config",
    tag = "Config", params(("business_id" = String, Path)), request_body = BusinessConfigInput,
    responses(
        (status = 200, body = ConfigChanged), (status = 400, body = ErrorResponse),
        (status = 404, body = ErrorResponse),
    )
)]
pub(super) async fn update_business_config(
    cx: Cx<Write>,
    Id(id): Id<BusinessId>,
    Body(input): Body<BusinessConfigInput>,
) -> Result<Json<ConfigChanged>, Problem> {
    let config = cx.app.update_business_config(&cx.actor, id, input.into()).await?;
    let message = "Configuration updated".to_owned();
    Ok(Json(ConfigChanged { config: (&config).into(), message }))
}

/// Delete a business configuration
#[utoipa::path(
    delete, path = "/config/business/{business_id}", operation_id = "delete_business_config",
    tag = "Config", params(("business_id" = String, Path)),
    responses(
        (status = 200, body = SuccessMessage), (status = 400, body = ErrorResponse),
        (status = 404, body = ErrorResponse),
    )
)]
pub(super) async fn delete_business_config(
    cx: Cx<Write>,
    Id(id): Id<BusinessId>,
) -> Result<Json<SuccessMessage>, Problem> {
    cx.app.delete_business_config(&cx.actor, id).await?;
    Ok(Json(SuccessMessage::of("Configuration deleted")))
}

/// Check if a business configuration is in use
#[utoipa::path(
    get, path = "/config/business/{business_id}/usage",
    operation_id = "get_business_config_usage", tag = "Config",
    params(("business_id" = String, Path)),
    responses((status = 200, body = BusinessConfigUsage), (status = 404, body = ErrorResponse))
)]
pub(super) async fn get_business_config_usage(
    cx: Cx<SignedIn>,
    Id(id): Id<BusinessId>,
) -> Result<Json<BusinessConfigUsage>, Problem> {
    let usage = cx.app.business_config_usage(&cx.actor, id).await?;
    Ok(Json(BusinessConfigUsage::of(id, usage)))
}

#[derive(Serialize, ToSchema)]
pub(super) struct ConnectionResults {
    openai: ConnectionResult,
    twilio: ConnectionResult,
    /// every provider whose credentials were sent is connected
    success: bool,
}

/// Test API credentials without saving them
#[utoipa::path(
    post, path = "/config/test-connection", operation_id = "test_connection", tag = "Config",
    request_body = ApiConfig,
    responses((status = 200, body = ConnectionResults), (status = 400, body = ErrorResponse))
)]
pub(super) async fn test_connection(
    cx: Cx<Write>,
    Body(input): Body<ApiConfig>,
) -> Result<Json<ConnectionResults>, Problem> {
    let asked = cx.app.test_connection(&cx.actor, input.into()).await?;
    let (openai, twilio) = (asked.openai.into(), asked.twilio.into());
    Ok(Json(ConnectionResults { openai, twilio, success: asked.success }))
}
