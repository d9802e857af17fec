//! Socket.IO (protocol 5): the same events, each under its own name, the payload without the frame.
//!
//! Namespaces `/` and `/ws/calls`: a client that is given `…/ws/calls?token=…` opens the latter. On `/`
//! a client may come without a token, and gets nothing until it has one.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::{Ready, ready},
    sync::{Arc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, to_bytes},
    http::{HeaderValue, Request, StatusCode, header},
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
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::{
    super::{error::Problem, gate},
    admit,
    attend::{self, Closing, Gone, Heard, Line, STALLED, refusal},
    engine_io::{self, Connection, Connections, PROVES_WITHIN, Waiting},
    full,
    message::{self, Target, Wish},
    token_of,
};
use crate::{
    api::{Api, address, limit::Standing},
    app::Verified,
    realtime::{Frame, Listener, MOST_CALLS, Seat},
};

/// What a client may say before it is dealt with: it may drop and make again all subscriptions that it
/// can have. A WebSocket is not read from long before.
const MOST_SAID: usize = 2 * MOST_CALLS + 48;
/// Packets that wait for the transport to take them; then events wait at the hub.
const MOST_WAITING: usize = 256;
/// While they do, there is room again so soon.
const ROOM_WITHIN: Duration = Duration::from_millis(20);
/// The server pings so often and waits as long: 60 s without a pong, and the connection is closed.
const PING_EVERY: Duration = Duration::from_secs(30);
/// The longest packet of a client, bytes.
const LONGEST: usize = 64 * 1_024;
/// A farewell is given so long to find room among what waits.
const FAREWELL_WITHIN: Duration = Duration::from_secs(2);
/// The longest answer to a first request, bytes.
const LONGEST_OPENING: usize = 4 * 1_024;

/// The server.
#[derive(Clone)]
pub(super) struct Server {
    service: SocketIoService<Nothing>,
    connections: Connections,
    api: Arc<Api>,
}

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

/// What the namespaces of a connection share.
#[derive(Default)]
pub(super) struct Shared {
    /// Held by the namespaces that are open.
    seat: Weak<Seat>,
    /// Namespaces that were let in and are not open yet.
    admitted: HashMap<String, Admitted>,
}

impl Shared {
    /// Is anybody there who has proven who they are?
    pub fn is_known(&self) -> bool {
        self.seat.strong_count() > 0
    }
}

/// What a client said, as long as that waits to be dealt with.
type Said = (Heard, Waiting);

