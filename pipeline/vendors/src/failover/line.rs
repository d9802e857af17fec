//! The engines of one part in order of preference, and how each has fared.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    Policy,
    breaker::{Breaker, State, Weight},
    hedge::{Budget, Latency},
};
use crate::{BoxFuture, Problem, VendorError};

/// An engine's place in a line.
pub struct Member<E: ?Sized> {
    /// What it is called in settings, logs and metrics.
    pub name: &'static str,
    pub engine: Arc<E>,
    /// May it be asked while another engine is merely late? A stand-in, which does worse than that
    /// engine or sounds unlike it, is only asked once that one has failed.
    pub hedges: bool,
}

impl<E: ?Sized> Member<E> {
    /// An engine as good as any other.
    pub fn new(name: &'static str, engine: Arc<E>) -> Self {
        Member { name, engine, hedges: true }
    }

    /// An engine for when the others have failed.
    pub fn stand_in(name: &'static str, engine: Arc<E>) -> Self {
        Member { name, engine, hedges: false }
    }
}

impl<E: ?Sized> Clone for Member<E> {
    fn clone(&self) -> Self {
        Member { name: self.name, engine: Arc::clone(&self.engine), hedges: self.hedges }
    }
}

/// How an engine has fared since the process began.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    pub name: &'static str,
    pub breaker: State,
    /// Requests that it was asked, or calls that it listened to.
    pub requests: u64,
    pub failures: u64,
    /// Requests that it was asked because the engines before it had failed or were out.
    pub failovers: u64,
    /// Requests that it was asked because another engine was late.
    pub hedges: u64,
    /// Those of them that it answered first.
    pub hedges_won: u64,
    /// The time within which 95 of 100 of its last answers began, once enough has been seen.
    pub p95: Option<Duration>,
}

/// The engines in order.
pub(super) struct Line<E: ?Sized>(Arc<Places<E>>);

struct Places<E: ?Sized> {
    places: Vec<Place<E>>,
    hedge: super::hedge::Policy,
    budget: Mutex<Budget>,
}

/// An engine and how it has fared.
pub(super) struct Place<E: ?Sized> {
    pub(super) member: Member<E>,
    fared: Mutex<Fared>,
}

struct Fared {
    breaker: Breaker,
    latency: Latency,
    requests: u64,
    failures: u64,
    failovers: u64,
    hedges: u64,
    hedges_won: u64,
}

/// Why an engine is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Because {
    /// It is the best that is not out.
    Preferred,
    /// An engine before it failed, or is out.
    Failover,
    /// An engine before it is late.
    Hedge,
    /// All are out, and it is the first of them.
    NothingToLose,
}

impl<E: ?Sized> Clone for Line<E> {
    fn clone(&self) -> Self {
        Line(Arc::clone(&self.0))
    }
}

impl<E: ?Sized> Line<E> {
    /// `None` without any engine.
    pub(super) fn new(members: Vec<Member<E>>, policy: Policy) -> Option<Self> {
        let fared = || Fared {
            breaker: Breaker::new(policy.breaker),
            latency: Latency::default(),
            requests: 0,
            failures: 0,
            failovers: 0,
            hedges: 0,
            hedges_won: 0,
        };
        let place = |member| Place { member, fared: Mutex::new(fared()) };
        let places: Vec<_> = members.into_iter().map(place).collect();
        let budget = Mutex::new(Budget::new(policy.hedge.share));
        (!places.is_empty()).then(|| Line(Arc::new(Places { places, hedge: policy.hedge, budget })))
    }

    pub(super) fn len(&self) -> usize {
        self.0.places.len()
    }

    pub(super) fn first(&self) -> &Place<E> {
        // `new` lets no empty line be made.
        &self.0.places[0]
    }

    pub(super) fn place(&self, at: usize) -> &Place<E> {
        &self.0.places[at]
    }

    pub(super) fn members(&self) -> impl Iterator<Item = &Member<E>> {
        self.0.places.iter().map(|place| &place.member)
    }

    /// The engines that are worth a try, best first. Where all are out, the first of all.
    pub(super) fn order(&self) -> Vec<(usize, Because)> {
        let mut order: Vec<_> = (0..self.len())
            .filter(|&at| self.place(at).is_sound())
            .map(|at| (at, if at == 0 { Because::Preferred } else { Because::Failover }))
            .collect();
        if order.is_empty() {
            order.push((0, Because::NothingToLose));
        }
        order
    }

    /// How long the engine at `at` may owe its first word before another is asked too.
    pub(super) fn patience(&self, at: usize, within: Duration) -> Duration {
        let policy = &self.0.hedge;
        let late = self.place(at).fared().latency.p95().unwrap_or(policy.cap);
        late.min(policy.cap).max(policy.floor).min(within / 2)
    }

    /// How long the engine at `at` is given of the time that is left, where others could still be
    /// asked: three times what nearly all of its answers take, but half at least and three quarters at
    /// most; two thirds while little is known of it.
    pub(super) fn share(&self, at: usize, left: Duration) -> Duration {
        match self.place(at).fared().latency.p95() {
            Some(late) => (late * 3).clamp(left / 2, left * 3 / 4),
            None => left * 2 / 3,
        }
    }

