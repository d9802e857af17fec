//! Several engines in order: the next one answers when the one before cannot.
//!
//! Only until something was emitted. A sentence half spoken by one voice is not begun again by
//! another: the caller would hear it twice. Each engine has a [`Breaker`], so that one that is down
//! costs a few failures, not a deadline per turn.

pub mod breaker;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::sync::mpsc;

pub use self::breaker::{Breaker, Policy, Weight};
use crate::{
    BoxFuture, Llm, LlmEvent, LlmRequest, LlmStream, Problem, Tts, TtsEvent, TtsRequest, TtsStream,
    VendorError, Work,
};

/// Language models in order of preference.
pub struct FailoverLlm(Line<dyn Llm>);

/// Voices in order of preference.
pub struct FailoverTts(Line<dyn Tts>);

impl FailoverLlm {
    /// `None` without any engine.
    pub fn new(engines: Vec<Arc<dyn Llm>>, policy: Policy) -> Option<Self> {
        Line::new(engines, policy).map(FailoverLlm)
    }
}

impl FailoverTts {
    /// `None` without any engine.
    pub fn new(engines: Vec<Arc<dyn Tts>>, policy: Policy) -> Option<Self> {
        Line::new(engines, policy).map(FailoverTts)
    }
}

impl Llm for FailoverLlm {
    fn name(&self) -> &'static str {
        self.0.first().engine.name()
    }

    fn answer(&self, request: LlmRequest) -> LlmStream {
        let (sender, events) = mpsc::channel(64);
        let line = self.0.clone();
        let work = Work::spawn(async move {
            let answer = |engine: Arc<dyn Llm>| engine.answer(request.clone());
            let answering = line.run(answer, &sender);
            tokio::select! {
                () = answering => {}
                () = sender.closed() => {}
            }
        });
        LlmStream { events, work }
    }

    fn check(&self) -> BoxFuture<'_, Result<String, VendorError>> {
        let engines = self.0.0.iter().map(|place| (place.engine.name(), place.engine.check()));
        Box::pin(check(engines.collect()))
    }
}

impl Tts for FailoverTts {
    fn name(&self) -> &'static str {
        self.0.first().engine.name()
    }

    fn speak(&self, request: TtsRequest) -> TtsStream {
        let (sender, events) = mpsc::channel(64);
        let line = self.0.clone();
        let first = self.name();
        let work = Work::spawn(async move {
            let speak = |engine: Arc<dyn Tts>| {
                let mut request = request.clone();
                // A voice has its name with one vendor only; the others use their own.
                if engine.name() != first {
                    request.voice = None;
                }
                engine.speak(request)
            };
            tokio::select! {
                () = line.run(speak, &sender) => {}
                () = sender.closed() => {}
            }
        });
        TtsStream { events, work }
    }

    fn check(&self) -> BoxFuture<'_, Result<String, VendorError>> {
        let engines = self.0.0.iter().map(|place| (place.engine.name(), place.engine.check()));
        Box::pin(check(engines.collect()))
    }
}

/// The engines in order.
struct Line<E: ?Sized>(Arc<[Place<E>]>);

/// An engine and how it has fared.
struct Place<E: ?Sized> {
    engine: Arc<E>,
    breaker: Mutex<Breaker>,
}

impl<E: ?Sized> Clone for Line<E> {
    fn clone(&self) -> Self {
        Line(Arc::clone(&self.0))
    }
}

/// What both kinds of stream have in common here.
trait Stream {
    type Event: Event;

    fn events(&mut self) -> &mut mpsc::Receiver<Self::Event>;
}

trait Event: Sized + Send {
    /// Splits off a failure.
    fn failure(self) -> Result<Self, VendorError>;

    fn failed(error: VendorError) -> Self;

    fn is_done(&self) -> bool;
}

impl Stream for LlmStream {
    type Event = LlmEvent;

    fn events(&mut self) -> &mut mpsc::Receiver<LlmEvent> {
        &mut self.events
    }
}

impl Event for LlmEvent {
    fn failure(self) -> Result<Self, VendorError> {
        match self {
            LlmEvent::Failed(error) => Err(error),
            other => Ok(other),
        }
    }

    fn failed(error: VendorError) -> Self {
        LlmEvent::Failed(error)
    }

    fn is_done(&self) -> bool {
        matches!(self, LlmEvent::Done { .. })
    }
}

impl Stream for TtsStream {
    type Event = TtsEvent;

    fn events(&mut self) -> &mut mpsc::Receiver<TtsEvent> {
        &mut self.events
    }
}

impl Event for TtsEvent {
    fn failure(self) -> Result<Self, VendorError> {
        match self {
            TtsEvent::Failed(error) => Err(error),
            other => Ok(other),
        }
    }

    fn failed(error: VendorError) -> Self {
        TtsEvent::Failed(error)
    }

    fn is_done(&self) -> bool {
        matches!(self, TtsEvent::Done)
    }
}

