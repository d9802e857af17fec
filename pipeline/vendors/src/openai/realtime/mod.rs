//! Transcription over the Realtime API: words while they are spoken, in the carrier's mu-law.
//!
//! Who says where an utterance ends depends on the model ([`TurnDetection`]): the call's own VAD, the
//! vendor by silence, or the vendor by what was said. In the last case its commit is its belief that
//! the turn is over. Words come only after a commit with some models, so a belief that is long in
//! coming is not waited for: the audio is committed from here.
//!
//! Audio of a call in which nobody speaks is sent only where the vendor looks for speech itself.

mod items;
mod line;
mod wire;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, HeaderValue, USER_AGENT};
use secrecy::SecretString;
use serde::Deserialize;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

use self::{line::Line, wire::Incoming};
use super::{Core, VENDOR};
use crate::{
    Problem, SttEvent, SttInput, SttOptions,
    http::{Deadline, Failure},
    recognition::{Limits, Out, Protocol, memory::Memory},
    socket::{self, Open},
};

/// Time allowed to connect, and again until the session is as it was asked to be.
const CONNECT_WITHIN: Duration = Duration::from_secs(4);

/// How often the vendor is pinged, and how long it may be silent in all.
const PING_EVERY: Duration = Duration::from_secs(5);
const DEAD_AFTER: Duration = Duration::from_secs(12);

/// What is sent at once of audio that waited: 100 ms.
const PIECE_BYTES: usize = 800;

/// What is taken from before the place where the VAD heard speech begin.
const BEFORE_MS: u64 = 300;

/// What is remembered while nobody speaks: the VAD's own delay, and `BEFORE_MS`.
const KEPT_MS: u64 = 2_000;

/// A sound shorter than this may well hold no words.
const SHORTEST_SAYING_MS: u64 = 1_000;

/// Utterances that may wait for their words.
const MOST_UTTERANCES: usize = 32;

/// Who finds the ends of utterances, for transcription over the Realtime API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum TurnDetection {
    /// The call's own VAD. The only choice for `gpt-live-transcribe` and `gpt-realtime-whisper`.
    #[serde(rename = "own")]
    Own,
    /// The vendor, by 300 ms of silence (`server_vad`).
    #[serde(rename = "server_vad")]
    Silence,
    /// The vendor, by what was said (`semantic_vad`): its commit is told as the end of the turn.
    #[serde(rename = "semantic_vad")]
    Semantic,
}

impl TurnDetection {
    /// The one of this name: `own`, `server_vad` or `semantic_vad`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "own" => Some(TurnDetection::Own),
            "server_vad" => Some(TurnDetection::Silence),
            "semantic_vad" => Some(TurnDetection::Semantic),
            _ => None,
        }
    }
}

/// Is this a model that the Realtime API alone has? It finds no turns itself.
pub(super) fn is_only_realtime(model: &str) -> bool {
    model.starts_with("gpt-live-transcribe") || model.starts_with("gpt-realtime-whisper")
}

/// One call's transcription.
pub(super) struct Realtime {
    core: Arc<Core>,
    options: SttOptions,
    detection: TurnDetection,
    memory: Memory,
    /// Where the audio heard so far ends.
    heard_ms: u64,
    /// Up to here the words are final.
    settled_ms: u64,
    /// What the VAD reported and no final words have settled.
    utterances: VecDeque<Utterance>,
    line: Line,
}

/// Speech that the VAD reported.
#[derive(Debug)]
struct Utterance {
    from_ms: u64,
    /// Where it ended, once it has.
    to_ms: Option<u64>,
}

impl Realtime {
    pub(super) fn new(core: Arc<Core>, detection: TurnDetection, options: SttOptions) -> Self {
        Realtime {
            core,
            options,
            detection,
            memory: Memory::default(),
            heard_ms: 0,
            settled_ms: 0,
            utterances: VecDeque::new(),
            line: Line::default(),
        }
    }

    fn note(&mut self, input: SttInput) {
        match input {
            SttInput::Audio { at_ms, mulaw } => {
                self.heard_ms = at_ms + mulaw.len() as u64 / 8;
                self.memory.push(at_ms, mulaw);
                if self.utterances.is_empty() && self.line.items.is_empty() {
                    let ms = self.heard_ms.saturating_sub(KEPT_MS);
                    self.settled_ms = self.settled_ms.max(ms);
                    self.memory.settle(ms);
                }
            }
            SttInput::SpeechStarted { at_ms } => {
                if self.utterances.len() == MOST_UTTERANCES {
                    self.utterances.pop_front();
                }
                self.utterances.push_back(Utterance { from_ms: at_ms, to_ms: None });
            }
            SttInput::SpeechStopped { at_ms } => {
                if let Some(last) = self.utterances.back_mut() {
                    last.to_ms = Some(at_ms);
                }
            }
        }
    }

