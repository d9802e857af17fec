//! Statistics as a file that is handed round: CSV to count with, PDF to read.
//!
//! What is counted is what [`statistics`](super::statistics) counts; here it is gathered, worded and laid
//! out by the crate `documents`. Laying out takes a core for a while, so only a few reports are made at
//! once and a few more wait.

mod calls;
mod sections;
mod words;

use std::sync::Arc;

use chrono_tz::Tz;
use documents::report::{Block, Column, Language, Report, ReportError, Section, Table, csv, pdf};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{App, Error, error::Attempt, statistics::Asked, statistics::Counted};
use crate::{
    domain::{
        Actor, Right,
        calendar::{Interval, Period, Span},
        statistics::{Escalations, Feeling, Overview, Quality, Scope, Trend, Volume},
    },
    store::{statistics, statistics::Listed, users},
};

/// So many are made at once.
const MOST_AT_ONCE: usize = 2;
/// So many more may wait for their turn.
const MOST_WAITING: usize = 16;
/// When to come again if these are too many, seconds.
const COME_AGAIN: u64 = 10;
/// A file may be so large, bytes.
const LARGEST: usize = 64 << 20;
/// So many calls are listed in a CSV, the newest ones.
const MOST_ROWS: i64 = 50_000;
/// So many calls are listed on paper, the newest ones: some 50 pages.
const MOST_LINES: i64 = 2_000;

/// What a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    Overview,
    /// A row for each call.
    Calls,
    Qa,
    Sentiment,
    Escalations,
    /// All of them.
    Full,
}

impl Topic {
    pub const ALL: [Topic; 6] = [
        Topic::Overview,
        Topic::Calls,
        Topic::Qa,
        Topic::Sentiment,
        Topic::Escalations,
        Topic::Full,
    ];

    /// `overview`, `calls`, `qa`, `sentiment`, `escalations`, `full`.
    pub fn name(self) -> &'static str {
        match self {
            Topic::Overview => "overview",
            Topic::Calls => "calls",
            Topic::Qa => "qa",
            Topic::Sentiment => "sentiment",
            Topic::Escalations => "escalations",
            Topic::Full => "full",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Topic::Overview => "Call overview",
            Topic::Calls => "Calls",
            Topic::Qa => "Call quality",
            Topic::Sentiment => "Caller sentiment",
            Topic::Escalations => "Escalations",
            Topic::Full => "Call report",
        }
    }

    fn has(self, part: Topic) -> bool {
        self == part || self == Topic::Full
    }
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    Pdf,
}

impl Format {
    pub const ALL: [Format; 2] = [Format::Csv, Format::Pdf];

    /// `csv`, `pdf`: also the ending of a file's name.
    pub fn name(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Pdf => "pdf",
        }
    }
}

/// What someone wants to have in a file.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub topic: Topic,
    pub format: Format,
    /// Charts beside the tables; on paper alone.
    pub charts: bool,
    pub asked: Asked,
}

/// A file that was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// Such as `analytics-overview.csv`.
    pub name: String,
    pub format: Format,
    pub bytes: Vec<u8>,
}

/// Who may make a report now.
#[derive(Debug)]
pub(super) struct Desk {
    places: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Default for Desk {
    fn default() -> Self {
        Desk {
            places: Arc::new(Semaphore::new(MOST_AT_ONCE)),
            queue: Arc::new(Semaphore::new(MOST_AT_ONCE + MOST_WAITING)),
        }
    }
}

impl Desk {
    /// A place, once one is free, until it is dropped.
    async fn place(&self) -> Result<(OwnedSemaphorePermit, OwnedSemaphorePermit), Error> {
        let queued = self.queue.clone().try_acquire_owned();
        let queued = queued.map_err(|_| Error::TooOften { retry_after: COME_AGAIN })?;
        let place = self.places.clone().acquire_owned().await;
        let closed = |_| Error::Internal {
            attempt: "make the report",
            why: "the desk is closed".to_owned(),
        };
        Ok((place.map_err(closed)?, queued))
    }
}

/// Everything that a report says, before it is worded.
struct Gathered {
    business: String,
    counted: Counted,
    interval: Interval,
    generated_at: chrono::DateTime<Tz>,
    overview: Option<(Overview, Overview, Trend<Volume>)>,
    quality: Option<Quality>,
    feeling: Option<Feeling>,
    escalations: Option<Escalations>,
    calls: Option<(Vec<Listed>, i64)>,
}

impl App {
    /// A report as a file. That it was made is written down.
    ///
    /// # Errors
    /// [`Error::Invalid`]: the span ends before it begins, or is too long for a report;
    /// [`Error::TooOften`]: too many are being made.
    pub async fn export_statistics(&self, actor: &Actor, wanted: Wanted) -> Result<Made, Error> {
        actor.may(Right::Write)?;
        let counted = self.counted(actor.tenant, wanted.asked).await?;
        let periods = counted.trend()?;
        let place = self.reports.place().await?;
        let gathered = self.gather(actor, wanted, counted, &periods).await?;
        let span = counted.scope.span;
        let listed = gathered.calls.as_ref().map(|(calls, _)| calls.len());
        let bytes = tokio::task::spawn_blocking(move || {
            // Held until it is made, though nobody may wait for it any more.
            let _place = place;
            write(wanted, &gathered)
        });
        let bytes = bytes.await.map_err(|error| Error::Internal {
            attempt: "make the report",
            why: error.to_string(),
        })?;
        let bytes = bytes.map_err(|error| match error {
            ReportError::TooLong => too_large(),
            other => Error::Internal { attempt: "make the report", why: other.to_string() },
        })?;
        if bytes.len() > LARGEST {
            return Err(too_large());
        }
        let name = format!("analytics-{}.{}", wanted.topic.name(), wanted.format.name());
        let mut tx = self.db.begin().await.attempt("write the audit")?;
        let after = json!({
            "format": wanted.format.name(), "since": span.since, "until": span.until,
            "business_id": wanted.asked.business.map(|id| id.to_string()),
            "calls_listed": listed, "bytes": bytes.len(),
        });
        let entity = ("analytics", wanted.topic.name().to_owned());
        self.audit(&mut tx, actor, "analytics.export", entity, (None, Some(after))).await?;
        tx.commit().await.attempt("write the audit")?;
        Ok(Made { name, format: wanted.format, bytes })
    }

