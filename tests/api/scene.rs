//! Calls and what hangs on them, put into a database directly: what happened before a story begins.

#![allow(dead_code)]

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use tandem::{
    domain::{
        AgentId, BusinessId, CallId, Direction, Escalation, EscalationStatus, Mood, Progress,
        QaScore, Sentiment, Speaker, State, TenantId, UserId,
    },
    store::{Db, records, sql},
};
use uuid::Uuid;

/// Rows in one statement: SQLite takes 32,766 values in one.
const ROWS: usize = 500;

/// Calls that run are seen until then: none of them is taken for lost.
pub const FAR_AWAY: DateTime<Utc> = DateTime::from_timestamp(32_503_680_000, 0).unwrap();

/// A call as it is to be.
#[derive(Clone, Debug)]
pub struct Past {
    pub id: CallId,
    pub tenant: TenantId,
    pub call_sid: Option<String>,
    pub direction: Direction,
    pub state: State,
    pub from_number: String,
    pub to_number: String,
    pub business: Option<BusinessId>,
    pub agent: Option<AgentId>,
    pub job: Option<Uuid>,
    pub started_at: DateTime<Utc>,
    /// Of a call that is over.
    pub duration: i64,
    pub mood: Option<Mood>,
    pub qa_score: Option<f64>,
    pub escalation: Option<EscalationStatus>,
    pub summary: Option<String>,
    pub metadata: Value,
}

/// The moment at which stories begin, unless they say otherwise.
pub fn noon() -> DateTime<Utc> {
    "2026-06-01T12:00:00Z".parse().expect("a time")
}

impl Past {
    /// A completed inbound call of a minute.
    pub fn call(tenant: TenantId) -> Past {
        Past {
            id: CallId::new(),
            tenant,
            call_sid: None,
            direction: Direction::Inbound,
            state: State::Completed,
            from_number: "+14155550123".to_owned(),
            to_number: "+18005550100".to_owned(),
            business: None,
            agent: None,
            job: None,
            started_at: noon(),
            duration: 60,
            mood: None,
            qa_score: None,
            escalation: None,
            summary: None,
            metadata: json!({}),
        }
    }

    /// When it ended and how long it was, if it is over.
    pub fn end(&self) -> (Option<DateTime<Utc>>, Option<i64>) {
        match self.state.is_over() {
            true => {
                (Some(self.started_at + TimeDelta::seconds(self.duration)), Some(self.duration))
            }
            false => (None, None),
        }
    }

    /// Puts it there.
    pub async fn put(self, db: &Db) -> CallId {
        put(db, std::slice::from_ref(&self)).await;
        self.id
    }
}

