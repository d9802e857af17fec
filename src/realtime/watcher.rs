//! What one connection is told: its subscriptions, what its user may see, and where it stands in each
//! call.
//!
//! Pure: it is told of events and answers what to do with them. Who may see a call is asked of the
//! store by the connection, as is what a client missed.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::{Dialect, Event, Frame, Kind};
use crate::domain::{Actor, CallId};

/// Calls that a connection may subscribe to one by one; more are seen by subscribing to all.
pub const MOST_CALLS: usize = 1_000;
/// Calls of which is remembered what was told.
const MOST_TOLD: usize = 1_000;
/// So long is believed that a call is assigned to a tech, or is not.
const SCOPE_HOLDS: TimeDelta = TimeDelta::seconds(30);
/// Calls of which that is remembered.
const MOST_SCOPED: usize = 4_096;

/// What a subscription asks for beyond the events themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Each event's place among its call's.
    pub sequence: bool,
    /// What callers are saying, before it is final.
    pub interim: bool,
}

/// More calls than [`MOST_CALLS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at most {MOST_CALLS} calls can be subscribed to one by one; subscribe to all_calls")]
pub struct TooMany;

/// What is to be done with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is not for this connection.
    Skip,
    /// Say it in these words, with its place if `numbered`. It counts as told.
    Tell { dialect: Dialect, numbered: bool },
    /// Find out whether the user may see this call, [`Watcher::learn`], and judge again.
    Ask(CallId),
    /// A client that counts has missed some: tell it those after `after`, [`Watcher::caught_up`], and
    /// judge again.
    CatchUp { call: CallId, after: i64 },
}

#[derive(Clone, Copy, Debug)]
struct Following {
    options: Options,
    /// It came with `after`: nothing may be missing, nothing come twice.
    counts: bool,
}

/// One connection's subscriptions.
#[derive(Debug)]
pub struct Watcher {
    actor: Actor,
    /// Until the first subscription: the CRM's events.
    feed: bool,
    all: Option<Options>,
    calls: HashMap<CallId, Following>,
    /// The last event of each call that was told. Identifiers sort by age.
    told: BTreeMap<CallId, i64>,
    /// Which calls a tech may see, and until when that is believed.
    scope: HashMap<CallId, (bool, DateTime<Utc>)>,
}

#[derive(Serialize)]
struct Resync {
    lost: u64,
    calls: Vec<Place>,
}

#[derive(Serialize)]
struct Place {
    call_id: String,
    sequence: i64,
}

impl Watcher {
    /// Of a new connection: it gets the CRM's feed until it subscribes.
    pub fn new(actor: Actor) -> Self {
        Watcher {
            actor,
            feed: true,
            all: None,
            calls: HashMap::new(),
            told: BTreeMap::new(),
            scope: HashMap::new(),
        }
    }

    /// Whose connection it is.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The user as they stand now: another role sees other calls.
    pub fn set_actor(&mut self, actor: Actor) {
        if actor.role != self.actor.role {
            self.scope.clear();
        }
        self.actor = actor;
    }

    /// A `subscribe` came, whatever becomes of it: the CRM's feed is over for good.
    pub fn leave_feed(&mut self) {
        self.feed = false;
    }

    /// All calls from now on.
    pub fn follow_all(&mut self, options: Options) {
        self.all = Some(options);
    }

