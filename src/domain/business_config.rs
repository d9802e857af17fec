//! A business configuration: how the agent answers for one business of a tenant's.

use std::borrow::Cow;

use analysis::triggers::{self, Problem};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ids::{BusinessId, TenantId};

/// The model of a configuration that names none. It stands for whichever model the server is set to.
pub const USUAL_MODEL: &str = "gpt-4o-mini";
/// The voice of a configuration that names none. It stands for whichever voice the server is set to.
pub const USUAL_VOICE: &str = "alloy";

/// Characters of a system prompt.
const LONGEST_PROMPT: usize = 32_000;
/// Characters of a name.
const LONGEST_NAME: usize = 200;
/// Bytes of the whole document.
const LONGEST_DOCUMENT: usize = 256 * 1024;
/// Triggers of an escalation, and keywords of one.
const MOST_TRIGGERS: usize = 50;
const MOST_KEYWORDS: usize = 200;
/// Passages that one answer may be made from.
const MOST_PASSAGES: i64 = 20;
/// Seconds that an answer may be held back.
const LONGEST_DELAY: f64 = 10.0;

/// How the agent answers for one business.
#[derive(Clone, Debug, PartialEq)]
pub struct BusinessConfig {
    pub id: BusinessId,
    pub tenant: TenantId,
    pub name: String,
    /// In the client's words, such as `customer_support`.
    pub kind: String,
    pub data: ConfigData,
    pub is_active: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// What can be said of a configuration when it is made or replaced.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigDraft {
    pub name: String,
    pub kind: String,
    pub data: Map<String, Value>,
    /// Unset: as it is; active, if it is new.
    pub is_active: Option<bool>,
}

/// What hangs on a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigUsage {
    pub active_calls: i64,
    pub total_calls: i64,
    pub knowledge_entries: i64,
}

impl ConfigUsage {
    /// Does a call that has not ended need it?
    pub fn is_in_use(&self) -> bool {
        self.active_calls > 0
    }
}

