//! One leg of the exchange: how it stands, what was said and heard on it, and what it is told to do.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::{Method, Url};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

use super::super::clip::Clip;
use super::super::clock::{PER_MS, Tick};
use super::super::markup::{Conference, Link};
use super::super::note::Note;
use super::super::scenario::Step;
use super::room::Room;

/// Audio that is kept of each side: ten minutes.
const MOST_AUDIO: usize = 10 * 60 * 1_000 * PER_MS as usize;
const MOST_NOTES: usize = 5_000;
/// Orders to a leg that wait to be carried out.
pub const CONTROLS: usize = 64;

/// What a call goes on with.
#[derive(Clone, Debug)]
pub enum Source {
    /// A document that is asked for.
    At(Url, Method),
    /// A document.
    Inline(String),
}

/// What a leg is there for.
#[derive(Clone)]
pub enum Purpose {
    /// Does what a document says.
    Document(Source),
    /// Is bridged with the call that dialled it, after a whisper.
    Bridge { whisper: Option<(Link, Url)>, room: Arc<Room> },
    /// Joins a conference.
    Room(Box<Conference>),
}

/// An order to a leg from outside its documents.
#[derive(Debug)]
pub enum Control {
    /// Whoever is on the line does this after all else.
    Do(Vec<Step>),
    /// Whoever is on the line hangs up.
    HangUp,
    /// The carrier ends the call.
    End,
    /// The carrier takes the call back before it is answered.
    Cancel,
    /// The call goes on with another document.
    Redirect(Source),
}

/// Something that happened on a leg, and when: since the exchange was started.
#[derive(Clone, Debug, PartialEq)]
pub struct LegNote {
    /// When.
    pub at: Duration,
    /// What.
    pub note: Note,
}

/// What the exchange knows of a leg.
pub struct Record {
    pub(super) sid: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) parent: Option<String>,
    pub(super) direction: &'static str,
    exchange_began: Instant,
    /// The beginning of its audio.
    began: OnceLock<Instant>,
    controls: mpsc::Sender<Control>,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    status: &'static str,
    answered: Option<Instant>,
    ended: Option<Instant>,
    /// It is over, and so is all that was open of it.
    finished: bool,
    answered_by: Option<String>,
    /// Its whisper is over: it may be bridged.
    ready: bool,
    notes: Vec<LegNote>,
    said: Vec<u8>,
    heard: Vec<u8>,
    keys: VecDeque<(Duration, String)>,
}

impl Record {
    pub(super) fn new(
        sid: String,
        ends: (String, String),
        parent: Option<String>,
        direction: &'static str,
        exchange_began: Instant,
        keys: Vec<(Duration, String)>,
    ) -> (Arc<Self>, mpsc::Receiver<Control>) {
        let (controls, orders) = mpsc::channel(CONTROLS);
        let state = State { status: "queued", keys: keys.into(), ..State::default() };
        let (from, to) = ends;
        let leg = Record {
            sid,
            from,
            to,
            parent,
            direction,
            exchange_began,
            began: OnceLock::new(),
            controls,
            state: Mutex::new(state),
            changed: watch::Sender::new(0),
        };
        (Arc::new(leg), orders)
    }

    /// Its clock shows zero at this instant.
    pub(in super::super) fn begins(&self, at: Instant) {
        self.began.get_or_init(|| at);
    }

    /// When its clock showed zero.
    pub(super) fn began(&self) -> Instant {
        *self.began.get_or_init(Instant::now)
    }

    pub(in super::super) fn note(&self, at: Tick, note: Note) {
        let began = self.began().saturating_duration_since(self.exchange_began);
        let at = began + at.duration();
        self.change(|state| {
            if state.notes.len() < MOST_NOTES {
                state.notes.push(LegNote { at, note });
            }
        });
    }

    /// Both sides of one frame.
    pub(in super::super) fn audio(&self, said: &[u8], heard: &[u8]) {
        self.change(|state| {
            if state.said.len() + said.len() <= MOST_AUDIO {
                state.said.extend_from_slice(said);
                state.heard.extend_from_slice(heard);
            }
        });
    }

    pub(in super::super) fn stands(&self, status: &'static str) {
        self.change(|state| {
            state.status = status;
            match status {
                "in-progress" => state.answered = Some(Instant::now()),
                status if is_terminal(status) => state.ended = Some(Instant::now()),
                _ => {}
            }
        });
    }

