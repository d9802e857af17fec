//! Who may connect, who is on the line, and how the calls that ended did so.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::timeout,
};
use turn::{Answerer, Command, Effect, EndReason, Refusal};

use super::journal::Origin;
use crate::domain::{CallId, TenantId};

/// How long a token opens a socket after the TwiML that holds it was answered. The carrier connects
/// within seconds.
const TOKEN_LIVES: Duration = Duration::from_secs(60);
/// How long it is remembered how a call ended. The carrier asks within seconds.
const END_REMEMBERED: Duration = Duration::from_secs(600);
/// Tokens and ends kept at once.
const MOST_KEPT: usize = 20_000;

/// A call that was answered and whose socket is awaited.
#[derive(Clone, Debug)]
pub struct Expected {
    pub call_sid: String,
    /// The dialer's lead and call, for calls that we made.
    pub lead_id: Option<String>,
    pub call_id: Option<String>,
    /// The call was under way before: it is gone on with.
    pub resumed: bool,
    /// We made the call: the one who answered is the one who speaks.
    pub outbound: bool,
    /// A person speaks with the caller: both are listened to, and nothing is said.
    pub listens: bool,
    /// Whose call it is, where there is a control plane.
    pub origin: Option<Origin>,
    /// What the agent comes back with.
    pub back: Option<Back>,
}

/// Orders that are left for one call.
const MOST_LEFT: usize = 16;

/// What an agent that goes on with a call has to tell of the person who was to take it over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back {
    /// Someone is being called.
    SentFor,
    /// Nobody can come.
    NobodyCame,
}

/// An order to a session, and where its answer goes.
#[derive(Debug)]
pub struct Order {
    pub id: String,
    pub command: Command,
    pub answer: oneshot::Sender<Result<Effect, Refusal>>,
}

/// Why an order was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTold {
    #[error("the call is not live here")]
    NotLive,
    #[error("the call has too many orders waiting")]
    Busy,
    #[error("the call did not answer in time")]
    NoAnswer,
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// What the session is told from outside its socket.
#[derive(Debug)]
pub enum Word {
    Order(Order),
    /// The carrier says that the call is over.
    CallOver,
    /// The carrier says who answered.
    AnsweredBy(Answerer),
    /// A newer socket of the same call has come: this one is not the call's any more.
    Superseded,
}

/// Why a token does not open a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    #[error("the token is not known, was used before, or is too old")]
    Unknown,
    #[error("the token is another call's")]
    OtherCall,
    #[error("this call already has a socket, which does not give way")]
    AlreadyLive,
}

#[derive(Default)]
struct State {
    expected: HashMap<String, (Expected, Instant)>,
    live: HashMap<String, Session>,
    ended: HashMap<String, (EndReason, Instant)>,
    /// What the carrier last said of who answered.
    answered: HashMap<String, (Answerer, Instant)>,
    /// Orders to calls whose sessions have not begun.
    left: HashMap<String, (Vec<(String, Command)>, Instant)>,
    /// How often calls were gone on with.
    resumed: HashMap<String, (u32, Instant)>,
}

/// A session that runs.
#[derive(Clone)]
struct Session {
    words: mpsc::Sender<Word>,
    origin: Option<Origin>,
    /// It listens to a person and the caller.
    listens: bool,
}

/// How long an older socket of a call is given to be left.
const GIVES_WAY_WITHIN: Duration = Duration::from_secs(12);
/// A call that breaks more often than this is hung up.
const MOST_RESUMES: u32 = 20;

/// All calls of this process.
#[derive(Clone, Default)]
pub struct Registry {
    state: Arc<Mutex<State>>,
    /// A live call has gone.
    gone: Arc<Notify>,
}

/// Presence of a live call; it is gone when this is dropped.
pub struct Live {
    registry: Registry,
    call_sid: String,
}

impl State {
    /// Keeps a new token, if there is room for one.
    fn keep_token(&mut self, call: Expected, now: Instant) -> String {
        let mut bytes = [0; 24];
        SystemRandom::new().fill(&mut bytes).expect("the system gives random bytes");
        let token = base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes);
        if self.expected.len() < MOST_KEPT {
            self.expected.insert(token.clone(), (call, now));
        }
        token
    }
}

impl Registry {
    /// A token that opens one socket for this call. `None` if that would make more than `most` calls,
    /// those whose sockets are awaited counted.
    pub fn expect_within(&self, call: Expected, most: usize) -> Option<String> {
        let mut state = self.state();
        let now = Instant::now();
        state.expected.retain(|_, (_, since)| now.duration_since(*since) < TOKEN_LIVES);
        let mut calls: HashSet<&str> = state.live.keys().map(String::as_str).collect();
        calls.extend(state.expected.values().map(|(call, _)| call.call_sid.as_str()));
        let room = calls.contains(call.call_sid.as_str()) || calls.len() < most;
        (room && state.expected.len() < MOST_KEPT).then(|| state.keep_token(call, now))
    }

