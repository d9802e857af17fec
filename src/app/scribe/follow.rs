//! What is kept in mind of a call that runs: how the caller feels, and what its triggers wait for.

use analysis::{
    Language,
    sentiment::{self, Label},
    triggers::{Fact, Fired, Knowledge, Trigger, Watch, asks_something},
};
use serde_json::Value;
use turn::{Note, Purpose};

use crate::{
    app::analyse,
    domain::{Mood, Sentiment, Speaker},
    live::tools::looked_up,
};

/// A running call, kept in mind.
#[derive(Clone, Debug)]
pub(super) struct Followed {
    language: Language,
    watch: Watch,
    lines: u32,
    /// The caller's last line asked something.
    asked: bool,
    /// When the agent or the caller was last heard, ms; that the agent asks whether the caller is there
    /// does not end the silence.
    last_heard_ms: u64,
    /// The next line is such a question.
    prompts: bool,
    /// How callers sound is kept and told.
    feels: bool,
    /// What came of looking something up for what the agent says next.
    knowledge: Knowledge,
}

/// A line of the transcript.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<'a> {
    pub speaker: Speaker,
    pub text: &'a str,
    /// From when to when it was heard, ms.
    pub times: (i64, i64),
    /// How sure the recogniser is of the words, 0 to 1.
    pub confidence: Option<f64>,
}

/// What a line did.
#[derive(Debug, Default)]
pub(super) struct Effect {
    /// Of the line, if it is the caller's and anything is known; and how far it is to be believed.
    pub felt: Option<(Sentiment, f64)>,
    /// Of the call, if its label became another.
    pub turned: Option<Sentiment>,
    /// Of the call.
    pub mood: Option<Sentiment>,
    pub fired: Vec<Fired>,
}

impl Followed {
    /// A new call under this configuration; without one nothing is waited for.
    pub(super) fn new(config: Option<&Value>) -> Self {
        let config = config.unwrap_or(&Value::Null);
        let language = config["voice"]["language"].as_str().unwrap_or("en-US");
        let language = Language::of_tag(language);
        let on = config["escalation"]["enabled"].as_bool().unwrap_or(true);
        let triggers: Vec<Trigger> = match on {
            true => {
                serde_json::from_value(config["escalation"]["triggers"].clone()).unwrap_or_default()
            }
            false => Vec::new(),
        };
        Followed {
            language,
            watch: Watch::new(&triggers, language),
            lines: 0,
            last_heard_ms: 0,
            asked: false,
            prompts: false,
            feels: analyse::feels(config),
            knowledge: Knowledge::NotAsked,
        }
    }

    /// How a line of the caller's sounds; `embedding` is its meaning, where a model has told it.
    pub(super) fn feel(&self, text: &str, embedding: Option<&[f32]>) -> sentiment::Sentiment {
        sentiment::of_turn(text, self.language, embedding)
    }

    /// The place that the next line has in the transcript.
    pub(super) fn next_line(&self) -> u32 {
        self.lines
    }

    /// Takes a line of the transcript; `felt` is how it sounds, if it is the caller's. Triggers that
    /// fired by lines of before a restart are not heeded.
    pub(super) fn line(&mut self, said: Said<'_>, felt: sentiment::Sentiment) -> Effect {
        let Said { speaker, text, times: (from, to), confidence } = said;
        let interaction = self.lines;
        self.lines += 1;
        let at_ms = u64::try_from(to).unwrap_or(0);
        let before = self.watch.mood().now();
        if !std::mem::take(&mut self.prompts) {
            self.last_heard_ms = at_ms.max(u64::try_from(from).unwrap_or(0));
        }
        match speaker {
            Speaker::Customer => {
                self.asked = asks_something(text, self.language);
                let confidence = confidence.map(|sure| sure as f32);
                let fact = Fact::Caller { at_ms, interaction, text, confidence, sentiment: felt };
                let fired = self.watch.tell(fact);
                self.effect(before, felt, fired)
            }
            Speaker::Ai => {
                let knowledge = std::mem::take(&mut self.knowledge);
                let fired = self.watch.tell(Fact::Agent { at_ms, interaction, text, knowledge });
                Effect { fired, ..Effect::default() }
            }
            Speaker::Agent => Effect::default(),
        }
    }

