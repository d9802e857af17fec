//! The media socket: from its upgrade to a running session.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{
        State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    },
    http::{HeaderMap, Uri},
    response::{IntoResponse, Response},
};
use media::stream::{self, Inbound, MAX_MESSAGE, Start};
use tokio::time::{Instant, timeout, timeout_at};

use super::auth::check_upgrade;
use crate::{
    gateway::Gateway,
    live::session::{Carrier, Closed, Received},
};

/// From the upgrade to `start`.
const START_WITHIN: Duration = Duration::from_secs(5);
/// A peer that takes nothing for so long is gone.
const SEND_WITHIN: Duration = Duration::from_secs(5);
/// Messages before `start` that are put up with.
const MOST_BEFORE_START: u32 = 8;

/// `GET /media`: the carrier opens a call's audio.
pub async fn upgrade(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if let Err(refused) = check_upgrade(&gateway, &uri, &headers) {
        return refused.into_response();
    }
    upgrade
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        // The default of 128 KiB is zeroed at every read: most of the cost of a small message.
        .read_buffer_size(4_096)
        .write_buffer_size(0)
        .on_upgrade(move |socket| async move {
            let tasks = gateway.tasks.clone();
            // Tracked, so that a drain waits for it.
            tasks.spawn(serve(gateway, Socket { socket, broken: false }));
        })
}

async fn serve(gateway: Arc<Gateway>, mut socket: Socket) {
    metrics::counter!("tandem_sockets_total").increment(1);
    let start = match first_messages(&mut socket).await {
        Ok(start) => start,
        Err(refusal) => return refuse(&mut socket, refusal.code, refusal.reason).await,
    };
    let token = start.parameters.get("token").map_or("", String::as_str);
    match gateway.desk.registry.admit(token, &start.call_sid).await {
        Ok((expected, live, words)) => {
            // A session's state is large: on the heap once, not moved about with this task.
            Box::pin(gateway.conduct(start, expected, live, words, &mut socket)).await;
        }
        Err(error) => {
            tracing::warn!(call = start.call_sid, %error, "a socket was refused");
            refuse(&mut socket, 1008, "token refused").await;
        }
    }
}

async fn refuse(socket: &mut Socket, code: u16, reason: &'static str) {
    metrics::counter!("tandem_sockets_refused_total", "reason" => reason).increment(1);
    socket.close(code, reason).await;
}

/// Why a socket is closed before its session began.
struct Refusal {
    code: u16,
    reason: &'static str,
}

/// Reads up to `start`, which must come in time.
async fn first_messages(socket: &mut Socket) -> Result<Start, Refusal> {
    let until = Instant::now() + START_WITHIN;
    for _ in 0..MOST_BEFORE_START {
        let text = match timeout_at(until, socket.receive()).await {
            Err(_) => return Err(Refusal { code: 1008, reason: "no start in time" }),
            Ok(None) => return Err(Refusal { code: 1000, reason: "closed before start" }),
            Ok(Some(Received::Alive)) => continue,
            Ok(Some(Received::Foreign(reason))) => return Err(Refusal { code: 1003, reason }),
            Ok(Some(Received::Text(text))) => text,
        };
        match stream::parse(&text) {
            Ok(Inbound::Connected { .. } | Inbound::Unknown { .. }) => {}
            Ok(Inbound::Start(start)) => return Ok(*start),
            Ok(
                Inbound::Media(_) | Inbound::Mark { .. } | Inbound::Dtmf(_) | Inbound::Stop { .. },
            ) => {
                return Err(Refusal { code: 1002, reason: "messages out of order" });
            }
            Err(error) => {
                tracing::warn!(%error, "a malformed message before start");
                return Err(Refusal { code: 1003, reason: "malformed message" });
            }
        }
    }
    Err(Refusal { code: 1008, reason: "no start in time" })
}

/// The carrier's socket as the session sees it.
struct Socket {
    socket: WebSocket,
    /// It cannot be read on.
    broken: bool,
}

impl Carrier for Socket {
    async fn receive(&mut self) -> Option<Received> {
        if self.broken {
            return None;
        }
        match self.socket.recv().await? {
            Ok(Message::Text(text)) => Some(Received::Text(text.as_str().to_owned())),
            Ok(Message::Binary(_)) => Some(Received::Foreign("binary message")),
            Ok(Message::Ping(_) | Message::Pong(_)) => Some(Received::Alive),
            Ok(Message::Close(_)) => None,
            Err(error) => {
                // Too large, not UTF-8, cut: the connection cannot be read on.
                tracing::warn!(%error, "the carrier's socket failed");
                metrics::counter!("tandem_socket_failures_total").increment(1);
                self.broken = true;
                Some(Received::Foreign("unreadable message"))
            }
        }
    }

    async fn send(&mut self, text: String) -> Result<(), Closed> {
        match timeout(SEND_WITHIN, self.socket.send(Message::Text(text.into()))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Closed),
        }
    }

    async fn close(&mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame { code, reason: reason.into() };
        let _ = timeout(SEND_WITHIN, self.socket.send(Message::Close(Some(frame)))).await;
        // The peer's own close frame, so that it is not cut off before it has read ours.
        let drained = async { while let Some(Ok(_)) = self.socket.recv().await {} };
        let _ = timeout(Duration::from_secs(1), drained).await;
    }
}
