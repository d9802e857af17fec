//! Calls in the store, and what happens to them: written first, then told.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tandem::{
    domain::{
        Call, CallId, Escalation, EscalationStatus, Interaction, Mood, Notification, Progress,
        QaScore, Sentiment, Speaker, TenantId, UserId,
    },
    realtime::{Event, Kind},
    store::{Tx, calls, sql},
};

use crate::stage::Stage;

/// A call of the stage's organisation.
pub async fn a_call(stage: &Stage) -> Call {
    a_call_of(stage, stage.tenant).await
}

/// A call that runs.
pub async fn a_call_of(stage: &Stage, tenant: TenantId) -> Call {
    let (id, now) = (CallId::new(), stage.app.clock.now());
    let insert = sql("INSERT INTO calls (id, tenant_id, call_sid, direction, state, from_number,
            to_number, started_at, spoken_by_ai, spoken_by_human, topics, tags, is_spam,
            is_after_hours, metadata, journal_position, event_sequence, seen_at,
            created_at, updated_at)
         VALUES ($1, $2, $3, 'inbound', 'in_progress', '+14155550100', '+14155550101', $4, $5, $6,
            $7, $7, $6, $6, $8, 0, 0, $4, $4, $4)")
    .bind(id)
    .bind(tenant)
    .bind(format!("CA{}", id.uuid().simple()))
    .bind(now)
    .bind(true)
    .bind(false)
    .bind(json!([]))
    .bind(json!({}));
    stage.app.db.exec(insert).await.expect("a call");
    calls::find(&stage.app.db, tenant, id).await.expect("the store answers").expect("it is there")
}