    /// The knowledge was searched for what the caller said last.
    pub(super) fn consulted(&mut self, found: bool) {
        if self.asked {
            self.knowledge = if found { Knowledge::Found } else { Knowledge::Missed };
        }
    }

    /// Takes another judge's word on a line of the caller's, whenever it comes: where and when it was,
    /// and its text.
    pub(super) fn revise(
        &mut self,
        (interaction, to): (u32, i64),
        text: &str,
        felt: sentiment::Sentiment,
    ) -> Effect {
        let before = self.watch.mood().now();
        let at_ms = u64::try_from(to).unwrap_or(0);
        let fired = self.watch.revise((at_ms, interaction), text, felt);
        self.effect(before, felt, fired)
    }

    /// What came of a verdict on a line; `before` is how the call sounded without it.
    fn effect(
        &self,
        before: sentiment::Sentiment,
        felt: sentiment::Sentiment,
        fired: Vec<Fired>,
    ) -> Effect {
        if !self.feels {
            return Effect { fired, ..Effect::default() };
        }
        let mood = self.watch.mood().now();
        let known = felt.confidence > 0.0;
        // The first that is known of the call is news, too.
        let news = known && (mood.label != before.label || before.confidence == 0.0);
        Effect {
            felt: known.then(|| (said(felt), f64::from(felt.confidence))),
            turned: news.then(|| said(mood)),
            mood: (mood.confidence > 0.0).then(|| said(mood)),
            fired,
        }
    }

    /// Takes a note that is no line.
    pub(super) fn note(&mut self, at_ms: u64, note: &Note) -> Vec<Fired> {
        match note {
            Note::AgentSaid { purpose: Purpose::IdlePrompt, from, .. } => {
                self.prompts = true;
                let silent_ms = from.0.saturating_sub(self.last_heard_ms);
                self.watch.tell(Fact::Idle { at_ms, silent_ms })
            }
            Note::ToolUsed { call, content, .. } => {
                let ok = turn::was_done(content);
                if let Some(found) = looked_up(&call.name, ok, content) {
                    self.knowledge = if found { Knowledge::Found } else { Knowledge::Missed };
                }
                Vec::new()
            }
            Note::Trouble { what } if turn::is_failure(what) => {
                self.watch.tell(Fact::Trouble { at_ms, what })
            }
            _ => Vec::new(),
        }
    }
}

/// The sentiment in the words of the domain. The label of a call sticks a little at its bounds.
pub(super) fn said(sentiment: sentiment::Sentiment) -> Sentiment {
    let mood = match sentiment.label {
        Label::Positive => Mood::Positive,
        Label::Neutral => Mood::Neutral,
        Label::Negative => Mood::Negative,
    };
    Sentiment { score: f64::from(sentiment.score), mood }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said_at(text: &str, times: (i64, i64)) -> Said<'_> {
        Said { speaker: Speaker::Customer, text, times, confidence: None }
    }

    #[test]
    fn a_caller_who_turns_sour_is_noticed_once_and_fires_what_waits_for_it() {
        let config =
            json!({"escalation": {"triggers": [{"type": "keyword", "keywords": ["lawyer"]}]}});
        let mut call = Followed::new(Some(&config));
        let line = |call: &mut Followed, text: &str, times: (i64, i64)| {
            let felt = call.feel(text, None);
            call.line(said_at(text, times), felt)
        };
        let fine = line(&mut call, "Great, thank you so much!", (0, 1_000));
        assert_eq!(fine.turned.map(|mood| mood.mood), Some(Mood::Positive));
        let mut turned = Vec::new();
        for (place, text) in
            ["This is terrible.", "It is unacceptable, I am furious.", "I will call my lawyer."]
                .into_iter()
                .enumerate()
        {
            let at = 2_000 * (place as i64 + 1);
            let effect = line(&mut call, text, (at, at + 900));
            turned.extend(effect.turned.map(|mood| mood.mood));
            assert_eq!(effect.fired.len(), usize::from(text.contains("lawyer")), "{text}");
        }
        assert_eq!(turned.last(), Some(&Mood::Negative));
    }
}
