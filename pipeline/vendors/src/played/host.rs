//! The server under every played vendor: counts what is open, notes what was asked, breaks
//! connections on request.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::connect_info::Connected,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    serve::{IncomingStream, Listener},
};
use futures_util::stream;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::AbortHandle,
};

use super::{Failure, Pace};

/// Time in which what was written is sent.
pub(crate) const FLUSHED_AFTER: Duration = Duration::from_millis(5);

/// Something that was asked of a server.
#[derive(Clone, Debug)]
pub struct Request {
    /// Such as `/v1/chat/completions`.
    pub path: String,
    /// The query as it was sent.
    pub query: String,
    pub headers: HashMap<String, String>,
    /// The body: JSON; for a multipart form an object of its fields, of files their length; for a
    /// socket nothing.
    pub body: Value,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    open: usize,
    ever: usize,
    under_way: usize,
}

/// What a running server knows of itself. Dropping the server's last handle stops it.
#[derive(Clone)]
pub struct Host {
    address: SocketAddr,
    shared: Arc<Shared>,
    // Shared by all clones: the last one stops the server.
    _running: Arc<Running>,
}

struct Running(AbortHandle);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What the handlers use of it.
pub(crate) struct Shared {
    counts: watch::Sender<Counts>,
    requests: Mutex<Vec<Request>>,
    numbers: Mutex<HashMap<&'static str, usize>>,
}

impl Shared {
    pub(crate) fn new() -> Arc<Self> {
        let (counts, _) = watch::channel(Counts::default());
        Arc::new(Shared { counts, requests: Mutex::default(), numbers: Mutex::default() })
    }

    /// Notes a request and returns its number on its route.
    pub(crate) fn note(&self, route: &'static str, request: Request) -> usize {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let number = numbers.entry(route).or_default();
        *number += 1;
        *number
    }

    /// Counts a request as under way until the guard is dropped.
    pub(crate) fn under_way(self: &Arc<Self>) -> UnderWay {
        self.counts.send_modify(|counts| counts.under_way += 1);
        UnderWay(Arc::clone(self))
    }
}

/// A request that is being answered.
pub(crate) struct UnderWay(Arc<Shared>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.counts.send_modify(|counts| counts.under_way -= 1);
    }
}

impl Host {
    /// Serves `router` on a free port of loopback.
    pub(crate) async fn start(router: Router, shared: Arc<Shared>) -> Host {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback can be bound");
        let address = listener.local_addr().expect("a bound socket has an address");
        let door = Door { listener, shared: Arc::clone(&shared) };
        let service = router.into_make_service_with_connect_info::<Wire>();
        let serving = tokio::spawn(async move { axum::serve(door, service).await });
        Host { address, shared, _running: Arc::new(Running(serving.abort_handle())) }
    }

    /// The server's address, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All that was asked so far, in order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Connections that are open now; idle ones in a client's pool count.
    pub fn open_connections(&self) -> usize {
        self.shared.counts.borrow().open
    }

    /// Connections that were ever made.
    pub fn connections_ever(&self) -> usize {
        self.shared.counts.borrow().ever
    }

    /// Requests and sockets that are being answered now.
    pub fn under_way(&self) -> usize {
        self.shared.counts.borrow().under_way
    }

    /// Waits until nothing is under way; false if that takes longer than `within`.
    pub async fn until_quiet(&self, within: Duration) -> bool {
        self.until(within, |counts| counts.under_way == 0).await
    }

    /// Waits until no connection is open; false if that takes longer than `within`.
    pub async fn until_closed(&self, within: Duration) -> bool {
        self.until(within, |counts| counts.open == 0).await
    }

    /// Waits until something is under way; false if that takes longer than `within`.
    pub async fn until_busy(&self, within: Duration) -> bool {
        self.until(within, |counts| counts.under_way > 0).await
    }

    async fn until(&self, within: Duration, met: impl Fn(&Counts) -> bool) -> bool {
        let mut counts = self.shared.counts.subscribe();
        tokio::time::timeout(within, counts.wait_for(met)).await.is_ok()
    }
}

