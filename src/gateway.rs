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
use turn::{Command, Conversation, Effect, EndReason, Refusal};
use twiml::{CallSid, Validator};
use vendors::Stt as _;

use crate::{
    api,
    carrier::{
        self,
        calls::Ended,
        hang_up::{HangUps, NotEnded, Patience},
    },
    config::Config,
    domain::Business,
    live::{
        engines::Engines,
        hearing::Hearing,
        journal::{Header, Journals, MACHINE, private_folder},
        phrases,
        recorder::{Recorder, Recordings},
        registry::{Expected, Live, NotTold, Registry, Word},
        session::{self, Carrier, Parts},
        tools::{NotUsable, Toolbox, Tools},
        voice::Voice,
    },
};

/// How long running calls are given when the process is to stop.
const DRAIN_WITHIN: Duration = Duration::from_secs(20);

/// How long the carrier is given to ask how calls go on, and requests to be completed.
const HANDED_OVER_WITHIN: Duration = Duration::from_millis(500);

/// What the agent says when a call goes on in another session.
const RESUMED: &str = "Sorry, we were cut off. Please go on.";

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
    /// The calls whose end the carrier has not confirmed.
    pub hang_ups: HangUps,
    pub validator: Validator,
    /// The sessions that run.
    pub tasks: TaskTracker,
    /// Cancelled when the process is to stop.
    leaving: CancellationToken,
    draining: AtomicBool,
    metrics: PrometheusHandle,
    toolbox: Toolbox,
}

