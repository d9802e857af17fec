//! A running call: the caller's mouth and ear, the streams that are open, and one loop over them.
//!
//! Everything happens in one task and in one order. The loop wakes for three reasons only: a frame
//! of the caller is due (every 20 ms of the call's own grid, so nothing drifts), a mark is due
//! back, or something arrived. [`Line::hold`] keeps the loop going while something else is awaited.
//! What the documents order is in [`super::flow`].

use std::sync::Arc;

use media::stream::carrier::{self, Outbound};
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::clip::Clip;
use super::clock::{Clock, FRAME, Tick};
use super::ear::{Dropped, Ear, Returned, SILENCE};
use super::hearing::{FLOOR_DB, Hearing};
use super::mouth::Mouth;
use super::network::Weather;
use super::note::{CallNote, Note};
use super::outcome::{
    Clear, Close, ClosedBy, EndReason, Gap, Marks, Pace, StepReport, Traffic, Violation,
};
use super::script::{Order, PAUSE, Script, View};
use super::socket::{Arrival, Incoming, Stuck};
use super::stream::{Ended, Kind, Stream};

/// Arrivals that wait for the loop; beyond that the sockets are not read.
pub const ARRIVALS: usize = 256;

/// A machine that stood still for longer leaves frames out rather than sending them all at once.
const MOST_LATE: Tick = Tick::from_ms(5_000);

/// How long the server may take to answer a close.
const CLOSING: std::time::Duration = std::time::Duration::from_secs(2);

const MAX_NOTES: usize = 20_000;
const MAX_DIFFERENT_VIOLATIONS: usize = 200;

/// What is known at the end, beside the audio.
#[derive(Default)]
pub struct Record {
    /// Marks, counted.
    pub marks: Marks,
    /// Every `clear`.
    pub clears: Vec<Clear>,
    /// How each socket ended.
    pub closes: Vec<Close>,
    /// Bytes and messages.
    pub traffic: Traffic,
    /// The pace that was kept.
    pub pace: Pace,
    /// Rules that were broken.
    pub violations: Vec<Violation>,
    /// What else is worth saying.
    pub warnings: Vec<String>,
    /// Every stream.
    pub stream_sids: Vec<String>,
}

/// What ended a [`Line::hold`].
#[derive(Debug)]
pub enum Held<T> {
    /// What was awaited.
    Done(T),
    /// The conversation's stream ended.
    StreamEnded(Ended),
    /// The caller hung up.
    HungUp(EndReason),
}

/// A running call.
pub struct Line {
    /// The call's time.
    pub clock: Clock,
    /// The streams that are open.
    pub streams: Vec<Stream>,
    /// Where sockets bring what they read.
    pub arrived: mpsc::Sender<Arrival>,
    /// What is known so far.
    pub record: Record,
    /// What happened so far.
    pub notes: Vec<CallNote>,
    /// Streams that ended and that nobody has been told of yet.
    pub ended: Vec<Ended>,
    arrivals: mpsc::Receiver<Arrival>,
    live: Option<mpsc::Sender<CallNote>>,
    ear: Ear,
    /// Of [`Ear::heard`], what the hearing has judged.
    judged: usize,
    hearing: Hearing,
    agent_noted: usize,
    agent_speaks: bool,
    mouth: Mouth,
    /// What the caller said, as it was sent.
    said: Vec<u8>,
    script: Script,
    steps_noted: usize,
    weather: Weather,
    /// The end of the next frame.
    boundary: Tick,
    limit: Tick,
    hung_up: Option<EndReason>,
    /// Cancelled when the call is ended over REST.
    ended_over_rest: CancellationToken,
    concluded: Option<(Tick, Vec<StepReport>)>,
}

/// What is left of a call when it is over.
pub struct Remains {
    /// What was said.
    pub caller: Vec<u8>,
    /// What was heard.
    pub agent: Vec<u8>,
    /// Short silences in it.
    pub gaps: Vec<Gap>,
    /// What each step came to.
    pub steps: Vec<StepReport>,
    /// When the call was over.
    pub end: Tick,
}

