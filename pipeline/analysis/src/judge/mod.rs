//! What a language model is asked where one is configured, and how its answer is read.
//!
//! Text in, text out: who sends it is another's affair. What callers said is data, and may say "ignore
//! your instructions": it stands between fences that do not occur in it, each turn as one line of JSON,
//! in the user's message, never in the system's. Answers are read strictly. A score out of range, a key
//! too many or too few, and the answer is refused as a whole; a finding whose quote was not said is
//! left out, and a part that is scored lower than the rules do without a quote that was said keeps the
//! rules' score. What the rules found against compliance stays, whatever the model thinks.

mod fence;

use fence::{fenced, object};
use serde::Deserialize;

use crate::{
    quality::{Finding, Part, Rubric, Scores},
    sentiment::{Label, Sentiment},
    transcript::{Speaker, Transcript},
    words::cut,
};

/// Findings that are taken from one verdict.
const MOST_FINDINGS: usize = 20;
/// Characters of an issue or a quote.
const LONGEST: usize = 300;
/// Characters of a summary.
const LONGEST_SUMMARY: usize = 1_000;
/// Sentences of a summary.
const SENTENCES: usize = 5;

/// What to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// The system's message: ours alone.
    pub system: String,
    /// The user's message: what was heard, fenced.
    pub user: String,
}