    /// A request was made: it earns its share of a hedge.
    pub(super) fn earn_hedge(&self) {
        lock(&self.0.budget).earn();
    }

    /// May a request be hedged with the engine at `at`, and can that be paid for? `free`: the first
    /// engine is on probation, which is not the caller's doing.
    pub(super) fn may_hedge(&self, at: usize, free: bool) -> bool {
        let place = self.place(at);
        place.member.hedges
            && place.fared().breaker.state(now()) == State::Closed
            && self.0.hedge.share > 0.0
            && (free || lock(&self.0.budget).spend())
    }

    pub(super) fn standing(&self) -> Vec<Standing> {
        let now = now();
        let standing = |place: &Place<E>| {
            let fared = place.fared();
            Standing {
                name: place.member.name,
                breaker: fared.breaker.state(now),
                requests: fared.requests,
                failures: fared.failures,
                failovers: fared.failovers,
                hedges: fared.hedges,
                hedges_won: fared.hedges_won,
                p95: fared.latency.p95(),
            }
        };
        self.0.places.iter().map(standing).collect()
    }
}

impl<E: ?Sized> Place<E> {
    /// Would its breaker let a request pass?
    pub(super) fn is_sound(&self) -> bool {
        self.fared().breaker.may_try(now())
    }

    fn fared(&self) -> MutexGuard<'_, Fared> {
        lock(&self.fared)
    }

    /// Begins an attempt if the breaker allows one, or if there is nothing to lose.
    pub(super) fn begin(&self, because: Because) -> Option<Attempt<'_>> {
        let mut fared = self.fared();
        let on_probation = fared.breaker.state(now()) != State::Closed;
        if !fared.breaker.begin(now()) && because != Because::NothingToLose {
            return None;
        }
        fared.requests += 1;
        match because {
            Because::Failover => fared.failovers += 1,
            Because::Hedge => fared.hedges += 1,
            Because::Preferred | Because::NothingToLose => {}
        }
        let (name, fared) = (self.member.name, &self.fared);
        let asked_at = Instant::now();
        Some(Attempt { name, fared, because, on_probation, asked_at, began: false, told: false })
    }
}

/// A request under way. Dropped before anything came of it (the caller broke in) it counts for
/// nothing.
pub(super) struct Attempt<'a> {
    name: &'static str,
    fared: &'a Mutex<Fared>,
    because: Because,
    /// The breaker was not closed when it began.
    pub(super) on_probation: bool,
    asked_at: Instant,
    began: bool,
    told: bool,
}

impl Attempt<'_> {
    /// The engine emitted something.
    pub(super) fn began(&mut self) {
        if std::mem::replace(&mut self.began, true) {
            return;
        }
        let (took, won) = (self.asked_at.elapsed(), self.because == Because::Hedge);
        self.tell(|fared| {
            fared.latency.saw(took);
            fared.hedges_won += u64::from(won);
            fared.breaker.began();
        });
    }

    /// The engine, which is listening, understood something.
    pub(super) fn works(&mut self) {
        if !std::mem::replace(&mut self.began, true) {
            self.tell(|fared| fared.breaker.succeeded());
        }
    }

    /// The engine answered to the end.
    pub(super) fn succeeded(mut self) {
        self.told = true;
        self.tell(|fared| fared.breaker.succeeded());
    }

    /// The engine failed.
    pub(super) fn failed(mut self, problem: &Problem) {
        self.told = true;
        let weight = weight(problem);
        self.tell(|fared| {
            fared.failures += 1;
            fared.breaker.failed(now(), weight);
        });
    }

    /// Another engine, asked later, answered before it. Once this is chance; again and again it is an
    /// engine that has stopped answering.
    pub(super) fn outrun(mut self) {
        self.told = true;
        let waited = self.asked_at.elapsed();
        self.tell(|fared| {
            fared.latency.saw(waited);
            fared.breaker.failed(now(), Weight::One);
        });
    }

    fn tell(&self, step: impl FnOnce(&mut Fared)) {
        let mut fared = lock(self.fared);
        let before = fared.breaker.state(now());
        step(&mut fared);
        let after = fared.breaker.state(now());
        drop(fared);
        match (before, after) {
            (State::Closed | State::HalfOpen, State::Open) => {
                tracing::warn!(engine = self.name, "the engine is out; it is probed after a while");
            }
            (State::Open | State::HalfOpen, State::Closed) => {
                tracing::info!(engine = self.name, "the engine is back");
            }
            _ => {}
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.told {
            // Whoever was listening has heard enough.
            let began = self.began;
            self.tell(|fared| match began {
                true => fared.breaker.succeeded(),
                false => fared.breaker.abandoned(now()),
            });
        }
    }
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

/// What all engines say of themselves; fails only where none is well.
pub(super) async fn check(
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

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Breakers, estimates and counts are consistent between any two of their steps.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
