//! The carrier's REST API, played: calls that [`super::place`] plays can be looked up and ended.
//!
//! As strict as the real one: Basic credentials, the account's own path, `.json`, forms. What is to
//! go wrong is set by the test, request by request. It knows calls and the account itself; see
//! <https://www.twilio.com/docs/voice/api/call-resource>.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::AbortHandle};
use tokio_util::sync::CancellationToken;
use twiml::Form;

use super::door::{Asked, Door, Fault, Let, broken_off, is_form, refusal};

struct Known {
    status: &'static str,
    outbound: bool,
    end: CancellationToken,
}

struct Inside {
    door: Door,
    calls: Mutex<BTreeMap<String, Known>>,
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
            door: Door::new(account_sid.into(), auth_token),
            calls: Mutex::default(),
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
        self.inside.door.fail_looks(faults);
    }

    /// What goes wrong with the next orders to a call, in their order; `None` goes well.
    pub fn fail_orders(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.inside.door.fail_orders(faults);
    }

    /// The first thousand requests.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.inside.door.asked()
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

impl Inside {
    fn calls(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(
        &self,
        account: &str,
        call: Option<&str>,
        method: &Method,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Option<Response> {
        let let_in = match self.door.pass(method, headers) {
            Ok(let_in) => let_in,
            Err(answer) => return *answer,
        };
        let mut calls = self.calls();
        let unknown = || refusal(StatusCode::NOT_FOUND, Some(20404), "no such resource");
        let known = call.filter(|_| account == self.door.account_sid);
        let Some((sid, call)) = known.and_then(|sid| Some((sid, calls.get_mut(sid)?))) else {
            return Some(unknown());
        };
        if *method == Method::POST {
            let form = Form::parse(body).unwrap_or_default();
            if !is_form(headers) || form.get("Status") != Some("completed") {
                let what = "only Status=completed is played";
                return Some(refusal(StatusCode::BAD_REQUEST, Some(20001), what));
            }
            if call.status != "in-progress" {
                let what = "Call is not in-progress. Cannot redirect.";
                return Some(refusal(StatusCode::BAD_REQUEST, Some(21220), what));
            }
            if let_in != Let::Undone {
                call.status = "completed";
                call.end.cancel();
            }
            if let_in == Let::ThroughUnsaid {
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
    if !inside.door.may(&headers) {
        return refusal(StatusCode::UNAUTHORIZED, Some(20003), "Authenticate");
    }
    match resource.strip_suffix(".json") {
        Some(sid) if sid == inside.door.account_sid => {
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
    inside.door.note(Asked {
        method,
        resource: format!("/Calls/{resource}"),
        form: Form::parse(&body).unwrap_or_default(),
        status: answer.as_ref().map(|answer| answer.status().as_u16()),
    });
    answer.unwrap_or_else(broken_off)
}
