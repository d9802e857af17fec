//! Flux: recognition whose model itself says when the caller's turn is over.
//!
//! The vendor cuts the call into turns and tells the present one again and again: its words so far,
//! whether it is likely over, over, or goes on after all. Words become final when the turn ends, or
//! earlier where the call's own VAD heard a pause and the vendor has understood the audio beyond it:
//! the conversation may have answered in that pause, and must not hear the same words again.
//!
//! The call has a VAD of its own, so the vendor's start of a turn is not passed on.

mod settled;
mod wire;

use std::sync::Arc;

use bytes::BytesMut;
use reqwest::header::AUTHORIZATION;
use secrecy::SecretString;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use self::{
    settled::Settled,
    wire::{Incoming, TurnEvent, TurnInfo},
};
use super::{Core, VENDOR};
use crate::{
    Problem, SttEvent, SttInput, SttOptions,
    http::{self, Deadline, Failure},
    recognition::{Limits, Out, Protocol, memory::Memory, timeline::Timeline},
    socket::Open,
};

/// What is sent at once: 80 ms, the vendor's own step. Smaller pieces are no quicker.
const BUNDLE_BYTES: usize = 640;

/// So much audio after the last sound has to be understood before the words count as settled.
const SETTLED_AFTER_MS: u64 = 240;

/// So much, before a sound counts as one without words.
const WORDLESS_AFTER_MS: u64 = 600;

/// Of a pause, so much after the last sound belongs to the words before it.
const TAIL_MS: u64 = 100;

/// Audio in which a word may have begun that the vendor has not noticed yet.
const UNNOTICED_MS: u64 = 1_000;

/// Speech of which the vendor has always said something before it ends.
const OWED_AFTER_MS: u64 = 1_500;

/// Is this a model of this kind?
pub(super) fn speaks(model: &str) -> bool {
    model.starts_with("flux-")
}

/// One call's turns.
pub(super) struct Flux {
    core: Arc<Core>,
    options: SttOptions,
    memory: Memory,
    /// Up to here the words are final.
    settled_ms: u64,
    /// What the VAD says of the present utterance.
    utterance: Option<Utterance>,
    /// The words of a turn that the vendor held to be likely over, until it decides.
    eager: Option<String>,
    line: Line,
}

/// Speech that the VAD reported.
struct Utterance {
    from_ms: u64,
    /// Where it ended, once it has.
    to_ms: Option<u64>,
    /// Have final words come of it?
    words: bool,
}

/// What is known of one connection.
#[derive(Default)]
struct Line {
    timeline: Timeline,
    /// Where the audio that was sent ends.
    sent_ms: u64,
    /// Audio that is too little to send, and its place.
    bundle: Option<(u64, BytesMut)>,
    turn: Turn,
    /// Since when audio has been sent without any answer.
    unanswered_since: Option<Instant>,
    /// When the utterance that ended should be settled.
    settle_at: Option<Instant>,
}

/// The vendor's present turn.
#[derive(Default)]
struct Turn {
    index: u64,
    from_ms: u64,
    /// Up to here the audio has been understood.
    to_ms: u64,
    settled: Settled,
    /// All its words, as they were told last.
    transcript: String,
    /// Those of them that are not final.
    rest: Rest,
}

/// Words that are not final.
#[derive(Clone, Default)]
struct Rest {
    text: String,
    from_ms: u64,
    to_ms: u64,
    confidence: Option<f32>,
}

impl Flux {
    pub(super) fn new(core: Arc<Core>, options: SttOptions) -> Self {
        Flux {
            core,
            options,
            memory: Memory::default(),
            settled_ms: 0,
            utterance: None,
            eager: None,
            line: Line::default(),
        }
    }

