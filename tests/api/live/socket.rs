//! A client's end of `/ws/calls`, and of Socket.IO over a WebSocket.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tandem::domain::CallId;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{self, Message, client::IntoClientRequest},
};

use super::frames::{check_frame, check_payload};
use crate::stage::{Client, Stage};

/// Nothing takes longer.
const WITHIN: Duration = Duration::from_secs(60);

/// A WebSocket as it is.
pub type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// An open `/ws/calls`.
pub struct Socket(pub Stream);

/// Opens a WebSocket at this path; an HTTP status if it was refused.
pub async fn open(stage: &Stage, path: &str, token: Option<&str>) -> Result<Stream, u16> {
    let url = format!("{}{path}", stage.url.replace("http", "ws"));
    let mut request = url.into_client_request().expect("a request");
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().expect("a header");
        request.headers_mut().insert("authorization", value);
    }
    match connect_async(request).await {
        Ok((stream, _)) => Ok(stream),
        Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

impl Socket {
    /// Opens one with the client's token in the query.
    pub async fn of(stage: &Stage, client: &Client) -> Socket {
        Socket::try_of(stage, client).await.expect("it opens")
    }

    /// The same, or the status that refused it.
    pub async fn try_of(stage: &Stage, client: &Client) -> Result<Socket, u16> {
        open(stage, &format!("/ws/calls?token={}", client.token), None).await.map(Socket)
    }

    pub async fn say(&mut self, event: &str, data: Value) {
        let frame = json!({"event": event, "data": data}).to_string();
        self.0.send(Message::text(frame)).await.expect("it is sent");
    }

    /// Subscribes, and waits until that is so: nothing says it, but frames are dealt with in order, and
    /// one that is not understood is answered.
    pub async fn subscribe(&mut self, data: Value) {
        self.say("subscribe", data).await;
        assert_eq!(self.settle().await, Vec::<Value>::new());
    }

    pub async fn subscribe_to(&mut self, call: CallId) {
        self.subscribe(json!({"type": "call", "call_id": call.to_string()})).await;
    }

    /// Waits until all that was said before is dealt with; what was heard meanwhile.
    pub async fn settle(&mut self) -> Vec<Value> {
        self.say("settled?", json!({})).await;
        let mut heard = Vec::new();
        loop {
            let frame = self.hear().await;
            if frame["data"]["message"] == "event must be subscribe or unsubscribe" {
                return heard;
            }
            heard.push(frame);
        }
    }

    /// The next frame.
    pub async fn hear(&mut self) -> Value {
        self.next().await.expect("a frame, not the end")
    }

    /// The next frame, or with what code the socket was closed.
    pub async fn next(&mut self) -> Result<Value, u16> {
        loop {
            let next = timeout(WITHIN, self.0.next()).await.expect("in time");
            match next {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).expect("JSON");
                    check_frame(&frame);
                    return Ok(frame);
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(Some(frame)))) => return Err(frame.code.into()),
                Some(Ok(_)) | None => return Err(0),
                Some(Err(_)) => return Err(1),
            }
        }
    }
}

/// A namespace of Socket.IO, over a WebSocket that begins as one.
pub struct SocketIo {
    stream: Stream,
    namespace: &'static str,
}

impl SocketIo {
    /// Opens a namespace; `auth` is what the client sends along. The refusal's message, if refused.
    pub async fn open(
        stage: &Stage,
        path: &str,
        namespace: &'static str,
        auth: Value,
    ) -> Result<SocketIo, String> {
        let sign = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{sign}EIO=4&transport=websocket");
        let mut stream = open(stage, &path, None).await.expect("Engine.IO opens");
        let mut socket = loop {
            let text = text(&mut stream).await.expect("a handshake");
            if let Some(open) = text.strip_prefix('0') {
                let open: Value = serde_json::from_str(open).expect("JSON");
                assert_eq!(
                    (&open["pingInterval"], &open["pingTimeout"]),
                    (&json!(30_000), &json!(30_000))
                );
                break SocketIo { stream, namespace };
            }
        };
        let prefix = socket.prefix();
        socket.send(format!("40{prefix}{auth}")).await;
        loop {
            let text = text(&mut socket.stream).await.expect("an answer");
            if text.starts_with(&format!("40{prefix}")) {
                return Ok(socket);
            }
            if let Some(refused) = text.strip_prefix(&format!("44{prefix}")) {
                let refused: Value = serde_json::from_str(refused).expect("JSON");
                return Err(refused["message"].as_str().expect("a message").to_owned());
            }
        }
    }

    fn prefix(&self) -> String {
        if self.namespace == "/" { String::new() } else { format!("{},", self.namespace) }
    }

    async fn send(&mut self, text: String) {
        self.stream.send(Message::text(text)).await.expect("it is sent");
    }

    pub async fn emit(&mut self, event: &str, data: Value) {
        let text = format!("42{}{}", self.prefix(), json!([event, data]));
        self.send(text).await;
    }

    /// Waits until all that was emitted before is dealt with.
    pub async fn settle(&mut self) {
        self.emit("settled?", json!({})).await;
        let heard = self.hear().await;
        assert_eq!(heard[0], "error", "{heard}");
        assert_eq!(heard[1]["code"], "VALIDATION_ERROR", "{heard}");
    }

    /// What is heard until the server has answered this: for a client that gets no other answer, as
    /// one that has not said who it is.
    pub async fn heard_so_far(&mut self) -> Vec<String> {
        self.send("40/nowhere,".to_owned()).await;
        let mut heard = Vec::new();
        loop {
            let text = text(&mut self.stream).await.expect("an answer");
            if text.starts_with("44/nowhere,") {
                return heard;
            }
            match &*text {
                "2" => self.send("3".to_owned()).await,
                _ => heard.push(text),
            }
        }
    }

    /// The next event: its name and its arguments.
    pub async fn hear(&mut self) -> Value {
        self.next().await.expect("an event, not the end")
    }

    /// The next event; none: the server has closed the namespace.
    pub async fn next(&mut self) -> Option<Value> {
        let prefix = self.prefix();
        loop {
            let text = text(&mut self.stream).await?;
            if let Some(event) = text.strip_prefix(&format!("42{prefix}")) {
                let event: Value = serde_json::from_str(event).expect("JSON");
                check_payload(event[0].as_str().expect("a name"), &event[1]);
                return Some(event);
            }
            if text.starts_with(&format!("41{prefix}")) {
                return None;
            }
            if text == "2" {
                self.send("3".to_owned()).await;
            }
        }
    }
}

async fn text(stream: &mut Stream) -> Option<String> {
    loop {
        match timeout(WITHIN, stream.next()).await.expect("in time") {
            Some(Ok(Message::Text(text))) => return Some(text.to_string()),
            Some(Ok(Message::Close(_))) | Some(Err(_)) | None => return None,
            Some(Ok(_)) => {}
        }
    }
}
