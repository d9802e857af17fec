//! Live events: `/ws/calls` as a WebSocket, and Socket.IO.
//!
//! One address serves the clients of three dialects: those that subscribe are told this dialect's
//! events; those that do not, the CRM's ([`Api::feed`]). Who may see what is decided by a
//! [`Watcher`](crate::realtime::Watcher); [`attend`] moves events from the hub to one connection, and
//! the transports carry them. `docs/events.md` says what goes beyond the contract.

use std::sync::Arc;

use axum::{
    Router,
    extract::{FromRequestParts, Query, Request, State, WebSocketUpgrade},
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::any,
};

use self::{socket_io::Server, websocket::Socket};
use super::{error::Problem, gate};
use crate::{
    api::{Api, address, limit::Standing},
    app::Verified,
    domain::Right,
};

mod attend;
mod engine_io;
mod message;
mod socket_io;
mod websocket;

/// A connection whose client has gone is noticed within so many seconds: then there is a seat again.
const SEAT_IS_FREE_WITHIN: i64 = 60;
/// The longest frame of a client, bytes.
const LONGEST: usize = 16 * 1_024;

#[derive(Clone)]
struct Live {
    api: Arc<Api>,
    socket_io: Server,
}

/// The routes; they are outside `/api/v1`.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(api: Arc<Api>) -> Router<S> {
    let socket_io = Server::new(&api);
    Router::new()
        .route("/ws/calls", any(ws_calls))
        // As Socket.IO's client writes a path that it was given.
        .route("/ws/calls/", any(ws_calls))
        .route("/socket.io", any(engine_io))
        .route("/socket.io/", any(engine_io))
        .with_state(Live { api, socket_io })
}

async fn engine_io(State(live): State<Live>, request: Request) -> Response {
    live.socket_io.answer(request).await
}

async fn ws_calls(State(live): State<Live>, request: Request) -> Response {
    let query = request.uri().query();
    // A Socket.IO client that was given this as its path shakes hands here.
    if query.is_some_and(|query| query.split('&').any(|pair| pair.starts_with("EIO="))) {
        return live.socket_io.answer(request).await;
    }
    let api = live.api;
    let (mut parts, _) = request.into_parts();
    let token = token_of(parts.uri.query(), &parts.headers);
    let trusted = &api.app.settings.trusted_proxies;
    let from = address::of(&parts.headers, &parts.extensions, trusted);
    let verified = match admit(&api, token.as_deref(), from).await {
        Ok(verified) => verified,
        Err((problem, None)) => return problem.into_response(),
        Err((problem, Some(standing))) => return gate::told(problem.into_response(), standing),
    };
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(_) => {
            let wanted = "This address is a WebSocket's";
            return Problem::new(StatusCode::UPGRADE_REQUIRED, "UPGRADE_REQUIRED", wanted)
                .into_response();
        }
    };
    let most = api.app.settings.limits.sockets;
    let Some(seat) = api.seats.take(verified.actor.user, most) else {
        let resets_at = api.app.clock.now().timestamp() + SEAT_IS_FREE_WITHIN;
        let wait = Some(SEAT_IS_FREE_WITHIN);
        return gate::told(
            full().into_response(),
            Standing { limit: most, left: 0, resets_at, wait },
        );
    };
    // From here on nothing is missed, though the client has yet to be told that it is connected.
    let listener = api.app.hub.listen(verified.actor.tenant);
    upgrade
        .max_message_size(LONGEST)
        .max_frame_size(LONGEST)
        .read_buffer_size(4 * 1_024)
        .on_upgrade(move |socket| {
            attend::attend(api, verified, listener, Socket(socket), Arc::new(seat))
        })
}

/// The token of `?token=`, or of `Authorization`.
fn token_of(query: Option<&str>, headers: &HeaderMap) -> Option<String> {
    let in_query = || {
        let uri = Uri::builder().path_and_query(format!("/?{}", query?)).build().ok()?;
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&uri).ok()?;
        pairs.into_iter().find(|(name, _)| name == "token").map(|(_, token)| token)
    };
    in_query().or_else(|| gate::bearer(headers).map(str::to_owned))
}

/// Whose the token is, if it is good, and they may watch calls. Refusals count against the address.
async fn admit(
    api: &Api,
    token: Option<&str>,
    address: Option<std::net::IpAddr>,
) -> Result<Verified, (Problem, Option<Standing>)> {
    let address = address.map(crate::api::address::client);
    let verified = match token {
        None => Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "UNAUTHORIZED",
            "Missing or invalid authentication",
        )),
        Some(token) => api.app.verify(token, address.clone()).await.map_err(Problem::from),
    };
    let verified = verified.map_err(|problem| {
        let (problem, standing) = gate::refused(api, address, problem);
        (problem, Some(standing))
    })?;
    match verified.actor.may(Right::SeeCalls) {
        Ok(()) => Ok(verified),
        Err(forbidden) => Err((Problem::from(crate::app::Error::from(forbidden)), None)),
    }
}

/// The user has as many sockets as one may have.
fn full() -> Problem {
    let told = "Too many live connections";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMIT_EXCEEDED", told)
}
