//! What the carrier does with a call: asks for documents, carries out their verbs, tells of the end.
//!
//! Verbs that only speak to the caller (`Say`, `Play`, `Gather` …) are noted and take no time here:
//! there is no carrier's voice to hear. `Dial` and its like end the call as transferred. On a call of
//! an [exchange](super::exchange) all of these are carried out there.

use reqwest::{Method, Url};
use tokio::time::{Instant, sleep};
use twiml::Form;

use std::sync::Arc;
use std::time::Duration;

use media::stream::carrier::{Messages, Track};

use super::callbacks::{Callbacks, Job};
use super::clock::Tick;
use super::exchange::{Order, Plug, Source};
use super::line::{Held, Line};
use super::markup::{self, Link, MAX_PARAMETER, Verb, socket_url};
use super::note::Note;
use super::outcome::{Document, EndReason};
use super::socket::{self, Handshake, Opening, shown};
use super::stream::{Ended, Kind, Stream};
use super::telling::{Detection, status_of};
use super::web::{Answer, NoAnswer, Web};
use super::{Call, CallError, Target, sid};

/// Documents one after the other without a conversation between them: the carrier stops there.
const MAX_DOCUMENTS: usize = 10;

/// One call's way through its documents.
pub struct Flow<'a> {
    pub(super) call: &'a Call,
    pub(super) line: Line,
    pub(super) call_sid: String,
    pub(super) documents: Vec<Document>,
    pub(super) web: Arc<Web>,
    pub(super) callbacks: Callbacks,
    pub(super) answered: Option<Tick>,
    /// The next number of a call status callback.
    pub(super) sequence: u32,
    /// Status callbacks that are to come in the wrong order.
    pub(super) held_back: Vec<Job>,
    /// The exchange that this call is of.
    pub(super) plug: Option<Plug>,
    /// How the exchange wants this call, until it has rung.
    pub(super) order: Option<Order>,
    /// The latest document ran to its end: no verb ended the call.
    pub(super) ran_out: bool,
    /// The latest stream of the call, counted.
    streams: usize,
    /// Documents since the latest conversation.
    pub(super) without_stream: usize,
}

