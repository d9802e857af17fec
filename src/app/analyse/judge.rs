//! A language model's opinion of a call, where one is configured.
//!
//! Whoever asks has the verdict of the rules already, and keeps it where there is no opinion. How many
//! are asked at once, how long one takes and how much is read of it is bounded; what is asked, and which
//! answers are taken, is in [`analysis::judge`].

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use analysis::{
    judge::{self, Prompt, Refused, Verdict},
    quality::Rubric,
    sentiment::Sentiment,
    transcript::Transcript,
};
use tokio::sync::{Semaphore, SemaphorePermit};
use vendors::{Llm, LlmEvent, LlmRequest, Message, Problem, VendorError};

use crate::config;

/// Calls that are judged at once.
const CALLS_AT_ONCE: usize = 8;
/// A call waits so long to be judged; then too many wait, and the rules' score stands.
const WAITS_WITHIN: Duration = Duration::from_secs(60);
/// Tokens of an answer: twenty findings, and a summary of five sentences.
const VERDICT_TOKENS: u32 = 2_000;
const SUMMARY_TOKENS: u32 = 400;
/// Lines of calls that run that are judged at once; more are left to the local judges.
const TURNS_AT_ONCE: usize = 16;
/// Tokens of what is said of a line.
const FEELING_TOKENS: u32 = 60;
/// A later word on a line is of no use to the call.
const FELT_WITHIN: Duration = Duration::from_secs(8);
/// Bytes of an answer that are taken.
const LONGEST_ANSWER: usize = 64 * 1024;

/// A language model that judges calls.
pub struct Judge {
    llm: Arc<dyn Llm>,
    model: Option<String>,
    within: Duration,
    /// Calls that are over are judged.
    judges: bool,
    /// Lines of calls that run are judged.
    feels: bool,
    calls: Semaphore,
    turns: Semaphore,
}

/// Why there is no opinion.
#[derive(Debug, thiserror::Error)]
pub(in crate::app) enum NoOpinion {
    #[error("too many calls waited to be judged")]
    Crowded,
    #[error("no answer within {} ms", .0.as_millis())]
    Late(Duration),
    #[error(transparent)]
    Vendor(#[from] VendorError),
    #[error("the answer broke off, or was no text")]
    Cut,
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl NoOpinion {
    /// The same for people who read scores: nothing of what the vendor said, which may repeat the call.
    pub fn in_words(&self) -> &'static str {
        match self {
            NoOpinion::Crowded => "too many calls waited to be judged",
            NoOpinion::Late(_) => "it did not answer in time",
            NoOpinion::Vendor(_) => "it could not be asked",
            NoOpinion::Cut => "its answer broke off",
            NoOpinion::Refused(_) => "its answer was not what it was asked for",
        }
    }

    fn label(&self) -> &'static str {
        match self {
            NoOpinion::Crowded => "crowded",
            NoOpinion::Late(_) => "late",
            NoOpinion::Vendor(_) | NoOpinion::Cut => "failed",
            NoOpinion::Refused(_) => "refused",
        }
    }
}

/// What is thought of a call that is over.
pub(super) struct Opinion {
    pub verdict: Option<Result<Verdict, NoOpinion>>,
    pub summary: Result<String, NoOpinion>,
}

impl Judge {
    /// A judge that asks this model, as the settings say.
    pub fn new(llm: Arc<dyn Llm>, settings: &config::Analysis) -> Self {
        Judge {
            llm,
            model: settings.model.clone(),
            within: settings.within,
            judges: settings.judge,
            feels: settings.sentiment == config::Sentiment::Llm,
            calls: Semaphore::new(CALLS_AT_ONCE),
            turns: Semaphore::new(TURNS_AT_ONCE),
        }
    }

    /// Who is asked: the tenant's own model, where it has one.
    fn of(&self, own: Option<Arc<dyn Llm>>) -> Arc<dyn Llm> {
        own.unwrap_or_else(|| Arc::clone(&self.llm))
    }

    /// Are calls that are over judged?
    pub(super) fn judges_calls(&self) -> bool {
        self.judges
    }

    /// Are lines of calls that run judged?
    pub(in crate::app) fn judges_turns(&self) -> bool {
        self.feels
    }

