//! Calls.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{time, words::words};
use crate::domain::{self, Direction, EscalationStatus, Mood, State};

words! {
    /// How far a call is. `escalated` while it runs and a person is being fetched, or is there.
    CallStatus {
        Initiated = "initiated", Ringing = "ringing", InProgress = "in_progress",
        Completed = "completed", Failed = "failed", Escalated = "escalated",
    }
    CallDirection { Inbound = "inbound", Outbound = "outbound" }
    SentimentLabel { Positive = "positive", Neutral = "neutral", Negative = "negative" }
    /// How far fetching a person is.
    OpenEscalation {
        Pending = "pending", InProgress = "in_progress", Completed = "completed",
    }
}

impl CallStatus {
    /// Of this call.
    pub fn of(call: &domain::Call) -> Self {
        if call.is_escalated() {
            return CallStatus::Escalated;
        }
        match call.state {
            State::Queued | State::Initiated => CallStatus::Initiated,
            State::Ringing => CallStatus::Ringing,
            State::InProgress => CallStatus::InProgress,
            State::Completed => CallStatus::Completed,
            State::Busy | State::NoAnswer | State::Failed | State::Canceled => CallStatus::Failed,
        }
    }

    /// The states that are shown as this, and whether the call is escalated then; none: either way.
    pub fn states(self) -> (&'static [State], Option<bool>) {
        use State as S;
        match self {
            CallStatus::Initiated => (&[S::Queued, S::Initiated], Some(false)),
            CallStatus::Ringing => (&[S::Ringing], Some(false)),
            CallStatus::InProgress => (&[S::InProgress], Some(false)),
            CallStatus::Completed => (&[S::Completed], None),
            CallStatus::Failed => (&[S::Busy, S::NoAnswer, S::Failed, S::Canceled], None),
            CallStatus::Escalated => {
                (&[S::Queued, S::Initiated, S::Ringing, S::InProgress], Some(true))
            }
        }
    }
}

impl From<Direction> for CallDirection {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Inbound => CallDirection::Inbound,
            Direction::Outbound => CallDirection::Outbound,
        }
    }
}

impl From<CallDirection> for Direction {
    fn from(direction: CallDirection) -> Self {
        match direction {
            CallDirection::Inbound => Direction::Inbound,
            CallDirection::Outbound => Direction::Outbound,
        }
    }
}

impl From<Mood> for SentimentLabel {
    fn from(mood: Mood) -> Self {
        match mood {
            Mood::Positive => SentimentLabel::Positive,
            Mood::Neutral => SentimentLabel::Neutral,
            Mood::Negative => SentimentLabel::Negative,
        }
    }
}

impl From<SentimentLabel> for Mood {
    fn from(label: SentimentLabel) -> Self {
        match label {
            SentimentLabel::Positive => Mood::Positive,
            SentimentLabel::Neutral => Mood::Neutral,
            SentimentLabel::Negative => Mood::Negative,
        }
    }
}

/// 000 §1.1
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Call {
    id: String,
    /// Empty until the carrier has taken the call.
    twilio_call_sid: String,
    direction: CallDirection,
    status: CallStatus,
    from_number: String,
    to_number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    business_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    template_id: Option<String>,
    /// ISO 8601. Equal to created_at until the call has been placed
    #[schema(format = DateTime)]
    started_at: String,
    /// ISO 8601
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    ended_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    duration_seconds: Option<i64>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    metadata: Map<String, Value>,
    /// overall_score of the latest QA score
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0, maximum = 1)]
    qa_score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    sentiment: Option<SentimentLabel>,
    /// Of the latest escalation; left out when there is none or it was cancelled
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, inline)]
    escalation_status: Option<OpenEscalation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, inline)]
    assigned_agent: Option<AssignedAgent>,
}

/// The agent of a call.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AssignedAgent {
    id: String,
    name: String,
}

impl From<&domain::Call> for Call {
    fn from(call: &domain::Call) -> Self {
        let escalation = call.escalation.and_then(|status| match status {
            EscalationStatus::Pending => Some(OpenEscalation::Pending),
            EscalationStatus::InProgress => Some(OpenEscalation::InProgress),
            EscalationStatus::Completed => Some(OpenEscalation::Completed),
            EscalationStatus::Cancelled => None,
        });
        Call {
            id: call.id.to_string(),
            twilio_call_sid: call.call_sid.clone().unwrap_or_default(),
            direction: call.direction.into(),
            status: CallStatus::of(call),
            from_number: call.from_number.clone(),
            to_number: call.to_number.clone(),
            business_id: call.business.map(|id| id.to_string()),
            template_id: call.template.clone(),
            started_at: time(call.started_at),
            ended_at: call.ended_at.map(time),
            duration_seconds: call.duration_seconds,
            created_at: time(call.created_at),
            updated_at: time(call.updated_at),
            metadata: call.metadata.clone(),
            qa_score: call.qa_score,
            sentiment: call.mood.map(Into::into),
            escalation_status: escalation,
            assigned_agent: call
                .agent
                .as_ref()
                .map(|(id, name)| AssignedAgent { id: id.to_string(), name: name.clone() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_shown_by_the_status_that_finds_it() {
        for status in CallStatus::ALL {
            let (states, escalated) = status.states();
            assert!(!states.is_empty(), "{status:?}");
            for state in states {
                let found = CallStatus::ALL.iter().filter(|other| {
                    let (states, wanted) = other.states();
                    states.contains(state) && (wanted.is_none() || wanted == escalated)
                });
                assert_eq!(found.collect::<Vec<_>>(), [status], "{state:?} is listed once");
            }
        }
    }
}
