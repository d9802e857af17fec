//! A scenario being played: at each frame it looks at the call and says what the caller does.
//!
//! Pure: it is told the time, what was heard and what is still being said. Steps run strictly one
//! after the other; a step that fails is noted, and the next one begins.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::clip::Clip;
use super::clock::Tick;
use super::hearing::Span;
use super::outcome::{StepReport, StepResult};
use super::scenario::{Step, Wait};

/// Keys are pressed so far apart.
const BETWEEN_KEYS: Tick = Tick::from_ms(250);

/// Silence that separates one thing that the agent says from the next, for a barge-in.
pub const PAUSE: Tick = Tick::from_ms(700);

/// Steps that may wait to be done.
const MOST_WAITING: usize = 1_000;

/// What the caller does now.
#[derive(Clone, Debug)]
pub enum Order {
    /// Begin to say this.
    Say(Arc<Clip>),
    /// Press this key.
    Press(char),
    /// End the call.
    HangUp,
}

/// The call as the caller knows it at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct View {
    /// When.
    pub now: Tick,
    /// The latest stretch of the agent's speech, joined over pauses shorter than [`PAUSE`].
    pub agent: Option<Span>,
    /// Audio that is not silence waits to be played to the caller.
    pub buffered: bool,
    /// The caller is saying something.
    pub speaking: bool,
    /// When the caller's voice last ended.
    pub voice_ended: Option<Tick>,
}

/// A scenario being played.
#[derive(Debug)]
pub struct Script {
    steps: VecDeque<Step>,
    current: Option<Current>,
    reports: Vec<StepReport>,
    number: usize,
    /// What the agent said before this has been waited for already.
    settled: Tick,
    hung_up: bool,
    /// Whoever has done all steps stays on the line.
    stays: bool,
}

#[derive(Debug)]
struct Current {
    step: Step,
    began: Tick,
    number: usize,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Waiting,
    Speaking,
    Keys { left: VecDeque<char>, next: Tick },
}

impl Script {
    /// A caller who has done nothing yet.
    #[must_use]
    pub fn new(steps: Vec<Step>) -> Self {
        Self {
            steps: steps.into(),
            current: None,
            reports: Vec::new(),
            number: 0,
            settled: Tick(0),
            hung_up: false,
            stays: false,
        }
    }

    /// As [`Script::new`], of somebody who stays on the line when all is done.
    #[must_use]
    pub fn staying(steps: Vec<Step>) -> Self {
        Self { stays: true, ..Self::new(steps) }
    }

    /// Does these, too, after all others. False if too many wait: they are left out.
    pub fn then(&mut self, steps: Vec<Step>) -> bool {
        let fits = self.steps.len() + steps.len() <= MOST_WAITING;
        if fits {
            self.steps.extend(steps);
        }
        fits
    }

    /// What the caller does at this moment. A step that is done makes room for the next at once.
    pub fn look(&mut self, view: View) -> Vec<Order> {
        let mut orders = Vec::new();
        // `view` is from before these orders: a step that spoke is over at the earliest next time.
        while orders.is_empty() && !self.hung_up {
            let Some(mut current) = self.current.take().or_else(|| self.begin(view.now)) else {
                if self.stays {
                    break;
                }
                self.hung_up = true;
                return vec![Order::HangUp];
            };
            match self.try_step(&mut current, view, &mut orders) {
                Some(result) => self.report(current, view.now, result),
                None => {
                    self.current = Some(current);
                    break;
                }
            }
        }
        orders
    }

    /// The step that is being done, from 0.
    #[must_use]
    pub fn reports(&self) -> &[StepReport] {
        &self.reports
    }

    /// The call ended; `by_server` unless the caller or the clock ended it. Every step is reported.
    #[must_use]
    pub fn finish(mut self, view: View, by_server: bool) -> Vec<StepReport> {
        if let Some(current) = self.current.take() {
            let result = match &current.step {
                Step::HangUp => StepResult::Passed,
                Step::ExpectHangUp { .. } if by_server => StepResult::Passed,
                // It spoke, and the call ended with it: there is no silence to wait for.
                Step::WaitForAgent(_) if by_server && self.spoken(view).is_some() => {
                    StepResult::Passed
                }
                Step::WaitForSilence(_) if by_server => StepResult::Passed,
                _ => StepResult::Failed { why: "the call ended in this step".to_owned() },
            };
            self.report(current, view.now, result);
        }
        while let Some(step) = self.steps.pop_front() {
            let result = match step {
                Step::ExpectHangUp { .. } | Step::HangUp if by_server => StepResult::Passed,
                _ => StepResult::Failed { why: "the call ended before this step".to_owned() },
            };
            let number = self.next_number();
            let (began, stage) = (view.now, Stage::Waiting);
            self.report(Current { step, began, number, stage }, view.now, result);
        }
        self.reports
    }

