//! A call's triggers, watched as it goes.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{MOST_TRIGGERS, Rule, Trigger, failure, failure::Repetition, person};
use crate::{
    Language,
    pattern::Pattern,
    sentiment::{Mood, Sentiment},
    words::{Word, sentence_around, words},
};

/// Characters of a quote.
const QUOTE: usize = 160;
/// A call's sentiment is not acted on before it is believed this much.
const BELIEVED: f32 = 0.3;
/// The caller's last turns whose sentiment may be revised.
const REVISED: usize = 64;

/// What became of a question that was put to the knowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Knowledge {
    /// It was not asked.
    #[default]
    NotAsked,
    /// It held an answer.
    Found,
    /// It held none that is near enough.
    Missed,
    /// It was not asked, but the agent was shown passages that may be about the caller's words.
    Offered,
}

/// What happened in the call, in the order in which it happened. Times are milliseconds of the call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fact<'a> {
    /// The recogniser settled on a turn of the caller's.
    Caller {
        /// When it ended.
        at_ms: u64,
        /// Its place in the transcript.
        interaction: u32,
        /// As heard.
        text: &'a str,
        /// The recogniser's, 0 to 1, where it tells.
        confidence: Option<f32>,
        /// Of this turn alone; it is smoothed here.
        sentiment: Sentiment,
    },
    /// The agent's words, as far as the caller heard them.
    Agent {
        /// When they ended.
        at_ms: u64,
        /// Their place in the transcript.
        interaction: u32,
        /// As heard.
        text: &'a str,
        /// Whether the knowledge was asked for this answer, and held one.
        knowledge: Knowledge,
    },
    /// The caller was silent and was prompted.
    Idle {
        /// When.
        at_ms: u64,
        /// How long the caller had been silent then.
        silent_ms: u64,
    },
    /// Something that the call needed failed: a model, a tool.
    Trouble {
        /// When.
        at_ms: u64,
        /// What was tried, in a word or two.
        what: &'a str,
    },
}

/// A trigger that fired.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fired {
    /// Its place in the configuration.
    pub trigger: usize,
    /// As the configuration spells it.
    pub trigger_type: String,
    /// `threshold`, `value` in its unit, `at_ms`, and what it rests on: `quote` and `interaction`, or
    /// `keyword`, or `what`.
    pub details: Map<String, Value>,
}

#[derive(Clone, Debug)]
struct Watched {
    trigger: usize,
    trigger_type: String,
    rule: Rule,
    /// How often so far, of what the rule counts.
    count: u32,
    fired: bool,
}

/// The triggers of a call that runs.
#[derive(Clone, Debug)]
pub struct Watch {
    language: Language,
    watched: Vec<Watched>,
    mood: Mood,
    /// The mood before the turns that may be revised, and these: place in the transcript, sentiment.
    before: Mood,
    felt: VecDeque<(u32, Sentiment)>,
    repetition: Repetition,
}

impl Watch {
    /// Watches what [`super::validate`] finds nothing wrong with; the rest never fires.
    pub fn new(triggers: &[Trigger], language: Language) -> Self {
        let triggers = triggers.iter().take(MOST_TRIGGERS).enumerate();
        let watched = triggers.filter_map(|(index, trigger)| {
            let rule = Rule::of(trigger).ok()?;
            let trigger_type = trigger.kind.clone();
            Some(Watched { trigger: index, trigger_type, rule, count: 0, fired: false })
        });
        Watch {
            language,
            watched: watched.collect(),
            mood: Mood::default(),
            before: Mood::default(),
            felt: VecDeque::new(),
            repetition: Repetition::default(),
        }
    }

    /// The call's smoothed sentiment so far.
    pub fn mood(&self) -> &Mood {
        &self.mood
    }

