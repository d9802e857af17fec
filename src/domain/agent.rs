//! A person who takes calls.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::ids::{AgentId, TenantId};

/// What an agent is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentStatus {
    Available,
    Busy,
    Offline,
    Break,
}

impl AgentStatus {
    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            AgentStatus::Available => "available",
            AgentStatus::Busy => "busy",
            AgentStatus::Offline => "offline",
            AgentStatus::Break => "break",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        [AgentStatus::Available, AgentStatus::Busy, AgentStatus::Offline, AgentStatus::Break]
            .into_iter()
            .find(|status| status.name() == name)
    }

    /// After someone says that the agent can be called, or cannot: what a person set by hand for
    /// another reason stays.
    #[must_use]
    pub fn when_available(self, available: bool) -> Self {
        match (available, self) {
            (true, _) => AgentStatus::Available,
            (false, AgentStatus::Available) => AgentStatus::Offline,
            (false, other) => other,
        }
    }
}

/// A person who takes calls.
#[derive(Clone, Debug, PartialEq)]
pub struct Agent {
    pub id: AgentId,
    pub tenant: TenantId,
    pub name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub extension: Option<String>,
    pub status: AgentStatus,
    pub is_active: bool,
    pub skills: Vec<String>,
    pub departments: Vec<String>,
    pub max_concurrent_calls: i64,
    /// Calls that run and are theirs.
    pub load: i64,
    pub total_calls_handled: i64,
    pub average_rating: Option<f64>,
    pub last_active_at: Option<DateTime<Utc>>,
    pub metadata: Map<String, Value>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl Agent {
    /// Is the agent free for one more call?
    pub fn has_room(&self) -> bool {
        self.load < self.max_concurrent_calls
    }

    /// What the agent is doing: busy, too, with as many calls as they take.
    pub fn standing(&self) -> AgentStatus {
        match self.status {
            AgentStatus::Available if !self.has_room() => AgentStatus::Busy,
            status => status,
        }
    }
}

/// What can be said of an agent when it is made or changed. What is unset stays as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgentDraft {
    pub name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub extension: Option<String>,
    pub skills: Option<Vec<String>>,
    pub departments: Option<Vec<String>>,
    /// Unset: as it is; available, if it is new.
    pub is_available: Option<bool>,
    /// Unset: as it is; active, if it is new.
    pub is_active: Option<bool>,
    pub metadata: Option<Map<String, Value>>,
}

/// What hangs on an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentUsage {
    pub active_escalations: i64,
    pub active_calls: i64,
    pub total_escalations: i64,
    pub total_calls: i64,
}

impl AgentUsage {
    /// Is the agent needed right now?
    pub fn is_in_use(&self) -> bool {
        self.active_escalations > 0 || self.active_calls > 0
    }
}