/// The settings: a document, kept and shown as it is written here. What is left out has its default;
/// keys that are not named here are kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigData {
    pub ai: Ai,
    pub voice: Voice,
    pub knowledge_base: KnowledgeBase,
    pub quality_assurance: QualityAssurance,
    pub escalation: Escalating,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// The language model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ai {
    /// [`USUAL_MODEL`]: the server's own.
    pub model: String,
    /// How freely words are chosen, 0 to 2.
    pub temperature: f64,
    /// The agent's role. Empty: it answers the telephone for the business.
    pub system_prompt: String,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// How it sounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Voice {
    /// BCP 47.
    pub language: String,
    /// [`USUAL_VOICE`]: the server's own.
    pub voice: String,
    /// Seconds that an answer is held back, 0 to 10.
    pub response_delay: f64,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Answers out of the knowledge base.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KnowledgeBase {
    pub enabled: bool,
    /// So many passages at most, 1 to 20.
    pub retrieval_top_k: i64,
    /// Passages less like the question are left out, 0 to 1.
    pub similarity_threshold: f64,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What is judged of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QualityAssurance {
    pub enabled: bool,
    pub sentiment_analysis: bool,
    pub compliance_check: bool,
    /// Calls that score less are flagged, 0 to 1.
    pub min_score_threshold: f64,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// When a person is fetched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Escalating {
    pub enabled: bool,
    pub triggers: Vec<Trigger>,
    /// Is the person told what it is about before the caller is put through?
    pub warm_transfer: bool,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// One reason to fetch a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trigger {
    /// Such as `keyword`, `sentiment`, `silence`.
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keywords: Option<Vec<String>>,
}

impl Default for Ai {
    fn default() -> Self {
        let (model, system_prompt) = (USUAL_MODEL.to_owned(), String::new());
        Ai { model, temperature: 0.7, system_prompt, more: Map::new() }
    }
}

impl Default for Voice {
    fn default() -> Self {
        let (language, voice) = ("en-US".to_owned(), USUAL_VOICE.to_owned());
        Voice { language, voice, response_delay: 0.0, more: Map::new() }
    }
}

impl Default for KnowledgeBase {
    fn default() -> Self {
        let more = Map::new();
        KnowledgeBase { enabled: false, retrieval_top_k: 5, similarity_threshold: 0.7, more }
    }
}

impl Default for QualityAssurance {
    fn default() -> Self {
        QualityAssurance {
            enabled: true,
            sentiment_analysis: true,
            compliance_check: true,
            min_score_threshold: 0.6,
            more: Map::new(),
        }
    }
}

impl Default for Escalating {
    fn default() -> Self {
        Escalating { enabled: true, triggers: Vec::new(), warm_transfer: false, more: Map::new() }
    }
}

/// What cannot be meant, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {wrong}")]
pub struct BadConfigData {
    /// Its path, such as `config_data.ai.temperature`.
    pub field: Cow<'static, str>,
    pub wrong: String,
}

impl ConfigData {
    /// Takes a document that someone wants to keep.
    ///
    /// # Errors
    /// As [`ConfigData::read`]; it is too long.
    pub fn accept(document: Map<String, Value>) -> Result<Self, BadConfigData> {
        let data = ConfigData::read(document)?;
        let size = serde_json::to_string(&data).map_or(usize::MAX, |text| text.len());
        if size > LONGEST_DOCUMENT {
            return Err(bad("config_data", format!("must have at most {LONGEST_DOCUMENT} bytes")));
        }
        Ok(data)
    }

    /// Reads a document that is kept; what is left out takes its default.
    ///
    /// # Errors
    /// A value of another kind, or out of its range.
    pub fn read(document: Map<String, Value>) -> Result<Self, BadConfigData> {
        let data: ConfigData = serde_json::from_value(Value::Object(document))
            .map_err(|error| bad("config_data", format!("is wrong: {error}")))?;
        data.check()?;
        Ok(data)
    }

    /// The document, complete.
    ///
    /// # Panics
    /// Never: its keys are texts, its numbers finite.
    pub fn document(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(document)) => document,
            other => unreachable!("settings are an object: {other:?}"),
        }
    }

    fn check(&self) -> Result<(), BadConfigData> {
        let within = |field, value: f64, least: f64, most: f64| match value {
            value if (least..=most).contains(&value) => Ok(()),
            _ => Err(bad(field, format!("must be from {least} to {most}"))),
        };
        let named = |field, text: &str| {
            let long = text.chars().count();
            let fits = !text.trim().is_empty() && long <= LONGEST_NAME;
            fits.then_some(())
                .ok_or_else(|| bad(field, format!("must have from 1 to {LONGEST_NAME} characters")))
        };
        named("config_data.ai.model", &self.ai.model)?;
        within("config_data.ai.temperature", self.ai.temperature, 0.0, 2.0)?;
        if self.ai.system_prompt.chars().count() > LONGEST_PROMPT {
            let wrong = format!("must have at most {LONGEST_PROMPT} characters");
            return Err(bad("config_data.ai.system_prompt", wrong));
        }
        if !is_language(&self.voice.language) {
            let wrong = "must be a language tag such as en-US".to_owned();
            return Err(bad("config_data.voice.language", wrong));
        }
        named("config_data.voice.voice", &self.voice.voice)?;
        let delay = self.voice.response_delay;
        within("config_data.voice.response_delay", delay, 0.0, LONGEST_DELAY)?;
        if !(1..=MOST_PASSAGES).contains(&self.knowledge_base.retrieval_top_k) {
            let wrong = format!("must be an integer from 1 to {MOST_PASSAGES}");
            return Err(bad("config_data.knowledge_base.retrieval_top_k", wrong));
        }
        let threshold = self.knowledge_base.similarity_threshold;
        within("config_data.knowledge_base.similarity_threshold", threshold, 0.0, 1.0)?;
        let least = self.quality_assurance.min_score_threshold;
        within("config_data.quality_assurance.min_score_threshold", least, 0.0, 1.0)?;
        let triggers = &self.escalation.triggers;
        let many = |trigger: &Trigger| {
            trigger.keywords.as_ref().is_some_and(|words| words.len() > MOST_KEYWORDS)
        };
        if triggers.len() > MOST_TRIGGERS || triggers.iter().any(many) {
            let wrong = format!(
                "must be at most {MOST_TRIGGERS}, each with at most {MOST_KEYWORDS} keywords"
            );
            return Err(bad("config_data.escalation.triggers", wrong));
        }
        triggers.iter().try_for_each(|one| named("config_data.escalation.triggers.type", &one.kind))
    }
}

