//! Socket.IO (protocol 5): the same events, each under its own name, the payload without the frame.
//!
//! Namespaces `/` and `/ws/calls`: a client that is given `…/ws/calls?token=…` opens the latter. On `/`
//! a client may come without a token, and gets nothing until it has one.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::{Ready, ready},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::Body,
    http::{Request, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use socketioxide::{
    SendError, SocketError, SocketIo,
    extract::{Event, SocketRef, TryData},
    handler::ConnectHandler as _,
    service::SocketIoService,
};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::{
    super::error::Problem,
    admit,
    attend::{self, Closing, Gone, Heard, Line, STALLED, refusal},
    full, message, token_of,
};
use crate::{
    api::{Api, address},
    app::Verified,
    realtime::{Frame, Listener, Seat},
};

/// What a client says before it is dealt with.
const MOST_SAID: usize = 64;
/// Packets that wait for the transport to take them; then events wait at the hub.
const MOST_WAITING: usize = 256;
/// While they do, there is room again so soon.
const ROOM_WITHIN: Duration = Duration::from_millis(20);
/// The server pings so often and waits as long: 60 s without a pong, and the connection is closed.
const PING_EVERY: Duration = Duration::from_secs(30);
/// The longest packet of a client, bytes.
const LONGEST: usize = 64 * 1_024;
/// Clients without a token that are kept waiting, and how long.
const MOST_UNKNOWN: usize = 1_000;
const UNKNOWN_FOR: Duration = Duration::from_secs(60);

/// The server.
#[derive(Clone)]
pub(super) struct Server(SocketIoService<Nothing>);

/// What is there besides Socket.IO: nothing.
#[derive(Clone, Copy, Debug)]
struct Nothing;

impl Service<Request<Body>> for Nothing {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        ready(Ok(StatusCode::NOT_FOUND.into_response()))
    }
}

/// One connection, whose namespaces share a seat.
#[derive(Clone, Default)]
struct Connection(Arc<Mutex<Shared>>);

#[derive(Default)]
struct Shared {
    /// Held by the namespaces that are open.
    seat: Weak<Seat>,
    /// Namespaces that were let in and are not open yet.
    admitted: HashMap<String, Admitted>,
}

/// A client that was let in.
struct Admitted {
    /// None: who it is has yet to be proven.
    known: Option<(Verified, Listener, Arc<Seat>)>,
    heard: mpsc::Receiver<Heard>,
    left: CancellationToken,
}

impl Server {
    /// A server of both namespaces.
    pub fn new(api: &Arc<Api>) -> Self {
        let (service, io) = SocketIo::builder()
            .req_path("/socket.io")
            .ping_interval(PING_EVERY)
            .ping_timeout(PING_EVERY)
            .max_buffer_size(MOST_WAITING)
            .max_payload(LONGEST as u64)
            .ws_max_message_size(LONGEST)
            .ws_max_frame_size(LONGEST)
            .ws_read_buffer_size(4 * 1_024)
            .build_with_inner_svc(Nothing);
        let unknown = Arc::new(AtomicUsize::new(0));
        for namespace in ["/", "/ws/calls"] {
            let opened = {
                let (api, unknown) = (api.clone(), unknown.clone());
                move |socket: SocketRef| open(api, unknown, socket)
            };
            let api = api.clone();
            let entering = move |socket: SocketRef, TryData(auth): TryData<Value>| {
                enter(api.clone(), socket, auth.unwrap_or_default())
            };
            io.ns(namespace, opened.with(entering));
        }
        Server(service)
    }

    /// Answers a request of Engine.IO's, whatever its path.
    pub async fn answer(&self, mut request: Request<Body>) -> Response {
        let query = request.uri().query().unwrap_or_default();
        // There is nothing in a query that a URI could not hold.
        if let Ok(uri) = format!("/socket.io/?{query}").parse() {
            *request.uri_mut() = uri;
        }
        request.extensions_mut().insert(Connection::default());
        let Ok(response) = self.0.clone().call(request).await;
        response.map(Body::new)
    }
}

/// Lets a client into a namespace, or says why not. What it says is heard from here on: it may
/// subscribe as soon as it is told that it is in.
async fn enter(api: Arc<Api>, socket: SocketRef, auth: Value) -> Result<(), String> {
    let parts = socket.req_parts();
    let Some(connection) = parts.extensions.get::<Connection>().cloned() else {
        return Err("INTERNAL_ERROR: Internal server error".to_owned());
    };
    let trusted = &api.app.settings.trusted_proxies;
    let address = address::of(&parts.headers, &parts.extensions, trusted);
    let token = auth["token"].as_str().map(str::to_owned);
    let token = token.or_else(|| token_of(parts.uri.query(), &parts.headers));
    let (say, heard) = mpsc::channel(MOST_SAID);
    let left = CancellationToken::new();
    let known = match token {
        None if socket.ns() == "/" => None,
        token => {
            let verified = admit(&api, token.as_deref(), address).await;
            let verified = verified.map_err(|(problem, _)| said(&problem))?;
            let seat = connection.seat(&api, &verified).ok_or_else(|| said(&full()))?;
            let listener = api.app.hub.listen(verified.actor.tenant);
            Some((verified, listener, seat))
        }
    };
    if known.is_some() {
        hear(&socket, &say);
    }
    let gone = left.clone();
    socket.on_disconnect(move || {
        gone.cancel();
        ready(())
    });
    let admitted = Admitted { known, heard, left };
    connection.lock().admitted.insert(socket.ns().to_owned(), admitted);
    Ok(())
}

