//! One call: its socket, its conversation, its vendors, in one task with one order of events.
//!
//! Everything that happens — the carrier's messages, the vendors' events, orders, deadlines — is
//! handed to [`turn::Conversation`] one after another; what it orders is carried out before the next
//! is taken. Nothing is decided here.

use std::{collections::HashMap, sync::Arc, time::Duration};

use media::{frame::Timeline, stream::Writer};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use turn::{
    Action, Conversation, EndReason, Epoch, Event, Generation, Moment, ReplyId, UtteranceId,
};
use vendors::{LlmEvent, LlmRequest, LlmStream};

pub mod colleague;
mod gain;
mod inbound;
mod notes;
mod trace;

use self::{colleague::Colleague, gain::Gain, trace::Trace};
use super::{
    echo::EchoGuard,
    hearing::Hearing,
    journal::Journal,
    playout::Playout,
    progress::Progress,
    recorder::Recorder,
    registry::Word,
    tools::Tools,
    voice::{Job, Voice},
};

/// A carrier that sends nothing for so long is gone: it sends 50 messages a second.
const CARRIER_SILENT_AFTER: Duration = Duration::from_secs(10);

/// An answer that has begun does not pause for longer.
const NEXT_TOKEN_WITHIN: Duration = Duration::from_millis(2_000);
/// A call is left to another process in a pause of speech, and at the latest after this.
const LEAVE_WITHIN: Duration = Duration::from_secs(6);
/// The socket stays open so long for the last words to be written.
const WRITTEN_WITHIN: Duration = Duration::from_millis(500);

