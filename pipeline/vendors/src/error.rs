//! Why a vendor failed, said so that an operator knows which, what and what to do.

use std::time::Duration;

/// A vendor's failure: who, while doing what, and what was wrong.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{vendor} could not {attempt}: {problem}{}{}", request_id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default(), problem.advice().map(|a| format!("; {a}")).unwrap_or_default())]
pub struct VendorError {
    /// The adapter's name, as in `TANDEM_STT`: `openai`, `deepgram`, `elevenlabs`, `local`.
    pub vendor: &'static str,
    /// What was being tried, as "could not …" continues: "transcribe", "answer", "speak".
    pub attempt: &'static str,
    /// What was wrong.
    pub problem: Problem,
    /// The vendor's own identifier of the request, when it gave one.
    pub request_id: Option<String>,
}

/// What was wrong with a vendor, in kinds that a caller can act on.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Problem {
    /// No connection: refused, unresolvable, TLS failure, reset before an answer.
    #[error("no connection ({0})")]
    Unreachable(String),
    /// HTTP 401 or 403.
    #[error("the key was refused (HTTP {status})")]
    Unauthorized { status: u16 },
    /// HTTP 429; how long the vendor asks to wait.
    #[error("too many requests{}", retry_after.map(|d| format!(", asked to wait {} ms", d.as_millis())).unwrap_or_default())]
    RateLimited { retry_after: Option<Duration> },
    /// Another HTTP status that is not success; the body's beginning, keys removed.
    #[error("HTTP {status}: {detail}")]
    Status { status: u16, detail: String },
    /// Nothing came within the time allowed for this stage ("first token", "connect", …).
    #[error("no {waited_for} within {} ms", after.as_millis())]
    TimedOut { waited_for: &'static str, after: Duration },
    /// The stream ended before the vendor said it was complete.
    #[error("the stream broke off ({0})")]
    Cut(String),
    /// Something arrived that the protocol does not allow.
    #[error("an answer that makes no sense ({0})")]
    Malformed(String),
    /// The local engine is overloaded or its model failed.
    #[error("{0}")]
    Engine(String),
}

impl Problem {
    /// Is the same request worth repeating at once?
    pub fn is_transient(&self) -> bool {
        match self {
            Problem::Unreachable(_)
            | Problem::TimedOut { .. }
            | Problem::Cut(_)
            | Problem::Malformed(_) => true,
            Problem::Status { status, .. } => *status >= 500,
            Problem::RateLimited { retry_after } => {
                retry_after.is_none_or(|wait| wait <= Duration::from_millis(500))
            }
            Problem::Unauthorized { .. } | Problem::Engine(_) => false,
        }
    }

    /// What an operator can do about it, where there is something.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Problem::Unreachable(_) => Some("check the vendor's URL and this host's network"),
            Problem::Unauthorized { .. } => Some("check the vendor's API key"),
            Problem::RateLimited { .. } => Some("raise the account's limit or add a second vendor"),
            Problem::Status { .. }
            | Problem::TimedOut { .. }
            | Problem::Cut(_)
            | Problem::Malformed(_)
            | Problem::Engine(_) => None,
        }
    }
}
