//! One connection, from its first frame to its last, whatever carries it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::sync::Notify;

use super::{
    super::{error::Problem, events},
    message::{Misunderstood, Target, Wish},
};
use crate::{
    api::Api,
    app::{Error, Verified},
    domain::{Actor, CallId},
    realtime::{
        Check, Dialect, Due, Frame, Listener, Missed, Options, Published, Pulse, Seat, Term,
        Verdict, Watcher,
    },
};

/// Deadlines are looked at so often. They are those of the operations' clock.
const TICK: Duration = Duration::from_millis(500);
/// So many events are written before they are sent, if there are as many.
const BATCH: usize = 256;
/// So many events are read from the store at once.
const PAGE: i64 = 200;
/// A client that takes nothing for so long has gone.
pub(super) const STALLED: Duration = Duration::from_secs(60);

/// What a client does.
#[derive(Debug)]
pub(super) enum Heard {
    Wish(Result<Wish, Misunderstood>),
    /// The transport's own answer to a ping.
    Pong,
}

/// The client is not there any more, or takes nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gone;

/// Why a connection is closed from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    /// The token has expired, the sign-in ended.
    Unauthorized(&'static str),
    /// No pong came in time.
    Silent,
}

/// What carries a connection.
pub(super) trait Line: Send {
    /// Its name, for metrics.
    const TRANSPORT: &'static str;
    /// Does it ping by itself?
    const PINGS: bool;

    /// What the client does next; none: it has left. May be dropped while it waits.
    fn hear(&mut self) -> impl Future<Output = Option<Heard>> + Send;
    /// Says something, perhaps later.
    fn say(
        &mut self,
        frame: &Frame,
        numbered: bool,
    ) -> impl Future<Output = Result<(), Gone>> + Send;
    /// Says what has not been sent yet.
    fn flush(&mut self) -> impl Future<Output = Result<(), Gone>> + Send;
    /// Asks whether the client is there.
    fn ping(&mut self) -> impl Future<Output = Result<(), Gone>> + Send;
    /// Closes it, and says why to whoever listens still.
    fn close(self, why: Closing) -> impl Future<Output = ()> + Send;
    /// Ends it without a word: nothing more can be said.
    fn cut(self);
}

#[derive(Serialize)]
struct Refusal<'a> {
    code: &'a str,
    message: &'a str,
}

/// A `error` frame.
pub(super) fn refusal(code: &str, message: &str) -> Option<Frame> {
    Frame::new("error", &Refusal { code, message }, None)
}

struct Attendance<L> {
    api: Arc<Api>,
    watcher: Watcher,
    line: L,
    expires_at: DateTime<Utc>,
    sent: metrics::Counter,
    lost: metrics::Counter,
}

/// Counted as long as it is there.
struct Counted(metrics::Gauge);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Whether a connection may go on. It looks at that however long what is sent takes: who does not
/// read cannot put off the end of a sign-in.
struct Guard {
    api: Arc<Api>,
    /// The user as they stood when they were last looked at.
    actor: Mutex<Actor>,
    /// Tells of each look at the clock, once all is done that is due.
    ticked: Notify,
}

impl Guard {
    fn actor(&self) -> Actor {
        self.actor.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Until the connection may not go on.
    async fn keep(&self, mut term: Term) -> Closing {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            loop {
                match term.due(self.api.app.clock.now()) {
                    Check::Nothing => break,
                    Check::Expired => return Closing::Unauthorized("The token has expired"),
                    Check::Look => match self.api.app.standing(&self.actor()).await {
                        Ok(actor) => {
                            *self.actor.lock().unwrap_or_else(PoisonError::into_inner) = actor;
                        }
                        Err(Error::Unauthorized(why)) => return Closing::Unauthorized(why),
                        // The store is away: what was true remains so until it is back.
                        Err(error) => tracing::warn!(%error, "a sign-in could not be looked at"),
                    },
                }
            }
            self.ticked.notify_one();
        }
    }
}

/// How a connection came to its end.
enum End {
    /// The client has left, or there will be no more events.
    Left,
    Closed(Closing),
    /// The client takes nothing any more.
    Stuck,
}

