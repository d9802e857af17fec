//! A server of functions that speaks the Model Context Protocol, kept connected.
//!
//! The protocol is the official SDK's (`rmcp`): versions with and without a handshake, JSON and event
//! streams, sessions. Here is what it leaves open: when a server is connected again, which of its
//! functions are offered under which names, what of a result a model gets, and all limits. A call
//! never waits for a server to come back; it fails at once.

use std::{collections::HashMap, process::Stdio, sync::Arc, time::Duration};

use rmcp::{
    ClientHandler, Peer, RoleClient, ServiceError,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ClientConfig,
        ClientRequest, ContentBlock, Implementation, ListToolsRequest, PaginatedRequestParams,
        ProtocolVersion, RequestMetaObject, ResourceContents, ServerNotification, ServerResult,
        SubscriptionFilter, Tool,
    },
    service::{
        ClientInitializeError, ClientLifecycleMode, ClientServiceExt, NotificationContext,
        RunningService, Subscription,
    },
    transport::{
        StreamableHttpClientTransport,
        async_rw::AsyncRwTransport,
        streamable_http_client::{StreamableHttpClientTransportConfig, StreamableHttpError},
    },
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::{
    process::{Child, Command},
    sync::{Notify, watch},
    time::{Instant, timeout},
};

use super::{Asked, Failed, LONGEST_ANSWER, NotUsable, cut, filled_headers};
use crate::domain::tool::{LONGEST_DESCRIPTION, LONGEST_SCHEMA, MOST_TOOLS, McpServer, is_name};

/// A server is given so long to be connected and to list its functions.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);
/// And so long to list them again.
const LIST_WITHIN: Duration = Duration::from_secs(10);
/// The list is asked for again so often, for servers that do not say when it changes.
const LIST_EVERY: Duration = Duration::from_secs(300);
/// Before a server is connected again; doubled each time, up to the most.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A connection that lasted so long was a good one: the pause begins anew.
const LASTING: Duration = Duration::from_secs(10);
/// The longest message taken from a server, bytes.
const LONGEST_MESSAGE: usize = 1024 * 1024;
/// At most so many pages of a list are read.
const MOST_PAGES: usize = 32;
/// Of a server's words on what went wrong, so many bytes are taken.
const LONGEST_ERROR: usize = 1_024;
/// What a program that is a server gets of our environment.
const INHERITED: [&str; 9] =
    ["HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER"];
/// Where a server finds what tells one call of the model from every other, in `_meta`.
const IDEMPOTENCY_KEY: &str = "tandem/idempotency-key";

/// A server, and how things stand with it.
pub(super) struct Server {
    pub settings: McpServer,
    address: Address,
    client: reqwest::Client,
    state: watch::Sender<State>,
    /// A call has found the connection broken.
    suspected: Notify,
}

enum Address {
    Http {
        url: String,
        headers: HashMap<reqwest::header::HeaderName, reqwest::header::HeaderValue>,
    },
    Program {
        env: Vec<(String, SecretString)>,
    },
}

#[derive(Clone)]
struct State {
    /// Grows whenever the server was found to be well.
    well: u64,
    peer: Option<Peer<RoleClient>>,
    /// The functions last listed.
    remotes: Arc<[Remote]>,
    /// Why it is not connected; nothing where that has not been tried yet.
    trouble: Option<String>,
}

/// One of its functions.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    /// As the model is told of it.
    pub spec: vendors::Tool,
    /// The server's name for it.
    own_name: String,
    /// By the server's word.
    pub effects: bool,
    /// To call it twice does what calling it once does.
    repeatable: bool,
}

/// What the server may ask of us, which is nothing, and tell us.
struct Ear {
    changed: Arc<Notify>,
}

type Service = RunningService<RoleClient, Ear>;

/// A connection.
struct Connection {
    service: Service,
    changed: Arc<Notify>,
    /// The program, killed when this is dropped.
    program: Option<Child>,
}