    /// Room to judge a line, if there is any.
    pub(in crate::app) fn take_turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.try_acquire().ok()
    }

    /// How the last line of a call sounds, by the tenant's `own` model where there is one.
    pub(in crate::app) async fn feeling(
        &self,
        transcript: &Transcript,
        own: Option<Arc<dyn Llm>>,
    ) -> Result<Sentiment, NoOpinion> {
        let llm = self.of(own);
        let prompt = judge::sentiment_prompt(transcript);
        let within = self.within.min(FELT_WITHIN);
        self.asked(&llm, "sentiment", prompt, (FEELING_TOKENS, within), judge::read_sentiment).await
    }

    /// What it thinks of a call: by `rubric`, if the call is scored at all, and in a few sentences in
    /// the language of this tag. A tenant's `own` model is asked where there is one.
    pub(super) async fn opinion(
        &self,
        transcript: &Transcript,
        rubric: Option<&Rubric>,
        language: &str,
        own: Option<Arc<dyn Llm>>,
    ) -> Opinion {
        let llm = self.of(own);
        let permit = tokio::time::timeout(WAITS_WITHIN, self.calls.acquire()).await;
        let Ok(Ok(_permit)) = permit else {
            let verdict = rubric.map(|_| Err(NoOpinion::Crowded));
            return Opinion { verdict, summary: Err(NoOpinion::Crowded) };
        };
        let verdict = async {
            let prompt = judge::quality_prompt(transcript, rubric?);
            let read = |answer: &str| judge::read_quality(answer, transcript);
            Some(self.asked(&llm, "quality", prompt, (VERDICT_TOKENS, self.within), read).await)
        };
        let prompt = judge::summary_prompt(transcript, language);
        let limits = (SUMMARY_TOKENS, self.within);
        let summary = self.asked(&llm, "summary", prompt, limits, judge::read_summary);
        let (verdict, summary) = tokio::join!(verdict, summary);
        Opinion { verdict, summary }
    }

    /// Asks, and counts what came of it.
    async fn asked<T>(
        &self,
        llm: &Arc<dyn Llm>,
        what: &'static str,
        prompt: Prompt,
        (most_tokens, within): (u32, Duration),
        read: impl Fn(&str) -> Result<T, Refused>,
    ) -> Result<T, NoOpinion> {
        let began = Instant::now();
        let answer = tokio::time::timeout(within, self.answer(llm, &prompt, most_tokens)).await;
        let opinion = match answer {
            Ok(answer) => answer.and_then(|answer| Ok(read(&answer)?)),
            Err(_) => Err(NoOpinion::Late(within)),
        };
        let outcome = opinion.as_ref().err().map_or("used", NoOpinion::label);
        let labels = [("what", what), ("outcome", outcome)];
        metrics::counter!("tandem_judgements_total", &labels).increment(1);
        metrics::histogram!("tandem_judgement_seconds").record(began.elapsed().as_secs_f64());
        opinion
    }

    /// The model's answer. It is asked once more where the same request may succeed at once.
    async fn answer(
        &self,
        llm: &Arc<dyn Llm>,
        prompt: &Prompt,
        most_tokens: u32,
    ) -> Result<String, NoOpinion> {
        match self.answer_once(llm, prompt, most_tokens).await {
            Err(NoOpinion::Vendor(error)) if error.problem.is_transient() => {
                self.answer_once(llm, prompt, most_tokens).await
            }
            answer => answer,
        }
    }

    async fn answer_once(
        &self,
        llm: &Arc<dyn Llm>,
        prompt: &Prompt,
        most_tokens: u32,
    ) -> Result<String, NoOpinion> {
        let mut reply = llm.answer(LlmRequest {
            instructions: prompt.system.clone(),
            history: vec![Message::Caller { text: prompt.user.clone() }],
            tools: Vec::new(),
            max_tokens: Some(most_tokens),
            model: self.model.clone(),
            // The same call is to be judged the same, as far as the model can.
            temperature: Some(0.0),
            stand_in: None,
            first_token_within: self.within,
            next_token_within: self.within,
        });
        let mut answer = String::new();
        while let Some(event) = reply.events.recv().await {
            match event {
                LlmEvent::Text(text) if answer.len() + text.len() <= LONGEST_ANSWER => {
                    answer.push_str(&text);
                }
                LlmEvent::Done { truncated: false } => return Ok(answer),
                LlmEvent::Failed(VendorError {
                    problem: Problem::TimedOut { after, .. }, ..
                }) => {
                    return Err(NoOpinion::Late(after));
                }
                LlmEvent::Failed(error) => return Err(error.into()),
                LlmEvent::Text(_) | LlmEvent::ToolCall(_) | LlmEvent::Done { truncated: true } => {
                    break;
                }
            }
        }
        Err(NoOpinion::Cut)
    }
}