/// The carrier's socket, as the session sees it: text in, text out.
pub trait Carrier: Send {
    /// The next message; `None` when the socket is at its end.
    fn receive(&mut self) -> impl Future<Output = Option<Received>> + Send;
    /// Sends a message; an error is the socket's end.
    fn send(&mut self, text: String) -> impl Future<Output = Result<(), Closed>> + Send;
    /// Closes the socket.
    fn close(&mut self, code: u16, reason: &'static str) -> impl Future<Output = ()> + Send;
}

/// What came from the carrier.
#[derive(Debug)]
pub enum Received {
    Text(String),
    /// Something that the protocol does not have: binary, over the size limit.
    Foreign(&'static str),
    /// A ping or pong; the connection is alive.
    Alive,
}

/// The socket is closed.
#[derive(Debug)]
pub struct Closed;

/// All that a session needs.
pub struct Parts {
    pub call_sid: String,
    pub stream_sid: String,
    pub conversation: Conversation,
    pub hearing: Hearing,
    /// A person speaks with the caller: their side is listened to, and nothing is sent.
    pub colleague: Option<Box<Colleague>>,
    /// Of a call that we made, what its tones tell.
    pub progress: Option<Box<Progress>>,
    pub llm: Arc<dyn vendors::Llm>,
    pub spare_llm: Arc<dyn vendors::Llm>,
    pub tool_specs: Vec<vendors::Tool>,
    pub tools: Tools,
    pub voice: Voice,
    pub recorder: Recorder,
    pub journal: Journal,
    pub words: mpsc::Receiver<Word>,
    /// Cancelled when the process is to stop: the call is then left for another to go on with.
    pub stop: CancellationToken,
    /// How far ahead of what was heard audio is sent.
    pub lead: Duration,
}

type Outcome = Result<turn::Effect, turn::Refusal>;

/// A running call.
struct Session {
    began: Instant,
    call_sid: String,
    conversation: Conversation,
    hearing: Hearing,
    colleague: Option<Box<Colleague>>,
    progress: Option<Box<Progress>>,
    timeline: Timeline,
    llm: Arc<dyn vendors::Llm>,
    spare_llm: Arc<dyn vendors::Llm>,
    tool_specs: Vec<vendors::Tool>,
    tools: Tools,
    reply: Option<(Epoch, ReplyId, LlmStream)>,
    voice: Voice,
    playout: Playout,
    writer: Writer,
    generation: Generation,
    recorder: Recorder,
    journal: Journal,
    trace: Trace,
    /// Orders that the machine has not answered, and answers that wait until the messages that make
    /// them true have gone out.
    waiting: Vec<(String, oneshot::Sender<Outcome>)>,
    settled: Vec<(oneshot::Sender<Outcome>, Outcome)>,
    malformed: u32,
    odd_messages: u32,
    /// Messages that may still come now, and since when that is so.
    allowance: u64,
    allowance_at: Moment,
    oddities: media::frame::Oddities,
    /// The process stops: the call is left to be gone on with elsewhere.
    interrupted: bool,
    /// Tells the agent's own voice from the caller's, where the policy wants it.
    echo: Option<EchoGuard>,
    /// How loud the agent is sent, where that is not as it is.
    gain: Option<Gain>,
    /// Tones that were ordered and are yet to be made.
    keys_to_play: Vec<(Epoch, UtteranceId, u32, String)>,
    outbox: Vec<String>,
    /// The carrier said that the stream is over.
    stopped: bool,
    ended: Option<EndReason>,
    /// Of each sentence being made.
    voiced: HashMap<(UtteranceId, u32), Voiced>,
}

/// Where there is speech in a sentence's audio: its first and last voiced samples, and all so far.
#[derive(Clone, Copy, Debug, Default)]
struct Voiced {
    first: Option<u32>,
    last: u32,
    samples: u32,
}

/// Conducts a call until it ends. `ended` is told why before the carrier's socket is closed, since
/// the carrier asks at once how to go on; it is not told of a call that lives on while this process
/// stops.
///
/// Returns whether the carrier itself said that the stream is over; else the call may be up still.
pub async fn run<C: Carrier>(parts: Parts, carrier: &mut C, ended: impl FnOnce(EndReason)) -> bool {
    let mut words = parts.words;
    let stop = parts.stop;
    let echo = parts.conversation.guards_echo().then(EchoGuard::default);
    let mut session = Session {
        began: Instant::now(),
        writer: Writer::new(&parts.stream_sid),
        trace: Trace::begin(&parts.call_sid),
        call_sid: parts.call_sid,
        conversation: parts.conversation,
        hearing: parts.hearing,
        colleague: parts.colleague,
        progress: parts.progress,
        timeline: Timeline::new(),
        llm: parts.llm,
        spare_llm: parts.spare_llm,
        tool_specs: parts.tool_specs,
        tools: parts.tools,
        reply: None,
        voice: parts.voice,
        playout: Playout::new(parts.lead),
        generation: Generation::default(),
        recorder: parts.recorder,
        journal: parts.journal,
        waiting: Vec::new(),
        settled: Vec::new(),
        malformed: 0,
        odd_messages: 0,
        allowance: inbound::MOST_AT_ONCE,
        allowance_at: Moment::default(),
        oddities: media::frame::Oddities::default(),
        interrupted: false,
        echo,
        gain: None,
        keys_to_play: Vec::new(),
        outbox: Vec::new(),
        stopped: false,
        ended: None,
        voiced: HashMap::new(),
    };
    metrics::counter!("tandem_calls_total").increment(1);
    session.tell(Event::Answered);
    let mut last_message = Instant::now();
    let mut words_open = true;
    let mut leave_by = None;
    loop {
        session.top_up();
        session.journal.flush().await;
        for message in std::mem::take(&mut session.outbox) {
            if carrier.send(message).await.is_err() {
                session.tell(Event::CallerLeft);
                break;
            }
        }
        for (client, outcome) in session.settled.drain(..) {
            // A client that has gone needs no answer.
            let _ = client.send(outcome);
        }
        if session.ended.is_some() || session.interrupted {
            break;
        }
        let mut wake = session.wake_at().min(last_message + CARRIER_SILENT_AFTER);
        if let Some(until) = leave_by {
            if session.conversation.is_between_turns() || Instant::now() >= until {
                session.leave();
                continue;
            }
            wake = wake.min(until);
        }
        tokio::select! {
            message = carrier.receive() => {
                last_message = Instant::now();
                match message {
                    Some(Received::Text(text)) => session.received(&text),
                    Some(Received::Foreign(what)) => session.foreign(what),
                    Some(Received::Alive) => {}
                    None => session.tell(Event::CallerLeft),
                }
            }
            heard = session.hearing.next() => session.heard(heard),
            heard = Colleague::next(&mut session.colleague) => session.colleague_heard(heard),
            event = next_of(&mut session.reply) => session.replied(event),
            (job, spoken) = session.voice.next() => session.spoken(job, spoken),
            answer = session.tools.next() => session.tell(Event::ToolAnswered {
                epoch: answer.epoch,
                reply: answer.reply,
                call_id: answer.call_id,
                content: session.conversation.conceal(&answer.content),
            }),
            word = words.recv(), if words_open => match word {
                Some(word) => session.told(word),
                None => words_open = false,
            },
            () = stop.cancelled(), if leave_by.is_none() => {
                leave_by = Some(Instant::now() + LEAVE_WITHIN);
            }
            () = tokio::time::sleep_until(wake) => {
                if last_message.elapsed() >= CARRIER_SILENT_AFTER {
                    tracing::warn!(call = session.call_sid, "the carrier fell silent");
                    metrics::counter!("tandem_carrier_silent_total").increment(1);
                    session.tell(Event::CallerLeft);
                } else {
                    session.tell(Event::Due);
                }
            }
        }
    }
    if let Some(why) = session.ended.take() {
        ended(why);
    }
    let stopped = session.stopped;
    let (journal, recorder) = session.finish();
    // As soon as the socket is closed the carrier asks how the call goes on, maybe another process, which
    // reads what was said here: it is written by then, unless the disk is stuck.
    let mut written = Box::pin(journal.end());
    let in_time = tokio::time::timeout(WRITTEN_WITHIN, &mut written).await.is_ok();
    let close = carrier.close(1000, "the call has ended");
    let rest = async {
        if !in_time {
            written.await;
        }
        recorder.finish().await;
    };
    tokio::join!(close, rest);
    stopped
}

async fn next_of(reply: &mut Option<(Epoch, ReplyId, LlmStream)>) -> Option<LlmEvent> {
    match reply {
        Some((_, _, stream)) => stream.events.recv().await,
        None => std::future::pending().await,
    }
}

impl Session {
    fn now(&self) -> Moment {
        Moment(self.began.elapsed().as_millis() as u64)
    }