    /// May this call be gone on with once more?
    pub fn may_resume(&self, call_sid: &str) -> bool {
        let mut state = self.state();
        let now = Instant::now();
        if state.resumed.len() >= MOST_KEPT {
            state.resumed.retain(|_, (_, since)| now.duration_since(*since) < END_REMEMBERED);
        }
        let (times, since) = state.resumed.entry(call_sid.to_owned()).or_insert((0, now));
        (*times, *since) = (*times + 1, now);
        *times <= MOST_RESUMES
    }

    /// A token that opens one socket for this call.
    pub fn expect(&self, call: Expected) -> String {
        let mut state = self.state();
        let now = Instant::now();
        if state.expected.len() >= MOST_KEPT / 2 {
            state.expected.retain(|_, (_, since)| now.duration_since(*since) < TOKEN_LIVES);
        }
        state.keep_token(call, now)
    }

    /// Uses up a token: this call is live from now on, until what is returned is dropped. A token
    /// that was shown for another call is used up, too. An older socket of the same call, whose
    /// connection may be dead without our knowing, gives way.
    ///
    /// # Errors
    /// [`BadToken`]; nothing is changed for other calls.
    pub async fn admit(
        &self,
        token: &str,
        call_sid: &str,
    ) -> Result<(Expected, Live, mpsc::Receiver<Word>), BadToken> {
        let shown = self.state().expected.remove(token);
        let (expected, since) = shown.ok_or(BadToken::Unknown)?;
        if since.elapsed() >= TOKEN_LIVES {
            return Err(BadToken::Unknown);
        }
        if expected.call_sid != call_sid {
            return Err(BadToken::OtherCall);
        }
        let enter = async {
            loop {
                let gone = self.gone.notified();
                match self.enter(&expected) {
                    Ok(receiver) => return receiver,
                    Err(older) => {
                        // Full or closed, it is on its way out.
                        let _ = older.try_send(Word::Superseded);
                    }
                }
                gone.await;
            }
        };
        let receiver = timeout(GIVES_WAY_WITHIN, enter).await.map_err(|_| BadToken::AlreadyLive)?;
        metrics::gauge!("tandem_live_calls").increment(1.0);
        let live = Live { registry: self.clone(), call_sid: call_sid.to_owned() };
        Ok((expected, live, receiver))
    }

    /// Makes the call live, or gives the mailbox of its older session.
    fn enter(&self, call: &Expected) -> Result<mpsc::Receiver<Word>, mpsc::Sender<Word>> {
        let mut state = self.state();
        if let Some(older) = state.live.get(&call.call_sid) {
            return Err(older.words.clone());
        }
        let (words, receiver) = mpsc::channel(64);
        if let Some((by, _)) = state.answered.get(&call.call_sid) {
            // Known before the audio was connected.
            let _ = words.try_send(Word::AnsweredBy(*by));
        }
        if let Some((left, _)) = state.left.remove(&call.call_sid) {
            for (id, command) in left {
                // Whoever gave it was answered long ago.
                let (answer, _) = oneshot::channel();
                let _ = words.try_send(Word::Order(Order { id, command, answer }));
            }
        }
        let session = Session { words, origin: call.origin.clone(), listens: call.listens };
        state.live.insert(call.call_sid.clone(), session);
        Ok(receiver)
    }

    /// Has a running call carry out an order, and waits for its true effect.
    ///
    /// # Errors
    /// [`NotTold`]: the order had no effect, but for [`NotTold::NoAnswer`], where it may have one.
    pub async fn tell(
        &self,
        call_sid: &str,
        id: String,
        command: Command,
    ) -> Result<Effect, NotTold> {
        let words = self.state().live.get(call_sid).map(|session| session.words.clone());
        let words = words.ok_or(NotTold::NotLive)?;
        let (answer, effect) = oneshot::channel();
        words.try_send(Word::Order(Order { id, command, answer })).map_err(
            |error| match error {
                mpsc::error::TrySendError::Full(_) => NotTold::Busy,
                mpsc::error::TrySendError::Closed(_) => NotTold::NotLive,
            },
        )?;
        match timeout(Duration::from_secs(5), effect).await {
            Err(_) => Err(NotTold::NoAnswer),
            Ok(Err(_)) => Err(NotTold::NotLive),
            Ok(Ok(outcome)) => Ok(outcome?),
        }
    }

