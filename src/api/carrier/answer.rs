//! A call is answered, or goes on after its stream has ended.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{Uri, header},
    response::{IntoResponse, Response as HttpResponse},
};
use turn::EndReason;
use twiml::{
    Connect, Dial, Document, Form, Number, Pause, Reject, Response, Start, Stream,
    form::{CallStatus, DialResult, DialStatus, Direction, VoiceRequest},
    verb::Track,
};

use super::{
    amd,
    auth::{Refused, SignedForm},
    handover,
};
use crate::{
    app::{
        Sent, is_handover,
        scribe::{Fact, origin_of},
    },
    gateway::Gateway,
    live::{
        journal::Origin,
        registry::{Back, Expected},
    },
};

/// How long a caller waits in silence to be told who awaits them; then the agent goes on.
const ROOM_WITHIN: Duration = Duration::from_secs(3);
/// How long a caller who is just answered waits to be told whether their call was given up.
const KNOWN_WITHIN: Duration = Duration::from_millis(300);
/// How long the carrier waits to hear that a person is being called.
const SENT_WITHIN: Duration = Duration::from_millis(1_500);

/// What we put into the addresses of calls that we make: identifiers of other systems, of sane length.
#[derive(Clone)]
pub(super) struct Ours {
    lead_id: Option<String>,
    pub(super) call_id: Option<String>,
}

impl Ours {
    pub(super) fn of(uri: &Uri) -> Self {
        let query = Form::parse(uri.query().unwrap_or("").as_bytes()).unwrap_or_default();
        let named = |name: &str| {
            query.get(name).filter(|id| !id.is_empty()).map(|id| id.chars().take(128).collect())
        };
        Ours { lead_id: named("leadId"), call_id: named("callId") }
    }
}

/// `POST /webhooks/twilio/answer`: a call came in, or one that we made was answered.
pub async fn answer(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    SignedForm(form): SignedForm,
) -> Result<HttpResponse, Refused> {
    let request = VoiceRequest::from_form(&form)?;
    let ours = Ours::of(&uri);
    metrics::counter!("tandem_calls_answered_total").increment(1);
    tracing::info!(
        call = request.call_sid.as_str(),
        from = ?request.from,
        lead = ours.lead_id,
        "a call to answer"
    );
    if is_over(&gateway, &ours).await {
        // Given up while it was being placed, or ended by somebody before it was answered.
        return Ok(reply(&Response::new().hangup()));
    }
    let origin = origin(&gateway, &request, &ours).await;
    if let (Some(app), Some(origin)) = (gateway.control(), origin.clone()) {
        app.report(Fact::Arrived { call_sid: request.call_sid.as_str().into(), origin });
    }
    let expected = awaited(&request, ours, origin);
    if let Some(by) = &request.answered_by {
        amd::tell(&gateway, &request.call_sid, by);
    }
    let document = match gateway.desk.registry.expect_within(expected.clone(), gateway.room()) {
        Some(token) => connect(&gateway, expected, token),
        None => {
            metrics::counter!("tandem_calls_turned_away_total").increment(1);
            busy(&request)
        }
    };
    Ok(reply(&document))
}

/// `POST /webhooks/twilio/resume`: the stream has ended and the call may live on. A call that said
/// its goodbye ends; one that is to be put through is; one whose session broke off is gone on with.
pub async fn resume(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    SignedForm(form): SignedForm,
) -> Result<HttpResponse, Refused> {
    let request = VoiceRequest::from_form(&form)?;
    let ours = Ours::of(&uri);
    let call_sid = request.call_sid.as_str();
    let over = request.call_status.as_ref().is_some_and(CallStatus::is_terminal);
    if over {
        gateway.desk.hang_ups.over(&request.call_sid);
    }
    // What the call's journal says of it holds, however the database is.
    let origin = match origin_of(&gateway.journals, call_sid).await {
        Some(origin) => Some(origin),
        None => origin(&gateway, &request, &ours).await,
    };
    if !over
        && let Some(document) = hand_over(&gateway, &request, ours.clone(), origin.clone()).await
    {
        return Ok(reply(&document));
    }
    let hang_up = || {
        gateway.desk.hang_ups.expect(&request.call_sid);
        gateway.desk.hang_ups.told(&request.call_sid);
        Response::new().hangup()
    };
    let document = match gateway.desk.registry.ended(call_sid) {
        _ if over => Response::new().hangup(),
        Some(EndReason::Transferred { reason }) => {
            put_through(&gateway, &request, ours, (origin, reason)).await.unwrap_or_else(hang_up)
        }
        // This process stops: the carrier asks again in a moment, when another one answers.
        Some(EndReason::CallerLeft) | None if gateway.is_draining() => in_a_moment(&gateway, &ours),
        Some(EndReason::CallerLeft) | None if !gateway.desk.registry.may_resume(call_sid) => {
            tracing::warn!(call = call_sid, "a call that breaks again and again is hung up");
            hang_up()
        }
        // The session says that the caller left, yet the carrier still holds the call: its stream
        // broke. So did one that left no word.
        Some(EndReason::CallerLeft) | None => {
            tracing::info!(call = call_sid, "a call is gone on with");
            metrics::counter!("tandem_calls_resumed_total").increment(1);
            go_on(&gateway, awaited(&request, ours, origin))
        }
        Some(_) => hang_up(),
    };
    Ok(reply(&document))
}