    /// Hands an event to the machine and carries out what it orders.
    fn tell(&mut self, event: Event) {
        let now = self.now();
        match event {
            Event::KeyPressed { key } => {
                let key = self.conversation.journaled_key(key);
                self.journal.event(now, &Event::KeyPressed { key });
            }
            ref event => self.journal.event(now, event),
        }
        self.trace.event(now, &event);
        self.conversation.handle(event, now);
        self.record_heard();
        while let Some(action) = self.conversation.next_action() {
            self.journal.action(now, &action);
            self.trace.action(now, &action);
            self.carry_out(action, now);
        }
        self.record_heard();
        self.playout.prune(self.conversation.ledger());
        for (epoch, utterance, sentence, keys) in std::mem::take(&mut self.keys_to_play) {
            self.play_keys(epoch, utterance, sentence, &keys);
        }
    }

    fn wake_at(&self) -> Instant {
        let mut wake = self.conversation.deadline().map(|(at, _)| at);
        if self.playout.is_waiting() {
            // The carrier's frames are the clock; this is for when they fail to come.
            let due = self.now() + Duration::from_millis(40);
            wake = Some(wake.map_or(due, |at| at.min(due)));
        }
        // A whole millisecond later, so that the deadline has passed when we look.
        let wake = wake.unwrap_or(self.now() + Duration::from_secs(3_600));
        self.began + Duration::from_millis(wake.0 + 1)
    }

    fn carry_out(&mut self, action: Action, now: Moment) {
        match action {
            Action::Ask { epoch, reply, engine, speculative } => {
                if speculative {
                    metrics::counter!("tandem_speculations_total").increment(1);
                }
                let patience = &self.conversation.policy().patience;
                let (engine, within) = match engine {
                    turn::Engine::Chosen => (&self.llm, patience.spare_after),
                    turn::Engine::Spare => (&self.spare_llm, patience.apology_after),
                };
                let stream = engine.answer(LlmRequest {
                    instructions: self.conversation.instructions().to_owned(),
                    history: self.conversation.history().into_iter().map(for_vendor).collect(),
                    tools: self.tool_specs.clone(),
                    max_tokens: None,
                    model: None,
                    temperature: None,
                    stand_in: None,
                    first_token_within: within,
                    next_token_within: within.min(NEXT_TOKEN_WITHIN),
                });
                self.reply = Some((epoch, reply, stream));
            }
            Action::Abandon { before } => {
                self.reply.take_if(|(epoch, ..)| *epoch < before);
                self.tools.cancel(before);
                self.voice.abandon(before);
                self.playout.abandon(before);
                self.voiced.retain(|(utterance, sentence), _| {
                    self.playout.audio(*utterance, *sentence).is_some()
                });
            }
            Action::RunTool { epoch, reply, mut call } => {
                // Only the tool may see what the caller entered in secret.
                call.arguments = self.conversation.reveal(&call.arguments);
                self.tools.run(epoch, reply, call);
            }
            Action::PlayKeys { epoch, utterance, sentence, keys } => {
                self.playout.reserve(epoch, utterance, sentence, false);
                self.keys_to_play.push((epoch, utterance, sentence, keys));
            }
            Action::Gain { db } => self.gain = Gain::of(db),
            Action::Speak { epoch, utterance, sentence, text, voice, first } => {
                self.playout.reserve(epoch, utterance, sentence, first);
                let spare = voice == turn::Voice::Spare;
                self.voice.speak(Job { epoch, utterance, sentence, text, spare, first });
            }
            Action::Clear { generation, keep: _ } => {
                // What is not kept is dropped by the `Abandon` that follows.
                self.generation = generation;
                self.playout.rewind(self.conversation.ledger(), now);
                self.outbox.push(self.writer.clear());
                metrics::counter!("tandem_clears_total").increment(1);
            }
            Action::Hold => self.playout.hold(),
            Action::Release => self.playout.release(),
            Action::HangUp { why } => self.ended = Some(why),
            Action::Answer { id, outcome } => {
                if let Some(place) = self.waiting.iter().position(|(known, _)| *known == id) {
                    let (_, client) = self.waiting.swap_remove(place);
                    self.settled.push((client, outcome));
                }
            }
            Action::Note(note) => notes::observe(&self.call_sid, &note),
        }
    }

