//! Connections of Engine.IO, which carries Socket.IO: how many of them have yet to prove who they are,
//! for how long they may, and how a connection is ended whatever its client does.
//!
//! The library beneath cannot end a connection whose client takes nothing: what it writes waits for
//! ever. Nor can it wait with reading for what was read to be dealt with. So the WebSockets' streams
//! are taken from HTTP here, and handed to it as a [`Stream`] that does both.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use futures_util::task::AtomicWaker;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::socket_io::Shared;

/// A connection is given so long to prove who it is: since it was made, or since the last proof was
/// not good any more.
pub(super) const PROVES_WITHIN: Duration = Duration::from_secs(5);
/// Beyond that, for a farewell.
const FAREWELL: Duration = Duration::from_secs(1);
/// Connections at once that have never proven who they are: of all clients, and of one address. Many
/// people may be behind one, and come back at once after a restart.
const MOST_UNPROVEN: u32 = 1_000;
pub(super) const MOST_OF_AN_ADDRESS: u32 = 64;

/// Messages of a client that wait to be dealt with; then no more are read from its WebSocket. Less
/// than a namespace has room for, by more than what is read at once.
const MOST_WAITING: usize = 1_024;

/// All connections of this process.
#[derive(Clone, Default)]
pub(super) struct Connections(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    /// By Engine.IO's session identifier.
    sessions: HashMap<String, Weak<Inner>>,
    /// Connections that have yet to prove who they are, by address; and all of them.
    unproven: HashMap<String, u32>,
    all_unproven: u32,
}

/// One connection. It lasts as long as Engine.IO's session, which holds it among the first request's
/// extensions.
#[derive(Clone)]
pub(super) struct Connection(Arc<Inner>);

struct Inner {
    connections: Connections,
    sid: OnceLock<String>,
    cut: CancellationToken,
    shared: Mutex<Shared>,
    place: Mutex<Option<Place>>,
    /// Messages that wait to be dealt with, and who waits for them to be fewer.
    waiting: AtomicUsize,
    reader: AtomicWaker,
}

/// A message that waits to be dealt with, until this is dropped.
pub(super) struct Waiting(Arc<Inner>);

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.0.waiting.fetch_sub(1, Ordering::AcqRel) <= MOST_WAITING {
            self.0.reader.wake();
        }
    }
}

/// A place among those who have yet to prove who they are. Dropped, it is free again.
struct Place {
    connections: Connections,
    address: String,
}

impl Connections {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new connection from this address, which is ended unless it proves in time who it is. None:
    /// there are too many such.
    pub fn open(&self, address: String) -> Option<Connection> {
        {
            let mut known = self.lock();
            let of_address = known.unproven.get(&address).copied().unwrap_or(0);
            if known.all_unproven >= MOST_UNPROVEN || of_address >= MOST_OF_AN_ADDRESS {
                return None;
            }
            known.all_unproven += 1;
            known.unproven.insert(address.clone(), of_address + 1);
        }
        let place = Place { connections: self.clone(), address };
        let connection = Connection(Arc::new(Inner {
            connections: self.clone(),
            sid: OnceLock::new(),
            cut: CancellationToken::new(),
            shared: Mutex::default(),
            place: Mutex::new(Some(place)),
            waiting: AtomicUsize::new(0),
            reader: AtomicWaker::new(),
        }));
        connection.has_to_prove();
        Some(connection)
    }

    /// The connection of this session.
    pub fn find(&self, sid: &str) -> Option<Connection> {
        self.lock().sessions.get(sid)?.upgrade().map(Connection)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut known = self.connections.lock();
        known.all_unproven -= 1;
        if let Some(count) = known.unproven.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                known.unproven.remove(&self.address);
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(sid) = self.sid.get() {
            self.connections.lock().sessions.remove(sid);
        }
    }
}

impl Connection {
    /// Later requests name it so.
    pub fn is_named(&self, sid: String) {
        let sid = self.0.sid.get_or_init(|| sid).clone();
        self.0.connections.lock().sessions.insert(sid, Arc::downgrade(&self.0));
    }

    /// What its namespaces share.
    pub fn shared(&self) -> MutexGuard<'_, Shared> {
        self.0.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It has proven who it is: it is not among the unproven any more.
    pub fn is_proven(&self) {
        let place = self.0.place.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(place);
    }

    /// From now on it is given the usual time to prove who it is, unless it has.
    pub fn has_to_prove(&self) {
        let inner = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            tokio::time::sleep(PROVES_WITHIN + FAREWELL).await;
            if let Some(connection) = inner.upgrade().map(Connection)
                && !connection.shared().is_known()
            {
                connection.cut();
            }
        });
    }

    /// Ends it at once, whether or not its client takes what is sent.
    pub fn cut(&self) {
        self.0.cut.cancel();
    }

    /// Once it is ended from here.
    pub async fn is_cut(&self) {
        self.0.cut.cancelled().await;
    }

    /// One more message waits to be dealt with.
    pub fn waits(&self) -> Waiting {
        self.0.waiting.fetch_add(1, Ordering::AcqRel);
        Waiting(Arc::clone(&self.0))
    }

    /// Does so much wait that nothing more is to be read? Then the reader is woken when it does not.
    fn is_behind(&self, cx: &mut Context<'_>) -> bool {
        let behind = || self.0.waiting.load(Ordering::Acquire) >= MOST_WAITING;
        behind() && {
            self.0.reader.register(cx.waker());
            behind()
        }
    }

    /// The stream of its WebSocket.
    pub fn carried_by(&self, stream: Upgraded) -> Stream {
        let cut = Box::pin(self.0.cut.clone().cancelled_owned());
        Stream { stream: TokioIo::new(stream), cut, connection: self.clone() }
    }
}

/// A WebSocket's stream: at its end when its connection is cut, and not read from while too much of
/// what was read waits.
pub(super) struct Stream {
    stream: TokioIo<Upgraded>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    connection: Connection,
}

impl Stream {
    fn is_cut(&mut self, cx: &mut Context<'_>) -> bool {
        self.cut.as_mut().poll(cx).is_ready()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.is_cut(cx) {
            return Poll::Ready(Ok(()));
        }
        if self.connection.is_behind(cx) {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        if self.is_cut(cx) {
            return Poll::Ready(Err(std::io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        if self.is_cut(cx) {
            return Poll::Ready(Err(std::io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A value in the query, as Engine.IO's own: nothing in it is escaped.
pub(super) fn named<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    let pairs = uri.query()?.split('&');
    pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, v)| v)
}

/// The answer's key, if the request is for a WebSocket that Engine.IO would accept.
pub(super) fn websocket_key(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Option<HeaderValue> {
    let wanted = *method == Method::GET
        && named(uri, "EIO") == Some("4")
        && named(uri, "transport") == Some("websocket");
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| wanted)?;
    HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok()
}