/// Why a call could not be ended.
#[derive(Debug, thiserror::Error)]
pub enum NotHungUp {
    #[error(transparent)]
    Session(#[from] NotTold),
    #[error(transparent)]
    Carrier(#[from] NotEnded),
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
    #[error(transparent)]
    Tools(#[from] NotUsable),
    #[error("the client for the carrier's API could not be made: {0}")]
    Carrier(#[source] reqwest::Error),
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
        let client = carrier::Access::of(&config).map(carrier::Client::new).transpose();
        let word_within = Duration::from_millis(config.hang_up_within_ms);
        let client = client.map_err(NotStarted::Carrier)?;
        let hang_ups = HangUps::new(client, Patience::after(word_within));
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
        let env = |name: &str| std::env::var(name).ok();
        let toolbox = Toolbox::open(&business, engines.knowledge.clone(), &env)?;
        Ok(Arc::new(Gateway {
            public_url: config.public_url.clone(),
            media_url: config.media_url(),
            business,
            engines,
            journals,
            recordings,
            registry: Registry::default(),
            hang_ups,
            validator: Validator::new([auth_token]),
            tasks: TaskTracker::new(),
            leaving: CancellationToken::new(),
            draining: AtomicBool::new(false),
            metrics,
            toolbox,
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

    /// The functions that models may call.
    pub fn toolbox(&self) -> &Toolbox {
        &self.toolbox
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
        let offer = self.toolbox.offer();
        script.tools.extend_from_slice(offer.policies());
        let mut tool_specs = self.business.tools();
        tool_specs.extend_from_slice(offer.specs());
        script.outbound = expected.outbound;
        let mut before = Vec::new();
        if expected.resumed {
            let (journals, call_sid) = (self.journals.clone(), call_sid.clone());
            let read = tokio::task::spawn_blocking(move || journals.standing(&call_sid));
            let standing = read.await.unwrap_or_default();
            before = standing.before;
            script.overrides = standing.overrides;
            (script.paused, script.person) = (standing.paused, standing.person);
            script.resumed = Some(RESUMED.to_owned());
        }
        let mut policy = self.config.turn.clone();
        policy.idle.prompt.clone_from(&self.business.idle_prompt);
        let header = Header {
            call_sid: call_sid.clone(),
            stream_sid: start.stream_sid.clone(),
            started_at: chrono::Utc::now().to_rfc3339(),
            lead_id: expected.lead_id,
            call_id: expected.call_id,
            stt: self.engines.names("stt"),
            llm: self.engines.names("llm"),
            tts: self.engines.names("tts"),
            policy: policy.clone(),
            script: script.clone(),
            machine: MACHINE.to_owned(),
            lead_ms: self.config.lead_ms,
            before: Some(before.clone()),
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
            hearing: Hearing::new(
                self.engines.vad(),
                self.engines.stt.listen(options),
                self.engines.turn_model.clone(),
            ),
            progress: expected.outbound.then(Box::default),
            llm: self.engines.llm.clone(),
            spare_llm: self.engines.spare_llm.clone(),
            tool_specs,
            tools: Tools::new(offer, call_sid.clone()),
            voice: Voice::new(
                self.engines.phrases.clone(),
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
        let remember = |why: EndReason| {
            // The carrier ended a call whose caller left, and one that is put through goes on.
            let hung_up = !matches!(why, EndReason::CallerLeft | EndReason::Transferred { .. });
            self.registry.remember_end(&call_sid, why);
            if let (true, Ok(call)) = (hung_up, call_sid.parse()) {
                self.hang_ups.expect(&call);
            }
        };
        session::run(parts, carrier, remember).await;
        drop(live);
    }

    /// Ends a call, wherever it is: here, by its session; else by the carrier. `id` is the client's own
    /// of this order. A call that is over already is [`Effect::AlreadySo`], however often it is asked.
    ///
    /// # Errors
    /// [`NotHungUp`]; the call may be up still.
    pub async fn end_call(
        &self,
        call: &CallSid,
        id: String,
        politely: bool,
    ) -> Result<Effect, NotHungUp> {
        match self.registry.tell(call.as_str(), id, Command::End { politely }).await {
            Ok(effect) => return Ok(effect),
            // It is over, or about to be: whoever ended it first did so for both.
            Err(NotTold::Refused(Refusal::Ended | Refusal::Ending)) => {
                return Ok(Effect::AlreadySo);
            }
            Err(NotTold::NotLive) => {}
            Err(error) => return Err(error.into()),
        }
        match self.registry.ended(call.as_str()) {
            Some(EndReason::CallerLeft | EndReason::Transferred { .. }) | None => {
                Ok(match self.hang_ups.order(call).await? {
                    Ended::Before => Effect::AlreadySo,
                    Ended::Now | Ended::NotYet => Effect::Done,
                })
            }
            // A session hung it up, and that is seen to.
            Some(_) => Ok(Effect::AlreadySo),
        }
    }

    /// Has what the machine says by itself made into speech, unless that is off.
    async fn prepare_phrases(&self) {
        if !self.config.phrases {
            return;
        }
        let mut script = self.business.script();
        script.tools.extend_from_slice(self.toolbox.offer().policies());
        script.resumed = Some(RESUMED.to_owned());
        let mut policy = self.config.turn.clone();
        policy.idle.prompt.clone_from(&self.business.idle_prompt);
        let sentences = phrases::sentences(&policy, &script);
        let (voice, language) = (self.business.voice.clone(), self.business.language.clone());
        self.engines.phrases.prepare(sentences, voice, language).await;
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
        let preparing = tokio::spawn({
            let gateway = self.clone();
            async move { gateway.prepare_phrases().await }
        });
        let (closed, no_more_calls) = (CancellationToken::new(), CancellationToken::new());
        let watched = tokio::spawn({
            let (gateway, no_more_calls) = (self.clone(), no_more_calls.clone());
            async move { gateway.hang_ups.watch(no_more_calls).await }
        });
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
        preparing.abort();
        self.tasks.close();
        if tokio::time::timeout(DRAIN_WITHIN, self.tasks.wait()).await.is_err() {
            tracing::error!(calls = self.registry.count(), "calls did not end in time");
        }
        // The carrier asks at once how the calls that were left go on.
        tokio::time::sleep(HANDED_OVER_WITHIN).await;
        closed.cancel();
        // The carrier can tell us nothing more: hang-ups that it has not confirmed are looked up.
        no_more_calls.cancel();
        let _ = watched.await;
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
    use std::fmt::Write;
    let (status, mut text) = if gateway.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping".to_owned())
    } else if gateway.registry.count() >= gateway.most_calls() {
        (StatusCode::SERVICE_UNAVAILABLE, "full".to_owned())
    } else {
        (StatusCode::OK, "ready".to_owned())
    };
    // A call survives any of them being out, so that is no reason to send it elsewhere.
    for (part, standing) in gateway.engines.standing() {
        let _ = write!(text, "\n{part} {}: {}", standing.name, standing.breaker.name());
    }
    (status, text)
}

async fn metrics_text(State(gateway): State<Arc<Gateway>>) -> impl IntoResponse {
    gateway.engines.report();
    ([("content-type", "text/plain; version=0.0.4")], gateway.metrics.render())
}
