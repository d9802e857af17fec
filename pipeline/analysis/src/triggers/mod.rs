//! The escalation triggers of a business configuration, told the call as it goes.
//!
//! [`Watch`] is told facts in the order in which they happened and answers which triggers fired; each
//! fires at most once in a call. What follows from it (a transfer, an event) is the caller's affair.
//!
//! | type, and its other names | `threshold` is | unset |
//! |---|---|---|
//! | `keywords`, `keyword` | how many times one of the keywords is said, 1 to 50 | 1 |
//! | `sentiment`, `negative_sentiment`, `low_sentiment` | the call's smoothed score that is reached from above, -1 to 1 | -0.5 |
//! | `repeated_failure`, `repeated_failures`, `failed_attempts`, `failure` | failures in the call, 1 to 50: the agent did not know, did not understand, something broke, the caller had to say it again | 3 |
//! | `asked_for_person`, `request_human`, `human_request`, `human_requested`, `agent_request`, `person` | requests for a person, 1 to 50 | 1 |
//! | `silence`, `no_input`, `idle` | below 5: prompts in a row that the caller left unanswered; from 5 to 600: seconds of the caller's silence, counted when the caller is asked whether they are there | 15 |
//! | `low_confidence`, `confidence` | the recogniser's confidence, 0 to 1, that three of the caller's turns in a row are below | 0.5 |
//! | `no_answer`, `knowledge_gap`, `no_knowledge` | questions to which the knowledge held no answer, 1 to 50 | 1 |
//!
//! Names are read in any case, with `-` or a space for `_`. Other types are kept and ignored, and
//! [`validate`] names them. Keywords are met as whole words in any of their places, in the caller's
//! turns alone; one that ends in `*` is met by words that begin so. `asked_for_person` takes keywords,
//! too, as further ways to ask.

mod failure;
pub(crate) mod person;
mod watch;

pub use failure::asks_something;
pub(crate) use failure::{alike, content};
pub use person::asks_for_person;
pub use watch::{Fact, Fired, Knowledge, Watch};

use serde::{Deserialize, Serialize};

use crate::pattern::Pattern;

/// Keywords of one trigger that are looked for.
pub const MOST_KEYWORDS: usize = 200;
/// Characters of a keyword.
pub const LONGEST_KEYWORD: usize = 100;
/// Triggers of a configuration that are watched.
pub const MOST_TRIGGERS: usize = 100;
/// A silence threshold from here on is seconds; below, prompts.
const SECONDS_FROM: f64 = 5.0;
/// Turns of low confidence in a row.
const DOUBTFUL_TURNS: u32 = 3;

/// A trigger as the configuration has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trigger {
    /// As it was written; the fired trigger's type is the same.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its unit depends on the type: see the [module](self).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Words or phrases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
}

/// What a trigger waits for, with its threshold.
#[derive(Clone, Debug)]
enum Rule {
    Keywords { said: u32, patterns: Vec<(String, Pattern)> },
    Sentiment { reached: f64 },
    RepeatedFailure { times: u32 },
    AskedForPerson { times: u32, patterns: Vec<(String, Pattern)> },
    SilentFor { ms: u64 },
    SilentPrompts { times: u32 },
    LowConfidence { below: f64, turns: u32 },
    NoAnswer { times: u32 },
}

/// What is wrong with a trigger.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// It is kept and ignored.
    #[error("nothing is known of the type {0:?}")]
    UnknownType(String),
    /// It is ignored until it is corrected.
    #[error("the threshold {threshold} is outside of {from} to {to}")]
    Threshold {
        /// As configured.
        threshold: f64,
        /// The least that has a meaning.
        from: f64,
        /// The most.
        to: f64,
    },
    /// It never fires.
    #[error("there are no keywords")]
    NoKeywords,
    /// This keyword is not looked for.
    #[error("the keyword {0:?} has no word, or more than {LONGEST_KEYWORD} characters")]
    Keyword(String),
    /// Those past the limit are not looked for.
    #[error("there are more than {MOST_KEYWORDS} keywords")]
    TooManyKeywords,
    /// Those past the limit are not watched.
    #[error("there are more than {MOST_TRIGGERS} triggers")]
    TooManyTriggers,
}