    fn next_number(&mut self) -> usize {
        self.number += 1;
        self.number
    }

    fn begin(&mut self, now: Tick) -> Option<Current> {
        let step = self.steps.pop_front()?;
        let stage = match &step {
            Step::Press(keys) => Stage::Keys { left: keys.chars().collect(), next: now },
            _ => Stage::Waiting,
        };
        Some(Current { step, began: now, number: self.next_number(), stage })
    }

    fn report(&mut self, current: Current, now: Tick, result: StepResult) {
        // What the agent has said by the end of a wait is not waited for again.
        if matches!(current.step, Step::WaitForAgent(_)) {
            self.settled = now;
        }
        self.reports.push(StepReport {
            number: current.number,
            step: current.step.describe(),
            from_ms: current.began.ms(),
            to_ms: now.ms(),
            result,
        });
    }

    /// The agent's latest speech, if it has not been waited for and was heard after the caller's.
    fn spoken(&self, view: View) -> Option<Span> {
        let since = self.settled.max(view.voice_ended.unwrap_or_default());
        view.agent.filter(|span| span.to > since)
    }

    fn try_step(
        &mut self,
        current: &mut Current,
        view: View,
        orders: &mut Vec<Order>,
    ) -> Option<StepResult> {
        let now = view.now;
        let waited = now.since(current.began);
        let late = |within: &Duration| waited >= Tick::from_duration(*within);
        match &current.step {
            Step::Say(clip) => match current.stage {
                Stage::Speaking => (!view.speaking).then_some(StepResult::Passed),
                _ => {
                    orders.push(Order::Say(Arc::clone(clip)));
                    current.stage = Stage::Speaking;
                    None
                }
            },
            Step::Wait(time) => late(time).then_some(StepResult::Passed),
            Step::WaitForAgent(wait) => match self.spoken(view) {
                Some(_) if quiet(view, wait) => Some(StepResult::Passed),
                Some(_) if late(&wait.within) => {
                    Some(failed("the agent did not stop", wait.within))
                }
                None if late(&wait.within) => Some(failed("the agent did not speak", wait.within)),
                _ => None,
            },
            Step::WaitForSilence(wait) => {
                if quiet(view, wait) && waited >= Tick::from_duration(wait.silence) {
                    Some(StepResult::Passed)
                } else {
                    late(&wait.within).then(|| failed("the agent did not stop", wait.within))
                }
            }
            Step::BargeIn { after, say, within } => match current.stage {
                Stage::Speaking => (!view.speaking).then_some(StepResult::Passed),
                _ => {
                    let audible = self.spoken(view).is_some_and(|span| {
                        let quiet = now.since(span.to);
                        now.since(span.from) >= Tick::from_duration(*after)
                            && (quiet < Tick::from_ms(200) || view.buffered && quiet < PAUSE)
                    });
                    if audible {
                        orders.push(Order::Say(Arc::clone(say)));
                        current.stage = Stage::Speaking;
                        return None;
                    }
                    late(within).then(|| failed("the agent did not speak so long", *within))
                }
            },
            Step::Press(_) => {
                let Stage::Keys { left, next } = &mut current.stage else {
                    return Some(StepResult::Passed);
                };
                if now < *next {
                    return None;
                }
                match left.pop_front() {
                    Some('w') => *next = now.plus(Tick::from_ms(500)),
                    Some(key) => {
                        orders.push(Order::Press(key));
                        *next = now.plus(BETWEEN_KEYS);
                        return left.is_empty().then_some(StepResult::Passed);
                    }
                    None => return Some(StepResult::Passed),
                }
                None
            }
            Step::HangUp => {
                self.hung_up = true;
                orders.push(Order::HangUp);
                Some(StepResult::Passed)
            }
            Step::ExpectHangUp { within } => {
                late(within).then(|| failed("the other side did not hang up", *within))
            }
        }
    }
}

fn quiet(view: View, wait: &Wait) -> bool {
    let silence = Tick::from_duration(wait.silence);
    !view.buffered && view.agent.is_none_or(|span| view.now.since(span.to) >= silence)
}

