//! Calls that cannot be written down: kept apart, so that they hold up no other, tried again ever later,
//! then in pieces, and at last given up.
//!
//! What is refused is refused by the database, not for want of it: a value that it does not take, a row
//! that is gone. While the database is away, all calls wait, and none of this applies. What a call said
//! stays in its journal whatever becomes of it here, and the next start of the process tries once more.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Fact, Reach, Scribe, by_call};
use crate::store::StoreError;

/// A call is tried again so long after the first refusal, and twice as long after each further one.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
const AGAIN_AT_THE_LATEST: Duration = Duration::from_secs(300);
/// So often as a whole, which is enough for what passes; then in pieces.
const MOST_WHOLE: u32 = 3;
/// So often in all: for half an hour.
const MOST_TRIES: u32 = 14;
/// Calls that are kept apart. Of more, what is not in their journals is lost.
const MOST_CALLS: usize = 1_000;
/// Notes that are written at once where not all can be.
const PIECE: usize = 256;

/// The calls that are kept apart.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    calls: HashMap<Arc<str>, Trouble>,
}

#[derive(Debug)]
struct Trouble {
    /// What is to be written. Of notes only that there are some: the journal has them.
    facts: Vec<Fact>,
    tries: u32,
    /// Unset: it is given up.
    again_at: Option<Instant>,
}

impl Troubles {
    /// Keeps the facts of calls that are in trouble; gives the rest back.
    fn set_aside(&mut self, batch: Vec<Fact>) -> Vec<Fact> {
        if self.calls.is_empty() {
            return batch;
        }
        let aside = |fact: Fact| match self.calls.get_mut(fact.call_sid()) {
            Some(trouble) => {
                trouble.keep(fact);
                None
            }
            None => Some(fact),
        };
        batch.into_iter().filter_map(aside).collect()
    }

    /// A call was refused for the first time. False: there is no room for it.
    fn begin(&mut self, call_sid: Arc<str>, facts: Vec<Fact>, now: Instant) -> bool {
        if self.calls.len() >= MOST_CALLS {
            // Those that are given up need no room.
            self.calls.retain(|_, trouble| trouble.again_at.is_some());
        }
        if self.calls.len() >= MOST_CALLS {
            return false;
        }
        let again_at = Some(now + AGAIN_AFTER);
        let mut trouble = Trouble { facts: Vec::new(), tries: 1, again_at };
        facts.into_iter().for_each(|fact| trouble.keep(fact));
        self.calls.insert(call_sid, trouble);
        true
    }

    /// When the next call is to be tried again.
    pub(super) fn due(&self) -> Option<Instant> {
        self.calls.values().filter_map(|trouble| trouble.again_at).min()
    }

    /// A call that is due, what is to be written of it, and how often that was tried.
    fn next(&self, now: Instant) -> Option<(Arc<str>, Vec<Fact>, u32)> {
        let due = self.calls.iter().filter(|(_, trouble)| trouble.again_at <= Some(now));
        let (call_sid, trouble) = due.filter(|(_, it)| it.again_at.is_some()).min_by_key(
            // The one that has waited longest.
            |(_, trouble)| trouble.again_at,
        )?;
        Some((call_sid.clone(), trouble.facts.clone(), trouble.tries))
    }

    /// It was refused again. True: for the last time.
    fn again(&mut self, call_sid: &str, now: Instant) -> bool {
        let Some(trouble) = self.calls.get_mut(call_sid) else { return false };
        trouble.tries += 1;
        if trouble.tries >= MOST_TRIES {
            trouble.again_at = None;
            trouble.facts = Vec::new();
            return true;
        }
        let later = AGAIN_AFTER * 2_u32.pow(trouble.tries.min(16) - 1);
        trouble.again_at = Some(now + later.min(AGAIN_AT_THE_LATEST));
        false
    }

    fn over(&mut self, call_sid: &str) {
        self.calls.remove(call_sid);
    }

    /// How many calls wait to be written.
    fn waiting(&self) -> usize {
        self.calls.values().filter(|trouble| trouble.again_at.is_some()).count()
    }
}

impl Trouble {
    /// Keeps a fact, each kind once: a call's state is one of a few.
    fn keep(&mut self, fact: Fact) {
        if self.again_at.is_none() {
            return;
        }
        let fact = match fact {
            Fact::Noted(announcement) => Fact::Behind { call_sid: announcement.call_sid },
            other => other,
        };
        let same = |kept: &Fact| match (kept, &fact) {
            (Fact::Arrived { .. }, Fact::Arrived { .. })
            | (Fact::Connected { .. }, Fact::Connected { .. })
            | (Fact::Behind { .. }, Fact::Behind { .. }) => true,
            (Fact::State { state: kept, .. }, Fact::State { state, .. }) => kept == state,
            _ => false,
        };
        if self.facts.iter().any(same) {
            return;
        }
        // The last words come before the end that follows them.
        let end = |kept: &Fact| matches!(kept, Fact::State { state, .. } if state.is_over());
        let place = self.facts.iter().position(end).filter(|_| !end(&fact));
        self.facts.insert(place.unwrap_or(self.facts.len()), fact);
    }
}

impl Scribe {
    /// Leaves out of a batch what is of calls in trouble.
    pub(super) fn set_aside(&mut self, batch: Vec<Fact>) -> Vec<Fact> {
        self.troubles.set_aside(batch)
    }

