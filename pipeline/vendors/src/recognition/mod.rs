//! One call's recognition, over however many connections it takes.
//!
//! What recognisers on a WebSocket share: connecting, trying again, sending without stopping to read,
//! noticing a connection that is dead though open. What the messages mean is the adapter's
//! [`Protocol`], which neither awaits nor sends: it is told what came and answers with an [`Out`].
//!
//! Audio that no final words cover is the protocol's to remember ([`memory`]) and to tell a new
//! connection again; where the vendor's times stand in the call is in [`timeline`].

pub(crate) mod memory;
pub(crate) mod timeline;

use std::time::Duration;

use futures_util::{SinkExt, Stream, StreamExt};
use secrecy::SecretString;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message, protocol::CloseFrame};

use crate::{
    Problem, SttEvent, SttInput, SttStream, Work,
    http::{self, Failure},
    socket::Open,
};

/// Waits before each try to connect again.
const BACKOFF_MS: [u64; 5] = [100, 400, 1_600, 1_600, 1_600];

/// The longest wait that the vendor may ask for: beyond it, words would be lost.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Messages that may wait to be sent: ten seconds of audio. Then the connection counts as dead.
const OUTBOX: usize = 512;

/// Time given to the last words after hang-up.
const GOODBYE_WITHIN: Duration = Duration::from_secs(2);

/// How long until another try to connect; none where there is no point in one.
pub(crate) fn wait_after(problem: &Problem, tries: usize) -> Option<Duration> {
    let backoff = Duration::from_millis(*BACKOFF_MS.get(tries)?);
    match problem {
        Problem::RateLimited { retry_after } => {
            let asked = retry_after.unwrap_or_default();
            (asked <= LONGEST_WAIT).then_some(backoff.max(asked))
        }
        problem => problem.is_transient().then_some(backoff),
    }
}

/// What one vendor's messages mean for one call. All places are ms of the call's inbound audio.
pub(crate) trait Protocol: Send + Sync + 'static {
    /// The adapter's name.
    const VENDOR: &'static str;

    /// The connection's limits.
    fn limits(&self) -> Limits;

    /// The key, which no reason for closing may give away.
    fn key(&self) -> &SecretString;

    /// Opens a connection.
    fn connect(&self) -> impl Future<Output = Result<Open, Failure>> + Send + 'static;

    /// Something was heard while no connection stands.
    fn remember(&mut self, input: SttInput);

    /// A new connection stands; nothing is known of the one before it.
    fn opened(&mut self, now: Instant, out: &mut Out);

    /// Something was heard.
    fn heard(&mut self, input: SttInput, now: Instant, out: &mut Out);

    /// The vendor said something.
    ///
    /// # Errors
    /// The connection is of no use any more.
    fn received(&mut self, text: &str, now: Instant, out: &mut Out) -> Result<(), Problem>;

    /// When [`Protocol::due`] wants to be called.
    fn deadline(&self) -> Option<Instant>;

    /// The deadline has passed.
    ///
    /// # Errors
    /// The vendor owes an answer, and the connection counts as dead.
    fn due(&mut self, now: Instant, out: &mut Out) -> Result<(), Problem>;

    /// The call is over: no more audio will come.
    fn goodbye(&mut self, now: Instant, out: &mut Out);

    /// The call is over and the vendor has said its last: what was only guessed is all there is.
    fn ended(&mut self, out: &mut Out);

    /// What it means that the vendor closed for this reason.
    fn closed(&self, frame: Option<&CloseFrame>) -> Problem {
        Problem::Cut(crate::socket::close_reason(&frame.cloned(), self.key()))
    }
}

/// The limits of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Time allowed from the handshake until the vendor is ready.
    pub(crate) ready_within: Duration,
    /// How often the vendor is pinged.
    pub(crate) ping_every: Duration,
    /// A connection on which nothing comes for so long, not even the answer to a ping, is dead.
    pub(crate) dead_after: Duration,
}

/// What a protocol wants done, in this order: events told, messages sent.
#[derive(Debug, Default)]
pub(crate) struct Out {
    pub(crate) events: Vec<SttEvent>,
    pub(crate) messages: Vec<Message>,
    /// The vendor is ready for audio.
    pub(crate) ready: bool,
    /// It has said something that makes the connection worth its cost: tries are counted anew.
    pub(crate) useful: bool,
    /// After the goodbye: all has been said.
    pub(crate) complete: bool,
    /// The vendor's identifier of the connection.
    pub(crate) request_id: Option<String>,
}

/// Begins one call's recognition. Returns at once.
pub(crate) fn listen<P: Protocol>(protocol: P) -> SttStream {
    let (input, inputs) = mpsc::channel(256);
    let (events, receiver) = mpsc::channel(64);
    let work = Work::spawn(async move {
        let closed = events.clone();
        let call = Call { protocol, events, inputs, open: true, outage: false };
        tokio::select! {
            _ = Box::pin(call.run()) => {}
            () = closed.closed() => {}
        }
    });
    SttStream { input, events: receiver, work }
}

