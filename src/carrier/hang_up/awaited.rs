//! Which calls the carrier has not called over yet, and which it has. Time is an argument.

use std::collections::{HashMap, HashSet, VecDeque};

use tokio::time::Instant;
use twiml::CallSid;

/// Calls that may wait for the carrier's word. It comes within seconds, so that this many are a
/// thousand ends a second.
const MOST_AWAITED: usize = 10_000;
/// Calls that are remembered to be over; the oldest are forgotten first.
const MOST_OVER: usize = 10_000;

/// A call that waits for the carrier's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    due: Instant,
    /// The carrier has asked what follows and was told to hang up.
    pub told: bool,
    /// The carrier was ordered over REST to end it.
    pub ordered: bool,
}

/// What became of an expectation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    Waits,
    WaitsAlready,
    /// The word has come before.
    IsOver,
    Full,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Awaited {
    waiting: HashMap<CallSid, Waiting>,
    /// Earliest first: all wait equally long.
    queue: VecDeque<(Instant, CallSid)>,
    over: HashSet<CallSid>,
    over_in_order: VecDeque<CallSid>,
}

impl Awaited {
    pub fn expect(&mut self, call: &CallSid, due: Instant) -> Expected {
        if self.waiting.contains_key(call) {
            return Expected::WaitsAlready;
        }
        if self.over.contains(call) {
            return Expected::IsOver;
        }
        if self.waiting.len() >= MOST_AWAITED {
            return Expected::Full;
        }
        self.waiting.insert(call.clone(), Waiting { due, told: false, ordered: false });
        self.queue.push_back((due, call.clone()));
        if self.queue.len() > 2 * MOST_AWAITED {
            self.queue.retain(|(_, call)| self.waiting.contains_key(call));
        }
        Expected::Waits
    }

    pub fn told(&mut self, call: &CallSid) {
        if let Some(waiting) = self.waiting.get_mut(call) {
            waiting.told = true;
        }
    }

    pub fn ordered(&mut self, call: &CallSid) {
        if let Some(waiting) = self.waiting.get_mut(call) {
            waiting.ordered = true;
        }
    }

    /// The call is over; as what it waited, if it did.
    pub fn over(&mut self, call: &CallSid) -> Option<Waiting> {
        if self.over.insert(call.clone()) {
            self.over_in_order.push_back(call.clone());
            if self.over_in_order.len() > MOST_OVER
                && let Some(oldest) = self.over_in_order.pop_front()
            {
                self.over.remove(&oldest);
            }
        }
        self.waiting.remove(call)
    }

    /// The call waits no longer, though nothing is known.
    pub fn give_up(&mut self, call: &CallSid) -> Option<Waiting> {
        self.waiting.remove(call)
    }

    pub fn is_over(&self, call: &CallSid) -> bool {
        self.over.contains(call)
    }

    /// At most `most` calls whose word has not come in time, each of them once; and when there may be
    /// more, if there was room for all.
    pub fn take_due(&mut self, now: Instant, most: usize) -> (Vec<CallSid>, Option<Instant>) {
        let mut due = Vec::new();
        while let Some((at, call)) = self.queue.front() {
            // One that no longer waits, or waits anew, is not meant.
            let meant = self.waiting.get(call).is_some_and(|waiting| waiting.due == *at);
            if meant && due.len() == most {
                return (due, None);
            }
            if meant && *at > now {
                return (due, Some(*at));
            }
            if let Some((_, call)) = self.queue.pop_front()
                && meant
            {
                due.push(call);
            }
        }
        (due, None)
    }

    /// All that wait are due at this moment, those that were taken included.
    pub fn hurry(&mut self, now: Instant) {
        self.queue.clear();
        for (call, waiting) in &mut self.waiting {
            waiting.due = now;
            self.queue.push_back((now, call.clone()));
        }
    }

    /// All calls that wait; none does any more.
    pub fn drain(&mut self) -> Vec<CallSid> {
        self.queue.clear();
        self.waiting.drain().map(|(call, _)| call).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn call(number: usize) -> CallSid {
        format!("CA{number:032}").parse().expect("it is a call's")
    }

    #[test]
    fn only_calls_without_a_word_come_due_and_each_once() {
        let (mut awaited, began) = (Awaited::default(), Instant::now());
        let at = |seconds| began + Duration::from_secs(seconds);
        for number in 0..4 {
            assert_eq!(awaited.expect(&call(number), at(5 + number as u64)), Expected::Waits);
        }
        assert_eq!(awaited.expect(&call(1), at(50)), Expected::WaitsAlready);
        assert!(awaited.over(&call(0)).is_some_and(|waiting| !waiting.told));
        assert_eq!(awaited.over(&call(0)), None, "the same word again");
        assert_eq!(awaited.take_due(at(5), 8), (vec![], Some(at(6))));
        assert_eq!(awaited.take_due(at(9), 1), (vec![call(1)], None), "there is no room for more");
        assert_eq!(awaited.take_due(at(9), 8), (vec![call(2), call(3)], None));
        // Those that were taken wait until they are settled.
        awaited.ordered(&call(2));
        assert!(awaited.over(&call(2)).is_some_and(|waiting| waiting.ordered));
        assert!(awaited.give_up(&call(3)).is_some());
        assert!(awaited.is_over(&call(2)) && !awaited.is_over(&call(3)));
        // A word before the expectation is as good.
        assert_eq!(awaited.expect(&call(2), at(20)), Expected::IsOver);
        assert_eq!(awaited.expect(&call(3), at(20)), Expected::Waits);
        awaited.hurry(at(10));
        let (mut due, _) = awaited.take_due(at(10), 8);
        due.sort();
        assert_eq!(due, [call(1), call(3)]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (mut awaited, now) = (Awaited::default(), Instant::now());
        for number in 0..MOST_AWAITED {
            assert_eq!(awaited.expect(&call(number), now), Expected::Waits);
        }
        assert_eq!(awaited.expect(&call(MOST_AWAITED), now), Expected::Full);
        for number in 0..3 * MOST_OVER {
            let _ = awaited.over(&call(number));
            let _ = awaited.expect(&call(number + 3 * MOST_OVER), now);
        }
        assert!(awaited.over.len() <= MOST_OVER && awaited.over_in_order.len() <= MOST_OVER);
        assert!(awaited.queue.len() <= 2 * MOST_AWAITED + 1);
        assert!(!awaited.is_over(&call(0)) && awaited.is_over(&call(3 * MOST_OVER - 1)));
    }
}
