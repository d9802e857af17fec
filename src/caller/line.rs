//! A running call: the caller's mouth and ear, the streams that are open, and one loop over them.
//!
//! Everything happens in one task and in one order. The loop wakes for three reasons only: a frame
//! of the caller is due (every 20 ms of the call's own grid, so nothing drifts), a mark is due
//! back, or something arrived. [`Line::hold`] keeps the loop going while something else is awaited.
//! What the documents order is in [`super::flow`].

mod sockets;

use std::sync::Arc;

use media::stream::carrier::Track;
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::clip::Clip;
use super::clock::{Clock, FRAME, Tick};
use super::ear::{Ear, SILENCE};
use super::exchange::{Control, Record as LegRecord, Seat, Source};
use super::hearing::{FLOOR_DB, Hearing};
use super::mouth::Mouth;
use super::network::Weather;
use super::note::{CallNote, Note};
use super::outcome::{Clear, Close, EndReason, Gap, Marks, Pace, StepReport, Traffic, Violation};
use super::scenario::Step;
use super::script::{Order, PAUSE, Script, View};
use super::socket::{Arrival, Stuck};
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
    /// The call is to go on with another document at once.
    Redirected(Source),
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
    /// Somebody is on the line even where no stream is open: a call of an exchange.
    pub present: bool,
    /// Where the call hears others and is heard by them.
    pub seat: Option<Arc<Seat>>,
    /// Where keys go that a document asked for.
    pub pressed: Option<mpsc::Sender<char>>,
    controls: mpsc::Receiver<Control>,
    redirected: Option<Source>,
    /// What the exchange knows of this call.
    leg: Option<Arc<LegRecord>>,
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
        // Nobody controls a call that is placed alone.
        let (_, controls) = mpsc::channel(1);
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
            present: false,
            seat: None,
            pressed: None,
            controls,
            redirected: None,
            leg: None,
        }
    }

    /// Makes it a call of an exchange: it is controlled there, and shown there.
    pub fn plug_in(&mut self, leg: Arc<LegRecord>, controls: mpsc::Receiver<Control>) {
        leg.begins(self.clock.instant(Tick(0)));
        (self.leg, self.controls) = (Some(leg), controls);
    }

    /// Plays this to the caller, after all that waits to be played. What finds no room is left out.
    pub fn hear(&mut self, mulaw: &[u8]) {
        if let Err(full) = self.ear.push_media(self.clock.now(), mulaw) {
            self.warn(full.to_string());
        }
    }

    /// The call goes on with this at the next opportunity.
    pub fn redirect(&mut self, source: Source) {
        self.redirected = Some(source);
    }

    /// What waits to be played is not heard.
    pub fn hush(&mut self) {
        self.ear.cut_off(self.clock.now());
    }

    /// The caller does this when all else is done.
    pub fn then(&mut self, steps: Vec<Step>) {
        if !self.script.then(steps) {
            self.warn("the caller has too much to do".to_owned());
        }
    }

    fn control(&mut self, control: Control) {
        match control {
            Control::Do(steps) => self.then(steps),
            Control::HangUp => self.hang_up(EndReason::CallerHungUp),
            Control::End => self.hang_up(EndReason::EndedOverRest),
            Control::Cancel => self.hang_up(EndReason::NotTaken { status: "canceled" }),
            Control::Redirect(source) => self.redirected = Some(source),
        }
    }

    /// Keeps the call going until `work` is done, or the call or its conversation has ended.
    pub async fn hold<T>(&mut self, work: impl Future<Output = T>) -> Held<T> {
        tokio::pin!(work);
        loop {
            if let Some(reason) = self.hung_up.clone() {
                return Held::HungUp(reason);
            }
            if let Some(source) = self.redirected.take() {
                return Held::Redirected(source);
            }
            if let Some(at) = self.ended.iter().position(|ended| ended.kind == Kind::Both) {
                return Held::StreamEnded(self.ended.remove(at));
            }
            let wake = self.clock.instant(self.next_wake());
            tokio::select! {
                () = sleep_until(wake) => self.tick(),
                Some(arrival) = self.arrivals.recv() => self.arrive(arrival),
                Some(control) = self.controls.recv() => self.control(control),
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
        if let Some(leg) = &self.leg {
            leg.note(at, note.note.clone());
        }
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
        let start = stream.messages.start_of(stream.tracks, pairs);
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
        if !self.present && !self.streams.iter().any(open) {
            self.said.extend([SILENCE; FRAME as usize]);
            self.show(from, end);
            return;
        }
        let spoke = self.mouth.speaking();
        if self.mouth.voiced() {
            self.hearing.part();
        }
        let mut frame = self.mouth.capture(from);
        let lost = self.weather.loses();
        if lost {
            self.record.traffic.frames_lost += 1;
            frame = [SILENCE; FRAME as usize];
        }
        self.said.extend(frame);
        for at in 0..self.streams.len() {
            if !open(&self.streams[at]) {
                continue;
            }
            for track in self.streams[at].tracks {
                let audio = match track {
                    Track::Inbound if lost => continue,
                    Track::Inbound => &frame[..],
                    Track::Outbound => between(self.ear.heard(), from, end),
                };
                let stream = &mut self.streams[at];
                let timestamp = from.since(stream.began).ms();
                let (id, text) = (stream.id, stream.messages.media_of(*track, audio, timestamp));
                self.record.traffic.audio_bytes_sent += audio.len() as u64;
                self.send(id, text, end);
            }
        }
        if let Some(seat) = self.seat.clone() {
            seat.speak(&frame);
            if let Some(heard) = seat.listen() {
                // The ear has room: it plays as fast as this comes.
                let _ = self.ear.push_media(end, &heard);
            }
        }
        self.show(from, end);
        self.record.pace.frames += 1;
        if spoke && !self.mouth.speaking() {
            self.note_at(end, Note::CallerDone);
        }
        self.act(end);
    }

    /// Shows the exchange what was said and heard in this frame.
    fn show(&self, from: Tick, end: Tick) {
        if let Some(leg) = &self.leg {
            leg.audio(between(&self.said, from, end), between(self.ear.heard(), from, end));
        }
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
        if let Some(pressed) = &self.pressed {
            // Whoever presses more keys than are read at a time is not heard.
            let _ = pressed.try_send(key);
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
}

/// The audio between two moments; nothing where there is none yet.
fn between(audio: &[u8], from: Tick, to: Tick) -> &[u8] {
    let place = |at: Tick| usize::try_from(at.0).unwrap_or(usize::MAX).min(audio.len());
    &audio[place(from)..place(to)]
}
