//! Why an operation was declined. Every dialect gives these its own status, code and wording.

use std::{borrow::Cow, fmt};

use crate::{
    domain::{CallId, user::Forbidden},
    live::registry::NotTold,
    store::StoreError,
};

/// Why an operation was declined.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No token, or one that is not valid.
    #[error("{0}")]
    Unauthorized(&'static str),
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// It is there, but this user sees other calls alone.
    #[error("this call is not assigned to you")]
    NotAssigned,
    /// A field of the input cannot be meant.
    #[error("{field} {wrong}")]
    Invalid { field: Cow<'static, str>, wrong: String },
    #[error("Call not found")]
    NoSuchCall,
    /// Not a call, but what is named here.
    #[error("{0} not found")]
    NotFound(&'static str),
    #[error("call {0} has ended")]
    CallEnded(CallId),
    #[error("{0}")]
    Conflict(Conflict),
    /// Too many of these for now; when to come again, seconds.
    #[error("too many attempts; try again in {retry_after} s")]
    TooOften { retry_after: u64 },
    /// A running call did not do it.
    #[error("the call did not do it: {0}")]
    NotDone(#[from] NotTold),
    /// The carrier did not do it.
    #[error("the carrier did not do it: {0}")]
    Carrier(String),
    /// An upload that cannot be used; a sentence for whoever sent it.
    #[error("{0}")]
    InvalidFile(String),
    /// Something that is needed is not configured.
    #[error("{0}")]
    NotConfigured(&'static str),
    #[error("the store could not {attempt}")]
    Store { attempt: &'static str, source: StoreError },
    #[error("{attempt} failed inside: {why}")]
    Internal { attempt: &'static str, why: String },
}

/// It cannot be done as things stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    NoAvailableAgents,
    AgentUnavailable,
    AgentInUse,
    EmailTaken,
    ConfigInUse,
    NumberBlocked,
    InvalidResetToken,
    AlreadyEscalated,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Conflict::NoAvailableAgents => "no agent is available",
            Conflict::AgentUnavailable => "the agent does not exist or is not available",
            Conflict::AgentInUse => "the agent has calls or escalations that have not ended",
            Conflict::EmailTaken => "the e-mail address is taken",
            Conflict::ConfigInUse => "calls that have not ended use the configuration",
            Conflict::NumberBlocked => "the number is blocked or on the do-not-contact list",
            Conflict::InvalidResetToken => "the token is unknown, used or expired",
            Conflict::AlreadyEscalated => "the call is being escalated already",
        })
    }
}

impl Error {
    /// A field that cannot be meant, and what is wrong with it: "must be …".
    pub fn invalid(field: impl Into<Cow<'static, str>>, wrong: impl Into<String>) -> Self {
        Error::Invalid { field: field.into(), wrong: wrong.into() }
    }
}

/// Says what the store was asked for when it failed.
pub(super) trait Attempt<T> {
    /// `attempt`: "find the call".
    fn attempt(self, attempt: &'static str) -> Result<T, Error>;
}

impl<T> Attempt<T> for Result<T, StoreError> {
    fn attempt(self, attempt: &'static str) -> Result<T, Error> {
        self.map_err(|source| Error::Store { attempt, source })
    }
}
