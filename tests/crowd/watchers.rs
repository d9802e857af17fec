//! Supervisors who watch all calls: what each was told, and when.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, Utc};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};
use uuid::Uuid;

/// How a supervisor is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    WebSocket,
    SocketIo,
}

/// An event of a call, as a supervisor was told it.
#[derive(Clone, Debug)]
pub struct Told {
    pub sequence: i64,
    /// A line of the transcript: its number, and its text.
    pub line: Option<(i64, String)>,
    pub at: DateTime<Utc>,
}

/// What one supervisor was told, by call, in the order in which it came.
#[derive(Debug, Default)]
pub struct Seen {
    pub calls: HashMap<Uuid, Vec<Told>>,
    /// Of all calls.
    pub events: usize,
    /// Events that the server said were lost to this supervisor.
    pub lost: u64,
}

/// All supervisors. They have a thread of their own, so that callers do not hold them up.
pub struct Watchers {
    seen: Vec<Arc<Mutex<Seen>>>,
}

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[derive(Deserialize)]
struct Frame<'a> {
    event: &'a str,
    #[serde(borrow)]
    data: &'a RawValue,
    sequence: Option<i64>,
}

#[derive(Deserialize)]
struct Beside {
    sequence: i64,
}

#[derive(Deserialize)]
struct Data {
    call_id: Option<Uuid>,
    call: Option<Call>,
    interaction: Option<Line>,
    #[serde(default)]
    lost: u64,
}

#[derive(Deserialize)]
struct Call {
    id: Uuid,
}

#[derive(Deserialize)]
struct Line {
    id: i64,
    text: String,
}

impl Watchers {
    /// So many supervisors of the program at this address, every fifth over Socket.IO; all of them have
    /// subscribed to all calls.
    pub async fn start(url: &str, token: &str, count: usize) -> Watchers {
        let seen: Vec<Arc<Mutex<Seen>>> = (0..count).map(|_| Arc::default()).collect();
        let (ready, mut watching) = mpsc::channel(count);
        let (url, token, all) = (url.replacen("http", "ws", 1), token.to_owned(), seen.clone());
        let watch = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let supervisors = all.into_iter().enumerate().map(|(number, seen)| {
                let transport =
                    if number % 5 == 4 { Transport::SocketIo } else { Transport::WebSocket };
                watch(transport, &url, &token, seen, ready.clone())
            });
            let supervisors = futures_util::future::join_all(supervisors);
            runtime.expect("a runtime").block_on(supervisors);
        };
        std::thread::Builder::new().name("watchers".into()).spawn(watch).expect("a thread");
        for _ in 0..count {
            watching.recv().await.expect("a supervisor watches");
        }
        Watchers { seen }
    }

    /// Looks at what each was told so far.
    pub fn look<T>(&self, mut look: impl FnMut(usize, &Seen) -> T) -> Vec<T> {
        let lock = |seen: &Mutex<Seen>, number, look: &mut dyn FnMut(usize, &Seen) -> T| {
            look(number, &seen.lock().unwrap_or_else(PoisonError::into_inner))
        };
        self.seen.iter().enumerate().map(|(number, seen)| lock(seen, number, &mut look)).collect()
    }
}

/// One supervisor, until the server is gone.
async fn watch(
    transport: Transport,
    url: &str,
    token: &str,
    seen: Arc<Mutex<Seen>>,
    ready: mpsc::Sender<()>,
) {
    let mut socket = match transport {
        Transport::WebSocket => subscribed(url, token).await,
        Transport::SocketIo => subscribed_by_socket_io(url, token).await,
    };
    ready.send(()).await.expect("it is waited for");
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else { continue };
        let at = Utc::now();
        match transport {
            Transport::WebSocket => {
                let frame: Frame = serde_json::from_str(&text).expect("a frame");
                take(&seen, frame, at);
            }
            Transport::SocketIo => match text.strip_prefix("42/ws/calls,") {
                None if &*text == "2" => {
                    socket.send(Message::text("3")).await.expect("a pong");
                }
                None => {}
                Some(event) => {
                    let parts: Vec<&RawValue> = serde_json::from_str(event).expect("an event");
                    let beside = parts.get(2).map(|one| serde_json::from_str::<Beside>(one.get()));
                    let frame = Frame {
                        event: serde_json::from_str(parts[0].get()).expect("a name"),
                        data: parts[1],
                        sequence: beside.map(|one| one.expect("a place").sequence),
                    };
                    take(&seen, frame, at);
                }
            },
        }
    }
}

fn take(seen: &Mutex<Seen>, frame: Frame<'_>, at: DateTime<Utc>) {
    let data: Data = serde_json::from_str(frame.data.get()).expect("data");
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    seen.lost += data.lost;
    let call = data.call_id.or(data.call.map(|call| call.id));
    if let (Some(call), Some(sequence)) = (call, frame.sequence) {
        let line = data.interaction.filter(|_| frame.event == "interaction.added");
        let line = line.map(|line| (line.id, line.text));
        seen.calls.entry(call).or_default().push(Told { sequence, line, at });
        seen.events += 1;
    }
}

async fn subscribed(url: &str, token: &str) -> Stream {
    let (mut socket, _) =
        connect_async(format!("{url}/ws/calls?token={token}")).await.expect("it opens");
    let all = json!({"event": "subscribe", "data": {"type": "all_calls", "sequence": true}});
    socket.send(Message::text(all.to_string())).await.expect("it subscribes");
    // What is not understood is answered, after what came before.
    socket.send(Message::text("ready?")).await.expect("it asks");
    let answer = socket.next().await.expect("an answer").expect("a frame");
    assert!(answer.to_text().is_ok_and(|text| text.contains("VALIDATION_ERROR")), "{answer}");
    socket
}

async fn subscribed_by_socket_io(url: &str, token: &str) -> Stream {
    let (mut socket, _) = connect_async(format!("{url}/socket.io/?EIO=4&transport=websocket"))
        .await
        .expect("it opens");
    let enter = format!("40/ws/calls,{}", json!({"token": token}));
    let all = json!(["subscribe", {"type": "all_calls", "sequence": true}]);
    let say = [enter, format!("42/ws/calls,{all}"), "42/ws/calls,[\"ready?\"]".to_owned()];
    let mut say = say.into_iter();
    loop {
        let text = socket.next().await.expect("an answer").expect("a frame");
        let text = text.into_text().expect("a text");
        match &*text {
            "2" => socket.send(Message::text("3")).await.expect("a pong"),
            // The handshake, and then that it is in.
            text if text.starts_with('0') => {
                socket.send(Message::text(say.next().expect("first"))).await.expect("it enters");
            }
            text if text.starts_with("40/ws/calls,") => {
                for said in say.by_ref() {
                    socket.send(Message::text(said)).await.expect("it subscribes");
                }
            }
            text => {
                assert!(text.contains("VALIDATION_ERROR"), "{text}");
                return socket;
            }
        }
    }
}
