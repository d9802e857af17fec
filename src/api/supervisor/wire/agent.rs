//! Human agents.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{super::input::given, time};
use crate::domain::{Agent, AgentDraft, AgentId, AgentStatus, AgentUsage};

/// 000 §6.1
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HumanAgent {
    id: String,
    name: String,
    #[schema(format = Email)]
    email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    phone_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    extension: Option<String>,
    is_available: bool,
    is_active: bool,
    skills: Vec<String>,
    departments: Vec<String>,
    #[schema(minimum = 0)]
    total_calls_handled: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    average_rating: Option<f64>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    last_active_at: Option<String>,
    metadata: Map<String, Value>,
}

impl From<&Agent> for HumanAgent {
    fn from(agent: &Agent) -> Self {
        HumanAgent {
            id: agent.id.to_string(),
            name: agent.name.clone(),
            email: agent.email.clone().unwrap_or_default(),
            phone_number: agent.phone.clone(),
            extension: agent.extension.clone(),
            is_available: agent.standing() == AgentStatus::Available,
            is_active: agent.is_active,
            skills: agent.skills.clone(),
            departments: agent.departments.clone(),
            total_calls_handled: agent.total_calls_handled,
            average_rating: agent.average_rating,
            created_at: time(agent.created_at),
            updated_at: time(agent.updated_at),
            last_active_at: agent.last_active_at.map(time),
            metadata: agent.metadata.clone(),
        }
    }
}

/// 000 §6.3
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct HumanAgentInput {
    name: String,
    #[schema(format = Email)]
    email: String,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    phone_number: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    extension: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    skills: Option<Vec<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    departments: Option<Vec<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, default = true)]
    is_available: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, default = true)]
    is_active: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    metadata: Option<Map<String, Value>>,
}

impl From<HumanAgentInput> for AgentDraft {
    fn from(input: HumanAgentInput) -> Self {
        AgentDraft {
            name: input.name,
            email: Some(input.email),
            phone: input.phone_number,
            extension: input.extension,
            skills: input.skills,
            departments: input.departments,
            is_available: input.is_available,
            is_active: input.is_active,
            metadata: input.metadata,
        }
    }
}

/// What hangs on an agent.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AgentUsageAnswer {
    agent_id: String,
    is_in_use: bool,
    #[schema(minimum = 0)]
    active_escalations: i64,
    #[schema(minimum = 0)]
    active_calls: i64,
    #[schema(minimum = 0)]
    total_escalations: i64,
    #[schema(minimum = 0)]
    total_calls: i64,
}

impl AgentUsageAnswer {
    /// Of this agent.
    pub fn of(id: AgentId, usage: AgentUsage) -> Self {
        AgentUsageAnswer {
            agent_id: id.to_string(),
            is_in_use: usage.is_in_use(),
            active_escalations: usage.active_escalations,
            active_calls: usage.active_calls,
            total_escalations: usage.total_escalations,
            total_calls: usage.total_calls,
        }
    }
}
