//! The carrier's REST API, played: calls that [`super::place`] plays can be looked up and ended.
//!
//! As strict as the real one: Basic credentials, the account's own path, `.json`, forms. What is to
//! go wrong is set by the test, request by request. It knows calls and the account itself; see
//! <https://www.twilio.com/docs/voice/api/call-resource>.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::AbortHandle};
use tokio_util::sync::CancellationToken;
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
    /// GET or POST.
    pub method: Method,
    /// The call, as it stands in the path.
    pub call_sid: String,
    /// The HTTP status of the answer; none if it broke off.
    pub status: Option<u16>,
}

struct Known {
    status: &'static str,
    outbound: bool,
    end: CancellationToken,
}

struct Inside {
    account_sid: String,
    auth_token: SecretString,
    calls: Mutex<BTreeMap<String, Known>>,
    /// Of the next looks and orders, what goes wrong.
    faults: Mutex<[VecDeque<Option<Fault>>; 2]>,
    asked: Mutex<Vec<Asked>>,
}

struct Served(AbortHandle);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A running API. It stops when its last clone is dropped.
#[derive(Clone)]
pub struct Rest {
    base_url: Arc<str>,
    inside: Arc<Inside>,
    _served: Arc<Served>,
}

impl Rest {
    /// Serves one account at this address, port 0 for any.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn start(
        address: SocketAddr,
        account_sid: impl Into<String>,
        auth_token: SecretString,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let base_url = format!("http://{}", listener.local_addr()?).into();
        let inside = Arc::new(Inside {
            account_sid: account_sid.into(),
            auth_token,
            calls: Mutex::default(),
            faults: Mutex::default(),
            asked: Mutex::default(),
        });
        let app = Router::new()
            .route("/2010-04-01/Accounts/{account}", get(account))
            .route("/2010-04-01/Accounts/{account}/Calls/{call}", any(calls))
            .fallback(|| async { refusal(StatusCode::NOT_FOUND, Some(20404), "no such resource") })
            .with_state(Arc::clone(&inside));
        let served = tokio::spawn(async move {
            // Fails only with the listener, and then its clients see it.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Rest { base_url, inside, _served: Arc::new(Served(served.abort_handle())) })
    }

    /// What a client sets as the API's address.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// What goes wrong with the next requests for a call, in their order; `None` goes well.
    pub fn fail_looks(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.inside.faults()[0].extend(faults);
    }

    /// What goes wrong with the next orders to a call, in their order; `None` goes well.
    pub fn fail_orders(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.inside.faults()[1].extend(faults);
    }

    /// The first thousand requests.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.inside.asked().clone()
    }

    /// A call is up from now on. The token is cancelled when it is ended over REST.
    #[must_use]
    pub fn begin(&self, call_sid: &str, outbound: bool) -> CancellationToken {
        let end = CancellationToken::new();
        let known = Known { status: "in-progress", outbound, end: end.clone() };
        self.inside.calls().insert(call_sid.to_owned(), known);
        end
    }

    /// A call is over.
    pub fn finish(&self, call_sid: &str, status: &'static str) {
        if let Some(call) = self.inside.calls().get_mut(call_sid) {
            call.status = status;
        }
    }
}

impl Fault {
    /// A refusal with this status, worded as the carrier's own.
    #[must_use]
    pub fn refuse(status: u16, code: u32) -> Self {
        Fault::Refuse { status, code: Some(code), retry_after: None }
    }
}

impl Inside {
    fn calls(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> MutexGuard<'_, [VecDeque<Option<Fault>>; 2]> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asked(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn may(&self, headers: &HeaderMap) -> bool {
        let pair = format!("{}:{}", self.account_sid, self.auth_token.expose_secret());
        let wanted = format!("Basic {}", base64_simd::STANDARD.encode_to_string(pair));
        headers
            .get(header::AUTHORIZATION)
            .is_some_and(|given| given.as_bytes() == wanted.as_bytes())
    }

