//! The running gateway: what all calls share, and how one is conducted from its start to its end.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use media::stream::Start;
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::SecretString;
use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use turn::Conversation;
use twiml::Validator;

use crate::{
    api,
    config::Config,
    domain::Business,
    live::{
        engines::Engines,
        hearing::Hearing,
        journal::{Header, Journals, private_folder},
        recorder::{Recorder, Recordings},
        registry::{Expected, Live, Registry, Word},
        session::{self, Carrier, Parts},
        tools::Tools,
        voice::Voice,
    },
};

/// How long running calls are given when the process is to stop.
const DRAIN_WITHIN: Duration = Duration::from_secs(20);

/// How long the carrier is given to ask how calls go on, and requests to be completed.
const HANDED_OVER_WITHIN: Duration = Duration::from_millis(500);

/// What all calls share.
pub struct Gateway {
    config: Config,
    public_url: String,
    media_url: String,
    pub business: Business,
    engines: Engines,
    pub journals: Journals,
    recordings: Option<Recordings>,
    pub registry: Registry,
    pub validator: Validator,
    /// The sessions that run.
    pub tasks: TaskTracker,
    /// Cancelled when the process is to stop.
    leaving: CancellationToken,
    draining: AtomicBool,
    metrics: PrometheusHandle,
    tools_client: reqwest::Client,
}

