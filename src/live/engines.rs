//! Which engine does what, made once from the settings and shared by all calls.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use vendors::{
    Llm, Problem, Stt, Tts, VendorError, deepgram, elevenlabs,
    failover::{
        FailoverLlm, FailoverStt, FailoverTts, Member, Policy, Standing, breaker::State, hedge,
    },
    local::{
        self, FliteVoice, Local, LocalError, LocalOptions,
        agent::{Agent, Embedder},
        models::{Models, Part},
    },
    openai,
};

use super::{hearing::Vad, phrases::Phrases};
use crate::{
    config::{self, Config, Engine, VadEngine},
    domain::Business,
    models::{can_do_without, needed},
};

/// Time allowed for an engine to say how it is.
const CHECK_WITHIN: Duration = Duration::from_secs(10);

/// Why the engines could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    #[error(transparent)]
    Local(#[from] LocalError),
    #[error(transparent)]
    Vendor(#[from] VendorError),
    #[error("a part has no engine that could do it")]
    NoEngine,
}

/// The engines of this process.
#[derive(Clone)]
pub struct Engines {
    pub stt: Arc<FailoverStt>,
    pub llm: Arc<FailoverLlm>,
    /// Answers when `llm` fails: needs nothing, always there.
    pub spare_llm: Arc<dyn Llm>,
    pub tts: Arc<FailoverTts>,
    /// Speaks when `tts` fails: needs nothing, always there.
    pub spare_tts: Arc<dyn Tts>,
    /// `tts`, with what the machine says by itself ready beforehand.
    pub phrases: Arc<Phrases>,
    /// Finds passages of the business's knowledge, where models are to look them up.
    pub knowledge: Option<Agent>,
    /// Judges calls, where a language model is to. Its breakers are its own: a judgement that was late
    /// says nothing to calls that run.
    pub judge: Option<Arc<dyn Llm>>,
    /// Compares texts by meaning, where its model is.
    pub embedder: Option<Arc<dyn Embedder>>,
    /// Judges the ends of turns, where its model is.
    pub turn_model: Option<local::SmartTurn>,
    vad: VadChoice,
}

#[derive(Clone)]
enum VadChoice {
    Silero(local::vad::Silero),
    WebRtc,
}

impl Engines {
    /// Makes the engines that the settings name ready.
    ///
    /// # Errors
    /// Local models are needed and missing, or a vendor's settings are wrong.
    pub fn open(config: &Config, business: &Business) -> Result<Self, NotReady> {
        let mut parts = needed(config);
        let models = Models::locate(&config.models_dir);
        let is_here = |part: &Part| models.missing(&[*part]).is_empty();
        if can_do_without(config) {
            // A voice and an agent need no models, if need be; hearing does.
            parts.retain(is_here);
            if !is_here(&Part::Vad) {
                parts.clear();
            }
        }
        // Nothing depends on it, but tenants' knowledge is found better by it: it comes along wherever
        // it is.
        if !parts.contains(&Part::Embeddings) && [Part::Embeddings, Part::Vad].iter().all(is_here) {
            parts.push(Part::Embeddings);
        }
        if parts.is_empty() && config.vad.is_none() && is_here(&Part::Vad) {
            parts.push(Part::Vad);
        }
        // Nothing depends on it: it comes along wherever it is, unless told otherwise.
        if config.turn_model.is_none() && [Part::Turn, Part::Vad].iter().all(is_here) {
            parts.push(Part::Turn);
        }
        let local = if parts.is_empty() {
            None
        } else {
            let options = LocalOptions { threads: config.threads };
            Some(Local::open_parts(&config.models_dir, &options, &parts)?)
        };
        let local_engines = || local.as_ref().expect("opened where any part is local");
        let is_loaded = |part: Part| parts.contains(&part);
        let mut hears = Vec::new();
        for engine in &config.stt {
            if *engine == Engine::Local && !is_loaded(Part::Stt) {
                tracing::warn!("local recognition is left out: its models are missing");
                continue;
            }
            hears.push(Member::new(engine.name(), stt(config, *engine, local_engines)?));
        }
        let mut answers = Vec::new();
        for engine in &config.llm {
            answers.push(match engine {
                Engine::Local if is_loaded(Part::Embeddings) => {
                    let agent = local_engines().agent(business.playbook.clone())?;
                    Member::stand_in(engine.name(), agent)
                }
                Engine::Local => {
                    let agent = Agent::without_models(business.playbook.clone())?;
                    Member::stand_in(engine.name(), Arc::new(agent) as Arc<dyn Llm>)
                }
                _ => Member::new(engine.name(), llm(config, *engine)?),
            });
        }
        let judges = config.analysis.engines.iter();
        let judges = judges.map(|engine| Ok(Member::new(engine.name(), llm(config, *engine)?)));
        let judges = judges.collect::<Result<Vec<_>, VendorError>>()?;
        let mut speaks = Vec::new();
        for engine in &config.tts {
            speaks.push(match engine {
                Engine::Local if is_loaded(Part::Tts) => {
                    Member::stand_in(engine.name(), local_engines().tts())
                }
                Engine::Local => {
                    let voice: Arc<dyn Tts> = Arc::new(FliteVoice::new());
                    Member::stand_in(engine.name(), voice)
                }
                _ => Member::new(engine.name(), tts(config, *engine)?),
            });
        }
        let none = || NotReady::NoEngine;
        let stt = FailoverStt::new(hears, config.failover, config.endurance).ok_or_else(none)?;
        let llm = FailoverLlm::new(answers, config.failover).ok_or_else(none)?;
        let tts = Arc::new(FailoverTts::new(speaks, config.failover).ok_or_else(none)?);
        let vad = match (config.vad, &local) {
            (Some(VadEngine::Webrtc), _) | (None, None) => VadChoice::WebRtc,
            (Some(VadEngine::Silero), _) | (None, Some(_)) => {
                VadChoice::Silero(local_engines().vad())
            }
        };
        let knowledge = match &local {
            _ if !business.offers_look_up() => None,
            Some(local) if parts.contains(&Part::Embeddings) => {
                let embedder = Arc::new(local.embedder());
                Some(Agent::with_embedder(business.playbook.clone(), embedder)?)
            }
            _ => Some(Agent::without_models(business.playbook.clone())?),
        };
        let embedder = local
            .as_ref()
            .filter(|_| is_loaded(Part::Embeddings))
            .map(|local| Arc::new(local.embedder()) as Arc<dyn Embedder>);
        // Nobody waits for a judge: one is enough.
        let hedge = hedge::Policy { share: 0.0, ..config.failover.hedge };
        let judge = FailoverLlm::new(judges, Policy { hedge, ..config.failover });
        let judge = judge.map(|judge| Arc::new(judge) as Arc<dyn Llm>);
        let spare_llm = Arc::new(Agent::without_models(business.playbook.clone())?);
        let spare_tts = Arc::new(FliteVoice::new());
        let phrases = Arc::new(Phrases::of(Arc::clone(&tts)));
        let (stt, llm) = (Arc::new(stt), Arc::new(llm));
        let turn_model = local.as_ref().and_then(Local::turn);
        Ok(Engines {
            stt,
            llm,
            spare_llm,
            tts,
            spare_tts,
            phrases,
            knowledge,
            judge,
            embedder,
            turn_model,
            vad,
        })
    }

    /// The engines of a part (`stt`, `llm`, `tts`) by name, the preferred one first.
    pub fn names(&self, part: &str) -> String {
        let standing = self.standing().into_iter().filter(|(of, _)| *of == part);
        standing.map(|(_, standing)| standing.name).collect::<Vec<_>>().join(", ")
    }

    /// How every engine has fared: part, then standing, the preferred one first.
    pub fn standing(&self) -> Vec<(&'static str, Standing)> {
        let stt = self.stt.standing().into_iter().map(|standing| ("stt", standing));
        let llm = self.llm.standing().into_iter().map(|standing| ("llm", standing));
        let tts = self.tts.standing().into_iter().map(|standing| ("tts", standing));
        stt.chain(llm).chain(tts).collect()
    }

    /// Asks every engine how it is: part, name, what it says.
    pub async fn check(&self) -> Vec<(&'static str, &'static str, Result<String, VendorError>)> {
        let stt = self.stt.members().map(|m| ("speech to text", m.name, m.engine.check()));
        let llm = self.llm.members().map(|m| ("language", m.name, m.engine.check()));
        let tts = self.tts.members().map(|m| ("voice", m.name, m.engine.check()));
        let checks = stt.chain(llm).chain(tts).map(async |(what, name, check)| {
            let limit = tokio::time::timeout(CHECK_WITHIN, check);
            let outcome = limit.await.unwrap_or_else(|_| {
                let problem = Problem::TimedOut { waited_for: "answer", after: CHECK_WITHIN };
                Err(VendorError {
                    vendor: name,
                    attempt: "say how it is",
                    problem,
                    request_id: None,
                })
            });
            (what, name, outcome)
        });
        futures_util::future::join_all(checks).await
    }

    /// Tells the metrics how the engines have fared.
    pub fn report(&self) {
        for (part, standing) in self.standing() {
            let labels = [("part", part), ("engine", standing.name)];
            let breaker = match standing.breaker {
                State::Closed => 0.0,
                State::HalfOpen => 0.5,
                State::Open => 1.0,
            };
            metrics::gauge!("tandem_engine_breaker", &labels).set(breaker);
            for (name, count) in [
                ("tandem_engine_requests_total", standing.requests),
                ("tandem_engine_failures_total", standing.failures),
                ("tandem_engine_failovers_total", standing.failovers),
                ("tandem_engine_hedges_total", standing.hedges),
                ("tandem_engine_hedges_won_total", standing.hedges_won),
            ] {
                metrics::counter!(name, &labels).absolute(count);
            }
            if let Some(p95) = standing.p95 {
                metrics::gauge!("tandem_engine_first_seconds", &labels).set(p95.as_secs_f64());
            }
        }
    }

    /// A detector of voice for one call.
    pub fn vad(&self) -> Vad {
        let policy = media::vad::Policy::default();
        match &self.vad {
            VadChoice::Silero(silero) => Vad::Elsewhere(silero.open(policy)),
            VadChoice::WebRtc => Vad::webrtc(policy),
        }
    }

    /// The detector's name.
    pub fn vad_name(&self) -> &'static str {
        match self.vad {
            VadChoice::Silero(_) => "silero",
            VadChoice::WebRtc => "webrtc",
        }
    }
}