    fn answer(
        &self,
        account: &str,
        call: Option<&str>,
        method: &Method,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Option<Response> {
        if !self.may(headers) {
            return Some(refusal(StatusCode::UNAUTHORIZED, Some(20003), "Authenticate"));
        }
        let order = *method == Method::POST;
        let fault = self.faults()[usize::from(order)].pop_front().flatten();
        match fault {
            Some(Fault::Refuse { status, code, retry_after }) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
                let mut answer = refusal(status, code, "as the test wants it");
                if let Some(seconds) = retry_after {
                    answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
                }
                return Some(answer);
            }
            Some(Fault::BreakOff) => return None,
            Some(Fault::DoneUnsaid | Fault::NotDone) | None => {}
        }
        let mut calls = self.calls();
        let unknown = || refusal(StatusCode::NOT_FOUND, Some(20404), "no such resource");
        let known = call.filter(|_| account == self.account_sid);
        let Some((sid, call)) = known.and_then(|sid| Some((sid, calls.get_mut(sid)?))) else {
            return Some(unknown());
        };
        if order {
            let is_form = headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
                kind.as_bytes().starts_with(b"application/x-www-form-urlencoded")
            });
            let form = Form::parse(body).unwrap_or_default();
            if !is_form || form.get("Status") != Some("completed") {
                let what = "only Status=completed is played";
                return Some(refusal(StatusCode::BAD_REQUEST, Some(20001), what));
            }
            if call.status != "in-progress" {
                let what = "Call is not in-progress. Cannot redirect.";
                return Some(refusal(StatusCode::BAD_REQUEST, Some(21220), what));
            }
            if fault != Some(Fault::NotDone) {
                call.status = "completed";
                call.end.cancel();
            }
            if fault == Some(Fault::DoneUnsaid) {
                return None;
            }
        }
        Some(Json(call.shown(sid, account)).into_response())
    }
}

impl Known {
    fn shown(&self, sid: &str, account: &str) -> Value {
        json!({
            "sid": sid,
            "account_sid": account,
            "parent_call_sid": null,
            "status": self.status,
            "direction": if self.outbound { "outbound-api" } else { "inbound" },
            "api_version": "2010-04-01",
            "uri": format!("/2010-04-01/Accounts/{account}/Calls/{sid}.json"),
        })
    }
}

async fn account(
    State(inside): State<Arc<Inside>>,
    Path(resource): Path<String>,
    headers: HeaderMap,
) -> Response {
    if !inside.may(&headers) {
        return refusal(StatusCode::UNAUTHORIZED, Some(20003), "Authenticate");
    }
    match resource.strip_suffix(".json") {
        Some(sid) if sid == inside.account_sid => {
            Json(json!({ "sid": sid, "status": "active", "type": "Full" })).into_response()
        }
        _ => refusal(StatusCode::NOT_FOUND, Some(20404), "no such resource"),
    }
}

async fn calls(
    State(inside): State<Arc<Inside>>,
    Path((account, resource)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // Without the extension the answer would be XML.
    let call = resource.strip_suffix(".json");
    let answer = if matches!(method, Method::GET | Method::POST) {
        inside.answer(&account, call, &method, &headers, &body)
    } else {
        let what = "only looking up and ending are played";
        Some(refusal(StatusCode::METHOD_NOT_ALLOWED, Some(20004), what))
    };
    let mut asked = inside.asked();
    if asked.len() < MOST_REMEMBERED {
        let status = answer.as_ref().map(|answer| answer.status().as_u16());
        asked.push(Asked { method, call_sid: call.unwrap_or(&resource).to_owned(), status });
    }
    answer.unwrap_or_else(|| {
        let broken = std::io::Error::other("broken off");
        let body = futures_util::stream::iter([Err::<Bytes, _>(broken)]);
        Body::from_stream(body).into_response()
    })
}

/// An error as the API words it; without a code, as a proxy would.
fn refusal(status: StatusCode, code: Option<u32>, message: &str) -> Response {
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