impl Line {
    /// A call that begins now.
    #[must_use]
    pub fn new(
        script: Script,
        weather: Weather,
        at_most: std::time::Duration,
        live: Option<mpsc::Sender<CallNote>>,
    ) -> Self {
        let (arrived, arrivals) = mpsc::channel(ARRIVALS);
        Self {
            clock: Clock::start(),
            streams: Vec::new(),
            arrived,
            record: Record::default(),
            notes: Vec::new(),
            ended: Vec::new(),
            arrivals,
            live,
            ear: Ear::new(),
            judged: 0,
            hearing: Hearing::new(PAUSE, FLOOR_DB),
            agent_noted: 0,
            agent_speaks: false,
            mouth: Mouth::default(),
            said: Vec::new(),
            script,
            steps_noted: 0,
            weather,
            boundary: Tick(FRAME),
            limit: Tick::from_duration(at_most),
            hung_up: None,
            ended_over_rest: CancellationToken::new(),
            concluded: None,
        }
    }

    /// Keeps the call going until `work` is done, or the call or its conversation has ended.
    pub async fn hold<T>(&mut self, work: impl Future<Output = T>) -> Held<T> {
        tokio::pin!(work);
        loop {
            if let Some(reason) = self.hung_up.clone() {
                return Held::HungUp(reason);
            }
            if let Some(at) = self.ended.iter().position(|ended| ended.kind == Kind::Both) {
                return Held::StreamEnded(self.ended.remove(at));
            }
            let wake = self.clock.instant(self.next_wake());
            tokio::select! {
                () = sleep_until(wake) => self.tick(),
                Some(arrival) = self.arrivals.recv() => self.arrive(arrival),
                () = self.ended_over_rest.cancelled() => {
                    self.hung_up.get_or_insert(EndReason::EndedOverRest);
                }
                value = &mut work => return Held::Done(value),
            }
        }
    }

    /// The caller hangs up at the next opportunity, unless the call has ended by then.
    pub fn hang_up(&mut self, reason: EndReason) {
        self.hung_up.get_or_insert(reason);
    }

    /// The call ends when this token is cancelled.
    pub fn ends_on(&mut self, ended_over_rest: CancellationToken) {
        self.ended_over_rest = ended_over_rest;
    }

    /// Sends `stop` on these streams, closes them, and waits for the server to close too.
    pub async fn close_streams(&mut self, which: impl Fn(&Stream) -> bool) {
        let now = self.clock.now();
        let mut closing = Vec::new();
        for at in 0..self.streams.len() {
            if !which(&self.streams[at]) || self.streams[at].closing {
                continue;
            }
            let due = self.weather.leaves(now);
            let stream = &mut self.streams[at];
            stream.closing = true;
            closing.push(stream.id);
            let stop = stream.messages.stop();
            let instant = self.clock.instant(due);
            let sent = stream.socket.send(instant, stop);
            if sent.and_then(|()| stream.socket.close(instant)).is_ok() {
                self.record.traffic.messages_sent += 1;
            }
            if stream.kind == Kind::Both {
                let dropped = self.ear.cut_off(now);
                self.count_cut_off(dropped);
            }
        }
        let until = self.clock.instant(now) + CLOSING;
        while self.streams.iter().any(|stream| closing.contains(&stream.id)) {
            let wake = self.clock.instant(self.next_wake()).min(until);
            match timeout_at(wake, self.arrivals.recv()).await {
                Ok(Some(arrival)) => self.arrive(arrival),
                Ok(None) => break,
                Err(_) if self.clock.instant(self.clock.now()) >= until => break,
                Err(_) => self.tick(),
            }
        }
        let left: Vec<usize> =
            self.streams.iter().map(|stream| stream.id).filter(|id| closing.contains(id)).collect();
        for id in left {
            let why = "the gateway did not answer the close within 2 s".to_owned();
            self.warn(why.clone());
            self.stream_ended(id, self.clock.now(), false, None, why);
        }
    }

    /// The call is over: every step gets its verdict, and nothing more is heard or said.
    pub fn conclude(&mut self, reason: &EndReason) {
        let now = self.clock.now();
        self.ear.advance(now);
        self.judge();
        let view = self.view(now);
        let script = std::mem::replace(&mut self.script, Script::new(Vec::new()));
        let steps = script.finish(view, reason.by_server());
        for report in &steps[self.steps_noted..] {
            self.note_at(now, Note::Step(report.clone()));
        }
        self.hang_up(reason.clone());
        self.concluded = Some((now, steps));
    }