    /// Leaves an order for a call that is not answered yet: its session begins with it.
    ///
    /// # Errors
    /// [`NotTold::Busy`]: too many are left.
    pub fn leave(&self, call_sid: &str, id: String, command: Command) -> Result<(), NotTold> {
        let mut state = self.state();
        if let Some(session) = state.live.get(call_sid) {
            // It was answered in this moment.
            let (answer, _) = oneshot::channel();
            let order = Word::Order(Order { id, command, answer });
            return session.words.try_send(order).map_err(|_| NotTold::Busy);
        }
        let now = Instant::now();
        state.left.retain(|_, (_, since)| now.duration_since(*since) < END_REMEMBERED);
        let full = state.left.len() >= MOST_KEPT;
        match state.left.entry(call_sid.to_owned()) {
            Entry::Occupied(entry) if entry.get().0.len() >= MOST_LEFT => Err(NotTold::Busy),
            Entry::Occupied(mut entry) => {
                entry.get_mut().0.push((id, command));
                Ok(())
            }
            Entry::Vacant(_) if full => Err(NotTold::Busy),
            Entry::Vacant(entry) => {
                entry.insert((vec![(id, command)], now));
                Ok(())
            }
        }
    }

    /// The carrier says that this call is over.
    pub fn call_over(&self, call_sid: &str) {
        let mut state = self.state();
        state.left.remove(call_sid);
        if let Some(session) = state.live.get(call_sid) {
            // A full mailbox is no loss: the socket's end says the same.
            let _ = session.words.try_send(Word::CallOver);
        }
    }

    /// The carrier says who, or what, answered. A session that is not there yet is told when it is.
    /// The same again is not passed on: the carrier may say it twice. Returns whether it was new.
    pub fn answered_by(&self, call_sid: &str, by: Answerer) -> bool {
        let mut state = self.state();
        let now = Instant::now();
        if state.answered.len() >= MOST_KEPT {
            state.answered.retain(|_, (_, since)| now.duration_since(*since) < END_REMEMBERED);
        }
        if state.answered.get(call_sid).is_some_and(|(known, _)| *known == by) {
            return false;
        }
        if state.answered.len() < MOST_KEPT {
            state.answered.insert(call_sid.to_owned(), (by, now));
        }
        if let Some(session) = state.live.get(call_sid) {
            // A full mailbox is of a session that is lost anyway.
            let _ = session.words.try_send(Word::AnsweredBy(by));
        }
        true
    }

    /// Whose a live call is.
    pub fn whose(&self, call_sid: &str) -> Option<(CallId, TenantId)> {
        let state = self.state();
        let origin = state.live.get(call_sid)?.origin.as_ref();
        origin.map(|origin| (origin.call.into(), origin.tenant.into()))
    }

    /// Whose a call is whose socket is here or awaited: the carrier may ask twice how it is answered.
    pub fn origin(&self, call_sid: &str) -> Option<Origin> {
        let state = self.state();
        let live = state.live.get(call_sid).and_then(|session| session.origin.as_ref());
        let awaited = || state.expected.values().find(|(call, _)| call.call_sid == call_sid);
        live.or_else(|| awaited()?.0.origin.as_ref()).cloned()
    }

    /// Does a person speak with this caller, and a session here listen?
    pub fn is_listened_to(&self, call_sid: &str) -> bool {
        self.state().live.get(call_sid).is_some_and(|session| session.listens)
    }

    /// How many calls are live.
    pub fn count(&self) -> usize {
        self.state().live.len()
    }

    /// The calls that are live.
    pub fn live_calls(&self) -> Vec<String> {
        self.state().live.keys().cloned().collect()
    }

    /// How a call ended, if it did so here, not long ago.
    pub fn ended(&self, call_sid: &str) -> Option<EndReason> {
        self.state().ended.get(call_sid).map(|(why, _)| why.clone())
    }

    /// Remembers how a call ended.
    pub fn remember_end(&self, call_sid: &str, why: EndReason) {
        let mut state = self.state();
        let now = Instant::now();
        if state.ended.len() >= MOST_KEPT / 2 {
            state.ended.retain(|_, (_, since)| now.duration_since(*since) < END_REMEMBERED);
        }
        if state.ended.len() < MOST_KEPT {
            state.ended.insert(call_sid.to_owned(), (why, now));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock; if it ever did, the maps are still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.registry.state().live.remove(&self.call_sid);
        self.registry.gone.notify_waiters();
        metrics::gauge!("tandem_live_calls").decrement(1.0);
    }
}