/// Nobody listens to the events any more.
struct Gone;

/// How a connection came to its end.
enum End {
    /// The call is over, and so is the conversation with the vendor.
    Complete,
    Lost {
        failure: Failure,
        /// Did it say anything useful before?
        useful: bool,
    },
}

/// What came out of a connection.
enum Came {
    Text(String),
    /// Proof of life: a ping, or the answer to one.
    Sign,
    Closed(Option<CloseFrame>),
    Broken(Problem),
}

struct Call<P> {
    protocol: P,
    events: mpsc::Sender<SttEvent>,
    inputs: mpsc::Receiver<SttInput>,
    /// May more audio come?
    open: bool,
    /// Has a loss been told, and not yet its end?
    outage: bool,
}

/// What is known of one connection.
struct Line {
    /// Gone once the connection takes no more.
    outbox: Option<mpsc::Sender<Message>>,
    request_id: Option<String>,
    /// Until when the vendor has to be ready; none once it is.
    ready_by: Option<Instant>,
    ping_at: Instant,
    dead_at: Instant,
    /// Until when last words are awaited, once no more audio comes.
    goodbye_at: Option<Instant>,
    useful: bool,
}

impl<P: Protocol> Call<P> {
    async fn run(mut self) -> Result<(), Gone> {
        let mut tries = 0;
        loop {
            let connecting = self.protocol.connect();
            let failure = match self.meanwhile(connecting).await {
                Ok(open) => match self.converse(open).await? {
                    End::Complete => return Ok(()),
                    End::Lost { failure, useful } => {
                        if useful {
                            tries = 0;
                        }
                        failure
                    }
                },
                Err(failure) => failure,
            };
            if !self.open {
                // The call is over: nobody waits for its last words any more.
                return Ok(());
            }
            let wait = wait_after(&failure.problem, tries);
            let error = failure.of(P::VENDOR, "listen");
            let Some(wait) = wait else {
                return self.tell(SttEvent::Failed(error)).await;
            };
            tries += 1;
            if !std::mem::replace(&mut self.outage, true) {
                self.tell(SttEvent::Reconnecting(error)).await?;
            }
            self.meanwhile(tokio::time::sleep(wait)).await;
        }
    }

    /// Awaits `future`, remembering what is heard meanwhile.
    async fn meanwhile<T>(&mut self, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        loop {
            tokio::select! {
                output = &mut future => return output,
                input = self.inputs.recv(), if self.open => match input {
                    Some(input) => self.protocol.remember(input),
                    None => self.open = false,
                },
            }
        }
    }

    async fn converse(&mut self, open: Open) -> Result<End, Gone> {
        let Open { socket, request_id } = open;
        let (mut sink, mut stream) = socket.split();
        let (outbox, mut outgoing) = mpsc::channel::<Message>(OUTBOX);
        // Sending has its own task-like future: were it awaited in the loop, a vendor that does not
        // read while it writes would stop both.
        let mut sending = std::pin::pin!(async move {
            while let Some(message) = outgoing.recv().await {
                sink.send(message).await?;
            }
            sink.flush().await
        });

        let limits = self.protocol.limits();
        let now = Instant::now();
        let mut line = Line {
            outbox: Some(outbox),
            request_id,
            ready_by: Some(now + limits.ready_within),
            ping_at: now + limits.ping_every,
            dead_at: now + limits.dead_after,
            goodbye_at: None,
            useful: false,
        };
        let mut out = Out::default();
        self.protocol.opened(now, &mut out);
        self.carry_out(out, &mut line).await?;
        if !self.open {
            self.say_goodbye(&mut line).await?;
        }
        loop {
            let wake = line.next_wake(self.protocol.deadline());
            let mut out = Out::default();
            let done = tokio::select! {
                // In this order: what has come is never late because a deadline was seen first.
                biased;
                sent = &mut sending, if line.outbox.is_some() => Err(match sent {
                    Ok(()) => Problem::Cut("closed while sending".into()),
                    Err(error) => Problem::Cut(http::root_cause(&error)),
                }),
                came = next(&mut stream) => {
                    let now = Instant::now();
                    line.dead_at = now + limits.dead_after;
                    match came {
                        Came::Text(text) => self.protocol.received(&text, now, &mut out),
                        Came::Sign => Ok(()),
                        Came::Closed(_) if line.goodbye_at.is_some() => {
                            return self.complete(&mut line).await;
                        }
                        Came::Closed(frame) => Err(self.protocol.closed(frame.as_ref())),
                        Came::Broken(problem) => Err(problem),
                    }
                }
                input = self.inputs.recv(), if self.open => match input {
                    Some(input) => {
                        self.protocol.heard(input, Instant::now(), &mut out);
                        Ok(())
                    }
                    None => {
                        self.open = false;
                        self.say_goodbye(&mut line).await?;
                        continue;
                    }
                },
                () = sleep_until(wake) => {
                    let now = Instant::now();
                    if line.goodbye_at.is_some_and(|at| at <= now) {
                        return self.complete(&mut line).await;
                    }
                    self.wake(&mut line, limits, now, &mut out)
                }
            };
            // What was understood before a failure counts.
            self.carry_out(out, &mut line).await?;
            let done = match done {
                Ok(()) if line.outbox.is_none() => {
                    Err(Problem::Cut("it takes no more audio".into()))
                }
                done => done,
            };
            if let Err(problem) = done {
                let failure = Failure::from(problem).in_request(&line.request_id);
                return Ok(End::Lost { failure, useful: line.useful });
            }
        }
    }

