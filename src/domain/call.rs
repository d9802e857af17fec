//! A phone call, and the steps that its state may take.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::ids::{AgentId, BusinessId, CallId, TenantId};

/// Which way it goes, seen from us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Inbound,
    Outbound,
}

/// How far a call is. It only moves on, and does not leave its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Wanted; the carrier has not been asked.
    Queued,
    /// The carrier has taken it.
    Initiated,
    Ringing,
    InProgress,
    Completed,
    Busy,
    NoAnswer,
    Failed,
    Canceled,
}

/// What the caller feels like, smoothed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Positive,
    Neutral,
    Negative,
}

/// How far handing a call to a person is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EscalationStatus {
    Pending,
    InProgress,
    Completed,
    Cancelled,
}

macro_rules! names {
    ($($kind:ident { $($variant:ident = $name:literal),+ $(,)? })*) => {$(
        impl $kind {
            pub const ALL: &[$kind] = &[$($kind::$variant),+];

            /// Its name in the database.
            pub fn name(self) -> &'static str {
                match self { $($kind::$variant => $name),+ }
            }

            /// The one of this name.
            pub fn named(name: &str) -> Option<$kind> {
                $kind::ALL.iter().copied().find(|one| one.name() == name)
            }
        }
    )*};
}

names! {
    Direction { Inbound = "inbound", Outbound = "outbound" }
    State {
        Queued = "queued", Initiated = "initiated", Ringing = "ringing",
        InProgress = "in_progress", Completed = "completed", Busy = "busy",
        NoAnswer = "no_answer", Failed = "failed", Canceled = "canceled",
    }
    Mood { Positive = "positive", Neutral = "neutral", Negative = "negative" }
    EscalationStatus {
        Pending = "pending", InProgress = "in_progress", Completed = "completed",
        Cancelled = "cancelled",
    }
}

impl State {
    /// Is the call over?
    pub fn is_over(self) -> bool {
        self > State::InProgress
    }

    /// May it follow `self`? Reports of the carrier come twice, late and out of order.
    pub fn may_become(self, next: State) -> bool {
        !self.is_over() && next > self
    }
}

/// One phone call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub id: CallId,
    pub tenant: TenantId,
    /// The carrier's name of it, once it has one.
    pub call_sid: Option<String>,
    pub direction: Direction,
    pub state: State,
    pub from_number: String,
    pub to_number: String,
    pub business: Option<BusinessId>,
    pub template: Option<String>,
    pub agent: Option<(AgentId, String)>,
    pub started_at: DateTime<Utc>,
    pub answered_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    /// Whole seconds from the start to the end.
    pub duration_seconds: Option<i64>,
    pub end_reason: Option<String>,
    pub summary: Option<String>,
    pub mood: Option<Mood>,
    /// Of the latest QA score, 0 to 1.
    pub qa_score: Option<f64>,
    /// Of the latest escalation; none if it was cancelled.
    pub escalation: Option<EscalationStatus>,
    /// Has it an escalation, the latest or not, that is not cancelled?
    pub escalated: bool,
    pub metadata: Map<String, Value>,
    /// The last of its events that clients were told of.
    pub event_sequence: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl Call {
    /// Is a person being fetched, or with the caller already, while the call runs?
    pub fn is_escalated(&self) -> bool {
        !self.state.is_over() && self.escalated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_only_moves_on() {
        assert!(State::Queued.may_become(State::Initiated));
        assert!(State::Ringing.may_become(State::Busy));
        assert!(State::Initiated.may_become(State::InProgress));
        assert!(!State::InProgress.may_become(State::Ringing), "a late report");
        assert!(!State::Completed.may_become(State::Failed), "an end is final");
        assert!(!State::Ringing.may_become(State::Ringing), "a repeated report");
        for state in State::ALL {
            assert_eq!(State::named(state.name()), Some(*state));
        }
    }
}
