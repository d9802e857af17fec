//! Every setting: where it comes from, its default, its consequence.
//!
//! One TOML file and the environment; the environment wins. Nothing here reads either by itself:
//! both are handed in, so that a test can do the same.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// Looks up an environment variable.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Why the settings cannot be used; says which.
#[derive(Debug, thiserror::Error)]
pub enum BadConfig {
    #[error("the settings file {path} could not be read: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("the settings file {path} is wrong: {source}")]
    Syntax { path: PathBuf, source: Box<toml::de::Error> },
    #[error("{name} is {value:?}, which is not {wanted}")]
    Value { name: &'static str, value: String, wanted: &'static str },
    #[error("{setting} asks for {vendor}, but {key} is not set")]
    NoKey { setting: &'static str, vendor: &'static str, key: &'static str },
    #[error("{setting} cannot be {engine}: choose one of {choices}")]
    NoSuchEngine { setting: &'static str, engine: Engine, choices: &'static str },
}

/// Who does a part of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    Openai,
    Deepgram,
    Elevenlabs,
    Local,
}

/// Who hears when the caller speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VadEngine {
    /// A small network, 0.2 ms per 32 ms of audio: sure also in noise. Needs the local models.
    #[serde(alias = "local")]
    Silero,
    /// 3 µs per 20 ms: misled by steady tones and loud noise. Needs nothing.
    Webrtc,
}

/// The settings file as it is written. All of it may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    port: Option<u16>,
    bind: Option<String>,
    public_url: Option<String>,
    data_dir: Option<PathBuf>,
    models_dir: Option<PathBuf>,
    business: Option<PathBuf>,
    record: Option<bool>,
    lead_ms: Option<u64>,
    most_calls: Option<usize>,
    engines: EngineChoices,
    openai: Vendor,
    deepgram: Vendor,
    elevenlabs: Vendor,
    twilio: Twilio,
    turn: turn::Policy,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct EngineChoices {
    stt: Option<Engine>,
    llm: Option<Engine>,
    tts: Option<Engine>,
    vad: Option<VadEngine>,
    threads: Option<usize>,
}

/// How a vendor is reached. Each adapter has its own defaults for what is unset.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Vendor {
    pub api_key: Option<SecretString>,
    pub base_url: Option<String>,
    /// The model that answers (openai) or listens (deepgram).
    pub model: Option<String>,
    /// The model that speaks (openai, elevenlabs).
    pub speech_model: Option<String>,
    /// The model that listens (openai).
    pub transcription_model: Option<String>,
    pub voice: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Twilio {
    auth_token: Option<SecretString>,
    account_sid: Option<String>,
}

/// All settings, complete and sound.
#[derive(Debug)]
pub struct Config {
    /// Where to listen: `0.0.0.0`, port 8000, unless set.
    pub listen: SocketAddr,
    /// The address by which the carrier and browsers reach us, without a slash at its end; signatures
    /// are made over it. `http://127.0.0.1:<port>` unless set, which only local tools can reach.
    pub public_url: String,
    /// SQLite file, journals, recordings, models, the local auth token.
    pub data_dir: PathBuf,
    /// Local models; `models` in the data folder unless set.
    pub models_dir: PathBuf,
    /// The business's file; the seeded example unless set.
    pub business: Option<PathBuf>,
    /// Are calls recorded? True unless set.
    pub record: bool,
    /// How far ahead of what was heard audio is sent, 400 ms unless set, 100 to 2,000. Less is cut
    /// off by a stall; more is dropped at a barge-in.
    pub lead_ms: u64,
    /// More live calls than this are told to call again, 300 unless set.
    pub most_calls: usize,
    pub stt: Engine,
    pub llm: Engine,
    pub tts: Engine,
    /// Unset: Silero where the models are, else WebRTC.
    pub vad: Option<VadEngine>,
    /// Threads for local models; the machine's cores unless set.
    pub threads: Option<usize>,
    pub openai: Vendor,
    pub deepgram: Vendor,
    pub elevenlabs: Vendor,
    /// The account's token, that signs its webhooks. Unset: one is made and kept in the data folder.
    pub twilio_auth_token: Option<SecretString>,
    pub twilio_account_sid: Option<String>,
    pub turn: turn::Policy,
}

