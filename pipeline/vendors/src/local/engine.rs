//! Threads that run the models, shared by all calls.
//!
//! Models never run on async workers. There are as many threads here as cores (or fewer), each with
//! its own sessions, so no job waits for another's lock. Jobs wait in one bounded queue per
//! [`Urgency`]. A job cannot be stopped from outside, but asks its [`Watch`] now and then whether
//! anyone still wants the result and whether something more urgent waits.
//!
//! Voice activity has a thread of its own ([`super::vad`]): it may not wait for a sentence.

use std::{
    any::Any,
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::oneshot;

use super::{
    LocalError,
    models::{Models, Part},
    runtime::Runtime,
    stt::Moonshine,
    tts::Hibari,
    turn,
};

/// How soon a job should run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// The words of a caller who has fallen silent, and whether that is the turn's end.
    Settled,
    /// The first sound of a sentence.
    FirstSound,
    /// What a reply depends on, and is quick.
    Lookup,
    /// Sound that follows sound which is playing.
    MoreSound,
    /// Words of a caller who is still speaking: may be left out.
    Guess,
}

const URGENCIES: usize = 5;

/// Jobs that may wait at one urgency. Beyond it the machine is many seconds behind.
const WAITING: usize = 256;

/// Why a job has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotRun {
    #[error("the local engine is overloaded: {WAITING} requests wait")]
    Overloaded,
    #[error("the local engine left it out")]
    Dropped,
}

/// A worker's own sessions.
pub(crate) struct Bench {
    pub(crate) ears: Option<Moonshine>,
    pub(crate) voice: Option<Hibari>,
    pub(crate) turn: Option<turn::Network>,
}

type Job = Box<dyn FnOnce(&mut Bench, &Queue) + Send>;

struct Waiting {
    /// Of two guesses with the same key only the newer is kept.
    key: Option<u64>,
    job: Job,
}

pub(crate) struct Queue {
    lanes: Mutex<Lanes>,
    arrived: Condvar,
    /// How many wait at each urgency; read by running jobs without the lock.
    waiting: [AtomicUsize; URGENCIES],
}

#[derive(Default)]
struct Lanes {
    jobs: [VecDeque<Waiting>; URGENCIES],
    closed: bool,
}

/// The threads. When the last handle is dropped they end, after the job they are at.
pub(crate) struct Engine {
    queue: Arc<Queue>,
    threads: usize,
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.arrived.notify_all();
    }
}

/// What a running job can ask.
pub(crate) struct Watch<'a> {
    queue: &'a Queue,
    urgency: Urgency,
    wanted: &'a dyn Fn() -> bool,
}

impl Watch<'_> {
    /// Should the job give up: nobody waits for it, or, if it is a mere guess, others wait more?
    pub(crate) fn should_stop(&self) -> bool {
        let pressed = self.urgency == Urgency::Guess
            && self.queue.waiting[..Urgency::Guess as usize]
                .iter()
                .any(|waiting| waiting.load(Ordering::Relaxed) > 0);
        pressed || !(self.wanted)()
    }
}

impl Engine {
    /// Starts the threads and waits until each has loaded its models. Blocks.
    pub(crate) fn start(
        runtime: &Runtime,
        models: &Models,
        parts: &[Part],
        threads: usize,
    ) -> Result<Self, LocalError> {
        let queue = Arc::new(Queue::default());
        let engine = Engine { queue: Arc::clone(&queue), threads };
        let (ready, loaded) = std::sync::mpsc::sync_channel(threads);
        for index in 0..threads {
            let (queue, ready) = (Arc::clone(&queue), ready.clone());
            let (runtime, models, parts) = (runtime.clone(), models.clone(), parts.to_vec());
            let work = move || match Bench::load(&runtime, &models, &parts) {
                Ok(mut bench) => {
                    let _ = ready.send(Ok(()));
                    drop(ready);
                    queue.work(&mut bench);
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            };
            std::thread::Builder::new()
                .name(format!("models-{index}"))
                .spawn(work)
                .map_err(|source| LocalError::Thread { source })?;
        }
        drop(ready);
        for _ in 0..threads {
            loaded.recv().unwrap_or(Err(LocalError::Panicked))?;
        }
        Ok(engine)
    }

    /// How many jobs run at once.
    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// Queues `work`; its result comes by the receiver, which may be dropped to call it off. With a
    /// `key`, a job of the same key and urgency that still waits is dropped for this one.
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        urgency: Urgency,
        key: Option<u64>,
        work: impl FnOnce(&mut Bench, &Watch<'_>) -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, NotRun> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |bench, queue| {
            let wanted = || !sender.is_closed();
            if !wanted() {
                return;
            }
            let result = work(bench, &Watch { queue, urgency, wanted: &wanted });
            let _ = sender.send(result);
        });
        self.queue.push(urgency, Waiting { key, job })?;
        Ok(receiver)
    }

    /// Queues `work` and waits for it. Dropping the future calls it off.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        urgency: Urgency,
        work: impl FnOnce(&mut Bench, &Watch<'_>) -> T + Send + 'static,
    ) -> Result<T, NotRun> {
        self.submit(urgency, None, work)?.await.map_err(|_| NotRun::Dropped)
    }
}