/// Why the gateway could not start.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    #[error("could not {attempt} {path}: {source}")]
    Folder { attempt: &'static str, path: PathBuf, source: std::io::Error },
    #[error("could not listen on {address}: {source}")]
    Listen { address: std::net::SocketAddr, source: std::io::Error },
    #[error("could not start the thread that writes recordings")]
    Thread(#[source] std::io::Error),
    #[error(transparent)]
    Engines(#[from] crate::live::engines::NotReady),
    #[error("the client for tools could not be made: {0}")]
    Tools(#[from] reqwest::Error),
}

impl Gateway {
    /// Makes everything ready for calls. `auth_token` signs the carrier's requests.
    ///
    /// # Errors
    /// [`NotStarted`].
    pub fn open(
        config: Config,
        business: Business,
        auth_token: &SecretString,
        metrics: PrometheusHandle,
    ) -> Result<Arc<Self>, NotStarted> {
        let engines = Engines::open(&config, &business)?;
        let folder = |name: &str| config.data_dir.join(name);
        let journals = Journals::open(&folder("journal")).map_err(|source| NotStarted::Folder {
            attempt: "make the folder",
            path: folder("journal"),
            source,
        })?;
        if config.record {
            private_folder(&folder("recordings")).map_err(|source| NotStarted::Folder {
                attempt: "make the folder",
                path: folder("recordings"),
                source,
            })?;
        }
        let recordings = match config.record {
            true => Some(Recordings::start().map_err(NotStarted::Thread)?),
            false => None,
        };
        let tools_client =
            reqwest::Client::builder().connect_timeout(Duration::from_secs(2)).build()?;
        Ok(Arc::new(Gateway {
            public_url: config.public_url.clone(),
            media_url: config.media_url(),
            business,
            engines,
            journals,
            recordings,
            registry: Registry::default(),
            validator: Validator::new([auth_token]),
            tasks: TaskTracker::new(),
            leaving: CancellationToken::new(),
            draining: AtomicBool::new(false),
            metrics,
            tools_client,
            config,
        }))
    }

    /// The address by which the carrier reaches us.
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// The media socket's address.
    pub fn media_url(&self) -> &str {
        &self.media_url
    }

    /// More live calls than this are turned away.
    pub fn most_calls(&self) -> usize {
        self.config.most_calls
    }

    /// Is the process about to stop?
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// The engines of this process.
    pub fn engines(&self) -> &Engines {
        &self.engines
    }

    /// Where a call's recording is.
    pub fn recording(&self, call_sid: &str, stream_sid: &str) -> PathBuf {
        self.config.data_dir.join("recordings").join(format!("{call_sid}-{stream_sid}.wav"))
    }

    /// Conducts a call whose stream has started, to its end.
    pub async fn conduct<C: Carrier>(
        &self,
        start: Start,
        expected: Expected,
        live: Live,
        words: mpsc::Receiver<Word>,
        carrier: &mut C,
    ) {
        let call_sid = start.call_sid;
        let mut script = self.business.script();
        let mut before = Vec::new();
        if expected.resumed {
            let (journals, call_sid) = (self.journals.clone(), call_sid.clone());
            let read = tokio::task::spawn_blocking(move || journals.said_before(&call_sid));
            before = read.await.unwrap_or_default();
            script.resumed = Some("Sorry, we were cut off. Please go on.".to_owned());
        }
        let mut policy = self.config.turn.clone();
        policy.idle.prompt.clone_from(&self.business.idle_prompt);
        let header = Header {
            call_sid: call_sid.clone(),
            stream_sid: start.stream_sid.clone(),
            started_at: chrono::Utc::now().to_rfc3339(),
            lead_id: expected.lead_id,
            call_id: expected.call_id,
            stt: self.engines.stt.name().to_owned(),
            llm: self.engines.llm.name().to_owned(),
            tts: self.engines.tts.name().to_owned(),
            policy: policy.clone(),
            script: script.clone(),
        };
        let recording = self.recording(&call_sid, &start.stream_sid);
        let options = vendors::SttOptions {
            language: self.business.language.clone(),
            keywords: self.business.keywords.clone(),
        };
        let parts = Parts {
            call_sid: call_sid.clone(),
            stream_sid: start.stream_sid,
            conversation: Conversation::new(policy, script, before),
            hearing: Hearing::new(self.engines.vad(), self.engines.stt.listen(options)),
            llm: self.engines.llm.clone(),
            spare_llm: self.engines.spare_llm.clone(),
            tool_specs: self.business.tools(),
            tools: Tools::new(
                self.business.tools.clone().into(),
                self.tools_client.clone(),
                call_sid.clone(),
            ),
            voice: Voice::new(
                self.engines.tts.clone(),
                self.engines.spare_tts.clone(),
                self.business.voice.clone(),
                self.business.language.clone(),
            ),
            recorder: match &self.recordings {
                Some(recordings) => recordings.begin(recording),
                None => Recorder::off(),
            },
            journal: self.journals.begin(&header).await,
            words,
            stop: self.leaving.clone(),
            lead: Duration::from_millis(self.config.lead_ms),
        };
        let remember = |why| self.registry.remember_end(&call_sid, why);
        session::run(parts, carrier, remember).await;
        drop(live);
    }

    /// Serves until `stop`; then turns new calls away, leaves the running ones in a pause of speech,
    /// has the carrier ask again in a moment how they go on, and returns.
    ///
    /// # Errors
    /// The listener failed.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> std::io::Result<()> {
        use axum::serve::ListenerExt;
        // Small messages at once: Nagle's algorithm would hold them back.
        let listener = listener.tap_io(|socket| {
            let _ = socket.set_nodelay(true);
        });
        let upkeep = self.metrics.clone();
        let upkeep = tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(5)).await;
                upkeep.run_upkeep();
            }
        });
        let closed = CancellationToken::new();
        let server = axum::serve(listener, self.clone().router())
            .with_graceful_shutdown(closed.clone().cancelled_owned());
        let mut server = tokio::spawn(server.into_future());
        tokio::select! {
            // Only by failing: nobody has asked it to stop.
            served = &mut server => return served.map_err(std::io::Error::other)?,
            () = stop.cancelled() => {}
        }
        self.draining.store(true, Ordering::Relaxed);
        self.leaving.cancel();
        self.tasks.close();
        if tokio::time::timeout(DRAIN_WITHIN, self.tasks.wait()).await.is_err() {
            tracing::error!(calls = self.registry.count(), "calls did not end in time");
        }
        // The carrier asks at once how the calls that were left go on.
        tokio::time::sleep(HANDED_OVER_WITHIN).await;
        closed.cancel();
        // A request that is never completed does not keep the process.
        let _ = tokio::time::timeout(HANDED_OVER_WITHIN, server).await;
        upkeep.abort();
        Ok(())
    }

    fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/healthz", get(|| async { "ok" }))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics_text))
            .merge(api::carrier::routes())
            .with_state(self)
    }
}

async fn ready(State(gateway): State<Arc<Gateway>>) -> impl IntoResponse {
    if gateway.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping")
    } else if gateway.registry.count() >= gateway.most_calls() {
        (StatusCode::SERVICE_UNAVAILABLE, "full")
    } else {
        (StatusCode::OK, "ready")
    }
}

async fn metrics_text(State(gateway): State<Arc<Gateway>>) -> impl IntoResponse {
    ([("content-type", "text/plain; version=0.0.4")], gateway.metrics.render())
}
