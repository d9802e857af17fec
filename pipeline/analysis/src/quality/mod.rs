//! Scores of a call that is over, each with the words that it rests on.
//!
//! Four parts are scored from 0 to 1. `sentiment` is the caller's, half its mean and half its end.
//! The other three begin at 1, and every [`Finding`] costs its part what `rubric.rs` says, up to a
//! bound for each rule. `overall` is the parts' mean by the rubric's weights. The same call under the
//! same rubric is always scored the same, and every cost can be read in the evidence.
//!
//! Rules that look for words hold for English and Russian; in another language only the rubric's own
//! phrases and the times are judged.

mod accuracy;
mod compliance;
mod manner;
mod rubric;

pub use rubric::{Rubric, Weights};

use serde::Serialize;

use crate::{
    Language, phrases,
    phrases::Phrases,
    sentiment::{self, Label, Mood, PLAIN, Sentiment},
    transcript::{Facts, Speaker, Transcript, Turn},
    words::{Word, cut, sentence_around, words},
};

/// Characters of a quote.
const QUOTE: usize = 160;
/// Findings that are kept of one call.
const MOST_FINDINGS: usize = 100;

/// Which score a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// What must and must not be said.
    Compliance,
    /// Whether what was said is so, and done.
    Accuracy,
    /// How the caller was treated.
    Professionalism,
    /// How the caller felt.
    Sentiment,
}

/// One thing that a rule, or a judge, found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The rule's name; `judge` where a language model found it.
    pub rule: &'static str,
    /// What it counts against.
    pub part: Part,
    /// In a sentence.
    pub issue: String,
    /// The words that it rests on, as they were heard; empty where something was not said.
    pub quote: String,
    /// The place of their turn in the transcript.
    pub interaction: Option<u32>,
    /// What it takes from the part, 0 to 1; 0 where it is only to be looked at.
    pub cost: f32,
}

/// What a call was worth.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// 0 to 1, as all of them.
    pub overall: f32,
    /// 0.5 is neutral.
    pub sentiment: f32,
    /// What must and must not be said.
    pub compliance: f32,
    /// Whether what was said is so, and done.
    pub accuracy: f32,
    /// How the caller was treated.
    pub professionalism: f32,
    /// Of the whole call.
    pub sentiment_label: Label,
    /// Each once, in the order in which they were found.
    pub compliance_issues: Vec<String>,
    /// All others, likewise.
    pub flagged_issues: Vec<String>,
    /// What the scores rest on.
    pub evidence: Vec<Finding>,
    /// `overall` is below the rubric's bound: a person should look.
    pub below_threshold: bool,
}

/// Scores a call. `sentiments` has one for each turn, those of other speakers than the caller are not
/// looked at; where it is shorter, the turn is scored here without an embedding.
pub fn score(
    transcript: &Transcript,
    facts: &Facts,
    rubric: &Rubric,
    sentiments: &[Sentiment],
) -> Scores {
    let call = Call::new(transcript, facts, rubric);
    let mut findings = Vec::new();
    if rubric.compliance_check {
        compliance::look(&call, &mut findings);
    }
    accuracy::look(&call, &mut findings);
    manner::look(&call, &mut findings);
    findings.sort_by_key(|finding: &Finding| finding.interaction.unwrap_or(u32::MAX));
    findings.truncate(MOST_FINDINGS);
    let felt = felt(transcript, rubric, sentiments);
    Scores::of(felt, findings, rubric)
}

/// The call's sentiment: half the mean of the caller's turns, half how they sounded at the end.
fn felt(transcript: &Transcript, rubric: &Rubric, sentiments: &[Sentiment]) -> f32 {
    if !rubric.sentiment_analysis {
        return 0.0;
    }
    let (mut sum, mut weight, mut mood) = (0.0, 0.0, Mood::default());
    for (index, turn) in transcript.turns.iter().enumerate() {
        if turn.speaker != Speaker::Caller {
            continue;
        }
        let given = sentiments.get(index).copied();
        let felt =
            given.unwrap_or_else(|| sentiment::of_turn(&turn.text, transcript.language, None));
        let counts = felt.confidence * if felt.label == Label::Neutral { PLAIN } else { 1.0 };
        sum += felt.score * counts;
        weight += counts;
        mood.push(felt);
    }
    if weight <= 0.0 { 0.0 } else { (sum / weight + mood.score()) / 2.0 }
}