/// Tells a client what it subscribes to until it leaves, its token expires, or it falls silent.
pub(super) async fn attend<L: Line>(
    api: Arc<Api>,
    verified: Verified,
    listener: Listener,
    line: L,
    seat: Arc<Seat>,
) {
    let gauge = metrics::gauge!("tandem_watchers", "transport" => L::TRANSPORT);
    gauge.increment(1.0);
    let _counted = Counted(gauge);
    let now = api.app.clock.now();
    let expires_at = DateTime::from_timestamp(verified.expires_at, 0).unwrap_or(now);
    let guard = Guard {
        api: api.clone(),
        actor: Mutex::new(verified.actor.clone()),
        ticked: Notify::new(),
    };
    let mut attendance = Attendance {
        watcher: Watcher::new(verified.actor),
        line,
        expires_at,
        sent: metrics::counter!("tandem_events_sent_total", "transport" => L::TRANSPORT),
        lost: metrics::counter!("tandem_events_lost_total", "transport" => L::TRANSPORT),
        api,
    };
    let end = tokio::select! {
        closing = guard.keep(Term::new(now, expires_at)) => End::Closed(closing),
        end = attendance.serve(&guard, listener) => end,
    };
    match end {
        End::Left => {}
        End::Closed(why) => attendance.line.close(why).await,
        End::Stuck => attendance.line.cut(),
    }
    drop(seat);
}

impl<L: Line> Attendance<L> {
    /// Until the client has left, is silent, or takes nothing.
    async fn serve(&mut self, guard: &Guard, mut listener: Listener) -> End {
        let mut pulse = (!L::PINGS).then(|| Pulse::new(self.api.app.clock.now()));
        loop {
            let done = tokio::select! {
                heard = self.line.hear() => match heard {
                    None => return End::Left,
                    Some(Heard::Pong) => {
                        if let Some(pulse) = &mut pulse {
                            pulse.pong(self.api.app.clock.now());
                        }
                        Ok(true)
                    }
                    Some(Heard::Wish(wish)) => self.heed(wish, &mut listener).await,
                },
                event = listener.next() => self.pass_on(event, &mut listener, BATCH).await,
                () = guard.ticked.notified() => {
                    self.watcher.set_actor(guard.actor());
                    match pulse.as_mut().map(|pulse| pulse.due(self.api.app.clock.now())) {
                        None | Some(Due::Nothing) => Ok(true),
                        Some(Due::Ping) => self.line.ping().await.map(|()| true),
                        Some(Due::Silent) => return End::Closed(Closing::Silent),
                    }
                }
            };
            match done {
                Ok(true) => {}
                Ok(false) => return End::Left,
                Err(Gone) => return End::Stuck,
            }
        }
    }

    /// Does what a client wants; what was published before is told by the subscriptions of before.
    /// False: there will be no more events.
    async fn heed(
        &mut self,
        wish: Result<Wish, Misunderstood>,
        listener: &mut Listener,
    ) -> Result<bool, Gone> {
        let waiting = listener.waiting();
        if let Some(first) = listener.next_now()
            && !self.pass_on(first, listener, waiting).await?
        {
            return Ok(false);
        }
        self.grant(wish).await?;
        Ok(true)
    }

    /// Tells of an event and of those that wait behind it, `most` in all. False: there will be no more.
    async fn pass_on(
        &mut self,
        first: Result<Arc<Published>, Missed>,
        listener: &mut Listener,
        most: usize,
    ) -> Result<bool, Gone> {
        let mut next = first;
        let mut told = 0;
        loop {
            match next {
                Ok(event) => self.tell(&event).await?,
                Err(Missed::Lost(lost)) => {
                    self.lost.increment(lost);
                    if let Some(frame) = self.watcher.resync(lost) {
                        self.line.say(&frame, false).await?;
                    }
                }
                Err(Missed::Closed) => return Ok(false),
            }
            told += 1;
            // What is taken from the listener is told, too: so it is asked last.
            next = match (told < most).then(|| listener.next_now()).flatten() {
                Some(next) => next,
                None => break,
            };
        }
        self.line.flush().await?;
        Ok(true)
    }