/// Why an answer was refused. None of them repeats what was said in the call.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There is no JSON object, or more than it.
    #[error("the answer is not one JSON object")]
    NotAnObject,
    /// Keys or kinds are not those that were asked for.
    #[error("the answer has not the shape that was asked for (line {line}, column {column})")]
    Shape {
        /// In the object, from 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A number that must not be.
    #[error("{key} is {value}, which is outside of {from} to {to}")]
    Range {
        /// Which.
        key: &'static str,
        /// What it says.
        value: f64,
        /// The least.
        from: f64,
        /// The most.
        to: f64,
    },
    /// A text is empty, or too long.
    #[error("{0} is empty or too long")]
    Text(&'static str),
}

impl Refused {
    fn shape(error: &serde_json::Error) -> Self {
        Refused::Shape { line: error.line(), column: error.column() }
    }
}

fn within(key: &'static str, value: f64, from: f64, to: f64) -> Result<f32, Refused> {
    if !(from..=to).contains(&value) {
        return Err(Refused::Range { key, value, from, to });
    }
    Ok(value as f32)
}

/// What a model thinks of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// 0 to 1.
    pub sentiment: f32,
    /// 0 to 1.
    pub compliance: f32,
    /// 0 to 1.
    pub accuracy: f32,
    /// 0 to 1.
    pub professionalism: f32,
    /// Those whose quotes were said.
    pub findings: Vec<Finding>,
    /// How many named a quote that was not said.
    pub invented: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVerdict {
    sentiment: f64,
    compliance: f64,
    accuracy: f64,
    professionalism: f64,
    findings: Vec<RawFinding>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFinding {
    part: Part,
    issue: String,
    interaction: u32,
    quote: String,
}

/// Asks for scores by the rubric.
pub fn quality_prompt(transcript: &Transcript, rubric: &Rubric) -> Prompt {
    let mut system = String::from(
        "You judge the quality of telephone calls. Judge only what was heard, by the rubric below.\n\
         Answer with one JSON object and nothing else:\n\
         {\"sentiment\": n, \"compliance\": n, \"accuracy\": n, \"professionalism\": n, \"findings\": \
         [{\"part\": \"compliance|accuracy|professionalism|sentiment\", \"issue\": \"one sentence\", \
         \"interaction\": i, \"quote\": \"words of that turn, copied exactly\"}]}\n\
         Every n is a number from 0 (worst) to 1 (best); sentiment is the caller's, 0.5 is neutral. \
         At most 20 findings, only of what went wrong; without a quote there is no finding.\n\n\
         Rubric:\n- Our side greets, is polite, does not interrupt, does not repeat itself, says goodbye.\n\
         - It answers what is asked, invents nothing, promises only what it does.\n\
         - A caller who asks for a person is put through or told why not.\n",
    );
    let quote = |text: &str| serde_json::Value::from(cut(text, LONGEST)).to_string();
    for phrase in &rubric.required_phrases {
        system.push_str(&format!("- Our side must say: {}\n", quote(phrase)));
    }
    for phrase in &rubric.forbidden_phrases {
        system.push_str(&format!("- Our side must not say: {}\n", quote(phrase)));
    }
    if let Some(notice) = &rubric.legal_notice {
        system.push_str(&format!("- Our side gives this notice at the start: {}\n", quote(notice)));
    }
    let user = fenced(&mut system, transcript);
    Prompt { system, user }
}

/// Reads a verdict on `transcript`.
///
/// # Errors
/// It is not exactly what was asked for: see [`Refused`].
pub fn read_quality(answer: &str, transcript: &Transcript) -> Result<Verdict, Refused> {
    let raw: RawVerdict = object(answer)?;
    let sentiment = within("sentiment", raw.sentiment, 0.0, 1.0)?;
    let compliance = within("compliance", raw.compliance, 0.0, 1.0)?;
    let accuracy = within("accuracy", raw.accuracy, 0.0, 1.0)?;
    let professionalism = within("professionalism", raw.professionalism, 0.0, 1.0)?;
    if raw.findings.len() > MOST_FINDINGS {
        return Err(Refused::Text("findings"));
    }
    let (mut findings, mut invented) = (Vec::new(), 0);
    for RawFinding { part, issue, interaction, quote } in raw.findings {
        let fits = |text: &str| !text.trim().is_empty() && text.chars().count() <= LONGEST;
        if !fits(&issue) || !fits(&quote) {
            return Err(Refused::Text("a finding"));
        }
        let turn = usize::try_from(interaction).ok().and_then(|at| transcript.turns.get(at));
        if turn.is_some_and(|turn| turn.text.contains(quote.trim())) {
            let quote = quote.trim().to_owned();
            let issue = plain(&issue);
            let interaction = Some(interaction);
            findings.push(Finding { rule: "judge", part, issue, quote, interaction, cost: 0.0 });
        } else {
            invented += 1;
        }
    }
    Ok(Verdict { sentiment, compliance, accuracy, professionalism, findings, invented })
}

/// The rules' scores with a model's verdict: the lower compliance, the mean of the other parts; what
/// the rules found stays, what the model found is added. What it holds against a part counts only with
/// a finding of that part: a low score by itself is no evidence.
pub fn merged(rules: Scores, verdict: Verdict, rubric: &Rubric) -> Scores {
    let mut scores = rules;
    let mean = |a: f32, b: f32| f32::midpoint(a, b);
    let told = |part: Part, rules: f32, told: f32| {
        let shown = verdict.findings.iter().any(|finding| finding.part == part);
        if shown || told >= rules { told } else { rules }
    };
    if rubric.compliance_check {
        let compliance = told(Part::Compliance, scores.compliance, verdict.compliance);
        scores.compliance = scores.compliance.min(compliance);
    }
    if rubric.sentiment_analysis {
        scores.sentiment = mean(scores.sentiment, verdict.sentiment);
        scores.sentiment_label = Label::of(scores.sentiment * 2.0 - 1.0);
    }
    let accuracy = told(Part::Accuracy, scores.accuracy, verdict.accuracy);
    scores.accuracy = mean(scores.accuracy, accuracy);
    let manner = told(Part::Professionalism, scores.professionalism, verdict.professionalism);
    scores.professionalism = mean(scores.professionalism, manner);
    for finding in verdict.findings {
        let compliance = finding.part == Part::Compliance;
        if compliance && !rubric.compliance_check {
            continue;
        }
        let list =
            if compliance { &mut scores.compliance_issues } else { &mut scores.flagged_issues };
        if !list.contains(&finding.issue) {
            list.push(finding.issue.clone());
        }
        scores.evidence.push(finding);
    }
    scores.sum_up(rubric);
    scores
}

/// Asks how the caller's last turn sounds; `transcript` may hold a few turns before it.
pub fn sentiment_prompt(transcript: &Transcript) -> Prompt {
    let mut system = String::from(
        "You judge how a telephone caller feels in their last turn. Earlier turns are context. Sarcasm \
         counts as what is meant; a request, even to cancel, is neutral unless it shows feeling.\n\
         Answer with one JSON object and nothing else: {\"score\": n, \"confidence\": c}\n\
         n is from -1 (furious or desperate) over 0 (neutral) to 1 (delighted), c from 0 to 1.\n",
    );
    let user = fenced(&mut system, transcript);
    Prompt { system, user }
}

/// Reads how a turn sounds.
///
/// # Errors
/// It is not exactly what was asked for: see [`Refused`].
pub fn read_sentiment(answer: &str) -> Result<Sentiment, Refused> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Raw {
        score: f64,
        confidence: f64,
    }
    let raw: Raw = object(answer)?;
    let score = within("score", raw.score, -1.0, 1.0)?;
    let confidence = within("confidence", raw.confidence, 0.0, 1.0)?;
    Ok(Sentiment { score, label: Label::of(score), confidence })
}

/// Asks for a summary; `language` is a BCP 47 tag.
pub fn summary_prompt(transcript: &Transcript, language: &str) -> Prompt {
    // A tag is letters, digits and hyphens; what else a setting holds does not become instruction.
    let tag: String = language
        .chars()
        .filter(|char| char.is_ascii_alphanumeric() || *char == '-')
        .take(35)
        .collect();
    let mut system = format!(
        "You sum up telephone calls for the staff of the business: what the caller wanted, what was done, \
         what is left open, how it ended. At most five short sentences, in the language with the tag \
         \"{tag}\". State only what was heard.\n\
         Answer with one JSON object and nothing else: {{\"summary\": \"...\"}}\n",
    );
    let user = fenced(&mut system, transcript);
    Prompt { system, user }
}

/// Reads a summary of at most five sentences.
///
/// # Errors
/// It is not exactly what was asked for: see [`Refused`].
pub fn read_summary(answer: &str) -> Result<String, Refused> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Raw {
        summary: String,
    }
    let Raw { summary } = object(answer)?;
    let summary = plain(&summary).split_whitespace().collect::<Vec<_>>().join(" ");
    if summary.is_empty() || summary.chars().count() > LONGEST_SUMMARY {
        return Err(Refused::Text("the summary"));
    }
    Ok(first_sentences(&summary).to_owned())
}

/// What a model wrote, as text on one line: control characters, which JSON can spell, are for no reader
/// and not every store takes them.
fn plain(text: &str) -> String {
    text.trim().chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

/// The first [`SENTENCES`] sentences.
fn first_sentences(text: &str) -> &str {
    let mut ends = text.char_indices().filter(|(at, char)| {
        let next = text[at + char.len_utf8()..].chars().next();
        matches!(char, '.' | '!' | '?' | '…') && next.is_some_and(char::is_whitespace)
    });
    ends.nth(SENTENCES - 1).map_or(text, |(at, char)| &text[..at + char.len_utf8()])
}

fn role(speaker: Speaker) -> &'static str {
    match speaker {
        Speaker::Caller => "caller",
        Speaker::Agent => "agent",
        Speaker::Person => "person of the business",
    }
}