/// A client that was let in.
struct Admitted {
    /// None: who it is has yet to be proven.
    known: Option<(Verified, Listener, Arc<Seat>)>,
    heard: mpsc::Receiver<Said>,
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
            .connect_timeout(PROVES_WITHIN)
            .build_with_inner_svc(Nothing);
        for namespace in ["/", "/ws/calls"] {
            let opened = {
                let api = api.clone();
                move |socket: SocketRef| open(api, socket)
            };
            let api = api.clone();
            let entering = move |socket: SocketRef, TryData(auth): TryData<Value>| {
                enter(api.clone(), socket, auth.unwrap_or_default())
            };
            io.ns(namespace, opened.with(entering));
        }
        Server { service, connections: Connections::default(), api: api.clone() }
    }

    /// Answers a request of Engine.IO's, whatever its path.
    pub async fn answer(&self, mut request: Request<Body>) -> Response {
        let query = request.uri().query().unwrap_or_default();
        // There is nothing in a query that a URI could not hold.
        if let Ok(uri) = format!("/socket.io/?{query}").parse() {
            *request.uri_mut() = uri;
        }
        let session = engine_io::named(request.uri(), "sid").map(str::to_owned);
        let (connection, is_new) = match session.as_deref() {
            Some(sid) => (self.connections.find(sid), false),
            None => {
                let Some(connection) = self.connections.open(self.client_of(&request)) else {
                    return self.crowded();
                };
                (Some(connection), true)
            }
        };
        let Some(connection) = connection else { return unknown_session() };
        let key = engine_io::websocket_key(request.method(), request.uri(), request.headers());
        if let Some(key) = key {
            return self.upgrade(request, connection, key);
        }
        request.extensions_mut().insert(connection.clone());
        let mut service = self.service.clone();
        let response = tokio::select! {
            Ok(response) = service.call(request) => response.map(Body::new),
            () = connection.is_cut() => return unknown_session(),
        };
        if is_new { introduced(response, &connection).await } else { response }
    }

    /// Who is counted as one client.
    fn client_of(&self, request: &Request<Body>) -> String {
        let trusted = &self.api.app.settings.trusted_proxies;
        let address = address::of(request.headers(), request.extensions(), trusted);
        address.map(address::client).unwrap_or_default()
    }

    /// Too many connections have yet to prove who they are.
    fn crowded(&self) -> Response {
        metrics::counter!("tandem_engine_io_refused_total").increment(1);
        let wait = PROVES_WITHIN.as_secs().cast_signed();
        let resets_at = self.api.app.clock.now().timestamp() + wait;
        let limit = engine_io::MOST_OF_AN_ADDRESS;
        gate::told(full().into_response(), Standing { limit, left: 0, resets_at, wait: Some(wait) })
    }

    /// Takes the stream of a WebSocket over, so that it can be cut.
    fn upgrade(
        &self,
        request: Request<Body>,
        connection: Connection,
        key: HeaderValue,
    ) -> Response {
        let (mut parts, body) = request.into_parts();
        let mut service = self.service.clone();
        let on_upgrade = hyper::upgrade::on(Request::from_parts(parts.clone(), body));
        parts.extensions.insert(connection.clone());
        tokio::spawn(async move {
            if let Ok(stream) = on_upgrade.await {
                // What it refuses, it closes.
                let request = Request::from_parts(parts, ());
                let _ = service.call((connection.carried_by(stream), request)).await;
            }
        });
        let headers = [
            (header::CONNECTION, HeaderValue::from_static("upgrade")),
            (header::UPGRADE, HeaderValue::from_static("websocket")),
            (header::SEC_WEBSOCKET_ACCEPT, key),
        ];
        (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
    }
}

/// As Engine.IO says it of a session that is over.
fn unknown_session() -> Response {
    let said = r#"{"code":"1","message":"Session ID unknown"}"#;
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/json")], said).into_response()
}

/// Learns from the answer to a first request how later ones name their connection.
async fn introduced(response: Response, connection: &Connection) -> Response {
    let (parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, LONGEST_OPENING).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    // "0" and JSON, of an opening; a refusal is neither.
    let opening: Option<Value> =
        body.strip_prefix(b"0").and_then(|opening| serde_json::from_slice(opening).ok());
    if let Some(sid) = opening.as_ref().and_then(|opening| opening["sid"].as_str()) {
        connection.is_named(sid.to_owned());
    }
    Response::from_parts(parts, Body::from(body))
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
        // It may prove itself later, if that is soon.
        None if socket.ns() == "/" => None,
        token => {
            let verified = admit(&api, token.as_deref(), address).await;
            let verified = verified.map_err(|(problem, _)| said(&problem))?;
            let seat = seat_of(&connection, &api, &verified).ok_or_else(|| said(&full()))?;
            connection.is_proven();
            let listener = api.app.hub.listen(verified.actor.tenant);
            Some((verified, listener, seat))
        }
    };
    if known.is_some() {
        hear(&socket, &connection, &say);
    }
    let gone = left.clone();
    socket.on_disconnect(move || {
        gone.cancel();
        ready(())
    });
    let admitted = Admitted { known, heard, left };
    connection.shared().admitted.insert(socket.ns().to_owned(), admitted);
    Ok(())
}

/// A refusal as a text: Socket.IO's `connect_error` has no more than a message.
fn said(problem: &Problem) -> String {
    let (code, message) = problem.said();
    format!("{code}: {message}")
}

/// Takes down what the client says, in its order: handlers themselves run beside each other.
fn hear(socket: &SocketRef, connection: &Connection, say: &mpsc::Sender<Said>) {
    let took_down = {
        let (connection, say) = (connection.clone(), say.clone());
        move |socket: &SocketRef, event: &str, data: &Value| {
            let heard = Heard::Wish(message::wish(event, data));
            if let Err(TrySendError::Full((heard, _))) = say.try_send((heard, connection.waits()))
                && not_taken(socket, event, &heard).is_err()
            {
                // It says more than can be done, and does not listen to being told so.
                connection.cut();
            }
            ready(())
        }
    };
    for event in ["subscribe", "unsubscribe"] {
        let took_down = took_down.clone();
        socket.on(event, move |socket: SocketRef, TryData(data): TryData<Value>| {
            took_down(&socket, event, &data.unwrap_or_default())
        });
    }
    socket.on_fallback(move |socket: SocketRef, Event(event): Event| {
        took_down(&socket, &event, &Value::Null)
    });
}

