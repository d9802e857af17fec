//! What hangs on a call: transcript lines, notes, scores, escalations; and notifications.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{call::SentimentLabel, time, words::words};
use crate::domain::{self, EscalationStatus, Speaker};

words! {
    /// Who spoke. A person who speaks for the company is `ai`, with metadata.speaker_role.
    LineSpeaker { Ai = "ai", Customer = "customer" }
    EscalationState {
        Pending = "pending", InProgress = "in_progress", Completed = "completed",
        Cancelled = "cancelled",
    }
}

impl LineSpeaker {
    /// Those who are shown as this.
    pub fn speakers(self) -> &'static [Speaker] {
        match self {
            LineSpeaker::Ai => &[Speaker::Ai, Speaker::Agent],
            LineSpeaker::Customer => &[Speaker::Customer],
        }
    }
}

/// -1 to 1, and its name.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Sentiment {
    /// -1 to 1
    #[schema(minimum = -1, maximum = 1)]
    score: f64,
    label: SentimentLabel,
}

impl From<domain::Sentiment> for Sentiment {
    fn from(sentiment: domain::Sentiment) -> Self {
        Sentiment { score: sentiment.score, label: sentiment.mood.into() }
    }
}

/// 000 §1.3
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CallInteraction {
    id: i64,
    call_id: String,
    /// A human agent is sent as 'ai' with metadata.speaker_role = 'human_agent'
    #[schema(inline)]
    speaker: LineSpeaker,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "uri")]
    audio_url: Option<String>,
    #[schema(format = DateTime)]
    timestamp: String,
    metadata: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    sentiment: Option<Sentiment>,
}

impl From<&domain::Interaction> for CallInteraction {
    fn from(line: &domain::Interaction) -> Self {
        let mut metadata = line.metadata.clone();
        let speaker = match line.speaker {
            Speaker::Ai => LineSpeaker::Ai,
            Speaker::Customer => LineSpeaker::Customer,
            Speaker::Agent => {
                metadata.insert("speaker_role".to_owned(), "human_agent".into());
                LineSpeaker::Ai
            }
        };
        CallInteraction {
            id: line.id,
            call_id: line.call.to_string(),
            speaker,
            text: line.text.clone(),
            audio_url: line.audio_url.clone(),
            timestamp: time(line.at),
            metadata,
            sentiment: line.sentiment.map(Into::into),
        }
    }
}

/// 000 §1.2: scores run from 0 to 1
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct QAScore {
    id: i64,
    call_id: String,
    #[schema(minimum = 0, maximum = 1)]
    overall_score: f64,
    #[schema(minimum = 0, maximum = 1)]
    sentiment_score: f64,
    #[schema(minimum = 0, maximum = 1)]
    compliance_score: f64,
    #[schema(minimum = 0, maximum = 1)]
    accuracy_score: f64,
    #[schema(minimum = 0, maximum = 1)]
    professionalism_score: f64,
    sentiment_label: SentimentLabel,
    compliance_issues: Vec<String>,
    flagged_issues: Vec<String>,
    /// 'ai' or the id of the reviewing user
    reviewed_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    review_notes: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<&domain::QaScore> for QAScore {
    fn from(score: &domain::QaScore) -> Self {
        QAScore {
            id: score.id,
            call_id: score.call.to_string(),
            overall_score: score.overall,
            sentiment_score: score.sentiment,
            compliance_score: score.compliance,
            accuracy_score: score.accuracy,
            professionalism_score: score.professionalism,
            sentiment_label: score.mood.into(),
            compliance_issues: score.compliance_issues.clone(),
            flagged_issues: score.flagged_issues.clone(),
            reviewed_by: score.reviewed_by.clone(),
            review_notes: score.review_notes.clone(),
            created_at: time(score.created_at),
            updated_at: time(score.updated_at),
        }
    }
}

/// 000 §1.2
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Escalation {
    id: i64,
    call_id: String,
    #[schema(inline)]
    status: EscalationState,
    /// 'manual' when a person asked for it; else the type of the trigger in the business configuration
    trigger_type: String,
    trigger_details: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    assigned_agent_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    agent_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    conversation_summary: Option<String>,
    context_data: Map<String, Value>,
    #[schema(format = DateTime)]
    requested_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    accepted_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    completed_at: Option<String>,
}

impl From<&domain::Escalation> for Escalation {
    fn from(escalation: &domain::Escalation) -> Self {
        let status = match escalation.status {
            EscalationStatus::Pending => EscalationState::Pending,
            EscalationStatus::InProgress => EscalationState::InProgress,
            EscalationStatus::Completed => EscalationState::Completed,
            EscalationStatus::Cancelled => EscalationState::Cancelled,
        };
        let agent = escalation.agent.as_ref();
        Escalation {
            id: escalation.id,
            call_id: escalation.call.to_string(),
            status,
            trigger_type: escalation.trigger_type.clone(),
            trigger_details: escalation.trigger_details.clone(),
            assigned_agent_id: agent.map(|(id, _)| id.to_string()),
            agent_name: agent.map(|(_, name)| name.clone()),
            conversation_summary: escalation.summary.clone(),
            context_data: escalation.context_data.clone(),
            requested_at: time(escalation.requested_at),
            accepted_at: escalation.accepted_at.map(time),
            completed_at: escalation.completed_at.map(time),
        }
    }
}

/// A note about a call.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CallNote {
    id: i64,
    call_id: String,
    note: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    category: Option<String>,
    tags: Vec<String>,
    /// User id
    created_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    created_by_name: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<&domain::Note> for CallNote {
    fn from(note: &domain::Note) -> Self {
        CallNote {
            id: note.id,
            call_id: note.call.to_string(),
            note: note.text.clone(),
            category: note.category.clone(),
            tags: note.tags.clone(),
            created_by: note.author.to_string(),
            created_by_name: note.author_name.clone(),
            created_at: time(note.created_at),
            updated_at: time(note.updated_at),
        }
    }
}

/// Something that the user is told.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Notification {
    id: i64,
    /// e.g. escalation, qa_alert, call_failed, follow_up_due, sla_breach, export_ready, system
    r#type: String,
    title: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    call_id: Option<String>,
    data: Map<String, Value>,
    is_read: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    read_at: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<&domain::Notification> for Notification {
    fn from(one: &domain::Notification) -> Self {
        Notification {
            id: one.id,
            r#type: one.kind.clone(),
            title: one.title.clone(),
            message: one.message.clone(),
            call_id: one.call.map(|id| id.to_string()),
            data: one.data.clone(),
            is_read: one.read_at.is_some(),
            read_at: one.read_at.map(time),
            created_at: time(one.created_at),
        }
    }
}