    fn is_speaking(&self) -> bool {
        self.utterances.back().is_some_and(|last| last.to_ms.is_none())
    }

    /// Where an utterance begins of which the vendor has not said so.
    fn begun_ms(&self) -> u64 {
        let first = self.utterances.front().map_or(0, |first| first.from_ms);
        first.max(self.line.committed_ms).max(self.settled_ms)
    }

    /// Queues what is remembered from `from_ms` on and was not queued on this connection.
    fn queue_remembered(&mut self, from_ms: u64) {
        let from_ms = from_ms.max(self.line.queued_ms);
        for (at_ms, mulaw) in self.memory.pieces() {
            let skip = (from_ms.saturating_sub(at_ms) as usize * 8).min(mulaw.len());
            for (n, piece) in mulaw[skip..].chunks(PIECE_BYTES).enumerate() {
                let at_ms = at_ms + (skip + n * PIECE_BYTES) as u64 / 8;
                self.line.queue_audio(at_ms, Bytes::copy_from_slice(piece));
            }
        }
    }

    /// The session is as it was asked to be: all that no words are known of is told again.
    fn begin(&mut self, now: Instant, out: &mut Out) {
        self.line.ready = true;
        out.ready = true;
        match (self.detection, self.utterances.front()) {
            (TurnDetection::Own, None) => {}
            (TurnDetection::Own, Some(first)) => {
                self.queue_remembered(first.from_ms.saturating_sub(BEFORE_MS));
                if !self.is_speaking() {
                    self.commit(now, out);
                }
            }
            (TurnDetection::Silence | TurnDetection::Semantic, _) => {
                self.queue_remembered(self.settled_ms);
                if !self.utterances.is_empty() && !self.is_speaking() {
                    self.await_commit(now);
                }
            }
        }
        if self.line.goodbye {
            self.line.queue_commit();
        }
        self.line.pump(now, out);
    }

    fn await_commit(&mut self, now: Instant) {
        self.line.commit_at = Some(now + self.core.settings.commit_within);
    }

    fn audio(&mut self, at_ms: u64, mulaw: &[u8], now: Instant, out: &mut Out) {
        if !self.line.ready || (self.detection == TurnDetection::Own && !self.is_speaking()) {
            return;
        }
        self.line.audio(at_ms, mulaw);
        self.line.pump(now, out);
    }

    fn started(&mut self, at_ms: u64, now: Instant, out: &mut Out) {
        self.line.commit_at = None;
        if self.line.ready && self.detection == TurnDetection::Own {
            self.queue_remembered(at_ms.saturating_sub(BEFORE_MS));
            self.line.pump(now, out);
        }
    }

    fn stopped(&mut self, now: Instant, out: &mut Out) {
        if !self.line.ready {
            return;
        }
        match self.detection {
            TurnDetection::Own => self.commit(now, out),
            TurnDetection::Silence | TurnDetection::Semantic => self.await_commit(now),
        }
    }

    /// The call's VAD has found the end of an utterance.
    fn commit(&mut self, now: Instant, out: &mut Out) {
        let committed = self.line.queue_commit();
        self.line.pump(now, out);
        if !committed && self.line.owes_nothing() {
            self.conclude(u64::MAX, false, out);
        }
    }

    /// The vendor has not found the end of what the VAD heard.
    fn commit_anyway(&mut self, now: Instant, out: &mut Out) {
        self.line.commit_at = None;
        let long = self.utterances.iter().any(|utterance| {
            utterance.to_ms.unwrap_or_default() >= utterance.from_ms + SHORTEST_SAYING_MS
        });
        let worth = self.line.items.is_open() || (long && self.line.items.is_empty());
        if worth && self.line.queue_commit() {
            self.line.pump(now, out);
        } else if self.line.owes_nothing() {
            self.conclude(u64::MAX, false, out);
        }
    }

