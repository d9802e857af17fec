//! An MCP server over streamable HTTP, written from the specification: of the revisions with a
//! handshake and sessions (2025-11-25) or of the one without (2026-07-28).

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::AbortHandle};

/// Which kind of protocol is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    Handshake,
    PerRequest,
}

/// What a call of a function gives.
pub enum Answered {
    Result(Value),
    Error(i64, &'static str),
    /// This status and body, outside of the protocol.
    Http(u16, &'static str),
    Never,
}

type Answer = Arc<dyn Fn(&str, &Value) -> Answered + Send + Sync>;

/// How a server behaves.
#[derive(Clone)]
pub struct Script {
    pub era: Era,
    /// Answers come as event streams.
    pub streams: bool,
    pub tools: Vec<Value>,
    /// So many functions on a page of the list.
    pub page: usize,
    /// The `Authorization` that is wanted.
    pub authorization: Option<&'static str>,
    answer: Answer,
}

impl Script {
    /// A server whose functions say their names and arguments.
    pub fn new(era: Era, tools: Vec<Value>) -> Self {
        let answer: Answer =
            Arc::new(|name, arguments| Answered::Result(text(&format!("{name} {arguments}"))));
        Script { era, streams: false, tools, page: 100, authorization: None, answer }
    }

    pub fn answering(
        mut self,
        answer: impl Fn(&str, &Value) -> Answered + Send + Sync + 'static,
    ) -> Self {
        self.answer = Arc::new(answer);
        self
    }
}

/// A function of a server.
pub fn tool(name: &str, annotations: Value) -> Value {
    json!({
        "name": name, "description": format!("Does {name}."), "annotations": annotations,
        "inputSchema": {"type": "object", "properties": {"item": {"type": "string"}}},
    })
}

/// A result of one text.
pub fn text(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}]})
}

/// A running server. Stops taking connections when dropped.
pub struct Server {
    pub url: String,
    shared: Arc<Shared>,
    running: AbortHandle,
}

struct Shared {
    script: Script,
    tools: watch::Sender<Vec<Value>>,
    requests: Mutex<Vec<(HeaderMap, Value)>>,
    sessions: Mutex<Vec<String>>,
    session_count: AtomicUsize,
    broken: AtomicBool,
}

impl Server {
    pub async fn start(script: Script) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback can be bound");
        Server::on(listener, script)
    }

    pub fn on(listener: TcpListener, script: Script) -> Server {
        let url = format!("http://{}/mcp", listener.local_addr().expect("it is bound"));
        let shared = Arc::new(Shared {
            tools: watch::Sender::new(script.tools.clone()),
            script,
            requests: Mutex::default(),
            sessions: Mutex::default(),
            session_count: AtomicUsize::default(),
            broken: AtomicBool::new(false),
        });
        let router = Router::new()
            .route("/mcp", get(changes).post(message).delete(|| async { StatusCode::NO_CONTENT }))
            .with_state(shared.clone());
        let running = tokio::spawn(async move { axum::serve(listener, router).await });
        Server { url, shared, running: running.abort_handle() }
    }

    /// From now on these are its functions; it tells so.
    pub fn change(&self, tools: Vec<Value>) {
        self.shared.tools.send_replace(tools);
    }

    /// It has been restarted: it knows no session.
    pub fn forget_sessions(&self) {
        lock(&self.shared.sessions).clear();
    }

    /// Everything is answered with 503, or no longer.
    pub fn set_broken(&self, broken: bool) {
        self.shared.broken.store(broken, Ordering::SeqCst);
    }

    /// The requests of this method so far.
    pub fn requests(&self, method: &str) -> Vec<(HeaderMap, Value)> {
        let requests = lock(&self.shared.requests);
        requests.iter().filter(|(_, body)| body["method"] == method).cloned().collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn answer(&self, id: &Value, result: Value) -> Response {
        self.send(json!({"jsonrpc": "2.0", "id": id, "result": result}))
    }

    fn send(&self, message: Value) -> Response {
        if self.script.streams {
            let events = format!(": a comment\n\nevent: message\ndata: {message}\n\n");
            return ([(header::CONTENT_TYPE, "text/event-stream")], events).into_response();
        }
        Json(message).into_response()
    }

    fn list(&self, request: &Value) -> Value {
        let tools = self.tools.borrow();
        let from = request["params"]["cursor"].as_str().and_then(|at| at.parse().ok()).unwrap_or(0);
        let to = tools.len().min(from + self.script.page);
        let mut list = json!({"tools": tools[from..to]});
        if to < tools.len() {
            list["nextCursor"] = json!(to.to_string());
        }
        if self.script.era == Era::PerRequest {
            list["resultType"] = json!("complete");
        }
        list
    }

    /// Notifications that the list has changed, for as long as the client listens.
    fn changes(&self, first: Option<Value>, meta: Value) -> Body {
        let mut tools = self.tools.subscribe();
        tools.borrow_and_update();
        let later = stream::unfold(tools, move |mut tools| {
            let meta = meta.clone();
            async move {
                tools.changed().await.ok()?;
                let method = "notifications/tools/list_changed";
                let changed =
                    json!({"jsonrpc": "2.0", "method": method, "params": {"_meta": meta}});
                Some((changed, tools))
            }
        });
        let messages = stream::iter(first).chain(later);
        Body::from_stream(
            messages.map(|message| Ok::<_, std::io::Error>(format!("data: {message}\n\n"))),
        )
    }
}