    /// What is left of the call, once it is concluded and its streams are closed.
    #[must_use]
    pub fn finish(self) -> (Remains, Record, Vec<CallNote>) {
        let (end, steps) = self.concluded.unwrap_or_else(|| (self.clock.now(), Vec::new()));
        let length = usize::try_from(end.0).unwrap_or(usize::MAX);
        let gaps = self
            .ear
            .gaps()
            .iter()
            .map(|gap| Gap { from_ms: gap.from.ms(), ms: gap.to.since(gap.from).ms() });
        let gaps = gaps.collect();
        let (mut caller, mut agent) = (self.said, self.ear.into_heard());
        caller.resize(length, SILENCE);
        agent.resize(length, SILENCE);
        (Remains { caller, agent, gaps, steps, end }, self.record, self.notes)
    }

    /// Notes what happened now.
    pub fn note(&mut self, note: Note) {
        self.note_at(self.clock.now(), note);
    }

    fn note_at(&mut self, at: Tick, note: Note) {
        let note = CallNote { at_ms: at.ms(), note };
        if let Some(live) = &self.live {
            // A listener that is slow loses notes; the call's pace comes first.
            let _ = live.try_send(note.clone());
        }
        if self.notes.len() < MAX_NOTES {
            self.notes.push(note);
        }
    }

    /// Notes that the gateway broke a rule. The same breach in the same stream is counted.
    pub fn violation(&mut self, stream_sid: Option<&str>, code: u32, what: String) {
        let seen = self.record.violations.iter_mut().find(|seen| {
            seen.code == code && seen.what == what && seen.stream_sid.as_deref() == stream_sid
        });
        if let Some(seen) = seen {
            seen.times += 1;
            return;
        }
        if self.record.violations.len() >= MAX_DIFFERENT_VIOLATIONS {
            return;
        }
        let at_ms = self.clock.now().ms();
        let stream_sid = stream_sid.map(ToOwned::to_owned);
        let violation = Violation { at_ms, stream_sid, code, what, times: 1 };
        self.record.violations.push(violation.clone());
        self.note(Note::Violation(violation));
    }

    /// Keeps a remark, once.
    pub fn warn(&mut self, what: String) {
        if !self.record.warnings.contains(&what) && self.record.warnings.len() < 200 {
            self.record.warnings.push(what);
        }
    }

    /// Sends the first two messages of a stream that has just been opened, and takes it on.
    pub fn take_on(&mut self, mut stream: Stream, parameters: &[(String, String)]) {
        let now = self.clock.now();
        stream.began = now;
        let connected = stream.messages.connected();
        let pairs = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let start = stream.messages.start(pairs);
        self.record.stream_sids.push(stream.sid.clone());
        let id = stream.id;
        self.streams.push(stream);
        self.send(id, connected, now);
        self.send(id, start, now);
    }

    fn next_wake(&self) -> Tick {
        self.ear.due().map_or(self.boundary, |due| due.min(self.boundary))
    }

    fn tick(&mut self) {
        // What has arrived was read before now, and belongs before what is played until now.
        for _ in 0..ARRIVALS {
            let Ok(arrival) = self.arrivals.try_recv() else { break };
            self.arrive(arrival);
        }
        let now = self.clock.now();
        let late = now.since(self.boundary);
        if late > MOST_LATE && !self.streams.is_empty() {
            let next = Tick(now.0 / FRAME * FRAME);
            let lost = next.since(self.boundary);
            self.mouth.skip(self.boundary, lost);
            self.record.pace.skipped += lost.0 / FRAME;
            self.boundary = next;
        }
        if !self.streams.is_empty() && self.boundary <= now {
            let late_us = u64::try_from(late.duration().as_micros()).unwrap_or(u64::MAX);
            self.record.pace.worst_late_us = self.record.pace.worst_late_us.max(late_us);
        }
        while self.boundary <= now {
            let end = self.boundary;
            self.boundary = end.plus(Tick(FRAME));
            self.frame(end);
        }
        self.ear.advance(now);
        self.echo();
        if now >= self.limit {
            self.hang_up(EndReason::TimeLimit);
        }
    }