    fn committed(&mut self, item_id: &str, now: Instant, out: &mut Out) {
        let ours = self.line.commits.pop_front();
        let begun_ms = self.begun_ms();
        let queued_ms = self.line.queued_ms;
        let item = self.line.items.get(item_id, begun_ms);
        item.commit(now);
        item.to_ms = match ours {
            Some((at_ms, _)) => at_ms,
            None if item.to_ms > item.from_ms => item.to_ms,
            None => queued_ms,
        };
        let at_ms = item.to_ms;
        self.line.committed_ms = at_ms;
        if !self.line.items.is_open() {
            self.line.commit_at = None;
        }
        if ours.is_none() && self.detection == TurnDetection::Semantic {
            out.events.push(SttEvent::EndOfTurn { at_ms, confidence: None });
        }
    }

    /// Tells the transcripts that are complete, in the order of speech.
    fn tell_complete(&mut self, out: &mut Out) {
        while let Some((item, text)) = self.line.items.next_complete() {
            let to_ms = item.to_ms.max(item.from_ms);
            let from_ms = item.from_ms.max(self.settled_ms).min(to_ms);
            self.settled_ms = self.settled_ms.max(to_ms);
            self.memory.settle(to_ms);
            self.line.guess.clear();
            let words = !text.is_empty();
            if words {
                out.events.push(SttEvent::Final { text, from_ms, to_ms, confidence: None });
            }
            self.conclude(to_ms, words, out);
        }
    }

    /// The utterances that ended by `to_ms` are settled; `words`: there were some.
    fn conclude(&mut self, to_ms: u64, words: bool, out: &mut Out) {
        // What the VAD heard end and what the vendor did differ by little.
        let by_ms = to_ms.saturating_add(BEFORE_MS);
        let mut wordless = None;
        while let Some(ended) = self.utterances.front().and_then(|first| first.to_ms)
            && ended <= by_ms
        {
            wordless = self.utterances.pop_front().map(|utterance| (utterance.from_ms, ended));
        }
        if let Some((from_ms, to_ms)) = wordless
            && !words
        {
            let text = String::new();
            out.events.push(SttEvent::Final { text, from_ms, to_ms, confidence: None });
        }
    }

    fn guess(&mut self, out: &mut Out) {
        let Some((from_ms, text)) = self.line.items.guess() else { return };
        // The same words again are no news.
        if text != self.line.guess {
            self.line.guess.clone_from(&text);
            let from_ms = from_ms.max(self.settled_ms);
            let to_ms = self.line.queued_ms.max(from_ms);
            out.events.push(SttEvent::Interim { text, from_ms, to_ms });
        }
    }

    /// When words that are owed have to be there.
    fn words_by(&self) -> Option<Instant> {
        let owed = self.line.items.owed_since();
        let unconfirmed = self.line.commits.front().map(|(_, since)| *since);
        let since = owed.into_iter().chain(unconfirmed).min()?;
        Some(since + self.core.settings.transcribe_within)
    }

    fn understand(
        &mut self,
        message: Incoming,
        now: Instant,
        out: &mut Out,
    ) -> Result<(), Problem> {
        let ready = self.line.ready;
        match message {
            Incoming::Created { session } => out.request_id = session.id,
            Incoming::Updated => {
                if !ready {
                    self.begin(now, out);
                }
            }
            Incoming::SpeechStarted { item_id, audio_start_ms } => {
                let from_ms = self.line.place(audio_start_ms, false);
                self.line.items.get(&item_id, from_ms);
            }
            Incoming::SpeechStopped { item_id, audio_end_ms } => {
                let to_ms = self.line.place(audio_end_ms, true);
                self.line.items.get(&item_id, to_ms).to_ms = to_ms;
            }
            Incoming::Committed { item_id } => self.committed(&item_id, now, out),
            Incoming::Delta { item_id, delta } => {
                let at_ms = self.begun_ms();
                self.line.items.get(&item_id, at_ms).hear(&delta);
                self.guess(out);
            }
            Incoming::Completed { item_id, transcript } => {
                out.useful = true;
                let at_ms = self.begun_ms();
                self.line.items.get(&item_id, at_ms).complete(&transcript);
                self.tell_complete(out);
            }
            Incoming::Failed { error, .. } if error.is_fatal(ready) => {
                return Err(error.problem(ready, self.key()));
            }
            Incoming::Failed { item_id, .. } => {
                // Told again it would fail again: it held no words.
                let at_ms = self.begun_ms();
                self.line.items.get(&item_id, at_ms).complete("");
                self.tell_complete(out);
            }
            Incoming::Error { error } if error.is_empty_commit() => {
                self.line.commits.pop_front();
                if self.line.items.is_empty() {
                    self.conclude(u64::MAX, false, out);
                }
            }
            Incoming::Error { error } if error.is_fatal(ready) => {
                return Err(error.problem(ready, self.key()));
            }
            Incoming::Error { error } => {
                let problem = error.problem(ready, self.key());
                tracing::debug!(vendor = VENDOR, %problem, "a message was not understood");
            }
            Incoming::Other => {}
        }
        if self.line.items.are_too_many() {
            return Err(Problem::Malformed("more utterances than are spoken".into()));
        }
        Ok(())
    }
}

