//! What is reported of calls, on its way to be written down.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use analysis::sentiment::Sentiment;
use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use super::Heard;
use crate::{
    domain::State,
    live::journal::{Announcement, Origin},
};

/// Facts that wait; of notes, more are read from the journals later.
const WAITING: usize = 16_384;

/// Something that happened to a call.
#[derive(Clone, Debug)]
pub enum Fact {
    /// It came in, or one that we made was answered.
    Arrived { call_sid: Arc<str>, origin: Origin },
    /// Its audio is connected.
    Connected { call_sid: Arc<str>, origin: Origin, at: DateTime<Utc> },
    /// The carrier says how it stands.
    State { call_sid: Arc<str>, state: State, at: DateTime<Utc> },
    /// The conversation wrote something down that is to be kept.
    Noted(Announcement),
    /// What the journal has beyond what is written is to be read.
    Behind { call_sid: Arc<str> },
    /// A model was told these passages with the caller's words.
    Consulted { call_sid: Arc<str>, at: DateTime<Utc>, texts: Vec<String> },
    /// A language model says how a line sounds that was written.
    Felt { line: Heard, felt: Sentiment },
}

impl Fact {
    pub(super) fn call_sid(&self) -> &Arc<str> {
        match self {
            Fact::Arrived { call_sid, .. }
            | Fact::Connected { call_sid, .. }
            | Fact::State { call_sid, .. }
            | Fact::Consulted { call_sid, .. }
            | Fact::Behind { call_sid } => call_sid,
            Fact::Noted(announcement) => &announcement.call_sid,
            Fact::Felt { line, .. } => &line.call_sid,
        }
    }
}

/// Where facts are reported. Reporting never waits.
#[derive(Clone)]
pub struct Feed {
    facts: mpsc::Sender<Fact>,
    /// Calls of which facts were not taken.
    behind: Arc<Mutex<HashSet<Arc<str>>>>,
}

impl Feed {
    /// A feed, and what reads it.
    pub(in crate::app) fn new() -> (Feed, mpsc::Receiver<Fact>) {
        let (facts, taken) = mpsc::channel(WAITING);
        (Feed { facts, behind: Arc::default() }, taken)
    }

    /// Reports. What there is no room for is found in the call's journal later, or at the carrier.
    pub fn report(&self, fact: Fact) {
        // The line has a verdict; a score can do without.
        let sheddable = matches!(fact, Fact::Felt { .. } | Fact::Consulted { .. });
        if let Err(refused) = self.facts.try_send(fact)
            && !sheddable
        {
            let call = refused.into_inner().call_sid().clone();
            metrics::counter!("tandem_scribe_behind_total").increment(1);
            self.is_behind(call);
        }
    }

    /// Of each call of which facts were not taken, that it is behind.
    pub(super) fn take_behind(&self) -> Vec<Fact> {
        let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        behind.drain().map(|call_sid| Fact::Behind { call_sid }).collect()
    }

    /// What the journal of this call has is looked at with the next batch.
    pub(super) fn is_behind(&self, call_sid: Arc<str>) {
        self.behind.lock().unwrap_or_else(PoisonError::into_inner).insert(call_sid);
    }
}
