//! What hangs on a call: lines of its transcript, scores, escalations.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use sqlx::types::Json;
use uuid::Uuid;

use super::{
    Db, StoreError, Tx,
    calls::named,
    escalations::{EscalationRow, SELECT, shown},
    page::Paged,
    sql,
};
use crate::domain::{CallId, Escalation, Interaction, Mood, QaScore, Sentiment, Speaker, TenantId};

#[derive(sqlx::FromRow)]
pub(super) struct LineRow {
    id: i64,
    call_id: Uuid,
    speaker: String,
    text: String,
    audio_url: Option<String>,
    at: DateTime<Utc>,
    sentiment_score: Option<f64>,
    sentiment: Option<String>,
    metadata: Json<Map<String, Value>>,
}

impl TryFrom<LineRow> for Interaction {
    type Error = StoreError;

    fn try_from(row: LineRow) -> Result<Interaction, StoreError> {
        let mood = row.sentiment.map(|name| named("a sentiment", name, Mood::named)).transpose()?;
        Ok(Interaction {
            id: row.id,
            call: row.call_id.into(),
            speaker: named("a speaker", row.speaker, Speaker::named)?,
            text: row.text,
            audio_url: row.audio_url,
            at: row.at,
            sentiment: row.sentiment_score.zip(mood).map(|(score, mood)| Sentiment { score, mood }),
            metadata: row.metadata.0,
        })
    }
}