    /// One call, whose last event is `latest`. With `after`, events after that one are told without gap
    /// or repetition: the answer is after which to begin.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn follow(
        &mut self,
        call: CallId,
        options: Options,
        after: Option<i64>,
        latest: i64,
    ) -> Result<Option<i64>, TooMany> {
        if self.calls.len() >= MOST_CALLS && !self.calls.contains_key(&call) {
            return Err(TooMany);
        }
        self.calls.insert(call, Following { options, counts: after.is_some() });
        // Nobody has seen what has not happened: such a client would never be told anything.
        let after = after.map(|after| after.min(latest));
        match after {
            Some(after) => self.set_told(call, after),
            None if !self.told.contains_key(&call) => self.set_told(call, latest),
            None => {}
        }
        Ok(after)
    }

    /// No more of all calls; those that were subscribed to one by one stay.
    pub fn leave_all(&mut self) {
        self.all = None;
    }

    /// No more of this call, unless all are watched.
    pub fn leave(&mut self, call: CallId) {
        self.calls.remove(&call);
        if self.all.is_none() {
            self.told.remove(&call);
        }
    }

    /// What becomes of an event.
    pub fn judge(&mut self, event: &Event, now: DateTime<Utc>) -> Verdict {
        if event.tenant != self.actor.tenant {
            return Verdict::Skip;
        }
        if let Kind::Notified(user, _) = &event.kind {
            return match *user == self.actor.user {
                true => Verdict::Tell { dialect: Dialect::Dashboard, numbered: false },
                false => Verdict::Skip,
            };
        }
        let Some(call) = event.call else { return Verdict::Skip };
        if self.feed {
            let lifecycle = matches!(
                event.kind,
                Kind::CallStarted(_) | Kind::CallUpdated(_) | Kind::CallEnded(_)
            );
            if !lifecycle {
                return Verdict::Skip;
            }
            return match self.may_see(call, now) {
                Some(true) => Verdict::Tell { dialect: Dialect::Crm, numbered: false },
                Some(false) => Verdict::Skip,
                None => Verdict::Ask(call),
            };
        }
        let following = self.calls.get(&call).copied();
        let options = match (self.all, following) {
            (None, None) => return Verdict::Skip,
            (all, following) => {
                let (all, one) = (all.unwrap_or_default(), following.map(|f| f.options));
                let one = one.unwrap_or_default();
                Options {
                    sequence: all.sequence || one.sequence,
                    interim: all.interim || one.interim,
                }
            }
        };
        if matches!(event.kind, Kind::CallerSaying { .. }) && !options.interim {
            return Verdict::Skip;
        }
        match self.may_see(call, now) {
            Some(true) => {}
            Some(false) => return Verdict::Skip,
            None => return Verdict::Ask(call),
        }
        if let Some(sequence) = event.sequence {
            if following.is_some_and(|following| following.counts) {
                let told = self.told.get(&call).copied().unwrap_or(0);
                if sequence <= told {
                    return Verdict::Skip;
                }
                if sequence > told + 1 {
                    return Verdict::CatchUp { call, after: told };
                }
            }
            let ended = matches!(event.kind, Kind::CallEnded(_));
            if ended && following.is_none() {
                self.told.remove(&call);
            } else {
                self.set_told(call, sequence);
            }
        }
        Verdict::Tell { dialect: Dialect::Dashboard, numbered: options.sequence }
    }

    /// The answer to [`Verdict::Ask`].
    pub fn learn(&mut self, call: CallId, may_see: bool, now: DateTime<Utc>) {
        if self.scope.len() >= MOST_SCOPED {
            self.scope.retain(|_, (_, until)| *until > now);
        }
        if self.scope.len() >= MOST_SCOPED {
            self.scope.clear();
        }
        self.scope.insert(call, (may_see, now + SCOPE_HOLDS));
    }

    /// The events of a call up to this one have been told, or cannot be.
    pub fn caught_up(&mut self, call: CallId, sequence: i64) {
        let told = self.told.get(&call).copied().unwrap_or(0);
        self.set_told(call, told.max(sequence));
    }

    /// Is each event of this call to be told with its place?
    pub fn is_numbered(&self, call: CallId) -> bool {
        let one = self.calls.get(&call).is_some_and(|following| following.options.sequence);
        one || self.all.is_some_and(|options| options.sequence)
    }

    /// What a client is told after events were lost: how many, and where it stands in each call, for
    /// it to ask for those after that. None: it has not subscribed to anything that can be asked for.
    pub fn resync(&self, lost: u64) -> Option<Frame> {
        if self.feed || (self.all.is_none() && self.calls.is_empty()) {
            return None;
        }
        let place = |(call, sequence): (&CallId, &i64)| Place {
            call_id: call.to_string(),
            sequence: *sequence,
        };
        Frame::new("resync", &Resync { lost, calls: self.told.iter().map(place).collect() }, None)
    }

    /// None: that is not known, or not any more.
    fn may_see(&self, call: CallId, now: DateTime<Utc>) -> Option<bool> {
        if self.actor.only_assigned().is_none() {
            return Some(true);
        }
        self.scope.get(&call).filter(|(_, until)| *until > now).map(|(may_see, _)| *may_see)
    }

    fn set_told(&mut self, call: CallId, sequence: i64) {
        self.told.insert(call, sequence);
        while self.told.len() > MOST_TOLD {
            // The oldest call that nobody asked for by name.
            let oldest = self.told.keys().find(|call| !self.calls.contains_key(*call)).copied();
            match oldest {
                Some(oldest) => self.told.remove(&oldest),
                None => break,
            };
        }
    }
}

#[cfg(test)]
mod tests;
