//! What a call was like, once it is over: scores with their evidence, and a summary. Off the media
//! path, by a few workers; what a crash interrupts is taken up again.

use std::sync::Arc;

use analysis::{
    Language,
    quality::{self, Rubric},
    sentiment::{Label, Mood as Smoothed},
    summary,
    transcript::{self, Ended, Facts, Transcript, Turn},
};
use serde_json::{Value, json};

use super::{App, Error, error::Attempt};
use crate::{
    domain::{Audience, Call, CallId, Mood, News, QaScore, Right, Speaker, TenantId},
    realtime::{Event, Kind},
    store::{calls, lines, records, scores},
};

/// Calls that are taken up again at once after a restart.
const MOST_AT_ONCE: i64 = 200;

/// A line of a transcript as it is stored: speaker, text, from and to, ms.
type Said = (String, String, i64, i64);

/// The transcript, for analysis.
fn transcript(language: Language, said: &[Said]) -> Transcript {
    let turns = said.iter().filter_map(|(speaker, text, from, to)| {
        let speaker = match Speaker::named(speaker)? {
            Speaker::Customer => transcript::Speaker::Caller,
            Speaker::Ai => transcript::Speaker::Agent,
            Speaker::Agent => transcript::Speaker::Person,
        };
        let ms = |ms: i64| u64::try_from(ms).unwrap_or(0);
        Some(Turn::new(speaker, text.clone(), ms(*from), ms(*to)))
    });
    Transcript { language, turns: turns.collect() }
}

/// What a call that runs was about so far; none while nothing was said.
pub(super) fn so_far(said: &[Said]) -> Option<String> {
    if said.is_empty() {
        return None;
    }
    let transcript = transcript(Language::English, said);
    let facts = Facts { escalated: true, ended: Ended::Transferred, ..Facts::default() };
    Some(summary::of(&transcript, &facts, mood_of(&transcript).now().label).text)
}

fn mood_of(transcript: &Transcript) -> Smoothed {
    let mut mood = Smoothed::default();
    for turn in &transcript.turns {
        if turn.speaker == transcript::Speaker::Caller {
            let felt = analysis::sentiment::of_turn(&turn.text, transcript.language, None);
            mood.push(felt);
        }
    }
    mood
}

impl App {
    /// Has a call that is over analysed.
    pub(super) fn analyse_soon(self: &Arc<Self>, tenant: TenantId, id: CallId) {
        let app = self.clone();
        tokio::spawn(async move {
            let Ok(_turn) = app.analyses.clone().acquire_owned().await else { return };
            if let Err(error) = app.analyse(tenant, id).await {
                tracing::error!(call = %id, error = ?error, "a call could not be analysed");
            }
        });
    }

    /// Takes up the calls that are over and were not analysed.
    pub(super) async fn analyse_left(self: &Arc<Self>) {
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
        const ATTEMPT: &str = "analyse the call";
        let mut tx = self.db.begin().await.attempt(ATTEMPT)?;
        let Some(call) = calls::find_in(&mut tx, tenant, id).await.attempt(ATTEMPT)? else {
            return Ok(());
        };
        let config = lines::config_of(&mut tx, id).await.attempt(ATTEMPT)?.unwrap_or_default();
        let said = lines::said(&mut tx, id).await.attempt(ATTEMPT)?;
        let answers = scores::answers_ms(&mut tx, id).await.attempt(ATTEMPT)?;
        drop(tx);
        let rubric = match &config["quality_assurance"] {
            Value::Null => Rubric::default(),
            config => Rubric::of(config).unwrap_or_default(),
        };
        let language = config["voice"]["language"].as_str().unwrap_or("en-US");
        let transcript = transcript(Language::of_tag(language), &said);
        let facts = Facts {
            ended: ended(&call),
            escalated: call.escalation.is_some(),
            answers_ms: answers.into_iter().filter_map(|ms| u64::try_from(ms).ok()).collect(),
            overlaps: Vec::new(),
        };
        let spoken =
            transcript.turns.iter().any(|turn| turn.speaker == transcript::Speaker::Caller);
        let summary =
            spoken.then(|| summary::of(&transcript, &facts, mood_of(&transcript).now().label).text);
        let scored =
            (spoken && rubric.enabled).then(|| quality::score(&transcript, &facts, &rubric, &[]));
        let now = self.clock.now();
        let mut tx = self.db.begin().await.attempt(ATTEMPT)?;
        if !scores::mark_analysed(&mut tx, id, summary.as_deref(), now).await.attempt(ATTEMPT)? {
            // Another one was faster.
            return Ok(());
        }
        let (mut events, mut notified) = (Vec::new(), None);
        if let Some(scored) = scored {
            let scored_low = scored.below_threshold;
            let score = QaScore {
                id: 0,
                call: id,
                overall: rounded(scored.overall),
                sentiment: rounded(scored.sentiment),
                compliance: rounded(scored.compliance),
                accuracy: rounded(scored.accuracy),
                professionalism: rounded(scored.professionalism),
                mood: match scored.sentiment_label {
                    Label::Positive => Mood::Positive,
                    Label::Neutral => Mood::Neutral,
                    Label::Negative => Mood::Negative,
                },
                compliance_issues: scored.compliance_issues,
                flagged_issues: scored.flagged_issues,
                reviewed_by: "ai".to_owned(),
                review_notes: None,
                created_at: now,
                updated_at: now,
            };
            let evidence = serde_json::to_value(&scored.evidence).unwrap_or_default();
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
                let audience = Audience::Everyone(Right::Write);
                notified = Some(self.notify(&mut tx, tenant, &audience, &news).await?);
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