    /// A batch was refused: writes each call by itself, so that one that is refused does not keep the
    /// others. False: the app is gone.
    pub(super) async fn one_by_one(&mut self, batch: Vec<Fact>) -> bool {
        for facts in by_call(batch) {
            let Some(call_sid) = facts.first().map(|fact| fact.call_sid().clone()) else {
                continue;
            };
            match self.write_patiently(&facts, Reach::All).await {
                None => return false,
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    metrics::counter!("tandem_scribe_failures_total").increment(1);
                    tracing::error!(
                        call = &*call_sid,
                        error = ?error,
                        "a call could not be written down: it is kept apart and tried again"
                    );
                    if !self.troubles.begin(call_sid.clone(), facts, Instant::now()) {
                        given_up(&call_sid, "there are too many such calls");
                    }
                }
            }
        }
        self.show();
        true
    }

    /// Tries calls again that are due. False: the app is gone.
    pub(super) async fn retry(&mut self) -> bool {
        let now = Instant::now();
        while let Some((call_sid, facts, tries)) = self.troubles.next(now) {
            let whole = match self.write_patiently(&facts, Reach::All).await {
                None => return false,
                Some(whole) => whole.map(drop),
            };
            let written = match whole {
                Err(_) if tries >= MOST_WHOLE => match self.in_pieces(&facts).await {
                    None => return false,
                    Some(written) => written,
                },
                whole => whole,
            };
            match written {
                Ok(()) => {
                    tracing::info!(call = &*call_sid, tries, "a call in trouble is written down");
                    self.troubles.over(&call_sid);
                }
                Err(error) => {
                    metrics::counter!("tandem_scribe_failures_total").increment(1);
                    tracing::error!(call = &*call_sid, tries, error = ?error, "a call is refused again");
                    if self.troubles.again(&call_sid, Instant::now()) {
                        given_up(&call_sid, "it was refused too often");
                    }
                }
            }
        }
        self.show();
        true
    }

    /// Writes what can be written of a call, and leaves notes out that cannot be. None: the app is gone.
    ///
    /// # Errors
    /// The last refusal of something that is not left out.
    async fn in_pieces(&mut self, facts: &[Fact]) -> Option<Result<(), StoreError>> {
        let mut refused = Ok(());
        for fact in facts {
            let one = std::slice::from_ref(fact);
            let written = match fact {
                Fact::Behind { .. } | Fact::Noted(_) => self.notes_in_pieces(one).await?,
                _ => self.write_patiently(one, Reach::All).await?.map(drop),
            };
            refused = refused.and(written);
        }
        Some(refused)
    }

    async fn notes_in_pieces(&mut self, behind: &[Fact]) -> Option<Result<(), StoreError>> {
        let mut most = PIECE;
        loop {
            match self.write_patiently(behind, Reach::Notes(most)).await? {
                Ok(0) => return Some(Ok(())),
                Ok(_) => most = (most * 2).min(PIECE),
                Err(_) if most > 1 => most /= 2,
                Err(_) => {
                    // This one it is.
                    if let Err(error) = self.write_patiently(behind, Reach::OverOne).await? {
                        return Some(Err(error));
                    }
                    metrics::counter!("tandem_scribe_notes_left_out_total").increment(1);
                    let call = behind.first().map(|fact| &**fact.call_sid());
                    tracing::error!(call, "a note is refused and left out: its journal has it");
                }
            }
        }
    }

    fn show(&self) {
        metrics::gauge!("tandem_scribe_troubled_calls").set(self.troubles.waiting() as f64);
    }
}

fn given_up(call_sid: &str, why: &str) {
    metrics::counter!("tandem_scribe_given_up_total").increment(1);
    tracing::error!(
        call = call_sid,
        why,
        "a call is given up: what it said is in its journal, and not in the database"
    );
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;
    use crate::domain::State;

    fn state(state: State) -> Fact {
        Fact::State { call_sid: "CA1".into(), state, at: Utc::now() }
    }

    fn behind() -> Fact {
        Fact::Behind { call_sid: "CA1".into() }
    }

    #[test]
    fn facts_of_a_call_in_trouble_are_kept_in_little_room_and_its_end_comes_last() {
        let now = Instant::now();
        let mut troubles = Troubles::default();
        assert!(troubles.begin("CA1".into(), vec![state(State::InProgress)], now));
        let other = Fact::Behind { call_sid: "CA2".into() };
        let mut batch = vec![state(State::Completed), other];
        batch.extend((0..100).map(|_| behind()));
        batch.extend((0..100).map(|_| state(State::InProgress)));
        assert_eq!(troubles.set_aside(batch).len(), 1);
        let (_, facts, _) = troubles.next(now + AGAIN_AFTER).expect("it is due");
        assert!(matches!(
            facts[..],
            [
                Fact::State { state: State::InProgress, .. },
                Fact::Behind { .. },
                Fact::State { state: State::Completed, .. },
            ]
        ));
    }

    #[test]
    fn a_call_is_tried_ever_later_then_given_up_and_needs_no_room() {
        let mut now = Instant::now();
        let began = now;
        let mut troubles = Troubles::default();
        assert!(troubles.begin("CA1".into(), vec![behind()], now));
        assert_eq!(troubles.next(now).map(|(_, _, tries)| tries), None);
        let mut tries = 1;
        loop {
            now = troubles.due().expect("it is tried again");
            tries += 1;
            if troubles.again("CA1", now) {
                break;
            }
        }
        assert_eq!(tries, MOST_TRIES);
        let minutes = (now - began).as_secs() / 60;
        assert!((20..60).contains(&minutes), "{minutes}");
        assert_eq!((troubles.due(), troubles.waiting()), (None, 0));
        assert!(troubles.set_aside(vec![behind()]).is_empty(), "it is tried no more");
        for number in 0..MOST_CALLS {
            let call: Arc<str> = format!("CB{number}").into();
            assert!(troubles.begin(call, vec![behind()], now), "{number}");
        }
        assert!(!troubles.begin("CC".into(), vec![behind()], now));
    }
}