impl Scores {
    /// Of a feeling from -1 to 1 and what was found.
    pub(crate) fn of(felt: f32, evidence: Vec<Finding>, rubric: &Rubric) -> Self {
        let part = |part: Part| {
            let mut rules: Vec<(&str, f32)> = Vec::new();
            for finding in evidence.iter().filter(|finding| finding.part == part) {
                match rules.iter_mut().find(|(rule, _)| *rule == finding.rule) {
                    Some((_, sum)) => *sum += finding.cost,
                    None => rules.push((finding.rule, finding.cost)),
                }
            }
            let costs: f32 = rules.iter().map(|(rule, sum)| sum.min(rubric::most(rule))).sum();
            (1.0 - costs).clamp(0.0, 1.0)
        };
        let mut issues = (Vec::new(), Vec::new());
        for finding in &evidence {
            let compliance = finding.part == Part::Compliance;
            let list = if compliance { &mut issues.0 } else { &mut issues.1 };
            if !list.contains(&finding.issue) {
                list.push(finding.issue.clone());
            }
        }
        let mut scores = Scores {
            overall: 0.0,
            sentiment: ((felt + 1.0) / 2.0).clamp(0.0, 1.0),
            compliance: part(Part::Compliance),
            accuracy: part(Part::Accuracy),
            professionalism: part(Part::Professionalism),
            sentiment_label: Label::of(felt),
            compliance_issues: issues.0,
            flagged_issues: issues.1,
            evidence,
            below_threshold: false,
        };
        scores.sum_up(rubric);
        scores
    }

    /// Sets what follows from the parts.
    pub(crate) fn sum_up(&mut self, rubric: &Rubric) {
        let weights = rubric.weights_in_force();
        let parts = [
            (self.sentiment, weights.sentiment),
            (self.compliance, weights.compliance),
            (self.accuracy, weights.accuracy),
            (self.professionalism, weights.professionalism),
        ];
        let all: f32 = parts.iter().map(|(_, weight)| weight).sum();
        let sum: f32 = parts.iter().map(|(score, weight)| score * weight).sum();
        self.overall = if all > 0.0 { (sum / all).clamp(0.0, 1.0) } else { 0.0 };
        self.below_threshold = self.overall < rubric.min_score_threshold;
    }
}

/// A call with its words looked up once.
pub(crate) struct Call<'a> {
    pub facts: &'a Facts,
    pub rubric: &'a Rubric,
    pub turns: Vec<Said<'a>>,
}

/// A turn with its words.
pub(crate) struct Said<'a> {
    pub turn: &'a Turn,
    pub words: Vec<Word>,
    /// `None` in a language without lists.
    pub phrases: Option<&'static Phrases>,
    pub language: Language,
}

impl<'a> Call<'a> {
    pub fn new(transcript: &'a Transcript, facts: &'a Facts, rubric: &'a Rubric) -> Self {
        let said = |turn: &'a Turn| {
            let language = transcript.language.of_turn(&turn.text);
            Said { turn, words: words(&turn.text), phrases: phrases::of(language), language }
        };
        Call { facts, rubric, turns: transcript.turns.iter().map(said).collect() }
    }

    /// The agent's turns with their places; a person's are judged likewise where `persons` says so.
    pub fn ours(&self, persons: bool) -> impl Iterator<Item = (usize, &Said<'a>)> {
        let ours = move |(_, said): &(usize, &Said<'a>)| match said.turn.speaker {
            Speaker::Agent => true,
            Speaker::Person => persons,
            Speaker::Caller => false,
        };
        self.turns.iter().enumerate().filter(ours)
    }

    pub fn callers(&self) -> impl Iterator<Item = (usize, &Said<'a>)> {
        let caller = |(_, said): &(usize, &Said<'a>)| said.turn.speaker == Speaker::Caller;
        self.turns.iter().enumerate().filter(caller)
    }
}

impl Said<'_> {
    /// A finding about words of this turn.
    pub fn finding(
        &self,
        rule: &'static str,
        part: Part,
        issue: impl Into<String>,
        index: usize,
        at: Option<std::ops::Range<usize>>,
    ) -> Finding {
        let quote = match at {
            Some(at) => sentence_around(&self.turn.text, &self.words, at, QUOTE),
            None => cut(self.turn.text.trim(), QUOTE),
        };
        Finding {
            rule,
            part,
            issue: issue.into(),
            quote: quote.to_owned(),
            interaction: u32::try_from(index).ok(),
            cost: rubric::cost(rule),
        }
    }
}

/// A finding that something was not said.
pub(crate) fn missing(rule: &'static str, part: Part, issue: impl Into<String>) -> Finding {
    let (issue, quote) = (issue.into(), String::new());
    Finding { rule, part, issue, quote, interaction: None, cost: rubric::cost(rule) }
}