    /// The caller's frame that ends at `end` is complete.
    fn frame(&mut self, end: Tick) {
        self.ear.advance(end);
        self.echo();
        self.judge();
        let from = end.since(Tick(FRAME));
        self.said.resize(usize::try_from(from.0).unwrap_or(usize::MAX), SILENCE);
        let open = |stream: &Stream| stream.began <= from && !stream.closing;
        if !self.streams.iter().any(open) {
            self.said.extend([SILENCE; FRAME as usize]);
            return;
        }
        let spoke = self.mouth.speaking();
        if self.mouth.voiced() {
            self.hearing.part();
        }
        let frame = self.mouth.capture(from);
        if self.weather.loses() {
            self.record.traffic.frames_lost += 1;
            self.said.extend([SILENCE; FRAME as usize]);
        } else {
            self.said.extend(frame);
            for at in 0..self.streams.len() {
                if open(&self.streams[at]) {
                    let stream = &mut self.streams[at];
                    let timestamp = from.since(stream.began).ms();
                    let (id, text) = (stream.id, stream.messages.media(&frame, timestamp));
                    self.record.traffic.audio_bytes_sent += FRAME;
                    self.send(id, text, end);
                }
            }
        }
        self.record.pace.frames += 1;
        if spoke && !self.mouth.speaking() {
            self.note_at(end, Note::CallerDone);
        }
        self.act(end);
    }

    fn view(&self, now: Tick) -> View {
        View {
            now,
            agent: self.hearing.latest(),
            buffered: self.ear.sounds_ahead(),
            speaking: self.mouth.speaking(),
            voice_ended: self.mouth.voice_ended(),
        }
    }

    fn act(&mut self, now: Tick) {
        if self.hung_up.is_some() {
            return;
        }
        for order in self.script.look(self.view(now)) {
            match order {
                Order::Say(clip) => self.say(now, clip),
                Order::Press(key) => self.press(now, key),
                Order::HangUp => self.hang_up(EndReason::CallerHungUp),
            }
        }
        for at in self.steps_noted..self.script.reports().len() {
            let report = self.script.reports()[at].clone();
            self.note_at(now, Note::Step(report));
        }
        self.steps_noted = self.script.reports().len();
    }

    fn say(&mut self, now: Tick, clip: Arc<Clip>) {
        self.note_at(now, Note::CallerSays { clip: clip.name().to_owned() });
        self.mouth.say(clip);
    }

