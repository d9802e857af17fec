//! `/ws/calls` as a plain WebSocket: frames `{event, data}`.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::SinkExt;
use tokio::time::timeout;

use super::{
    attend::{Closing, Gone, Heard, Line, STALLED},
    message::{self, Misunderstood},
};
use crate::realtime::Frame;

/// The token is not good any more: of the range for applications (RFC 6455, 7.4.2), after HTTP's 401.
const UNAUTHORIZED: u16 = 4401;
/// RFC 6455, 7.4.1: the endpoint is going away.
const AWAY: u16 = 1001;
/// A client is given so long to close, too.
const CLOSES_WITHIN: Duration = Duration::from_secs(2);

/// An accepted socket.
pub(super) struct Socket(pub WebSocket);

impl Socket {
    async fn send(&mut self, message: Message, at_once: bool) -> Result<(), Gone> {
        let sending = async {
            match at_once {
                true => self.0.send(message).await,
                // As long as the client takes them, frames are collected.
                false => SinkExt::feed(&mut self.0, message).await,
            }
        };
        match timeout(STALLED, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }
}

impl Line for Socket {
    const TRANSPORT: &'static str = "websocket";
    const PINGS: bool = false;

    async fn hear(&mut self) -> Option<Heard> {
        loop {
            return match self.0.recv().await?.ok()? {
                Message::Text(text) => Some(Heard::Wish(message::parse(&text))),
                Message::Binary(_) => {
                    Some(Heard::Wish(Err(Misunderstood::new("Frames are text, not binary"))))
                }
                Message::Pong(_) => Some(Heard::Pong),
                // It is answered already.
                Message::Ping(_) => continue,
                Message::Close(_) => None,
            };
        }
    }

    async fn say(&mut self, frame: &Frame, numbered: bool) -> Result<(), Gone> {
        self.send(Message::Text(frame.text(numbered)), false).await
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        match timeout(STALLED, SinkExt::flush(&mut self.0)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }

    async fn ping(&mut self) -> Result<(), Gone> {
        self.send(Message::Ping(Default::default()), true).await
    }

    async fn close(mut self, why: Closing) {
        let (code, reason) = match why {
            Closing::Unauthorized(reason) => (UNAUTHORIZED, reason),
            Closing::Silent => (AWAY, "No pong came in time"),
        };
        let frame = CloseFrame { code, reason: reason.into() };
        let farewell = async {
            if self.0.send(Message::Close(Some(frame))).await.is_ok() {
                while let Some(Ok(_)) = self.0.recv().await {}
            }
        };
        // Then the connection is cut.
        let _ = timeout(CLOSES_WITHIN, farewell).await;
    }

    fn cut(self) {}
}
