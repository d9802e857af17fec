//! Counts of calls, over a span or over the periods that it is cut into.
//!
//! The periods' bounds are made by the caller, in the tenant's time zone, and bound as rows: both
//! engines count the same, across changes of clocks too, and a period without calls is a row of zeros.
//!
//! Each statistic is one pass over one index that begins with the tenant and the time at which calls
//! started, and holds what is counted: what hangs on a call keeps when that started, so that no call is
//! looked up.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Db, Sql, StoreError, sql};
use crate::domain::{
    BusinessId, TenantId,
    calendar::Period,
    statistics::{
        Count, EscalationTally, MoodTally, Moods, Overview, Pairs, QaTally, Scope, Scores, Trend,
        Volume,
    },
};

/// So many of the most frequent issues are told.
const MOST_ISSUES: i64 = 10;
/// So many kinds of triggers are told, the most frequent ones.
const MOST_TRIGGERS: i64 = 100;

/// What is of the scope: `WHERE …`, of the table `c`, calls or what hangs on them.
fn of_scope(statement: Sql, tenant: TenantId, scope: &Scope) -> Sql {
    statement
        .push("WHERE c.tenant_id =")
        .arg(tenant)
        .push("AND c.started_at >=")
        .arg(scope.span.since)
        .push("AND c.started_at <")
        .arg(scope.span.until)
        .and("c.business_id =", scope.business)
        .and("c.direction =", scope.direction.map(|direction| direction.name()))
}

/// `WITH periods … SELECT`: what is selected follows, and [`of_periods`].
fn by_period(periods: &[Period]) -> Sql {
    let mut statement = sql("WITH periods (place, since, until) AS (VALUES");
    for (place, period) in periods.iter().enumerate() {
        statement = statement.push(if place == 0 { "(" } else { ", (" });
        statement = statement.arg(place as i64).push(",").arg(period.span.since);
        statement = statement.push(",").arg(period.span.until).push(")");
    }
    statement.push(") SELECT p.place,")
}

/// What each period has of the table `c`, which is named as after `FROM`. It may be narrowed yet.
fn of_periods(statement: Sql, table: &'static str, tenant: TenantId, scope: &Scope) -> Sql {
    statement
        .push("FROM periods p LEFT JOIN")
        .push(table)
        .push("ON c.tenant_id =")
        .arg(tenant)
        .push("AND c.started_at >= p.since AND c.started_at < p.until")
        .and("c.business_id =", scope.business)
        .and("c.direction =", scope.direction.map(|direction| direction.name()))
}

/// A row for each period, in their order.
const EACH: &str = "GROUP BY p.place ORDER BY p.place";

/// The rows, one for each period, in their order.
fn placed<R, T>(periods: &[Period], rows: Vec<R>, made: impl Fn(R) -> T) -> Trend<T> {
    debug_assert_eq!(periods.len(), rows.len(), "a row for each period");
    periods.iter().copied().zip(rows.into_iter().map(made)).collect()
}

#[derive(sqlx::FromRow)]
struct OverviewRow {
    total: i64,
    active: i64,
    completed: i64,
    failed: i64,
    escalated: i64,
    qa_score: Option<f64>,
    duration: Option<f64>,
    positive: i64,
    neutral: i64,
    negative: i64,
    excellent: i64,
    good: i64,
    fair: i64,
    poor: i64,
}

