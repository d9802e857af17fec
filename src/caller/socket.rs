//! One media stream's socket: a task that reads, a task that writes, and what they tell the call.
//!
//! Messages leave at their own times and in order; what arrives is stamped when it is read. The
//! call itself never waits for a socket.

use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use reqwest::Url;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use media::stream::carrier::MAX_MESSAGE;

use super::clock::Clock;
use super::network::Network;

/// Messages that wait to leave: a minute of audio. Past that the server has stopped reading.
const OUTGOING: usize = 3_000;

type Wire = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What arrives at the call from outside.
#[derive(Debug)]
pub struct Arrival {
    /// Which stream of the call.
    pub stream: usize,
    /// When it was read.
    pub at: Instant,
    /// What it is.
    pub what: Incoming,
}

/// What a socket brings.
#[derive(Debug)]
pub enum Incoming {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message, which the protocol does not have.
    Binary,
    /// The end: nothing comes after it.
    Ended {
        /// The server sent a close, or answered ours.
        closed: bool,
        /// Its code.
        code: Option<u16>,
        /// Its reason, or what broke.
        why: String,
        /// The carrier's number, where the server broke the socket's own rules.
        fault: Option<u32>,
    },
}

#[derive(Debug)]
enum Outgoing {
    Text { due: Instant, text: String },
    Close { due: Instant },
}

/// Why the carrier could not open a stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the socket at {url} could not be opened: {why} (carrier's error {code})")]
pub struct Handshake {
    /// Where, without what a query might hold.
    pub url: String,
    /// The carrier's number for it.
    pub code: u32,
    /// What went wrong.
    pub why: String,
}

/// The server has stopped reading: [`OUTGOING`] messages wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stuck;

/// An open socket.
#[derive(Debug)]
pub struct Socket {
    outgoing: mpsc::Sender<Outgoing>,
    tasks: [AbortHandle; 2],
}

impl Socket {
    /// Sends a text message at `due`, after all that was sent before.
    ///
    /// # Errors
    /// The server does not read.
    pub fn send(&self, due: Instant, text: String) -> Result<(), Stuck> {
        self.put(Outgoing::Text { due, text })
    }

    /// Closes with 1000 at `due`, after all that was sent before.
    ///
    /// # Errors
    /// The server does not read.
    pub fn close(&self, due: Instant) -> Result<(), Stuck> {
        self.put(Outgoing::Close { due })
    }

