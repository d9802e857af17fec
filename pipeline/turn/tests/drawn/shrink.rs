//! A call that breaks a law, made smaller while it still breaks the same one.

use turn::Policy;

use super::plan::Plan;
use crate::sim::{
    caller::{Faults, Hearing},
    line::LineSetup,
    policy, script,
    vendors::{self, VoiceSetup},
};

/// At most so many calls are played to make one smaller.
const TRIES: usize = 1_500;

/// The smallest call that was found to fail in the same way. `fails` says how a call fails, if it
/// does; numbers in that do not count.
pub fn shrink(plan: Plan, fails: impl Fn(&Plan) -> Option<String>) -> Plan {
    let Some(how) = fails(&plan).map(|how| kind(&how)) else { return plan };
    let mut shrinking = Shrinking { smallest: plan, how, fails, tries: TRIES };
    loop {
        let before = shrinking.size();
        shrinking.plain_setting();
        shrinking.fewer_steps();
        shrinking.plain_answers();
        if shrinking.size() == before || shrinking.tries == 0 {
            return shrinking.smallest;
        }
    }
}

/// How it failed, without numbers and words that differ from call to call.
fn kind(how: &str) -> String {
    let line = how.lines().next().unwrap_or("");
    let text = line.split_once(": ").map_or(line, |(_, text)| text);
    let text = text.split(['"', '{']).next().unwrap_or("");
    text.chars().filter(|letter| !letter.is_ascii_digit()).collect()
}

struct Shrinking<F> {
    smallest: Plan,
    how: String,
    fails: F,
    tries: usize,
}

impl<F: Fn(&Plan) -> Option<String>> Shrinking<F> {
    fn size(&self) -> (usize, usize, usize) {
        let plan = &self.smallest;
        (plan.steps.len(), plan.chosen.len() + plan.spare.len() + plan.tools.len(), self.odd())
    }

    /// How many parts of the setting are not the plain ones.
    fn odd(&self) -> usize {
        let setup = &self.smallest.setup;
        usize::from(setup.policy != policy())
            + usize::from(setup.script != script())
            + usize::from(setup.leaks)
            + usize::from(setup.doubled > 0)
    }

    /// Takes the candidate if it fails in the same way.
    fn take(&mut self, candidate: Plan) -> bool {
        if self.tries == 0 {
            return false;
        }
        self.tries -= 1;
        let same = (self.fails)(&candidate).is_some_and(|how| kind(&how) == self.how);
        if same {
            self.smallest = candidate;
        }
        same
    }

    fn with(&mut self, change: impl FnOnce(&mut Plan)) -> bool {
        let mut candidate = self.smallest.clone();
        change(&mut candidate);
        self.take(candidate)
    }

    fn plain_setting(&mut self) {
        self.with(|plan| plan.setup.leaks = false);
        self.with(|plan| plan.setup.doubled = 0);
        self.with(|plan| plan.setup.line = LineSetup::default());
        self.with(|plan| plan.setup.voice = VoiceSetup::default());
        if !self.with(|plan| plan.setup.hearing = Hearing::default()) {
            self.with(|plan| plan.setup.hearing.faults = Faults::default());
            let faults: [fn(&mut Faults); 5] = [
                |faults| faults.misheard = 0,
                |faults| faults.pieces = 0,
                |faults| faults.repeated = 0,
                |faults| faults.late = 0,
                |faults| faults.joined = 0,
            ];
            for fault in faults {
                self.with(|plan| fault(&mut plan.setup.hearing.faults));
            }
        }
        self.with(|plan| plan.setup.script = script());
        if !self.with(|plan| plan.setup.policy = policy()) {
            let plain = policy();
            let parts: [fn(&mut Policy, &Policy); 9] = [
                |policy, plain| policy.barge_in = plain.barge_in.clone(),
                |policy, plain| policy.speculation = plain.speculation.clone(),
                |policy, plain| policy.echo = plain.echo.clone(),
                |policy, plain| policy.patience = plain.patience.clone(),
                |policy, plain| policy.keys = plain.keys.clone(),
                |policy, plain| policy.pause = plain.pause.clone(),
                |policy, plain| policy.voicemail = plain.voicemail.clone(),
                |policy, plain| policy.end_of_turn = plain.end_of_turn.clone(),
                |policy, plain| policy.longest_call = plain.longest_call,
            ];
            for part in parts {
                self.with(|plan| part(&mut plan.setup.policy, &plain));
            }
        }
    }

    /// Leaves steps out: halves first, then ever fewer (delta debugging, Zeller 1999).
    fn fewer_steps(&mut self) {
        let mut at_once = self.smallest.steps.len().div_ceil(2);
        while at_once > 0 {
            let mut from = 0;
            while from < self.smallest.steps.len() && self.tries > 0 {
                let to = (from + at_once).min(self.smallest.steps.len());
                let left_out = self.with(|plan| {
                    plan.steps.drain(from..to);
                });
                if !left_out {
                    from = to;
                }
            }
            at_once = if at_once == 1 { 0 } else { at_once.div_ceil(2) };
        }
    }

    fn plain_answers(&mut self) {
        for keep in [0, 1, 2, 4, 8, 16, 32] {
            self.with(|plan| plan.chosen.truncate(keep));
            self.with(|plan| plan.spare.truncate(keep));
            self.with(|plan| plan.tools.truncate(keep));
        }
        for place in 0..self.smallest.chosen.len() {
            self.with(|plan| plan.chosen[place] = vendors::answer("I see."));
        }
    }
}
