//! What hangs on a call: the lines of its transcript, notes, scores, escalations, notifications.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{
    call::{EscalationStatus, Mood},
    ids::{AgentId, CallId, UserId},
    user::Right,
};

/// Who said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    Ai,
    Customer,
    /// A person who speaks for the company.
    Agent,
}

impl Speaker {
    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Speaker::Ai => "ai",
            Speaker::Customer => "customer",
            Speaker::Agent => "agent",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Speaker::Ai, Speaker::Customer, Speaker::Agent].into_iter().find(|one| one.name() == name)
    }
}

/// How someone feels: -1 to 1, and its name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sentiment {
    pub score: f64,
    pub mood: Mood,
}

impl Sentiment {
    /// Positive from 0.25, negative to -0.25.
    pub fn of(score: f64) -> Self {
        let score = score.clamp(-1.0, 1.0);
        let mood = match score {
            score if score >= 0.25 => Mood::Positive,
            score if score <= -0.25 => Mood::Negative,
            _ => Mood::Neutral,
        };
        Sentiment { score, mood }
    }
}

/// One line of a transcript, as it was heard.
#[derive(Clone, Debug, PartialEq)]
pub struct Interaction {
    pub id: i64,
    pub call: CallId,
    pub speaker: Speaker,
    pub text: String,
    pub audio_url: Option<String>,
    pub at: DateTime<Utc>,
    pub sentiment: Option<Sentiment>,
    pub metadata: Map<String, Value>,
}

/// A note that someone made about a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    pub id: i64,
    pub call: CallId,
    pub author: UserId,
    pub author_name: Option<String>,
    pub text: String,
    pub category: Option<String>,
    pub tags: Vec<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// How well a call went; scores 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct QaScore {
    pub id: i64,
    pub call: CallId,
    pub overall: f64,
    pub sentiment: f64,
    pub compliance: f64,
    pub accuracy: f64,
    pub professionalism: f64,
    pub mood: Mood,
    pub compliance_issues: Vec<String>,
    pub flagged_issues: Vec<String>,
    /// `ai`, or the identifier of a user.
    pub reviewed_by: String,
    pub review_notes: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// How far a person is on the way to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Requested,
    Ringing,
    Accepted,
    Bridged,
    Declined,
    Unanswered,
    Failed,
    Ended,
}

impl Progress {
    pub const ALL: [Progress; 8] = [
        Progress::Requested,
        Progress::Ringing,
        Progress::Accepted,
        Progress::Bridged,
        Progress::Declined,
        Progress::Unanswered,
        Progress::Failed,
        Progress::Ended,
    ];

    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Progress::Requested => "requested",
            Progress::Ringing => "ringing",
            Progress::Accepted => "accepted",
            Progress::Bridged => "bridged",
            Progress::Declined => "declined",
            Progress::Unanswered => "unanswered",
            Progress::Failed => "failed",
            Progress::Ended => "ended",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Progress::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// A call that is handed to a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Escalation {
    pub id: i64,
    pub call: CallId,
    pub status: EscalationStatus,
    pub progress: Progress,
    pub trigger_type: String,
    pub trigger_details: Map<String, Value>,
    pub agent: Option<(AgentId, String)>,
    pub summary: Option<String>,
    pub context_data: Map<String, Value>,
    pub requested_at: DateTime<Utc>,
    pub accepted_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
}

/// Something that a user is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    pub id: i64,
    pub kind: String,
    pub title: String,
    pub message: String,
    pub call: Option<CallId>,
    pub data: Map<String, Value>,
    pub read_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    Users(Vec<UserId>),
    /// All whose role has this right.
    Everyone(Right),
}

/// What they are told.
#[derive(Clone, Debug, PartialEq)]
pub struct News {
    /// Such as `escalation`, `qa_alert`, `call_failed`, `system`.
    pub kind: &'static str,
    pub title: String,
    pub message: String,
    pub call: Option<CallId>,
    pub data: Map<String, Value>,
    /// What it is about, such as `escalation:17`: nobody is told of it twice.
    pub about: String,
}

/// What can be said in a note when it is made or changed; what is left open stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoteDraft {
    pub text: Option<String>,
    pub category: Option<String>,
    pub tags: Option<Vec<String>>,
}
