//! A call is answered, or goes on after its stream has ended.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    http::header,
    response::{IntoResponse, Response as HttpResponse},
};
use serde::Deserialize;
use turn::EndReason;
use twiml::{
    Connect, Dial, Document, Number, Reject, Response, Stream,
    form::{CallStatus, VoiceRequest},
};

use super::auth::{Refused, SignedForm};
use crate::{gateway::Gateway, live::registry::Expected};

/// What we put into the addresses of calls that we make.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ours {
    lead_id: Option<String>,
    call_id: Option<String>,
}

/// `POST /webhooks/twilio/answer`: a call came in, or one that we made was answered.
pub async fn answer(
    State(gateway): State<Arc<Gateway>>,
    Query(ours): Query<Ours>,
    SignedForm(form): SignedForm,
) -> Result<HttpResponse, Refused> {
    let request = VoiceRequest::from_form(&form)?;
    metrics::counter!("tandem_calls_answered_total").increment(1);
    tracing::info!(
        call = request.call_sid.as_str(),
        from = ?request.from,
        lead = ours.lead_id,
        "a call to answer"
    );
    let full = gateway.registry.count() >= gateway.most_calls();
    let document = if full || gateway.is_draining() {
        metrics::counter!("tandem_calls_turned_away_total").increment(1);
        busy(&request)
    } else {
        connect(
            &gateway,
            Expected {
                call_sid: request.call_sid.as_str().to_owned(),
                lead_id: ours.lead_id.map(shortened),
                call_id: ours.call_id.map(shortened),
                resumed: false,
            },
        )
    };
    Ok(reply(&document))
}

/// `POST /webhooks/twilio/resume`: the stream has ended and the call may live on. A call that said
/// its goodbye ends; one that is to be put through is; one whose session broke off is gone on with.
pub async fn resume(
    State(gateway): State<Arc<Gateway>>,
    Query(ours): Query<Ours>,
    SignedForm(form): SignedForm,
) -> Result<HttpResponse, Refused> {
    let request = VoiceRequest::from_form(&form)?;
    let call_sid = request.call_sid.as_str();
    let over = request.call_status.as_ref().is_some_and(CallStatus::is_terminal);
    let document = match gateway.registry.ended(call_sid) {
        _ if over => Response::new().hangup(),
        Some(EndReason::Transferred { .. }) => match gateway.business.transfer_to.as_deref() {
            Some(number) => transfer(number),
            None => Response::new().hangup(),
        },
        // The session says that the caller left, yet the carrier still holds the call: its stream
        // broke. So did one that left no word.
        Some(EndReason::CallerLeft) | None => {
            tracing::info!(call = call_sid, "a call is gone on with");
            metrics::counter!("tandem_calls_resumed_total").increment(1);
            connect(
                &gateway,
                Expected {
                    call_sid: call_sid.to_owned(),
                    lead_id: ours.lead_id.map(shortened),
                    call_id: ours.call_id.map(shortened),
                    resumed: true,
                },
            )
        }
        Some(_) => Response::new().hangup(),
    };
    Ok(reply(&document))
}

/// The caller is put through; when nobody answers, is told so.
fn transfer(number: &str) -> Document {
    let dial = Number::new(twiml::PhoneNumber::new(number))
        .map(|number| Dial::to(number).answer_on_bridge(true));
    match dial {
        Ok(dial) => Response::new()
            .dial(dial)
            .say("I'm sorry, nobody can take your call at the moment. Please call again later.")
            .hangup(),
        Err(error) => {
            tracing::error!(%error, "the number to transfer to cannot be dialled");
            Response::new().say("I'm sorry, I cannot put you through at the moment.").hangup()
        }
    }
}

/// Past capacity: rung calls are refused as busy, so that they cost the caller nothing.
fn busy(request: &VoiceRequest) -> Document {
    if request.call_status == Some(CallStatus::Ringing) {
        Response::reject(Reject::busy())
    } else {
        Response::new()
            .say("All lines are busy at the moment. Please call again in a few minutes.")
            .hangup()
    }
}

/// Connects the call's audio to our socket, with a token that opens it once.
fn connect(gateway: &Gateway, expected: Expected) -> Document {
    let mut action = format!("{}/webhooks/twilio/resume", gateway.public_url());
    let mut mark = '?';
    for (name, value) in [("leadId", &expected.lead_id), ("callId", &expected.call_id)] {
        if let Some(value) = value {
            action.push(mark);
            action.push_str(&format!("{name}={}", encoded(value)));
            mark = '&';
        }
    }
    let token = gateway.registry.expect(expected);
    let stream = Stream::to(gateway.media_url()).and_then(|to| to.parameter("token", token));
    match stream {
        Ok(stream) => Response::new().connect(Connect::to(stream).action(action)),
        Err(error) => {
            tracing::error!(%error, "PUBLIC_URL cannot be a stream's address");
            Response::new().say("I'm sorry, this service is not set up yet.").hangup()
        }
    }
}

pub(super) fn reply(document: &Document) -> HttpResponse {
    match document.reply() {
        Ok(text) => ([(header::CONTENT_TYPE, Document::CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a document could not be sent");
            axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Identifiers of other systems, of sane length.
fn shortened(text: String) -> String {
    text.chars().take(128).collect()
}

/// For a query string.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(byte as char);
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