fn stt<'a>(
    config: &Config,
    engine: Engine,
    local: impl FnOnce() -> &'a Local,
) -> Result<Arc<dyn Stt>, VendorError> {
    Ok(match engine {
        Engine::Deepgram => Arc::new(deepgram::Stt::new(deepgram_settings(config))?),
        Engine::Openai | Engine::Openai2 => {
            let vendor = openai_like(config, engine);
            let settings = openai::Settings::transcription(key(&vendor.api_key));
            let model = vendor.transcription_model.clone();
            let mut settings = openai_settings(vendor, settings, model);
            settings.realtime = vendor.turn_detection;
            Arc::new(openai::Stt::new(settings)?)
        }
        Engine::Local | Engine::Elevenlabs => local().stt(),
    })
}

fn llm(config: &Config, engine: Engine) -> Result<Arc<dyn Llm>, VendorError> {
    let vendor = openai_like(config, engine);
    let settings = openai::Settings::chat(key(&vendor.api_key));
    let model = vendor.model.clone();
    Ok(Arc::new(openai::Llm::new(openai_settings(vendor, settings, model))?))
}

fn tts(config: &Config, engine: Engine) -> Result<Arc<dyn Tts>, VendorError> {
    Ok(match engine {
        Engine::Deepgram => Arc::new(deepgram::Tts::new(deepgram_settings(config))?),
        Engine::Local => Arc::new(FliteVoice::new()),
        Engine::Openai | Engine::Openai2 => {
            let vendor = openai_like(config, engine);
            let settings = openai::Settings::speech(key(&vendor.api_key));
            let mut settings = openai_settings(vendor, settings, vendor.speech_model.clone());
            if let Some(voice) = &vendor.voice {
                settings.voice.clone_from(voice);
            }
            Arc::new(openai::Tts::new(settings)?)
        }
        Engine::Elevenlabs => {
            let mut settings = elevenlabs::Settings::new(key(&config.elevenlabs.api_key));
            if let Some(url) = &config.elevenlabs.base_url {
                settings.base_url.clone_from(url);
            }
            if let Some(model) = &config.elevenlabs.speech_model {
                settings.model.clone_from(model);
            }
            if let Some(voice) = &config.elevenlabs.voice {
                settings.voice.clone_from(voice);
            }
            Arc::new(elevenlabs::Tts::new(settings)?)
        }
    })
}