/// Is the call that we made over already?
async fn is_over(gateway: &Gateway, ours: &Ours) -> bool {
    let call = ours.call_id.as_deref().and_then(|id| id.parse().ok());
    match (gateway.control(), call) {
        (Some(app), Some(call)) => {
            tokio::time::timeout(KNOWN_WITHIN, app.is_over(call)).await.unwrap_or(false)
        }
        _ => false,
    }
}

/// Whose call this is, where there is a control plane.
async fn origin(gateway: &Gateway, request: &VoiceRequest, ours: &Ours) -> Option<Origin> {
    let app = gateway.control()?;
    if let Some(origin) = gateway.desk.registry.origin(request.call_sid.as_str()) {
        return Some(origin);
    }
    let number = |number: &Option<twiml::PhoneNumber>| {
        number.as_ref().map_or_else(String::new, |number| number.expose().to_owned())
    };
    let (from, to) = (number(&request.from), number(&request.to));
    let call = ours.call_id.as_deref().and_then(|id| id.parse().ok());
    app.origin(request.call_sid.as_str(), (&from, &to), call, is_outbound(request)).await
}

/// A person who has accepted the call awaits the caller: both are put into their room, and what is
/// said there comes back to us for the transcript.
async fn hand_over(
    gateway: &Gateway,
    request: &VoiceRequest,
    ours: Ours,
    origin: Option<Origin>,
) -> Option<Document> {
    let call_sid = request.call_sid.as_str();
    let app = gateway.control()?;
    // The caller hears nothing meanwhile, and the carrier hangs up on who is too slow.
    // The session that has just let the caller go knows that somebody waits.
    let ended = gateway.desk.registry.ended(call_sid);
    let surely = matches!(ended, Some(EndReason::Transferred { .. }));
    let room = match tokio::time::timeout(ROOM_WITHIN, app.room_of(call_sid, surely)).await {
        Ok(Ok(room)) => room?,
        Ok(Err(error)) => {
            tracing::error!(call = call_sid, error = ?error, "a person may await this call");
            return None;
        }
        Err(_) => {
            tracing::error!(call = call_sid, "a person may await this call: the database is slow");
            return None;
        }
    };
    if gateway.is_draining() {
        // The transcript's stream would be left at once.
        return Some(in_a_moment(gateway, &ours));
    }
    let expected = Expected { resumed: true, listens: true, ..awaited(request, ours, origin) };
    let token = gateway.desk.registry.expect(expected);
    let next = format!("{}/webhooks/twilio/transferred", gateway.public_url());
    let ear = Stream::to(gateway.media_url()).and_then(|to| to.parameter("token", token));
    let room = handover::conference(gateway, &room.1, "caller");
    match (ear, room) {
        (Ok(ear), Ok(room)) => Some(
            Response::new()
                .start(Start::stream(ear).track(Track::Both))
                .dial(Dial::conference(room).action(next)),
        ),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "the caller cannot join the room");
            None
        }
    }
}

/// Did we make this call?
fn is_outbound(request: &VoiceRequest) -> bool {
    matches!(request.direction, Some(Direction::OutboundApi | Direction::OutboundDial))
}

const NOBODY: &str = "I'm sorry, nobody can take your call at the moment. Please call again later.";

/// The caller is put through; [`transferred`] says how it goes on.
fn transfer(gateway: &Gateway, number: &str) -> Document {
    let next = format!("{}/webhooks/twilio/transferred", gateway.public_url());
    let dial = Number::new(twiml::PhoneNumber::new(number))
        .map(|number| Dial::to(number).answer_on_bridge(true).action(next));
    match dial {
        Ok(dial) => Response::new().dial(dial),
        Err(error) => {
            tracing::error!(%error, "the number to transfer to cannot be dialled");
            Response::new().say("I'm sorry, I cannot put you through at the moment.").hangup()
        }
    }
}