    fn turn(&mut self, info: &TurnInfo, now: Instant, out: &mut Out) {
        if info.turn_index != self.line.turn.index {
            // Its end was never told; its words were.
            self.settle_words(out);
            self.line.turn = Turn { index: info.turn_index, ..Turn::default() };
        }
        // Places beyond what was sent are the vendor's mistake.
        let sent_ms = self.line.sent_ms;
        let place = |ms: u64| ms.min(sent_ms);
        let told = std::mem::take(&mut self.line.turn.rest.text);
        let turn = &mut self.line.turn;
        turn.from_ms = place(self.line.timeline.start_ms(info.audio_window_start));
        turn.to_ms = place(self.line.timeline.end_ms(info.audio_window_end));
        turn.transcript = info.transcript.trim().to_owned();
        turn.rest = rest_of(info, &turn.settled, &self.line.timeline);
        turn.rest.from_ms = place(turn.rest.from_ms).max(self.settled_ms);
        turn.rest.to_ms = place(turn.rest.to_ms).max(turn.rest.from_ms);

        let at_ms = turn.to_ms;
        let confidence = info.end_of_turn_confidence;
        if info.event != TurnEvent::EndOfTurn {
            let goes_on = info.event == TurnEvent::TurnResumed
                || self.eager.as_ref().is_some_and(|words| *words != turn.transcript);
            if goes_on && self.eager.take().is_some() {
                out.events.push(SttEvent::TurnResumed);
            }
            let Rest { text, from_ms, to_ms, .. } = turn.rest.clone();
            // The same words again are no news.
            if !text.is_empty() && text != told {
                out.events.push(SttEvent::Interim { text, from_ms, to_ms });
            }
        }
        match info.event {
            TurnEvent::EagerEndOfTurn => {
                if !turn.transcript.is_empty() {
                    self.eager = Some(turn.transcript.clone());
                    out.events.push(SttEvent::EagerEndOfTurn { at_ms, confidence });
                }
            }
            TurnEvent::EndOfTurn => {
                let spoken = !turn.transcript.is_empty();
                self.eager = None;
                self.settle_words(out);
                self.settle_until(at_ms);
                self.line.turn.transcript.clear();
                self.line.turn.settled = Settled::default();
                if spoken {
                    out.events.push(SttEvent::EndOfTurn { at_ms, confidence });
                }
            }
            TurnEvent::StartOfTurn
            | TurnEvent::Update
            | TurnEvent::TurnResumed
            | TurnEvent::Other => {}
        }
        self.settle_utterance(now, out);
        if self.line.turn.transcript.is_empty() {
            self.settle_until(self.line.turn.to_ms.saturating_sub(UNNOTICED_MS));
        }
    }

    /// After the VAD heard the caller stop: are all words of it here?
    fn settle_utterance(&mut self, now: Instant, out: &mut Out) {
        let Some(Utterance { to_ms: Some(stopped_ms), .. }) = self.utterance else { return };
        let understood = self.line.turn.to_ms.saturating_sub(stopped_ms);
        let wordless = self.line.turn.rest.text.is_empty()
            && !self.utterance.as_ref().is_some_and(|utterance| utterance.words);
        let enough = if wordless { WORDLESS_AFTER_MS } else { SETTLED_AFTER_MS };
        if understood < enough {
            self.line.settle_at = Some(now + self.core.settings.settle_within);
            return;
        }
        self.settle_words(out);
        self.settle_until(stopped_ms + TAIL_MS);
        self.conclude(out);
    }

    /// The words that are not final become so.
    fn settle_words(&mut self, out: &mut Out) {
        let Line { turn, .. } = &mut self.line;
        let Rest { text, from_ms, to_ms, confidence } = std::mem::take(&mut turn.rest);
        if text.is_empty() {
            return;
        }
        turn.settled.replace(turn.transcript.split_whitespace());
        if let Some(utterance) = &mut self.utterance {
            utterance.words = true;
        }
        out.events.push(SttEvent::Final { text, from_ms, to_ms, confidence });
    }

