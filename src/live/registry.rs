//! Who may connect, who is on the line, and how the calls that ended did so.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use tokio::sync::{mpsc, oneshot};
use turn::{Command, Effect, EndReason, Refusal};

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
    /// The process is to stop.
    Shutdown,
}

/// Why a token does not open a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    #[error("the token is not known, was used before, or is too old")]
    Unknown,
    #[error("the token is another call's")]
    OtherCall,
    #[error("this call already has a socket")]
    AlreadyLive,
}

#[derive(Default)]
struct State {
    expected: HashMap<String, (Expected, Instant)>,
    live: HashMap<String, mpsc::Sender<Word>>,
    ended: HashMap<String, (EndReason, Instant)>,
}

/// All calls of this process.
#[derive(Clone, Default)]
pub struct Registry(Arc<Mutex<State>>);

/// Presence of a live call; it is gone when this is dropped.
pub struct Live {
    registry: Registry,
    call_sid: String,
}

impl Registry {
    /// A token that opens one socket for this call.
    pub fn expect(&self, call: Expected) -> String {
        let mut bytes = [0; 24];
        SystemRandom::new().fill(&mut bytes).expect("the system gives random bytes");
        let token = base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes);
        let mut state = self.state();
        let now = Instant::now();
        if state.expected.len() >= MOST_KEPT / 2 {
            state.expected.retain(|_, (_, since)| now.duration_since(*since) < TOKEN_LIVES);
        }
        if state.expected.len() < MOST_KEPT {
            state.expected.insert(token.clone(), (call, now));
        }
        token
    }

    /// Uses up a token: this call is live from now on, until what is returned is dropped. A token
    /// that was shown for another call is used up, too.
    ///
    /// # Errors
    /// [`BadToken`]; nothing is changed for other calls.
    pub fn admit(
        &self,
        token: &str,
        call_sid: &str,
    ) -> Result<(Expected, Live, mpsc::Receiver<Word>), BadToken> {
        let mut state = self.state();
        let (expected, since) = state.expected.remove(token).ok_or(BadToken::Unknown)?;
        if since.elapsed() >= TOKEN_LIVES {
            return Err(BadToken::Unknown);
        }
        if expected.call_sid != call_sid {
            return Err(BadToken::OtherCall);
        }
        if state.live.contains_key(call_sid) {
            return Err(BadToken::AlreadyLive);
        }
        let (words, receiver) = mpsc::channel(64);
        state.live.insert(call_sid.to_owned(), words);
        drop(state);
        metrics::gauge!("tandem_live_calls").increment(1.0);
        let live = Live { registry: self.clone(), call_sid: call_sid.to_owned() };
        Ok((expected, live, receiver))
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
        let words = self.state().live.get(call_sid).cloned().ok_or(NotTold::NotLive)?;
        let (answer, effect) = oneshot::channel();
        words.try_send(Word::Order(Order { id, command, answer })).map_err(
            |error| match error {
                mpsc::error::TrySendError::Full(_) => NotTold::Busy,
                mpsc::error::TrySendError::Closed(_) => NotTold::NotLive,
            },
        )?;
        match tokio::time::timeout(Duration::from_secs(5), effect).await {
            Err(_) => Err(NotTold::NoAnswer),
            Ok(Err(_)) => Err(NotTold::NotLive),
            Ok(Ok(outcome)) => Ok(outcome?),
        }
    }

    /// The carrier says that this call is over.
    pub fn call_over(&self, call_sid: &str) {
        let words = self.state().live.get(call_sid).cloned();
        if let Some(words) = words {
            // A full mailbox is no loss: the socket's end says the same.
            let _ = words.try_send(Word::CallOver);
        }
    }

    /// Tells every running call that the process stops.
    pub fn shut_down(&self) {
        for words in self.state().live.values() {
            let _ = words.try_send(Word::Shutdown);
        }
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.registry.state().live.remove(&self.call_sid);
        metrics::gauge!("tandem_live_calls").decrement(1.0);
    }
}
