//! How an operation's refusal is said here: `{error: {code, message, details}}`.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use turn::Refusal;
use utoipa::ToSchema;

use crate::{
    app::{Conflict, Error},
    live::registry::NotTold,
};

/// When to come again while the database is away, s.
const AWAY_RETRY_SECS: u64 = 5;

/// A refusal.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
    details: Map<String, Value>,
    retry_after: Option<u64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ErrorResponse)]
pub struct ErrorResponse {
    error: ErrorBody,
}

#[derive(Serialize, ToSchema)]
struct ErrorBody {
    /// Error code, e.g. CALL_NOT_FOUND
    code: &'static str,
    /// Human-readable message
    message: String,
    /// Additional error details, {} when there is nothing to add
    details: Map<String, Value>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Problem { status, code, message: message.into(), details: Map::new(), retry_after: None }
    }

    /// Is it said of a token?
    pub(super) fn is_unauthorized(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    /// A field that cannot be meant: 400.
    pub(super) fn invalid(field: &str, wrong: impl Into<String>) -> Self {
        let wrong = wrong.into();
        let mut problem = Problem::new(
            StatusCode::BAD_REQUEST,
            "VALIDATION_ERROR",
            if field.is_empty() { wrong.clone() } else { format!("{field} {wrong}") },
        );
        if !field.is_empty() {
            problem.details.insert("fields".to_owned(), json!({ field: wrong }));
        }
        problem
    }

    /// It cannot be done as things stand, and not by a field's fault: the code is of the contract's list,
    /// the reason stands in the details.
    fn refused(reason: &'static str, message: String) -> Self {
        let mut problem = Problem::new(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", message);
        problem.details.insert("reason".to_owned(), json!(reason));
        problem
    }

    /// There is no such thing: 404.
    pub(super) fn not_found(what: &str) -> Self {
        let code = if what == "Call" { "CALL_NOT_FOUND" } else { "NOT_FOUND" };
        Problem::new(StatusCode::NOT_FOUND, code, format!("{what} not found"))
    }

    /// Its code, and what it says to people.
    pub(super) fn said(&self) -> (&'static str, &str) {
        (self.code, &self.message)
    }

    pub(super) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Problem { status, code, message, details, retry_after } = self;
        let body = ErrorResponse { error: ErrorBody { code, message, details } };
        let mut response = (status, Json(body)).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            let challenge = header::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        use StatusCode as S;
        let message = error.to_string();
        match error {
            Error::Unauthorized(_) => Problem::new(S::UNAUTHORIZED, "UNAUTHORIZED", message),
            Error::Forbidden(_) | Error::NotAssigned => {
                Problem::new(S::FORBIDDEN, "FORBIDDEN", message)
            }
            Error::Invalid { field, wrong } => Problem::invalid(&field, wrong),
            Error::NoSuchCall => Problem::not_found("Call"),
            Error::NotFound(what) => Problem::not_found(what),
            Error::CallEnded(_) => Problem::new(S::BAD_REQUEST, "CALL_NOT_ACTIVE", message),
            Error::Conflict(conflict) => Problem::new(S::BAD_REQUEST, code_of(conflict), message),
            Error::TooOften { retry_after } => {
                Problem::new(S::TOO_MANY_REQUESTS, "RATE_LIMIT_EXCEEDED", message)
                    .retry_after(retry_after)
            }
            Error::NotDone(
                NotTold::NotLive | NotTold::Refused(Refusal::Ended | Refusal::Ending),
            ) => Problem::new(S::BAD_REQUEST, "CALL_NOT_ACTIVE", message),
            Error::NotDone(NotTold::Refused(_)) => Problem::refused("REFUSED", message),
            Error::InvalidFile(_) => Problem::new(S::BAD_REQUEST, "INVALID_FILE", message),
            Error::NotConfigured(_) => Problem::refused("NOT_CONFIGURED", message),
            Error::Carrier(_) => Problem::refused("CARRIER_ERROR", message),
            Error::Store { source, .. } if source.is_away() => {
                tracing::warn!(error = message, "an operation found the database away");
                let message = "The database is away; calls go on. Try again in a moment.";
                Problem::new(S::SERVICE_UNAVAILABLE, "SERVICE_UNAVAILABLE", message)
                    .retry_after(AWAY_RETRY_SECS)
            }
            Error::NotDone(_) | Error::Store { .. } | Error::Internal { .. } => {
                tracing::error!(error = chain(&error), "an operation failed");
                Problem::new(S::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", "Internal server error")
            }
        }
    }
}

fn code_of(conflict: Conflict) -> &'static str {
    match conflict {
        Conflict::NoAvailableAgents => "NO_AVAILABLE_AGENTS",
        Conflict::AgentInUse => "AGENT_IN_USE",
        Conflict::ConfigInUse => "CONFIG_IN_USE",
        Conflict::NumberBlocked => "NUMBER_BLOCKED",
        Conflict::InvalidResetToken => "INVALID_RESET_TOKEN",
        Conflict::AgentUnavailable | Conflict::EmailTaken | Conflict::AlreadyEscalated => {
            "VALIDATION_ERROR"
        }
    }
}

/// The error and its causes. None of them holds what a client sent.
fn chain(error: &Error) -> String {
    let mut told = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        told.push_str(": ");
        told.push_str(&error.to_string());
        cause = error.source();
    }
    told
}

/// No operation has this path.
pub(super) async fn no_such_path() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "NOT_FOUND", "No such path")
}

/// The path has operations, but none by this method.
pub(super) async fn wrong_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "Method not allowed")
}
