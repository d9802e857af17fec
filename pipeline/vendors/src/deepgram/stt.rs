//! Streaming recognition that outlives its connections: the protocol of the Nova models.
//!
//! Audio goes straight through. What no final words cover yet is remembered, so that a connection
//! lost in mid-word costs a moment: the next one is told the same audio again, and what was settled
//! before is not settled twice.

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use reqwest::header::AUTHORIZATION;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_tungstenite::tungstenite::Message;

use super::{
    Core, Settings, VENDOR,
    flux::{self, Flux},
    wire::{self, Incoming},
};
use crate::{
    BoxFuture, Problem, SttEvent, SttInput, SttOptions, SttStream, VendorError, Work,
    http::{self, Deadline, Failure},
    recognition::{self, memory::Memory, timeline::Timeline, wait_after},
    socket::{Open, Received, close_reason, receive},
};

/// Messages that may wait to be sent: ten seconds of audio. Then the connection counts as dead.
const OUTBOX: usize = 512;

/// Speech of which the vendor has always said something before it ends.
const OWED_AFTER_MS: u64 = 1_500;

/// Time given to the last words after hang-up.
const GOODBYE_WITHIN: Duration = Duration::from_secs(2);

/// Deepgram's recognition.
pub struct Stt(Arc<Core>);

impl Stt {
    /// An adapter. Connects to nothing yet.
    ///
    /// # Errors
    /// The base URL or the key cannot be one.
    pub fn new(settings: Settings) -> Result<Self, VendorError> {
        Core::new(settings).map(Stt)
    }
}

impl crate::Stt for Stt {
    fn name(&self) -> &'static str {
        VENDOR
    }

    fn listen(&self, options: SttOptions) -> SttStream {
        if flux::speaks(&self.0.settings.model) {
            return recognition::listen(Flux::new(Arc::clone(&self.0), options));
        }
        let (input, inputs) = mpsc::channel(256);
        let (events, receiver) = mpsc::channel(64);
        let core = Arc::clone(&self.0);
        let work = Work::spawn(async move {
            let closed = events.clone();
            let call = Call { core, options, events, inputs, open: true, heard: Heard::default() };
            tokio::select! {
                _ = Box::pin(call.run()) => {}
                () = closed.closed() => {}
            }
        });
        SttStream { input, events: receiver, work }
    }

    fn check(&self) -> BoxFuture<'_, Result<String, VendorError>> {
        Box::pin(self.0.check())
    }
}

/// Nobody listens to the events any more.
struct Gone;

/// One call, over however many connections.
struct Call {
    core: Arc<Core>,
    options: SttOptions,
    events: mpsc::Sender<SttEvent>,
    inputs: mpsc::Receiver<SttInput>,
    /// May more audio come?
    open: bool,
    heard: Heard,
}

/// What is known of the call, whichever connection it came by.
#[derive(Default)]
struct Heard {
    memory: Memory,
    /// Up to here the words are final.
    settled_ms: u64,
    /// What the VAD says of the present utterance.
    utterance: Option<Utterance>,
    /// Is there a guess that no final words have replaced?
    guessing: bool,
    /// Were there words since the vendor last believed a turn to be over?
    in_turn: bool,
}

/// Speech that the VAD reported.
struct Utterance {
    from_ms: u64,
    /// Where it ended, once it has.
    to_ms: Option<u64>,
    /// Have final words come of it?
    words: bool,
}

/// How a connection came to its end.
enum End {
    /// The call is over, and so is the conversation with the vendor.
    Complete,
    Lost {
        failure: Failure,
        /// Did it say anything useful before?
        useful: bool,
    },
}

