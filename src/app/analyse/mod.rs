//! What a call was like, once it is over: scores with their evidence, and a summary. Off the media
//! path, by a few workers; what a crash interrupts is taken up again.
//!
//! The rules judge every call. Where a language model is configured it is asked too, and what it says
//! counts beside them; where it does not answer, or not as it was asked, theirs stands and says why.

mod facts;
mod judge;

use std::{sync::Arc, time::Duration};

use analysis::{
    Language,
    judge::merged,
    quality::{self, Rubric, Scores},
    sentiment::{Label, Mood as Smoothed, Sentiment, of_turn},
    summary,
    transcript::{self, Ended, Facts, Transcript, Turn},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

pub use judge::Judge;

use super::{App, Error, error::Attempt};
use crate::{
    domain::{
        Audience, Call, CallId, Direction, Mood, News, QaScore, Right, Speaker, State, TenantId,
    },
    realtime::{Event, Kind},
    store::{
        calls,
        lines::{self, Said},
        records, scores,
    },
};

/// Calls that are taken up again at once after a restart.
const MOST_AT_ONCE: i64 = 200;
/// Lines of a call that are judged again when it is over, and how long that may take.
const MOST_FELT: usize = 200;
const FELT_WITHIN: Duration = Duration::from_secs(5);

/// The transcript, for analysis; its times are counted from the beginning of the first session.
pub(super) fn transcript(language: Language, said: &[Said]) -> Transcript {
    let began = said.first().map(began);
    let turns = said.iter().map(|line| {
        let speaker = match Speaker::named(&line.speaker) {
            Some(Speaker::Customer) => transcript::Speaker::Caller,
            Some(Speaker::Ai) => transcript::Speaker::Agent,
            // There are no others: what cannot be read is not held against the agent.
            Some(Speaker::Agent) | None => transcript::Speaker::Person,
        };
        let ms = |ms: i64| u64::try_from(ms).unwrap_or(0);
        let from = began.map_or(0, |began| (line.at - began).num_milliseconds());
        let to = from + (line.to_ms - line.from_ms);
        let mut turn = Turn::new(speaker, line.text.clone(), ms(from), ms(to));
        turn.cut = line.metadata.0.get("interrupted") == Some(&Value::Bool(true));
        turn
    });
    Transcript { language, turns: turns.collect() }
}

/// When the session of a line began.
fn began(line: &Said) -> DateTime<Utc> {
    line.at - TimeDelta::milliseconds(line.from_ms)
}

/// How a line was found to sound, if that stands.
pub(super) fn felt(line: &Said) -> Option<Sentiment> {
    let (score, sure) = (line.sentiment_score?, line.sentiment_confidence?);
    Some(Sentiment { score: score as f32, label: Label::of(score as f32), confidence: sure as f32 })
}

/// A call of ours that could not be made is no fault of whoever was called: somebody is to look.
fn not_connected(call: &Call) -> Option<News> {
    let ours = call.direction == Direction::Outbound && call.state == State::Failed;
    ours.then(|| News {
        kind: "call_failed",
        title: "A call could not be made".to_owned(),
        message: "The carrier could not connect it.".to_owned(),
        call: Some(call.id),
        data: serde_json::Map::new(),
        about: format!("failed:{}", call.id),
    })
}

/// The settings that a configuration always has.
fn contracted(quality: &Value) -> Value {
    const KEYS: [&str; 4] =
        ["enabled", "sentiment_analysis", "compliance_check", "min_score_threshold"];
    KEYS.iter().map(|key| ((*key).to_owned(), quality[*key].clone())).collect()
}

/// Is it to be kept and told how callers sound, under this configuration?
pub(super) fn feels(config: &Value) -> bool {
    config["quality_assurance"]["sentiment_analysis"].as_bool().unwrap_or(true)
}

/// What a call that runs was about so far; none while nothing was said.
pub(super) fn so_far(said: &[Said]) -> Option<String> {
    if said.is_empty() {
        return None;
    }
    let transcript = transcript(Language::English, said);
    let facts = Facts { escalated: true, ended: Ended::Transferred, ..Facts::default() };
    let felt =
        |line: &Said| felt(line).unwrap_or_else(|| of_turn(&line.text, transcript.language, None));
    let feelings: Vec<Sentiment> = said.iter().map(felt).collect();
    let mood = mood_of(&transcript, &feelings);
    Some(summary::of(&transcript, &facts, mood.now().label).text)
}

/// The call's mood in the end; `feelings` has one for each turn.
fn mood_of(transcript: &Transcript, feelings: &[Sentiment]) -> Smoothed {
    let mut mood = Smoothed::default();
    for (turn, felt) in transcript.turns.iter().zip(feelings) {
        if turn.speaker == transcript::Speaker::Caller {
            mood.push(*felt);
        }
    }
    mood
}

/// What a call is judged by.
struct Material {
    transcript: Transcript,
    /// How each turn sounds; what nobody but the caller said is not looked at.
    feelings: Vec<Sentiment>,
    facts: Facts,
    rubric: Rubric,
    /// A BCP 47 tag.
    language: String,
    /// Its business lets a language model judge.
    judged: bool,
}

/// What a call was like.
struct Judged {
    /// None where nobody was heard, or nothing is to be scored.
    scores: Option<Scores>,
    /// Who scored it, where more than the rules were to.
    notes: Option<String>,
    summary: Option<String>,
}

impl App {
    /// Has a language model judge calls, too, from now on.
    pub fn use_judge(&self, judge: Judge) {
        let _ = self.judge.set(judge);
    }

    /// Has a call that is over analysed.
    pub(super) fn analyse_soon(self: &Arc<Self>, tenant: TenantId, id: CallId) {
        let app = self.clone();
        tokio::spawn(async move {
            if let Err(error) = app.analyse(tenant, id).await {
                tracing::error!(call = %id, error = ?error, "a call could not be analysed");
            }
        });
    }

    /// Takes up the calls that are over and were not analysed.
    pub async fn analyse_left(self: &Arc<Self>) {
        match scores::unanalysed(&self.db, MOST_AT_ONCE).await {
            Ok(left) => {
                left.into_iter().for_each(|(tenant, call)| self.analyse_soon(tenant, call));
            }
            Err(error) => tracing::warn!(error = ?error, "calls to analyse could not be found"),
        }
    }

    /// Scores a call that is over, once, by its business's rubric, and sums it up.
    ///
    /// # Errors
    /// The store failed.
    async fn analyse(&self, tenant: TenantId, id: CallId) -> Result<(), Error> {
        let (material, judged) = {
            let Ok(_turn) = self.analyses.acquire().await else { return Ok(()) };
            let Some(material) = self.material(tenant, id).await? else { return Ok(()) };
            let judged = judged_by_rules(&material);
            (material, judged)
        };
        let judged = self.judged_by_model((tenant, id), &material, judged).await;
        let Ok(_turn) = self.analyses.acquire().await else { return Ok(()) };
        self.keep_judged(tenant, id, judged).await
    }

    /// What a call is judged by; none if it is not there.
    async fn material(&self, tenant: TenantId, id: CallId) -> Result<Option<Material>, Error> {
        const ATTEMPT: &str = "find the call to analyse";
        let mut tx = self.db.begin().await.attempt(ATTEMPT)?;
        let Some(call) = calls::find_in(&mut tx, tenant, id).await.attempt(ATTEMPT)? else {
            return Ok(None);
        };
        let config = lines::config_of(&mut tx, id).await.attempt(ATTEMPT)?.unwrap_or_default();
        let said = lines::said(&mut tx, id).await.attempt(ATTEMPT)?;
        let answers = scores::answers_ms(&mut tx, id).await.attempt(ATTEMPT)?;
        let known = scores::facts(&mut tx, id).await.attempt(ATTEMPT)?;
        drop(tx);
        let quality = &config["quality_assurance"];
        let rubric = match quality {
            Value::Null => Rubric::default(),
            // A key of the tenant's own that means something else must not switch off what is meant.
            quality => Rubric::of(quality)
                .or_else(|_| Rubric::of(&contracted(quality)))
                .unwrap_or_default(),
        };
        let language = config["voice"]["language"].as_str().unwrap_or("en-US").to_owned();
        let mut transcript = transcript(Language::of_tag(&language), &said);
        let overlaps = facts::place(&mut transcript, &said, known);
        let told = config["ai"]["system_prompt"].as_str().filter(|_| call.business.is_some());
        let told = told.or(self.instructions.as_deref());
        let facts = Facts {
            ended: ended(&call),
            escalated: call.escalation.is_some(),
            answers_ms: answers.into_iter().filter_map(|ms| u64::try_from(ms).ok()).collect(),
            overlaps,
            told: told.into_iter().map(str::to_owned).collect(),
        };
        let judged = quality["judge"] != Value::Bool(false);
        let feelings = match feels(&config) {
            true => self.feelings(&transcript, &said).await,
            false => vec![Sentiment::UNKNOWN; said.len()],
        };
        Ok(Some(Material { transcript, feelings, facts, rubric, language, judged }))
    }

    /// How each turn sounds: as it was found while the call ran, or, where that was in haste, as the
    /// model of meaning has it now.
    async fn feelings(&self, transcript: &Transcript, said: &[Said]) -> Vec<Sentiment> {
        let mut feelings: Vec<Option<Sentiment>> = said.iter().map(felt).collect();
        let caller = transcript::Speaker::Caller;
        let open: Vec<usize> = (0..transcript.turns.len())
            .filter(|at| transcript.turns[*at].speaker == caller && feelings[*at].is_none())
            .collect();
        let texts: Vec<String> =
            open.iter().map(|at| transcript.turns[*at].text.clone()).take(MOST_FELT).collect();
        let vectors = match self.shelf.embedder() {
            Some(embedder) if !texts.is_empty() => {
                let told = tokio::time::timeout(FELT_WITHIN, embedder.embed(texts)).await;
                told.ok().and_then(Result::ok).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        for (place, at) in open.into_iter().enumerate() {
            let (text, vector) = (&transcript.turns[at].text, vectors.get(place));
            let felt = of_turn(text, transcript.language, vector.map(Vec::as_slice));
            feelings[at] = Some(felt);
        }
        feelings.into_iter().map(|felt| felt.unwrap_or(Sentiment::UNKNOWN)).collect()
    }

    /// What the rules say, with a language model's opinion where one is asked and to be believed.
    async fn judged_by_model(
        &self,
        (tenant, id): (TenantId, CallId),
        material: &Material,
        rules: Judged,
    ) -> Judged {
        let judge = self.judge.get().filter(|judge| judge.judges_calls() && material.judged);
        let Some(judge) = judge.filter(|_| rules.summary.is_some()) else { return rules };
        let Material { transcript, rubric, language, .. } = material;
        let scored = rules.scores.is_some().then_some(rubric);
        let opinion =
            judge.opinion(transcript, scored, language, self.own_model(tenant).await).await;
        let summary = match opinion.summary {
            Ok(summary) => Some(summary),
            Err(error) => {
                tracing::warn!(call = %id, %error, "a call is summed up without the language model");
                rules.summary
            }
        };
        let (scores, notes) = match (rules.scores, opinion.verdict) {
            (Some(scores), Some(Ok(verdict))) => {
                let notes = scored_by_both(verdict.invented);
                (Some(merged(scores, verdict, rubric)), Some(notes))
            }
            (Some(scores), Some(Err(error))) => {
                tracing::warn!(call = %id, %error, "a call is scored by rules alone");
                let why = error.in_words();
                let notes =
                    format!("Scored by rules alone. The language model was to judge, too: {why}.");
                (Some(scores), Some(notes))
            }
            (scores, _) => (scores, None),
        };
        Judged { scores, notes, summary }
    }

    /// Writes it down, once, and tells of it.
    async fn keep_judged(&self, tenant: TenantId, id: CallId, judged: Judged) -> Result<(), Error> {
        const ATTEMPT: &str = "analyse the call";
        let Judged { scores, notes, summary } = judged;
        let now = self.clock.now();
        let mut tx = self.db.begin().await.attempt(ATTEMPT)?;
        if !scores::mark_analysed(&mut tx, id, summary.as_deref(), now).await.attempt(ATTEMPT)? {
            // Another one was faster.
            return Ok(());
        }
        let (mut events, mut notified) = (Vec::new(), Vec::new());
        let audience = Audience::Everyone(Right::Write);
        let call = calls::find_in(&mut tx, tenant, id).await.attempt(ATTEMPT)?;
        if let Some(news) = call.as_ref().and_then(not_connected) {
            notified.push(self.notify(&mut tx, tenant, &audience, &news).await?);
        }
        if let Some(scores) = scores {
            let scored_low = scores.below_threshold;
            let evidence = serde_json::to_value(&scores.evidence).unwrap_or_default();
            let score = QaScore { review_notes: notes, ..score_of(id, scores, now) };
            let score =
                records::insert_qa(&mut tx, tenant, score, evidence).await.attempt(ATTEMPT)?;
            let data = json!({"qa": score.id});
            let sequence =
                lines::add_events(&mut tx, tenant, id, &[("qa.score.updated", data)], now)
                    .await
                    .attempt(ATTEMPT)?;
            if scored_low {
                let news = News {
                    kind: "qa_alert",
                    title: "A call scored low".to_owned(),
                    message: format!("Overall score: {:.2}", score.overall),
                    call: Some(id),
                    data: serde_json::Map::new(),
                    about: format!("qa:{id}"),
                };
                notified.push(self.notify(&mut tx, tenant, &audience, &news).await?);
            }
            let kind = Kind::QaScored(Arc::new(score));
            events.push(Event { tenant, call: Some(id), sequence: Some(sequence), kind });
        }
        events.push(self.told(&mut tx, tenant, id, "call.updated").await?);
        tx.commit().await.attempt(ATTEMPT)?;
        events.into_iter().for_each(|event| self.publish(event));
        notified.into_iter().for_each(|notified| self.publish_notified(notified));
        Ok(())
    }
}

fn judged_by_rules(material: &Material) -> Judged {
    let Material { transcript, feelings, facts, rubric, .. } = material;
    let spoken = transcript.turns.iter().any(|turn| turn.speaker == transcript::Speaker::Caller);
    let mood = mood_of(transcript, feelings).now().label;
    let summary = spoken.then(|| summary::of(transcript, facts, mood).text);
    let scored = spoken && rubric.enabled;
    let scores = scored.then(|| quality::score(transcript, facts, rubric, feelings));
    Judged { scores, notes: None, summary }
}

fn scored_by_both(invented: usize) -> String {
    let mut notes = "Scored by rules and by a language model.".to_owned();
    if invented > 0 {
        notes.push_str(&format!(
            " Findings of its that quoted what was not said: {invented}, left out."
        ));
    }
    notes
}

fn score_of(id: CallId, scores: Scores, now: DateTime<Utc>) -> QaScore {
    QaScore {
        id: 0,
        call: id,
        overall: rounded(scores.overall),
        sentiment: rounded(scores.sentiment),
        compliance: rounded(scores.compliance),
        accuracy: rounded(scores.accuracy),
        professionalism: rounded(scores.professionalism),
        mood: match scores.sentiment_label {
            Label::Positive => Mood::Positive,
            Label::Neutral => Mood::Neutral,
            Label::Negative => Mood::Negative,
        },
        compliance_issues: scores.compliance_issues,
        flagged_issues: scores.flagged_issues,
        reviewed_by: "ai".to_owned(),
        review_notes: None,
        created_at: now,
        updated_at: now,
    }
}

/// Scores are kept to the thousandth: more would be a claim.
fn rounded(score: f32) -> f64 {
    (f64::from(score) * 1_000.0).round() / 1_000.0
}

fn ended(call: &Call) -> Ended {
    match call.end_reason.as_deref() {
        Some("agent_ended" | "ordered" | "too_long") => Ended::ByAgent,
        Some("transferred") => Ended::Transferred,
        Some("caller_silent") => Ended::Silence,
        Some("hearing_failed" | "agent_failed" | "not_placed") => Ended::Failed,
        _ => Ended::ByCaller,
    }
}
