//! A circuit breaker: whether an engine that failed is worth another try yet.
//!
//! Reads no clock: each step is told when it happens.

use std::time::{Duration, Instant};

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Failures in a row that open it, 3 unless set.
    pub opens_after: u32,
    /// How long it stays open before one request may probe the engine, 20 s unless set.
    pub cool_down: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Policy { opens_after: 3, cool_down: Duration::from_secs(20) }
    }
}

/// What a breaker lets pass now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All requests.
    Closed,
    /// One request, to see whether the engine is back.
    HalfOpen,
    /// None.
    Open,
}

impl State {
    /// Its name, for people and metrics.
    pub fn name(self) -> &'static str {
        match self {
            State::Closed => "closed",
            State::HalfOpen => "half-open",
            State::Open => "open",
        }
    }
}

/// How much a failure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It was about the request, not the engine.
    None,
    One,
    /// It opens the breaker by itself.
    All,
}

/// One engine's breaker.
#[derive(Clone, Debug)]
pub struct Breaker {
    policy: Policy,
    step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
    },
    /// One request probes the engine; if its outcome is never told, another may from `until`.
    Probing {
        until: Instant,
    },
}

impl Breaker {
    /// Closed: all requests pass.
    pub fn new(policy: Policy) -> Self {
        Breaker { policy, step: Step::Closed { failures: 0 } }
    }

    /// What it lets pass.
    pub fn state(&self, now: Instant) -> State {
        match self.step {
            Step::Closed { .. } => State::Closed,
            Step::Open { until } if now < until => State::Open,
            Step::Open { .. } | Step::Probing { .. } => State::HalfOpen,
        }
    }

    /// Would a request pass now? Changes nothing.
    pub fn may_try(&self, now: Instant) -> bool {
        match self.step {
            Step::Closed { .. } => true,
            Step::Open { until } | Step::Probing { until } => now >= until,
        }
    }

    /// Lets a request pass, or not. After the cool-down one passes as a probe.
    pub fn begin(&mut self, now: Instant) -> bool {
        let allowed = self.may_try(now);
        if allowed && !matches!(self.step, Step::Closed { .. }) {
            self.step = Step::Probing { until: now + self.policy.cool_down };
        }
        allowed
    }

    /// The engine began to answer. A probe has found it alive, and others may ask it again; should it
    /// fail before it has answered to the end, it is out again.
    pub fn began(&mut self) {
        if !matches!(self.step, Step::Closed { .. }) {
            let failures = self.policy.opens_after.saturating_sub(1);
            self.step = Step::Closed { failures };
        }
    }

    /// The engine answered to the end.
    pub fn succeeded(&mut self) {
        self.step = Step::Closed { failures: 0 };
    }

    /// The engine failed.
    pub fn failed(&mut self, now: Instant, weight: Weight) {
        let open = Step::Open { until: now + self.policy.cool_down };
        self.step = match (self.step, weight) {
            (Step::Closed { failures }, Weight::None) => Step::Closed { failures },
            // It answered, if only to decline: the probe has found it alive.
            (Step::Open { .. } | Step::Probing { .. }, Weight::None) => {
                Step::Closed { failures: 0 }
            }
            (Step::Closed { failures }, Weight::One) if failures + 1 < self.policy.opens_after => {
                Step::Closed { failures: failures + 1 }
            }
            (_, Weight::One | Weight::All) => open,
        };
    }

    /// The request was given up before the engine had answered or failed.
    pub fn abandoned(&mut self, now: Instant) {
        if matches!(self.step, Step::Probing { .. }) {
            // Nothing was learnt: the next request may probe at once.
            self.step = Step::Open { until: now };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker() -> (Breaker, Instant) {
        let policy = Policy { opens_after: 2, cool_down: Duration::from_secs(10) };
        (Breaker::new(policy), Instant::now())
    }

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_probe_passes_after_the_cool_down() {
        let (mut breaker, t) = breaker();
        breaker.failed(t, Weight::One);
        assert!(breaker.begin(t));
        breaker.failed(t, Weight::One);
        assert!(!breaker.begin(t + s(9)));
        assert!(breaker.begin(t + s(10)));
        assert!(!breaker.begin(t + s(11)), "a second probe passed");
        breaker.succeeded();
        assert!(breaker.begin(t + s(12)));
    }

    #[test]
    fn a_probe_that_fails_opens_it_again() {
        let (mut breaker, t) = breaker();
        breaker.failed(t, Weight::All);
        assert!(breaker.begin(t + s(10)));
        breaker.failed(t + s(11), Weight::One);
        assert!(!breaker.begin(t + s(20)));
        assert!(breaker.begin(t + s(21)));
    }

    #[test]
    fn a_probe_that_is_given_up_or_forgotten_blocks_nobody() {
        let (mut breaker, t) = breaker();
        breaker.failed(t, Weight::All);
        assert!(breaker.begin(t + s(10)));
        breaker.abandoned(t + s(11));
        assert!(breaker.begin(t + s(11)));
        assert!(!breaker.begin(t + s(20)));
        assert!(breaker.begin(t + s(21)), "the probe's outcome was never told");
    }

    #[test]
    fn success_in_between_and_refused_requests_do_not_open_it() {
        let (mut breaker, t) = breaker();
        breaker.failed(t, Weight::One);
        breaker.succeeded();
        breaker.failed(t, Weight::One);
        breaker.failed(t, Weight::None);
        assert!(breaker.begin(t));
    }

    #[test]
    fn an_engine_that_breaks_off_each_answer_is_out_too() {
        let (mut breaker, t) = breaker();
        for _ in 0..2 {
            breaker.began();
            breaker.failed(t, Weight::One);
        }
        assert_eq!(breaker.state(t), State::Open);
        assert!(breaker.begin(t + s(10)));
        breaker.began();
        assert_eq!(breaker.state(t + s(10)), State::Closed);
        breaker.failed(t + s(11), Weight::One);
        assert_eq!(breaker.state(t + s(11)), State::Open, "one failure more puts it out again");
        assert_eq!(breaker.state(t + s(21)), State::HalfOpen);
    }
}
