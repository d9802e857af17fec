//! The carrier's side of a call, played towards any gateway that speaks Media Streams.
//!
//! [`place`] does what Twilio does for one call: asks the answer URL for TwiML with a signed
//! request, opens the socket that it names, sends the caller's audio frame by frame, plays what
//! comes back in real time, returns marks when they are reached or cleared, and follows the
//! documents to the end. What the caller does is a [`Scenario`]; what came of it is an [`Outcome`].
//!
//! An [`exchange::Exchange`] is the carrier for many calls: legs that it makes and takes, dials that
//! bridge them, conferences that mix them, and the REST API that orders them about.
//!
//! Judges a gateway only from outside: nothing here shares code with the gateway's session, and the
//! caller's ear does not use the gateway's voice detector.
//!
//! Where the carrier's documentation is silent, this player does the following. A stream that could
//! not be opened, or broke, is followed by the `action` of its `<Connect>` if there is one, else by
//! the next verb. What is queued when a stream ends is not heard, and its marks do not come back.
//! The upgrade is signed for the URL as written, its port included.

mod callbacks;
mod clip;
mod clock;
mod command;
mod door;
mod ear;
pub mod exchange;
mod flow;
mod hearing;
mod line;
mod markup;
mod mouth;
mod network;
mod note;
mod outcome;
mod rest;
mod scenario;
mod script;
mod socket;
mod stream;
mod telling;
mod turns;
mod web;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use clip::{Clip, ClipError};
pub use clock::Tick;
pub use command::{CallArgs, run};
pub use door::{Asked, Fault};
pub use ear::{Dropped, Ear, Echo, Full, Returned};
pub use network::{BadNetwork, Network, Stall};
pub use note::{CallNote, Note};
pub use outcome::{
    BargeIn, Clear, Close, ClosedBy, Document, EndReason, Gap, Marks, Outcome, Pace, Response,
    StepReport, StepResult, Traffic, Turn, Violation, Who,
};
pub use rest::Rest;
pub use scenario::{Library, Scenario, ScenarioError, Step, Wait};
pub use socket::Handshake;
pub use telling::{Delivery, Detection, Found};
pub use web::{NoAnswer, NoClient};

/// The account that a call is from unless another is set.
pub const ACCOUNT_SID: &str = "AC00000000000000000000000000000000";

/// The caller's number unless another is set.
pub const FROM: &str = "+15005550006";

/// The number that is called unless another is set.
pub const TO: &str = "+15005550001";

/// A call to be placed.
#[derive(Clone)]
pub struct Call {
    target: Target,
    from: String,
    to: String,
    account_sid: String,
    auth_token: SecretString,
    outbound: bool,
    /// The call that dialled this one, on an exchange.
    parent: Option<String>,
    /// What the callee's side answered at the end, on an exchange.
    sip_response: Option<u16>,
    parameters: Vec<(String, String)>,
    scenario: Scenario,
    statuses: telling::Statuses,
    detection: Detection,
    rest: Option<Rest>,
    stuck: bool,
    answer_within: Duration,
    connect_within: Duration,
    notes: Option<mpsc::Sender<CallNote>>,
    stop: CancellationToken,
}

#[derive(Clone)]
enum Target {
    Webhook(Url),
    Socket(Url),
    /// A call of an exchange: what it does is said there.
    Exchange(exchange::Purpose),
}