    /// Takes what happened next; answers the triggers that fired by it, in the configuration's order.
    pub fn tell(&mut self, fact: Fact<'_>) -> Vec<Fired> {
        let (text, said) = match fact {
            Fact::Caller { text, .. } | Fact::Agent { text, .. } => (text, words(text)),
            Fact::Idle { .. } | Fact::Trouble { .. } => ("", Vec::new()),
        };
        let language = self.language.of_turn(text);
        let mut again = false;
        if let Fact::Caller { sentiment, interaction, .. } = fact {
            self.mood.push(sentiment);
            self.felt.push_back((interaction, sentiment));
            if self.felt.len() > REVISED
                && let Some((_, oldest)) = self.felt.pop_front()
            {
                self.before.push(oldest);
            }
            again = self.repetition.push(text, language);
        }
        let heard = Heard { fact, text, words: &said, language, again, mood: self.mood.now() };
        let running = self.watched.iter_mut().filter(|watched| !watched.fired);
        running.filter_map(|watched| watched.tell(&heard)).collect()
    }

    /// Takes another judge's word on a turn of the caller's that was told before, among their last 64:
    /// the mood is what it would have been with it, in whatever order such words come. Answers the
    /// triggers that wait for a mood and fired by it.
    pub fn revise(
        &mut self,
        (at_ms, interaction): (u64, u32),
        text: &str,
        sentiment: Sentiment,
    ) -> Vec<Fired> {
        let Some(turn) = self.felt.iter_mut().find(|(of, _)| *of == interaction) else {
            return Vec::new();
        };
        turn.1 = sentiment;
        self.mood = self.before.clone();
        for (_, felt) in &self.felt {
            self.mood.push(*felt);
        }
        let fact = Fact::Caller { at_ms, interaction, text, confidence: None, sentiment };
        let (said, language) = (words(text), self.language.of_turn(text));
        let mood = self.mood.now();
        let heard = Heard { fact, text, words: &said, language, again: false, mood };
        let waits = |watched: &&mut Watched| {
            !watched.fired && matches!(watched.rule, Rule::Sentiment { .. })
        };
        let waiting = self.watched.iter_mut().filter(waits);
        waiting.filter_map(|watched| watched.tell(&heard)).collect()
    }
}

/// A fact with what all triggers want to know of it.
struct Heard<'a> {
    fact: Fact<'a>,
    text: &'a str,
    words: &'a [Word],
    language: Language,
    /// The caller said it before.
    again: bool,
    mood: Sentiment,
}

impl Heard<'_> {
    fn at_ms(&self) -> u64 {
        match self.fact {
            Fact::Caller { at_ms, .. }
            | Fact::Agent { at_ms, .. }
            | Fact::Idle { at_ms, .. }
            | Fact::Trouble { at_ms, .. } => at_ms,
        }
    }

    fn is_caller(&self) -> bool {
        matches!(self.fact, Fact::Caller { .. })
    }

    /// What it rests on, to be read by a person.
    fn evidence(&self, at: Option<std::ops::Range<usize>>) -> Map<String, Value> {
        let mut details = Map::new();
        details.insert("at_ms".into(), json!(self.at_ms()));
        match self.fact {
            Fact::Caller { interaction, .. } | Fact::Agent { interaction, .. } => {
                let at = at.unwrap_or(0..self.words.len());
                let quote = sentence_around(self.text, self.words, at, QUOTE);
                details.insert("quote".into(), json!(quote));
                details.insert("interaction".into(), json!(interaction));
            }
            Fact::Trouble { what, .. } => {
                details.insert("what".into(), json!(crate::words::cut(what, QUOTE)));
            }
            Fact::Idle { silent_ms, .. } => {
                details.insert("silent_ms".into(), json!(silent_ms));
            }
        }
        details
    }
}

