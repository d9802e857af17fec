//! `/api/v1/calls`: making calls, intervening, handing over, ending.

use axum::{Json, http::StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    context::{Cx, Write},
    error::{ErrorResponse, Problem},
    input::{Body, Id, MaybeBody, given},
    wire::{SuccessMessage, call::Call, record::Escalation, words::words},
};
use crate::{
    app::{Handover, Intervention, Outbound},
    domain::CallId,
};

#[derive(Deserialize, ToSchema)]
pub(super) struct InitiateCall {
    /// Required
    #[schema(pattern = r"^\+[1-9][0-9]{6,14}$")]
    to_number: String,
    /// Optional, uses default if not provided
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, pattern = r"^\+[1-9][0-9]{6,14}$")]
    from_number: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    business_id: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    template_id: Option<String>,
    #[serde(default)]
    metadata: Map<String, Value>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct CallInitiated {
    call: Call,
    message: String,
}

/// Initiate an outbound call
#[utoipa::path(
    post, path = "/calls/initiate", operation_id = "initiate_call", tag = "Calls",
    request_body = InitiateCall,
    responses((status = 201, body = CallInitiated), (status = 400, body = ErrorResponse))
)]
pub(super) async fn initiate_call(
    cx: Cx<Write>,
    Body(input): Body<InitiateCall>,
) -> Result<(StatusCode, Json<CallInitiated>), Problem> {
    let business = input.business_id.map(|id| {
        let unknown = |_| Problem::invalid("business_id", "is no active configuration of yours");
        id.parse().map_err(unknown)
    });
    let wanted = Outbound {
        to: input.to_number,
        from: input.from_number,
        business: business.transpose()?,
        template: input.template_id,
        metadata: input.metadata,
    };
    let call = cx.app.initiate_call(&cx.actor, wanted).await?;
    let message = "Call initiated".to_owned();
    Ok((StatusCode::CREATED, Json(CallInitiated { call: Call::from(&call), message })))
}

#[derive(Default, Deserialize, ToSchema)]
pub(super) struct EscalateCall {
    /// Optional, auto-assigns if not provided
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    agent_id: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    reason: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    context_note: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct CallEscalated {
    escalation: Escalation,
    message: String,
}

/// Escalate a call to a human agent
#[utoipa::path(
    post, path = "/calls/{call_id}/escalate", operation_id = "escalate_call", tag = "Calls",
    params(("call_id" = String, Path, description = "Call id")), request_body = Option<EscalateCall>,
    responses(
        (status = 200, body = CallEscalated), (status = 400, body = ErrorResponse),
        (status = 404, body = ErrorResponse),
    )
)]
pub(super) async fn escalate_call(
    cx: Cx<Write>,
    Id(id): Id<CallId>,
    MaybeBody(input): MaybeBody<EscalateCall>,
) -> Result<Json<CallEscalated>, Problem> {
    let agent = input.agent_id.map(|id| {
        id.parse().map_err(|_| Problem::invalid("agent_id", "is no agent who is available"))
    });
    let handover = Handover {
        agent: agent.transpose()?,
        reason: input.reason,
        context_note: input.context_note,
    };
    let escalation = cx.app.escalate_call(&cx.actor, id, handover).await?;
    let message = "Escalation requested".to_owned();
    Ok(Json(CallEscalated { escalation: Escalation::from(&escalation), message }))
}

words! {
    Action {
        SendMessage = "send_message",
        Pause = "pause",
        Resume = "resume",
        Override = "override_instructions",
    }
}

#[derive(Deserialize, ToSchema)]
pub(super) struct Intervene {
    #[schema(inline)]
    action: Action,
    /// Required for 'send_message'
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    message: Option<String>,
    /// Required for 'override_instructions'
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    instructions: Option<String>,
}

/// Intervene in an active call
#[utoipa::path(
    post, path = "/calls/{call_id}/intervene", operation_id = "intervene_in_call", tag = "Calls",
    params(("call_id" = String, Path, description = "Call id")), request_body = Intervene,
    responses(
        (status = 200, body = SuccessMessage), (status = 400, body = ErrorResponse),
        (status = 404, body = ErrorResponse),
    )
)]
pub(super) async fn intervene_in_call(
    cx: Cx<Write>,
    Id(id): Id<CallId>,
    Body(input): Body<Intervene>,
) -> Result<Json<SuccessMessage>, Problem> {
    let needed = |field: &str, value: Option<String>| {
        value.ok_or_else(|| Problem::invalid(field, "is required for this action"))
    };
    let (what, message) = match input.action {
        Action::SendMessage => {
            (Intervention::Message(needed("message", input.message)?), "Message sent")
        }
        Action::Pause => (Intervention::Pause, "Call paused"),
        Action::Resume => (Intervention::Resume, "Call resumed"),
        Action::Override => (
            Intervention::Override(needed("instructions", input.instructions)?),
            "Instructions overridden",
        ),
    };
    cx.app.intervene(&cx.actor, id, what).await?;
    Ok(Json(SuccessMessage::of(message)))
}

#[derive(Default, Deserialize, ToSchema)]
pub(super) struct EndCall {
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    reason: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    notes: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct CallEnded {
    success: bool,
    message: String,
    call: Call,
}

/// Forcefully end an active call
#[utoipa::path(
    post, path = "/calls/{call_id}/end", operation_id = "end_call", tag = "Calls",
    params(("call_id" = String, Path, description = "Call id")), request_body = Option<EndCall>,
    responses(
        (status = 200, body = CallEnded), (status = 400, body = ErrorResponse),
        (status = 404, body = ErrorResponse),
    )
)]
pub(super) async fn end_call(
    cx: Cx<Write>,
    Id(id): Id<CallId>,
    MaybeBody(input): MaybeBody<EndCall>,
) -> Result<Json<CallEnded>, Problem> {
    let call = cx.app.end_call(&cx.actor, id, input.reason, input.notes).await?;
    let message = "Call ended".to_owned();
    Ok(Json(CallEnded { success: true, message, call: Call::from(&call) }))
}