/// Why there was no call.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The target is no URL that can be called.
    #[error("the target is neither an http(s) answer URL nor a ws(s) socket: {why}")]
    Target {
        /// What is wrong with it.
        why: String,
    },
    /// The answer URL did not answer.
    #[error("the call was not answered")]
    Answer(#[source] NoAnswer),
    /// The answer URL answered with an error.
    #[error("{url} refused the call with HTTP status {status}{}", hint(*status))]
    Refused {
        /// Where, without its query.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The socket that was to be called directly did not open.
    #[error("the call was not connected")]
    Socket(#[source] Handshake),
    /// The line cannot be as asked.
    #[error(transparent)]
    Network(#[from] BadNetwork),
    /// This machine cannot make HTTP requests.
    #[error(transparent)]
    Client(#[from] NoClient),
}

fn hint(status: u16) -> &'static str {
    match status {
        401 | 403 => ": is the auth token the gateway's, and the URL its public one?",
        404 | 405 => ": is this the path of its answer webhook?",
        _ => "",
    }
}

impl Call {
    /// A call to `target`: the URL of an answer webhook (http, https), or of a media socket (ws,
    /// wss) that is called without any TwiML.
    ///
    /// # Errors
    /// The target is no such URL.
    pub fn to(
        target: &str,
        auth_token: SecretString,
        scenario: Scenario,
    ) -> Result<Self, CallError> {
        let wrong = |why: String| CallError::Target { why };
        let url = Url::parse(target).map_err(|error| wrong(error.to_string()))?;
        let target = match url.scheme() {
            "http" | "https" => Target::Webhook(url),
            "ws" | "wss" => Target::Socket(url),
            other => return Err(wrong(format!("its scheme is {other}"))),
        };
        Ok(Self {
            target,
            from: FROM.to_owned(),
            to: TO.to_owned(),
            account_sid: ACCOUNT_SID.to_owned(),
            auth_token,
            outbound: false,
            parent: None,
            sip_response: None,
            parameters: Vec::new(),
            scenario,
            statuses: telling::Statuses::default(),
            detection: Detection::First("human".to_owned()),
            rest: None,
            stuck: false,
            answer_within: Duration::from_secs(15),
            connect_within: Duration::from_secs(10),
            notes: None,
            stop: CancellationToken::new(),
        })
    }

    /// The two numbers. On an outbound call `to` is the one who speaks here.
    #[must_use]
    pub fn numbers(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        (self.from, self.to) = (from.into(), to.into());
        self
    }

    /// The account that the gateway is told.
    #[must_use]
    pub fn account(mut self, account_sid: impl Into<String>) -> Self {
        self.account_sid = account_sid.into();
        self
    }

    /// Makes it a call that the gateway placed itself: the two identifiers go into the answer URL's
    /// query as `leadId` and `callId`. A person has answered, and the carrier found that out before it
    /// asks for the first document, unless [`Call::detection`] is set.
    #[must_use]
    pub fn placed_by_gateway(mut self, lead_id: Option<&str>, call_id: Option<&str>) -> Self {
        self.outbound = true;
        if let Target::Webhook(url) = &mut self.target {
            let mut query = url.query_pairs_mut();
            let pairs = [("leadId", lead_id), ("callId", call_id)];
            query.extend_pairs(pairs.iter().filter_map(|(name, id)| id.map(|id| (name, id))));
        }
        self
    }

    /// A `<Parameter>` of a socket that is called directly; TwiML brings its own.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// How the carrier finds out who answered a call that the gateway placed.
    #[must_use]
    pub fn detection(mut self, detection: Detection) -> Self {
        self.detection = detection;
        self
    }

    /// Who is told that the call is over.
    #[must_use]
    pub fn status_callback(mut self, url: Url) -> Self {
        self.statuses.callback = Some(url);
        self
    }

    /// Tells the status callback also that the call was begun, rings and is answered.
    #[must_use]
    pub fn every_status(mut self) -> Self {
        self.statuses.told = telling::Progress::Every;
        self
    }

    /// How status callbacks arrive.
    #[must_use]
    pub fn status_delivery(mut self, delivery: Delivery) -> Self {
        self.statuses.delivery = delivery;
        self
    }

    /// The call can be looked up and ended over this API.
    #[must_use]
    pub fn known_to(mut self, rest: &Rest) -> Self {
        self.rest = Some(rest.clone());
        self
    }

    /// The order to hang up is lost on its way: the call stays up until it is ended over REST, or its
    /// time is out.
    #[must_use]
    pub fn stuck_at_end(mut self) -> Self {
        self.stuck = true;
        self
    }

    /// How long a request for TwiML may take (15 s unless set, as at the carrier), and the handshake
    /// of a socket (10 s).
    #[must_use]
    pub fn patience(mut self, answer: Duration, connect: Duration) -> Self {
        (self.answer_within, self.connect_within) = (answer, connect);
        self
    }

    /// Tells what happens as it happens. Notes that find the channel full are left out there; the
    /// outcome has them all.
    #[must_use]
    pub fn notes(mut self, notes: mpsc::Sender<CallNote>) -> Self {
        self.notes = Some(notes);
        self
    }

    /// The caller hangs up when this token is cancelled.
    #[must_use]
    pub fn stop_on(mut self, stop: CancellationToken) -> Self {
        self.stop = stop;
        self
    }
}

impl Call {
    fn direction(&self) -> &'static str {
        match (self.outbound, &self.parent) {
            (_, Some(_)) => "outbound-dial",
            (true, None) => "outbound-api",
            (false, None) => "inbound",
        }
    }
}

impl fmt::Debug for Call {
    /// Leaves out the numbers, the token and the parameters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = match &self.target {
            Target::Webhook(url) | Target::Socket(url) => socket::shown(url),
            Target::Exchange(_) => "of an exchange".to_owned(),
        };
        f.debug_struct("Call")
            .field("target", &target)
            .field("scenario", &self.scenario.name)
            .field("outbound", &self.outbound)
            .finish_non_exhaustive()
    }
}

/// Places a call and stays with it to its end.
///
/// # Errors
/// The call did not come about: nobody answered, or the answer was a refusal. All that goes wrong
/// later is told in the outcome.
pub async fn place(call: Call) -> Result<Outcome, CallError> {
    let scenario = &call.scenario;
    scenario.network.check()?;
    let web = Arc::new(web::Web::new(&call.auth_token, call.answer_within)?);
    let script = script::Script::new(scenario.steps.clone());
    let weather = network::Weather::new(scenario.network.clone());
    let line = line::Line::new(script, weather, scenario.at_most, call.notes.clone());
    let mut flow = flow::Flow::new(&call, line, web);
    let end = Box::pin(flow.run()).await?;

    let flow::Flow { line, call_sid, documents, .. } = flow;
    let (remains, record, events) = line.finish();
    let turns = turns::of_call(&remains.caller, &remains.agent, &record.clears);
    Ok(Outcome {
        scenario: scenario.name.clone(),
        call_sid,
        stream_sids: record.stream_sids,
        steps: remains.steps,
        end,
        duration_ms: remains.end.ms(),
        turns: turns.turns,
        responses: turns.responses,
        barge_ins: turns.barge_ins,
        marks: record.marks,
        clears: record.clears,
        gaps: remains.gaps,
        violations: record.violations,
        warnings: record.warnings,
        traffic: record.traffic,
        closes: record.closes,
        documents,
        pace: record.pace,
        events,
        caller_mulaw: remains.caller,
        agent_mulaw: remains.agent,
    })
}

/// A new identifier of the carrier's form: two letters and 32 hexadecimal digits.
fn sid(prefix: &str) -> String {
    format!("{prefix}{}", uuid::Uuid::new_v4().simple())
}