impl Call {
    async fn run(mut self) -> Result<(), Gone> {
        let mut tries = 0;
        let mut outage = false;
        loop {
            let failure = match self.connect().await {
                Ok(open) => match self.converse(open, std::mem::take(&mut outage)).await? {
                    End::Complete => return Ok(()),
                    End::Lost { failure, useful } => {
                        if useful {
                            tries = 0;
                        }
                        failure
                    }
                },
                Err(failure) => failure,
            };
            if !self.open {
                // The call is over: nobody waits for its last words any more.
                return Ok(());
            }
            let wait = wait_after(&failure.problem, tries);
            let error = failure.of(VENDOR, "listen");
            let Some(wait) = wait else {
                return self.tell(SttEvent::Failed(error)).await;
            };
            tries += 1;
            if !std::mem::replace(&mut outage, true) {
                self.tell(SttEvent::Reconnecting(error)).await?;
            }
            self.meanwhile(tokio::time::sleep(wait)).await;
        }
    }

    async fn connect(&mut self) -> Result<Open, Failure> {
        let core = Arc::clone(&self.core);
        let mut url = core.address.ws("/v1/listen");
        wire::query(&mut url, &core.settings, &self.options);
        let header = (AUTHORIZATION, core.authorization.clone());
        let deadline = Deadline::within(core.settings.connect_within, "connection");
        let opening = core.sockets.open(url, header, &deadline, &core.settings.api_key);
        self.meanwhile(opening).await
    }

    /// Awaits `future`, remembering the audio that comes meanwhile.
    async fn meanwhile<T>(&mut self, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        loop {
            tokio::select! {
                output = &mut future => return output,
                input = self.inputs.recv(), if self.open => match input {
                    Some(input) => self.heard.take(input),
                    None => self.open = false,
                },
            }
        }
    }

    async fn converse(&mut self, open: Open, recovered: bool) -> Result<End, Gone> {
        let core = Arc::clone(&self.core);
        let settings = &core.settings;
        let Open { socket, request_id } = open;
        let (mut sink, mut stream) = socket.split();
        let (outbox, mut outgoing) = mpsc::channel::<Message>(OUTBOX);
        // Sending has its own task-like future: were it awaited in the loop, a vendor that does not
        // read while it writes would stop both.
        let mut sending = std::pin::pin!(async move {
            while let Some(message) = outgoing.recv().await {
                sink.send(message).await?;
            }
            sink.flush().await
        });

        let mut line = Line {
            settings,
            outbox: Some(outbox),
            timeline: Timeline::default(),
            request_id,
            sent_at: Instant::now(),
            unanswered_since: None,
            silent: Silent::default(),
            settle_at: None,
            goodbye_at: None,
            useful: false,
        };
        for (at_ms, mulaw) in self.heard.memory.pieces() {
            line.audio(at_ms, mulaw);
        }
        if self.heard.utterance.as_ref().is_some_and(|utterance| utterance.to_ms.is_some()) {
            line.finalize();
        }
        if recovered {
            self.tell(SttEvent::Recovered).await?;
        }
        if !self.open {
            line.goodbye();
        }
        loop {
            let wake = line.next_wake();
            tokio::select! {
                sent = &mut sending, if line.outbox.is_some() => {
                    let cause = match sent {
                        Ok(()) => "closed while sending".to_owned(),
                        Err(error) => http::root_cause(&error),
                    };
                    return Ok(line.lost(Problem::Cut(cause)));
                }
                received = receive(&mut stream) => {
                    line.answered();
                    let problem = match received {
                        Received::Text(text) => match self.understand(&text, &mut line).await? {
                            Ok(()) => continue,
                            Err(problem) => problem,
                        },
                        Received::Closed(_) if line.goodbye_at.is_some() => {
                            return Ok(End::Complete);
                        }
                        Received::Closed(frame) => {
                            Problem::Cut(close_reason(&frame, &settings.api_key))
                        }
                        Received::Broken(problem) => problem,
                    };
                    return Ok(line.lost(problem));
                }
                input = self.inputs.recv(), if self.open => match input {
                    Some(input) => {
                        match &input {
                            SttInput::Audio { at_ms, mulaw } => line.audio(*at_ms, mulaw.clone()),
                            SttInput::SpeechStopped { .. } => line.finalize(),
                            SttInput::SpeechStarted { .. } => line.started(),
                        }
                        self.heard.take(input);
                        if line.outbox.is_none() {
                            let problem = Problem::Cut("it takes no more audio".into());
                            return Ok(line.lost(problem));
                        }
                    }
                    None => {
                        self.open = false;
                        line.goodbye();
                    }
                },
                () = sleep_until(wake) => {
                    if let Some(end) = self.wake(&mut line).await? {
                        return Ok(end);
                    }
                }
            }
        }
    }