/// What is wrong with a configuration's triggers, each with the place of its trigger in the list.
pub fn validate(triggers: &[Trigger]) -> Vec<(usize, Problem)> {
    let mut problems = Vec::new();
    for (index, trigger) in triggers.iter().enumerate().take(MOST_TRIGGERS) {
        if let Err(problem) = Rule::of(trigger) {
            problems.push((index, problem));
        }
        let bad = trigger.keywords.iter().filter(|keyword| !is_usable(keyword));
        problems.extend(bad.map(|keyword| {
            (index, Problem::Keyword(crate::words::cut(keyword, LONGEST_KEYWORD).to_owned()))
        }));
        if trigger.keywords.len() > MOST_KEYWORDS {
            problems.push((index, Problem::TooManyKeywords));
        }
    }
    if triggers.len() > MOST_TRIGGERS {
        problems.push((MOST_TRIGGERS, Problem::TooManyTriggers));
    }
    problems
}

fn is_usable(keyword: &str) -> bool {
    keyword.chars().count() <= LONGEST_KEYWORD && !Pattern::literal(keyword).is_empty()
}

impl Rule {
    fn of(trigger: &Trigger) -> Result<Self, Problem> {
        let within = |unset: f64, from: f64, to: f64| match trigger.threshold {
            None => Ok(unset),
            Some(threshold) if (from..=to).contains(&threshold) => Ok(threshold),
            Some(threshold) => Err(Problem::Threshold { threshold, from, to }),
        };
        // Part of a time more is a time more.
        let times = |unset: f64| within(unset, 1.0, 50.0).map(|times| times.ceil() as u32);
        let name = trigger.kind.trim().to_lowercase().replace(['-', ' '], "_");
        Ok(match name.as_str() {
            "keywords" | "keyword" => {
                let patterns = patterns(&trigger.keywords);
                if patterns.is_empty() {
                    return Err(Problem::NoKeywords);
                }
                Rule::Keywords { said: times(1.0)?, patterns }
            }
            "sentiment" | "negative_sentiment" | "low_sentiment" => {
                Rule::Sentiment { reached: within(-0.5, -1.0, 1.0)? }
            }
            "repeated_failure" | "repeated_failures" | "failed_attempts" | "failure" => {
                Rule::RepeatedFailure { times: times(3.0)? }
            }
            "asked_for_person" | "request_human" | "human_request" | "human_requested"
            | "agent_request" | "person" => {
                Rule::AskedForPerson { times: times(1.0)?, patterns: patterns(&trigger.keywords) }
            }
            "silence" | "no_input" | "idle" => match within(15.0, 1.0, 600.0)? {
                prompts if prompts < SECONDS_FROM => {
                    Rule::SilentPrompts { times: prompts.ceil() as u32 }
                }
                seconds => Rule::SilentFor { ms: (seconds * 1000.0) as u64 },
            },
            "low_confidence" | "confidence" => {
                Rule::LowConfidence { below: within(0.5, 0.0, 1.0)?, turns: DOUBTFUL_TURNS }
            }
            "no_answer" | "knowledge_gap" | "no_knowledge" => Rule::NoAnswer { times: times(1.0)? },
            _ => return Err(Problem::UnknownType(trigger.kind.clone())),
        })
    }
}

fn patterns(keywords: &[String]) -> Vec<(String, Pattern)> {
    let usable = keywords.iter().take(MOST_KEYWORDS).filter(|keyword| is_usable(keyword));
    usable.map(|keyword| (keyword.clone(), Pattern::literal(keyword))).collect()
}
