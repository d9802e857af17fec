//! A call is answered, or goes on after its stream has ended.

use std::sync::Arc;

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
    app::scribe::{Fact, origin_of},
    gateway::Gateway,
    live::{journal::Origin, registry::Expected},
};

/// What we put into the addresses of calls that we make: identifiers of other systems, of sane length.
struct Ours {
    lead_id: Option<String>,
    call_id: Option<String>,
}

impl Ours {
    fn of(uri: &Uri) -> Self {
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
    let origin = origin(&gateway, &request, &ours).await;
    if let (Some(app), Some(origin)) = (gateway.control(), origin.clone()) {
        app.report(Fact::Arrived { call_sid: request.call_sid.as_str().into(), origin });
    }
    let expected = Expected {
        call_sid: request.call_sid.as_str().to_owned(),
        lead_id: ours.lead_id,
        call_id: ours.call_id,
        resumed: false,
        outbound: is_outbound(&request),
        listens: false,
        origin,
    };
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
    if !over && let Some(document) = hand_over(&gateway, &request, &ours, origin.clone()).await {
        return Ok(reply(&document));
    }
    let hang_up = || {
        gateway.desk.hang_ups.expect(&request.call_sid);
        gateway.desk.hang_ups.told(&request.call_sid);
        Response::new().hangup()
    };
    let document = match gateway.desk.registry.ended(call_sid) {
        _ if over => Response::new().hangup(),
        Some(EndReason::Transferred { .. }) => match gateway.business.transfer_to.as_deref() {
            Some(number) => transfer(&gateway, number),
            // Someone is sent for, and until they come the agent goes on.
            None if gateway.control().is_some() && gateway.desk.registry.may_resume(call_sid) => {
                if let Some(app) = gateway.control() {
                    app.send_for_person(call_sid);
                }
                let expected = Expected {
                    call_sid: call_sid.to_owned(),
                    lead_id: ours.lead_id,
                    call_id: ours.call_id,
                    resumed: true,
                    outbound: is_outbound(&request),
                    listens: false,
                    origin,
                };
                let token = gateway.desk.registry.expect(expected.clone());
                connect(&gateway, expected, token)
            }
            None => hang_up(),
        },
        // This process stops: the carrier asks again in a moment, when another one answers.
        Some(EndReason::CallerLeft) | None if gateway.is_draining() => {
            Response::new().pause(Pause::default()).redirect(action(&gateway, &ours))
        }
        Some(EndReason::CallerLeft) | None if !gateway.desk.registry.may_resume(call_sid) => {
            tracing::warn!(call = call_sid, "a call that breaks again and again is hung up");
            hang_up()
        }
        // The session says that the caller left, yet the carrier still holds the call: its stream
        // broke. So did one that left no word.
        Some(EndReason::CallerLeft) | None => {
            tracing::info!(call = call_sid, "a call is gone on with");
            metrics::counter!("tandem_calls_resumed_total").increment(1);
            let expected = Expected {
                call_sid: call_sid.to_owned(),
                lead_id: ours.lead_id,
                call_id: ours.call_id,
                resumed: true,
                outbound: is_outbound(&request),
                listens: false,
                origin,
            };
            let token = gateway.desk.registry.expect(expected.clone());
            connect(&gateway, expected, token)
        }
        Some(_) => hang_up(),
    };
    Ok(reply(&document))
}

/// Whose call this is, where there is a control plane.
async fn origin(gateway: &Gateway, request: &VoiceRequest, ours: &Ours) -> Option<Origin> {
    let app = gateway.control()?;
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
    ours: &Ours,
    origin: Option<Origin>,
) -> Option<Document> {
    let call_sid = request.call_sid.as_str();
    let room = match gateway.control()?.room_of(call_sid).await {
        Ok(room) => room?,
        Err(error) => {
            tracing::error!(call = call_sid, error = ?error, "a person may await this call");
            return None;
        }
    };
    let expected = Expected {
        call_sid: call_sid.to_owned(),
        lead_id: ours.lead_id.clone(),
        call_id: ours.call_id.clone(),
        resumed: true,
        outbound: is_outbound(request),
        listens: true,
        origin,
    };
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
/// told that nobody was there.
pub async fn transferred(
    State(gateway): State<Arc<Gateway>>,
    SignedForm(form): SignedForm,
) -> HttpResponse {
    let result = DialResult::from_form(&form);
    let served = matches!(result.status, Some(DialStatus::Completed | DialStatus::Answered));
    if let (false, Some(app), Some(call)) = (served, gateway.control(), form.get("CallSid"))
        && let Err(error) = app.returned(call).await
    {
        tracing::error!(call, error = ?error, "a failed transfer could not be noted");
    }
    reply(&if served { Response::new().hangup() } else { Response::new().say(NOBODY).hangup() })
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
