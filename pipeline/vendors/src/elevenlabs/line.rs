//! Connections that outlive a sentence, so that the next one pays for no handshake.
//!
//! A connection speaks one sentence at a time, each in a context of its own. A sentence that is given
//! up closes its context; what still comes of it is dropped by name, and the connection can be used
//! meanwhile. The vendor counts a context until it has said its last, and allows five: so do we.

use std::{
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use secrecy::SecretString;
use tokio::{
    net::TcpStream,
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

use super::{
    VENDOR,
    wire::{self, Incoming},
};
use crate::{
    Problem,
    http::Failure,
    socket::{Open, Received, close_reason, receive},
};

/// Contexts of one connection that may not be over; the vendor allows one more.
const MOST_CONTEXTS: usize = 4;

/// Connections that wait for a sentence; further ones are closed.
const MOST_IDLE: usize = 64;

/// How long a message may take to be written.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);

/// How long a context that was closed may take to say its last.
const DRAINED_WITHIN: Duration = Duration::from_secs(5);

/// What was said of a sentence, or why its connection is gone.
pub(super) type Heard = Result<Incoming, Problem>;

/// A sentence for a connection.
struct Job {
    context: String,
    messages: Vec<String>,
    heard: mpsc::Sender<Heard>,
}

/// One connection, from the side of those who use it.
struct Line {
    url: String,
    request_id: Option<String>,
    jobs: mpsc::Sender<Job>,
    /// Contexts that are not over.
    contexts: Arc<AtomicUsize>,
    /// Sentences begun.
    sentences: usize,
}

/// Connections that wait for a sentence.
pub(super) struct Lines {
    idle: Mutex<Vec<Line>>,
    keep_warm: Duration,
}

/// A connection, lent for one sentence; given back when this is dropped.
pub(super) struct Lease {
    line: Option<Line>,
    lines: Weak<Lines>,
}

impl Lines {
    pub(super) fn new(keep_warm: Duration) -> Self {
        Lines { idle: Mutex::default(), keep_warm }
    }

    /// A connection to `url` that stands, if there is one.
    pub(super) fn take(self: &Arc<Self>, url: &str) -> Option<Lease> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|line| !line.jobs.is_closed());
        let free =
            |line: &Line| line.url == url && line.contexts.load(Ordering::Relaxed) < MOST_CONTEXTS;
        // The one used last: the others may then grow old and go.
        let place = idle.iter().rposition(free)?;
        let line = Some(idle.remove(place));
        Some(Lease { line, lines: Arc::downgrade(self) })
    }

    /// Lends a connection that was just made.
    pub(super) fn begin(self: &Arc<Self>, url: &str, open: Open, key: SecretString) -> Lease {
        let (jobs, receiver) = mpsc::channel(1);
        let contexts = Arc::new(AtomicUsize::new(0));
        let (sink, stream) = open.socket.split();
        let task = Task {
            sink,
            stream,
            jobs: receiver,
            contexts: Arc::clone(&contexts),
            live: None,
            draining: Vec::new(),
            keep_warm: self.keep_warm,
            key,
        };
        // It ends when nobody can use it any more.
        tokio::spawn(Box::pin(task.run()));
        let (url, request_id) = (url.to_owned(), open.request_id);
        let line = Some(Line { url, request_id, jobs, contexts, sentences: 0 });
        Lease { line, lines: Arc::downgrade(self) }
    }
}

impl Lease {
    /// Begins the sentence.
    pub(super) async fn say(
        &mut self,
        text: &str,
        voice_settings: &std::collections::BTreeMap<String, f32>,
    ) -> mpsc::Receiver<Heard> {
        let (heard, receiver) = mpsc::channel(64);
        if let Some(line) = &mut self.line {
            line.sentences += 1;
            let context = format!("s{}", line.sentences);
            let messages = wire::sentence(&context, text, voice_settings).into();
            // Where it fails the receiver says so: nothing comes.
            let _ = line.jobs.send(Job { context, messages, heard }).await;
        }
        receiver
    }

    /// The vendor's identifier of the connection.
    pub(super) fn request_id(&self) -> Option<String> {
        self.line.as_ref()?.request_id.clone()
    }

    /// The connection is of no use any more.
    pub(super) fn spoil(&mut self) {
        self.line = None;
    }

