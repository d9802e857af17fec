//! Hanging up, verified: a call that is over here is over at the carrier, too.
//!
//! A session that ends its call closes the socket; the carrier asks what follows and is told to hang
//! up. Each of these can be lost, and then a caller stays on a silent line that somebody pays for.
//! So the end counts as done only when the carrier says so: by its status callback, or by any webhook
//! that calls the call over. [`HangUps`] waits for that word for a while. Where none comes, it looks
//! the call up over REST and ends it, again with growing pauses until it is over.
//!
//! One task watches over all calls; how many wait, and how many are looked up at once, is bounded.
//! Why a call ends is decided elsewhere, and one whose caller left is not waited for: the carrier
//! ended that one itself.

mod awaited;

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use twiml::CallSid;

use self::awaited::Awaited;
use super::{Client, Error, calls::Ended};

/// Calls that are looked up at once.
const MOST_AT_ONCE: usize = 8;
/// How long the calls that are still waited for are given when the process stops.
const LAST_LOOK: Duration = Duration::from_secs(2);
/// Pauses between looks grow up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// How long is waited for the carrier's word, and what is done without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// From the order to end a call to the carrier's word that it is over.
    pub word_within: Duration,
    /// How often a call is looked up, and ended if it is not over.
    pub tries: u32,
    /// The pause after the first try; each next one is twice as long, up to 8 s.
    pub pause: Duration,
}

impl Patience {
    /// Five tries over some eight seconds, the first of them after this time without a word.
    #[must_use]
    pub fn after(word_within: Duration) -> Self {
        Patience { word_within, tries: 5, pause: Duration::from_millis(500) }
    }
}

/// How hang-ups came out so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The call was over without our doing more.
    pub verified: u64,
    /// It was not, and was ended over REST.
    pub repaired: u64,
    /// It is not known to be over: there are no credentials to look, or looking failed.
    pub unverified: u64,
}

/// Why a call could not be ended over REST.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotEnded {
    #[error("the call cannot be ended: TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN are not both set")]
    NoAccess,
    #[error(transparent)]
    Api(#[from] Error),
    #[error("the carrier took the order to end the call, and the call is still up")]
    StillUp,
}

/// The calls whose end the carrier has not confirmed.
#[derive(Debug)]
pub struct HangUps {
    client: Option<Client>,
    patience: Patience,
    awaited: Mutex<Awaited>,
    changed: Notify,
    verified: AtomicU64,
    repaired: AtomicU64,
    unverified: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Verified,
    Repaired,
    Unverified,
}

impl HangUps {
    /// Without a client, the carrier's word is waited for and nothing more can be done.
    #[must_use]
    pub fn new(client: Option<Client>, patience: Patience) -> Self {
        HangUps {
            client,
            patience,
            awaited: Mutex::default(),
            changed: Notify::new(),
            verified: AtomicU64::new(0),
            repaired: AtomicU64::new(0),
            unverified: AtomicU64::new(0),
        }
    }

    /// A session ends this call. Saying so twice is saying it once.
    pub fn expect(&self, call: &CallSid) {
        let due = Instant::now() + self.patience.word_within;
        match self.awaited().expect(call, due) {
            awaited::Expected::Waits => self.changed.notify_one(),
            awaited::Expected::WaitsAlready => {}
            awaited::Expected::IsOver => self.count(Outcome::Verified),
            awaited::Expected::Full => {
                tracing::error!(call = call.as_str(), "too many hang-ups wait for the carrier");
                self.count(Outcome::Unverified);
            }
        }
    }

    /// The carrier asked what follows and is told to hang up. No proof yet.
    pub fn told(&self, call: &CallSid) {
        self.awaited().told(call);
    }

    /// The carrier says that this call is over, whoever ended it.
    pub fn over(&self, call: &CallSid) {
        if let Some(waiting) = self.awaited().over(call) {
            // Where REST has been used already, the call is over because of that.
            self.count(if waiting.ordered { Outcome::Repaired } else { Outcome::Verified });
        }
    }

    /// Has the carrier said, not long ago, that this call is over?
    #[must_use]
    pub fn is_over(&self, call: &CallSid) -> bool {
        self.awaited().is_over(call)
    }

    /// Ends a call that no session here holds. However often that is ordered, it is done once: of one
    /// that is over, [`Ended::Before`] says so.
    ///
    /// # Errors
    /// [`NotEnded`]; the call may be up still.
    pub async fn order(&self, call: &CallSid) -> Result<Ended, NotEnded> {
        if self.is_over(call) {
            return Ok(Ended::Before);
        }
        let client = self.client.as_ref().ok_or(NotEnded::NoAccess)?;
        let ended = make_sure(client, call, self.patience, || self.awaited().ordered(call)).await?;
        self.over(call);
        Ok(ended)
    }

