//! Which engines do what, in which order, and when another one is asked.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use vendors::failover::{Endurance, Policy, breaker, hedge};

use super::{BadConfig, Config, Lookup, Vendor, between, flag, number, set};

/// Who does a part of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    Openai,
    /// A second server that speaks OpenAI's protocol, with settings of its own.
    Openai2,
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

impl Engine {
    /// The engine's name, as in settings, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Openai => "openai",
            Engine::Openai2 => "openai2",
            Engine::Deepgram => "deepgram",
            Engine::Elevenlabs => "elevenlabs",
            Engine::Local => "local",
        }
    }

    fn named(name: &str) -> Option<Self> {
        use Engine::{Deepgram, Elevenlabs, Local, Openai, Openai2};
        [Openai, Openai2, Deepgram, Elevenlabs, Local]
            .into_iter()
            .find(|known| known.name() == name)
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `[engines]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Choices {
    stt: Option<List>,
    llm: Option<List>,
    tts: Option<List>,
    pub(super) vad: Option<VadEngine>,
    pub(super) threads: Option<usize>,
    breaker: BreakerSettings,
    hedge: HedgeSettings,
    hearing: HearingSettings,
    phrases: Option<bool>,
    turn_model: Option<bool>,
}

/// One name, or several of which the first is preferred.
#[derive(Debug)]
struct List(Vec<Engine>);

impl<'de> Deserialize<'de> for List {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> de::Visitor<'de> for Names {
            type Value = List;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an engine's name, or a list of names")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<List, E> {
                let engine = Engine::deserialize(de::value::StrDeserializer::new(name))?;
                Ok(List(vec![engine]))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut names: A) -> Result<List, A::Error> {
                let mut list = Vec::new();
                while let Some(engine) = names.next_element()? {
                    list.push(engine);
                }
                Ok(List(list))
            }
        }
        deserializer.deserialize_any(Names)
    }
}

/// When an engine that fails is left alone.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct BreakerSettings {
    /// Failures in a row after which it is left alone, 3 unless set. Fewer, and a mishap changes the
    /// agent's voice; more, and more callers wait for an engine that is down.
    opens_after: Option<u32>,
    /// How long, 20,000 ms unless set; then one request probes whether it is back.
    cool_down_ms: Option<u64>,
}

/// When a second engine is asked while the first is late. Only where two remote ones are named: the
/// local ones stand in for an engine that failed, not for one that is late.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct HedgeSettings {
    /// At most this share of requests is asked twice, 0.1 unless set; 0 is never.
    share: Option<f64>,
    /// Not sooner than this, 200 ms unless set.
    floor_ms: Option<u64>,
    /// Not later than this, 1,200 ms unless set. Between the two it is the time within which 95 of 100
    /// of that engine's last answers began.
    cap_ms: Option<u64>,
}

/// When another engine is to listen, if there is one.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct HearingSettings {
    /// No final words so long after the caller fell silent, 3,000 ms unless set.
    settle_within_ms: Option<u64>,
    /// No guess for so long while the caller speaks, 8,000 ms unless set. Audio of 10,000 ms is
    /// remembered.
    silent_for_ms: Option<u64>,
    /// A lost connection takes so long to come back, 1,500 ms unless set.
    reconnect_within_ms: Option<u64>,
}

/// The engines of this process, complete and sound but for their keys.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) stt: Vec<Engine>,
    pub(super) llm: Vec<Engine>,
    pub(super) tts: Vec<Engine>,
    pub(super) failover: Policy,
    pub(super) endurance: Endurance,
    pub(super) phrases: bool,
    pub(super) turn_model: Option<bool>,
}

impl Choices {
    /// The choices, with the environment's before those of the file; where nothing is chosen, the best
    /// of the vendors that have a key.
    pub(super) fn complete(
        self,
        env: Lookup<'_>,
        [openai, deepgram, elevenlabs]: [&Vendor; 3],
    ) -> Result<Chosen, BadConfig> {
        let best = |choices: &[(&Vendor, Engine)]| {
            let keyed = choices.iter().find(|(vendor, _)| vendor.api_key.is_some());
            vec![keyed.map_or(Engine::Local, |(_, engine)| *engine)]
        };
        let stt = list(env, "TANDEM_STT", self.stt)?
            .unwrap_or_else(|| best(&[(deepgram, Engine::Deepgram), (openai, Engine::Openai)]));
        let llm =
            list(env, "TANDEM_LLM", self.llm)?.unwrap_or_else(|| best(&[(openai, Engine::Openai)]));
        let tts = list(env, "TANDEM_TTS", self.tts)?.unwrap_or_else(|| {
            best(&[
                (elevenlabs, Engine::Elevenlabs),
                (deepgram, Engine::Deepgram),
                (openai, Engine::Openai),
            ])
        });
        let phrases = flag(env, "TANDEM_PHRASES")?.or(self.phrases).unwrap_or(true);
        let turn_model = flag(env, "TANDEM_TURN_MODEL")?.or(self.turn_model);
        let hedge = self.hedge.complete(env)?;
        let failover = Policy { breaker: self.breaker.complete()?, hedge };
        let endurance = self.hearing.complete()?;
        Ok(Chosen { stt, llm, tts, failover, endurance, phrases, turn_model })
    }
}

impl BreakerSettings {
    fn complete(&self) -> Result<breaker::Policy, BadConfig> {
        let unset = breaker::Policy::default();
        let opens_after = self.opens_after.unwrap_or(unset.opens_after);
        if opens_after == 0 {
            return Err(wrong("engines.breaker.opens_after", opens_after, "1 or more"));
        }
        let limits = (100, 3_600_000, "between 100 ms and an hour, in milliseconds");
        let cool_down = between("engines.breaker.cool_down_ms", self.cool_down_ms, limits)?;
        Ok(breaker::Policy { opens_after, cool_down: cool_down.unwrap_or(unset.cool_down) })
    }
}

impl HedgeSettings {
    fn complete(&self, env: Lookup<'_>) -> Result<hedge::Policy, BadConfig> {
        let unset = hedge::Policy::default();
        let share = number(env, "TANDEM_HEDGE", "a share of requests from 0 to 1")?;
        let share: f64 = share.or(self.share).unwrap_or(unset.share);
        if !(0.0..=1.0).contains(&share) {
            return Err(wrong("TANDEM_HEDGE", share, "a share of requests from 0 to 1"));
        }
        let limits = (1, 10_000, "between 1 and 10000");
        let floor = between("engines.hedge.floor_ms", self.floor_ms, limits)?;
        let cap = between("engines.hedge.cap_ms", self.cap_ms, limits)?;
        let (floor, cap) = (floor.unwrap_or(unset.floor), cap.unwrap_or(unset.cap));
        if floor > cap {
            let wanted = "no more than engines.hedge.cap_ms";
            return Err(wrong("engines.hedge.floor_ms", floor.as_millis(), wanted));
        }
        Ok(hedge::Policy { share, floor, cap })
    }
}

impl HearingSettings {
    fn complete(&self) -> Result<Endurance, BadConfig> {
        let unset = Endurance::default();
        let limits = (100, 10_000, "between 100 and 10000");
        let settle = between("engines.hearing.settle_within_ms", self.settle_within_ms, limits)?;
        let silent = between("engines.hearing.silent_for_ms", self.silent_for_ms, limits)?;
        let reconnect =
            between("engines.hearing.reconnect_within_ms", self.reconnect_within_ms, limits)?;
        Ok(Endurance {
            settle_within: settle.unwrap_or(unset.settle_within),
            silent_for: silent.unwrap_or(unset.silent_for),
            reconnect_within: reconnect.unwrap_or(unset.reconnect_within),
        })
    }
}

impl Config {
    /// Every engine that is named must be one for its part, named once, and reachable.
    pub(super) fn check_engines(&self) -> Result<(), BadConfig> {
        use Engine::{Deepgram, Elevenlabs, Local, Openai, Openai2};
        let hears = ("deepgram, openai, openai2, local", &[Deepgram, Openai, Openai2, Local][..]);
        let answers = ("openai, openai2, local", &[Openai, Openai2, Local][..]);
        let speaks = (
            "elevenlabs, deepgram, openai, openai2, local",
            &[Elevenlabs, Deepgram, Openai, Openai2, Local][..],
        );
        for (setting, engines, (choices, allowed)) in [
            ("TANDEM_STT", &self.stt, hears),
            ("TANDEM_LLM", &self.llm, answers),
            ("TANDEM_TTS", &self.tts, speaks),
        ] {
            for (place, engine) in engines.iter().enumerate() {
                if !allowed.contains(engine) {
                    return Err(BadConfig::NoSuchEngine { setting, engine: *engine, choices });
                }
                if engines[..place].contains(engine) {
                    return Err(wrong(setting, spelled(engines), "a list that names each once"));
                }
                self.check_key(setting, *engine)?;
            }
        }
        Ok(())
    }

    fn check_key(&self, setting: &'static str, engine: Engine) -> Result<(), BadConfig> {
        // A server of one's own may want no key.
        let reachable = |vendor: &Vendor| vendor.api_key.is_some() || vendor.base_url.is_some();
        let (key, is_set) = match engine {
            Engine::Local => return Ok(()),
            Engine::Openai => ("OPENAI_API_KEY", reachable(&self.openai)),
            Engine::Openai2 => ("OPENAI2_BASE_URL", self.openai2.base_url.is_some()),
            Engine::Deepgram => ("DEEPGRAM_API_KEY", self.deepgram.api_key.is_some()),
            Engine::Elevenlabs => ("ELEVENLABS_API_KEY", self.elevenlabs.api_key.is_some()),
        };
        if is_set { Ok(()) } else { Err(BadConfig::NoKey { setting, vendor: engine.name(), key }) }
    }

    /// Does any part run on the local speech models?
    pub fn needs_models(&self) -> bool {
        [&self.stt, &self.llm, &self.tts].iter().any(|part| part.contains(&Engine::Local))
            || self.vad == Some(VadEngine::Silero)
    }
}

/// Names as they are written in the environment.
pub(crate) fn spelled(engines: &[Engine]) -> String {
    engines.iter().map(|engine| engine.name()).collect::<Vec<_>>().join(",")
}

fn list(
    env: Lookup<'_>,
    name: &'static str,
    file: Option<List>,
) -> Result<Option<Vec<Engine>>, BadConfig> {
    let wanted = "one or more of deepgram, openai, openai2, elevenlabs and local";
    let engines = match set(env, name) {
        None => file.map(|List(engines)| engines),
        Some(names) => {
            let named = names.split(',').map(|name| Engine::named(name.trim()));
            let named: Option<Vec<Engine>> = named.collect();
            Some(named.ok_or_else(|| wrong(name, names, wanted))?)
        }
    };
    match engines {
        Some(engines) if engines.is_empty() => Err(wrong(name, "", wanted)),
        engines => Ok(engines),
    }
}

fn wrong(name: &'static str, value: impl ToString, wanted: &'static str) -> BadConfig {
    BadConfig::Value { name, value: value.to_string(), wanted }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn with(file: &str, pairs: &[(&str, &str)]) -> Result<Config, String> {
        let env = |name: &str| {
            pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let file = toml::from_str(file).map_err(|error| error.to_string())?;
        Config::complete(file, &env).map_err(|error| error.to_string())
    }

    #[test]
    fn engines_are_named_singly_or_in_order_of_preference() {
        let keys = [("OPENAI_API_KEY", "k"), ("DEEPGRAM_API_KEY", "k")];
        let file = r#"
            [engines]
            stt = ["deepgram", "local"]
            llm = "openai"
            breaker = { opens_after = 5, cool_down_ms = 1000 }
            hedge = { share = 0.05, floor_ms = 100, cap_ms = 900 }
            hearing = { settle_within_ms = 2000 }
        "#;
        let config = with(file, &keys).unwrap();
        assert_eq!(config.stt, [Engine::Deepgram, Engine::Local]);
        assert_eq!((config.llm, config.tts), (vec![Engine::Openai], vec![Engine::Deepgram]));
        let Policy { breaker, hedge } = config.failover;
        assert_eq!((breaker.opens_after, breaker.cool_down), (5, Duration::from_secs(1)));
        assert_eq!((hedge.share, hedge.cap), (0.05, Duration::from_millis(900)));
        assert_eq!(config.endurance.settle_within, Duration::from_secs(2));

        let env = [keys[0], keys[1], ("TANDEM_STT", "openai , deepgram")];
        let config = with(file, &env).unwrap();
        assert_eq!(config.stt, [Engine::Openai, Engine::Deepgram], "the environment wins");
    }

    #[test]
    fn a_wrong_choice_is_named() {
        let server = ("OPENAI2_BASE_URL", "http://127.0.0.1:1/v1");
        for (file, env, named) in [
            ("[engines]\nllm = [\"openai\"]", vec![], "OPENAI_API_KEY"),
            ("", vec![("TANDEM_LLM", "openai2")], "OPENAI2_BASE_URL"),
            ("", vec![server, ("TANDEM_LLM", "openai2,local,openai2")], "TANDEM_LLM"),
            ("", vec![("TANDEM_TTS", "local,")], "TANDEM_TTS"),
            ("[engines]\ntts = []", vec![], "TANDEM_TTS"),
            ("[engines]\ntts = [\"loud\"]", vec![], "unknown variant `loud`"),
            ("[engines]\nbreaker.opens_after = 0", vec![], "opens_after"),
            ("[engines]\nhedge.floor_ms = 5000", vec![], "floor_ms"),
            ("", vec![("TANDEM_HEDGE", "20")], "TANDEM_HEDGE"),
            ("[engines]\nhearing.silent_for_ms = 60000", vec![], "silent_for_ms"),
        ] {
            let error = with(file, &env).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}
