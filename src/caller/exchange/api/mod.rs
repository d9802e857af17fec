//! The REST API of the exchange: who may ask what, and where it is answered.
//!
//! Twilio's 2010-04-01, as strict: Basic credentials, the account's own path, forms, `.json`. One file
//! per resource. Recordings and numbers are in [`resources`].

mod calls;
mod conferences;
mod resources;

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use twiml::Form;

use super::super::door::{Asked, Let, broken_off, is_form, refusal};
use super::Inside;

/// Answers all requests.
pub fn router(inside: Arc<Inside>) -> Router {
    Router::new().fallback(answer).with_state(inside)
}

/// A request that was let in.
struct Request<'a> {
    exchange: &'a Arc<Inside>,
    method: &'a Method,
    form: &'a Form,
}

/// Why a request is refused.
struct Refused {
    status: StatusCode,
    code: u32,
    why: &'static str,
}

type Answer = Result<Response, Refused>;

impl Refused {
    /// 400, with the carrier's number.
    fn bad(code: u32, why: &'static str) -> Self {
        Refused { status: StatusCode::BAD_REQUEST, code, why }
    }

    fn not_found() -> Self {
        let why = "The requested resource was not found";
        Refused { status: StatusCode::NOT_FOUND, code: 20404, why }
    }

    fn method() -> Self {
        let why = "Method not allowed";
        Refused { status: StatusCode::METHOD_NOT_ALLOWED, code: 20004, why }
    }

    fn full() -> Self {
        let why = "Too Many Requests";
        Refused { status: StatusCode::TOO_MANY_REQUESTS, code: 20429, why }
    }
}

fn found(value: Value) -> Answer {
    Ok(Json(value).into_response())
}

fn created(value: Value) -> Answer {
    Ok((StatusCode::CREATED, Json(value)).into_response())
}

fn deleted() -> Answer {
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A page of a list, which is always the only one.
fn page(name: &str, entries: Vec<Value>) -> Answer {
    found(json!({ name: entries, "next_page_uri": null, "page": 0, "page_size": 50 }))
}

async fn answer(
    State(exchange): State<Arc<Inside>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let prefix = format!("/2010-04-01/Accounts/{}", exchange.door.account_sid);
    let resource = uri.path().strip_prefix(&prefix);
    let is_post = method == Method::POST;
    let sent = if is_post { &body[..] } else { uri.query().unwrap_or_default().as_bytes() };
    let form = Form::parse(sent);
    let let_in = exchange.door.pass(&method, &headers);
    let answer = match (&let_in, resource, &form) {
        (Err(_), ..) => None,
        (Ok(_), None, _) => Some(Err(Refused::not_found())),
        (Ok(_), Some(_), Err(_)) => Some(Err(Refused::bad(20001, "the form cannot be read"))),
        (Ok(_), Some(_), Ok(_)) if is_post && !body.is_empty() && !is_form(&headers) => {
            Some(Err(Refused::bad(20001, "a form is wanted")))
        }
        (Ok(let_in), Some(resource), Ok(form)) => {
            // An order that is lost answers as looking does.
            let method = if *let_in == Let::Undone { &Method::GET } else { &method };
            let request = Request { exchange: &exchange, method, form };
            Some(Box::pin(dispatch(resource, request)).await)
        }
    };
    let answer = match (let_in, answer) {
        (Err(answer), _) => *answer,
        (Ok(Let::ThroughUnsaid), _) => None,
        (Ok(_), Some(Ok(answer))) => Some(answer),
        (Ok(_), Some(Err(Refused { status, code, why }))) => Some(refusal(status, Some(code), why)),
        (Ok(_), None) => None,
    };
    exchange.door.note(Asked {
        method,
        resource: resource.unwrap_or(uri.path()).to_owned(),
        form: form.unwrap_or_default(),
        status: answer.as_ref().map(|answer| answer.status().as_u16()),
    });
    answer.unwrap_or_else(broken_off)
}

async fn dispatch(resource: &str, request: Request<'_>) -> Answer {
    if resource == ".json" {
        return resources::account(&request);
    }
    let path: Vec<String> = resource.trim_start_matches('/').split('/').map(decoded).collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    // Without the extension the answer would be XML, or is a file.
    let Some((last, before)) = path.split_last() else { return Err(Refused::not_found()) };
    let Some(name) = last.strip_suffix(".json") else {
        return match before {
            ["Recordings"] => resources::file(&request, last),
            _ => Err(Refused::not_found()),
        };
    };
    match (before, name) {
        ([], "Calls") => calls::create(&request),
        (["Calls"], call) => calls::one(&request, call).await,
        (["Calls", call], "Recordings") => resources::start(&request, call),
        (["Calls", call, "Recordings"], tape) => resources::change(&request, call, tape),
        ([], "Conferences") => conferences::list(&request),
        (["Conferences"], room) => conferences::one(&request, room),
        (["Conferences", room], "Participants") => conferences::participants(&request, room),
        (["Conferences", room, "Participants"], who) => {
            conferences::participant(&request, room, who)
        }
        ([], "Recordings") => resources::list(&request),
        (["Recordings"], tape) => resources::one(&request, tape),
        ([], "IncomingPhoneNumbers") => resources::numbers(&request),
        _ => Err(Refused::not_found()),
    }
}

/// A part of a path without its escapes. One that cannot be read names nothing.
fn decoded(part: &str) -> String {
    // A plus is itself in a path, and a blank in a form.
    let form = Form::parse(format!("x={}", part.replace('+', "%2B")).as_bytes());
    form.ok().and_then(|form| form.get("x").map(ToOwned::to_owned)).unwrap_or_default()
}
