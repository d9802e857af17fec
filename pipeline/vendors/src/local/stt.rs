//! Recognition by the local engine: Moonshine, which hears whole stretches of speech.
//!
//! A stretch lasts from where the VAD heard speech begin to where it ended. While it grows, it is
//! recognised again and again for interim words; a pause that looks like the end is recognised at once,
//! so that the words are often ready when the VAD is sure. `listener` decides what is recognised when
//! and knows nothing of models or tasks; `moonshine` recognises; here the two are joined.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use media::{g711, resample::Resampler};
use tokio::sync::mpsc;

use super::{
    NAME,
    engine::{Bench, Engine, NotRun, Urgency, Watch},
};
use crate::{
    BoxFuture, Problem, Stt, SttEvent, SttInput, SttOptions, SttStream, VendorError, Work,
};

mod listener;
mod moonshine;
mod tokens;

use listener::{Listener, Run};
pub(crate) use moonshine::{Moonshine, Transcript};

/// Pieces of audio that wait while the machine is busy: five seconds of frames.
const INPUT: usize = 256;

/// Tells the calls of a process apart, for the engine's queue.
static NEXT_CALL: AtomicU64 = AtomicU64::new(0);

/// The local recogniser. English only: `SttOptions::language` and keywords have no effect.
#[derive(Clone)]
pub struct Ears {
    pub(super) engine: Arc<Engine>,
}

impl Stt for Ears {
    fn name(&self) -> &'static str {
        NAME
    }

    fn listen(&self, _options: SttOptions) -> SttStream {
        let (input, received) = mpsc::channel(INPUT);
        let (sender, events) = mpsc::channel(64);
        let work = Work::spawn(listen(Arc::clone(&self.engine), received, sender));
        SttStream { input, events, work }
    }

    fn check(&self) -> BoxFuture<'_, Result<String, VendorError>> {
        Box::pin(async move {
            let silence = vec![g711::SILENCE; 8_000];
            let heard = self.engine.run(Urgency::Settled, move |bench, watch| {
                recognise(bench, watch, &AtomicBool::new(false), &silence)
            });
            heard
                .await
                .map_err(|error| error.to_string())
                .and_then(|heard| heard)
                .map_err(failed)?;
            Ok(format!("Moonshine tiny, English, on {} threads", self.engine.threads()))
        })
    }
}

fn failed(problem: String) -> VendorError {
    let problem = Problem::Engine(problem);
    VendorError { vendor: NAME, attempt: "transcribe", problem, request_id: None }
}

/// The result of a run: `None` where it gave up.
type Heard = Result<Option<Transcript>, String>;

fn recognise(bench: &mut Bench, watch: &Watch<'_>, called_off: &AtomicBool, mulaw: &[u8]) -> Heard {
    let Some(ears) = bench.ears.as_mut() else {
        return Err("no recogniser is loaded".to_owned());
    };
    let stop = || called_off.load(Ordering::Relaxed) || watch.should_stop();
    if stop() {
        return Ok(None);
    }
    let samples = g711::decode_all(mulaw);
    let mut wide: Vec<f32> = Vec::with_capacity(samples.len() * 2);
    let mut resampler =
        Resampler::new(8_000, moonshine::RATE).map_err(|error| error.to_string())?;
    resampler.push(&samples, &mut wide);
    resampler.flush(&mut wide);
    ears.transcribe(&wide, &stop).map_err(|error| format!("the recogniser failed ({error})"))
}

async fn listen(
    engine: Arc<Engine>,
    mut input: mpsc::Receiver<SttInput>,
    events: mpsc::Sender<SttEvent>,
) {
    let call = NEXT_CALL.fetch_add(1, Ordering::Relaxed);
    let mut listener = Listener::default();
    let mut running = FuturesUnordered::new();
    let mut called_off: HashMap<u64, Arc<AtomicBool>> = HashMap::new();
    let mut open = true;
    while open || !running.is_empty() {
        tokio::select! {
            biased;
            Some((id, heard)) = running.next(), if !running.is_empty() => {
                called_off.remove(&id);
                match heard {
                    Ok(transcript) => listener.heard(id, transcript),
                    Err(NotRunOr::Failed(problem)) => {
                        let _ = events.send(SttEvent::Failed(failed(problem))).await;
                        return;
                    }
                    Err(NotRunOr::NotRun(NotRun::Dropped)) => listener.heard(id, None),
                    Err(NotRunOr::NotRun(overloaded @ NotRun::Overloaded)) => {
                        let _ = events.send(SttEvent::Failed(failed(overloaded.to_string()))).await;
                        return;
                    }
                }
            }
            received = input.recv(), if open => match received {
                Some(SttInput::Audio { at_ms, mulaw }) => listener.audio(at_ms, &mulaw),
                Some(SttInput::SpeechStarted { at_ms }) => listener.started(at_ms),
                Some(SttInput::SpeechStopped { at_ms }) => listener.stopped(at_ms),
                None => {
                    open = false;
                    listener.ended();
                }
            },
            () = events.closed() => return,
        }
        for event in listener.events.drain(..) {
            if events.send(event).await.is_err() {
                return;
            }
        }
        for id in listener.called_off.drain(..) {
            if let Some(flag) = called_off.remove(&id) {
                flag.store(true, Ordering::Relaxed);
            }
        }
        for run in std::mem::take(&mut listener.runs) {
            let flag = Arc::new(AtomicBool::new(false));
            called_off.insert(run.id, Arc::clone(&flag));
            running.push(start(&engine, call, run, flag));
        }
    }
}

enum NotRunOr {
    NotRun(NotRun),
    Failed(String),
}

/// Queues a run; the future yields its result.
fn start(
    engine: &Engine,
    call: u64,
    run: Run,
    called_off: Arc<AtomicBool>,
) -> impl Future<Output = (u64, Result<Option<Transcript>, NotRunOr>)> + use<> {
    let Run { id, guess, mulaw } = run;
    let (urgency, key) =
        if guess { (Urgency::Guess, Some(call)) } else { (Urgency::Settled, None) };
    let submitted = engine
        .submit(urgency, key, move |bench, watch| recognise(bench, watch, &called_off, &mulaw));
    async move {
        let result = match submitted {
            // A guess that finds no room is left out like any other.
            Err(NotRun::Overloaded) if guess => Ok(None),
            Err(not_run) => Err(NotRunOr::NotRun(not_run)),
            Ok(receiver) => match receiver.await {
                Ok(heard) => heard.map_err(NotRunOr::Failed),
                Err(_) => Err(NotRunOr::NotRun(NotRun::Dropped)),
            },
        };
        (id, result)
    }
}