/// `POST /webhooks/twilio/transferred`: what came of putting the caller through. Who was served is not
/// told that nobody was there; whose person went away before they met goes back to the agent.
pub async fn transferred(
    State(gateway): State<Arc<Gateway>>,
    SignedForm(form): SignedForm,
) -> HttpResponse {
    let result = DialResult::from_form(&form);
    if matches!(result.status, Some(DialStatus::Completed | DialStatus::Answered)) {
        return reply(&Response::new().hangup());
    }
    if let (Some(app), Some(call)) = (gateway.control(), form.get("CallSid")) {
        match app.returned(call).await {
            Ok(true) => {
                let ours = Ours { lead_id: None, call_id: None };
                return reply(&Response::new().redirect(action(&gateway, &ours)));
            }
            Ok(false) => {}
            Err(error) => {
                tracing::error!(call, error = ?error, "a failed transfer could not be noted");
            }
        }
    }
    reply(&Response::new().say(NOBODY).hangup())
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

/// The call as its first socket is awaited, on which the agent speaks.
fn awaited(request: &VoiceRequest, ours: Ours, origin: Option<Origin>) -> Expected {
    Expected {
        call_sid: request.call_sid.as_str().to_owned(),
        lead_id: ours.lead_id,
        call_id: ours.call_id,
        resumed: false,
        outbound: is_outbound(request),
        listens: false,
        origin,
        back: None,
    }
}

/// The agent goes on with a call.
fn go_on(gateway: &Gateway, call: Expected) -> Document {
    let expected = Expected { resumed: true, ..call };
    let token = gateway.desk.registry.expect(expected.clone());
    connect(gateway, expected, token)
}

/// The carrier asks again in a moment, when another process answers.
fn in_a_moment(gateway: &Gateway, ours: &Ours) -> Document {
    Response::new().pause(Pause::default()).redirect(action(gateway, ours))
}

/// The agent has said that it puts the caller through. Where there is a control plane one of its people
/// is sent for, and until they come the agent goes on; where nobody can come, the number of the server's
/// file is dialled, if the call is the operator's own. None: there is nobody.
async fn put_through(
    gateway: &Gateway,
    request: &VoiceRequest,
    ours: Ours,
    (origin, reason): (Option<Origin>, String),
) -> Option<Document> {
    let number = || gateway.business.transfer_to.as_deref().map(|to| transfer(gateway, to));
    let Some(app) = gateway.control() else { return number() };
    let call_sid = request.call_sid.as_str();
    let sent = match is_handover(&reason) {
        // A person had accepted and is gone again: it was tried.
        true => Sent::Nobody { dial: false },
        false => {
            let sent = app.send_for_person(call_sid, number().is_some());
            tokio::time::timeout(SENT_WITHIN, sent).await.unwrap_or(Sent::OnTheWay)
        }
    };
    if let (Sent::Nobody { dial: true }, Some(document)) = (sent, number()) {
        return Some(document);
    }
    if !gateway.desk.registry.may_resume(call_sid) {
        return None;
    }
    let back = match sent {
        Sent::OnTheWay => Back::SentFor,
        Sent::Nobody { .. } => Back::NobodyCame,
    };
    let call = Expected { back: Some(back), ..awaited(request, ours, origin) };
    Some(go_on(gateway, call))
}

/// Connects the call's audio to our socket, with a token that opens it once.
fn connect(gateway: &Gateway, expected: Expected, token: String) -> Document {
    let action = action(gateway, &Ours { lead_id: expected.lead_id, call_id: expected.call_id });
    let stream = Stream::to(gateway.media_url()).and_then(|to| to.parameter("token", token));
    match stream {
        Ok(stream) => Response::new().connect(Connect::to(stream).action(action)),
        Err(error) => {
            tracing::error!(%error, "PUBLIC_URL cannot be a stream's address");
            Response::new().say("I'm sorry, this service is not set up yet.").hangup()
        }
    }
}

/// Where the carrier asks when the stream has ended.
fn action(gateway: &Gateway, ours: &Ours) -> String {
    let named = [("leadId", &ours.lead_id), ("callId", &ours.call_id)];
    let query: Form =
        named.iter().filter_map(|(name, id)| id.as_deref().map(|id| (*name, id))).collect();
    let path = format!("{}/webhooks/twilio/resume", gateway.public_url());
    if query.is_empty() { path } else { format!("{path}?{}", query.encode()) }
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