    pub(super) fn failed(&self, problem: Problem) -> Failure {
        Failure::from(problem).in_request(&self.request_id())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (Some(line), Some(lines)) = (self.line.take(), self.lines.upgrade()) else { return };
        if !line.jobs.is_closed() {
            let mut idle = lines.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < MOST_IDLE {
                idle.push(line);
            }
        }
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// One connection, from its own side.
struct Task {
    sink: SplitSink<Socket, Message>,
    stream: SplitStream<Socket>,
    jobs: mpsc::Receiver<Job>,
    contexts: Arc<AtomicUsize>,
    /// The sentence that is being spoken.
    live: Option<Live>,
    /// Contexts that were closed, and until when their last message is awaited.
    draining: Vec<(String, Instant)>,
    keep_warm: Duration,
    key: SecretString,
}

struct Live {
    context: String,
    heard: mpsc::Sender<Heard>,
    /// The vendor knows that no more text will come.
    closed: bool,
}

impl Task {
    async fn run(mut self) {
        let mut idle_at = Instant::now() + self.keep_warm;
        loop {
            let given_up = async {
                match &self.live {
                    Some(live) => live.heard.closed().await,
                    None => std::future::pending().await,
                }
            };
            let drained_by = self.draining.iter().map(|(_, at)| *at).min();
            let wake = match (&self.live, drained_by) {
                (Some(_), None) => None,
                (_, Some(at)) => Some(at),
                (None, None) => Some(idle_at),
            };
            let done = tokio::select! {
                received = receive(&mut self.stream) => self.received(received).await,
                () = given_up => self.give_up().await,
                job = self.jobs.recv() => match job {
                    Some(job) => self.begin(job).await,
                    // Nobody can use it any more.
                    None => Err(Problem::Cut("closed from here".into())),
                },
                () = async { sleep_until(wake.unwrap_or(idle_at)).await }, if wake.is_some() => {
                    if self.live.is_some() {
                        // Not under a sentence that is being spoken: later, when it is idle.
                        let later = Instant::now() + DRAINED_WITHIN;
                        self.draining.iter_mut().for_each(|(_, at)| *at = later);
                        Ok(())
                    } else {
                        Err(Problem::Cut("left unused".into()))
                    }
                }
            };
            if let Err(problem) = done {
                return self.end(problem).await;
            }
            if self.live.is_some() {
                idle_at = Instant::now() + self.keep_warm;
            }
            let live = usize::from(self.live.is_some());
            self.contexts.store(live + self.draining.len(), Ordering::Relaxed);
        }
    }

    async fn begin(&mut self, job: Job) -> Result<(), Problem> {
        // The one before was given up, or the connection would not have been lent.
        self.give_up().await?;
        let Job { context, messages, heard } = job;
        if heard.is_closed() {
            return Ok(());
        }
        self.live = Some(Live { context, heard, closed: false });
        for message in messages {
            self.write(message).await?;
        }
        Ok(())
    }

    /// The sentence is not wanted any more.
    async fn give_up(&mut self) -> Result<(), Problem> {
        let Some(live) = self.live.take() else { return Ok(()) };
        if !live.closed {
            self.write(wire::close_context(&live.context)).await?;
        }
        self.draining.push((live.context, Instant::now() + DRAINED_WITHIN));
        Ok(())
    }

    async fn write(&mut self, message: String) -> Result<(), Problem> {
        match timeout(WRITTEN_WITHIN, self.sink.send(Message::text(message))).await {
            Ok(Ok(())) => Ok(()),
            // A refusal may have come before all was sent: the vendor's own words, which are read
            // next, say more than the broken connection.
            Ok(Err(_)) => Ok(()),
            Err(_) => Err(Problem::TimedOut { waited_for: "reader", after: WRITTEN_WITHIN }),
        }
    }

    async fn received(&mut self, received: Received) -> Result<(), Problem> {
        let text = match received {
            Received::Text(text) => text,
            Received::Broken(problem) => return Err(problem),
            Received::Closed(frame) => {
                return Err(wire::problem_said(&close_reason(&frame, &self.key)));
            }
        };
        let message: Incoming = serde_json::from_str(&text)
            .map_err(|error| Problem::Malformed(format!("a message that is none: {error}")))?;
        if let Some(problem) = message.problem(&self.key) {
            return Err(problem);
        }
        let over = message.is_final == Some(true);
        let Some(context) = &message.context else {
            return Err(Problem::Malformed("audio of no context".into()));
        };
        if over {
            self.draining.retain(|(draining, _)| draining != context);
        }
        let Some(live) = self.live.as_mut().filter(|live| live.context == *context) else {
            return Ok(());
        };
        let begun = message.audio.as_ref().is_some_and(|audio| !audio.is_empty());
        let close = begun && !live.closed;
        live.closed |= begun;
        let context = live.context.clone();
        // Nobody listens: the next turn of the loop sees it.
        let _ = live.heard.send(Ok(message)).await;
        if over {
            self.live = None;
        } else if close {
            // Not before there is audio: a context that is closed too early stays silent.
            self.write(wire::close_context(&context)).await?;
        }
        Ok(())
    }

    async fn end(mut self, problem: Problem) {
        if let Some(live) = self.live.take() {
            let _ = live.heard.send(Err(problem)).await;
        } else {
            tracing::debug!(vendor = VENDOR, %problem, "a connection without a sentence ended");
        }
        self.jobs.close();
        // A closing handshake lets the vendor count this as an end, not as a loss.
        let goodbye = async {
            let _ = self.sink.close().await;
            while let Received::Text(_) = receive(&mut self.stream).await {}
        };
        let _ = timeout(Duration::from_millis(500), goodbye).await;
    }
}