impl Bench {
    fn load(runtime: &Runtime, models: &Models, parts: &[Part]) -> Result<Self, LocalError> {
        let wanted = |part: Part| parts.contains(&part);
        let ears = wanted(Part::Stt).then(|| Moonshine::load(runtime, models)).transpose()?;
        let voice = wanted(Part::Tts).then(|| Hibari::load(runtime, models)).transpose()?;
        let turn = wanted(Part::Turn).then(|| turn::Network::load(runtime, models)).transpose()?;
        Ok(Bench { ears, voice, turn })
    }
}

impl Default for Queue {
    fn default() -> Self {
        Queue {
            lanes: Mutex::new(Lanes::default()),
            arrived: Condvar::new(),
            waiting: std::array::from_fn(|_| AtomicUsize::new(0)),
        }
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Lanes> {
        // Jobs run outside the lock, so a panic cannot leave the lanes half changed.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, urgency: Urgency, waiting: Waiting) -> Result<(), NotRun> {
        let mut lanes = self.lock();
        let lane = &mut lanes.jobs[urgency as usize];
        let same = |other: &Waiting| other.key.is_some() && other.key == waiting.key;
        if let Some(older) = lane.iter_mut().find(|other| same(other)) {
            // Keeps its place, so that a call which guesses often does not starve.
            *older = waiting;
            return Ok(());
        }
        if lane.len() >= WAITING {
            return Err(NotRun::Overloaded);
        }
        lane.push_back(waiting);
        self.waiting[urgency as usize].store(lane.len(), Ordering::Relaxed);
        drop(lanes);
        self.arrived.notify_one();
        Ok(())
    }

    fn work(&self, bench: &mut Bench) {
        while let Some(job) = self.next() {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| job(bench, self))) {
                tracing::error!(problem = said(&*panic), "a job of the local engine panicked");
            }
        }
    }

    /// The most urgent job; waits for one. `None` when the engine is gone.
    fn next(&self) -> Option<Job> {
        let mut lanes = self.lock();
        loop {
            if lanes.closed {
                return None;
            }
            for (urgency, lane) in lanes.jobs.iter_mut().enumerate() {
                if let Some(waiting) = lane.pop_front() {
                    self.waiting[urgency].store(lane.len(), Ordering::Relaxed);
                    return Some(waiting.job);
                }
            }
            lanes = self.arrived.wait(lanes).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn said(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("of unknown kind")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bench() -> Bench {
        Bench { ears: None, voice: None, turn: None }
    }

    fn engine() -> Engine {
        Engine { queue: Arc::new(Queue::default()), threads: 1 }
    }

    /// Runs what waits, on this thread.
    fn run_all(engine: &Engine) {
        while engine.queue.waiting.iter().any(|lane| lane.load(Ordering::Relaxed) > 0) {
            engine.queue.next().expect("a job waits")(&mut bench(), &engine.queue);
        }
    }

    #[test]
    fn the_urgent_runs_first_and_equals_run_in_turn() {
        let engine = engine();
        let order = Arc::new(Mutex::new(Vec::new()));
        let _receivers: Vec<_> = [
            (Urgency::Guess, 1),
            (Urgency::FirstSound, 2),
            (Urgency::Settled, 3),
            (Urgency::Settled, 4),
        ]
        .map(|(urgency, number)| {
            let order = Arc::clone(&order);
            engine.submit(urgency, None, move |_, _| order.lock().unwrap().push(number)).unwrap()
        })
        .into();
        run_all(&engine);
        assert_eq!(*order.lock().unwrap(), [3, 4, 2, 1]);
    }

    #[test]
    fn a_newer_guess_of_a_call_replaces_the_older() {
        let engine = engine();
        let mut first = engine.submit(Urgency::Guess, Some(7), |_, _| 1).unwrap();
        let mut other = engine.submit(Urgency::Guess, Some(8), |_, _| 2).unwrap();
        let mut second = engine.submit(Urgency::Guess, Some(7), |_, _| 3).unwrap();
        run_all(&engine);
        assert!(first.try_recv().is_err());
        assert_eq!((other.try_recv(), second.try_recv()), (Ok(2), Ok(3)));
    }

    #[test]
    fn a_guess_makes_way_and_the_unwanted_is_not_run() {
        let engine = engine();
        let mut guess =
            engine.submit(Urgency::Guess, None, |_, watch| watch.should_stop()).unwrap();
        let job = engine.queue.next().unwrap();
        let unwanted =
            engine.submit(Urgency::Settled, None, |_, _| -> () { unreachable!() }).unwrap();
        job(&mut bench(), &engine.queue);
        assert_eq!(guess.try_recv(), Ok(true));
        drop(unwanted);
        run_all(&engine);
    }

    #[test]
    fn the_queue_is_bounded() {
        let engine = engine();
        let receivers: Vec<_> = (0..WAITING)
            .map(|_| engine.submit(Urgency::Lookup, None, |_, _| ()).unwrap())
            .collect();
        let refused = engine.submit(Urgency::Lookup, None, |_, _| ());
        assert!(matches!(refused, Err(NotRun::Overloaded)));
        assert_eq!(receivers.len(), WAITING);
    }

    #[test]
    fn a_panicking_job_fails_alone() {
        let engine = engine();
        let failed =
            engine.submit::<()>(Urgency::Lookup, None, |_, _| panic!("on purpose")).unwrap();
        let after = engine.submit(Urgency::Lookup, None, |_, _| 5).unwrap();
        let queue = Arc::clone(&engine.queue);
        let worker = std::thread::spawn(move || queue.work(&mut bench()));
        assert_eq!(after.blocking_recv(), Ok(5));
        assert!(failed.blocking_recv().is_err());
        drop(engine);
        worker.join().unwrap();
    }
}