fn overview_sql(tenant: TenantId, scope: &Scope) -> Sql {
    let select = sql("SELECT count(*) AS total,
            count(*) FILTER (WHERE c.state IN
                ('queued', 'initiated', 'ringing', 'in_progress')) AS active,
            count(*) FILTER (WHERE c.state = 'completed') AS completed,
            count(*) FILTER (WHERE c.state IN
                ('busy', 'no_answer', 'failed', 'canceled')) AS failed,
            count(*) FILTER (WHERE c.escalated) AS escalated,
            CAST(avg(c.qa_score) AS DOUBLE PRECISION) AS qa_score,
            CAST(avg(c.duration_seconds) AS DOUBLE PRECISION) AS duration,
            count(*) FILTER (WHERE c.sentiment = 'positive') AS positive,
            count(*) FILTER (WHERE c.sentiment = 'neutral') AS neutral,
            count(*) FILTER (WHERE c.sentiment = 'negative') AS negative,
            count(*) FILTER (WHERE c.qa_score >= 0.8) AS excellent,
            count(*) FILTER (WHERE c.qa_score >= 0.6 AND c.qa_score < 0.8) AS good,
            count(*) FILTER (WHERE c.qa_score >= 0.4 AND c.qa_score < 0.6) AS fair,
            count(*) FILTER (WHERE c.qa_score < 0.4) AS poor
        FROM calls c");
    of_scope(select, tenant, scope)
}

/// The calls of the scope at a glance.
///
/// # Errors
/// [`StoreError`].
pub async fn overview(db: &Db, tenant: TenantId, scope: &Scope) -> Result<Overview, StoreError> {
    let row: OverviewRow = db.one(overview_sql(tenant, scope)).await?;
    Ok(Overview {
        total: row.total,
        active: row.active,
        completed: row.completed,
        failed: row.failed,
        escalated: row.escalated,
        qa_score: row.qa_score,
        duration: row.duration,
        moods: Moods { positive: row.positive, neutral: row.neutral, negative: row.negative },
        excellent: row.excellent,
        good: row.good,
        fair: row.fair,
        poor: row.poor,
    })
}

fn volume_sql(tenant: TenantId, scope: &Scope, periods: &[Period]) -> Sql {
    let select = by_period(periods).push(
        "count(c.id),
        count(*) FILTER (WHERE c.direction = 'inbound'),
        count(*) FILTER (WHERE c.direction = 'outbound'),
        count(*) FILTER (WHERE c.state = 'completed'),
        count(*) FILTER (WHERE c.escalated)",
    );
    let select = of_periods(select, "calls c", tenant, scope);
    select.push(EACH)
}

/// How many calls there were in each period.
///
/// # Errors
/// [`StoreError`].
pub async fn volume(
    db: &Db,
    tenant: TenantId,
    scope: &Scope,
    periods: &[Period],
) -> Result<Trend<Volume>, StoreError> {
    let rows: Vec<(i64, i64, i64, i64, i64, i64)> =
        db.all(volume_sql(tenant, scope, periods)).await?;
    Ok(placed(periods, rows, |(_, total, inbound, outbound, completed, escalated)| Volume {
        total,
        inbound,
        outbound,
        completed,
        escalated,
    }))
}

#[derive(sqlx::FromRow)]
struct QaRow {
    scored: i64,
    overall: f64,
    sentiment: f64,
    compliance: f64,
    accuracy: f64,
    professionalism: f64,
    from_0: i64,
    from_2: i64,
    from_4: i64,
    from_6: i64,
    from_8: i64,
}

fn quality_sql(tenant: TenantId, scope: &Scope, periods: &[Period]) -> Sql {
    let select = by_period(periods).push(
        "count(c.overall) AS scored,
        CAST(coalesce(sum(c.overall), 0) AS DOUBLE PRECISION) AS overall,
        CAST(coalesce(sum(c.sentiment), 0) AS DOUBLE PRECISION) AS sentiment,
        CAST(coalesce(sum(c.compliance), 0) AS DOUBLE PRECISION) AS compliance,
        CAST(coalesce(sum(c.accuracy), 0) AS DOUBLE PRECISION) AS accuracy,
        CAST(coalesce(sum(c.professionalism), 0) AS DOUBLE PRECISION) AS professionalism,
        count(*) FILTER (WHERE c.overall < 0.2) AS from_0,
        count(*) FILTER (WHERE c.overall >= 0.2 AND c.overall < 0.4) AS from_2,
        count(*) FILTER (WHERE c.overall >= 0.4 AND c.overall < 0.6) AS from_4,
        count(*) FILTER (WHERE c.overall >= 0.6 AND c.overall < 0.8) AS from_6,
        count(*) FILTER (WHERE c.overall >= 0.8) AS from_8",
    );
    let select = of_periods(select, "qa_scores c", tenant, scope).push("AND c.latest");
    select.push(EACH)
}

/// How well the calls of each period went, by the latest score of each.
///
/// # Errors
/// [`StoreError`].
pub async fn quality(
    db: &Db,
    tenant: TenantId,
    scope: &Scope,
    periods: &[Period],
) -> Result<Trend<QaTally>, StoreError> {
    let rows: Vec<QaRow> = db.all(quality_sql(tenant, scope, periods)).await?;
    Ok(placed(periods, rows, |row| QaTally {
        scored: row.scored,
        sums: Scores {
            overall: row.overall,
            sentiment: row.sentiment,
            compliance: row.compliance,
            accuracy: row.accuracy,
            professionalism: row.professionalism,
        },
        bands: [row.from_0, row.from_2, row.from_4, row.from_6, row.from_8],
    }))
}

#[derive(sqlx::FromRow)]
struct CountRow {
    what: String,
    count: i64,
}

fn counts(rows: Vec<CountRow>) -> Vec<Count> {
    rows.into_iter().map(|row| Count { what: row.what, count: row.count }).collect()
}

fn issues_sql(db: &Db, tenant: TenantId, scope: &Scope) -> Sql {
    let select = sql("SELECT c.what, count(*) AS count FROM qa_issues c");
    of_scope(select, tenant, scope)
        .push("GROUP BY c.what ORDER BY 2 DESC, c.what")
        .push(db.by_bytes())
        .push("LIMIT")
        .arg(MOST_ISSUES)
}

/// The issues that most calls' latest scores name, as compliance issues or as others; equally frequent
/// ones by their bytes.
///
/// # Errors
/// [`StoreError`].
pub async fn issues(db: &Db, tenant: TenantId, scope: &Scope) -> Result<Vec<Count>, StoreError> {
    db.all(issues_sql(db, tenant, scope)).await.map(counts)
}

#[derive(sqlx::FromRow)]
struct MoodRow {
    positive: i64,
    neutral: i64,
    negative: i64,
    scored: i64,
    sum: f64,
}

fn moods_sql(tenant: TenantId, scope: &Scope, periods: &[Period]) -> Sql {
    let select = by_period(periods).push(
        "count(*) FILTER (WHERE c.sentiment = 'positive') AS positive,
        count(*) FILTER (WHERE c.sentiment = 'neutral') AS neutral,
        count(*) FILTER (WHERE c.sentiment = 'negative') AS negative,
        count(c.sentiment_score) AS scored,
        CAST(coalesce(sum(c.sentiment_score), 0) AS DOUBLE PRECISION) AS sum",
    );
    let select = of_periods(select, "calls c", tenant, scope);
    select.push(EACH)
}

/// How the callers of each period felt.
///
/// # Errors
/// [`StoreError`].
pub async fn moods(
    db: &Db,
    tenant: TenantId,
    scope: &Scope,
    periods: &[Period],
) -> Result<Trend<MoodTally>, StoreError> {
    let rows: Vec<MoodRow> = db.all(moods_sql(tenant, scope, periods)).await?;
    Ok(placed(periods, rows, |row| MoodTally {
        moods: Moods { positive: row.positive, neutral: row.neutral, negative: row.negative },
        scored: row.scored,
        sum: row.sum,
    }))
}

#[derive(sqlx::FromRow)]
struct PairsRow {
    count: i64,
    x: f64,
    y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
    escalated: i64,
    all_count: i64,
    all_x: f64,
    all_xx: f64,
    escalated_x: f64,
}

fn pairs_sql(tenant: TenantId, scope: &Scope) -> Sql {
    let select = sql("SELECT count(c.qa_score) AS count,
            CAST(coalesce(sum(c.sentiment_score) FILTER (WHERE c.qa_score IS NOT NULL), 0)
                AS DOUBLE PRECISION) AS x,
            CAST(coalesce(sum(c.qa_score), 0) AS DOUBLE PRECISION) AS y,
            CAST(coalesce(sum(c.sentiment_score * c.sentiment_score)
                FILTER (WHERE c.qa_score IS NOT NULL), 0) AS DOUBLE PRECISION) AS xx,
            CAST(coalesce(sum(c.qa_score * c.qa_score), 0) AS DOUBLE PRECISION) AS yy,
            CAST(coalesce(sum(c.sentiment_score * c.qa_score), 0) AS DOUBLE PRECISION) AS xy,
            count(*) FILTER (WHERE c.escalated) AS escalated,
            count(*) AS all_count,
            CAST(coalesce(sum(c.sentiment_score), 0) AS DOUBLE PRECISION) AS all_x,
            CAST(coalesce(sum(c.sentiment_score * c.sentiment_score), 0)
                AS DOUBLE PRECISION) AS all_xx,
            CAST(coalesce(sum(c.sentiment_score) FILTER (WHERE c.escalated), 0)
                AS DOUBLE PRECISION) AS escalated_x
        FROM calls c");
    of_scope(select, tenant, scope).push("AND c.sentiment_score IS NOT NULL")
}

/// How callers felt, paired with the QA score, and with being escalated or not.
///
/// # Errors
/// [`StoreError`].
pub async fn mood_pairs(
    db: &Db,
    tenant: TenantId,
    scope: &Scope,
) -> Result<(Pairs, Pairs), StoreError> {
    let row: PairsRow = db.one(pairs_sql(tenant, scope)).await?;
    let with_qa =
        Pairs { count: row.count, x: row.x, y: row.y, xx: row.xx, yy: row.yy, xy: row.xy };
    // Being escalated is 1 or 0, and its own square.
    let escalated = row.escalated as f64;
    let with_escalation = Pairs {
        count: row.all_count,
        x: row.all_x,
        y: escalated,
        xx: row.all_xx,
        yy: escalated,
        xy: row.escalated_x,
    };
    Ok((with_qa, with_escalation))
}

#[derive(sqlx::FromRow)]
struct EscalationRow {
    pending: i64,
    in_progress: i64,
    completed: i64,
    cancelled: i64,
    resolved: i64,
    seconds: f64,
}

fn escalations_sql(db: &Db, tenant: TenantId, scope: &Scope, periods: &[Period]) -> Sql {
    let select = by_period(periods)
        .push(
            "count(*) FILTER (WHERE c.status = 'pending') AS pending,
            count(*) FILTER (WHERE c.status = 'in_progress') AS in_progress,
            count(*) FILTER (WHERE c.status = 'completed') AS completed,
            count(*) FILTER (WHERE c.status = 'cancelled') AS cancelled,
            count(c.completed_at) FILTER (WHERE c.status = 'completed') AS resolved,
            CAST(coalesce(sum(",
        )
        .seconds_between(db, "c.requested_at", "c.completed_at")
        .push(") FILTER (WHERE c.status = 'completed'), 0) AS DOUBLE PRECISION) AS seconds");
    let select = of_periods(select, "escalations c", tenant, scope);
    select.push(EACH)
}

/// How the calls of each period were handed to people.
///
/// # Errors
/// [`StoreError`].
pub async fn escalations(
    db: &Db,
    tenant: TenantId,
    scope: &Scope,
    periods: &[Period],
) -> Result<Trend<EscalationTally>, StoreError> {
    let calls = volume(db, tenant, scope, periods).await?;
    let rows: Vec<EscalationRow> = db.all(escalations_sql(db, tenant, scope, periods)).await?;
    let tallies = placed(periods, rows, |row| EscalationTally {
        pending: row.pending,
        in_progress: row.in_progress,
        completed: row.completed,
        cancelled: row.cancelled,
        resolved: row.resolved,
        seconds: row.seconds,
        ..EscalationTally::default()
    });
    let both = tallies.into_iter().zip(calls);
    Ok(both
        .map(|((period, tally), (_, volume))| {
            let (calls, escalated) = (volume.total, volume.escalated);
            (period, EscalationTally { calls, escalated, ..tally })
        })
        .collect())
}

fn triggers_sql(db: &Db, tenant: TenantId, scope: &Scope) -> Sql {
    let select = sql("SELECT c.trigger_type AS what, count(*) AS count FROM escalations c");
    of_scope(select, tenant, scope)
        .push("GROUP BY c.trigger_type ORDER BY 2 DESC, c.trigger_type")
        .push(db.by_bytes())
        .push("LIMIT")
        .arg(MOST_TRIGGERS)
}

/// What triggered the escalations of the scope's calls, the most frequent first; equally frequent ones by
/// their bytes.
///
/// # Errors
/// [`StoreError`].
pub async fn triggers(db: &Db, tenant: TenantId, scope: &Scope) -> Result<Vec<Count>, StoreError> {
    db.all(triggers_sql(db, tenant, scope)).await.map(counts)
}

/// A call as a report lists it.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Listed {
    pub id: Uuid,
    pub started_at: DateTime<Utc>,
    pub direction: String,
    pub state: String,
    pub from_number: String,
    pub to_number: String,
    pub business: Option<String>,
    pub agent: Option<String>,
    pub duration_seconds: Option<i64>,
    pub sentiment: Option<String>,
    pub qa_score: Option<f64>,
    pub is_escalated: bool,
    pub summary: Option<String>,
}

/// The newest `most` calls of the scope, newest first, and how many there are.
///
/// # Errors
/// [`StoreError`].
pub async fn listed(
    db: &Db,
    tenant: TenantId,
    scope: &Scope,
    most: i64,
) -> Result<(Vec<Listed>, i64), StoreError> {
    let (total,): (i64,) =
        db.one(of_scope(sql("SELECT count(*) FROM calls c"), tenant, scope)).await?;
    let select = sql("SELECT c.id, c.started_at, c.direction, c.state, c.from_number, c.to_number,
            b.name AS business, a.name AS agent, c.duration_seconds, c.sentiment, c.qa_score,
            c.escalated AS is_escalated, c.summary
        FROM calls c LEFT JOIN agents a ON a.id = c.agent_id
        LEFT JOIN business_configs b ON b.id = c.business_id AND b.tenant_id = c.tenant_id");
    let select = of_scope(select, tenant, scope)
        .push("ORDER BY c.started_at DESC, c.id DESC LIMIT")
        .arg(most);
    Ok((db.all(select).await?, total))
}

/// The name of a business configuration of the tenant's.
///
/// # Errors
/// [`StoreError`].
pub async fn business_name(
    db: &Db,
    tenant: TenantId,
    business: BusinessId,
) -> Result<Option<String>, StoreError> {
    let select = sql("SELECT name FROM business_configs WHERE id = $1 AND tenant_id = $2");
    let row: Option<(String,)> = db.opt(select.bind(business).bind(tenant)).await?;
    Ok(row.map(|(name,)| name))
}

/// How each statistic is carried out, in the words of the engine, and the index that it should be read
/// from alone.
///
/// # Errors
/// [`StoreError`].
pub async fn plans(
    db: &Db,
    tenant: TenantId,
    scope: &Scope,
    periods: &[Period],
) -> Result<Vec<(&'static str, Vec<String>)>, StoreError> {
    let mut plans = Vec::new();
    for (index, statement) in [
        ("calls_by_start", overview_sql(tenant, scope)),
        ("calls_by_start", volume_sql(tenant, scope, periods)),
        ("qa_scores_by_start", quality_sql(tenant, scope, periods)),
        ("qa_issues_by_name", issues_sql(db, tenant, scope)),
        ("calls_by_start", moods_sql(tenant, scope, periods)),
        ("calls_by_start", pairs_sql(tenant, scope)),
        ("escalations_by_start", escalations_sql(db, tenant, scope, periods)),
        ("escalations_by_start", triggers_sql(db, tenant, scope)),
    ] {
        plans.push((index, db.explain(statement).await?));
    }
    Ok(plans)
}
