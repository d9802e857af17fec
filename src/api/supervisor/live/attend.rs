//! One connection, from its first frame to its last, whatever carries it.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{
    super::{error::Problem, events},
    message::{Misunderstood, Target, Wish},
};
use crate::{
    api::Api,
    app::{Error, Verified},
    domain::CallId,
    realtime::{
        Dialect, Due, Frame, Listener, Missed, Options, Published, Pulse, Seat, Verdict, Watcher,
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

/// The client is not there any more.
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
    /// Closes it.
    fn close(self, why: Closing) -> impl Future<Output = ()> + Send;
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

/// Tells a client what it subscribes to until it leaves, its token expires, or it falls silent.
pub(super) async fn attend<L: Line>(
    api: Arc<Api>,
    verified: Verified,
    mut listener: Listener,
    line: L,
    seat: Arc<Seat>,
) {
    let gauge = metrics::gauge!("tandem_watchers", "transport" => L::TRANSPORT);
    gauge.increment(1.0);
    let _counted = Counted(gauge);
    let now = api.app.clock.now();
    let expires_at = DateTime::from_timestamp(verified.expires_at, 0).unwrap_or(now);
    let mut pulse = Pulse::new(now, expires_at);
    if L::PINGS {
        pulse = pulse.without_pings();
    }
    let mut attendance = Attendance {
        watcher: Watcher::new(verified.actor),
        line,
        expires_at,
        sent: metrics::counter!("tandem_events_sent_total", "transport" => L::TRANSPORT),
        lost: metrics::counter!("tandem_events_lost_total", "transport" => L::TRANSPORT),
        api,
    };
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let closing = loop {
        let done = tokio::select! {
            heard = attendance.line.hear() => match heard {
                None => return,
                Some(Heard::Pong) => {
                    pulse.pong(attendance.api.app.clock.now());
                    Ok(())
                }
                Some(Heard::Wish(wish)) => {
                    // What was published before is told by the subscriptions of before.
                    let waiting = listener.waiting();
                    let told = match listener.next_now() {
                        None => Ok(true),
                        Some(first) => attendance.pass_on(first, &mut listener, waiting).await,
                    };
                    match told {
                        Ok(true) => attendance.grant(wish).await,
                        Ok(false) => return,
                        Err(gone) => Err(gone),
                    }
                }
            },
            event = listener.next() => match attendance.pass_on(event, &mut listener, BATCH).await {
                Ok(true) => Ok(()),
                Ok(false) => return,
                Err(gone) => Err(gone),
            },
            _ = tick.tick() => match attendance.look(&mut pulse).await {
                Ok(None) => Ok(()),
                Ok(Some(closing)) => break closing,
                Err(gone) => Err(gone),
            },
        };
        if done.is_err() {
            return;
        }
    };
    attendance.line.close(closing).await;
    drop(seat);
}

impl<L: Line> Attendance<L> {
    /// Does what is due.
    async fn look(&mut self, pulse: &mut Pulse) -> Result<Option<Closing>, Gone> {
        loop {
            match pulse.due(self.api.app.clock.now()) {
                Due::Nothing => return Ok(None),
                Due::Ping => self.line.ping().await?,
                Due::Expired => return Ok(Some(Closing::Unauthorized("The token has expired"))),
                Due::Silent => return Ok(Some(Closing::Silent)),
                Due::Look => match self.api.app.standing(self.watcher.actor()).await {
                    Ok(actor) => self.watcher.set_actor(actor),
                    Err(Error::Unauthorized(why)) => return Ok(Some(Closing::Unauthorized(why))),
                    // The store is away: what was true remains so until it is back.
                    Err(error) => tracing::warn!(%error, "a sign-in could not be looked at"),
                },
            }
        }
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