/// Tells a client that something it said was not taken, as too much waits.
fn not_taken(socket: &SocketRef, event: &str, heard: &Heard) -> Result<(), Gone> {
    let what = match heard {
        Heard::Wish(Ok(
            Wish::Subscribe { to: Target::Call(call), .. }
            | Wish::Unsubscribe { from: Target::Call(call) },
        )) => format!("{event} to {call}"),
        Heard::Wish(Ok(_)) => format!("{event} to all calls"),
        Heard::Wish(Err(_)) | Heard::Pong => "a message".to_owned(),
    };
    let said = format!("Too much was said at once: {what} was not taken, say it again later");
    let frame = refusal("RATE_LIMIT_EXCEEDED", &said).ok_or(Gone)?;
    socket.emit(frame.event, &(&frame.data,)).map_err(|_| Gone)
}

/// Serves a namespace's client from the moment that it is told that it is in.
async fn open(api: Arc<Api>, socket: SocketRef) {
    let connection = socket.req_parts().extensions.get::<Connection>().cloned();
    let Some(connection) = connection else { return drop(socket.disconnect()) };
    let admitted = connection.shared().admitted.remove(socket.ns());
    let Some(Admitted { known, heard, left }) = admitted else {
        // It has left already.
        return drop(socket.disconnect());
    };
    let Some((verified, listener, seat)) = known else {
        return wait_for_proof(socket, left).await;
    };
    let line = Channel { socket, heard, left, connection: connection.clone() };
    attend::attend(api, verified, listener, line, seat).await;
    // Of those who stay without any namespace, the connection does not last.
    connection.has_to_prove();
}

/// Keeps a client that has not said who it is: it is told nothing, and not kept for long.
async fn wait_for_proof(socket: SocketRef, left: CancellationToken) {
    tokio::select! {
        () = left.cancelled() => {}
        () = tokio::time::sleep(PROVES_WITHIN) => drop(socket.disconnect()),
    }
}

/// The seat of this connection; none, if the user has too many.
fn seat_of(connection: &Connection, api: &Api, verified: &Verified) -> Option<Arc<Seat>> {
    let mut shared = connection.shared();
    let user = verified.actor.user;
    if let Some(seat) = shared.seat.upgrade().filter(|seat| seat.user() == user) {
        return Some(seat);
    }
    let seat = Arc::new(api.seats.take(user, api.app.settings.limits.sockets)?);
    shared.seat = Arc::downgrade(&seat);
    Some(seat)
}

/// A client in a namespace.
struct Channel {
    socket: SocketRef,
    heard: mpsc::Receiver<Said>,
    left: CancellationToken,
    connection: Connection,
}

/// What stands beside the payload, for a client that asked for it.
#[derive(Serialize)]
struct Beside {
    sequence: i64,
}

impl Channel {
    /// Emits it as soon as there is room, if that is within this time.
    async fn emit<T: Serialize + Sync>(
        &self,
        event: &str,
        arguments: &T,
        within: Duration,
    ) -> Result<(), Gone> {
        let until = Instant::now() + within;
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
            said = self.heard.recv() => said.map(|(heard, _)| heard),
        }
    }

    async fn say(&mut self, frame: &Frame, numbered: bool) -> Result<(), Gone> {
        let data: &RawValue = &frame.data;
        match frame.sequence.filter(|_| numbered) {
            None => self.emit(frame.event, &(data,), STALLED).await,
            Some(sequence) => self.emit(frame.event, &(data, Beside { sequence }), STALLED).await,
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
        let said = match refusal("UNAUTHORIZED", reason) {
            Some(frame) => self.emit(frame.event, &(&frame.data,), FAREWELL_WITHIN).await,
            None => Ok(()),
        };
        // Where there is no room for a farewell either, there are no good manners.
        if said.is_err() || self.socket.disconnect().is_err() {
            self.connection.cut();
        }
    }

    fn cut(self) {
        self.connection.cut();
    }
}