    async fn tell(&mut self, event: &Published) -> Result<(), Gone> {
        loop {
            let now = self.api.app.clock.now();
            // However long a slow client has kept what waits for it: no longer than its token.
            if now >= self.expires_at {
                return Ok(());
            }
            match self.watcher.judge(event, now) {
                Verdict::Skip => return Ok(()),
                Verdict::Tell { dialect, numbered } => {
                    let frame = match dialect {
                        Dialect::Dashboard => event.said(dialect, events::say),
                        Dialect::Crm => event.said(dialect, |event| (self.api.feed?)(event)),
                    };
                    let Some(frame) = frame else { return Ok(()) };
                    self.sent.increment(1);
                    return self.line.say(frame, numbered).await;
                }
                Verdict::Ask(call) => {
                    let may_see = self.api.app.may_see_call(self.watcher.actor(), call).await;
                    match may_see {
                        Ok(may_see) => {
                            self.watcher.learn(call, may_see, self.api.app.clock.now());
                        }
                        Err(error) => {
                            tracing::warn!(%error, "an event was not told: whose it is is unknown");
                            return Ok(());
                        }
                    }
                }
                Verdict::CatchUp { call, after } => {
                    let before = event.sequence.unwrap_or(after) - 1;
                    if let Err(problem) = self.replay(call, after).await? {
                        self.refuse(problem).await?;
                        if let Some(frame) = self.watcher.resync((before - after).max(0) as u64) {
                            self.line.say(&frame, false).await?;
                        }
                    }
                    // What the store does not have either is not waited for.
                    self.watcher.caught_up(call, before);
                }
            }
        }
    }

    /// Tells of a call's events after this one, as far as the store has them.
    async fn replay(&mut self, call: CallId, mut after: i64) -> Result<Result<(), Problem>, Gone> {
        loop {
            let actor = self.watcher.actor();
            let page = match self.api.app.events_after(actor, call, after, PAGE).await {
                Ok(page) => page,
                Err(error) => return Ok(Err(error.into())),
            };
            let numbered = self.watcher.is_numbered(call);
            if self.api.app.clock.now() >= self.expires_at {
                return Ok(Ok(()));
            }
            let whole = page.len() as i64 == PAGE;
            for (sequence, event) in page {
                after = sequence;
                if let Some(frame) = event.as_ref().and_then(events::say) {
                    self.sent.increment(1);
                    self.line.say(&frame, numbered).await?;
                }
                self.watcher.caught_up(call, sequence);
            }
            if !whole {
                return Ok(Ok(()));
            }
        }
    }

    /// Does what a client wants, or says why not.
    async fn grant(&mut self, wish: Result<Wish, Misunderstood>) -> Result<(), Gone> {
        let problem = match wish {
            Ok(Wish::Subscribe { to, options, after }) => {
                self.watcher.leave_feed();
                self.subscribe(to, options, after).await?.err()
            }
            Ok(Wish::Unsubscribe { from: Target::AllCalls }) => {
                self.watcher.leave_all();
                None
            }
            Ok(Wish::Unsubscribe { from: Target::Call(call) }) => {
                self.watcher.leave(call);
                None
            }
            Err(wrong) => {
                if wrong.subscribes {
                    self.watcher.leave_feed();
                }
                if let Some(frame) = refusal(wrong.code, &wrong.message) {
                    self.line.say(&frame, false).await?;
                }
                None
            }
        };
        if let Some(problem) = problem {
            self.refuse(problem).await?;
        }
        self.line.flush().await
    }

    async fn subscribe(
        &mut self,
        to: Target,
        options: Options,
        after: Option<i64>,
    ) -> Result<Result<(), Problem>, Gone> {
        let Target::Call(id) = to else {
            self.watcher.follow_all(options);
            return Ok(Ok(()));
        };
        let call = match self.api.app.call(self.watcher.actor(), id).await {
            Ok(call) => call,
            Err(error) => return Ok(Err(error.into())),
        };
        match self.watcher.follow(id, options, after, call.event_sequence) {
            Err(too_many) => Ok(Err(Problem::invalid("", too_many.to_string()))),
            Ok(None) => Ok(Ok(())),
            Ok(Some(after)) => self.replay(id, after).await,
        }
    }

    async fn refuse(&mut self, problem: Problem) -> Result<(), Gone> {
        let (code, message) = problem.said();
        match refusal(code, message) {
            Some(frame) => self.line.say(&frame, false).await,
            None => Ok(()),
        }
    }
}
