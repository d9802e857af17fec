//! What is told of an event, in this dialect's words.

use serde::Serialize;

use super::wire::{
    call::Call,
    record::{CallInteraction, Escalation, Notification, QAScore, Sentiment},
};
use crate::realtime::{Event, Frame, Kind};

#[derive(Serialize)]
struct OfCall {
    call: Call,
}

#[derive(Serialize)]
struct CallEnded {
    call_id: String,
}

#[derive(Serialize)]
struct InteractionAdded {
    call_id: String,
    interaction: CallInteraction,
}

#[derive(Serialize)]
struct Interim<'a> {
    call_id: String,
    turn: u64,
    text: &'a str,
}

#[derive(Serialize)]
struct QaScoreUpdated {
    call_id: String,
    qa_score: QAScore,
}

#[derive(Serialize)]
struct SentimentChanged {
    call_id: String,
    sentiment: Sentiment,
}

#[derive(Serialize)]
struct OfEscalation {
    call_id: String,
    escalation: Escalation,
}

#[derive(Serialize)]
struct NotificationCreated {
    notification: Notification,
}

/// The event in this dialect's words.
pub(super) fn say(event: &Event) -> Option<Frame> {
    let call_id = event.call.map(|call| call.to_string()).unwrap_or_default();
    let sequence = event.sequence;
    match &event.kind {
        Kind::CallStarted(call) => {
            Frame::new("call.started", &OfCall { call: Call::from(&**call) }, sequence)
        }
        Kind::CallUpdated(call) => {
            Frame::new("call.updated", &OfCall { call: Call::from(&**call) }, sequence)
        }
        Kind::CallEnded(_) => Frame::new("call.ended", &CallEnded { call_id }, sequence),
        Kind::InteractionAdded(line) => {
            let interaction = CallInteraction::from(&**line);
            Frame::new("interaction.added", &InteractionAdded { call_id, interaction }, sequence)
        }
        Kind::CallerSaying { turn, text } => {
            Frame::new("interaction.interim", &Interim { call_id, turn: *turn, text }, sequence)
        }
        Kind::QaScored(score) => {
            let qa_score = QAScore::from(&**score);
            Frame::new("qa.score.updated", &QaScoreUpdated { call_id, qa_score }, sequence)
        }
        Kind::SentimentChanged(sentiment) => {
            let sentiment = Sentiment::from(*sentiment);
            Frame::new("sentiment.changed", &SentimentChanged { call_id, sentiment }, sequence)
        }
        Kind::EscalationTriggered(escalation) => {
            let escalation = Escalation::from(&**escalation);
            Frame::new("escalation.triggered", &OfEscalation { call_id, escalation }, sequence)
        }
        Kind::EscalationCompleted(escalation) => {
            let escalation = Escalation::from(&**escalation);
            Frame::new("escalation.completed", &OfEscalation { call_id, escalation }, sequence)
        }
        Kind::Notified(_, notification) => {
            let notification = Notification::from(&**notification);
            Frame::new("notification.created", &NotificationCreated { notification }, None)
        }
    }
}
