//! What things are, and their rules. No I/O here, and no wire format of any dialect.

pub mod agent;
pub mod business;
pub mod calendar;
pub mod call;
pub mod ids;
pub mod record;
pub mod statistics;
pub mod tool;
pub mod user;

pub use agent::{Agent, AgentDraft, AgentStatus, AgentUsage};
pub use business::Business;
pub use call::{Call, Direction, EscalationStatus, Mood, State};
pub use ids::{AgentId, BusinessId, CallId, LoginId, NumberId, TenantId, UserId};
pub use record::{
    Escalation, Interaction, Note, Notification, Progress, QaScore, Sentiment, Speaker,
};
pub use user::{Actor, Right, Role, User};
