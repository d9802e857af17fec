//! `/api/v1/agents`.

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
        agent::{AgentUsageAnswer, HumanAgent, HumanAgentInput},
    },
};
use crate::{domain::AgentId, store::agents::Wanted};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    is_active: Option<bool>,
    is_available: Option<bool>,
    page: Option<i64>,
    limit: Option<i64>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct AgentList {
    agents: Vec<HumanAgent>,
    pagination: Pagination,
}

#[derive(Serialize, ToSchema)]
pub(super) struct AgentAnswer {
    agent: HumanAgent,
}

#[derive(Serialize, ToSchema)]
pub(super) struct AgentChanged {
    agent: HumanAgent,
    message: String,
}

/// List human agents
#[utoipa::path(
    get, path = "/agents", operation_id = "list_agents", tag = "Agents", params(ListParams),
    responses((status = 200, body = AgentList), (status = 400, body = ErrorResponse))
)]
pub(super) async fn list_agents(
    cx: Cx<SignedIn>,
    Params(params): Params<ListParams>,
) -> Result<Json<AgentList>, Problem> {
    let page = Paging::new(params.page, params.limit).page()?;
    let wanted = Wanted { is_active: params.is_active, is_available: params.is_available };
    let agents = cx.app.list_agents(&cx.actor, wanted, page).await?;
    let pagination = Pagination::of(page, agents.total);
    Ok(Json(AgentList { agents: agents.items.iter().map(HumanAgent::from).collect(), pagination }))
}

/// Create an agent
#[utoipa::path(
    post, path = "/agents", operation_id = "create_agent", tag = "Agents",
    request_body = HumanAgentInput,
    responses((status = 201, body = AgentChanged), (status = 400, body = ErrorResponse))
)]
pub(super) async fn create_agent(
    cx: Cx<Write>,
    Body(input): Body<HumanAgentInput>,
) -> Result<(StatusCode, Json<AgentChanged>), Problem> {
    let agent = cx.app.create_agent(&cx.actor, input.into()).await?;
    let message = "Agent created".to_owned();
    Ok((StatusCode::CREATED, Json(AgentChanged { agent: HumanAgent::from(&agent), message })))
}

/// Get an agent
#[utoipa::path(
    get, path = "/agents/{agent_id}", operation_id = "get_agent", tag = "Agents",
    params(("agent_id" = String, Path)),
    responses((status = 200, body = AgentAnswer), (status = 404, body = ErrorResponse))
)]
pub(super) async fn get_agent(
    cx: Cx<SignedIn>,
    Id(id): Id<AgentId>,
) -> Result<Json<AgentAnswer>, Problem> {
    let agent = cx.app.agent(&cx.actor, id).await?;
    Ok(Json(AgentAnswer { agent: HumanAgent::from(&agent) }))
}

/// Update an agent
#[utoipa::path(
    put, path = "/agents/{agent_id}", operation_id = "update_agent", tag = "Agents",
    params(("agent_id" = String, Path)), request_body = HumanAgentInput,
    responses(
        (status = 200, body = AgentChanged), (status = 400, body = ErrorResponse),
        (status = 404, body = ErrorResponse),
    )
)]
pub(super) async fn update_agent(
    cx: Cx<Write>,
    Id(id): Id<AgentId>,
    Body(input): Body<HumanAgentInput>,
) -> Result<Json<AgentChanged>, Problem> {
    let agent = cx.app.update_agent(&cx.actor, id, input.into()).await?;
    let message = "Agent updated".to_owned();
    Ok(Json(AgentChanged { agent: HumanAgent::from(&agent), message }))
}

/// Delete an agent
#[utoipa::path(
    delete, path = "/agents/{agent_id}", operation_id = "delete_agent", tag = "Agents",
    params(("agent_id" = String, Path)),
    responses(
        (status = 200, body = SuccessMessage), (status = 400, body = ErrorResponse),
        (status = 404, body = ErrorResponse),
    )
)]
pub(super) async fn delete_agent(
    cx: Cx<Write>,
    Id(id): Id<AgentId>,
) -> Result<Json<SuccessMessage>, Problem> {
    cx.app.delete_agent(&cx.actor, id).await?;
    Ok(Json(SuccessMessage::of("Agent deleted")))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct Availability {
    is_available: bool,
}

/// Update agent availability
#[utoipa::path(
    patch, path = "/agents/{agent_id}/availability", operation_id = "update_agent_availability",
    tag = "Agents", params(("agent_id" = String, Path)), request_body = Availability,
    responses(
        (status = 200, body = AgentChanged), (status = 400, body = ErrorResponse),
        (status = 404, body = ErrorResponse),
    )
)]
pub(super) async fn update_agent_availability(
    cx: Cx<Write>,
    Id(id): Id<AgentId>,
    Body(input): Body<Availability>,
) -> Result<Json<AgentChanged>, Problem> {
    let agent = cx.app.set_agent_availability(&cx.actor, id, input.is_available).await?;
    let message = "Availability updated".to_owned();
    Ok(Json(AgentChanged { agent: HumanAgent::from(&agent), message }))
}

/// Check agent usage before deletion
#[utoipa::path(
    get, path = "/agents/{agent_id}/usage", operation_id = "get_agent_usage", tag = "Agents",
    params(("agent_id" = String, Path)),
    responses((status = 200, body = AgentUsageAnswer), (status = 404, body = ErrorResponse))
)]
pub(super) async fn get_agent_usage(
    cx: Cx<SignedIn>,
    Id(id): Id<AgentId>,
) -> Result<Json<AgentUsageAnswer>, Problem> {
    let usage = cx.app.agent_usage(&cx.actor, id).await?;
    Ok(Json(AgentUsageAnswer::of(id, usage)))
}