/// Fields of a request beside the standard ones: what a verb found.
pub(super) type Extra = Vec<(&'static str, String)>;

/// What a document comes to.
pub(super) enum After {
    Fetch { purpose: &'static str, link: Link, base: Url, extra: Extra },
    Inline(String),
    End(EndReason),
}

/// Why what a document does is left before it is done.
#[derive(Debug)]
pub(super) enum Leave {
    End(EndReason),
    /// Another document takes its place.
    Redirected(Source),
}

impl From<Leave> for After {
    fn from(leave: Leave) -> Self {
        match leave {
            Leave::End(reason) => After::End(reason),
            Leave::Redirected(Source::Inline(text)) => After::Inline(text),
            Leave::Redirected(Source::At(url, method)) => {
                let link = Link { url: url.to_string(), method };
                After::Fetch { purpose: "update", link, base: url, extra: Vec::new() }
            }
        }
    }
}

/// What a stream comes to.
enum Talk {
    Ended(Ended),
    NotOpened(Handshake),
    Left(Leave),
}

impl<'a> Flow<'a> {
    pub(super) fn new(call: &'a Call, line: Line, web: Arc<Web>) -> Self {
        Self {
            call,
            line,
            call_sid: sid("CA"),
            documents: Vec::new(),
            callbacks: Callbacks::start(Arc::clone(&web)),
            web,
            answered: None,
            sequence: 0,
            held_back: Vec::new(),
            plug: None,
            order: None,
            ran_out: false,
            streams: 0,
            without_stream: 0,
        }
    }

    /// The call, from placing it to its end.
    pub(super) async fn run(&mut self) -> Result<EndReason, CallError> {
        if let Some(rest) = &self.call.rest {
            self.line.ends_on(rest.begin(&self.call_sid, self.call.outbound));
        }
        self.tell_rung();
        let mut reason = match &self.call.target {
            Target::Socket(url) => self.socket_only(url.clone()).await?,
            Target::Webhook(url) => self.answer(url.clone()).await?,
            Target::Exchange(purpose) => self.on_exchange(purpose.clone()).await,
        };
        if self.call.stuck && reason == EndReason::ServerHungUp {
            reason = self.hold_on().await;
        }
        if let Some(rest) = &self.call.rest {
            rest.finish(&self.call_sid, status_of(&reason));
        }
        self.line.conclude(&reason);
        // REST says so before the streams are closed: whoever loses one may ask at once.
        self.stands(status_of(&reason));
        self.line.close_streams(|_| true).await;
        for ended in std::mem::take(&mut self.line.ended) {
            self.tell_stream_ended(&ended);
        }
        self.line.note(Note::Ended { reason: reason.clone() });
        self.tell_completed(&reason);
        self.finish_callbacks().await;
        Ok(reason)
    }

    /// The order to hang up was lost: the call is up until somebody else ends it.
    async fn hold_on(&mut self) -> EndReason {
        let stop = self.call.stop.clone();
        loop {
            match self.line.hold(stop.cancelled()).await {
                Held::Done(()) => return EndReason::Stopped,
                Held::HungUp(reason) => return reason,
                Held::StreamEnded(_) | Held::Redirected(_) => {}
            }
        }
    }

    /// A stream without any TwiML: when it ends, nothing follows.
    async fn socket_only(&mut self, url: Url) -> Result<EndReason, CallError> {
        let (url, query) = socket_url(None, url.as_str())
            .map_err(|code| CallError::Target { why: format!("not a socket's URL ({code})") })?;
        if query {
            self.query_dropped(None);
        }
        self.answered = Some(self.line.clock.now());
        let parameters = self.call.parameters.clone();
        let stream =
            markup::Stream { url: url.to_string(), parameters, ..markup::Stream::default() };
        match Box::pin(self.talk(url, &stream)).await {
            Talk::Left(Leave::End(reason)) => Ok(reason),
            // There are no documents to go on with.
            Talk::Left(Leave::Redirected(_)) => Ok(EndReason::ServerHungUp),
            Talk::Ended(ended) if ended.closed => Ok(EndReason::ServerHungUp),
            Talk::Ended(_) => Ok(EndReason::StreamFailed),
            Talk::NotOpened(handshake) => Err(CallError::Socket(handshake)),
        }
    }

    async fn answer(&mut self, answer_url: Url) -> Result<EndReason, CallError> {
        let link = Link { url: answer_url.to_string(), method: Method::POST };
        let (purpose, extra) = ("answer", Vec::new());
        self.documents(After::Fetch { purpose, link, base: answer_url, extra }).await
    }

    /// One document after the other, to the end of the call.
    pub(super) async fn documents(&mut self, first: After) -> Result<EndReason, CallError> {
        let mut next = first;
        loop {
            self.without_stream += 1;
            if self.without_stream > MAX_DOCUMENTS + 1 {
                let what = format!("{MAX_DOCUMENTS} documents in a row led only to another");
                return Ok(self.application_error(11215, what));
            }
            let (purpose, link, base, extra) = match next {
                After::End(reason) => return Ok(reason),
                After::Inline(text) => {
                    next = match self.verbs_of(text.trim()) {
                        Ok(verbs) => Box::pin(self.carry_out(&nowhere(), verbs)).await,
                        Err(reason) => After::End(reason),
                    };
                    continue;
                }
                After::Fetch { purpose, link, base, extra } => (purpose, link, base, extra),
            };
            let first = purpose == "answer";
            if first && self.call.outbound && self.answered.is_none() {
                self.tell_answered();
            }
            let answer = match self.fetch(purpose, link, &base, extra).await? {
                Ok(answer) => answer,
                Err(leave) => {
                    next = leave.into();
                    continue;
                }
            };
            let verbs = match self.read(first, &answer)? {
                Ok(verbs) => verbs,
                Err(reason) => return Ok(reason),
            };
            if first && !self.call.outbound && !matches!(verbs.first(), Some(Verb::Reject)) {
                self.tell_answered();
            }
            next = Box::pin(self.carry_out(&answer.url, verbs)).await;
        }
    }

    /// Asks for a document; what is wrong with the first one is the caller's to know.
    pub(super) async fn fetch(
        &mut self,
        purpose: &'static str,
        link: Link,
        base: &Url,
        extra: Extra,
    ) -> Result<Result<Answer, Leave>, CallError> {
        let url = match base.join(&link.url) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => url,
            _ => {
                let what = format!("the URL of <{purpose}> is not http or https");
                return Ok(Err(Leave::End(self.application_error(11100, what))));
            }
        };
        let first = purpose == "answer";
        let form =
            extra.into_iter().fold(self.form(first), |form, (name, value)| form.with(name, value));
        let began = Instant::now();
        let at_ms = self.line.clock.now().ms();
        let place = shown(&url);
        let web = Arc::clone(&self.web);
        let work = async move { web.request(link.method, url, form).await };
        let stop = self.call.stop.clone();
        let held = self.line.hold(until_stopped(work, stop)).await;
        let answer = match held {
            Held::Done(Some(answer)) => answer,
            Held::Done(None) => return Ok(Err(Leave::End(EndReason::Stopped))),
            Held::HungUp(reason) => return Ok(Err(Leave::End(reason))),
            Held::Redirected(source) => return Ok(Err(Leave::Redirected(source))),
            // No conversation is open while a document is fetched.
            Held::StreamEnded(_) => return Ok(Err(Leave::End(EndReason::StreamFailed))),
        };
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let status = answer.as_ref().ok().map(|answer| answer.status.as_u16());
        self.line.note(Note::Requested { purpose, url: place.clone(), status, took_ms });
        self.documents.push(Document {
            at_ms,
            purpose,
            url: place,
            status,
            took_ms,
            verbs: Vec::new(),
        });
        match answer {
            Ok(answer) => Ok(Ok(answer)),
            Err(error) if first => Err(CallError::Answer(error)),
            Err(NoAnswer { code, why, .. }) => {
                Ok(Err(Leave::End(self.application_error(code, why))))
            }
        }
    }

    fn read(
        &mut self,
        first: bool,
        answer: &Answer,
    ) -> Result<Result<Vec<Verb>, EndReason>, CallError> {
        if !answer.status.is_success() {
            if first {
                let (url, status) = (shown(&answer.url), answer.status.as_u16());
                return Err(CallError::Refused { url, status });
            }
            let what = format!("a request for TwiML was answered with {}", answer.status.as_u16());
            return Ok(Err(self.application_error(11200, what)));
        }
        const MARKUP: [&str; 4] = ["text/xml", "application/xml", "text/html", "text/plain"];
        if !MARKUP.contains(&answer.content_type.as_str()) {
            let what = format!("a document's type is {:?}, not text/xml", answer.content_type);
            return Ok(Err(self.application_error(12300, what)));
        }
        Ok(self.verbs_of(answer.body.trim_start_matches('\u{feff}').trim()))
    }

    fn verbs_of(&mut self, document: &str) -> Result<Vec<Verb>, EndReason> {
        let verbs = match markup::parse(document) {
            Ok(verbs) => verbs,
            Err(bad) => return Err(self.application_error(bad.code(), bad.to_string())),
        };
        let names: Vec<String> = verbs.iter().map(Verb::name).collect();
        if let Some(document) = self.documents.last_mut() {
            document.verbs.clone_from(&names);
        }
        self.line.note(Note::Document { verbs: names });
        Ok(verbs)
    }

    pub(super) async fn carry_out(&mut self, base: &Url, verbs: Vec<Verb>) -> After {
        let mut stream_failed = false;
        self.ran_out = false;
        let only_first = verbs.len();
        for (place, verb) in verbs.into_iter().enumerate() {
            stream_failed = false;
            match verb {
                Verb::Connect { action, stream } => {
                    let (url, query) = match socket_url(Some(base), &stream.url) {
                        Ok(resolved) => resolved,
                        Err(code) => {
                            let what = "the URL of <Stream> is not a socket's".to_owned();
                            self.line.violation(None, code, what);
                            stream_failed = true;
                            continue;
                        }
                    };
                    if query {
                        self.query_dropped(Some(&url));
                    }
                    match Box::pin(self.talk(url, &stream)).await {
                        Talk::Left(leave) => return leave.into(),
                        Talk::Ended(ended) => stream_failed = !ended.closed,
                        Talk::NotOpened(Handshake { code, why, .. }) => {
                            self.line.violation(None, code, why);
                            stream_failed = true;
                        }
                    }
                    if let Some(link) = action {
                        let (purpose, base, extra) = ("action", base.clone(), Vec::new());
                        return After::Fetch { purpose, link, base, extra };
                    }
                }
                Verb::StartStream(stream) => self.fork(base, &stream).await,
                Verb::StopStream { name } => self.stop_fork(name).await,
                Verb::Pause { seconds } => {
                    let work = sleep(Duration::from_secs(seconds));
                    let stop = self.call.stop.clone();
                    let held = self.line.hold(until_stopped(work, stop)).await;
                    self.tell_streams_ended();
                    match held {
                        Held::HungUp(reason) => return After::End(reason),
                        Held::Done(None) => return After::End(EndReason::Stopped),
                        Held::Redirected(source) => return Leave::Redirected(source).into(),
                        Held::Done(Some(())) | Held::StreamEnded(_) => {}
                    }
                }
                Verb::Redirect(link) => {
                    let (purpose, base, extra) = ("redirect", base.clone(), Vec::new());
                    return After::Fetch { purpose, link, base, extra };
                }
                Verb::Hangup => return After::End(EndReason::ServerHungUp),
                Verb::Reject if place == 0 => return After::End(EndReason::Rejected),
                Verb::Reject => {
                    let what = "<Reject> works only as the first verb".to_owned();
                    self.line.warn(format!("{what}; it was one of {only_first}"));
                    return After::End(EndReason::ServerHungUp);
                }
                Verb::Hear(_) | Verb::Gather(_) | Verb::Dial(_) if self.plug.is_some() => {
                    if let Some(after) = Box::pin(self.on_telephone(base, verb)).await {
                        return after;
                    }
                }
                Verb::Dial(dial) => {
                    let name = dial.name();
                    self.line.note(Note::Reached { verb: name.clone() });
                    return After::End(EndReason::Transferred { verb: name });
                }
                Verb::Hear(heard) => self.pass_over(heard.name(), heard.what()),
                Verb::Gather(gather) => {
                    let first = gather.prompts.first().map_or("", |prompt| prompt.name());
                    self.pass_over("Gather", first);
                }
                Verb::Noted { name, what } => self.pass_over(&name, &what),
                Verb::Leaves { name } => {
                    self.line.note(Note::Reached { verb: name.clone() });
                    return After::End(EndReason::Transferred { verb: name });
                }
            }
        }
        self.ran_out = true;
        let end = if stream_failed { EndReason::StreamFailed } else { EndReason::ServerHungUp };
        After::End(end)
    }

    fn pass_over(&mut self, name: &str, what: &str) {
        let verb = if what.is_empty() { name.to_owned() } else { format!("{name}: {what}") };
        self.line.note(Note::Reached { verb });
    }

    /// A conversation, from the handshake to its end.
    async fn talk(&mut self, url: Url, stream: &markup::Stream) -> Talk {
        match self.open(url, stream, Kind::Both).await {
            Ok(()) => self.without_stream = 0,
            Err(NotOpen::Handshake(handshake)) => return Talk::NotOpened(handshake),
            Err(NotOpen::Left(leave)) => return Talk::Left(leave),
        }
        let stop = self.call.stop.clone();
        let held = self.line.hold(stop.cancelled_owned()).await;
        self.tell_streams_ended();
        match held {
            Held::Done(()) => Talk::Left(Leave::End(EndReason::Stopped)),
            Held::HungUp(reason) => Talk::Left(Leave::End(reason)),
            Held::Redirected(source) => {
                // An update takes the call out of its conversation; what was forked goes on.
                self.line.close_streams(|stream| stream.kind == Kind::Both).await;
                self.tell_streams_ended();
                Talk::Left(Leave::Redirected(source))
            }
            Held::StreamEnded(ended) => {
                self.tell_stream_ended(&ended);
                Talk::Ended(ended)
            }
        }
    }

    async fn fork(&mut self, base: &Url, stream: &markup::Stream) {
        let url = match socket_url(Some(base), &stream.url) {
            Ok((url, query)) => {
                if query {
                    self.query_dropped(Some(&url));
                }
                url
            }
            Err(code) => {
                let what = "the URL of <Stream> is not a socket's".to_owned();
                return self.line.violation(None, code, what);
            }
        };
        match self.open(url, stream, Kind::Fork).await {
            Err(NotOpen::Handshake(Handshake { code, why, .. })) => {
                self.line.violation(None, code, why);
            }
            Err(NotOpen::Left(Leave::Redirected(source))) => self.line.redirect(source),
            // Whatever comes next sees that the call is over.
            Ok(()) | Err(NotOpen::Left(Leave::End(_))) => {}
        }
    }

    async fn stop_fork(&mut self, name: Option<String>) {
        let mut forks = self.line.streams.iter().filter(|stream| stream.kind == Kind::Fork);
        let named = forks.rfind(|stream| name.is_none() || stream.name == name);
        let Some(id) = named.map(|stream| stream.id) else {
            return self.line.warn("<Stop> names a stream that is not open".to_owned());
        };
        self.line.close_streams(|stream| stream.id == id).await;
        self.tell_streams_ended();
    }

    async fn open(&mut self, url: Url, stream: &markup::Stream, kind: Kind) -> Result<(), NotOpen> {
        for (name, value) in &stream.parameters {
            if name.chars().count() + value.chars().count() >= MAX_PARAMETER {
                let what = "a <Parameter> has 500 characters or more, name and value together";
                self.line.violation(None, 12200, what.to_owned());
            }
        }
        if url.scheme() == "ws" && !is_local(&url) {
            self.line.warn("31922: the carrier connects by wss only".to_owned());
        }
        let id = self.streams;
        self.streams += 1;
        let stream_sid = sid("MZ");
        let shown = shown(&url);
        let opening = Opening {
            stream: id,
            signature: self.web.sign_upgrade(&url),
            url,
            within: self.call.connect_within,
            network: self.call.scenario.network.clone(),
            clock: self.line.clock,
        };
        let began = Instant::now();
        let work = Box::pin(socket::open(opening, self.line.arrived.clone()));
        let held = self.line.hold(until_stopped(work, self.call.stop.clone())).await;
        let name = stream.name.clone().unwrap_or_else(|| stream_sid.clone());
        let socket = match held {
            Held::Done(Some(Ok(socket))) => socket,
            Held::Done(Some(Err(handshake))) => {
                let error = Some(format!("{} {}", handshake.code, handshake.why));
                let status = stream.status_callback.as_ref();
                self.tell_stream(status, &stream_sid, &name, "stream-error", error);
                return Err(NotOpen::Handshake(handshake));
            }
            Held::Done(None) => return Err(NotOpen::Left(Leave::End(EndReason::Stopped))),
            Held::HungUp(reason) => return Err(NotOpen::Left(Leave::End(reason))),
            Held::Redirected(source) => return Err(NotOpen::Left(Leave::Redirected(source))),
            Held::StreamEnded(_) => {
                return Err(NotOpen::Left(Leave::End(EndReason::StreamFailed)));
            }
        };
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let note = Note::StreamOpened { stream_sid: stream_sid.clone(), url: shown, took_ms };
        self.line.note(note);
        let status = stream.status_callback.clone();
        self.tell_stream(status.as_ref(), &stream_sid, &name, "stream-started", None);
        let messages = Messages::new(&self.call.account_sid, &self.call_sid, &stream_sid);
        let taken = Stream {
            id,
            sid: stream_sid,
            kind,
            tracks: match (kind, stream.track.as_deref()) {
                (Kind::Fork, Some("outbound_track")) => &[Track::Outbound],
                (Kind::Fork, Some("both_tracks")) => &[Track::Inbound, Track::Outbound],
                _ => &[Track::Inbound],
            },
            name: stream.name.clone(),
            status,
            socket,
            messages,
            began: Tick(0),
            closing: false,
        };
        self.line.take_on(taken, &stream.parameters);
        Ok(())
    }

    fn query_dropped(&mut self, url: Option<&Url>) {
        let place = url.map_or_else(String::new, |url| format!(" ({})", shown(url)));
        let what = format!("the URL of a stream has a query, which the carrier drops{place}");
        self.line.violation(None, 31923, what);
    }

    pub(super) fn application_error(&mut self, code: u32, what: String) -> EndReason {
        self.line.violation(None, code, what);
        EndReason::ApplicationError { code }
    }

    /// The standard fields of a voice request.
    pub(super) fn form(&self, first: bool) -> Form {
        let call = self.call;
        let status = if first && !call.outbound { "ringing" } else { "in-progress" };
        let form = self.standard_fields(status);
        match &call.detection {
            Detection::First(by) if first && call.outbound => {
                form.with("AnsweredBy", by.as_str()).with("MachineDetectionDuration", "2300")
            }
            Detection::First(_) | Detection::Beside { .. } | Detection::Off => form,
        }
    }
}

enum NotOpen {
    Handshake(Handshake),
    Left(Leave),
}

async fn until_stopped<T>(
    work: impl Future<Output = T>,
    stop: tokio_util::sync::CancellationToken,
) -> Option<T> {
    tokio::select! {
        value = work => Some(value),
        () = stop.cancelled() => None,
    }
}

/// The address of a document that has none: what it says relatively leads nowhere.
fn nowhere() -> Url {
    Url::parse("inline:document").unwrap_or_else(|_| unreachable!("it is an address"))
}

fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| match address {
            std::net::IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
            std::net::IpAddr::V6(v6) => v6.is_loopback(),
        })
}
