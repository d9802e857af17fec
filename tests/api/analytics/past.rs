//! Calls of the past, drawn from a seed and written to the database in bulk.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use tandem::{
    domain::{BusinessId, CallId, TenantId},
    store::{Db, Sql, Tx, sql},
};

/// A call, and what hangs on it.
#[derive(Clone, Debug)]
pub struct Past {
    pub id: CallId,
    pub started_at: DateTime<Utc>,
    pub direction: &'static str,
    pub state: &'static str,
    pub business: Option<BusinessId>,
    pub seconds: Option<i64>,
    pub feeling: Option<f64>,
    pub scores: Vec<Score>,
    pub escalations: Vec<Escalation>,
    pub summary: Option<String>,
}

/// A QA score; the latest of a call has the latest time.
#[derive(Clone, Debug)]
pub struct Score {
    pub at: DateTime<Utc>,
    /// Overall, sentiment, compliance, accuracy, professionalism.
    pub parts: [f64; 5],
    pub compliance_issues: Vec<String>,
    pub flagged_issues: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Escalation {
    pub status: &'static str,
    pub trigger: String,
    pub requested_at: DateTime<Utc>,
    pub completed_at: Option<DateTime<Utc>>,
}

impl Past {
    /// A completed inbound call.
    pub fn at(started_at: DateTime<Utc>) -> Self {
        Past {
            id: CallId::new(),
            started_at,
            direction: "inbound",
            state: "completed",
            business: None,
            seconds: Some(60),
            feeling: None,
            scores: Vec::new(),
            escalations: Vec::new(),
            summary: None,
        }
    }

    pub fn latest(&self) -> Option<&Score> {
        self.scores.iter().max_by_key(|score| score.at)
    }

    /// What the latest score names, once each.
    pub fn issues(&self) -> impl Iterator<Item = &str> {
        let named = self
            .latest()
            .map(|score| score.compliance_issues.iter().chain(&score.flagged_issues))
            .into_iter()
            .flatten();
        named.map(String::as_str).collect::<BTreeSet<_>>().into_iter()
    }

    pub fn mood(&self) -> Option<&'static str> {
        self.feeling.map(|score| match score {
            score if score >= 0.25 => "positive",
            score if score <= -0.25 => "negative",
            _ => "neutral",
        })
    }

    pub fn is_escalated(&self) -> bool {
        self.escalations.iter().any(|one| one.status != "cancelled")
    }
}

/// Numbers that look random and are the same for the same seed (SplitMix64).
pub struct Draw(pub u64);

impl Draw {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    pub fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    /// From 0 to 1, in thousandths: bounds of bands are met, too.
    pub fn share(&mut self) -> f64 {
        self.below(1_001) as f64 / 1_000.0
    }

    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}

const STATES: [&str; 14] = [
    "queued",
    "initiated",
    "ringing",
    "in_progress",
    "completed",
    "completed",
    "completed",
    "completed",
    "completed",
    "completed",
    "busy",
    "no_answer",
    "failed",
    "canceled",
];
const ISSUES: [&str; 6] = [
    "No greeting",
    "no greeting",
    "Talked over the caller",
    "'; DROP TABLE calls; --",
    "Кратко",
    "é",
];
const TRIGGERS: [&str; 4] = ["keyword", "sentiment", "asked_for_person", "<b>silence</b>"];

/// A call that started then, with whatever may hang on one.
pub fn drawn(draw: &mut Draw, started_at: DateTime<Utc>, businesses: &[BusinessId]) -> Past {
    let state = draw.of(&STATES);
    let over = !["queued", "initiated", "ringing", "in_progress"].contains(&state);
    let mut call = Past::at(started_at);
    call.state = state;
    call.direction = draw.of(&["inbound", "inbound", "outbound"]);
    call.business = (!draw.one_in(4)).then(|| draw.of(businesses));
    call.seconds = over.then(|| draw.below(1_800) as i64);
    call.feeling = (!draw.one_in(5)).then(|| draw.share() * 2.0 - 1.0);
    if over && !draw.one_in(3) {
        for again in 0..=draw.below(3) {
            let words = |draw: &mut Draw| {
                (0..draw.below(3)).map(|_| draw.of(&ISSUES).to_owned()).collect::<Vec<_>>()
            };
            call.scores.push(Score {
                at: started_at + TimeDelta::minutes(again as i64 + 1),
                parts: std::array::from_fn(|_| draw.share()),
                compliance_issues: words(draw),
                flagged_issues: words(draw),
            });
        }
    }
    if draw.one_in(5) {
        for again in 0..=draw.below(2) {
            let requested_at = started_at + TimeDelta::milliseconds(1_000 + again as i64 * 777);
            let status = draw.of(&["pending", "in_progress", "completed", "cancelled"]);
            let ended = ["completed", "cancelled"].contains(&status) && !draw.one_in(4);
            let long = TimeDelta::microseconds(draw.below(900_000_000) as i64);
            call.escalations.push(Escalation {
                status,
                trigger: draw.of(&TRIGGERS).to_owned(),
                requested_at,
                completed_at: ended.then(|| requested_at + long),
            });
        }
    }
    call
}

trait OfCall {
    /// What keeps of its call: when it started, its direction and business.
    fn of_call(self, call: &Past) -> Sql;
}

