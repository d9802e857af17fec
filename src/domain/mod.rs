//! What things are, and their rules. No I/O here, and no wire format of any dialect.

pub mod agent;
pub mod business;
pub mod business_config;
pub mod calendar;
pub mod call;
pub mod ids;
pub mod knowledge;
pub mod record;
pub mod search;
pub mod statistics;
pub mod tool;
pub mod user;

pub use agent::{Agent, AgentDraft, AgentStatus, AgentUsage};
pub use business::Business;
pub use business_config::{BusinessConfig, ConfigData, ConfigDraft, ConfigUsage};
pub use call::{Call, Direction, EscalationStatus, Mood, State};
pub use ids::{AgentId, BusinessId, CallId, LoginId, NumberId, TenantId, UserId};
pub use record::{
    Audience, Escalation, Interaction, News, Note, NoteDraft, Notification, Progress, QaScore,
    Sentiment, Speaker,
};
pub use search::Search;
pub use user::{Actor, Right, Role, User};
