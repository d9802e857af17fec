//! A call is handed to a person: what the person's telephone is told, and how the room fares.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{StatusCode, Uri},
    response::{IntoResponse, Response as HttpResponse},
};
use twiml::{
    Conference, Dial, Document, Form, Gather, Response,
    form::{CallStatusCallback, ConferenceEvent, ConferenceEventKind},
    verb::{Beep, RoomEvent},
};

use super::{
    answer::reply,
    auth::{Refused, SignedForm},
};
use crate::{
    app::{App, Briefing, scribe::state_of},
    domain::AgentId,
    gateway::Gateway,
};

/// How long the person may think before they press a key, s.
const THINKS_FOR: u32 = 10;
const TOO_LATE: &str = "The caller is no longer waiting. Goodbye.";
const PRESS: &str = "Press 1 to take the call.";

/// The escalation that the address is about, and whose telephone; the control plane that knows it.
fn about<'a>(gateway: &'a Gateway, uri: &Uri) -> Option<(&'a Arc<App>, i64, AgentId)> {
    let query = Form::parse(uri.query().unwrap_or("").as_bytes()).ok()?;
    let (id, agent) = (query.get("escalation")?.parse().ok()?, query.get("agent")?.parse().ok()?);
    Some((gateway.control()?, id, agent))
}

/// `POST /webhooks/twilio/agent-answer`: the person has answered, or has pressed a key.
pub async fn agent_answer(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    SignedForm(form): SignedForm,
) -> Result<HttpResponse, Refused> {
    let Some((app, id, agent)) = about(&gateway, &uri) else {
        return Ok(reply(&Response::new().say(TOO_LATE).hangup()));
    };
    let asked = uri.query().is_some_and(|query| query.contains("asked=1"));
    let keys = asked.then(|| form.get("Digits").unwrap_or_default().to_owned());
    let briefing = match app.brief_agent(id, agent, keys.as_deref()).await {
        Ok(briefing) => briefing,
        Err(error) => {
            tracing::error!(escalation = id, error = ?error, "the agent could not be briefed");
            // The carrier asks again, at the fallback address or not at all.
            return Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response());
        }
    };
    Ok(reply(&match briefing {
        Briefing::Ask(whisper) => ask(&gateway, (id, agent), whisper),
        Briefing::Join(room) => join(&gateway, &room),
        Briefing::TooLate => Response::new().say(TOO_LATE).hangup(),
    }))
}

/// The whisper, and the question whether the person takes the call.
fn ask(gateway: &Gateway, (id, agent): (i64, AgentId), whisper: String) -> Document {
    let url = gateway.public_url();
    let next = format!("{url}/webhooks/twilio/agent-answer?escalation={id}&agent={agent}&asked=1");
    let gather = Gather::to(next).num_digits(1).and_then(|gather| gather.timeout(THINKS_FOR));
    match gather {
        Ok(gather) => Response::new()
            .gather(gather.say(format!("{whisper} {PRESS}").as_str()).even_if_silent()),
        Err(error) => {
            tracing::error!(%error, "the agent cannot be asked");
            Response::new().hangup()
        }
    }
}

/// The person waits for the caller in the room; it ends when they leave it.
fn join(gateway: &Gateway, room: &str) -> Document {
    match conference(gateway, room, "agent") {
        Ok(room) => Response::new().dial(Dial::conference(room)).end(),
        Err(error) => {
            tracing::error!(%error, "the room cannot be joined");
            Response::new().hangup()
        }
    }
}

/// The room of a call, as one of its two parties joins it. Who leaves ends it.
pub(super) fn conference(
    gateway: &Gateway,
    room: &str,
    label: &str,
) -> Result<Conference, twiml::Invalid> {
    let told = format!("{}/webhooks/twilio/conference-status", gateway.public_url());
    let events = [RoomEvent::Start, RoomEvent::End, RoomEvent::Join, RoomEvent::Leave];
    Ok(Conference::new(room)?
        .participant_label(label)?
        .beep(Beep::Never)
        .start_on_enter(true)
        .end_on_exit(true)
        .status_callback(told, events))
}

/// `POST /webhooks/twilio/agent-status`: how the person's leg fares. May come twice or out of order.
pub async fn agent_status(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    SignedForm(form): SignedForm,
) -> Result<HttpResponse, Refused> {
    let told = CallStatusCallback::from_form(&form)?;
    let state = told.call.call_status.as_ref().and_then(state_of);
    if let (Some((app, id, agent)), Some(state)) = (about(&gateway, &uri), state)
        && let Err(error) = app.agent_leg(id, agent, (told.call.call_sid.as_str(), state)).await
    {
        tracing::error!(escalation = id, error = ?error, "an agent's leg could not be noted");
        return Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response());
    }
    Ok(reply(&Response::new().end()))
}

/// `POST /webhooks/twilio/conference-status`: who joins and leaves.
pub async fn conference_status(
    State(gateway): State<Arc<Gateway>>,
    SignedForm(form): SignedForm,
) -> Result<HttpResponse, Refused> {
    let told = ConferenceEvent::from_form(&form)?;
    let caller = told.participant_label.as_deref() == Some("caller");
    if let (ConferenceEventKind::ParticipantJoin, true, Some(call), Some(app)) =
        (&told.event, caller, &told.call_sid, gateway.control())
        && let Err(error) = app.bridged(call.as_str()).await
    {
        tracing::error!(call = call.as_str(), error = ?error, "a bridge could not be noted");
        return Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response());
    }
    Ok(reply(&Response::new().end()))
}