impl OfCall for Sql {
    fn of_call(self, call: &Past) -> Sql {
        let row = self.arg(call.started_at).push(",").arg(call.direction);
        row.push(",").arg(call.business)
    }
}

/// Calls that run are seen until then: none of them is taken for lost.
const FAR_AWAY: DateTime<Utc> = DateTime::from_timestamp(32_503_680_000, 0).unwrap();

/// Rows of one statement.
const ROWS: usize = 200;

/// Writes them all down.
pub async fn write(db: &Db, tenant: TenantId, calls: &[Past]) {
    let mut tx = db.begin().await.expect("a transaction");
    for some in calls.chunks(ROWS) {
        let insert = sql("INSERT INTO calls (id, tenant_id, direction, state, from_number, to_number,
            business_id, started_at, ended_at, duration_seconds, sentiment_score, sentiment, qa_score,
            escalation_status, summary, spoken_by_ai, spoken_by_human, topics, tags, is_spam,
            is_after_hours, metadata, journal_position, event_sequence, doubted, seen_at,
            created_at, updated_at, escalated) VALUES");
        insert_rows(&mut tx, insert, some, |row, call| {
            let ended = call.seconds.map(|seconds| call.started_at + TimeDelta::seconds(seconds));
            let open = call.escalations.last().filter(|one| one.status != "cancelled");
            row.arg(call.id)
                .push(",")
                .arg(tenant)
                .push(",")
                .arg(call.direction)
                .push(",")
                .arg(call.state)
                .push(", '+14155550100', '+14155550199',")
                .arg(call.business)
                .push(",")
                .arg(call.started_at)
                .push(",")
                .arg(ended)
                .push(",")
                .arg(call.seconds)
                .push(",")
                .arg(call.feeling)
                .push(",")
                .arg(call.mood())
                .push(",")
                .arg(call.latest().map(|score| score.parts[0]))
                .push(",")
                .arg(open.map(|one| one.status))
                .push(",")
                .arg(call.summary.clone())
                .push(", TRUE, FALSE, '[]', '[]', FALSE, FALSE, '{}', 0, 0, FALSE,")
                .arg(FAR_AWAY)
                .push(",")
                .arg(call.started_at)
                .push(",")
                .arg(call.started_at)
                .push(",")
                .arg(call.is_escalated())
        })
        .await;
    }
    let scores: Vec<_> =
        calls.iter().flat_map(|call| call.scores.iter().map(move |score| (call, score))).collect();
    for some in scores.chunks(ROWS) {
        let insert =
            sql("INSERT INTO qa_scores (tenant_id, call_id, overall, sentiment, compliance,
            accuracy, professionalism, sentiment_label, compliance_issues, flagged_issues, evidence,
            reviewed_by, created_at, updated_at, latest, started_at, direction, business_id)
            VALUES");
        insert_rows(&mut tx, insert, some, |row, (call, score)| {
            let row = row.arg(tenant).push(",").arg(call.id);
            let row = score.parts.iter().fold(row, |row, part| row.push(",").arg(*part));
            row.push(", 'neutral',")
                .arg(json!(score.compliance_issues))
                .push(",")
                .arg(json!(score.flagged_issues))
                .push(", '[]', 'ai',")
                .arg(score.at)
                .push(",")
                .arg(score.at)
                .push(",")
                .arg(call.latest().is_some_and(|latest| std::ptr::eq(latest, *score)))
                .push(",")
                .of_call(call)
        })
        .await;
    }
    let issues: Vec<_> =
        calls.iter().flat_map(|call| call.issues().map(move |what| (call, what))).collect();
    for some in issues.chunks(ROWS) {
        let insert = sql("INSERT INTO qa_issues
            (tenant_id, call_id, what, started_at, direction, business_id) VALUES");
        insert_rows(&mut tx, insert, some, |row, (call, what)| {
            let row = row.arg(tenant).push(",").arg(call.id).push(",").arg(*what);
            row.push(",").of_call(call)
        })
        .await;
    }
    let escalations: Vec<_> =
        calls.iter().flat_map(|call| call.escalations.iter().map(move |one| (call, one))).collect();
    for some in escalations.chunks(ROWS) {
        let insert =
            sql("INSERT INTO escalations (tenant_id, call_id, status, progress, trigger_type,
            trigger_details, context_data, requested_at, completed_at, started_at, direction,
            business_id) VALUES");
        insert_rows(&mut tx, insert, some, |row, (call, one)| {
            row.arg(tenant)
                .push(",")
                .arg(call.id)
                .push(",")
                .arg(one.status)
                .push(", 'requested',")
                .arg(one.trigger.clone())
                .push(", '{}', '{}',")
                .arg(one.requested_at)
                .push(",")
                .arg(one.completed_at)
                .push(",")
                .of_call(call)
        })
        .await;
    }
    tx.commit().await.expect("it is written");
}

async fn insert_rows<T>(tx: &mut Tx, insert: Sql, rows: &[T], row: impl Fn(Sql, &T) -> Sql) {
    let insert = rows.iter().enumerate().fold(insert, |insert, (place, one)| {
        row(insert.push(if place == 0 { "(" } else { ", (" }), one).push(")")
    });
    tx.exec(insert).await.expect("rows");
}