impl Config {
    /// Reads the settings. `path` is the file's; without one `TANDEM_CONFIG` names it, or there is
    /// none.
    ///
    /// # Errors
    /// [`BadConfig`], which names the setting.
    pub fn load(path: Option<&Path>, env: Lookup<'_>) -> Result<Self, BadConfig> {
        let path = path.map(Path::to_owned).or_else(|| set(env, "TANDEM_CONFIG").map(Into::into));
        let file = match path {
            None => File::default(),
            Some(path) => {
                let text = std::fs::read_to_string(&path)
                    .map_err(|source| BadConfig::Unreadable { path: path.clone(), source })?;
                toml::from_str(&text)
                    .map_err(|source| BadConfig::Syntax { path, source: Box::new(source) })?
            }
        };
        Config::complete(file, env)
    }

    fn complete(file: File, env: Lookup<'_>) -> Result<Self, BadConfig> {
        let port = number(env, "PORT", "a port from 0 to 65535")?.or(file.port).unwrap_or(8_000);
        let bind = set(env, "TANDEM_BIND").or(file.bind).unwrap_or_else(|| "0.0.0.0".into());
        let listen = bind.parse().map(|address| SocketAddr::new(address, port)).map_err(|_| {
            BadConfig::Value { name: "TANDEM_BIND", value: bind, wanted: "an IP address" }
        })?;
        let public_url = set(env, "PUBLIC_URL").or(file.public_url);
        let public_url = match public_url {
            None => format!("http://127.0.0.1:{port}"),
            Some(url) if url.starts_with("http://") || url.starts_with("https://") => {
                url.trim_end_matches('/').to_owned()
            }
            Some(value) => {
                let wanted = "an address that begins with http:// or https://";
                return Err(BadConfig::Value { name: "PUBLIC_URL", value, wanted });
            }
        };
        let data_dir = set(env, "TANDEM_DATA_DIR")
            .map(PathBuf::from)
            .or(file.data_dir)
            .unwrap_or_else(|| default_data_dir(env));
        let models_dir = set(env, "TANDEM_MODELS_DIR")
            .map(PathBuf::from)
            .or(file.models_dir)
            .unwrap_or_else(|| data_dir.join("models"));
        let lead_ms = number(env, "TANDEM_LEAD_MS", "a number of milliseconds")?
            .or(file.lead_ms)
            .unwrap_or(400);
        if !(100..=2_000).contains(&lead_ms) {
            let (name, wanted) = ("TANDEM_LEAD_MS", "between 100 and 2000");
            return Err(BadConfig::Value { name, value: lead_ms.to_string(), wanted });
        }
        let openai = file.openai.with_env(env, "OPENAI", "OPENAI_BASE_URL");
        let deepgram = file.deepgram.with_env(env, "DEEPGRAM", "DEEPGRAM_URL");
        let elevenlabs = file.elevenlabs.with_env(env, "ELEVENLABS", "ELEVENLABS_URL");
        let has = |vendor: &Vendor| vendor.api_key.is_some();
        let first = |choices: &[(bool, Engine)]| {
            choices.iter().find(|(keyed, _)| *keyed).map_or(Engine::Local, |(_, engine)| *engine)
        };
        let stt = engine(env, "TANDEM_STT")?.or(file.engines.stt).unwrap_or_else(|| {
            first(&[(has(&deepgram), Engine::Deepgram), (has(&openai), Engine::Openai)])
        });
        let llm = engine(env, "TANDEM_LLM")?
            .or(file.engines.llm)
            .unwrap_or_else(|| first(&[(has(&openai), Engine::Openai)]));
        let tts = engine(env, "TANDEM_TTS")?.or(file.engines.tts).unwrap_or_else(|| {
            first(&[
                (has(&elevenlabs), Engine::Elevenlabs),
                (has(&deepgram), Engine::Deepgram),
                (has(&openai), Engine::Openai),
            ])
        });
        let vad = match set(env, "TANDEM_VAD").as_deref() {
            None => file.engines.vad,
            Some("silero" | "local") => Some(VadEngine::Silero),
            Some("webrtc") => Some(VadEngine::Webrtc),
            Some(other) => {
                let (name, wanted) = ("TANDEM_VAD", "silero, local or webrtc");
                return Err(BadConfig::Value { name, value: other.to_owned(), wanted });
            }
        };
        let config = Config {
            listen,
            public_url,
            data_dir,
            models_dir,
            business: set(env, "TANDEM_BUSINESS").map(PathBuf::from).or(file.business),
            record: match set(env, "TANDEM_RECORD").as_deref() {
                None => file.record.unwrap_or(true),
                Some("1" | "true" | "yes") => true,
                Some("0" | "false" | "no") => false,
                Some(value) => {
                    let (name, wanted) = ("TANDEM_RECORD", "true or false");
                    return Err(BadConfig::Value { name, value: value.to_owned(), wanted });
                }
            },
            lead_ms,
            most_calls: number(env, "TANDEM_MOST_CALLS", "a number of calls")?
                .or(file.most_calls)
                .unwrap_or(300),
            stt,
            llm,
            tts,
            vad,
            threads: number(env, "TANDEM_THREADS", "a number of threads")?.or(file.engines.threads),
            openai,
            deepgram,
            elevenlabs,
            twilio_auth_token: set(env, "TWILIO_AUTH_TOKEN")
                .map(SecretString::from)
                .or(nonempty(file.twilio.auth_token)),
            twilio_account_sid: set(env, "TWILIO_ACCOUNT_SID").or(file.twilio.account_sid),
            turn: file.turn,
        };
        config.check_engines()?;
        Ok(config)
    }