/// Which of the two servers that speak OpenAI's protocol is meant.
fn openai_like(config: &Config, engine: Engine) -> &config::Vendor {
    if engine == Engine::Openai2 { &config.openai2 } else { &config.openai }
}

fn deepgram_settings(config: &Config) -> deepgram::Settings {
    let mut settings = deepgram::Settings::new(key(&config.deepgram.api_key));
    if let Some(url) = &config.deepgram.base_url {
        settings.base_url.clone_from(url);
    }
    if let Some(model) = &config.deepgram.model {
        settings.model.clone_from(model);
    }
    if let Some(sure) = config.deepgram.end_of_turn {
        settings.end_of_turn = sure;
    }
    if let Some(sure) = config.deepgram.eager_end_of_turn {
        settings.eager_end_of_turn = (sure > 0.0).then_some(sure);
    }
    if let Some(voice) = &config.deepgram.voice {
        settings.voice.clone_from(voice);
    }
    settings
}

fn openai_settings(
    vendor: &config::Vendor,
    mut settings: openai::Settings,
    model: Option<String>,
) -> openai::Settings {
    if let Some(url) = &vendor.base_url {
        settings.base_url.clone_from(url);
    }
    if let Some(model) = model {
        settings.model = model;
    }
    settings
}

fn key(set: &Option<SecretString>) -> SecretString {
    set.clone().unwrap_or_else(|| SecretString::from(""))
}