    /// A deadline may have passed.
    async fn wake(&mut self, line: &mut Line<'_>) -> Result<Option<End>, Gone> {
        let now = Instant::now();
        let settings = line.settings;
        if line.goodbye_at.is_some_and(|at| at <= now) {
            return Ok(Some(End::Complete));
        }
        if line.answer_by().is_some_and(|at| at <= now) {
            let after = settings.answer_within;
            return Ok(Some(line.lost(Problem::TimedOut { waited_for: "answer to audio", after })));
        }
        if line.settle_at.is_some_and(|at| at <= now) {
            line.settle_at = None;
            if self.heard.is_owed_words(&line.silent) {
                let after = settings.settle_within;
                let problem = Problem::TimedOut { waited_for: "final words", after };
                return Ok(Some(line.lost(problem)));
            }
            self.conclude().await?;
        }
        if now >= line.sent_at + settings.keep_alive_every {
            line.send(Message::text(wire::KEEP_ALIVE));
        }
        Ok(None)
    }

    /// What a message means. Fails where the connection is of no use any more.
    async fn understand(
        &mut self,
        text: &str,
        line: &mut Line<'_>,
    ) -> Result<Result<(), Problem>, Gone> {
        let message: Incoming = match serde_json::from_str(text) {
            Ok(message) => message,
            Err(error) => {
                return Ok(Err(Problem::Malformed(format!("a message that is none: {error}"))));
            }
        };
        match message.kind.as_str() {
            "Results" => {
                line.useful = true;
                self.results(&message, line).await?;
            }
            "UtteranceEnd" => {
                let at = message.last_word_end.filter(|seconds| *seconds >= 0.0);
                if let Some(seconds) = at
                    && std::mem::take(&mut self.heard.in_turn)
                {
                    let at_ms = line.timeline.end_ms(seconds);
                    self.tell(SttEvent::EagerEndOfTurn { at_ms, confidence: None }).await?;
                }
            }
            "Metadata" => line.request_id = message.request_id.or(line.request_id.take()),
            "Error" => return Ok(Err(self.complaint(&message))),
            "" if message.err_msg.is_some() => return Ok(Err(self.complaint(&message))),
            // SpeechStarted is the vendor's VAD; the call has its own. Others may come one day.
            _ => {}
        }
        Ok(Ok(()))
    }

    fn complaint(&self, message: &Incoming) -> Problem {
        Problem::Cut(http::scrub(&message.complaint(), &self.core.settings.api_key))
    }

    async fn results(&mut self, message: &Incoming, line: &mut Line<'_>) -> Result<(), Gone> {
        let from_ms = line.timeline.start_ms(message.start);
        let to_ms = line.timeline.end_ms(message.start + message.duration);
        let best = message.best();
        let text = best.map(|best| best.transcript.trim().to_owned()).unwrap_or_default();
        let settled = self.heard.settled_ms;
        // What was final before a connection was lost is not said again.
        let news = to_ms > settled;

        if !message.is_final {
            if news && !text.is_empty() {
                self.heard.guessing = true;
                self.heard.in_turn = true;
                let from_ms = from_ms.max(settled);
                self.tell(SttEvent::Interim { text, from_ms, to_ms }).await?;
            }
            return Ok(());
        }

        if news {
            self.heard.settled_ms = to_ms;
            self.heard.memory.settle(to_ms);
            self.heard.guessing = false;
            if !text.is_empty() {
                self.heard.in_turn = true;
                if let Some(utterance) = &mut self.heard.utterance {
                    utterance.words = true;
                }
                let confidence = best.and_then(|best| best.confidence);
                let from_ms = from_ms.max(settled);
                self.tell(SttEvent::Final { text, from_ms, to_ms, confidence }).await?;
            }
        }
        let over = self.heard.utterance.as_ref().and_then(|utterance| utterance.to_ms);
        if over.is_some_and(|over| message.from_finalize || to_ms >= over) {
            line.settle_at = None;
            self.conclude().await?;
        }
        if message.speech_final && std::mem::take(&mut self.heard.in_turn) {
            // It knows of nothing but a silence: good to prepare an answer by, not to take the turn.
            self.tell(SttEvent::EagerEndOfTurn { at_ms: to_ms, confidence: None }).await?;
        }
        Ok(())
    }