/// A refusal as a text: Socket.IO's `connect_error` has no more than a message.
fn said(problem: &Problem) -> String {
    let (code, message) = problem.said();
    format!("{code}: {message}")
}

/// Takes down what the client says, in its order: handlers themselves run beside each other.
fn hear(socket: &SocketRef, say: &mpsc::Sender<Heard>) {
    let took_down = |say: &mpsc::Sender<Heard>, event: &str, data: &Value| {
        // A client that says more than can be done is not heard.
        let _ = say.try_send(Heard::Wish(message::wish(event, data)));
        ready(())
    };
    for event in ["subscribe", "unsubscribe"] {
        let say = say.clone();
        socket.on(event, move |TryData(data): TryData<Value>| {
            took_down(&say, event, &data.unwrap_or_default())
        });
    }
    let say = say.clone();
    socket.on_fallback(move |Event(event): Event| took_down(&say, &event, &Value::Null));
}

/// Serves a namespace's client from the moment that it is told that it is in.
async fn open(api: Arc<Api>, unknown: Arc<AtomicUsize>, socket: SocketRef) {
    let connection = socket.req_parts().extensions.get::<Connection>().cloned();
    let admitted = connection.and_then(|one| one.lock().admitted.remove(socket.ns()));
    let Some(Admitted { known, heard, left }) = admitted else {
        let _ = socket.disconnect();
        return;
    };
    let Some((verified, listener, seat)) = known else {
        wait_for_proof(unknown, socket, left).await;
        return;
    };
    let line = Channel { socket, heard, left };
    attend::attend(api, verified, listener, line, seat).await;
}

/// Keeps a client that has not said who it is: it is told nothing, and not kept for ever.
async fn wait_for_proof(unknown: Arc<AtomicUsize>, socket: SocketRef, left: CancellationToken) {
    if unknown.fetch_add(1, Ordering::Relaxed) < MOST_UNKNOWN {
        tokio::select! {
            () = left.cancelled() => {}
            () = tokio::time::sleep(UNKNOWN_FOR) => {}
        }
    }
    unknown.fetch_sub(1, Ordering::Relaxed);
    let _ = socket.disconnect();
}

impl Connection {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The seat of this connection; none, if the user has too many.
    fn seat(&self, api: &Api, verified: &Verified) -> Option<Arc<Seat>> {
        let mut shared = self.lock();
        let user = verified.actor.user;
        if let Some(seat) = shared.seat.upgrade().filter(|seat| seat.user() == user) {
            return Some(seat);
        }
        let seat = Arc::new(api.seats.take(user, api.app.settings.limits.sockets)?);
        shared.seat = Arc::downgrade(&seat);
        Some(seat)
    }
}

/// A client in a namespace.
struct Channel {
    socket: SocketRef,
    heard: mpsc::Receiver<Heard>,
    left: CancellationToken,
}

/// What stands beside the payload, for a client that asked for it.
#[derive(Serialize)]
struct Beside {
    sequence: i64,
}

impl Channel {
    /// Emits it as soon as there is room.
    async fn emit<T: Serialize + Sync>(&self, event: &str, arguments: &T) -> Result<(), Gone> {
        let until = Instant::now() + STALLED;
        loop {
            match self.socket.emit(event, arguments) {
                Ok(()) => return Ok(()),
                Err(SendError::Socket(SocketError::InternalChannelFull))
                    if Instant::now() < until =>
                {
                    tokio::time::sleep(ROOM_WITHIN).await;
                }
                Err(_) => return Err(Gone),
            }
        }
    }
}

impl Line for Channel {
    const TRANSPORT: &'static str = "socket.io";
    const PINGS: bool = true;

    async fn hear(&mut self) -> Option<Heard> {
        tokio::select! {
            biased;
            () = self.left.cancelled() => None,
            heard = self.heard.recv() => heard,
        }
    }

    async fn say(&mut self, frame: &Frame, numbered: bool) -> Result<(), Gone> {
        let data: &RawValue = &frame.data;
        match frame.sequence.filter(|_| numbered) {
            None => self.emit(frame.event, &(data,)).await,
            Some(sequence) => self.emit(frame.event, &(data, Beside { sequence })).await,
        }
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        Ok(())
    }

    async fn ping(&mut self) -> Result<(), Gone> {
        Ok(())
    }

    async fn close(self, why: Closing) {
        let reason = match why {
            Closing::Unauthorized(reason) => reason,
            Closing::Silent => "No pong came in time",
        };
        if let Some(frame) = refusal("UNAUTHORIZED", reason) {
            let _ = self.emit(frame.event, &(&frame.data,)).await;
        }
        let _ = self.socket.disconnect();
    }
}
