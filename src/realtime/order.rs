//! Events of a call in the order of their places.
//!
//! A place is given in the transaction that keeps the event; told it is after the commit, by whoever
//! made it. Two of them may change places on the way between commit and telling. What comes too early
//! is held until what is missing has come, or is not to be expected any more.

use std::collections::{BTreeMap, HashMap};

use super::{Event, Kind};
use crate::domain::CallId;

/// Calls that are kept in mind at most.
const MOST_CALLS: usize = 20_000;

/// How far each call has been told.
#[derive(Debug, Default)]
pub(super) struct Order {
    calls: HashMap<CallId, Line>,
}

#[derive(Debug)]
struct Line {
    /// The place that is told next.
    next: i64,
    early: BTreeMap<i64, Event>,
    over: bool,
}

/// An event is missing: what waits for it is to be told all the same, in a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    call: CallId,
    next: i64,
}

impl Order {
    /// Takes an event; `tell` is given what can be told, in order.
    pub fn take(&mut self, event: Event, tell: &mut dyn FnMut(Event)) -> Option<Gap> {
        let (Some(call), Some(place)) = (event.call, event.sequence) else {
            tell(event);
            return None;
        };
        self.make_room();
        let new = Line { next: place, early: BTreeMap::new(), over: false };
        let line = self.calls.entry(call).or_insert(new);
        line.over |= matches!(event.kind, Kind::CallEnded(_));
        if place > line.next {
            line.early.insert(place, event);
            return Some(Gap { call, next: line.next });
        }
        // What is late is told late.
        tell(event);
        if place == line.next {
            line.next += 1;
            line.tell_on(tell);
        }
        None
    }

    /// The gap was given its time: if nothing has come since, it is passed over. Another one, perhaps.
    pub fn pass_over(&mut self, gap: Gap, tell: &mut dyn FnMut(Event)) -> Option<Gap> {
        let line = self.calls.get_mut(&gap.call)?;
        if line.next == gap.next {
            line.next = *line.early.first_key_value()?.0;
            line.tell_on(tell);
        }
        (!line.early.is_empty()).then_some(Gap { call: gap.call, next: line.next })
    }

    fn make_room(&mut self) {
        if self.calls.len() >= MOST_CALLS {
            self.calls.retain(|_, line| !line.over || !line.early.is_empty());
        }
        if self.calls.len() >= MOST_CALLS {
            self.calls.retain(|_, line| !line.early.is_empty());
        }
    }
}

impl Line {
    fn tell_on(&mut self, tell: &mut dyn FnMut(Event)) {
        while let Some(event) = self.early.remove(&self.next) {
            self.next += 1;
            tell(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Mood, Sentiment, TenantId};

    struct Told {
        order: Order,
        call: CallId,
        places: Vec<i64>,
    }

    impl Told {
        fn new() -> Self {
            Told { order: Order::default(), call: CallId::new(), places: Vec::new() }
        }

        fn take(&mut self, place: i64) -> Option<Gap> {
            let kind = Kind::SentimentChanged(Sentiment { score: 0.0, mood: Mood::Neutral });
            let (tenant, call, sequence) = (TenantId::new(), Some(self.call), Some(place));
            let event = Event { tenant, call, sequence, kind };
            let places = &mut self.places;
            self.order.take(event, &mut |event| places.extend(event.sequence))
        }

        fn pass_over(&mut self, gap: Gap) -> Option<Gap> {
            let places = &mut self.places;
            self.order.pass_over(gap, &mut |event| places.extend(event.sequence))
        }
    }

    #[test]
    fn what_comes_early_waits_for_what_is_missing() {
        let mut told = Told::new();
        for place in [3, 5, 6] {
            told.take(place);
        }
        assert_eq!(told.places, [3]);
        assert_eq!(told.take(4), None);
        assert_eq!(told.places, [3, 4, 5, 6]);
    }

    #[test]
    fn what_never_comes_is_passed_over_and_what_is_late_is_told_late() {
        let mut told = Told::new();
        told.take(1);
        let gap = told.take(4).expect("2 and 3 are missing");
        told.take(7);
        let other = told.pass_over(gap).expect("5 and 6 are missing");
        assert_eq!(told.places, [1, 4]);
        told.take(5);
        assert_eq!(told.pass_over(other), told.pass_over(other), "it has moved on");
        told.take(6);
        told.take(2);
        assert_eq!(told.places, [1, 4, 5, 6, 7, 2]);
        assert_eq!(told.pass_over(gap), None);
    }
}