    fn settle_until(&mut self, ms: u64) {
        if ms > self.settled_ms {
            self.settled_ms = ms;
            self.memory.settle(ms);
        }
    }

    /// All that will come of the utterance has come.
    fn conclude(&mut self, out: &mut Out) {
        self.line.settle_at = None;
        if let Some(Utterance { from_ms, to_ms: Some(to_ms), words }) = self.utterance
            && !words
        {
            let text = String::new();
            out.events.push(SttEvent::Final { text, from_ms, to_ms, confidence: None });
        }
        self.utterance.take_if(|utterance| utterance.to_ms.is_some());
    }

    fn note(&mut self, input: SttInput) {
        match input {
            SttInput::Audio { at_ms, mulaw } => self.memory.push(at_ms, mulaw),
            SttInput::SpeechStarted { at_ms } => {
                self.utterance = Some(Utterance { from_ms: at_ms, to_ms: None, words: false });
            }
            SttInput::SpeechStopped { at_ms } => {
                if let Some(utterance) = &mut self.utterance {
                    utterance.to_ms = Some(at_ms);
                }
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.utterance.as_ref().is_some_and(|utterance| utterance.to_ms.is_some())
    }

    fn await_words(&mut self, now: Instant) {
        self.line.settle_at = Some(now + self.core.settings.settle_within);
    }

    fn answer_by(&self) -> Option<Instant> {
        Some(self.line.unanswered_since? + self.core.settings.answer_within)
    }
}

/// The words of the turn that are not final, and where they stand.
fn rest_of(info: &TurnInfo, settled: &Settled, timeline: &Timeline) -> Rest {
    let words: Vec<&str> = info.transcript.split_whitespace().collect();
    let first = settled.covers(&words);
    // Words that are not those of the transcript say nothing of it.
    let told = match info.words.len() == words.len() {
        true => &info.words[first..],
        false => &[],
    };
    let from = told.first().and_then(|word| word.start).unwrap_or(info.audio_window_start);
    let to = told.last().and_then(|word| word.end).unwrap_or(info.audio_window_end);
    let sure: Vec<f32> = told.iter().filter_map(|word| word.confidence).collect();
    let confidence = (!sure.is_empty()).then(|| sure.iter().sum::<f32>() / sure.len() as f32);
    Rest {
        text: words[first..].join(" "),
        from_ms: timeline.start_ms(from),
        to_ms: timeline.end_ms(to),
        confidence,
    }
}

impl Line {
    fn audio(&mut self, at_ms: u64, mulaw: &[u8], out: &mut Out) {
        let continues = |(from_ms, bundle): &(u64, BytesMut)| {
            (from_ms + bundle.len() as u64 / 8).abs_diff(at_ms) <= 1
        };
        if self.bundle.as_ref().is_some_and(|bundle| !continues(bundle)) {
            self.flush(out);
        }
        let (_, bundle) = self.bundle.get_or_insert_with(|| (at_ms, BytesMut::new()));
        bundle.extend_from_slice(mulaw);
        if bundle.len() >= BUNDLE_BYTES {
            self.flush(out);
        }
    }

    fn flush(&mut self, out: &mut Out) {
        let Some((at_ms, bundle)) = self.bundle.take() else { return };
        self.timeline.sent(at_ms, bundle.len());
        self.sent_ms = at_ms + bundle.len() as u64 / 8;
        self.unanswered_since.get_or_insert_with(Instant::now);
        out.messages.push(Message::Binary(bundle.freeze()));
    }
}

impl Protocol for Flux {
    const VENDOR: &'static str = VENDOR;

    fn limits(&self) -> Limits {
        let settings = &self.core.settings;
        Limits {
            ready_within: settings.connect_within,
            ping_every: settings.keep_alive_every,
            dead_after: settings.answer_within.max(settings.keep_alive_every * 2),
        }
    }

    fn key(&self) -> &SecretString {
        &self.core.settings.api_key
    }

    fn connect(&self) -> impl Future<Output = Result<Open, Failure>> + Send + 'static {
        let core = Arc::clone(&self.core);
        let mut url = core.address.ws("/v2/listen");
        wire::query(&mut url, &core.settings, &self.options);
        async move {
            let header = (AUTHORIZATION, core.authorization.clone());
            let deadline = Deadline::within(core.settings.connect_within, "connection");
            core.sockets.open(url, header, &deadline, &core.settings.api_key).await
        }
    }

    fn remember(&mut self, input: SttInput) {
        self.note(input);
    }

    fn opened(&mut self, now: Instant, out: &mut Out) {
        // What was guessed is heard again, unless it is longer ago than is remembered.
        let begun_ms = self.line.turn.from_ms.max(self.settled_ms);
        let mut pieces = self.memory.pieces();
        let guessed = !self.line.turn.rest.text.is_empty();
        if guessed && pieces.first().is_some_and(|(from_ms, _)| *from_ms > begun_ms) {
            let to_ms = self.line.turn.to_ms;
            self.settle_words(out);
            self.settle_until(to_ms);
            pieces = self.memory.pieces();
        }
        self.line = Line::default();
        for (at_ms, mulaw) in pieces {
            self.line.audio(at_ms, &mulaw, out);
        }
        if self.is_stopped() {
            self.await_words(now);
        }
    }

    fn heard(&mut self, input: SttInput, now: Instant, out: &mut Out) {
        match &input {
            SttInput::Audio { at_ms, mulaw } => self.line.audio(*at_ms, mulaw, out),
            SttInput::SpeechStopped { .. } => self.await_words(now),
            SttInput::SpeechStarted { .. } => self.line.settle_at = None,
        }
        self.note(input);
    }

    fn received(&mut self, text: &str, now: Instant, out: &mut Out) -> Result<(), Problem> {
        let message: Incoming = serde_json::from_str(text)
            .map_err(|error| Problem::Malformed(format!("a message that is none: {error}")))?;
        self.line.unanswered_since = None;
        match message {
            Incoming::Connected { request_id } => {
                out.ready = true;
                out.request_id = request_id;
            }
            Incoming::TurnInfo(info) => {
                out.ready = true;
                out.useful = true;
                self.turn(&info, now, out);
            }
            Incoming::Error { code, description } => {
                let said = http::scrub(&format!("{code}: {description}"), self.key());
                return Err(Problem::Cut(said));
            }
            Incoming::Other => {}
        }
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        [self.answer_by(), self.line.settle_at].into_iter().flatten().min()
    }

    fn due(&mut self, now: Instant, out: &mut Out) -> Result<(), Problem> {
        let settings = &self.core.settings;
        if self.answer_by().is_some_and(|at| at <= now) {
            let after = settings.answer_within;
            return Err(Problem::TimedOut { waited_for: "answer to audio", after });
        }
        if self.line.settle_at.is_some_and(|at| at <= now) {
            self.line.settle_at = None;
            let long = self.utterance.as_ref().is_some_and(|utterance| {
                utterance.to_ms.unwrap_or_default() >= utterance.from_ms + OWED_AFTER_MS
            });
            // Of a guess it owes the final words, and of a second of audio at least a word.
            let mute = self.line.unanswered_since.is_some();
            if mute && (long || !self.line.turn.rest.text.is_empty()) {
                let after = settings.settle_within;
                return Err(Problem::TimedOut { waited_for: "final words", after });
            }
            // All that was sent is answered: no more will come of it.
            self.settle_words(out);
            self.settle_until(self.line.turn.to_ms);
            self.conclude(out);
        }
        Ok(())
    }

    fn goodbye(&mut self, _now: Instant, out: &mut Out) {
        self.line.flush(out);
        out.messages.push(Message::text(wire::CLOSE_STREAM));
    }

    fn ended(&mut self, out: &mut Out) {
        self.settle_words(out);
    }
}