    fn press(&mut self, now: Tick, key: char) {
        // Keys are told only where the server may also speak.
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.kind == Kind::Both) {
            let (id, text) = (stream.id, stream.messages.dtmf(key));
            self.send(id, text, now);
        }
        self.note_at(now, Note::KeyPressed);
    }

    fn send(&mut self, id: usize, text: String, at: Tick) {
        let due = self.clock.instant(self.weather.leaves(at));
        let Some(stream) = self.streams.iter().find(|stream| stream.id == id) else { return };
        match stream.socket.send(due, text) {
            Ok(()) => self.record.traffic.messages_sent += 1,
            Err(Stuck) => {
                let sid = stream.sid.clone();
                let why = "the gateway has stopped reading its socket".to_owned();
                self.violation(Some(&sid), 31903, why.clone());
                self.stream_ended(id, self.clock.now(), false, None, why);
            }
        }
    }

    /// Sends back the marks that are due.
    fn echo(&mut self) {
        while let Some(echo) = self.ear.next_echo() {
            let Some(stream) = self.streams.iter_mut().find(|stream| stream.kind == Kind::Both)
            else {
                continue;
            };
            let (id, text) = (stream.id, stream.messages.mark(&echo.name));
            match echo.returned {
                Returned::Played => self.record.marks.played += 1,
                Returned::AtOnce => {
                    self.record.marks.played += 1;
                    self.record.marks.at_once += 1;
                }
                Returned::Cleared => self.record.marks.cleared += 1,
            }
            self.send(id, text, echo.at);
        }
    }

    /// Judges what has been heard since the last time.
    fn judge(&mut self) {
        let heard = self.ear.heard();
        self.hearing.push(&heard[self.judged..]);
        self.judged = heard.len();
        let Some(span) = self.hearing.latest() else { return };
        let begun = self.hearing.spans().len();
        if begun > self.agent_noted {
            self.agent_noted = begun;
            self.agent_speaks = true;
            self.note_at(span.from, Note::AgentSpeaks);
        }
        let now = self.hearing.heard();
        if self.agent_speaks && now.since(span.to) >= PAUSE {
            self.agent_speaks = false;
            self.note_at(now, Note::AgentSilent { since_ms: span.to.ms() });
        }
    }

    fn arrive(&mut self, arrival: Arrival) {
        let at = self.clock.at(arrival.at);
        let id = arrival.stream;
        let Some(stream) = self.streams.iter().find(|stream| stream.id == id) else { return };
        let (sid, kind, closing) = (stream.sid.clone(), stream.kind, stream.closing);
        match arrival.what {
            Incoming::Ended { closed, code, why, fault } => {
                if let Some(fault) = fault {
                    self.violation(Some(&sid), fault, why.clone());
                }
                if closed && !closing && !matches!(code, None | Some(1000 | 1001)) {
                    let code = code.unwrap_or_default();
                    self.warn(format!("31921: the gateway closed a stream with {code}"));
                }
                self.stream_ended(id, at, closed, code, why);
            }
            Incoming::Binary => {
                self.record.traffic.messages_received += 1;
                self.violation(Some(&sid), 31951, carrier::Violation::Binary.to_string());
            }
            Incoming::Text(text) => {
                self.record.traffic.messages_received += 1;
                match carrier::parse(&text, &sid) {
                    // What crosses the end of the call on the wire is nobody's fault.
                    _ if closing => {}
                    _ if kind == Kind::Fork => {
                        let why = "a message on a stream of <Start>, which only listens";
                        self.violation(Some(&sid), 31951, why.to_owned());
                    }
                    Ok(message) => self.obey(at, &message),
                    Err(violation) => self.violation(Some(&sid), 31951, violation.to_string()),
                }
            }
        }
    }

    fn obey(&mut self, at: Tick, message: &Outbound<'_>) {
        let taken = match message {
            Outbound::Media { payload } => {
                self.record.traffic.audio_bytes_received += payload.len() as u64;
                if payload.starts_with(b"RIFF") {
                    self.warn("audio begins with a WAV header, which is heard as noise".to_owned());
                }
                self.ear.push_media(at, payload)
            }
            Outbound::Mark { name } => {
                self.record.marks.received += 1;
                self.ear.mark(at, name)
            }
            Outbound::Clear => {
                let Dropped { audio, marks } = self.ear.clear(at);
                self.record.traffic.audio_bytes_cleared += audio.0;
                let clear = Clear { at_ms: at.ms(), dropped_ms: audio.ms(), marks };
                self.record.clears.push(clear);
                self.note_at(at, Note::Cleared { dropped_ms: audio.ms(), marks });
                Ok(())
            }
        };
        if let Err(full) = taken {
            self.warn(full.to_string());
        }
        let most = &mut self.record.traffic.most_buffered_ms;
        *most = (*most).max(self.ear.buffered().ms());
        self.echo();
    }

    fn stream_ended(&mut self, id: usize, at: Tick, closed: bool, code: Option<u16>, why: String) {
        let Some(place) = self.streams.iter().position(|stream| stream.id == id) else { return };
        let stream = self.streams.remove(place);
        if stream.kind == Kind::Both && !stream.closing {
            let dropped = self.ear.cut_off(at);
            self.count_cut_off(dropped);
        }
        let by = match (stream.closing, closed) {
            (true, _) => ClosedBy::Carrier,
            (false, true) => ClosedBy::Server,
            (false, false) => ClosedBy::Nobody,
        };
        let how = match (by, code) {
            (ClosedBy::Carrier, _) => "the call ended it".to_owned(),
            (ClosedBy::Server, Some(code)) => format!("the gateway closed it with {code}"),
            (ClosedBy::Server, None) => "the gateway closed it".to_owned(),
            (ClosedBy::Nobody, _) => format!("broken off: {why}"),
        };
        let sid = stream.sid.clone();
        self.note_at(at, Note::StreamEnded { stream_sid: sid.clone(), how });
        self.record.closes.push(Close { stream_sid: sid, at_ms: at.ms(), by, code, why });
        self.ended.push(Ended {
            closed: closed || stream.closing,
            status: stream.status.clone(),
            name: stream.name.clone().unwrap_or_else(|| stream.sid.clone()),
            sid: stream.sid.clone(),
            kind: if stream.closing { Kind::Fork } else { stream.kind },
        });
    }

    fn count_cut_off(&mut self, dropped: Dropped) {
        self.record.traffic.audio_bytes_cut_off += dropped.audio.0;
        self.record.marks.unanswered += dropped.marks as u64;
    }
}