/// Lines of a call's transcript by these speakers, in the order in which they were said.
///
/// # Errors
/// [`StoreError`].
pub async fn interactions(
    db: &Db,
    tenant: TenantId,
    call: CallId,
    speakers: &[Speaker],
    (limit, offset): (i64, i64),
) -> Result<Paged<Interaction>, StoreError> {
    let narrowed = |statement: super::Sql| {
        let statement = statement.push("WHERE call_id =").arg(call);
        let statement = statement.push("AND tenant_id =").arg(tenant);
        statement.and_in("speaker", speakers.iter().map(|speaker| speaker.name()))
    };
    let (total,): (i64,) = db.one(narrowed(sql("SELECT count(*) FROM utterances"))).await?;
    let select = sql("SELECT id, call_id, speaker, text, audio_url, at, sentiment_score,
                sentiment, metadata FROM utterances");
    let select = narrowed(select).push("ORDER BY at, id LIMIT").arg(limit);
    let rows: Vec<LineRow> = db.all(select.push("OFFSET").arg(offset)).await?;
    let items = rows.into_iter().map(Interaction::try_from).collect::<Result<_, _>>()?;
    Ok(Paged { items, total })
}

/// How many lines a call's transcript has.
///
/// # Errors
/// [`StoreError`].
pub async fn count_interactions(
    db: &Db,
    tenant: TenantId,
    call: CallId,
) -> Result<i64, StoreError> {
    let select = sql("SELECT count(*) FROM utterances WHERE call_id = $1 AND tenant_id = $2");
    let (count,): (i64,) = db.one(select.bind(call).bind(tenant)).await?;
    Ok(count)
}

#[derive(sqlx::FromRow)]
pub(super) struct QaRow {
    id: i64,
    call_id: Uuid,
    overall: f64,
    sentiment: f64,
    compliance: f64,
    accuracy: f64,
    professionalism: f64,
    sentiment_label: String,
    compliance_issues: Json<Vec<String>>,
    flagged_issues: Json<Vec<String>>,
    reviewed_by: String,
    review_notes: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<QaRow> for QaScore {
    type Error = StoreError;

    fn try_from(row: QaRow) -> Result<QaScore, StoreError> {
        Ok(QaScore {
            id: row.id,
            call: row.call_id.into(),
            overall: row.overall,
            sentiment: row.sentiment,
            compliance: row.compliance,
            accuracy: row.accuracy,
            professionalism: row.professionalism,
            mood: named("a sentiment", row.sentiment_label, Mood::named)?,
            compliance_issues: row.compliance_issues.0,
            flagged_issues: row.flagged_issues.0,
            reviewed_by: row.reviewed_by,
            review_notes: row.review_notes,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// A call's latest score.
///
/// # Errors
/// [`StoreError`].
pub async fn latest_qa(
    db: &Db,
    tenant: TenantId,
    call: CallId,
) -> Result<Option<QaScore>, StoreError> {
    let select = sql("SELECT id, call_id, overall, sentiment, compliance, accuracy,
                professionalism, sentiment_label, compliance_issues, flagged_issues, reviewed_by,
                review_notes, created_at, updated_at
         FROM qa_scores WHERE call_id = $1 AND tenant_id = $2 AND latest");
    let row: Option<QaRow> = db.opt(select.bind(call).bind(tenant)).await?;
    row.map(QaScore::try_from).transpose()
}

/// Writes a score of a call, with its evidence (quotes and where they stand, per issue), and shows it
/// in the call, whose latest it is then. The identifier of `score` is not looked at.
///
/// # Errors
/// [`StoreError`].
pub async fn insert_qa(
    tx: &mut Tx,
    tenant: TenantId,
    score: QaScore,
    evidence: Value,
) -> Result<QaScore, StoreError> {
    // The call first: whoever scores it too waits here.
    let update = sql("UPDATE calls SET qa_score = $3, updated_at = $4
         WHERE id = $1 AND tenant_id = $2");
    let update = update.bind(score.call).bind(tenant).bind(score.overall).bind(score.updated_at);
    tx.exec(update).await?;
    for before in [
        "UPDATE qa_scores SET latest = FALSE WHERE call_id = $1 AND latest",
        "DELETE FROM qa_issues WHERE call_id = $1",
    ] {
        tx.exec(sql(before).bind(score.call)).await?;
    }
    let insert = sql("INSERT INTO qa_scores
            (tenant_id, call_id, overall, sentiment, compliance, accuracy, professionalism,
             sentiment_label, compliance_issues, flagged_issues, evidence, reviewed_by,
             review_notes, created_at, updated_at, latest, started_at, direction, business_id)
         SELECT tenant_id, id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, TRUE,
                started_at, direction, business_id
         FROM calls WHERE id = $1 AND tenant_id = $2 RETURNING id")
    .bind(score.call)
    .bind(tenant)
    .bind(score.overall)
    .bind(score.sentiment)
    .bind(score.compliance)
    .bind(score.accuracy)
    .bind(score.professionalism)
    .bind(score.mood.name())
    .bind(json!(score.compliance_issues))
    .bind(json!(score.flagged_issues))
    .bind(evidence)
    .bind(score.reviewed_by.clone())
    .bind(score.review_notes.clone())
    .bind(score.created_at)
    .bind(score.updated_at);
    let (id,): (i64,) = tx.one(insert).await?;
    for what in score.compliance_issues.iter().chain(&score.flagged_issues) {
        let insert = sql("INSERT INTO qa_issues
                (call_id, what, tenant_id, started_at, direction, business_id)
             SELECT id, $3, tenant_id, started_at, direction, business_id
             FROM calls WHERE id = $1 AND tenant_id = $2
             ON CONFLICT DO NOTHING");
        tx.exec(insert.bind(score.call).bind(tenant).bind(what.as_str())).await?;
    }
    Ok(QaScore { id, ..score })
}

fn latest(tenant: TenantId, call: CallId) -> super::Sql {
    let select =
        sql(SELECT).push("WHERE e.call_id =").arg(call).push("AND e.tenant_id =").arg(tenant);
    select.push("ORDER BY e.requested_at DESC, e.id DESC LIMIT 1")
}

/// A call's latest escalation.
///
/// # Errors
/// [`StoreError`].
pub async fn latest_escalation(
    db: &Db,
    tenant: TenantId,
    call: CallId,
) -> Result<Option<Escalation>, StoreError> {
    let row: Option<EscalationRow> = db.opt(latest(tenant, call)).await?;
    row.map(Escalation::try_from).transpose()
}

/// The same in a transaction, so that what is decided by it holds.
///
/// # Errors
/// [`StoreError`].
pub async fn latest_escalation_in(
    tx: &mut Tx,
    tenant: TenantId,
    call: CallId,
) -> Result<Option<Escalation>, StoreError> {
    let row: Option<EscalationRow> = tx.opt(latest(tenant, call)).await?;
    row.map(Escalation::try_from).transpose()
}

/// Writes a new escalation of a call, whose latest it is then. Its identifier is not looked at.
///
/// # Errors
/// [`StoreError`].
pub async fn insert_escalation(
    tx: &mut Tx,
    tenant: TenantId,
    escalation: Escalation,
) -> Result<Escalation, StoreError> {
    let insert = sql("INSERT INTO escalations
            (tenant_id, call_id, status, progress, trigger_type, trigger_details, agent_id,
             summary, context_data, requested_at, accepted_at, completed_at, started_at, direction,
             business_id)
         SELECT tenant_id, id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, started_at, direction,
                business_id
         FROM calls WHERE id = $1 AND tenant_id = $2 RETURNING id")
    .bind(escalation.call)
    .bind(tenant)
    .bind(escalation.status.name())
    .bind(escalation.progress.name())
    .bind(escalation.trigger_type.clone())
    .bind(Value::Object(escalation.trigger_details.clone()))
    .bind(escalation.agent.as_ref().map(|(id, _)| *id))
    .bind(escalation.summary.clone())
    .bind(Value::Object(escalation.context_data.clone()))
    .bind(escalation.requested_at)
    .bind(escalation.accepted_at)
    .bind(escalation.completed_at);
    let (id,): (i64,) = tx.one(insert).await?;
    shown(tx, escalation.call, escalation.requested_at).await?;
    Ok(Escalation { id, ..escalation })
}

/// Writes how far an escalation has come: status, progress, agent, summary, times. It must be its
/// call's latest.
///
/// # Errors
/// [`StoreError`].
pub async fn update_escalation(
    tx: &mut Tx,
    tenant: TenantId,
    escalation: &Escalation,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let update = sql("UPDATE escalations SET status = $3, progress = $4, agent_id = $5,
                summary = $6, accepted_at = $7, completed_at = $8
         WHERE id = $1 AND tenant_id = $2")
    .bind(escalation.id)
    .bind(tenant)
    .bind(escalation.status.name())
    .bind(escalation.progress.name())
    .bind(escalation.agent.as_ref().map(|(id, _)| *id))
    .bind(escalation.summary.clone())
    .bind(escalation.accepted_at)
    .bind(escalation.completed_at);
    tx.exec(update).await?;
    shown(tx, escalation.call, at).await
}
