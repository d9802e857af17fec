//! What is told: facts about things that the store has already.

use std::sync::Arc;

use crate::domain::{
    Call, CallId, Escalation, Interaction, Notification, QaScore, Sentiment, TenantId, UserId,
};

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Event {
    pub tenant: TenantId,
    /// The call that it is about.
    pub call: Option<CallId>,
    /// Its place among the call's events, from 1: a client that comes back asks for those after the
    /// last that it saw. None: it is not kept.
    pub sequence: Option<i64>,
    pub kind: Kind,
}

/// What happened. Dialects say it each in their own words.
#[derive(Clone, Debug)]
pub enum Kind {
    CallStarted(Arc<Call>),
    CallUpdated(Arc<Call>),
    CallEnded(Arc<Call>),
    /// A line of the transcript, which is in the store.
    InteractionAdded(Arc<Interaction>),
    /// What a caller is saying, as far as it is known; replaced by the next, not kept.
    CallerSaying {
        turn: u64,
        text: String,
    },
    QaScored(Arc<QaScore>),
    SentimentChanged(Sentiment),
    EscalationTriggered(Arc<Escalation>),
    EscalationCompleted(Arc<Escalation>),
    /// For this user alone.
    Notified(UserId, Arc<Notification>),
}
