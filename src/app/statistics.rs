//! What is counted of calls.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::{App, Error, error::Attempt};
use crate::{
    domain::{
        Actor, BusinessId, Direction, Right, TenantId,
        calendar::{self, Bound, Interval, Period, Span},
        statistics::{Escalations, Feeling, Overview, Quality, Scope, Trend, Volume},
    },
    store::{StoreError, statistics, users},
};

/// A span without a lower bound begins so many days before now.
const USUAL_DAYS: i64 = 7;

/// Which calls are to be counted, as someone asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Unset: seven days ago.
    pub from: Option<Bound>,
    /// Unset: now.
    pub to: Option<Bound>,
    pub business: Option<BusinessId>,
    pub direction: Option<Direction>,
}

/// Which calls are counted, and where their days begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    pub scope: Scope,
    pub zone: Tz,
}

impl Counted {
    /// The periods over which something is shown to go up and down.
    pub fn trend(&self) -> Result<Vec<Period>, Error> {
        self.cut(Interval::of_trend(self.scope.span))
    }

    fn cut(&self, interval: Interval) -> Result<Vec<Period>, Error> {
        let cut = interval.cut(self.scope.span, self.zone);
        cut.map_err(|error| Error::invalid("from_date", format!("to to_date {error}")))
    }
}

impl App {
    /// The calls at a glance.
    ///
    /// # Errors
    /// [`Error::Invalid`]: the span ends before it begins.
    pub async fn overview(&self, actor: &Actor, asked: Asked) -> Result<Overview, Error> {
        actor.may(Right::SeeStatistics)?;
        let counted = self.counted(actor.tenant, asked).await?;
        self.count_overview(actor.tenant, &counted).await
    }

    /// How many calls there were in each period of the span, oldest first, empty ones too.
    ///
    /// # Errors
    /// [`Error::Invalid`]: one bound alone, a span that ends before it begins, too many periods.
    pub async fn call_volume(
        &self,
        actor: &Actor,
        asked: Asked,
        interval: Interval,
    ) -> Result<Trend<Volume>, Error> {
        actor.may(Right::SeeStatistics)?;
        match (asked.from, asked.to) {
            (Some(_), None) => return Err(Error::invalid("to_date", "must come with from_date")),
            (None, Some(_)) => return Err(Error::invalid("from_date", "must come with to_date")),
            (None, None) | (Some(_), Some(_)) => {}
        }
        let counted = self.counted(actor.tenant, asked).await?;
        let periods = counted.cut(interval)?;
        self.count_volume(actor.tenant, &counted, &periods).await
    }

    /// How well calls went.
    ///
    /// # Errors
    /// [`Error::Invalid`]: the span ends before it begins, or is centuries.
    pub async fn quality(&self, actor: &Actor, asked: Asked) -> Result<Quality, Error> {
        actor.may(Right::SeeStatistics)?;
        let counted = self.counted(actor.tenant, asked).await?;
        self.count_quality(actor.tenant, &counted, &counted.trend()?).await
    }

    /// How callers felt.
    ///
    /// # Errors
    /// [`Error::Invalid`]: the span ends before it begins, or is centuries.
    pub async fn feeling(&self, actor: &Actor, asked: Asked) -> Result<Feeling, Error> {
        actor.may(Right::SeeStatistics)?;
        let counted = self.counted(actor.tenant, asked).await?;
        self.count_feeling(actor.tenant, &counted, &counted.trend()?).await
    }

    /// How calls were handed to people.
    ///
    /// # Errors
    /// [`Error::Invalid`]: the span ends before it begins, or is centuries.
    pub async fn escalations(&self, actor: &Actor, asked: Asked) -> Result<Escalations, Error> {
        actor.may(Right::SeeStatistics)?;
        let counted = self.counted(actor.tenant, asked).await?;
        self.count_escalations(actor.tenant, &counted, &counted.trend()?).await
    }

    pub(super) async fn count_overview(
        &self,
        tenant: TenantId,
        counted: &Counted,
    ) -> Result<Overview, Error> {
        statistics::overview(&self.db, tenant, &counted.scope).await.attempt("count the calls")
    }

    pub(super) async fn count_volume(
        &self,
        tenant: TenantId,
        counted: &Counted,
        periods: &[Period],
    ) -> Result<Trend<Volume>, Error> {
        let volume = statistics::volume(&self.db, tenant, &counted.scope, periods).await;
        volume.attempt("count the calls of each period")
    }

    pub(super) async fn count_quality(
        &self,
        tenant: TenantId,
        counted: &Counted,
        periods: &[Period],
    ) -> Result<Quality, Error> {
        let trend = statistics::quality(&self.db, tenant, &counted.scope, periods).await;
        let trend = trend.attempt("count the scores")?;
        let issues = statistics::issues(&self.db, tenant, &counted.scope).await;
        Ok(Quality::of(trend, issues.attempt("count the issues")?))
    }

    pub(super) async fn count_feeling(
        &self,
        tenant: TenantId,
        counted: &Counted,
        periods: &[Period],
    ) -> Result<Feeling, Error> {
        let trend = statistics::moods(&self.db, tenant, &counted.scope, periods).await;
        let trend = trend.attempt("count the sentiments")?;
        let pairs = statistics::mood_pairs(&self.db, tenant, &counted.scope).await;
        let (with_qa, with_escalation) = pairs.attempt("correlate the sentiments")?;
        Ok(Feeling::of(trend, with_qa, with_escalation))
    }

    pub(super) async fn count_escalations(
        &self,
        tenant: TenantId,
        counted: &Counted,
        periods: &[Period],
    ) -> Result<Escalations, Error> {
        let trend = statistics::escalations(&self.db, tenant, &counted.scope, periods).await;
        let trend = trend.attempt("count the escalations")?;
        let triggers = statistics::triggers(&self.db, tenant, &counted.scope).await;
        Ok(Escalations::of(trend, triggers.attempt("count the triggers")?))
    }

    /// What is asked for, in the tenant's time zone.
    pub(super) async fn counted(&self, tenant: TenantId, asked: Asked) -> Result<Counted, Error> {
        let zone = self.zone(tenant).await?;
        let span = span(asked, zone, self.clock.now())?;
        let scope = Scope { span, business: asked.business, direction: asked.direction };
        Ok(Counted { scope, zone })
    }

    /// Where the tenant's days begin.
    pub(super) async fn zone(&self, tenant: TenantId) -> Result<Tz, Error> {
        let found = users::tenant(&self.db, tenant).await.attempt("find the organisation")?;
        let name = found.ok_or(Error::NotFound("Organisation"))?.timezone;
        let corrupt = || StoreError::Corrupt { what: "a time zone", value: name.clone() };
        name.parse().map_err(|_| corrupt()).attempt("find the organisation")
    }
}

fn span(asked: Asked, zone: Tz, now: DateTime<Utc>) -> Result<Span, Error> {
    let since = match asked.from {
        Some(from) => from.first(zone),
        None => now - TimeDelta::days(USUAL_DAYS),
    };
    let until = match asked.to {
        Some(to) => to.end(zone),
        None => calendar::just_after(now),
    };
    match (since < until, asked.from, asked.to) {
        (true, ..) => Ok(Span { since, until }),
        (false, None, _) => {
            Err(Error::invalid("from_date", "must be given with a to_date that is a week old"))
        }
        (false, _, None) => Err(Error::invalid("from_date", "must not be later than now")),
        (false, Some(_), Some(_)) => {
            Err(Error::invalid("from_date", "must not be later than to_date"))
        }
    }
}
