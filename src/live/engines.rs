//! Which engine does what, made once from the settings and shared by all calls.

use std::sync::Arc;

use secrecy::SecretString;
use vendors::{
    Llm, Stt, Tts, VendorError, deepgram, elevenlabs,
    local::{
        self, FliteVoice, Local, LocalError, LocalOptions,
        agent::Agent,
        models::{Models, Part},
    },
    openai,
};

use super::hearing::Vad;
use crate::{
    config::{Config, Engine, VadEngine},
    domain::Business,
    models::{can_do_without, needed},
};

/// Why the engines could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    #[error(transparent)]
    Local(#[from] LocalError),
    #[error(transparent)]
    Vendor(#[from] VendorError),
}

/// The engines of this process.
#[derive(Clone)]
pub struct Engines {
    pub stt: Arc<dyn Stt>,
    pub llm: Arc<dyn Llm>,
    /// Answers when `llm` fails: needs nothing, always there.
    pub spare_llm: Arc<dyn Llm>,
    pub tts: Arc<dyn Tts>,
    /// Speaks when `tts` fails: needs nothing, always there.
    pub spare_tts: Arc<dyn Tts>,
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
        if parts.is_empty() && config.vad.is_none() && is_here(&Part::Vad) {
            parts.push(Part::Vad);
        }
        let local = if parts.is_empty() {
            None
        } else {
            let options = LocalOptions { threads: config.threads };
            Some(Local::open_parts(&config.models_dir, &options, &parts)?)
        };
        let local_engines = || local.as_ref().expect("opened where any part is local");
        let stt: Arc<dyn Stt> = match config.stt {
            Engine::Deepgram => Arc::new(deepgram::Stt::new(deepgram_settings(config))?),
            Engine::Openai => {
                let settings = openai::Settings::transcription(key(&config.openai.api_key));
                let model = config.openai.transcription_model.clone();
                Arc::new(openai::Stt::new(openai_settings(config, settings, model))?)
            }
            Engine::Local | Engine::Elevenlabs => local_engines().stt(),
        };
        let llm: Arc<dyn Llm> = match config.llm {
            Engine::Openai => {
                let settings = openai::Settings::chat(key(&config.openai.api_key));
                let model = config.openai.model.clone();
                Arc::new(openai::Llm::new(openai_settings(config, settings, model))?)
            }
            _ if parts.contains(&Part::Embeddings) => {
                local_engines().agent(business.playbook.clone())?
            }
            _ => Arc::new(Agent::without_models(business.playbook.clone())?),
        };
        let tts: Arc<dyn Tts> = match config.tts {
            Engine::Deepgram => Arc::new(deepgram::Tts::new(deepgram_settings(config))?),
            Engine::Openai => {
                let settings = openai::Settings::speech(key(&config.openai.api_key));
                let model = config.openai.speech_model.clone();
                let mut settings = openai_settings(config, settings, model);
                if let Some(voice) = &config.openai.voice {
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
            Engine::Local if parts.contains(&Part::Tts) => local_engines().tts(),
            Engine::Local => Arc::new(FliteVoice::new()),
        };
        let vad = match (config.vad, &local) {
            (Some(VadEngine::Webrtc), _) | (None, None) => VadChoice::WebRtc,
            (Some(VadEngine::Silero), _) | (None, Some(_)) => {
                VadChoice::Silero(local_engines().vad())
            }
        };
        let spare_llm = Arc::new(Agent::without_models(business.playbook.clone())?);
        let spare_tts = Arc::new(FliteVoice::new());
        Ok(Engines { stt, llm, spare_llm, tts, spare_tts, vad })
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

fn deepgram_settings(config: &Config) -> deepgram::Settings {
    let mut settings = deepgram::Settings::new(key(&config.deepgram.api_key));
    if let Some(url) = &config.deepgram.base_url {
        settings.base_url.clone_from(url);
    }
    if let Some(model) = &config.deepgram.model {
        settings.model.clone_from(model);
    }
    if let Some(voice) = &config.deepgram.voice {
        settings.voice.clone_from(voice);
    }
    settings
}

fn openai_settings(
    config: &Config,
    mut settings: openai::Settings,
    model: Option<String>,
) -> openai::Settings {
    if let Some(url) = &config.openai.base_url {
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
