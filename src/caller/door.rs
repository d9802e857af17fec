//! The door of the played REST API: credentials, what the test wants to go wrong, what was asked.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json,
    body::{Body, Bytes},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use twiml::Form;

/// Requests that are remembered.
const MOST_REMEMBERED: usize = 1_000;

/// What goes wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is refused; without a code, as by something in between.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// The carrier's number of the error.
        code: Option<u32>,
        /// `Retry-After`, seconds.
        retry_after: Option<u32>,
    },
    /// It is received, not done, and its answer breaks off.
    BreakOff,
    /// It is done, and its answer breaks off.
    DoneUnsaid,
    /// An order is taken, said to be taken, and not done.
    NotDone,
}

/// A request that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// GET, POST or DELETE.
    pub method: Method,
    /// Under the account's path, with its extension.
    pub resource: String,
    /// The body of a POST, the query of others.
    pub form: Form,
    /// The HTTP status of the answer; none if it broke off.
    pub status: Option<u16>,
}

impl Fault {
    /// A refusal with this status, worded as the carrier's own.
    #[must_use]
    pub fn refuse(status: u16, code: u32) -> Self {
        Fault::Refuse { status, code: Some(code), retry_after: None }
    }
}

/// What a request may do once it is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Let {
    /// It is done.
    Through,
    /// It is done, and its answer breaks off.
    ThroughUnsaid,
    /// It is said to be done, and is not.
    Undone,
}

/// Lets requests in, or not.
pub(super) struct Door {
    pub(super) account_sid: String,
    auth_token: SecretString,
    /// Of the next looks and orders, what goes wrong.
    faults: Mutex<[VecDeque<Option<Fault>>; 2]>,
    asked: Mutex<Vec<Asked>>,
}

impl Door {
    pub(super) fn new(account_sid: String, auth_token: SecretString) -> Self {
        Door { account_sid, auth_token, faults: Mutex::default(), asked: Mutex::default() }
    }

    pub(super) fn auth_token(&self) -> &SecretString {
        &self.auth_token
    }

    pub(super) fn fail_looks(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.faults()[0].extend(faults);
    }

    pub(super) fn fail_orders(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.faults()[1].extend(faults);
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.lock_asked().clone()
    }

    pub(super) fn note(&self, asked: Asked) {
        let mut all = self.lock_asked();
        if all.len() < MOST_REMEMBERED {
            all.push(asked);
        }
    }

    /// Has the request the account's credentials?
    pub(super) fn may(&self, headers: &HeaderMap) -> bool {
        let pair = format!("{}:{}", self.account_sid, self.auth_token.expose_secret());
        let wanted = format!("Basic {}", base64_simd::STANDARD.encode_to_string(pair));
        headers
            .get(header::AUTHORIZATION)
            .is_some_and(|given| given.as_bytes() == wanted.as_bytes())
    }

    /// What becomes of a request: it is let in, or answered here. An answer of `None` breaks off.
    pub(super) fn pass(
        &self,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Let, Box<Option<Response>>> {
        if !self.may(headers) {
            let refused = refusal(StatusCode::UNAUTHORIZED, Some(20003), "Authenticate");
            return Err(Box::new(Some(refused)));
        }
        let order = *method != Method::GET;
        let fault = self.faults()[usize::from(order)].pop_front().flatten();
        match fault {
            Some(Fault::Refuse { status, code, retry_after }) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
                let mut answer = refusal(status, code, "as the test wants it");
                if let Some(seconds) = retry_after {
                    answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
                }
                Err(Box::new(Some(answer)))
            }
            Some(Fault::BreakOff) => Err(Box::new(None)),
            Some(Fault::DoneUnsaid) => Ok(Let::ThroughUnsaid),
            Some(Fault::NotDone) => Ok(Let::Undone),
            None => Ok(Let::Through),
        }
    }

    fn faults(&self) -> MutexGuard<'_, [VecDeque<Option<Fault>>; 2]> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_asked(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer whose head comes and whose body breaks off.
pub(super) fn broken_off() -> Response {
    let broken = std::io::Error::other("broken off");
    let body = futures_util::stream::iter([Err::<Bytes, _>(broken)]);
    Body::from_stream(body).into_response()
}

/// Is the body what the API wants?
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"))
}

/// An error as the API words it; without a code, as a proxy would.
pub(super) fn refusal(status: StatusCode, code: Option<u32>, message: &str) -> Response {
    match code {
        Some(code) => {
            let more = format!("https://www.twilio.com/docs/errors/{code}");
            let body = json!({
                "code": code, "message": message, "more_info": more, "status": status.as_u16(),
            });
            (status, Json(body)).into_response()
        }
        None => (status, "<html><body>Bad Gateway</body></html>").into_response(),
    }
}