/// The listener: wraps each connection so that it is counted and can be broken.
struct Door {
    listener: TcpListener,
    shared: Arc<Shared>,
}

impl Listener for Door {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            let Ok((stream, address)) = self.listener.accept().await else { continue };
            let _ = stream.set_nodelay(true);
            self.shared.counts.send_modify(|counts| {
                counts.open += 1;
                counts.ever += 1;
            });
            let wire = Wire(Arc::default());
            return (Connection { stream, wire, shared: Arc::clone(&self.shared) }, address);
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Breaks the connection that a request came by.
#[derive(Clone)]
pub(crate) struct Wire(Arc<AtomicBool>);

impl Wire {
    /// From now on nothing is sent: whatever is tried next closes the connection.
    pub(crate) fn cut(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Connected<IncomingStream<'_, Door>> for Wire {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.io().wire.clone()
    }
}

/// One connection.
struct Connection {
    stream: TcpStream,
    wire: Wire,
    shared: Arc<Shared>,
}

impl Connection {
    fn whole(&self) -> std::io::Result<()> {
        match self.wire.0.load(Ordering::Relaxed) {
            true => Err(std::io::ErrorKind::ConnectionReset.into()),
            false => Ok(()),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.counts.send_modify(|counts| counts.open -= 1);
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.whole()?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.whole()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.whole()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Headers as text.
pub(crate) fn headers(map: &HeaderMap) -> HashMap<String, String> {
    let pairs = map.iter();
    pairs
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect()
}

/// The answer to a request that fails before it is answered; `None` if it is answered.
pub(crate) async fn refused(
    failure: Option<&Failure>,
    wire: &Wire,
    error: impl Fn(u16) -> Value,
) -> Option<Response> {
    match failure? {
        Failure::Refuse => {
            wire.cut();
            Some(StatusCode::OK.into_response())
        }
        Failure::Status(status) => Some(status_answer(*status, &error(*status))),
        Failure::TooMany { retry_after } => {
            let mut answer = status_answer(429, &error(429));
            if let Ok(value) = retry_after.parse() {
                answer.headers_mut().insert(header::RETRY_AFTER, value);
            }
            Some(answer)
        }
        Failure::Garbage => {
            let page = Body::from("<!doctype html><title>Welcome</title>");
            Some(([(header::CONTENT_TYPE, "text/html")], page).into_response())
        }
        Failure::SlowFirstByte(late) => {
            tokio::time::sleep(*late).await;
            None
        }
        Failure::CutAfter(_)
        | Failure::EndAfter(_)
        | Failure::StallAfter(_)
        | Failure::MalformedAfter(_)
        | Failure::ErrorAfter(..) => None,
    }
}

fn status_answer(status: u16, error: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, axum::Json(error.clone())).into_response()
}

/// A body whose pieces come at a pace and which fails where the failure says so.
pub(crate) fn paced(
    pieces: Vec<Bytes>,
    pace: Pace,
    failure: Option<Failure>,
    wire: Wire,
    under_way: UnderWay,
) -> Body {
    let strike = failure.as_ref().and_then(Failure::strikes_after);
    let state = (pieces.into_iter(), 0, wire, under_way);
    let pieces = stream::unfold(state, move |(mut pieces, at, wire, under_way)| {
        let failure = failure.clone();
        async move {
            if strike == Some(at) {
                match failure {
                    Some(Failure::CutAfter(_)) => {
                        // What was given before must leave before the connection breaks.
                        tokio::time::sleep(FLUSHED_AFTER).await;
                        wire.cut();
                    }
                    Some(Failure::EndAfter(_)) => return None,
                    Some(Failure::StallAfter(_)) => std::future::pending().await,
                    _ => {}
                }
            }
            pace.before(at).await;
            let piece = pieces.next()?;
            Some((Ok::<_, Infallible>(piece), (pieces, at + 1, wire, under_way)))
        }
    });
    Body::from_stream(pieces)
}
