//! One request, asked of engines one after the other or of two at once, until one of them emits.
//!
//! From then on that engine alone is listened to, to its end: an answer half given by one is not begun
//! again by another, for the caller would hear it twice.

use std::{future::pending, task::Poll, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::line::{Attempt, Because, Line, Member};
use crate::{LlmEvent, LlmStream, Problem, TtsEvent, TtsStream, VendorError};

/// What both kinds of stream have in common here.
pub(super) trait Stream {
    type Event: Event;

    fn events(&mut self) -> &mut mpsc::Receiver<Self::Event>;
}

pub(super) trait Event: Sized + Send {
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

/// An engine that was asked.
struct Runner<'a, S> {
    stream: S,
    attempt: Attempt<'a>,
}

/// What is left to try of one request.
struct Race<'a, E: ?Sized, Open> {
    line: &'a Line<E>,
    open: Open,
    /// Best last.
    to_ask: Vec<(usize, Because)>,
    deadline: Instant,
}

/// Runs a request whose first event is due `within` this time. `open` asks an engine, told its place in
/// the line and its share of that time.
pub(super) async fn run<E: ?Sized, S: Stream>(
    line: &Line<E>,
    within: Duration,
    open: impl Fn(usize, &Member<E>, Duration) -> S,
    out: &mpsc::Sender<S::Event>,
) {
    let mut to_ask = line.order();
    to_ask.reverse();
    line.earn_hedge();
    let mut race = Race { line, open, to_ask, deadline: Instant::now() + within };
    let mut running: Vec<Runner<'_, S>> = Vec::new();
    let mut hedge_at = None;
    let mut last = None;
    let mut asked = 0;
    loop {
        if running.is_empty() {
            let Some((at, runner)) = race.ask_next(asked > 0) else { break };
            hedge_at = (asked == 0).then(|| Instant::now() + line.patience(at, within));
            asked += 1;
            running.push(runner);
        }
        tokio::select! {
            biased;
            (at, event) = next(&mut running) => match event.map(Event::failure) {
                Some(Ok(event)) => {
                    let winner = running.swap_remove(at);
                    // Of two, the one asked first stands first: it had a head start.
                    let outrun = running.pop().filter(|_| at > 0);
                    if let Some(outrun) = outrun {
                        outrun.attempt.outrun();
                    }
                    forward(winner, event, out).await;
                    return;
                }
                Some(Err(error)) => {
                    tracing::warn!(vendor = error.vendor, %error, "an engine failed");
                    running.remove(at).attempt.failed(&error.problem);
                    last = Some(error);
                }
                None => {
                    // The engine's task died: its channel closed without a word.
                    let error = silent_end();
                    running.remove(at).attempt.failed(&error.problem);
                    last = Some(error);
                }
            },
            () = until(hedge_at), if running.len() == 1 => {
                hedge_at = None;
                let free = running[0].attempt.on_probation;
                running.extend(race.hedge(free));
            }
        }
    }
    if let Some(error) = last {
        let _ = out.send(S::Event::failed(error)).await;
    }
}

impl<'a, E: ?Sized, S: Stream, Open: Fn(usize, &Member<E>, Duration) -> S> Race<'a, E, Open> {
    /// Asks the next engine whose breaker lets the request pass.
    fn ask_next(&mut self, after_failure: bool) -> Option<(usize, Runner<'a, S>)> {
        while let Some((at, because)) = self.to_ask.pop() {
            let because = if after_failure { Because::Failover } else { because };
            if let Some(runner) = self.ask(at, because) {
                return Some((at, runner));
            }
        }
        None
    }

    /// Asks the next engine although the first has not failed.
    fn hedge(&mut self, free: bool) -> Option<Runner<'a, S>> {
        let place = self.to_ask.iter().rposition(|(at, _)| self.line.place(*at).member.hedges)?;
        let (at, _) = self.to_ask[place];
        if !self.line.may_hedge(at, free) {
            return None;
        }
        self.to_ask.remove(place);
        self.ask(at, Because::Hedge)
    }

    fn ask(&self, at: usize, because: Because) -> Option<Runner<'a, S>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let place = self.line.place(at);
        let attempt = place.begin(because)?;
        let allowed = match because {
            // Whoever comes after all of these is kept waiting for a moment only.
            Because::NothingToLose => left / 4,
            _ if self.to_ask.is_empty() => left,
            _ => self.line.share(at, left),
        };
        Some(Runner { stream: (self.open)(at, &place.member, allowed), attempt })
    }
}

/// The next event of any runner; `None` where its channel has closed.
async fn next<S: Stream>(running: &mut [Runner<'_, S>]) -> (usize, Option<S::Event>) {
    std::future::poll_fn(|cx| {
        for (at, runner) in running.iter_mut().enumerate() {
            if let Poll::Ready(event) = runner.stream.events().poll_recv(cx) {
                return Poll::Ready((at, event));
            }
        }
        Poll::Pending
    })
    .await
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}

/// Passes on all that an engine emits, `first` first.
async fn forward<S: Stream>(runner: Runner<'_, S>, first: S::Event, out: &mpsc::Sender<S::Event>) {
    let Runner { mut stream, mut attempt } = runner;
    attempt.began();
    let mut event = first;
    loop {
        let done = event.is_done();
        if out.send(event).await.is_err() {
            return;
        }
        if done {
            attempt.succeeded();
            return;
        }
        event = match stream.events().recv().await.map(Event::failure) {
            Some(Ok(event)) => event,
            Some(Err(error)) => {
                attempt.failed(&error.problem);
                let _ = out.send(S::Event::failed(error)).await;
                return;
            }
            None => {
                let error = silent_end();
                attempt.failed(&error.problem);
                let _ = out.send(S::Event::failed(error)).await;
                return;
            }
        };
    }
}

fn silent_end() -> VendorError {
    let problem = Problem::Engine("the engine stopped without a word".into());
    VendorError { vendor: "failover", attempt: "get an answer", problem, request_id: None }
}
