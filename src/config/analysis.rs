//! Who judges calls: the rules always, a language model beside them.

use std::time::Duration;

use serde::Deserialize;

use super::{BadConfig, Engine, Lookup, Vendor, between, flag, set};

/// Who says how a caller's turn sounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sentiment {
    /// Lists of words, and the model of meaning where it is: some 4 ms of a core a turn.
    #[default]
    Local,
    /// The language model, too: one request a turn. Until it has answered, and where it does not, the
    /// local verdict stands.
    Llm,
}

/// `[analysis]` as it is written. All of it may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    judge: Option<bool>,
    sentiment: Option<Sentiment>,
    model: Option<String>,
    within_ms: Option<u64>,
}

/// What a language model is asked of calls.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// Does a language model score calls that are over, beside the rules, and sum them up? Unset: where
    /// a remote one answers calls. That vendor has heard all of the call already, so nothing is told to
    /// anybody new, and two requests at the end cost less than the call's own turns did. Where the
    /// answers are local, what was said stays on this machine unless this is set.
    pub judge: bool,
    /// Local unless set: a verdict on each turn doubles the requests of a call.
    pub sentiment: Sentiment,
    /// The model that is asked; the one that answers calls unless set. Nobody waits for it: it may be a
    /// slower one.
    pub model: Option<String>,
    /// One judgement may take so long, 20,000 ms unless set, 1,000 to 120,000; then the rules' score
    /// stands. A call's score is not shown before.
    pub within: Duration,
    /// Who is asked, the preferred one first; nobody, if neither of the two is wanted.
    pub engines: Vec<Engine>,
}

impl File {
    /// `llm`: who answers calls.
    pub(super) fn complete(
        self,
        env: Lookup<'_>,
        llm: &[Engine],
        openai: &Vendor,
    ) -> Result<Analysis, BadConfig> {
        let judge = flag(env, "TANDEM_JUDGE")?.or(self.judge);
        let sentiment = match set(env, "TANDEM_SENTIMENT").as_deref() {
            None => self.sentiment.unwrap_or_default(),
            Some("local") => Sentiment::Local,
            Some("llm") => Sentiment::Llm,
            Some(other) => {
                let (name, value) = ("TANDEM_SENTIMENT", other.to_owned());
                return Err(BadConfig::Value { name, value, wanted: "local or llm" });
            }
        };
        let limits = (1_000, 120_000, "between 1000 and 120000");
        let within = between("analysis.within_ms", self.within_ms, limits)?;
        let remote = llm.iter().filter(|engine| **engine != Engine::Local).copied();
        let mut engines: Vec<Engine> = remote.collect();
        let asked_for = match (judge, sentiment) {
            (Some(true), _) => Some("TANDEM_JUDGE"),
            (_, Sentiment::Llm) => Some("TANDEM_SENTIMENT"),
            (_, Sentiment::Local) => None,
        };
        if let (Some(setting), true) = (asked_for, engines.is_empty()) {
            if openai.api_key.is_none() && openai.base_url.is_none() {
                let (vendor, key) = (Engine::Openai.name(), "OPENAI_API_KEY");
                return Err(BadConfig::NoKey { setting, vendor, key });
            }
            engines.push(Engine::Openai);
        }
        let judge = judge.unwrap_or_else(|| llm.iter().any(|engine| *engine != Engine::Local));
        if !judge && sentiment == Sentiment::Local {
            engines.clear();
        }
        let model = set(env, "TANDEM_JUDGE_MODEL").or(self.model);
        let within = within.unwrap_or(Duration::from_secs(20));
        Ok(Analysis { judge, sentiment, model, within, engines })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn with(pairs: &[(&str, &str)]) -> Result<Analysis, String> {
        let env = |name: &str| {
            pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let config = Config::load(None, &env).map_err(|error| error.to_string())?;
        Ok(config.analysis)
    }

    #[test]
    fn a_model_judges_where_one_answers_calls_unless_told_otherwise() {
        let key = ("OPENAI_API_KEY", "k");
        let told = |pairs: &[(&str, &str)]| {
            let analysis = with(pairs).unwrap();
            (analysis.judge, analysis.engines)
        };
        assert_eq!(told(&[]), (false, vec![]), "there is nobody to ask");
        assert_eq!(told(&[key]), (true, vec![Engine::Openai]));
        assert_eq!(told(&[key, ("TANDEM_LLM", "local")]), (false, vec![]), "it is kept here");
        assert_eq!(told(&[key, ("TANDEM_JUDGE", "false")]), (false, vec![]));
        let asked = told(&[key, ("TANDEM_LLM", "local"), ("TANDEM_JUDGE", "true")]);
        assert_eq!(asked, (true, vec![Engine::Openai]));
        let felt = told(&[key, ("TANDEM_JUDGE", "false"), ("TANDEM_SENTIMENT", "llm")]);
        assert_eq!(felt, (false, vec![Engine::Openai]));
    }

    #[test]
    fn a_judge_that_cannot_be_asked_is_named() {
        for (pairs, named) in [
            (("TANDEM_JUDGE", "true"), "TANDEM_JUDGE asks for openai, but OPENAI_API_KEY"),
            (("TANDEM_SENTIMENT", "llm"), "TANDEM_SENTIMENT asks for openai"),
            (("TANDEM_SENTIMENT", "loud"), "local or llm"),
            (("TANDEM_JUDGE", "maybe"), "true or false"),
        ] {
            let error = with(&[pairs]).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}