    fn put(&self, outgoing: Outgoing) -> Result<(), Stuck> {
        match self.outgoing.try_send(outgoing) {
            // A writer that is gone has met an error, and the reader tells of the end.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Stuck),
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Where a stream is to be opened, and how.
#[derive(Debug)]
pub struct Opening {
    /// Its place among the call's streams.
    pub stream: usize,
    /// Where.
    pub url: Url,
    /// `X-Twilio-Signature` of the upgrade.
    pub signature: String,
    /// How long the handshake may take.
    pub within: Duration,
    /// For the stalls, which hold what arrives.
    pub network: Network,
    /// The call's clock.
    pub clock: Clock,
}

/// Opens a socket; all that arrives on it goes to `arrivals`.
///
/// # Errors
/// The server cannot be reached, or does not answer the upgrade with 101 in time.
pub async fn open(opening: Opening, arrivals: mpsc::Sender<Arrival>) -> Result<Socket, Handshake> {
    let url = shown(&opening.url);
    let failed = |code, why: String| Handshake { url: url.clone(), code, why };
    let mut request = opening
        .url
        .as_str()
        .into_client_request()
        .map_err(|error| failed(31923, error.to_string()))?;
    let signature = HeaderValue::from_str(&opening.signature)
        .map_err(|error| failed(31923, error.to_string()))?;
    request.headers_mut().insert("X-Twilio-Signature", signature);
    request.headers_mut().insert("User-Agent", HeaderValue::from_static("TwilioProxy/1.1"));

    // No extension is offered: the carrier does not compress.
    let config = WebSocketConfig::default()
        .max_message_size(Some(2 * MAX_MESSAGE))
        .max_frame_size(Some(2 * MAX_MESSAGE));
    let connecting = Box::pin(connect_async_with_config(request, Some(config), true));
    let (wire, _) = timeout(opening.within, connecting)
        .await
        .map_err(|_| failed(31901, format!("no answer within {} s", opening.within.as_secs())))?
        .map_err(|error| {
            let (code, why) = describe(&error);
            failed(code, why)
        })?;

    let (sink, source) = wire.split();
    let (outgoing, queue) = mpsc::channel(OUTGOING);
    let reader = tokio::spawn(read(source, opening, arrivals));
    let writer = tokio::spawn(write(sink, queue));
    Ok(Socket { outgoing, tasks: [reader.abort_handle(), writer.abort_handle()] })
}

/// A URL as reports show it: without credentials and query, where secrets are.
#[must_use]
pub fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // These fail for URLs that cannot have credentials, and so have none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

fn describe(error: &Error) -> (u32, String) {
    match error {
        Error::Io(io) => match io.kind() {
            std::io::ErrorKind::ConnectionRefused => (31902, "connection refused".to_owned()),
            std::io::ErrorKind::TimedOut => (31901, "connection timed out".to_owned()),
            // How the TLS library says that the peer speaks something else.
            std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof => {
                (31910, io.to_string())
            }
            _ => (31902, io.to_string()),
        },
        Error::Tls(tls) => (31910, tls.to_string()),
        Error::Http(response) => {
            (31920, format!("the server answered {} in place of 101", response.status()))
        }
        Error::Url(url) => (31923, url.to_string()),
        Error::Protocol(protocol) => (31920, protocol.to_string()),
        other => (31920, other.to_string()),
    }
}

async fn read(mut source: SplitStream<Wire>, opening: Opening, arrivals: mpsc::Sender<Arrival>) {
    let Opening { stream, network, clock, .. } = opening;
    let mut close = None;
    loop {
        let message = source.next().await;
        if let Some(end) = network.stalled_until(clock.now()) {
            sleep_until(clock.instant(end)).await;
        }
        let what = match message {
            Some(Ok(Message::Text(text))) => Incoming::Text(text),
            Some(Ok(Message::Binary(_))) => Incoming::Binary,
            Some(Ok(Message::Close(frame))) => {
                // Reading on sends our answer and sees the connection out.
                close = Some(frame);
                continue;
            }
            Some(Ok(_)) => continue,
            Some(Err(error)) => ended(close.take(), Some(error)),
            None => ended(close.take(), None),
        };
        let last = matches!(what, Incoming::Ended { .. });
        if arrivals.send(Arrival { stream, at: Instant::now(), what }).await.is_err() || last {
            return;
        }
    }
}

fn ended(close: Option<Option<CloseFrame>>, error: Option<Error>) -> Incoming {
    if let Some(frame) = close {
        let (code, why) = frame.map_or((None, String::new()), |frame| {
            (Some(u16::from(frame.code)), frame.reason.to_string())
        });
        return Incoming::Ended { closed: true, code, why, fault: None };
    }
    let fault = match &error {
        Some(Error::Protocol(
            tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        )) => None,
        Some(Error::Protocol(_) | Error::Utf8(_)) => Some(31924),
        Some(Error::Capacity(_)) => Some(31951),
        _ => None,
    };
    let why = error.map_or_else(|| "the connection ended".to_owned(), |error| error.to_string());
    Incoming::Ended { closed: false, code: None, why, fault }
}

async fn write(mut sink: SplitSink<Wire, Message>, mut queue: mpsc::Receiver<Outgoing>) {
    while let Some(outgoing) = queue.recv().await {
        let (due, message) = match outgoing {
            Outgoing::Text { due, text } => (due, Message::text(text)),
            Outgoing::Close { due } => {
                let frame = CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::default() };
                (due, Message::Close(Some(frame)))
            }
        };
        if due > Instant::now() {
            sleep_until(due).await;
        }
        if sink.send(message).await.is_err() {
            return;
        }
    }
}