impl Watched {
    fn tell(&mut self, heard: &Heard<'_>) -> Option<Fired> {
        let details = match &self.rule {
            Rule::Keywords { said, patterns } => {
                let (count, first) = keywords(patterns, heard)?;
                self.count += count;
                let (keyword, at) = first;
                (self.count >= *said).then(|| {
                    let mut details = heard.evidence(Some(at));
                    details.insert("keyword".into(), json!(keyword));
                    with(details, json!(said), json!(self.count))
                })
            }
            Rule::AskedForPerson { times, patterns } => {
                let asked =
                    heard.is_caller().then(|| person::request(heard.words, heard.language))?;
                let own = || keywords(patterns, heard).map(|(_, (_, at))| at);
                let at = asked.or_else(own)?;
                self.count += 1;
                (self.count >= *times)
                    .then(|| with(heard.evidence(Some(at)), json!(times), json!(self.count)))
            }
            Rule::Sentiment { reached } => {
                let mood = heard.mood;
                let low = heard.is_caller()
                    && mood.confidence >= BELIEVED
                    && f64::from(mood.score) <= *reached;
                low.then(|| with(heard.evidence(None), json!(reached), rounded(mood.score)))
            }
            Rule::RepeatedFailure { times } => {
                let (failed, at) = match heard.fact {
                    Fact::Caller { .. } => (heard.again, None),
                    Fact::Agent { knowledge, .. } => {
                        let at = failure::of_agent(heard.words, heard.language);
                        (at.is_some() || knowledge == Knowledge::Missed, at)
                    }
                    Fact::Trouble { .. } => (true, None),
                    Fact::Idle { .. } => (false, None),
                };
                self.count += u32::from(failed);
                (failed && self.count >= *times)
                    .then(|| with(heard.evidence(at), json!(times), json!(self.count)))
            }
            Rule::SilentFor { ms } => match heard.fact {
                Fact::Idle { silent_ms, .. } if silent_ms >= *ms => {
                    let seconds = |ms: u64| json!(ms as f64 / 1000.0);
                    Some(with(heard.evidence(None), seconds(*ms), seconds(silent_ms)))
                }
                Fact::Idle { .. }
                | Fact::Caller { .. }
                | Fact::Agent { .. }
                | Fact::Trouble { .. } => None,
            },
            Rule::SilentPrompts { times } => match heard.fact {
                Fact::Idle { .. } => {
                    self.count += 1;
                    (self.count >= *times)
                        .then(|| with(heard.evidence(None), json!(times), json!(self.count)))
                }
                Fact::Caller { .. } => {
                    self.count = 0;
                    None
                }
                Fact::Agent { .. } | Fact::Trouble { .. } => None,
            },
            Rule::LowConfidence { below, turns } => match heard.fact {
                Fact::Caller { confidence: Some(confidence), .. } => {
                    let low = f64::from(confidence) < *below;
                    self.count = if low { self.count + 1 } else { 0 };
                    (self.count >= *turns).then(|| {
                        let mut details =
                            with(heard.evidence(None), json!(below), rounded(confidence));
                        details.insert("turns".into(), json!(self.count));
                        details
                    })
                }
                // A recogniser that does not tell is not doubted.
                Fact::Caller { confidence: None, .. }
                | Fact::Agent { .. }
                | Fact::Idle { .. }
                | Fact::Trouble { .. } => None,
            },
            Rule::NoAnswer { times } => match heard.fact {
                Fact::Agent { knowledge: Knowledge::Missed, .. } => {
                    self.count += 1;
                    (self.count >= *times)
                        .then(|| with(heard.evidence(None), json!(times), json!(self.count)))
                }
                Fact::Agent { .. }
                | Fact::Caller { .. }
                | Fact::Idle { .. }
                | Fact::Trouble { .. } => None,
            },
        }?;
        self.fired = true;
        Some(Fired { trigger: self.trigger, trigger_type: self.trigger_type.clone(), details })
    }
}

/// How often keywords are said in a caller's turn, and which is the first, at which words.
fn keywords(
    patterns: &[(String, Pattern)],
    heard: &Heard<'_>,
) -> Option<(u32, (String, std::ops::Range<usize>))> {
    if !heard.is_caller() {
        return None;
    }
    let at = |at: usize| {
        let met = patterns
            .iter()
            .filter_map(|(word, pattern)| Some((word, pattern.at(heard.words, at)?)));
        met.max_by_key(|(_, range)| range.end)
    };
    let found: Vec<_> = (0..heard.words.len()).filter_map(at).collect();
    let (word, range) = found.first()?;
    Some((u32::try_from(found.len()).unwrap_or(u32::MAX), ((*word).clone(), range.clone())))
}

fn with(mut details: Map<String, Value>, threshold: Value, value: Value) -> Map<String, Value> {
    details.insert("threshold".into(), threshold);
    details.insert("value".into(), value);
    details
}

/// Two decimals: the rest is noise.
fn rounded(value: f32) -> Value {
    json!((f64::from(value) * 100.0).round() / 100.0)
}