    /// A deadline has passed.
    fn wake(
        &mut self,
        line: &mut Line,
        limits: Limits,
        now: Instant,
        out: &mut Out,
    ) -> Result<(), Problem> {
        if line.ready_by.is_some_and(|at| at <= now) {
            let after = limits.ready_within;
            return Err(Problem::TimedOut { waited_for: "readiness", after });
        }
        if line.dead_at <= now {
            let after = limits.dead_after;
            return Err(Problem::TimedOut { waited_for: "sign of life", after });
        }
        if line.ping_at <= now {
            line.ping_at = now + limits.ping_every;
            line.send(Message::Ping(Bytes::new()));
        }
        if self.protocol.deadline().is_some_and(|at| at <= now) {
            self.protocol.due(now, out)?;
        }
        Ok(())
    }

    async fn say_goodbye(&mut self, line: &mut Line) -> Result<(), Gone> {
        let now = Instant::now();
        line.goodbye_at = Some(now + GOODBYE_WITHIN);
        let mut out = Out::default();
        self.protocol.goodbye(now, &mut out);
        self.carry_out(out, line).await
    }

    async fn complete(&mut self, line: &mut Line) -> Result<End, Gone> {
        let mut out = Out::default();
        self.protocol.ended(&mut out);
        self.carry_out(out, line).await?;
        Ok(End::Complete)
    }

    async fn carry_out(&mut self, out: Out, line: &mut Line) -> Result<(), Gone> {
        line.useful |= out.useful;
        line.request_id = out.request_id.or(line.request_id.take());
        if out.ready {
            line.ready_by = None;
            if std::mem::take(&mut self.outage) {
                self.tell(SttEvent::Recovered).await?;
            }
        }
        for message in out.messages {
            line.send(message);
        }
        for event in out.events {
            self.tell(event).await?;
        }
        if out.complete && line.goodbye_at.is_some() {
            // A closing handshake lets the vendor count this as an end, not as a loss.
            line.send(Message::Close(None));
        }
        Ok(())
    }

    async fn tell(&self, event: SttEvent) -> Result<(), Gone> {
        self.events.send(event).await.map_err(|_| Gone)
    }
}

impl Line {
    fn send(&mut self, message: Message) {
        if self.outbox.as_ref().is_some_and(|outbox| outbox.try_send(message).is_err()) {
            self.outbox = None;
        }
    }

    fn next_wake(&self, protocol: Option<Instant>) -> Instant {
        let awaited = [protocol, self.ready_by, self.goodbye_at];
        awaited.into_iter().flatten().fold(self.ping_at.min(self.dead_at), Instant::min)
    }
}

async fn next<S>(stream: &mut S) -> Came
where
    S: Stream<Item = Result<Message, Error>> + Unpin,
{
    match stream.next().await {
        Some(Ok(Message::Text(text))) => Came::Text(text.as_str().to_owned()),
        Some(Ok(Message::Close(frame))) => Came::Closed(frame),
        // Binary messages mean nothing to these vendors, but someone is there.
        Some(Ok(_)) => Came::Sign,
        Some(Err(Error::Capacity(error))) => Came::Broken(Problem::Malformed(error.to_string())),
        Some(Err(error)) => Came::Broken(Problem::Cut(http::root_cause(&error))),
        None => Came::Closed(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_to_connect_are_few_and_spaced() {
        let lost = Problem::Cut(String::new());
        let waits: Vec<_> = (0..6).map(|tries| wait_after(&lost, tries)).collect();
        assert_eq!(waits[0], Some(Duration::from_millis(100)));
        assert_eq!(waits[2], Some(Duration::from_millis(1_600)));
        assert_eq!(waits[5], None);
        assert_eq!(wait_after(&Problem::Unauthorized { status: 401 }, 0), None);
        let limited = |secs| Problem::RateLimited { retry_after: Some(Duration::from_secs(secs)) };
        assert_eq!(wait_after(&limited(2), 0), Some(Duration::from_secs(2)));
        assert_eq!(wait_after(&limited(20), 0), None);
    }
}