    /// All that will come of the utterance has come.
    async fn conclude(&mut self) -> Result<(), Gone> {
        match self.heard.utterance.take() {
            Some(Utterance { from_ms, to_ms: Some(to_ms), words: false }) => {
                let text = String::new();
                self.tell(SttEvent::Final { text, from_ms, to_ms, confidence: None }).await
            }
            _ => Ok(()),
        }
    }

    async fn tell(&self, event: SttEvent) -> Result<(), Gone> {
        self.events.send(event).await.map_err(|_| Gone)
    }
}

impl Heard {
    /// Does the vendor's silence mean that the connection is dead, rather than that nothing was
    /// said? Of a guess it owes the final words, and of a second of audio at least a word of it.
    fn is_owed_words(&self, silent: &Silent) -> bool {
        let long = self.utterance.as_ref().is_some_and(|utterance| {
            utterance.to_ms.unwrap_or_default() >= utterance.from_ms + OWED_AFTER_MS
        });
        silent.since_finalize && (self.guessing || (silent.since_started && long))
    }

    fn take(&mut self, input: SttInput) {
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
}

/// What has passed without a word of the vendor, good or bad.
#[derive(Default)]
struct Silent {
    since_started: bool,
    since_finalize: bool,
}

/// One connection, and what is awaited on it.
struct Line<'a> {
    settings: &'a Settings,
    /// Gone once the connection takes no more.
    outbox: Option<mpsc::Sender<Message>>,
    timeline: Timeline,
    request_id: Option<String>,
    sent_at: Instant,
    /// Since when audio has been sent without any answer.
    unanswered_since: Option<Instant>,
    silent: Silent,
    /// When the utterance that ended counts as settled.
    settle_at: Option<Instant>,
    /// Until when last words are awaited, once no more audio comes.
    goodbye_at: Option<Instant>,
    useful: bool,
}

impl Line<'_> {
    fn audio(&mut self, at_ms: u64, mulaw: bytes::Bytes) {
        self.timeline.sent(at_ms, mulaw.len());
        self.unanswered_since.get_or_insert_with(Instant::now);
        self.send(Message::Binary(mulaw));
    }

    fn started(&mut self) {
        self.settle_at = None;
        self.silent.since_started = true;
    }

    /// The vendor said something. While an utterance is to be settled, more is awaited.
    fn answered(&mut self) {
        self.unanswered_since = self.settle_at.map(|_| Instant::now());
        self.silent = Silent::default();
    }

    fn finalize(&mut self) {
        self.silent.since_finalize = true;
        self.settle_at = Some(Instant::now() + self.settings.settle_within);
        self.unanswered_since.get_or_insert_with(Instant::now);
        self.send(Message::text(wire::FINALIZE));
    }

    fn goodbye(&mut self) {
        self.goodbye_at = Some(Instant::now() + GOODBYE_WITHIN);
        self.send(Message::text(wire::CLOSE_STREAM));
    }

    fn send(&mut self, message: Message) {
        self.sent_at = Instant::now();
        if self.outbox.as_ref().is_some_and(|outbox| outbox.try_send(message).is_err()) {
            self.outbox = None;
        }
    }

    fn answer_by(&self) -> Option<Instant> {
        Some(self.unanswered_since? + self.settings.answer_within)
    }

    fn next_wake(&self) -> Instant {
        let keep_alive = self.sent_at + self.settings.keep_alive_every;
        let awaited = [self.answer_by(), self.settle_at, self.goodbye_at];
        awaited.into_iter().flatten().fold(keep_alive, Instant::min)
    }

    fn lost(&self, problem: Problem) -> End {
        let failure = Failure::from(problem).in_request(&self.request_id);
        End::Lost { failure, useful: self.useful }
    }
}
