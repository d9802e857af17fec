//! The running gateway: what all calls share, and how one is conducted from its start to its end.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, OnceLock,
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
use turn::{Conversation, EndReason};
use twiml::Validator;
use vendors::Stt as _;

use crate::{
    api,
    app::{App, Clock, Judge, NOBODY_CAME, NotOpened, Provided, scribe::Fact},
    carrier::{self, hang_up::Patience},
    config::Config,
    domain::{self, Business},
    live::{
        brief::Brief,
        desk::Desk,
        engines::Engines,
        hearing::Hearing,
        journal::{Header, Journals, MACHINE, Origin, private_folder},
        lag::Lag,
        phrases,
        recorder::{Recorder, Recordings},
        registry::{Back, Expected, Live, Word},
        retrieving::Retrieval,
        session::{self, Carrier, Parts, colleague::Colleague},
        tools::{NotUsable, Toolbox, Tools},
        voice::Voice,
    },
};

/// How long running calls are given when the process is to stop.
const DRAIN_WITHIN: Duration = Duration::from_secs(20);

/// How long the carrier is given to ask how calls go on, and requests to be completed.
const HANDED_OVER_WITHIN: Duration = Duration::from_millis(500);

/// How long a call waits to be told whose business it answers for.
const BRIEFED_WITHIN: Duration = Duration::from_millis(700);

/// What the agent says when a call goes on in another session.
const RESUMED: &str = "Sorry, we were cut off. Please go on.";

/// What the agent says first when it goes on with a call.
fn coming_back(back: Option<Back>, language: &str) -> &'static str {
    let russian = language.get(..2).is_some_and(|base| base.eq_ignore_ascii_case("ru"));
    match (back, russian) {
        (None, false) => RESUMED,
        (None, true) => "Извините, связь прервалась. Продолжайте, пожалуйста.",
        (Some(Back::SentFor), false) => {
            "I am trying to reach a colleague for you. Meanwhile, please go on."
        }
        (Some(Back::SentFor), true) => {
            "Я пытаюсь соединить вас с сотрудником. Пока мы можем продолжать."
        }
        (Some(Back::NobodyCame), false) => {
            "I'm sorry, none of my colleagues can take your call at the moment. How else can I help?"
        }
        (Some(Back::NobodyCame), true) => {
            "К сожалению, сейчас никто из сотрудников не может ответить. Чем ещё я могу помочь?"
        }
    }
}

/// What all calls share.
pub struct Gateway {
    config: Config,
    public_url: String,
    media_url: String,
    pub business: Business,
    engines: Engines,
    pub journals: Journals,
    recordings: Option<Recordings>,
    /// Running calls, and the carrier.
    pub desk: Desk,
    pub validator: Validator,
    /// The sessions that run.
    pub tasks: TaskTracker,
    /// Cancelled when the process is to stop.
    leaving: CancellationToken,
    draining: AtomicBool,
    /// Whether this process keeps up.
    pub lag: Lag,
    metrics: PrometheusHandle,
    toolbox: Toolbox,
    /// The control plane, where it is open: calls are conducted without it, too.
    control: OnceLock<Arc<App>>,
}

