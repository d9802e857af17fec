//! What the carrier calls: webhooks that answer TwiML, and the media socket.
//!
//! Every request is believed only if it is signed: the webhooks and the socket's upgrade alike.

mod amd;
mod answer;
mod auth;
mod handover;
mod media;
mod status;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};

use crate::gateway::Gateway;

/// Form bodies longer than this are refused.
const LONGEST_FORM: usize = 64 * 1024;

/// The carrier's routes.
pub fn routes() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/webhooks/twilio/answer", post(answer::answer))
        .route("/webhooks/twilio/resume", post(answer::resume))
        .route("/webhooks/twilio/transferred", post(answer::transferred))
        .route("/webhooks/twilio/status", post(status::status))
        .route("/webhooks/twilio/amd", post(amd::amd))
        .route("/webhooks/twilio/agent-answer", post(handover::agent_answer))
        .route("/webhooks/twilio/agent-status", post(handover::agent_status))
        .route("/webhooks/twilio/conference-status", post(handover::conference_status))
        .route("/media", get(media::upgrade))
        .layer(DefaultBodyLimit::max(LONGEST_FORM))
}
