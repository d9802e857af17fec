//! Promise: a dashboard over 100,000 calls answers while one looks at it, each statistic within 200 ms. What
//! each takes on both engines, over all calls (90 days), the last month and the last week of them, beside
//! some calls of another organisation. `cargo bench --bench analytics`; run as a test there are few calls.

#[path = "../tests/api/analytics/past.rs"]
#[allow(dead_code)]
mod past;
#[path = "../tests/api/postgres.rs"]
mod postgres;
#[path = "../tests/api/scene.rs"]
mod scene;

use std::{
    future::Future,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use tandem::{
    domain::{
        BusinessId, TenantId,
        calendar::{Interval, Period, Span},
        statistics::Scope,
    },
    store::{Db, statistics, users},
};

const CALLS: u64 = 100_000;
const DAYS: i64 = 90;
const ROUNDS: usize = 20;
/// What a statistic may take, at the median; a list of 50,000 calls is a report, and not promised.
const PROMISE: Duration = Duration::from_millis(200);
const ZONE: Tz = chrono_tz::America::New_York;

#[tokio::main]
async fn main() {
    let measured = std::env::args().any(|arg| arg == "--bench");
    let (calls, rounds) = if measured { (CALLS, ROUNDS) } else { (1_000, 2) };
    let folder = tempfile::tempdir().expect("a folder");
    let lite = Db::open_file(&folder.path().join("tandem.db")).await.expect("SQLite opens");
    measure(lite, calls, rounds).await;
    match postgres::database().await {
        Some(url) => measure(Db::open(&url).await.expect("PostgreSQL opens"), calls, rounds).await,
        None => println!("PostgreSQL is not installed: not measured"),
    }
}

/// The calls, in a database of their own, beside some of another organisation.
async fn filled(db: &Db, calls: u64) -> (TenantId, DateTime<Utc>) {
    db.migrate().await.expect("the schema");
    let since: DateTime<Utc> = "2026-09-01T04:00:00Z".parse().expect("an instant");
    let businesses = [BusinessId::new(), BusinessId::new(), BusinessId::new()];
    let mut mine = TenantId::new();
    for other in [true, false] {
        let tenant = TenantId::new();
        let row = users::Tenant {
            id: tenant.uuid(),
            name: "Measured".to_owned(),
            slug: tenant.to_string(),
            timezone: ZONE.name().to_owned(),
        };
        let mut tx = db.begin().await.expect("a transaction");
        users::add_tenant(&mut tx, &row, since).await.expect("a tenant");
        tx.commit().await.expect("it is there");
        let mut draw = past::Draw(u64::from(other) + 1);
        let length = TimeDelta::days(DAYS).num_microseconds().expect("short") as u64;
        let count = if other { calls / 10 } else { calls };
        for _ in 0..count.div_ceil(5_000) {
            let some: Vec<_> = (0..count.min(5_000))
                .map(|_| {
                    let at = since + TimeDelta::microseconds(draw.below(length) as i64);
                    past::drawn(&mut draw, at, &businesses)
                })
                .collect();
            past::write(db, tenant, &some).await;
        }
        mine = tenant;
    }
    scene::settle(db).await;
    (mine, since)
}

async fn measure(db: Db, calls: u64, rounds: usize) {
    let began = Instant::now();
    let (tenant, since) = filled(&db, calls).await;
    println!("{}: {calls} calls written in {:.1?}", db.engine(), began.elapsed());
    let until = since + TimeDelta::days(DAYS);
    for (name, span) in [
        ("90 days", Span { since, until }),
        ("30 days", Span { since: until - TimeDelta::days(30), until }),
        ("7 days", Span { since: until - TimeDelta::days(7), until }),
    ] {
        let scope = Scope { span, business: None, direction: None };
        let days = Interval::Day.cut(span, ZONE).expect("few enough");
        let hours = Interval::Hour.cut(span, ZONE).expect("few enough");
        let (db, scope) = (&db, &scope);
        let told = |what: &str, took: Vec<Duration>| tell(name, what, took);
        told("overview", timed(rounds, || statistics::overview(db, tenant, scope)).await);
        let volume = |periods: &[Period]| {
            let periods = periods.to_vec();
            async move { statistics::volume(db, tenant, scope, &periods).await }
        };
        told("volume by day", timed(rounds, || volume(&days)).await);
        told("volume by hour", timed(rounds, || volume(&hours)).await);
        told("QA", timed(rounds, || statistics::quality(db, tenant, scope, &days)).await);
        told("issues", timed(rounds, || statistics::issues(db, tenant, scope)).await);
        told("sentiment", timed(rounds, || statistics::moods(db, tenant, scope, &days)).await);
        told("correlation", timed(rounds, || statistics::mood_pairs(db, tenant, scope)).await);
        let escalations = || statistics::escalations(db, tenant, scope, &days);
        told("escalations", timed(rounds, escalations).await);
        told("triggers", timed(rounds, || statistics::triggers(db, tenant, scope)).await);
        let listed = || statistics::listed(db, tenant, scope, 50_000);
        told("50,000 rows", timed(rounds.min(5), listed).await);
    }
    db.close().await;
}

async fn timed<T, E: std::fmt::Debug, F: Future<Output = Result<T, E>>>(
    rounds: usize,
    ask: impl Fn() -> F,
) -> Vec<Duration> {
    let mut took = Vec::with_capacity(rounds);
    // The first one finds cold pages and an unprepared statement.
    for round in 0..=rounds {
        let began = Instant::now();
        ask().await.expect("it is counted");
        if round > 0 {
            took.push(began.elapsed());
        }
    }
    took
}

fn tell(span: &str, what: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() * percent / 100).min(took.len() - 1)];
    let late = if at(50) > PROMISE && !what.ends_with("rows") { "  late" } else { "" };
    println!("  {span:8} {what:16} p50 {:>9.1?}  p99 {:>9.1?}{late}", at(50), at(99));
}