fn failed(why: &str, within: Duration) -> StepResult {
    let within = humantime_serde::re::humantime::format_duration(within);
    StepResult::Failed { why: format!("{why} within {within}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(ms: usize) -> Arc<Clip> {
        Clip::from_mulaw("clip", vec![0xA0; ms * 8]).unwrap()
    }

    fn wait() -> Step {
        Step::WaitForAgent(Wait::default())
    }

    /// Plays a script against an agent who speaks at set times, in steps of 20 ms.
    struct Sim {
        script: Script,
        agent: Vec<(u64, u64)>,
        now: u64,
        saying_until: u64,
        done: Vec<(u64, &'static str)>,
    }

    impl Sim {
        fn new(steps: Vec<Step>, agent: &[(u64, u64)]) -> Self {
            let script = Script::new(steps);
            Self { script, agent: agent.to_vec(), now: 0, saying_until: 0, done: Vec::new() }
        }

        fn view(&self) -> View {
            let begun = self.agent.iter().rfind(|(from, _)| *from < self.now);
            let span = |&(from, to): &(u64, u64)| Span {
                from: Tick::from_ms(from),
                to: Tick::from_ms(to.min(self.now)),
            };
            View {
                now: Tick::from_ms(self.now),
                agent: begun.map(span),
                buffered: self.agent.iter().any(|(from, to)| (*from..*to).contains(&self.now)),
                speaking: self.saying_until > self.now,
                voice_ended: Some(Tick::from_ms(self.saying_until))
                    .filter(|_| self.saying_until > 0 && self.saying_until <= self.now),
            }
        }

        fn run(&mut self, to: u64) {
            while self.now <= to {
                for order in self.script.look(self.view()) {
                    let what = match order {
                        Order::Say(clip) => {
                            self.saying_until = self.now + clip.length().ms();
                            "say"
                        }
                        Order::Press(_) => "press",
                        Order::HangUp => "hang up",
                    };
                    self.done.push((self.now, what));
                }
                self.now += 20;
            }
        }
    }

    #[test]
    fn a_conversation_in_turns() {
        let steps = vec![wait(), Step::Say(clip(1_000)), wait(), Step::HangUp];
        let mut sim = Sim::new(steps, &[(300, 2_000), (4_500, 6_000)]);
        sim.run(20_000);
        assert_eq!(sim.done, [(2_700, "say"), (6_700, "hang up")]);
        assert!(sim.script.finish(View::default(), false).iter().all(StepReport::passed));
    }

    #[test]
    fn a_barge_in_comes_when_the_agent_has_been_audible_so_long() {
        let barge = |after| Step::BargeIn {
            after: Duration::from_millis(after),
            say: clip(500),
            within: Duration::from_secs(5),
        };
        let mut sim =
            Sim::new(vec![wait(), barge(600)], &[(0, 1_000), (3_000, 3_400), (5_000, 9_000)]);
        sim.run(7_000);
        // The second thing was too short to interrupt; the third was not.
        assert_eq!(sim.done, [(5_600, "say"), (6_100, "hang up")]);
        let mut sim = Sim::new(vec![barge(600)], &[(100, 200)]);
        sim.run(6_000);
        let reports = sim.script.finish(View::default(), false);
        assert_eq!(reports[0].to_ms, 5_000);
        assert!(!reports[0].passed());
    }

    #[test]
    fn an_agent_that_never_speaks_fails_the_wait_and_the_call_goes_on() {
        let mut sim = Sim::new(vec![wait(), Step::Press("1w2".to_owned())], &[]);
        sim.run(30_000);
        assert_eq!(sim.done, [(20_000, "press"), (20_760, "press"), (20_780, "hang up")]);
        assert!(!sim.script.reports()[0].passed());
        assert!(sim.script.reports()[1].passed());
    }

    #[test]
    fn who_stays_does_what_comes_up_later() {
        let mut sim = Sim::new(vec![], &[]);
        sim.script = Script::staying(vec![]);
        sim.run(1_000);
        assert!(sim.script.then(vec![Step::Press("1".to_owned())]));
        sim.run(2_000);
        assert!(sim.script.then(vec![Step::HangUp]));
        sim.run(3_000);
        assert_eq!(sim.done, [(1_020, "press"), (2_020, "hang up")]);
        assert!(!sim.script.then(vec![Step::HangUp; MOST_WAITING + 1]));
    }

    #[test]
    fn who_ends_the_call_decides_what_the_last_steps_are_worth() {
        let steps = || {
            let expect = Step::ExpectHangUp { within: Duration::from_secs(60) };
            vec![wait(), expect, Step::HangUp]
        };
        let worth = |by_server| {
            let mut sim = Sim::new(steps(), &[(0, 500)]);
            sim.run(3_000);
            let reports = sim.script.finish(View::default(), by_server);
            reports.iter().map(StepReport::passed).collect::<Vec<_>>()
        };
        assert_eq!(worth(true), [true, true, true]);
        assert_eq!(worth(false), [true, false, false]);
        let mut sim = Sim::new(vec![wait(), Step::Say(clip(100)), Step::HangUp], &[(0, 5_000)]);
        sim.run(1_000);
        let view = sim.view();
        let reports = sim.script.finish(view, true);
        assert!(reports[0].passed());
        assert_eq!(
            reports[1].result,
            StepResult::Failed { why: "the call ended before this step".to_owned() }
        );
    }

    #[test]
    fn silence_is_waited_for_without_speech_before_it() {
        let wait = Step::WaitForSilence(Wait::default());
        let mut sim = Sim::new(vec![wait], &[(100, 400)]);
        sim.run(5_000);
        assert_eq!(sim.done, [(1_100, "hang up")]);
    }
}
