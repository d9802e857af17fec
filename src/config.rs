//! Every setting: where it comes from, its default, its consequence.
//!
//! One TOML file and the environment; the environment wins. Nothing here reads either by itself:
//! both are handed in, so that a test can do the same.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use twiml::AccountSid;
use vendors::openai::TurnDetection;

mod analysis;
mod control;
mod engines;

pub use self::{
    analysis::{Analysis, Sentiment},
    control::{Control, Limits, Mail, Owner},
    engines::{Engine, VadEngine},
};

/// Looks up an environment variable.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Why the settings cannot be used; says which.
#[derive(Debug, thiserror::Error)]
pub enum BadConfig {
    #[error("the settings file {path} could not be read: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("the settings file {path} is wrong in line {line}: {what}")]
    Syntax { path: PathBuf, line: usize, what: String },
    #[error("{name} is {value:?}, which is not {wanted}")]
    Value { name: &'static str, value: String, wanted: &'static str },
    #[error("{setting} asks for {vendor}, but {key} is not set")]
    NoKey { setting: &'static str, vendor: &'static str, key: &'static str },
    #[error("{setting} cannot be {engine}: choose one of {choices}")]
    NoSuchEngine { setting: &'static str, engine: Engine, choices: &'static str },
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
    engines: engines::Choices,
    openai: Vendor,
    openai2: Vendor,
    deepgram: Vendor,
    elevenlabs: Vendor,
    twilio: Twilio,
    control: control::File,
    analysis: analysis::File,
    turn: turn::Policy,
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
    /// Who finds the ends of utterances (openai): where set, it transcribes over the Realtime API.
    pub turn_detection: Option<TurnDetection>,
    /// How sure a Flux model must be that the caller's turn is over (deepgram).
    pub end_of_turn: Option<f32>,
    /// How sure it must be that it is likely over (deepgram); 0: it is not asked.
    pub eager_end_of_turn: Option<f32>,
    pub voice: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Twilio {
    auth_token: Option<SecretString>,
    account_sid: Option<String>,
    api_url: Option<String>,
    hang_up_within_ms: Option<u64>,
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
    /// Who listens: the first of them, and another one when that one fails.
    pub stt: Vec<Engine>,
    /// Who answers, likewise.
    pub llm: Vec<Engine>,
    /// Who speaks, likewise.
    pub tts: Vec<Engine>,
    /// When engines are left alone, and when two are asked at once.
    pub failover: vendors::failover::Policy,
    /// When another engine is to listen.
    pub endurance: vendors::failover::Endurance,
    /// Are the machine's own phrases made into speech at the start? True unless set: they are then said
    /// at once, and while the voice is down. It costs some hundred characters at each start.
    pub phrases: bool,
    /// Unset: Silero where the models are, else WebRTC.
    pub vad: Option<VadEngine>,
    /// Does a model judge the ends of turns? Unset: where its file is. It costs some 35 ms of a core in
    /// each pause of a caller.
    pub turn_model: Option<bool>,
    /// Threads for local models; the machine's cores unless set.
    pub threads: Option<usize>,
    pub openai: Vendor,
    /// A second server that speaks OpenAI's protocol.
    pub openai2: Vendor,
    pub deepgram: Vendor,
    pub elevenlabs: Vendor,
    /// The account's token, that signs its webhooks. Unset: one is made and kept in the data folder.
    pub twilio_auth_token: Option<SecretString>,
    /// The account whose calls these are. With the token, calls are looked up and ended over REST;
    /// without either, a call whose hang-up was lost stays up until the carrier's own limit.
    pub twilio_account_sid: Option<AccountSid>,
    /// Where the carrier's REST API is, <https://api.twilio.com> unless set.
    pub twilio_api_url: reqwest::Url,
    /// How long the carrier is given to say that a call which was hung up is over, 5,000 ms unless
    /// set, 200 to 60,000. Then it is looked up over REST: shorter costs requests, longer is paid for
    /// by whoever pays for a call that is still up.
    pub hang_up_within_ms: u64,
    pub control: Control,
    /// What a language model is asked of calls beside their answers.
    pub analysis: Analysis,
    pub turn: turn::Policy,
}

/// Where a TOML text is wrong, and how. The line itself is not told: it may hold a key.
pub(crate) fn place_of(error: &toml::de::Error, text: &str) -> (usize, String) {
    let before = error.span().map_or(0, |span| span.start.min(text.len()));
    let line = 1 + text.as_bytes()[..before].iter().filter(|byte| **byte == b'\n').count();
    (line, error.message().to_owned())
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
                toml::from_str(&text).map_err(|error| {
                    let (line, what) = place_of(&error, &text);
                    BadConfig::Syntax { path, line, what }
                })?
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
        let hang_up_within_ms =
            number(env, "TANDEM_HANG_UP_WITHIN_MS", "a number of milliseconds")?
                .or(file.twilio.hang_up_within_ms)
                .unwrap_or(5_000);
        if !(200..=60_000).contains(&hang_up_within_ms) {
            let (name, wanted) = ("TANDEM_HANG_UP_WITHIN_MS", "between 200 and 60000");
            let value = hang_up_within_ms.to_string();
            return Err(BadConfig::Value { name, value, wanted });
        }
        let mut openai = file.openai.with_env(env, "OPENAI", "OPENAI_BASE_URL");
        if let Some(value) = set(env, "OPENAI_TURN_DETECTION") {
            let (name, wanted) = ("OPENAI_TURN_DETECTION", "own, server_vad or semantic_vad");
            let detection = TurnDetection::named(&value);
            openai.turn_detection =
                Some(detection.ok_or(BadConfig::Value { name, value, wanted })?);
        }
        let openai2 = file.openai2.with_env(env, "OPENAI2", "OPENAI2_BASE_URL");
        let mut deepgram = file.deepgram.with_env(env, "DEEPGRAM", "DEEPGRAM_URL");
        let sure = "a number from 0 to 1";
        let end_of_turn = number(env, "DEEPGRAM_END_OF_TURN", sure)?;
        deepgram.end_of_turn = end_of_turn.or(deepgram.end_of_turn);
        let eager = number(env, "DEEPGRAM_EAGER_END_OF_TURN", sure)?;
        deepgram.eager_end_of_turn = eager.or(deepgram.eager_end_of_turn);
        let elevenlabs = file.elevenlabs.with_env(env, "ELEVENLABS", "ELEVENLABS_URL");
        let (chosen_vad, threads) = (file.engines.vad, file.engines.threads);
        let chosen = file.engines.complete(env, [&openai, &deepgram, &elevenlabs])?;
        let vad = match set(env, "TANDEM_VAD").as_deref() {
            None => chosen_vad,
            Some("silero" | "local") => Some(VadEngine::Silero),
            Some("webrtc") => Some(VadEngine::Webrtc),
            Some(other) => {
                let (name, wanted) = ("TANDEM_VAD", "silero, local or webrtc");
                return Err(BadConfig::Value { name, value: other.to_owned(), wanted });
            }
        };
        let twilio_api_url: reqwest::Url = {
            let value = set(env, "TWILIO_API_URL").or(file.twilio.api_url);
            let value = value.unwrap_or_else(|| crate::carrier::API_URL.to_owned());
            let url = value.parse().ok().filter(|url: &reqwest::Url| {
                matches!(url.scheme(), "http" | "https") && url.query().is_none()
            });
            let (name, wanted) =
                ("TWILIO_API_URL", "an address that begins with http:// or https://");
            url.ok_or(BadConfig::Value { name, value, wanted })?
        };
        let asked_at = (&openai, twilio_api_url.clone());
        let control = file.control.complete(env, &data_dir, &public_url, asked_at)?;
        let analysis = file.analysis.complete(env, &chosen.llm, &openai)?;
        let config = Config {
            control,
            analysis,
            listen,
            public_url,
            data_dir,
            models_dir,
            business: set(env, "TANDEM_BUSINESS").map(PathBuf::from).or(file.business),
            record: flag(env, "TANDEM_RECORD")?.or(file.record).unwrap_or(true),
            lead_ms,
            most_calls: number(env, "TANDEM_MOST_CALLS", "a number of calls")?
                .or(file.most_calls)
                .unwrap_or(300),
            stt: chosen.stt,
            llm: chosen.llm,
            tts: chosen.tts,
            failover: chosen.failover,
            endurance: chosen.endurance,
            phrases: chosen.phrases,
            vad,
            turn_model: chosen.turn_model,
            threads: number(env, "TANDEM_THREADS", "a number of threads")?.or(threads),
            openai,
            openai2,
            deepgram,
            elevenlabs,
            twilio_auth_token: set(env, "TWILIO_AUTH_TOKEN")
                .map(SecretString::from)
                .or(nonempty(file.twilio.auth_token)),
            twilio_account_sid: match set(env, "TWILIO_ACCOUNT_SID").or(file.twilio.account_sid) {
                None => None,
                Some(value) => Some(value.parse().map_err(|_| {
                    let (name, wanted) =
                        ("TWILIO_ACCOUNT_SID", "an identifier that begins with AC");
                    BadConfig::Value { name, value, wanted }
                })?),
            },
            twilio_api_url,
            hang_up_within_ms,
            turn: file.turn,
        };
        config.check_engines()?;
        Ok(config)
    }

    /// The media socket's address.
    pub fn media_url(&self) -> String {
        // "http" becomes "ws", "https" becomes "wss".
        format!("ws{}/media", self.public_url.trim_start_matches("http"))
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
            turn_detection: self.turn_detection,
            end_of_turn: self.end_of_turn,
            eager_end_of_turn: self.eager_end_of_turn,
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

fn flag(env: Lookup<'_>, name: &'static str) -> Result<Option<bool>, BadConfig> {
    match set(env, name).as_deref() {
        None => Ok(None),
        Some("1" | "true" | "yes") => Ok(Some(true)),
        Some("0" | "false" | "no") => Ok(Some(false)),
        Some(value) => {
            let value = value.to_owned();
            Err(BadConfig::Value { name, value, wanted: "true or false" })
        }
    }
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

fn between(
    name: &'static str,
    ms: Option<u64>,
    (least, most, wanted): (u64, u64, &'static str),
) -> Result<Option<Duration>, BadConfig> {
    match ms {
        Some(ms) if !(least..=most).contains(&ms) => {
            Err(BadConfig::Value { name, value: ms.to_string(), wanted })
        }
        ms => Ok(ms.map(Duration::from_millis)),
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
        assert_eq!([&config.stt, &config.llm, &config.tts], [&[Engine::Local]; 3]);
        assert_eq!(config.data_dir, Path::new("/home/you/.local/share/tandem"));
        assert_eq!(config.media_url(), "ws://127.0.0.1:8000/media");
    }

    #[test]
    fn the_best_vendor_with_a_key_is_chosen_part_by_part() {
        let config = with(&[("OPENAI_API_KEY", "k"), ("DEEPGRAM_API_KEY", "k")]).unwrap();
        assert_eq!(
            [config.stt, config.llm, config.tts],
            [[Engine::Deepgram], [Engine::Openai], [Engine::Deepgram]]
        );
        let config = with(&[("OPENAI_API_KEY", "k"), ("TANDEM_TTS", "local")]).unwrap();
        assert_eq!([config.stt, config.tts], [[Engine::Openai], [Engine::Local]]);
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for (pairs, named) in [
            ([("TANDEM_STT", "elevenlabs")], "TANDEM_STT"),
            ([("TANDEM_TTS", "deepgram")], "DEEPGRAM_API_KEY"),
            ([("PORT", "eighty")], "PORT"),
            ([("PUBLIC_URL", "voice.example")], "PUBLIC_URL"),
            ([("TANDEM_LEAD_MS", "5")], "TANDEM_LEAD_MS"),
            ([("TWILIO_ACCOUNT_SID", "SK01")], "TWILIO_ACCOUNT_SID"),
            ([("TWILIO_API_URL", "api.twilio.com")], "TWILIO_API_URL"),
            ([("TANDEM_HANG_UP_WITHIN_MS", "0")], "TANDEM_HANG_UP_WITHIN_MS"),
        ] {
            let error = with(&pairs).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn who_judges_the_end_of_a_turn_can_be_chosen() {
        let config = with(&[
            ("OPENAI_TURN_DETECTION", "semantic_vad"),
            ("DEEPGRAM_MODEL", "flux-general-en"),
            ("DEEPGRAM_END_OF_TURN", "0.8"),
            ("DEEPGRAM_EAGER_END_OF_TURN", "0"),
        ])
        .unwrap();
        assert_eq!(config.openai.turn_detection, Some(TurnDetection::Semantic));
        assert_eq!(config.deepgram.model.as_deref(), Some("flux-general-en"));
        assert_eq!(config.deepgram.end_of_turn, Some(0.8));
        assert_eq!(config.deepgram.eager_end_of_turn, Some(0.0));
        let error = with(&[("OPENAI_TURN_DETECTION", "psychic")]).unwrap_err().to_string();
        assert!(error.contains("OPENAI_TURN_DETECTION"), "{error}");
    }

    #[test]
    fn keys_do_not_show() {
        let config = with(&[("OPENAI_API_KEY", "sk-secret-1")]).unwrap();
        assert!(!format!("{config:?}").contains("sk-secret-1"));
    }
}