    /// How hang-ups came out so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            verified: read(&self.verified),
            repaired: read(&self.repaired),
            unverified: read(&self.unverified),
        }
    }

    /// Watches until `stop`. Then all calls that are still waited for are looked up at once, and given
    /// a moment.
    pub async fn watch(&self, stop: CancellationToken) {
        tokio::select! {
            () = self.watch_on(false) => {}
            () = stop.cancelled() => {
                self.awaited().hurry(Instant::now());
                let _ = timeout(LAST_LOOK, self.watch_on(true)).await;
                let left = self.awaited().drain();
                for call in left {
                    tracing::error!(call = call.as_str(), "a call may still be up: this process stops");
                    self.count(Outcome::Unverified);
                }
            }
        }
    }

    /// Looks up what is due: until nothing is waited for if `until_none`, else without end.
    async fn watch_on(&self, until_none: bool) {
        let mut looks = FuturesUnordered::new();
        loop {
            let room = MOST_AT_ONCE - looks.len();
            let (due, next) = self.awaited().take_due(Instant::now(), room);
            looks.extend(due.into_iter().map(|call| self.look(call)));
            if until_none && looks.is_empty() {
                return;
            }
            tokio::select! {
                () = self.changed.notified() => {}
                () = until(next) => {}
                Some(()) = looks.next() => {}
            }
        }
    }

    /// No word came of this call.
    async fn look(&self, call: CallSid) {
        let looked = match &self.client {
            None => Err(NotEnded::NoAccess),
            Some(client) => {
                let ordered = || self.awaited().ordered(&call);
                make_sure(client, &call, self.patience, ordered).await
            }
        };
        let waiting = match looked {
            Ok(_) => self.awaited().over(&call),
            Err(_) => self.awaited().give_up(&call),
        };
        // Else the carrier's word came meanwhile, and was counted.
        let Some(waiting) = waiting else { return };
        let call = call.as_str();
        match looked {
            Ok(_) if waiting.ordered => {
                tracing::warn!(
                    call,
                    "a call that was hung up was still up, and was ended over REST"
                );
                self.count(Outcome::Repaired);
            }
            Ok(_) => self.count(Outcome::Verified),
            Err(error) => {
                match error {
                    // So it is with every call of a number whose status callback is not set.
                    NotEnded::NoAccess if waiting.told => {
                        tracing::debug!(call, "the carrier has not said that the call is over");
                    }
                    NotEnded::NoAccess => {
                        tracing::warn!(call, "the carrier did not ask how an ended call goes on");
                    }
                    error => tracing::error!(call, %error, "a call may still be up"),
                }
                self.count(Outcome::Unverified);
            }
        }
    }

    fn count(&self, outcome: Outcome) {
        let (counter, name) = match outcome {
            Outcome::Verified => (&self.verified, "verified"),
            Outcome::Repaired => (&self.repaired, "repaired"),
            Outcome::Unverified => (&self.unverified, "unverified"),
        };
        counter.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("tandem_hang_ups_total", "outcome" => name).increment(1);
    }

    fn awaited(&self) -> MutexGuard<'_, Awaited> {
        // No code panics while it holds the lock; if it ever did, the sets are still whole.
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Looks a call up, and ends it if it is not over: until it is, or `patience` is out. `ordered` is
/// told before the first order.
async fn make_sure(
    client: &Client,
    call: &CallSid,
    patience: Patience,
    ordered: impl Fn(),
) -> Result<Ended, NotEnded> {
    let mut came_of_it = NotEnded::StillUp;
    let (mut by_us, mut pause) = (Ended::Before, patience.pause);
    for tried in 0..patience.tries {
        if tried > 0 {
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        let looked = match client.fetch_call(call).await {
            Ok(found) if found.status.is_terminal() => return Ok(by_us),
            Ok(_) => {
                ordered();
                // Even an order without an answer may have been carried out.
                by_us = Ended::Now;
                client.end_call(call).await
            }
            Err(error) => Err(error),
        };
        came_of_it = match looked {
            Ok(Ended::Now | Ended::Before) => return Ok(by_us),
            Ok(Ended::NotYet) => NotEnded::StillUp,
            Err(error) if error.is_retryable() => error.into(),
            Err(error) => return Err(error.into()),
        };
    }
    Err(came_of_it)
}