/// Puts calls into the database, many in a statement.
pub async fn put(db: &Db, calls: &[Past]) {
    let mut tx = db.begin().await.expect("begins");
    for some in calls.chunks(ROWS) {
        let mut insert = sql("INSERT INTO calls
            (id, tenant_id, call_sid, direction, state, from_number, to_number, business_id,
             agent_id, job_id, started_at, ended_at, duration_seconds, spoken_by_ai,
             spoken_by_human, topics, sentiment, qa_score, escalation_status, escalated, tags, is_spam,
             is_after_hours, summary, metadata, journal_position, event_sequence, seen_at, created_at,
             updated_at) VALUES");
        for (place, call) in some.iter().enumerate() {
            let (ended_at, duration) = call.end();
            insert = insert.push(if place == 0 { "(" } else { ", (" }).arg(call.id);
            insert = insert.push(",").arg(call.tenant).push(",").arg(call.call_sid.clone());
            insert = insert.push(",").arg(call.direction.name()).push(",").arg(call.state.name());
            insert = insert.push(",").arg(call.from_number.as_str());
            insert = insert.push(",").arg(call.to_number.as_str()).push(",").arg(call.business);
            insert = insert.push(",").arg(call.agent).push(",").arg(call.job);
            insert = insert.push(",").arg(call.started_at).push(",").arg(ended_at);
            insert = insert.push(",").arg(duration).push(", TRUE, FALSE, '[]',");
            insert = insert.arg(call.mood.map(Mood::name)).push(",").arg(call.qa_score);
            let shown = call.escalation.filter(|status| *status != EscalationStatus::Cancelled);
            insert = insert.push(",").arg(shown.map(EscalationStatus::name));
            insert = insert.push(",").arg(shown.is_some());
            insert = insert.push(", '[]', FALSE, FALSE,").arg(call.summary.clone());
            insert = insert.push(",").arg(call.metadata.clone());
            insert = insert.push(", 0, 0,").arg(FAR_AWAY);
            insert = insert.push(",").arg(call.started_at).push(",").arg(call.started_at).push(")");
        }
        tx.exec(insert).await.expect("the calls are put there");
    }
    tx.commit().await.expect("commits");
}

/// Has the engine learn what the tables are like, as it does by itself in the long run.
pub async fn settle(db: &Db) {
    db.learn().await.expect("it learns");
    let Db::Postgres(pool) = db else { return };
    let mut connection = pool.acquire().await.expect("a connection");
    // What is committed must be in the log before it counts as visible to all.
    for statement in [
        "SET synchronous_commit = on",
        "UPDATE tenants SET updated_at = updated_at",
        "VACUUM ANALYZE",
        "CHECKPOINT",
        "RESET synchronous_commit",
    ] {
        sqlx::query(statement).execute(&mut *connection).await.expect(statement);
    }
}

/// `many` calls of a tenant's, five minutes apart, of all kinds, the same for the same seed. The later
/// the newer; some are of one of the `businesses`.
pub fn history(tenant: TenantId, many: usize, businesses: &[BusinessId], seed: u64) -> Vec<Past> {
    let mut draw = Draw(seed);
    let begin: DateTime<Utc> = "2025-01-01T00:00:00Z".parse().expect("a time");
    (0..many)
        .map(|place| {
            let place = i64::try_from(place).expect("not so many");
            let started_at = begin + TimeDelta::seconds(300 * place + draw.below(300));
            let state = match draw.below(100) {
                0 => State::InProgress,
                1 => State::Ringing,
                2 => State::Queued,
                3..8 => State::Busy,
                8..14 => State::NoAnswer,
                14..18 => State::Failed,
                18..20 => State::Canceled,
                _ => State::Completed,
            };
            let escalation = match draw.below(20) {
                0 => Some(EscalationStatus::Completed),
                1 => Some(EscalationStatus::Pending),
                _ => None,
            };
            let secs = u64::try_from(started_at.timestamp()).expect("after 1970");
            let stamp = uuid::Timestamp::from_unix_time(secs, 0, 0, 0);
            let own = format!("+1800555{:04}", draw.below(20));
            let other = format!("+1{:010}", 2_000_000_000 + draw.below(8_000_000_000));
            let inbound = draw.below(2) == 0;
            let (from_number, to_number) = if inbound { (other, own) } else { (own, other) };
            let choices = i64::try_from(businesses.len()).expect("few") + 1;
            let business = usize::try_from(draw.below(choices)).expect("few");
            Past {
                id: Uuid::new_v7(stamp).into(),
                call_sid: Some(format!("CA{}", Uuid::new_v4().simple())),
                direction: if inbound { Direction::Inbound } else { Direction::Outbound },
                state,
                from_number,
                to_number,
                business: businesses.get(business).copied(),
                started_at,
                // Many are as long as others, which the order must bear.
                duration: draw.below(600),
                mood: [Some(Mood::Positive), Some(Mood::Neutral), Some(Mood::Negative), None]
                    [usize::try_from(draw.below(4)).expect("few")],
                qa_score: (draw.below(10) < 7).then(|| draw.below(1_001) as f64 / 1_000.0),
                escalation,
                // As wide as calls are.
                summary: Some("The caller asked about an invoice and was answered. ".repeat(6)),
                metadata: json!({
                    "campaign": "spring", "source": "website", "device": "phone",
                    "reference": Uuid::new_v4().to_string(),
                }),
                ..Past::call(tenant)
            }
        })
        .collect()
}

/// A line of a transcript; its number.
pub async fn line(
    db: &Db,
    call: (TenantId, CallId),
    speaker: Speaker,
    text: &str,
    at_s: i64,
) -> i64 {
    let mut tx = db.begin().await.expect("begins");
    let sentiment = (speaker == Speaker::Customer).then(|| Sentiment::of(-0.5));
    let insert = sql("INSERT INTO utterances
            (tenant_id, call_id, position, speaker, text, at, from_ms, to_ms, sentiment_score,
             sentiment, metadata)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10) RETURNING id")
    .bind(call.0)
    .bind(call.1)
    .bind(at_s)
    .bind(speaker.name())
    .bind(text)
    .bind(noon() + TimeDelta::seconds(at_s))
    .bind(at_s * 1_000)
    .bind(sentiment.map(|sentiment| sentiment.score))
    .bind(sentiment.map(|sentiment| sentiment.mood.name()))
    .bind(json!({}));
    let (id,): (i64,) = tx.one(insert).await.expect("the line is put there");
    tx.commit().await.expect("commits");
    id
}

/// A score as it is to be.
pub fn a_score(call: CallId, overall: f64, at: DateTime<Utc>) -> QaScore {
    QaScore {
        id: 0,
        call,
        overall,
        sentiment: 0.5,
        compliance: 1.0,
        accuracy: 0.75,
        professionalism: 0.9,
        mood: Mood::Neutral,
        compliance_issues: vec!["no_disclosure".to_owned()],
        flagged_issues: Vec::new(),
        reviewed_by: "ai".to_owned(),
        review_notes: None,
        created_at: at,
        updated_at: at,
    }
}

/// A score of a call.
pub async fn score(db: &Db, call: (TenantId, CallId), overall: f64, at: DateTime<Utc>) -> QaScore {
    let score = a_score(call.1, overall, at);
    let mut tx = db.begin().await.expect("begins");
    let evidence = json!([{"issue": "no_disclosure", "quote": "Hello?"}]);
    let score = records::insert_qa(&mut tx, call.0, score, evidence).await.expect("written");
    tx.commit().await.expect("commits");
    score
}

/// An escalation of a call, by hand.
pub async fn escalation(
    db: &Db,
    call: (TenantId, CallId),
    status: EscalationStatus,
    agent: Option<(AgentId, String)>,
    at: DateTime<Utc>,
) -> Escalation {
    let escalation = Escalation {
        id: 0,
        call: call.1,
        status,
        progress: Progress::Requested,
        trigger_type: "manual".to_owned(),
        trigger_details: Map::new(),
        agent,
        summary: None,
        context_data: Map::from_iter([("reason".to_owned(), Value::from("asked for a person"))]),
        requested_at: at,
        accepted_at: None,
        completed_at: None,
    };
    let mut tx = db.begin().await.expect("begins");
    let written = records::insert_escalation(&mut tx, call.0, escalation).await.expect("written");
    tx.commit().await.expect("commits");
    written
}

/// A job that is this user's.
pub async fn job(db: &Db, tenant: TenantId, user: UserId) -> Uuid {
    let id = Uuid::now_v7();
    let mut tx = db.begin().await.expect("begins");
    let insert =
        sql("INSERT INTO jobs (id, tenant_id, title, status, priority, created_at, updated_at)
         VALUES ($1, $2, 'Boiler', 'open', 'normal', $3, $3)");
    tx.exec(insert.bind(id).bind(tenant).bind(noon())).await.expect("the job is put there");
    let insert = sql("INSERT INTO job_assignments (job_id, user_id) VALUES ($1, $2)");
    tx.exec(insert.bind(id).bind(user)).await.expect("it is assigned");
    tx.commit().await.expect("commits");
    id
}

/// Numbers that look drawn, the same for the same seed: xorshift64*.
pub struct Draw(pub u64);

impl Draw {
    /// From 0 to before `end`.
    pub fn below(&mut self, end: i64) -> i64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16;
        i64::try_from(drawn % u64::try_from(end).expect("above 0")).expect("small")
    }
}