    fn check_engines(&self) -> Result<(), BadConfig> {
        use Engine::{Deepgram, Elevenlabs, Local, Openai};
        let part = |setting, engine, choices: &'static str, allowed: &[Engine]| {
            if !allowed.contains(&engine) {
                return Err(BadConfig::NoSuchEngine { setting, engine, choices });
            }
            let (vendor, key, has_key) = match engine {
                Local => return Ok(()),
                // A server of one's own may want no key.
                Openai => {
                    let reachable = self.openai.api_key.is_some() || self.openai.base_url.is_some();
                    ("openai", "OPENAI_API_KEY", reachable)
                }
                Deepgram => ("deepgram", "DEEPGRAM_API_KEY", self.deepgram.api_key.is_some()),
                Elevenlabs => {
                    ("elevenlabs", "ELEVENLABS_API_KEY", self.elevenlabs.api_key.is_some())
                }
            };
            if has_key { Ok(()) } else { Err(BadConfig::NoKey { setting, vendor, key }) }
        };
        part("TANDEM_STT", self.stt, "deepgram, openai, local", &[Deepgram, Openai, Local])?;
        part("TANDEM_LLM", self.llm, "openai, local", &[Openai, Local])?;
        let all = [Elevenlabs, Deepgram, Openai, Local];
        part("TANDEM_TTS", self.tts, "elevenlabs, deepgram, openai, local", &all)
    }

    /// Does any part run on the local speech models?
    pub fn needs_models(&self) -> bool {
        [self.stt, self.llm, self.tts].contains(&Engine::Local)
            || self.vad == Some(VadEngine::Silero)
    }

    /// The media socket's address.
    pub fn media_url(&self) -> String {
        // "http" becomes "ws", "https" becomes "wss".
        format!("ws{}/media", self.public_url.trim_start_matches("http"))
    }
}

impl std::fmt::Display for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Engine::Openai => "openai",
            Engine::Deepgram => "deepgram",
            Engine::Elevenlabs => "elevenlabs",
            Engine::Local => "local",
        })
    }
}