fn refused(id: &Value, status: u16, code: i64, message: &str) -> Response {
    let error = json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}});
    (StatusCode::from_u16(status).expect("a status"), Json(error)).into_response()
}

fn stated(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned()
}

async fn changes(State(server): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let known = lock(&server.sessions).contains(&stated(&headers, "mcp-session-id"));
    if server.script.era == Era::PerRequest || !known {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    ([(header::CONTENT_TYPE, "text/event-stream")], server.changes(None, json!({}))).into_response()
}

async fn message(State(server): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).expect("clients send JSON");
    lock(&server.requests).push((headers.clone(), request.clone()));
    let id = &request["id"];
    if server.broken.load(Ordering::SeqCst) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let wanted = server.script.authorization;
    if wanted.is_some_and(|wanted| stated(&headers, "authorization") != wanted) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let accepts = stated(&headers, "accept");
    if !accepts.contains("application/json") || !accepts.contains("text/event-stream") {
        return StatusCode::NOT_ACCEPTABLE.into_response();
    }
    let method = request["method"].as_str().unwrap_or("");
    match server.script.era {
        Era::Handshake => {
            if method == "initialize" {
                return initialized(&server, id);
            }
            let session = stated(&headers, "mcp-session-id");
            if session.is_empty() {
                return refused(id, 400, -32000, "no session");
            }
            if !lock(&server.sessions).contains(&session) {
                return StatusCode::NOT_FOUND.into_response();
            }
            if stated(&headers, "mcp-protocol-version") != "2025-11-25" {
                return refused(id, 400, -32000, "another version");
            }
        }
        Era::PerRequest => {
            let meta = &request["params"]["_meta"];
            let version = "io.modelcontextprotocol/protocolVersion";
            if meta[version] != "2026-07-28"
                || meta[version] != stated(&headers, "mcp-protocol-version")
            {
                return refused(id, 400, -32020, "the version is missing");
            }
            if stated(&headers, "mcp-method") != method {
                return refused(id, 400, -32020, "the method's header is missing");
            }
        }
    }
    match method {
        "server/discover" if server.script.era == Era::PerRequest => server.answer(
            id,
            json!({
                "resultType": "complete", "supportedVersions": ["2026-07-28"],
                "capabilities": {"tools": {"listChanged": true}}, "ttlMs": 0, "cacheScope": "private",
            }),
        ),
        "subscriptions/listen" if server.script.era == Era::PerRequest => {
            let meta = json!({"io.modelcontextprotocol/subscriptionId": id});
            let params = json!({"_meta": meta, "notifications": {"toolsListChanged": true}});
            let method = "notifications/subscriptions/acknowledged";
            let first = json!({"jsonrpc": "2.0", "method": method, "params": params});
            let body = server.changes(Some(first), meta);
            ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
        }
        "tools/list" => server.answer(id, server.list(&request)),
        "tools/call" => {
            let params = &request["params"];
            let name = params["name"].as_str().unwrap_or("");
            match (server.script.answer)(name, &params["arguments"]) {
                Answered::Result(mut result) => {
                    if server.script.era == Era::PerRequest {
                        result["resultType"] = json!("complete");
                    }
                    server.answer(id, result)
                }
                Answered::Error(code, message) => {
                    let error = json!({"code": code, "message": message});
                    server.send(json!({"jsonrpc": "2.0", "id": id, "error": error}))
                }
                Answered::Http(status, body) => {
                    let status = StatusCode::from_u16(status).expect("a status");
                    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
                }
                Answered::Never => std::future::pending().await,
            }
        }
        _ if method.starts_with("notifications/") => StatusCode::ACCEPTED.into_response(),
        _ => refused(id, 404, -32601, "no such method"),
    }
}

fn initialized(server: &Shared, id: &Value) -> Response {
    let session = format!("session-{}", server.session_count.fetch_add(1, Ordering::SeqCst));
    lock(&server.sessions).push(session.clone());
    let mut answer = server.answer(
        id,
        json!({
            "protocolVersion": "2025-11-25", "capabilities": {"tools": {"listChanged": true}},
            "serverInfo": {"name": "played", "version": "1"},
        }),
    );
    answer.headers_mut().insert("mcp-session-id", session.parse().expect("a header"));
    answer
}