impl Protocol for Realtime {
    const VENDOR: &'static str = VENDOR;

    fn limits(&self) -> Limits {
        Limits { ready_within: CONNECT_WITHIN, ping_every: PING_EVERY, dead_after: DEAD_AFTER }
    }

    fn key(&self) -> &SecretString {
        &self.core.settings.api_key
    }

    fn connect(&self) -> impl Future<Output = Result<Open, Failure>> + Send + 'static {
        let core = Arc::clone(&self.core);
        async move {
            // The model's place is the session: in the address it would ask for a conversation.
            let mut url = core.address.ws("/realtime");
            url.set_query(Some("intent=transcription"));
            let header = match &core.authorization {
                Some(value) => (AUTHORIZATION, value.clone()),
                None => (USER_AGENT, HeaderValue::from_static("tandem")),
            };
            let deadline = Deadline::within(CONNECT_WITHIN, "connection");
            core.sockets.open(url, header, &deadline, &core.settings.api_key).await
        }
    }

    fn remember(&mut self, input: SttInput) {
        self.note(input);
    }

    fn opened(&mut self, _now: Instant, out: &mut Out) {
        self.line = Line::default();
        let model = &self.core.settings.model;
        let session = wire::session(model, self.detection, &self.options);
        out.messages.push(Message::text(session));
    }

    fn heard(&mut self, input: SttInput, now: Instant, out: &mut Out) {
        self.note(input.clone());
        match input {
            SttInput::Audio { at_ms, mulaw } => self.audio(at_ms, &mulaw, now, out),
            SttInput::SpeechStarted { at_ms } => self.started(at_ms, now, out),
            SttInput::SpeechStopped { .. } => self.stopped(now, out),
        }
    }

    fn received(&mut self, text: &str, now: Instant, out: &mut Out) -> Result<(), Problem> {
        let message: Incoming = serde_json::from_str(text)
            .map_err(|error| Problem::Malformed(format!("a message that is none: {error}")))?;
        self.understand(message, now, out)?;
        out.complete = self.line.is_done();
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        [self.line.pump_at(), self.line.commit_at, self.words_by()].into_iter().flatten().min()
    }

    fn due(&mut self, now: Instant, out: &mut Out) -> Result<(), Problem> {
        if self.words_by().is_some_and(|at| at <= now) {
            let after = self.core.settings.transcribe_within;
            return Err(Problem::TimedOut { waited_for: "transcript", after });
        }
        self.line.pump(now, out);
        if self.line.commit_at.is_some_and(|at| at <= now) {
            self.commit_anyway(now, out);
        }
        Ok(())
    }

    fn goodbye(&mut self, now: Instant, out: &mut Out) {
        self.line.goodbye = true;
        if self.line.ready && (self.line.items.is_open() || !self.utterances.is_empty()) {
            self.line.queue_commit();
            self.line.pump(now, out);
        }
        out.complete = self.line.is_done();
    }

    fn ended(&mut self, out: &mut Out) {
        if let Some((from_ms, text)) = self.line.items.guess() {
            let from_ms = from_ms.max(self.settled_ms);
            let to_ms = self.line.queued_ms.max(from_ms);
            out.events.push(SttEvent::Final { text, from_ms, to_ms, confidence: None });
        }
    }

    fn closed(&self, frame: Option<&CloseFrame>) -> Problem {
        let said = socket::close_reason(&frame.cloned(), self.key());
        match frame.map(|frame| u16::from(frame.code)) {
            Some(3000) => Problem::Unauthorized { status: 401 },
            Some(4000) => Problem::Engine(format!("its session was refused ({said})")),
            _ => Problem::Cut(said),
        }
    }
}