/// Why the gateway could not start.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    #[error("could not {attempt} {path}: {source}")]
    Folder { attempt: &'static str, path: PathBuf, source: std::io::Error },
    #[error("could not listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
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
        let desk = Desk::new(client, Patience::after(word_within));
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
            desk,
            validator: Validator::new([auth_token]),
            tasks: TaskTracker::new(),
            leaving: CancellationToken::new(),
            draining: AtomicBool::new(false),
            lag: Lag::default(),
            metrics,
            toolbox,
            control: OnceLock::new(),
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

    /// So many calls may be live now: none of them new while the process stops, or is behind.
    pub fn room(&self) -> usize {
        if self.is_draining() || self.lag.is_behind() { 0 } else { self.most_calls() }
    }

    /// Opens the control plane over this gateway's calls.
    ///
    /// # Errors
    /// [`NotOpened`].
    pub async fn open_control(&self, clock: Clock) -> Result<Arc<App>, NotOpened> {
        let judge = self.engines.judge.clone();
        let provided = Provided {
            instructions: Some(self.business.script().instructions),
            embedder: self.engines.embedder.clone(),
            judge: judge.map(|judge| Judge::new(judge, &self.config.analysis)),
        };
        let settings = self.config.control.clone();
        let (desk, journals) = (self.desk.clone(), self.journals.clone());
        let app = App::open_with(settings, desk, journals, clock, provided).await?;
        Ok(self.control.get_or_init(|| app).clone())
    }

    /// The control plane, where it is open.
    pub fn control(&self) -> Option<&Arc<App>> {
        self.control.get()
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
        let brief = self.brief(expected.origin.as_ref(), &call_sid).await;
        let business = &brief.business;
        let mut script = business.script();
        let offer = self.toolbox.offer();
        script.tools.extend_from_slice(offer.policies());
        let mut tool_specs = business.tools();
        tool_specs.extend_from_slice(offer.specs());
        script.outbound = expected.outbound;
        let (mut before, mut notes_before) = (Vec::new(), 0);
        if expected.resumed {
            let (journals, sid) = (self.journals.clone(), call_sid.clone());
            let read = tokio::task::spawn_blocking(move || journals.standing(&sid));
            let standing = read.await.unwrap_or_default();
            before = standing.before;
            notes_before = standing.notes;
            script.overrides = standing.overrides;
            (script.paused, script.person) = (standing.paused, standing.person);
            script.collecting = standing.collecting;
            if expected.back == Some(Back::NobodyCame) {
                before.push(turn::Message::Guidance { text: NOBODY_CAME.to_owned() });
            }
            script.resumed = Some(coming_back(expected.back, &business.language).to_owned());
        }
        if expected.listens {
            (script.paused, script.person) = (true, true);
        }
        let mut policy = self.policy_for(business);
        if let Some(config) = &brief.config {
            let delay = Duration::from_secs_f64(config.data.voice.response_delay.clamp(0.0, 10.0));
            policy.end_of_turn.shortest += delay;
            policy.end_of_turn.longest += delay;
            if self.config.phrases {
                let said = phrases::sentences(&policy, &turn::Script::default());
                let (voice, language) = (business.voice.clone(), business.language.clone());
                self.engines.phrases.learn(&said, voice, language);
            }
        }
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
            notes_before,
            origin: expected.origin.clone(),
        };
        if let (Some(app), Some(origin)) = (self.control.get(), expected.origin) {
            let call_sid = call_sid.as_str().into();
            app.report(Fact::Connected { call_sid, origin, at: header.began() });
        }
        let recording = self.recording(&call_sid, &start.stream_sid);
        let options = vendors::SttOptions {
            language: business.language.clone(),
            keywords: business.keywords.clone(),
        };
        let ears = |model| {
            Hearing::new(self.engines.vad(), self.engines.stt.listen(options.clone()), model)
        };
        let parts = Parts {
            call_sid: call_sid.clone(),
            stream_sid: start.stream_sid,
            conversation: Conversation::new(policy, script, before),
            hearing: ears(self.engines.turn_model.clone()),
            colleague: expected.listens.then(|| Box::new(Colleague::new(ears(None)))),
            progress: (expected.outbound && !expected.listens).then(Box::default),
            llm: brief.model(self.engines.llm.clone()),
            spare_llm: brief.over(self.engines.spare_llm.clone()),
            tool_specs,
            tools: Tools::new(offer, call_sid.clone()),
            voice: Voice::new(
                self.engines.phrases.clone(),
                self.engines.spare_tts.clone(),
                business.voice.clone(),
                business.language.clone(),
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
            // The carrier ended a call whose caller left, and one that is put through goes on; so does
            // one that was only listened to.
            let goes_on = matches!(why, EndReason::CallerLeft | EndReason::Transferred { .. });
            let hung_up = !goes_on && !expected.listens;
            self.desk.registry.remember_end(&call_sid, why);
            if let (true, Ok(call)) = (hung_up, call_sid.parse()) {
                self.desk.hang_ups.expect(&call);
            }
        };
        let stopped = session::run(parts, carrier, remember).await;
        if let (true, false, Some(app)) = (stopped, expected.listens, self.control.get()) {
            let (call_sid, at) = (call_sid.as_str().into(), app.clock.now());
            app.report(Fact::State { call_sid, state: domain::State::Completed, at });
        }
        drop(live);
    }

    /// What a session is told of the business that it answers for. While the database is away or slow
    /// that is the business of the server's file.
    async fn brief(&self, origin: Option<&Origin>, call_sid: &str) -> Brief {
        let has_people = self.control.get().is_some();
        let base = Business { has_people, ..self.business.clone() };
        if let (Some(app), Some(origin)) = (self.control.get(), origin) {
            let tts = self.engines.names("tts");
            let business = origin.business.map(Into::into);
            let tenant = origin.tenant.into();
            let told = app.brief_for(tenant, business, &base, &tts, Some(call_sid));
            match tokio::time::timeout(BRIEFED_WITHIN, told).await {
                Ok(Ok(brief)) => return brief,
                Ok(Err(error)) => tracing::warn!(error = ?error, "a call is answered unbriefed"),
                Err(_) => tracing::warn!("a call is answered unbriefed: the database is slow"),
            }
        }
        let retrieval = Arc::new(Retrieval::new(None));
        Brief { business: base, config: None, retrieval, own_model: None }
    }

    /// How this business's calls are conducted: what is said by default, in its language.
    fn policy_for(&self, business: &Business) -> turn::Policy {
        let mut policy = self.config.turn.clone().in_language(&business.language);
        if !business.idle_prompt.trim().is_empty() {
            policy.idle.prompt.clone_from(&business.idle_prompt);
        }
        policy
    }

    /// Has what the machine says by itself made into speech, unless that is off.
    async fn prepare_phrases(&self) {
        if !self.config.phrases {
            return;
        }
        let mut script = self.business.script();
        script.tools.extend_from_slice(self.toolbox.offer().policies());
        script.resumed = Some(RESUMED.to_owned());
        let policy = self.policy_for(&self.business);
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
        let measuring = tokio::spawn(self.lag.clone().measure());
        let preparing = tokio::spawn({
            let gateway = self.clone();
            async move { gateway.prepare_phrases().await }
        });
        let (closed, no_more_calls) = (CancellationToken::new(), CancellationToken::new());
        let watched = tokio::spawn({
            let (gateway, no_more_calls) = (self.clone(), no_more_calls.clone());
            async move { gateway.desk.hang_ups.watch(no_more_calls).await }
        });
        let server = axum::serve(
            listener,
            self.clone().router().into_make_service_with_connect_info::<SocketAddr>(),
        )
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
            tracing::error!(calls = self.desk.registry.count(), "calls did not end in time");
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
        measuring.abort();
        Ok(())
    }

    fn router(self: Arc<Self>) -> Router {
        let control = self.control.get().map(|app| api::routes(app.clone()));
        Router::new()
            .route("/healthz", get(|| async { "ok" }))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics_text))
            .merge(api::carrier::routes())
            .merge(control.unwrap_or_default())
            .with_state(self)
    }
}

async fn ready(State(gateway): State<Arc<Gateway>>) -> impl IntoResponse {
    use std::fmt::Write;
    let (status, mut text) = if gateway.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping".to_owned())
    } else if gateway.desk.registry.count() >= gateway.most_calls() {
        (StatusCode::SERVICE_UNAVAILABLE, "full".to_owned())
    } else if gateway.lag.is_behind() {
        (StatusCode::SERVICE_UNAVAILABLE, "behind".to_owned())
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
