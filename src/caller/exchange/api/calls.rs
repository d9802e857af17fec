//! Calls over REST: made, looked up, redirected, ended.

use std::time::Duration;

use axum::http::Method;
use reqwest::Url;
use serde_json::{Value, json};
use tokio::time::timeout;
use twiml::{Form, PhoneNumber};

use super::super::super::telling::{Detection, Found};
use super::super::phone::{Phone, Pickup};
use super::super::{Control, Inside, Order, Purpose, Record, Source, tape};
use super::{Answer, Refused, Request, created, found};

/// Characters of a document in an order.
const MOST_INLINE: usize = 4_000;
/// How long an order to end a call waits for its end before it is answered.
const END_WITHIN: Duration = Duration::from_secs(2);

/// Makes a call.
pub fn create(request: &Request<'_>) -> Answer {
    if *request.method != Method::POST {
        return Err(Refused::method());
    }
    let source = source(request.form)?.ok_or(Refused::bad(21205, "Url or Twiml is required"))?;
    let order = order(request, Purpose::Document(source), "AsyncAmdStatusCallback")?;
    let leg = request.exchange.place(order).ok_or_else(Refused::full)?;
    created(shown(request.exchange, &leg))
}

/// What an order to call says of the call itself; `detection_told` is the name of a parameter.
pub fn order(
    request: &Request<'_>,
    purpose: Purpose,
    detection_told: &str,
) -> Result<Order, Refused> {
    let (exchange, form) = (request.exchange, request.form);
    let to = form.get("To").ok_or(Refused::bad(21201, "No 'To' number is specified"))?;
    let from = form.get("From").ok_or(Refused::bad(21213, "'From' is required"))?;
    let is_address = |to: &str| to.starts_with("client:") || to.starts_with("sip:");
    if !is_address(to) && !PhoneNumber::new(to).is_e164() {
        return Err(Refused::bad(21211, "Invalid 'To' Phone Number"));
    }
    {
        let state = exchange.state();
        if !state.numbers.is_empty() && !state.numbers.contains_key(from) {
            let why = "The source phone number provided is not yet verified for your account";
            return Err(Refused::bad(21210, why));
        }
    }
    let phone = exchange.phone_at(to);
    if let Pickup::Refused { status, code } = phone.pickup {
        let status = axum::http::StatusCode::from_u16(status);
        let status = status.unwrap_or(axum::http::StatusCode::BAD_REQUEST);
        return Err(Refused { status, code, why: "the number cannot be called" });
    }
    let told = tape::told(form, "StatusCallback");
    let told = told.map_err(|()| Refused::bad(21609, "Invalid 'StatusCallback' URL"))?;
    let seconds = |name: &str, unset: u64| match form.get(name) {
        None => Ok(Duration::from_secs(unset)),
        Some(text) => text
            .parse()
            .map(Duration::from_secs)
            .map_err(|_| Refused::bad(20001, "a parameter that is a number is none")),
    };
    let send_digits = form.get("SendDigits").is_some();
    Ok(Order {
        from: from.to_owned(),
        to: to.to_owned(),
        parent: None,
        outbound: true,
        purpose,
        statuses: exchange.statuses(told),
        // Digits that are sent turn detection off.
        detection: if send_digits {
            Detection::Off
        } else {
            detection(form, detection_told, &phone)?
        },
        phone,
        rings_for: seconds("Timeout", 60)?,
        at_most: seconds("TimeLimit", 14_400)?,
        send_digits,
        tape: wanted_tape(form)?,
    })
}

fn wanted_tape(form: &Form) -> Result<Option<tape::Wanted>, Refused> {
    if form.get("Record") != Some("true") {
        return Ok(None);
    }
    super::resources::wanted(form).map(Some)
}

fn detection(form: &Form, told: &str, phone: &Phone) -> Result<Detection, Refused> {
    let beside = match form.get("MachineDetection") {
        None => return Ok(Detection::Off),
        Some("Enable" | "DetectMessageEnd") => form.get(told).filter(|url| !url.is_empty()),
        Some(_) => return Err(Refused::bad(20001, "MachineDetection has no such value")),
    };
    // Participants are always detected beside the call.
    let beside =
        beside.filter(|_| told == "AmdStatusCallback" || form.get("AsyncAmd") == Some("true"));
    let Some(callback) = beside else {
        return Ok(Detection::First(phone.answered_by.clone()));
    };
    let callback =
        Url::parse(callback).map_err(|_| Refused::bad(21205, "the callback's URL is none"))?;
    let found = vec![Found::new(phone.known_after, phone.answered_by.clone())];
    Ok(Detection::Beside { callback, found })
}

/// What a call is to do, if the form says so. The address goes before the document.
fn source(form: &Form) -> Result<Option<Source>, Refused> {
    if let Some(url) = form.get("Url") {
        let url = Url::parse(url).map_err(|_| Refused::bad(21205, "Url is not a valid URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refused::bad(21205, "Url is not a valid URL"));
        }
        let method = match form.get("Method") {
            Some("GET") => Method::GET,
            _ => Method::POST,
        };
        return Ok(Some(Source::At(url, method)));
    }
    match form.get("Twiml") {
        Some(text) if text.chars().count() > MOST_INLINE => {
            Err(Refused::bad(32018, "Twiml has more than 4000 characters"))
        }
        Some(text) => Ok(Some(Source::Inline(text.to_owned()))),
        None => Ok(None),
    }
}

/// Looks a call up, or changes it.
pub async fn one(request: &Request<'_>, call_sid: &str) -> Answer {
    let exchange = request.exchange;
    let leg = exchange.leg(call_sid).ok_or_else(Refused::not_found)?;
    match *request.method {
        Method::GET => found(shown(exchange, &leg)),
        Method::POST => {
            let gone = || Refused::bad(21220, "Call is not in-progress. Cannot redirect.");
            if leg.is_over() {
                return Err(gone());
            }
            let answered = leg.is_answered();
            let control = match (request.form.get("Status"), source(request.form)?) {
                (Some("completed"), _) if answered => Control::End,
                (Some("completed" | "canceled"), _) if !answered => Control::Cancel,
                (None, Some(source)) if answered => Control::Redirect(source),
                (Some("canceled"), _) | (None, Some(_)) => return Err(gone()),
                _ => return Err(Refused::bad(20001, "nothing that is known is changed")),
            };
            let ends = !matches!(control, Control::Redirect(_));
            if !leg.order(control) {
                return Err(gone());
            }
            if ends {
                // One that takes longer is shown as it stands.
                let _ = timeout(END_WITHIN, leg.until(Record::is_finished)).await;
            }
            found(shown(exchange, &leg))
        }
        _ => Err(Refused::method()),
    }
}

fn shown(exchange: &Inside, leg: &Record) -> Value {
    let account = &exchange.door.account_sid;
    let status = match leg.status() {
        "initiated" => "queued",
        status => status,
    };
    json!({
        "sid": leg.sid,
        "account_sid": account,
        "parent_call_sid": leg.parent,
        "from": leg.from,
        "to": leg.to,
        "status": status,
        "direction": leg.direction,
        "answered_by": leg.answered_by(),
        "duration": leg.seconds().map(|seconds| seconds.to_string()),
        "api_version": "2010-04-01",
        "uri": format!("/2010-04-01/Accounts/{account}/Calls/{}.json", leg.sid),
    })
}