/// Assigns the call's job to a user.
pub async fn assign(stage: &Stage, call: CallId, user: UserId) {
    let (job, now) = (uuid::Uuid::now_v7(), stage.app.clock.now());
    let mut tx = stage.app.db.begin().await.expect("begins");
    let insert =
        sql("INSERT INTO jobs (id, tenant_id, title, status, priority, created_at, updated_at)
         VALUES ($1, $2, 'Boiler', 'open', 'normal', $3, $3)");
    tx.exec(insert.bind(job).bind(stage.tenant).bind(now)).await.expect("a job");
    let assignment = sql("INSERT INTO job_assignments (job_id, user_id) VALUES ($1, $2)");
    tx.exec(assignment.bind(job).bind(user)).await.expect("an assignment");
    let update = sql("UPDATE calls SET job_id = $2 WHERE id = $1").bind(call).bind(job);
    tx.exec(update).await.expect("assigned");
    tx.commit().await.expect("commits");
}

/// Keeps an event of a call; its place.
async fn keep(stage: &Stage, tx: &mut Tx, call: &Call, kind: &'static str, data: Value) -> i64 {
    let next = sql("UPDATE calls SET event_sequence = event_sequence + 1 WHERE id = $1
         RETURNING event_sequence");
    let (sequence,): (i64,) = tx.one(next.bind(call.id)).await.expect("a place");
    let insert = sql("INSERT INTO call_events (call_id, sequence, tenant_id, type, data, at)
         VALUES ($1, $2, $3, $4, $5, $6)");
    let insert = insert.bind(call.id).bind(sequence).bind(call.tenant).bind(kind).bind(data);
    tx.exec(insert.bind(stage.app.clock.now())).await.expect("an event");
    sequence
}

fn event(call: &Call, sequence: i64, kind: Kind) -> Event {
    Event { tenant: call.tenant, call: Some(call.id), sequence: Some(sequence), kind }
}

/// A line of the transcript, in the store; not told yet.
pub async fn a_line(stage: &Stage, call: &Call, text: &str) -> Event {
    let now = stage.app.clock.now();
    let mut tx = stage.app.db.begin().await.expect("begins");
    // The lock on the call comes first, as for whoever writes its journal.
    let sequence = keep(stage, &mut tx, call, "interaction.added", json!({})).await;
    let insert = sql("INSERT INTO utterances (tenant_id, call_id, position, speaker, text, at,
            from_ms, to_ms, sentiment_score, sentiment, metadata)
         VALUES ($1, $2, $3, 'customer', $4, $5, 0, 0, $6, 'negative', $7) RETURNING id");
    let insert = insert.bind(call.tenant).bind(call.id).bind(sequence).bind(text).bind(now);
    let (id,): (i64,) = tx.one(insert.bind(-0.5).bind(json!({}))).await.expect("a line");
    let about = sql("UPDATE call_events SET data = $3 WHERE call_id = $1 AND sequence = $2");
    let about = about.bind(call.id).bind(sequence).bind(json!({"interaction": id}));
    tx.exec(about).await.expect("the reference");
    tx.commit().await.expect("commits");
    let line = Interaction {
        id,
        call: call.id,
        speaker: Speaker::Customer,
        text: text.to_owned(),
        audio_url: None,
        at: now,
        sentiment: Some(Sentiment { score: -0.5, mood: Mood::Negative }),
        metadata: Map::new(),
    };
    event(call, sequence, Kind::InteractionAdded(Arc::new(line)))
}

/// A line, told.
pub async fn told_line(stage: &Stage, call: &Call, text: &str) -> i64 {
    let line = a_line(stage, call, text).await;
    let sequence = line.sequence.expect("it is kept");
    stage.app.hub.publish(line);
    sequence
}

/// One of each kind of event of a call, in the store and told; their names.
pub async fn one_of_each(stage: &Stage, call: &Call) -> Vec<&'static str> {
    let now = stage.app.clock.now();
    let shared = Arc::new(call.clone());
    let mut told = Vec::new();
    for (name, kind) in [
        ("call.started", Kind::CallStarted(shared.clone())),
        ("call.updated", Kind::CallUpdated(shared.clone())),
    ] {
        let mut tx = stage.app.db.begin().await.expect("begins");
        let sequence = keep(stage, &mut tx, call, name, json!({})).await;
        tx.commit().await.expect("commits");
        stage.app.hub.publish(event(call, sequence, kind));
        told.push(name);
    }
    told_line(stage, call, "I want <b>this</b>; DROP TABLE calls; спасибо 🎉").await;
    told.push("interaction.added");

    let mut tx = stage.app.db.begin().await.expect("begins");
    let data = json!({"score": -0.4});
    let sequence = keep(stage, &mut tx, call, "sentiment.changed", data).await;
    let feeling = Kind::SentimentChanged(Sentiment::of(-0.4));
    tx.commit().await.expect("commits");
    stage.app.hub.publish(event(call, sequence, feeling));
    told.push("sentiment.changed");

    let escalation = an_escalation(stage, call).await;
    for (name, kind) in [
        ("escalation.triggered", Kind::EscalationTriggered(escalation.clone())),
        ("escalation.completed", Kind::EscalationCompleted(escalation.clone())),
    ] {
        let mut tx = stage.app.db.begin().await.expect("begins");
        let sequence = keep(stage, &mut tx, call, name, json!({"escalation": escalation.id})).await;
        tx.commit().await.expect("commits");
        stage.app.hub.publish(event(call, sequence, kind));
        told.push(name);
    }

    let mut tx = stage.app.db.begin().await.expect("begins");
    let insert = sql("INSERT INTO qa_scores (tenant_id, call_id, overall, sentiment, compliance,
            accuracy, professionalism, sentiment_label, compliance_issues, flagged_issues, evidence,
            reviewed_by, created_at, updated_at, latest, started_at, direction)
         VALUES ($1, $2, 0.8, 0.7, 1.0, 0.9, 0.6, 'positive', $3, $3, $3, 'ai', $4, $4, TRUE, $4,
            'inbound')
         RETURNING id");
    let insert = insert.bind(call.tenant).bind(call.id).bind(json!([])).bind(now);
    let (id,): (i64,) = tx.one(insert).await.expect("a score");
    let sequence = keep(stage, &mut tx, call, "qa.score.updated", json!({"qa": id})).await;
    tx.commit().await.expect("commits");
    let score = QaScore {
        id,
        call: call.id,
        overall: 0.8,
        sentiment: 0.7,
        compliance: 1.0,
        accuracy: 0.9,
        professionalism: 0.6,
        mood: Mood::Positive,
        compliance_issues: Vec::new(),
        flagged_issues: Vec::new(),
        reviewed_by: "ai".to_owned(),
        review_notes: None,
        created_at: now,
        updated_at: now,
    };
    stage.app.hub.publish(event(call, sequence, Kind::QaScored(Arc::new(score))));
    told.push("qa.score.updated");

    let mut tx = stage.app.db.begin().await.expect("begins");
    let sequence = keep(stage, &mut tx, call, "call.ended", json!({})).await;
    tx.commit().await.expect("commits");
    stage.app.hub.publish(event(call, sequence, Kind::CallEnded(shared)));
    told.push("call.ended");
    told
}

async fn an_escalation(stage: &Stage, call: &Call) -> Arc<Escalation> {
    let now = stage.app.clock.now();
    let insert = sql("INSERT INTO escalations (tenant_id, call_id, status, progress, trigger_type,
            trigger_details, context_data, requested_at, started_at, direction)
         VALUES ($1, $2, 'pending', 'requested', 'manual', $3, $3, $4, $4, 'inbound')
         RETURNING id");
    let insert = insert.bind(call.tenant).bind(call.id).bind(json!({})).bind(now);
    let mut tx = stage.app.db.begin().await.expect("begins");
    let (id,): (i64,) = tx.one(insert).await.expect("an escalation");
    tx.commit().await.expect("commits");
    Arc::new(Escalation {
        id,
        call: call.id,
        status: EscalationStatus::Pending,
        progress: Progress::Requested,
        trigger_type: "manual".to_owned(),
        trigger_details: Map::new(),
        agent: None,
        summary: None,
        context_data: Map::new(),
        requested_at: now,
        accepted_at: None,
        completed_at: None,
    })
}

/// Tells a user something.
pub fn notify(stage: &Stage, user: UserId, title: &str) {
    let notification = Notification {
        id: 7,
        kind: "system".to_owned(),
        title: title.to_owned(),
        message: "Have a look".to_owned(),
        call: None,
        data: Map::new(),
        read_at: None,
        created_at: stage.app.clock.now(),
    };
    let kind = Kind::Notified(user, Arc::new(notification));
    stage.app.hub.publish(Event { tenant: stage.tenant, call: None, sequence: None, kind });
}

/// Tells what a caller is saying.
pub fn saying(stage: &Stage, call: &Call, text: &str) {
    let kind = Kind::CallerSaying { turn: 3, text: text.to_owned() };
    let (tenant, call) = (call.tenant, Some(call.id));
    stage.app.hub.publish(Event { tenant, call, sequence: None, kind });
}