    /// Its streams are closed, too: nothing more comes of it but its callbacks.
    pub(in super::super) fn finished(&self) {
        self.change(|state| state.finished = true);
    }

    pub(super) fn found(&self, answered_by: &str) {
        self.change(|state| state.answered_by = Some(answered_by.to_owned()));
    }

    pub(super) fn ready(&self) {
        self.change(|state| state.ready = true);
    }

    /// It is in its bridge no more, and not over: whoever dialled it does not wait for it.
    pub(super) fn taken_elsewhere(&self) {
        self.change(|state| state.ready = false);
    }

    /// The keys to press when a document asks this time.
    pub(super) fn keys_when_asked(&self) -> Option<(Duration, String)> {
        self.state().keys.pop_front()
    }

    pub(super) fn status(&self) -> &'static str {
        self.state().status
    }

    pub(super) fn answered_by(&self) -> Option<String> {
        self.state().answered_by.clone()
    }

    /// How long it was talked, in seconds begun. None as long as it is.
    pub(super) fn seconds(&self) -> Option<u64> {
        let state = self.state();
        let ended = state.ended?;
        let talk = state.answered.map_or(Duration::ZERO, |from| ended - from);
        Some(talk.as_secs_f64().ceil() as u64)
    }

    pub(super) fn is_over(&self) -> bool {
        is_terminal(self.status())
    }

    pub(super) fn is_finished(&self) -> bool {
        self.state().finished
    }

    pub(super) fn is_answered(&self) -> bool {
        self.state().answered.is_some()
    }

    pub(super) fn is_ready(&self) -> bool {
        self.state().ready
    }

    /// False if it has too many orders waiting, or is over.
    pub(super) fn order(&self, control: Control) -> bool {
        self.controls.try_send(control).is_ok()
    }

    /// Of both sides, how many samples there are so far.
    pub(super) fn length(&self) -> usize {
        self.state().said.len()
    }

    /// What was said and heard from one sample to another.
    pub(super) fn slice(&self, from: usize, to: usize) -> (Vec<u8>, Vec<u8>) {
        let state = self.state();
        let of = |audio: &[u8]| {
            let to = to.min(audio.len());
            audio[from.min(to)..to].to_vec()
        };
        (of(&state.said), of(&state.heard))
    }

    /// Waits until this is so.
    pub(super) async fn until(&self, so: impl Fn(&Self) -> bool) {
        let mut changed = self.changed.subscribe();
        loop {
            changed.mark_unchanged();
            if so(self) {
                return;
            }
            if changed.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    fn change(&self, how: impl FnOnce(&mut State)) {
        how(&mut self.state());
        self.changed.send_modify(|count| *count += 1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_terminal(status: &str) -> bool {
    ["completed", "busy", "no-answer", "failed", "canceled"].contains(&status)
}

/// A leg did not do within the time given what it was to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("leg {sid} ({status}) did not get so far within {within:?}: {what}")]
pub struct TooLate {
    /// The leg.
    pub sid: String,
    /// How it stood then.
    pub status: &'static str,
    /// How long was waited.
    pub within: Duration,
    /// What for.
    pub what: &'static str,
}

/// One leg of an [`Exchange`](super::Exchange), for the test that watches and leads it. Clones are
/// of the same leg.
#[derive(Clone)]
pub struct Leg {
    pub(super) record: Arc<Record>,
}

impl std::fmt::Debug for Leg {
    /// Without its numbers.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (sid, status) = (&self.record.sid, self.status());
        f.debug_struct("Leg").field("sid", sid).field("status", &status).finish_non_exhaustive()
    }
}

impl Leg {
    /// `CA…`.
    #[must_use]
    pub fn sid(&self) -> &str {
        &self.record.sid
    }

    /// Who is called.
    #[must_use]
    pub fn to(&self) -> &str {
        &self.record.to
    }

    /// Who calls.
    #[must_use]
    pub fn from(&self) -> &str {
        &self.record.from
    }

    /// The leg that dialled this one.
    #[must_use]
    pub fn parent(&self) -> Option<&str> {
        self.record.parent.as_deref()
    }

    /// `inbound`, `outbound-api` or `outbound-dial`.
    #[must_use]
    pub fn direction(&self) -> &'static str {
        self.record.direction
    }

    /// The carrier's word for how it stands.
    #[must_use]
    pub fn status(&self) -> &'static str {
        self.record.status()
    }

    /// Is it over?
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.record.is_over()
    }

    /// All that happened on it so far, at most 5,000 entries.
    #[must_use]
    pub fn history(&self) -> Vec<LegNote> {
        self.record.state().notes.clone()
    }

    /// What the carrier's voice has said to this leg, in order.
    #[must_use]
    pub fn was_told(&self) -> Vec<String> {
        let notes = self.history().into_iter();
        let said = notes.filter_map(|note| match note.note {
            Note::Said { text } => Some(text),
            _ => None,
        });
        said.collect()
    }

    /// What was heard on this leg: mu-law at 8 kHz from its beginning, ten minutes at most.
    #[must_use]
    pub fn heard(&self) -> Vec<u8> {
        self.record.state().heard.clone()
    }

    /// How many samples [`Leg::heard`] has so far; it grows by a frame of 20 ms at a time.
    #[must_use]
    pub fn length(&self) -> usize {
        self.record.length()
    }

    /// The sample of [`Leg::heard`] that sounds at this moment.
    #[must_use]
    pub fn sample_at(&self, at: Instant) -> usize {
        let since = at.saturating_duration_since(self.record.began());
        usize::try_from(Tick::from_duration(since).0).unwrap_or(usize::MAX)
    }

    /// What was heard from one sample to another, as far as it has been by now.
    #[must_use]
    pub fn heard_between(&self, from: usize, to: usize) -> Vec<u8> {
        self.record.slice(from, to).1
    }

    /// What was said on this leg, of the same length.
    #[must_use]
    pub fn said(&self) -> Vec<u8> {
        self.record.state().said.clone()
    }

    /// The conferences and legs that it was connected with: with whom, from when, until when.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        let mut all: Vec<Connection> = Vec::new();
        for LegNote { at, note } in self.history() {
            match note {
                Note::Joined { with, room } => {
                    let (begun, until) = (None, None);
                    all.push(Connection { with, room, from: at, begun, until });
                }
                Note::Begun => {
                    if let Some(last) = all.last_mut() {
                        last.begun = Some(at);
                    }
                }
                Note::Left { with, why } => {
                    let open = all.iter_mut().rfind(|open| open.with == with);
                    if let Some(open) = open {
                        open.until = Some((at, why));
                    }
                }
                _ => {}
            }
        }
        all
    }

    /// Whoever is on the line hangs up.
    pub fn hang_up(&self) {
        self.record.order(Control::HangUp);
    }

    /// The call goes on with the document at this address, as after an update over REST.
    pub fn redirect(&self, url: Url) {
        self.record.order(Control::Redirect(Source::At(url, Method::POST)));
    }

    /// The call goes on with this document.
    pub fn redirect_to(&self, document: impl Into<String>) {
        self.record.order(Control::Redirect(Source::Inline(document.into())));
    }

    /// Whoever is on the line says this, after all else that they do.
    pub fn say(&self, clip: &Arc<Clip>) {
        self.record.order(Control::Do(vec![Step::Say(Arc::clone(clip))]));
    }

    /// Whoever is on the line presses these keys, after all else that they do.
    pub fn press(&self, keys: impl Into<String>) {
        self.record.order(Control::Do(vec![Step::Press(keys.into())]));
    }

    /// Waits until this is so of the leg.
    ///
    /// # Errors
    /// It was not within this time.
    pub async fn until(
        &self,
        what: &'static str,
        within: Duration,
        so: impl Fn(&Leg) -> bool,
    ) -> Result<(), TooLate> {
        let reached = self.record.until(|_| so(self));
        timeout(within, reached).await.map_err(|_| {
            let (sid, status) = (self.sid().to_owned(), self.status());
            TooLate { sid, status, within, what }
        })
    }

    /// Waits until it is over and its streams are closed; the carrier's word for its end.
    ///
    /// # Errors
    /// It was not over within this time.
    pub async fn ended(&self, within: Duration) -> Result<&'static str, TooLate> {
        self.until("its end", within, |leg| leg.record.is_finished()).await?;
        Ok(self.status())
    }
}

/// A time that a leg was in a conference, or bridged with another leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The conference's or the other leg's identifier.
    pub with: String,
    /// The conference's name; none for a leg.
    pub room: Option<String>,
    /// Since the exchange was started.
    pub from: Duration,
    /// When others could be heard.
    pub begun: Option<Duration>,
    /// When it was over, and why.
    pub until: Option<(Duration, &'static str)>,
}