impl Server {
    /// Fills in what comes from the environment. Nothing is connected yet.
    pub fn open(
        settings: &McpServer,
        client: reqwest::Client,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, NotUsable> {
        let of = format!("the MCP server {:?}", settings.name);
        let address = match &settings.url {
            Some(url) => {
                reqwest::Url::parse(url).map_err(|_| NotUsable::Url { of: of.clone() })?;
                let headers = filled_headers(&of, &settings.headers, env)?;
                let headers = headers.into_iter().filter_map(|(name, value)| Some((name?, value)));
                Address::Http { url: url.clone(), headers: headers.collect() }
            }
            None => {
                let inherited = INHERITED.iter().filter_map(|name| {
                    env(name).map(|value| ((*name).to_owned(), SecretString::from(value)))
                });
                let mut variables: Vec<_> = inherited.collect();
                for (name, template) in &settings.env {
                    let value = template.fill(env);
                    let value =
                        value.map_err(|source| NotUsable::Unfilled { of: of.clone(), source })?;
                    variables.push((name.clone(), value));
                }
                Address::Program { env: variables }
            }
        };
        let state = State { well: 0, peer: None, remotes: Arc::new([]), trouble: None };
        let (settings, state) = (settings.clone(), watch::Sender::new(state));
        Ok(Server { settings, address, client, state, suspected: Notify::new() })
    }

    /// The functions last listed.
    pub fn remotes(&self) -> Arc<[Remote]> {
        self.state.borrow().remotes.clone()
    }

    /// Waits until it has been connected once.
    pub async fn connected(&self) {
        // The sender is ours: it cannot be gone.
        let _ = self.state.subscribe().wait_for(|state| state.well > 0).await;
    }

    /// Is it connected, and what does it offer?
    pub async fn check(&self) -> Result<String, String> {
        let mut state = self.state.subscribe();
        let known = state.wait_for(|state| state.peer.is_some() || state.trouble.is_some());
        let _ = timeout(CONNECT_WITHIN, known).await;
        let state = self.state.borrow();
        match (&state.peer, &state.trouble) {
            (Some(_), _) => Ok(format!("{} functions", state.remotes.len())),
            (None, Some(trouble)) => Err(trouble.clone()),
            (None, None) => Err("it does not answer".to_owned()),
        }
    }

    /// Calls a function. One that may be called twice is called again if the connection broke and was
    /// mended at once.
    pub async fn call(&self, remote: &Remote, asked: &Asked<'_>) -> Result<String, Failed> {
        let mut repeatable = remote.repeatable;
        loop {
            let (peer, well) = {
                let state = self.state.borrow();
                (state.peer.clone(), state.well)
            };
            let unreachable = || Failed {
                why: "unreachable",
                words: format!("{} cannot be reached", self.settings.name),
            };
            let peer = peer.ok_or_else(unreachable)?;
            match peer.call_tool_once(request(remote, asked)).await {
                Ok(CallToolResponse::Complete(result)) => return read(result),
                // Nobody on the telephone fills in forms, and the model is ours alone.
                Ok(_) => {
                    let words = "it asks for more than a telephone call can give".to_owned();
                    return Err(Failed { why: "refused", words });
                }
                Err(ServiceError::McpError(error)) => {
                    let words = cut(error.message.into_owned(), LONGEST_ERROR);
                    return Err(Failed { why: "refused", words });
                }
                Err(_) => self.suspected.notify_one(),
            }
            if !std::mem::take(&mut repeatable) {
                return Err(unreachable());
            }
            let mended = self.state.subscribe();
            let mended =
                async move { mended.clone().wait_for(|state| state.well > well).await.is_ok() };
            if !timeout(LIST_WITHIN, mended).await.unwrap_or(false) {
                return Err(unreachable());
            }
        }
    }

    /// Connects and lists. `by_handshake`: as servers before 2026-07-28 are spoken to, without asking
    /// first which kind this is.
    async fn connect(&self, by_handshake: bool) -> Result<(Connection, Vec<Remote>), String> {
        let changed = Arc::new(Notify::new());
        let ear = Ear { changed: changed.clone() };
        let mode = match by_handshake {
            true => ClientLifecycleMode::Initialize,
            false => ClientLifecycleMode::Auto {
                preferred_versions: vec![ProtocolVersion::LATEST],
                legacy_version: Some(ProtocolVersion::LATEST_WITH_INITIALIZE),
            },
        };
        let (service, program) = match &self.address {
            Address::Http { url, headers } => {
                let config = StreamableHttpClientTransportConfig::with_uri(url.as_str())
                    .custom_headers(headers.clone())
                    .max_sse_event_size(LONGEST_MESSAGE);
                let transport =
                    StreamableHttpClientTransport::with_client(self.client.clone(), config);
                (Box::pin(ear.serve_with_lifecycle(transport, mode)).await, None)
            }
            Address::Program { env } => {
                let mut child = self.start(env)?;
                let (Some(output), Some(input)) = (child.stdout.take(), child.stdin.take()) else {
                    return Err("its pipes are missing".to_owned());
                };
                let transport = AsyncRwTransport::<RoleClient, _, _>::new(output, input)
                    .with_max_line_length(LONGEST_MESSAGE);
                (Box::pin(ear.serve_with_lifecycle(transport, mode)).await, Some(child))
            }
        };
        let service = service.map_err(|error| trouble(&error))?;
        let remotes = self.list(service.peer()).await?;
        Ok((Connection { service, changed, program }, remotes))
    }

    fn start(&self, env: &[(String, SecretString)]) -> Result<Child, String> {
        let program = self.settings.command.as_deref().unwrap_or_default();
        let env = env.iter().map(|(name, value)| (name, value.expose_secret()));
        let mut command = Command::new(program);
        command
            .args(&self.settings.args)
            .env_clear()
            .envs(env)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // What it writes there may hold anything.
            .stderr(Stdio::null())
            .kill_on_drop(true);
        // A Ctrl-C is for us: calls that are being handed over still use it.
        #[cfg(unix)]
        command.process_group(0);
        command.spawn().map_err(|error| format!("could not start {program}: {error}"))
    }

    /// Lists its functions, page by page, and takes those that are to be offered.
    async fn list(&self, peer: &Peer<RoleClient>) -> Result<Vec<Remote>, String> {
        let mut remotes: Vec<Remote> = Vec::new();
        let (mut cursor, mut left_out) = (None, 0);
        for _ in 0..MOST_PAGES {
            // Asked for as such, since what the SDK keeps of earlier answers would hide a failure.
            let page = PaginatedRequestParams::default().with_cursor(cursor.take());
            let request = ClientRequest::ListToolsRequest(ListToolsRequest::with_param(page));
            let result = match timeout(LIST_WITHIN, peer.send_request(request)).await {
                Ok(Ok(ServerResult::ListToolsResult(result))) => result,
                Ok(Ok(_)) => return Err("its list of functions is none".to_owned()),
                Ok(Err(ServiceError::McpError(error))) => {
                    return Err(cut(error.message.into_owned(), LONGEST_ERROR));
                }
                Ok(Err(_)) => return Err("the connection broke".to_owned()),
                Err(_) => return Err("it does not list its functions in time".to_owned()),
            };
            for tool in result.tools.into_iter().filter(|tool| self.settings.allows(&tool.name)) {
                match self.remote(tool) {
                    Some(remote)
                        if remotes.len() < MOST_TOOLS
                            && !remotes.iter().any(|one| one.spec.name == remote.spec.name) =>
                    {
                        remotes.push(remote);
                    }
                    _ => left_out += 1,
                }
            }
            cursor = result.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        if left_out > 0 {
            tracing::warn!(
                server = self.settings.name,
                left_out,
                "functions are left out: too many, too large, or of names that no model takes"
            );
        }
        Ok(remotes)
    }

    fn remote(&self, tool: Tool) -> Option<Remote> {
        // The protocol allows dots, slashes and 128 characters; models' vendors do not.
        let own_name = tool.name.into_owned();
        let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let name = self.settings.prefix() + &own_name.chars().map(safe).collect::<String>();
        let parameters = Value::Object(Arc::unwrap_or_clone(tool.input_schema));
        if !is_name(&name) || parameters.to_string().len() > LONGEST_SCHEMA {
            return None;
        }
        let title = || tool.title.clone().unwrap_or_else(|| own_name.clone());
        let description = tool.description.map_or_else(title, |text| text.into_owned());
        let hints = tool.annotations.unwrap_or_default();
        // One that says both is not believed.
        let reads_only = hints.read_only_hint == Some(true) && hints.destructive_hint != Some(true);
        Some(Remote {
            spec: vendors::Tool {
                name,
                description: cut(description, LONGEST_DESCRIPTION),
                parameters,
            },
            own_name,
            effects: !reads_only,
            // Whoever says that it has effects does not take the server's word.
            repeatable: self.settings.effects != Some(true)
                && (reads_only || hints.is_idempotent()),
        })
    }

    fn is_well(&self, peer: &Peer<RoleClient>, remotes: Vec<Remote>) {
        self.state.send_modify(|state| {
            state.well += 1;
            state.peer = Some(peer.clone());
            state.remotes = remotes.into();
        });
    }

    fn is_down(&self, trouble: String) {
        self.state.send_modify(|state| {
            state.peer = None;
            state.trouble = Some(trouble);
        });
    }

    /// Stays with a connection until it is lost; says how.
    async fn stay(&self, connection: Connection) -> String {
        let Connection { service, changed, program } = connection;
        let peer = service.peer().clone();
        let mut listening = listen(&peer).await;
        let closed = service.waiting();
        tokio::pin!(closed);
        loop {
            tokio::select! {
                _ = &mut closed => {
                    drop(program);
                    return "it has closed the connection".to_owned();
                }
                () = changed.notified() => {}
                more = next_change(&mut listening) => if !more {
                    listening = listen(&peer).await;
                },
                () = self.suspected.notified() => {}
                () = tokio::time::sleep(LIST_EVERY) => {}
            }
            match self.list(&peer).await {
                Ok(remotes) => self.is_well(&peer, remotes),
                Err(trouble) => return trouble,
            }
        }
    }
}

/// Keeps a server connected, for ever.
pub(super) async fn keep(server: Arc<Server>) {
    let name = &server.settings.name;
    let mut failures = 0;
    loop {
        let connecting = server.connect(failures % 2 == 1);
        let trouble = match timeout(CONNECT_WITHIN, Box::pin(connecting)).await {
            Ok(Ok((connection, remotes))) => {
                tracing::info!(
                    server = name,
                    functions = remotes.len(),
                    "an MCP server is connected"
                );
                let since = Instant::now();
                server.is_well(connection.service.peer(), remotes);
                let trouble = Box::pin(server.stay(connection)).await;
                if since.elapsed() >= LASTING {
                    failures = 0;
                }
                trouble
            }
            Ok(Err(trouble)) => trouble,
            Err(_) => "it does not answer".to_owned(),
        };
        // Its words may be anything: they are for `tandem check`, not for logs.
        tracing::warn!(server = name, failures, "an MCP server is not connected");
        metrics::counter!("tandem_tool_failures_total", "why" => "disconnected").increment(1);
        server.is_down(trouble);
        tokio::time::sleep((FIRST_PAUSE * 2_u32.pow(failures.min(10))).min(LONGEST_PAUSE)).await;
        failures += 1;
    }
}

/// Servers since 2026-07-28 tell of changes on a stream that is asked for.
async fn listen(peer: &Peer<RoleClient>) -> Option<Subscription> {
    let info = peer.peer_info()?;
    let tells =
        info.capabilities.tools.as_ref().is_some_and(|tools| tools.list_changed == Some(true));
    if !tells || info.protocol_version.has_initialize() {
        return None;
    }
    let filter = SubscriptionFilter::builder().tools_list_changed().build();
    timeout(LIST_WITHIN, peer.listen(filter)).await.ok()?.ok()
}

/// Until the list has changed; false where the stream ended. Waits for ever where there is none.
async fn next_change(listening: &mut Option<Subscription>) -> bool {
    let Some(subscription) = listening else { return std::future::pending().await };
    loop {
        match subscription.next().await {
            Ok(Some(ServerNotification::ToolListChangedNotification(_))) => return true,
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return false,
        }
    }
}

fn request(remote: &Remote, asked: &Asked<'_>) -> CallToolRequestParams {
    let mut meta = RequestMetaObject::new();
    meta.0.0.insert(IDEMPOTENCY_KEY.to_owned(), asked.key.into());
    let arguments = asked.call.arguments.as_object().cloned().unwrap_or_default();
    let mut request = CallToolRequestParams::new(remote.own_name.clone()).with_arguments(arguments);
    request.meta = Some(meta);
    request
}

/// The text of a result. What is not text is named, not given.
fn read(result: CallToolResult) -> Result<String, Failed> {
    let mut pieces: Vec<String> = Vec::new();
    let mut left_out = 0;
    for block in result.content {
        match block {
            ContentBlock::Text(text) => pieces.push(text.text),
            ContentBlock::Resource(resource) => match resource.resource {
                ResourceContents::TextResourceContents { text, .. } => pieces.push(text),
                _ => left_out += 1,
            },
            _ => left_out += 1,
        }
    }
    if pieces.is_empty()
        && let Some(structured) = result.structured_content
    {
        pieces.push(structured.to_string());
    }
    if left_out > 0 {
        pieces.push(format!("({left_out} parts that are not text were left out.)"));
    }
    if result.is_error == Some(true) {
        return Err(Failed { why: "refused", words: cut(pieces.join("\n"), LONGEST_ERROR) });
    }
    Ok(cut(pieces.join("\n"), LONGEST_ANSWER))
}

/// Why a server could not be connected, in words without its address or ours.
fn trouble(error: &ClientInitializeError) -> String {
    match error {
        ClientInitializeError::JsonRpcError(error) => cut(error.message.to_string(), LONGEST_ERROR),
        ClientInitializeError::NoCompatibleProtocolVersion { .. } => {
            "it speaks no version of the protocol that we speak".to_owned()
        }
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => trouble(fallback),
        ClientInitializeError::TransportError { error, .. } => {
            match error.error.downcast_ref::<StreamableHttpError<reqwest::Error>>() {
                Some(StreamableHttpError::Client(error)) if error.is_connect() => {
                    "it cannot be reached".to_owned()
                }
                Some(StreamableHttpError::AuthRequired(_)) => {
                    "it wants to be authorised".to_owned()
                }
                Some(StreamableHttpError::HttpStatus(status)) => format!("HTTP {}", status.status),
                Some(StreamableHttpError::UnexpectedServerResponse(said)) => {
                    cut(said.to_string(), 200)
                }
                _ => "the connection broke".to_owned(),
            }
        }
        _ => "it does not speak the protocol".to_owned(),
    }
}

impl ClientHandler for Ear {
    fn get_info(&self) -> ClientConfig {
        let name = Implementation::new("tandem", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), name)
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.changed.notify_one();
    }
}
