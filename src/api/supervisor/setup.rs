//! `/api/v1/setup`.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    context::{Cx, Write},
    error::{ErrorResponse, Problem},
    input::Body,
    wire::{
        agent::{HumanAgent, HumanAgentInput},
        business::{ApiConfig, BusinessConfig, BusinessConfigInput},
        knowledge::{KnowledgeEntry, KnowledgeEntryInput},
    },
};
use crate::app::Setup;

#[derive(Deserialize, ToSchema)]
pub(super) struct SetupInput {
    business_config: BusinessConfigInput,
    /// Default []
    #[serde(default)]
    agents: Vec<HumanAgentInput>,
    /// Default []
    #[serde(default)]
    knowledge_base: Vec<KnowledgeEntryInput>,
    /// Same keys as POST /config/test-connection, stored encrypted
    #[serde(default)]
    api_config: ApiConfig,
}

#[derive(Serialize, ToSchema)]
pub(super) struct SetupAnswer {
    success: bool,
    message: String,
    business_config: BusinessConfig,
    agents: Vec<HumanAgent>,
    knowledge_base: Vec<KnowledgeEntry>,
    api_config: Configured,
}

#[derive(Serialize, ToSchema)]
struct Configured {
    openai_configured: bool,
    twilio_configured: bool,
}

/// Complete the setup wizard
#[utoipa::path(
    post, path = "/setup/complete", operation_id = "complete_setup", tag = "Setup",
    request_body = SetupInput,
    responses((status = 200, body = SetupAnswer), (status = 400, body = ErrorResponse))
)]
pub(super) async fn complete_setup(
    cx: Cx<Write>,
    Body(input): Body<SetupInput>,
) -> Result<Json<SetupAnswer>, Problem> {
    let knowledge = input.knowledge_base.into_iter().map(TryInto::try_into);
    let setup = Setup {
        business: input.business_config.into(),
        agents: input.agents.into_iter().map(Into::into).collect(),
        knowledge: knowledge.collect::<Result<_, _>>()?,
        credentials: input.api_config.into(),
    };
    let made = cx.app.complete_setup(&cx.actor, setup).await?;
    Ok(Json(SetupAnswer {
        success: true,
        message: "Setup completed".to_owned(),
        business_config: (&made.business).into(),
        agents: made.agents.iter().map(HumanAgent::from).collect(),
        knowledge_base: made.knowledge.iter().map(KnowledgeEntry::from).collect(),
        api_config: Configured {
            openai_configured: made.openai_configured,
            twilio_configured: made.twilio_configured,
        },
    }))
}