impl Vendor {
    fn with_env(self, env: Lookup<'_>, prefix: &str, url: &str) -> Self {
        let named = |what: &str| set(env, &format!("{prefix}_{what}"));
        Vendor {
            api_key: named("API_KEY").map(SecretString::from).or(nonempty(self.api_key)),
            base_url: set(env, url).or(self.base_url),
            model: named("MODEL").or(self.model),
            speech_model: named("SPEECH_MODEL").or(self.speech_model),
            transcription_model: named("TRANSCRIPTION_MODEL").or(self.transcription_model),
            voice: named("VOICE").or(self.voice),
        }
    }
}

/// The data folder when none is named: where this system keeps a user's data.
pub fn default_data_dir(env: Lookup<'_>) -> PathBuf {
    if let Some(data) = set(env, "XDG_DATA_HOME") {
        return Path::new(&data).join("tandem");
    }
    match set(env, "HOME") {
        Some(home) => Path::new(&home).join(".local/share/tandem"),
        None => PathBuf::from("tandem-data"),
    }
}

/// A secret that is set to something; empty counts as unset.
fn nonempty(secret: Option<SecretString>) -> Option<SecretString> {
    secret.filter(|secret| !secret.expose_secret().trim().is_empty())
}

/// A variable that is set to something; empty counts as unset.
fn set(env: Lookup<'_>, name: &str) -> Option<String> {
    env(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

fn number<T: std::str::FromStr>(
    env: Lookup<'_>,
    name: &'static str,
    wanted: &'static str,
) -> Result<Option<T>, BadConfig> {
    set(env, name)
        .map(|value| value.parse().map_err(|_| BadConfig::Value { name, value, wanted }))
        .transpose()
}

fn engine(env: Lookup<'_>, name: &'static str) -> Result<Option<Engine>, BadConfig> {
    match set(env, name).as_deref() {
        None => Ok(None),
        Some("openai") => Ok(Some(Engine::Openai)),
        Some("deepgram") => Ok(Some(Engine::Deepgram)),
        Some("elevenlabs") => Ok(Some(Engine::Elevenlabs)),
        Some("local") => Ok(Some(Engine::Local)),
        Some(other) => {
            let wanted = "deepgram, openai, elevenlabs or local";
            Err(BadConfig::Value { name, value: other.to_owned(), wanted })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Result<Config, BadConfig> {
        let env = |name: &str| {
            pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Config::load(None, &env)
    }

    #[test]
    fn without_a_key_everything_is_local() {
        let config = with(&[("HOME", "/home/you")]).unwrap();
        assert_eq!([config.stt, config.llm, config.tts], [Engine::Local; 3]);
        assert_eq!(config.data_dir, Path::new("/home/you/.local/share/tandem"));
        assert_eq!(config.media_url(), "ws://127.0.0.1:8000/media");
    }

    #[test]
    fn the_best_vendor_with_a_key_is_chosen_part_by_part() {
        let config = with(&[("OPENAI_API_KEY", "k"), ("DEEPGRAM_API_KEY", "k")]).unwrap();
        assert_eq!(
            [config.stt, config.llm, config.tts],
            [Engine::Deepgram, Engine::Openai, Engine::Deepgram]
        );
        let config = with(&[("OPENAI_API_KEY", "k"), ("TANDEM_TTS", "local")]).unwrap();
        assert_eq!([config.stt, config.tts], [Engine::Openai, Engine::Local]);
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for (pairs, named) in [
            ([("TANDEM_STT", "elevenlabs")], "TANDEM_STT"),
            ([("TANDEM_TTS", "deepgram")], "DEEPGRAM_API_KEY"),
            ([("PORT", "eighty")], "PORT"),
            ([("PUBLIC_URL", "voice.example")], "PUBLIC_URL"),
            ([("TANDEM_LEAD_MS", "5")], "TANDEM_LEAD_MS"),
        ] {
            let error = with(&pairs).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn keys_do_not_show() {
        let config = with(&[("OPENAI_API_KEY", "sk-secret-1")]).unwrap();
        assert!(!format!("{config:?}").contains("sk-secret-1"));
    }
}
