//! The account, its numbers and recordings over REST.

use std::sync::Arc;

use axum::http::{Method, StatusCode, header};
use axum::response::IntoResponse;
use serde_json::json;
use twiml::Form;

use super::super::Inside;
use super::super::tape::{self, Tape};
use super::{Answer, Refused, Request, created, deleted, found, page};

/// The account itself.
pub fn account(request: &Request<'_>) -> Answer {
    if *request.method != Method::GET {
        return Err(Refused::method());
    }
    let sid = &request.exchange.door.account_sid;
    let name = "played account";
    found(json!({ "sid": sid, "friendly_name": name, "status": "active", "type": "Full" }))
}

/// Numbers that contain the one that is asked for.
pub fn numbers(request: &Request<'_>) -> Answer {
    if *request.method != Method::GET {
        return Err(Refused::method());
    }
    let asked = request.form.get("PhoneNumber").unwrap_or_default();
    let numbers = request.exchange.state().numbers.clone();
    let shown = numbers.into_iter().filter(|(number, _)| number.contains(asked));
    let shown = shown.map(|(number, sid)| {
        json!({
            "sid": sid,
            "phone_number": number,
            "voice_url": null,
            "status_callback": "",
            "capabilities": { "voice": true, "sms": false, "mms": false },
        })
    });
    page("incoming_phone_numbers", shown.collect())
}

/// Begins to record a call, or lists its recordings.
pub fn start(request: &Request<'_>, call_sid: &str) -> Answer {
    let exchange = request.exchange;
    let leg = exchange.leg(call_sid).ok_or_else(Refused::not_found)?;
    match *request.method {
        Method::GET => page("recordings", shown(request, |tape| tape.leg.sid == leg.sid)),
        Method::POST => {
            if leg.status() != "in-progress" {
                let why = "Requested resource is not eligible for recording";
                return Err(Refused::bad(21220, why));
            }
            let tape = tape::start(exchange, &leg, wanted(request.form)?, "StartCallRecordingAPI");
            created(tape.ok_or_else(Refused::full)?.shown(&exchange.door.account_sid))
        }
        _ => Err(Refused::method()),
    }
}

/// How a recording is wanted.
pub fn wanted(form: &Form) -> Result<tape::Wanted, Refused> {
    let told = tape::told(form, "RecordingStatusCallback");
    let told = told.map_err(|()| Refused::bad(21609, "Invalid 'RecordingStatusCallback' URL"))?;
    Ok(tape::Wanted { dual: form.get("RecordingChannels") == Some("dual"), told })
}

/// Pauses a recording, goes on with it, stops it.
pub fn change(request: &Request<'_>, call_sid: &str, sid: &str) -> Answer {
    let exchange = request.exchange;
    let tape = by_sid(exchange, sid).filter(|tape| tape.leg.sid == call_sid);
    let tape = tape.ok_or_else(Refused::not_found)?;
    match *request.method {
        Method::GET => {}
        Method::POST => {
            let order = request.form.get("Status").unwrap_or_default();
            if !["paused", "in-progress", "stopped"].contains(&order) {
                return Err(Refused::bad(20001, "Status has no such value"));
            }
            let silence = request.form.get("PauseBehavior") != Some("skip");
            // To stop what is stopped is no error; all else is.
            if !tape.change(exchange, order, silence) && order != "stopped" {
                return Err(Refused::bad(21220, "the recording is over"));
            }
        }
        _ => return Err(Refused::method()),
    }
    found(tape.shown(&exchange.door.account_sid))
}

/// Recordings of a call, or all.
pub fn list(request: &Request<'_>) -> Answer {
    if *request.method != Method::GET {
        return Err(Refused::method());
    }
    let of = request.form.get("CallSid");
    page("recordings", shown(request, |tape| of.is_none_or(|sid| tape.leg.sid == sid)))
}

fn shown(request: &Request<'_>, which: impl Fn(&Tape) -> bool) -> Vec<serde_json::Value> {
    let tapes = request.exchange.state().tapes.clone();
    let which = tapes.iter().rev().filter(|tape| which(tape));
    which.map(|tape| tape.shown(&request.exchange.door.account_sid)).collect()
}

/// Looks a recording up, or deletes it.
pub fn one(request: &Request<'_>, sid: &str) -> Answer {
    let exchange = request.exchange;
    let tape = by_sid(exchange, sid).ok_or_else(Refused::not_found)?;
    match *request.method {
        Method::GET => found(tape.shown(&exchange.door.account_sid)),
        Method::DELETE => {
            tape.change(exchange, "stopped", true);
            exchange.state().tapes.retain(|known| known.sid != sid);
            deleted()
        }
        _ => Err(Refused::method()),
    }
}

/// A recording's audio, by its identifier with or without `.wav`.
pub fn file(request: &Request<'_>, name: &str) -> Answer {
    let sid = name.strip_suffix(".wav").unwrap_or(name);
    let tape = by_sid(request.exchange, sid).filter(|tape| tape.is_ready());
    let tape = tape.ok_or_else(Refused::not_found)?;
    match tape.wav() {
        Some(wav) => Ok(([(header::CONTENT_TYPE, "audio/x-wav")], wav).into_response()),
        None => {
            let why = "the recording could not be written";
            Err(Refused { status: StatusCode::INTERNAL_SERVER_ERROR, code: 20500, why })
        }
    }
}

fn by_sid(exchange: &Inside, sid: &str) -> Option<Arc<Tape>> {
    exchange.state().tapes.iter().find(|tape| tape.sid == sid).cloned()
}