    async fn gather(
        &self,
        actor: &Actor,
        wanted: Wanted,
        counted: Counted,
        periods: &[Period],
    ) -> Result<Gathered, Error> {
        let tenant = actor.tenant;
        let has = |part| wanted.topic.has(part);
        let organisation =
            users::tenant(&self.db, tenant).await.attempt("find the organisation")?;
        let organisation = organisation.map(|tenant| tenant.name).unwrap_or_default();
        let business = match counted.scope.business {
            None => organisation,
            Some(id) => {
                let name = statistics::business_name(&self.db, tenant, id).await;
                let name = name.attempt("find the business configuration")?;
                let name = name.unwrap_or_else(|| format!("business configuration {id}"));
                format!("{organisation} · {name}")
            }
        };
        let overview = match has(Topic::Overview) {
            false => None,
            true => {
                let before = Counted { scope: before(counted.scope), ..counted };
                Some((
                    self.count_overview(tenant, &counted).await?,
                    self.count_overview(tenant, &before).await?,
                    self.count_volume(tenant, &counted, periods).await?,
                ))
            }
        };
        let quality = match has(Topic::Qa) {
            false => None,
            true => Some(self.count_quality(tenant, &counted, periods).await?),
        };
        let feeling = match has(Topic::Sentiment) {
            false => None,
            true => Some(self.count_feeling(tenant, &counted, periods).await?),
        };
        let escalations = match has(Topic::Escalations) {
            false => None,
            true => Some(self.count_escalations(tenant, &counted, periods).await?),
        };
        let most = match wanted.format {
            Format::Csv => MOST_ROWS,
            Format::Pdf => MOST_LINES,
        };
        let calls = match has(Topic::Calls) {
            false => None,
            true => {
                let listed = statistics::listed(&self.db, tenant, &counted.scope, most).await;
                Some(listed.attempt("list the calls")?)
            }
        };
        Ok(Gathered {
            business,
            counted,
            interval: Interval::of_trend(counted.scope.span),
            generated_at: self.clock.now().with_timezone(&counted.zone),
            overview,
            quality,
            feeling,
            escalations,
            calls,
        })
    }
}

fn too_large() -> Error {
    Error::invalid("from_date", "to to_date is too much for one file: ask for a shorter time")
}

/// As long a time, just before.
fn before(scope: Scope) -> Scope {
    let Span { since, until } = scope.span;
    let before = since.checked_sub_signed(until - since).unwrap_or(since);
    Scope { span: Span { since: before, until: since }, ..scope }
}

fn write(wanted: Wanted, gathered: &Gathered) -> Result<Vec<u8>, ReportError> {
    let report = report(wanted, gathered);
    match wanted.format {
        Format::Pdf => pdf(&report),
        Format::Csv => {
            let tables: Vec<&Table> = report.tables().collect();
            // Spreadsheets take a file without the mark for one of their own code page.
            Ok(csv::tables(&tables, csv::Mark::Utf8))
        }
    }
}

fn report(wanted: Wanted, gathered: &Gathered) -> Report {
    let Gathered { counted, generated_at, .. } = gathered;
    let zone = counted.zone.name();
    let period = format!("{} ({zone})", words::span(counted.scope.span, counted.zone));
    let generated = generated_at.format("%-d %B %Y, %H:%M").to_string();
    let mut sections = Vec::new();
    // A list of calls alone stays one table, so that programs can read it as it is.
    if wanted.format == Format::Csv && wanted.topic != Topic::Calls {
        let rows = [
            ("Report", wanted.topic.title()),
            ("Organisation", &gathered.business),
            ("Period", &period),
            ("Generated", &generated),
        ];
        sections.push(Section {
            heading: "Report".to_owned(),
            blocks: vec![Block::Table(Table {
                title: "Report".to_owned(),
                columns: vec![Column::left("What"), Column::left("Value")],
                rows: rows.iter().map(|(what, is)| vec![(*what).into(), (*is).into()]).collect(),
                total: None,
            })],
        });
    }
    let how = sections::How {
        format: wanted.format,
        charts: wanted.charts && wanted.format == Format::Pdf,
        interval: gathered.interval,
        language: Language::English,
    };
    if let Some((now, before, volume)) = &gathered.overview {
        sections.push(sections::overview(how, now, before, volume));
    }
    if let Some(quality) = &gathered.quality {
        sections.push(sections::quality(how, quality));
    }
    if let Some(feeling) = &gathered.feeling {
        sections.push(sections::feeling(how, feeling));
    }
    if let Some(escalations) = &gathered.escalations {
        sections.push(sections::escalations(how, escalations));
    }
    if let Some((calls, total)) = &gathered.calls {
        sections.push(calls::section(how, calls, *total, counted.zone));
    }
    Report {
        title: wanted.topic.title().to_owned(),
        business: gathered.business.clone(),
        period,
        generated_at: format!("Generated {generated} ({zone})"),
        language: Language::English,
        sections,
    }
}