impl<E: ?Sized> Line<E> {
    fn new(engines: Vec<Arc<E>>, policy: Policy) -> Option<Self> {
        let place = |engine| Place { engine, breaker: Mutex::new(Breaker::new(policy)) };
        let places: Arc<[Place<E>]> = engines.into_iter().map(place).collect();
        (!places.is_empty()).then_some(Line(places))
    }

    fn first(&self) -> &Place<E> {
        // `new` lets no empty line be made.
        &self.0[0]
    }

    /// Runs a request on one engine after the other until one of them has emitted something.
    async fn run<S: Stream>(&self, open: impl Fn(Arc<E>) -> S, out: &mpsc::Sender<S::Event>) {
        let mut last = None;
        for at in self.order() {
            let place = &self.0[at];
            let Some(attempt) = place.begin(last.is_none() && self.nobody_else(at)) else {
                continue;
            };
            let mut stream = open(Arc::clone(&place.engine));
            match forward(&mut stream, attempt, out).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(vendor = error.vendor, %error, "trying the next engine");
                    last = Some(error);
                }
            }
        }
        if let Some(error) = last {
            let _ = out.send(S::Event::failed(error)).await;
        }
    }

    /// The engines in order, those whose breaker is open last: they are only asked if all others
    /// are out too.
    fn order(&self) -> Vec<usize> {
        let now = Instant::now();
        let mut order: Vec<usize> = (0..self.0.len()).collect();
        order.sort_by_key(|&at| !self.0[at].breaker().may_try(now));
        order
    }

    /// Is no engine but this one even worth a try?
    fn nobody_else(&self, at: usize) -> bool {
        let now = Instant::now();
        (0..self.0.len()).all(|other| other == at || !self.0[other].breaker().may_try(now))
    }
}

impl<E: ?Sized> Place<E> {
    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        // A breaker is consistent between any two of its steps.
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an attempt if the breaker allows one, or if there is nothing to lose.
    fn begin(&self, regardless: bool) -> Option<Attempt<'_>> {
        let allowed = self.breaker().begin(Instant::now());
        (allowed || regardless).then_some(Attempt { breaker: &self.breaker, told: false })
    }
}

/// A request under way. Dropped without an outcome (the caller broke in) it counts for nothing.
struct Attempt<'a> {
    breaker: &'a Mutex<Breaker>,
    told: bool,
}

impl Attempt<'_> {
    fn tell(&mut self, step: impl FnOnce(&mut Breaker)) {
        self.told = true;
        step(&mut self.breaker.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.told {
            let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
            breaker.abandoned(Instant::now());
        }
    }
}

/// What all engines say of themselves; fails only where none is well.
async fn check(
    engines: Vec<(&'static str, BoxFuture<'_, Result<String, VendorError>>)>,
) -> Result<String, VendorError> {
    let mut said = Vec::new();
    let mut well = false;
    let mut first_error = None;
    for (name, checking) in engines {
        match checking.await {
            Ok(text) => {
                well = true;
                said.push(format!("{name}: {text}"));
            }
            Err(error) => {
                said.push(error.to_string());
                first_error.get_or_insert(error);
            }
        }
    }
    match first_error {
        Some(error) if !well => Err(error),
        _ => Ok(said.join("; ")),
    }
}

/// Passes on what an engine emits. Fails if it failed before it emitted anything.
async fn forward<S: Stream>(
    stream: &mut S,
    mut attempt: Attempt<'_>,
    out: &mpsc::Sender<S::Event>,
) -> Result<(), VendorError> {
    let mut emitted = false;
    let mut vendor_said_done = false;
    while let Some(event) = stream.events().recv().await {
        match event.failure() {
            Ok(event) => {
                vendor_said_done |= event.is_done();
                if !std::mem::replace(&mut emitted, true) {
                    attempt.tell(Breaker::succeeded);
                }
                if out.send(event).await.is_err() {
                    return Ok(());
                }
            }
            Err(error) => {
                let weight = weight(&error.problem);
                attempt.tell(|breaker| breaker.failed(Instant::now(), weight));
                if !emitted {
                    return Err(error);
                }
                let _ = out.send(S::Event::failed(error)).await;
                return Ok(());
            }
        }
    }
    if !emitted && !vendor_said_done {
        // The engine's task died: its channel closed without a word.
        attempt.tell(|breaker| breaker.failed(Instant::now(), Weight::One));
        return Err(VendorError {
            vendor: "failover",
            attempt: "get an answer",
            problem: Problem::Engine("the engine stopped without a word".into()),
            request_id: None,
        });
    }
    Ok(())
}

/// How much a failure says about the engine rather than about this request.
fn weight(problem: &Problem) -> Weight {
    match problem {
        // It will be refused until someone changes the settings.
        Problem::Unauthorized { .. } => Weight::All,
        Problem::Status { status, .. } if *status < 500 && *status != 402 && *status != 429 => {
            Weight::None
        }
        _ => Weight::One,
    }
}