fn bad(field: impl Into<Cow<'static, str>>, wrong: impl Into<String>) -> BadConfigData {
    BadConfigData { field: field.into(), wrong: wrong.into() }
}

impl Escalating {
    /// Are its triggers such that each can fire, as far as its type is known? A type is free text: what
    /// is not known is kept, and waits for nothing.
    ///
    /// Asked where a configuration is saved. One that was saved before may hold what is refused now,
    /// and must be read all the same.
    ///
    /// # Errors
    /// The first that cannot be meant, with its place.
    pub fn check_triggers(&self) -> Result<(), BadConfigData> {
        let list: Vec<triggers::Trigger> = self
            .triggers
            .iter()
            .map(|one| triggers::Trigger {
                kind: one.kind.clone(),
                threshold: one.threshold,
                keywords: one.keywords.clone().unwrap_or_default(),
            })
            .collect();
        let problems = triggers::validate(&list);
        let wrong = |(_, problem): &(usize, Problem)| !matches!(problem, Problem::UnknownType(_));
        let Some((place, problem)) = problems.into_iter().find(wrong) else { return Ok(()) };
        let (key, wrong) = match problem {
            Problem::Threshold { from, to, .. } => {
                (".threshold", format!("must be from {from} to {to} for this type"))
            }
            Problem::NoKeywords => (".keywords", "must hold a word to listen for".to_owned()),
            Problem::Keyword(_) => {
                let most = triggers::LONGEST_KEYWORD;
                (".keywords", format!("must each have a word, and at most {most} characters"))
            }
            other => ("", format!("cannot be meant: {other}")),
        };
        Err(bad(format!("config_data.escalation.triggers[{place}]{key}"), wrong))
    }
}

/// BCP 47, as far as it can be told without its registry.
fn is_language(tag: &str) -> bool {
    let mut parts = tag.split(['-', '_']);
    let first = parts.next().unwrap_or_default();
    let is_word = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric());
    (2..=3).contains(&first.len())
        && first.bytes().all(|b| b.is_ascii_alphabetic())
        && parts.all(|part| (1..=8).contains(&part.len()) && is_word(part))
        && tag.len() <= 35
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(document: Value) -> Result<ConfigData, BadConfigData> {
        let Value::Object(document) = document else { panic!("an object") };
        ConfigData::read(document)
    }

    #[test]
    fn what_is_left_out_has_its_default_and_what_is_unknown_is_kept() {
        let data = read(json!({
            "ai": {"system_prompt": "Be kind.", "seed": 7},
            "branding": {"colour": "red"},
        }))
        .expect("it is sound");
        let document = Value::Object(data.document());
        let ai = json!({
            "model": "gpt-4o-mini", "temperature": 0.7, "system_prompt": "Be kind.", "seed": 7,
        });
        assert_eq!(document["ai"], ai);
        assert_eq!(document["branding"]["colour"], "red");
        assert_eq!(document["escalation"]["triggers"], json!([]));
        assert_eq!(read(document), Ok(data), "it reads as what it is");
    }

    #[test]
    fn values_out_of_range_are_named() {
        for (document, field) in [
            (json!({"ai": {"temperature": 2.1}}), "config_data.ai.temperature"),
            (json!({"ai": {"model": " "}}), "config_data.ai.model"),
            (json!({"voice": {"language": "../etc"}}), "config_data.voice.language"),
            (json!({"voice": {"response_delay": -1}}), "config_data.voice.response_delay"),
            (
                json!({"knowledge_base": {"retrieval_top_k": 0}}),
                "config_data.knowledge_base.retrieval_top_k",
            ),
            (
                json!({"quality_assurance": {"min_score_threshold": 60}}),
                "config_data.quality_assurance.min_score_threshold",
            ),
            (
                json!({"escalation": {"triggers": [{"type": ""}]}}),
                "config_data.escalation.triggers.type",
            ),
        ] {
            assert_eq!(read(document.clone()).unwrap_err().field, field, "{document}");
        }
        assert!(read(json!({"ai": null})).is_err());
    }
}