    /// Tones are made here, at once.
    fn play_keys(&mut self, epoch: Epoch, utterance: UtteranceId, sentence: u32, keys: &str) {
        let mulaw = tones(keys);
        let samples = self.playout.push(utterance, sentence, &mulaw) as u32;
        self.playout.complete(utterance, sentence);
        self.tell(Event::AudioReady { epoch, utterance, sentence, samples });
        let voiced = (0, samples);
        self.tell(Event::AudioComplete { epoch, utterance, sentence, voiced });
    }

    /// Leaves the call to be gone on with by another session.
    fn leave(&mut self) {
        if !self.interrupted {
            self.interrupted = true;
            self.tell(Event::Interrupted);
        }
    }

    /// Sends what is due ahead of what was heard.
    fn top_up(&mut self) {
        if self.ended.is_some() || self.interrupted {
            return;
        }
        loop {
            let ahead = self.conversation.ledger().ahead(self.now());
            let Some(piece) = self.playout.next(ahead) else { break };
            if !piece.mulaw.is_empty() {
                let message = match &self.gain {
                    None => self.writer.media(piece.mulaw),
                    Some(gain) => self.writer.media(&gain.of_all(piece.mulaw)),
                };
                self.outbox.push(message);
            }
            if let Some(mark) = piece.mark {
                self.outbox.push(self.writer.mark(&mark_name(self.generation, mark)));
            }
            let event = Event::Sent {
                utterance: piece.utterance,
                sentence: piece.sentence,
                samples: piece.mulaw.len() as u32,
                mark: piece.mark,
            };
            self.tell(event);
        }
    }

    /// Puts what was proved to be heard into the recording.
    fn record_heard(&mut self) {
        for heard in self.conversation.take_heard() {
            let audio = self.playout.audio(heard.utterance, heard.sentence);
            let range = heard.from as usize..(heard.from + heard.samples) as usize;
            if let Some(audio) = audio.and_then(|audio| audio.get(range)) {
                self.recorder.agent(heard.at, audio);
            }
        }
    }

    /// What remains to be written.
    fn finish(mut self) -> (Journal, Recorder) {
        let now = self.now();
        for (_, client) in self.waiting.drain(..) {
            let _ = client.send(Err(turn::Refusal::Ended));
        }
        if self.hearing.lost_frames > 0 {
            tracing::warn!(call = self.call_sid, frames = self.hearing.lost_frames, "frames lost");
            metrics::counter!("tandem_frames_lost_total").increment(self.hearing.lost_frames);
        }
        self.trace.end(now);
        (self.journal, self.recorder)
    }
}

/// How long a key sounds, and the silence after it, ms; Q.24 asks for 40 of each.
const KEY_MS: (u32, u32) = (120, 80);
/// `w` waits so long, ms.
const KEY_WAIT_MS: usize = 500;

/// The tones of keys, mu-law; `w` is a pause.
fn tones(keys: &str) -> Vec<u8> {
    let mut mulaw = Vec::new();
    for (place, keys) in keys.split('w').enumerate() {
        if place > 0 {
            mulaw.resize(mulaw.len() + KEY_WAIT_MS * 8, media::g711::SILENCE);
        }
        // The machine lets nothing through that is no key.
        mulaw.extend(media::tone::dtmf(keys, KEY_MS.0, KEY_MS.1).unwrap_or_default());
    }
    mulaw
}

/// The carrier's name of a mark.
fn mark_name(generation: Generation, mark: turn::MarkId) -> String {
    format!("g{}:{}", generation.0, mark.0)
}

fn for_vendor(message: turn::Message) -> vendors::Message {
    match message {
        turn::Message::Caller { text } => vendors::Message::Caller { text },
        turn::Message::Agent { text, tool_calls } => vendors::Message::Agent {
            text,
            tool_calls: tool_calls
                .into_iter()
                .map(|call| vendors::ToolCall {
                    id: call.id,
                    name: call.name,
                    arguments: call.arguments,
                })
                .collect(),
        },
        turn::Message::Tool { call_id, content } => vendors::Message::Tool { call_id, content },
        turn::Message::Guidance { text } => vendors::Message::Guidance { text },
    }
}
