//! A control plane on a free port, with a database of its own, and clients of each role.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tandem::{
    api,
    app::{App, Clock},
    carrier::hang_up::Patience,
    config::Config,
    domain::{Role, TenantId, UserId},
    live::{desk::Desk, journal::Journals},
};

use crate::{contract, postgres};

/// The password of everybody here.
pub const PASSWORD: &str = "correct horse battery";

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// A running control plane.
pub struct Stage {
    pub app: Arc<App>,
    pub tenant: TenantId,
    pub url: String,
    /// Its database's address.
    #[allow(dead_code)]
    pub database: String,
    // Gone with the stage.
    folder: tempfile::TempDir,
}

/// A user's client.
#[derive(Clone)]
pub struct Client {
    url: String,
    pub token: String,
    http: reqwest::Client,
}

/// What was answered: checked against the contract already.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub json: Value,
    pub bytes: bytes::Bytes,
}

/// Tells a story to both databases: `told!(fn a_story(stage) { … });`
#[macro_export]
macro_rules! told {
    ($($(#[$attribute:meta])* async fn $name:ident($stage:ident: &Stage) $body:block)*) => {$(
        $(#[$attribute])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn story($stage: &$crate::stage::Stage) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                let stage = $crate::stage::Stage::open($crate::stage::Engine::Sqlite).await;
                story(&stage.expect("SQLite is built in")).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(stage) = $crate::stage::Stage::open($crate::stage::Engine::Postgres).await {
                    story(&stage).await;
                }
            }
        }
    )*};
}

impl Stage {
    /// A new one; none where the engine is not installed.
    pub async fn open(engine: Engine) -> Option<Stage> {
        Stage::open_with(engine, &[]).await
    }

    /// A new one with these settings, as environment variables. Limits are far away unless set.
    pub async fn open_with(engine: Engine, settings: &[(&str, &str)]) -> Option<Stage> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a folder");
        let database = match engine {
            Engine::Sqlite => format!("sqlite:{}", folder.path().join("tandem.db").display()),
            Engine::Postgres => postgres::database().await?,
        };
        let data_dir = folder.path().display().to_string();
        let many = "1000000";
        let defaults = [
            ("DATABASE_URL", database.as_str()),
            ("TANDEM_DATA_DIR", data_dir.as_str()),
            ("TANDEM_DOCUMENT_READER", env!("CARGO_BIN_EXE_tandem")),
            ("TANDEM_LIMIT_STANDARD", many),
            ("TANDEM_LIMIT_ANALYTICS", many),
            ("TANDEM_LIMIT_PUBLIC", many),
            // Calls of the past that are up have no session, and are not to be ended for that.
            ("TANDEM_LOST_AFTER_SECS", "3600"),
        ];
        let env = |name: &str| {
            let all = settings.iter().chain(&defaults);
            all.clone().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let config = Config::load(None, &env).expect("the settings are sound");
        let desk = Desk::new(None, Patience::after(std::time::Duration::from_secs(5)));
        let journals = Journals::open(&folder.path().join("journal")).expect("a folder");
        let app =
            App::open(config.control, desk, journals, Clock::default()).await.expect("it opens");
        let tenant = app.first_start().await.expect("the first start");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = api::routes::<()>(app.clone());
        let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Some(Stage { app, tenant, url, database, folder })
    }

    /// Where its files are.
    #[allow(dead_code)]
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// A new user of this role, signed in.
    pub async fn client(&self, role: Role) -> Client {
        self.client_of(self.tenant, role).await
    }

    /// A new user of this organisation.
    pub async fn client_of(&self, tenant: TenantId, role: Role) -> Client {
        self.client_and_user_of(tenant, role).await.0
    }

    /// A new user of this role, signed in, and who that is.
    pub async fn client_and_user(&self, role: Role) -> (Client, UserId) {
        self.client_and_user_of(self.tenant, role).await
    }

    /// The same of this organisation.
    pub async fn client_and_user_of(&self, tenant: TenantId, role: Role) -> (Client, UserId) {
        let email = format!("{}-{}@example.com", role.name(), uuid::Uuid::new_v4().simple());
        let user = self.app.add_user(tenant, &email, "Pat Example", role, PASSWORD).await;
        let tokens = self.app.log_in(&email, PASSWORD, None).await.expect("signs in");
        let http = reqwest::Client::new();
        let client = Client { url: self.url.clone(), token: tokens.access, http };
        (client, user.expect("a user").id)
    }

    /// Someone who has not signed in.
    pub fn stranger(&self) -> Client {
        let (url, token) = (self.url.clone(), String::new());
        Client { url, token, http: reqwest::Client::new() }
    }

    /// Another organisation.
    pub async fn other_tenant(&self) -> TenantId {
        self.app.add_tenant("Another company", "Europe/Berlin").await.expect("an organisation")
    }
}

impl Client {
    /// Asks; what is sent (if it is answered with success) and what is answered must fit the contract.
    pub async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request = self.http.request(method.clone(), format!("{}{path}", self.url));
        let request = match &body {
            Some(body) => request.json(body),
            None => request,
        };
        self.send(request, (method, path), body.as_ref()).await
    }

    /// The same with a form that holds files.
    pub async fn upload(&self, path: &str, form: reqwest::multipart::Form) -> Answer {
        let request = self.http.post(format!("{}{path}", self.url)).multipart(form);
        self.send(request, (Method::POST, path), None).await
    }

    async fn send(
        &self,
        mut request: reqwest::RequestBuilder,
        (method, path): (Method, &str),
        body: Option<&Value>,
    ) -> Answer {
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let bytes = response.bytes().await.expect("a whole answer");
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        contract::check(&method, path, body, status, &headers, &json);
        Answer { status, headers, json, bytes }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::PUT, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::PATCH, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, None).await
    }
}

impl Answer {
    /// The error's code; the answer must have this status.
    #[track_caller]
    pub fn refused(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{}", self.json);
        self.json["error"]["code"].as_str().expect("a code")
    }

    /// The body; the answer must have this status.
    #[track_caller]
    pub fn ok(&self, status: u16) -> &Value {
        assert_eq!(self.status, status, "{}", self.json);
        &self.json
    }
}

/// An agent, as a client makes one.
pub async fn an_agent(client: &Client, name: &str) -> Value {
    let agent = json!({"name": name, "email": "ann@example.com", "phone_number": "+14155550123"});
    client.post("/api/v1/agents", agent).await.ok(201)["agent"].clone()
}
