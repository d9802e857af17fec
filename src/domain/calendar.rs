//! Days, weeks, months and hours of a time zone, as instants.
//!
//! A [`Span`] is what is asked about; [`Interval::cut`] cuts it into [`Period`]s that follow each other
//! without gap or overlap, so that what is counted in them adds up. A day may have 23 or 25 hours, or
//! not be there at all; an hour that occurs twice is two periods.

use std::str::FromStr;

use chrono::{
    DateTime, Datelike, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta,
    TimeZone, Timelike, Utc,
};
use chrono_tz::{GapInfo, Tz};

/// A span is cut into so many periods at most: the hours of 100 days, the days of nearly seven years.
pub const MOST_PERIODS: usize = 2_500;

/// Earlier and later instants are taken as these: their years have four digits in every time zone, as
/// what the store keeps as text must.
const EARLIEST: DateTime<Utc> = at(1, 1, 3);
const LATEST: DateTime<Utc> = at(9999, 12, 29);
/// The same of ends, so that the last day of all is not empty.
const EARLIEST_END: DateTime<Utc> = at(1, 1, 4);
const LATEST_END: DateTime<Utc> = at(9999, 12, 30);

const fn at(year: i32, month: u32, day: u32) -> DateTime<Utc> {
    let date = NaiveDate::from_ymd_opt(year, month, day).expect("a date of the calendar");
    date.and_time(NaiveTime::MIN).and_utc()
}

/// From one instant until just before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub since: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

/// A bound of a span as people write it: a date, a time of the clock on the wall, or an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    Date(NaiveDate),
    Local(NaiveDateTime),
    Instant(DateTime<Utc>),
}

/// Not a date, nor a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an ISO 8601 date or date-time")]
pub struct NoBound;

impl FromStr for Bound {
    type Err = NoBound;

    /// ISO 8601: `2026-10-25`, `2026-10-25T09:30:00` (of the time zone), `2026-10-25T09:30:00+02:00`.
    fn from_str(text: &str) -> Result<Self, NoBound> {
        // Years of more digits exist for chrono, but neither for ISO 8601 nor for the store.
        let plain = text.len() >= 10 && text.as_bytes()[..4].iter().all(u8::is_ascii_digit);
        if !plain || text.len() > 40 {
            return Err(NoBound);
        }
        if text.len() == 10 {
            return text.parse().map(Bound::Date).map_err(|_| NoBound);
        }
        // A plus in a query that was not written as %2B arrives as a blank.
        let text = match text.rsplit_once(' ') {
            Some((time, offset)) if time.len() > 10 => format!("{time}+{offset}"),
            _ => text.to_owned(),
        };
        if let Ok(instant) = DateTime::parse_from_rfc3339(&text) {
            return Ok(Bound::Instant(instant.to_utc()));
        }
        let local = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
        let local = local.iter().find_map(|form| NaiveDateTime::parse_from_str(&text, form).ok());
        local.map(Bound::Local).ok_or(NoBound)
    }
}

impl Bound {
    /// The first instant that is meant, as a lower bound.
    pub fn first(self, zone: Tz) -> DateTime<Utc> {
        let first = match self {
            Bound::Date(date) => day_begins(date, zone),
            Bound::Local(local) => first_instant(local, zone),
            Bound::Instant(instant) => instant,
        };
        first.clamp(EARLIEST, LATEST)
    }

    /// The first instant that is no longer meant, as an upper bound: a date includes its whole day, a
    /// time itself, to the microsecond that the store keeps.
    pub fn end(self, zone: Tz) -> DateTime<Utc> {
        let end = match self {
            Bound::Date(date) => date.succ_opt().map_or(LATEST_END, |next| day_begins(next, zone)),
            Bound::Local(local) => just_after(last_instant(local, zone)),
            Bound::Instant(instant) => just_after(instant),
        };
        end.clamp(EARLIEST_END, LATEST_END)
    }
}

/// The next microsecond.
pub fn just_after(instant: DateTime<Utc>) -> DateTime<Utc> {
    instant.checked_add_signed(TimeDelta::microseconds(1)).unwrap_or(instant)
}

/// The first instant of a day; where the day is skipped, that of the next.
pub fn day_begins(date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    first_instant(date.and_time(NaiveTime::MIN), zone)
}

/// When the clock on the wall first shows this; where it is set forward past it, then.
fn first_instant(local: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(one) => one.to_utc(),
        MappedLocalTime::Ambiguous(one, other) => one.min(other).to_utc(),
        MappedLocalTime::None => after_gap(local, zone),
    }
}

/// When the clock on the wall last shows this.
fn last_instant(local: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(one) => one.to_utc(),
        MappedLocalTime::Ambiguous(one, other) => one.max(other).to_utc(),
        MappedLocalTime::None => after_gap(local, zone),
    }
}

fn after_gap(local: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    let gap = GapInfo::new(&local, &zone).and_then(|gap| gap.end);
    gap.map_or_else(|| local.and_utc(), |end| end.to_utc())
}

/// How a span is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    Hour,
    Day,
    /// From Monday (ISO 8601).
    Week,
    Month,
}

/// A part of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// When the hour, day, week or month begins, in the time zone. The first of a span may begin before
    /// the span does.
    pub begins: DateTime<Tz>,
    /// What of it lies in the span.
    pub span: Span,
}

/// There would be more periods than [`MOST_PERIODS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is more than {MOST_PERIODS} {0}s: ask for a shorter time, or for longer intervals")]
pub struct TooMany(&'static str);

impl Interval {
    pub const ALL: [Interval; 4] = [Interval::Hour, Interval::Day, Interval::Week, Interval::Month];

    /// `hour`, `day`, `week`, `month`.
    pub fn name(self) -> &'static str {
        match self {
            Interval::Hour => "hour",
            Interval::Day => "day",
            Interval::Week => "week",
            Interval::Month => "month",
        }
    }

    /// What shows how something went over a span, in a number of points that can be read: days up to
    /// 92 of them, weeks up to two years, else months.
    pub fn of_trend(span: Span) -> Self {
        match (span.until - span.since).num_days() {
            ..93 => Interval::Day,
            93..732 => Interval::Week,
            _ => Interval::Month,
        }
    }

    /// The periods of `span` in `zone`, oldest first. Together they are the span.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn cut(self, span: Span, zone: Tz) -> Result<Vec<Period>, TooMany> {
        let mut periods = Vec::new();
        let mut begins = self.begin_of(span.since, zone);
        while begins < span.until {
            let next = self.next(begins, zone);
            // Where a clock is set back over midnight, the day that `since` names may be over.
            if next > span.since {
                if periods.len() == MOST_PERIODS {
                    return Err(TooMany(self.name()));
                }
                let part = Span { since: begins.max(span.since), until: next.min(span.until) };
                periods.push(Period { begins: begins.with_timezone(&zone), span: part });
            }
            begins = next;
        }
        Ok(periods)
    }

    fn begin_of(self, instant: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
        let local = instant.with_timezone(&zone).naive_local();
        let date = local.date();
        let into_week = i64::from(date.weekday().num_days_from_monday());
        match self {
            Interval::Hour => {
                let whole = instant - since_the_hour(local);
                match offset(whole, zone) == offset(instant, zone) {
                    true => whole,
                    false => change(whole, instant, zone),
                }
            }
            Interval::Day => day_begins(date, zone),
            Interval::Week => day_begins(date - TimeDelta::days(into_week), zone),
            Interval::Month => day_begins(first_of_month(date), zone),
        }
    }

    /// When the period after the one that begins here begins: always later.
    fn next(self, begins: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
        let local = begins.with_timezone(&zone).naive_local();
        if self == Interval::Hour {
            let whole = begins + (TimeDelta::hours(1) - since_the_hour(local));
            return match offset(whole, zone) == offset(begins, zone) {
                true => whole,
                false => change(begins, whole, zone),
            };
        }
        let mut date = local.date();
        loop {
            date = match self {
                Interval::Hour | Interval::Day => date + TimeDelta::days(1),
                Interval::Week => date + TimeDelta::days(7),
                Interval::Month => first_of_month(first_of_month(date) + TimeDelta::days(31)),
            };
            // A day that is skipped begins when the next does, and is no period.
            let next = day_begins(date, zone);
            if next > begins {
                return next;
            }
        }
    }
}

fn first_of_month(date: NaiveDate) -> NaiveDate {
    date.with_day(1).unwrap_or(date)
}

fn since_the_hour(local: NaiveDateTime) -> TimeDelta {
    let whole = TimeDelta::seconds(i64::from(local.minute() * 60 + local.second()));
    whole + TimeDelta::nanoseconds(i64::from(local.nanosecond()))
}

/// Seconds east of UTC.
fn offset(instant: DateTime<Utc>, zone: Tz) -> i32 {
    zone.offset_from_utc_datetime(&instant.naive_utc()).fix().local_minus_utc()
}

/// When, after `before` and not after `after`, the offset of `after` comes into force.
fn change(before: DateTime<Utc>, after: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    // Offsets change at whole seconds.
    let (mut low, mut high) = (before.timestamp(), after.timestamp());
    let (new, old) = (offset(after, zone), offset(before, zone));
    debug_assert_ne!(new, old, "nothing changes");
    while low + 1 < high {
        let middle = i64::midpoint(low, high);
        let there = DateTime::from_timestamp(middle, 0).unwrap_or(after);
        match offset(there, zone) == new {
            true => high = middle,
            false => low = middle,
        }
    }
    DateTime::from_timestamp(high, 0).unwrap_or(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(since: &str, until: &str, zone: Tz) -> Span {
        let bound = |text: &str| text.parse::<Bound>().expect("a bound");
        Span { since: bound(since).first(zone), until: bound(until).end(zone) }
    }

    fn shown(interval: Interval, since: &str, until: &str, zone: Tz) -> Vec<(String, i64)> {
        let periods = interval.cut(span(since, until, zone), zone).expect("few enough");
        let minutes = |span: Span| (span.until - span.since).num_minutes();
        periods
            .iter()
            .map(|p| (p.begins.format("%d %H:%M%:z").to_string(), minutes(p.span)))
            .collect()
    }

    #[test]
    fn a_day_has_23_or_25_hours_where_clocks_are_set() {
        let zone = chrono_tz::America::New_York;
        let days = shown(Interval::Day, "2026-03-07", "2026-03-09", zone);
        assert_eq!(days.iter().map(|day| day.1 / 60).collect::<Vec<_>>(), [24, 23, 24]);
        let days = shown(Interval::Day, "2026-10-31", "2026-11-02", zone);
        assert_eq!(days.iter().map(|day| day.1 / 60).collect::<Vec<_>>(), [24, 25, 24]);
        let hours = shown(Interval::Hour, "2026-11-01", "2026-11-01", zone);
        assert_eq!(hours.len(), 25);
        assert_eq!(hours[1], ("01 01:00-04:00".to_owned(), 60));
        assert_eq!(hours[2], ("01 01:00-05:00".to_owned(), 60), "the same hour again");
    }

    #[test]
    fn half_an_hour_is_an_hour_of_its_own_on_lord_howe() {
        let zone = chrono_tz::Australia::Lord_Howe;
        let hours = shown(Interval::Hour, "2026-04-05", "2026-04-05", zone);
        let pieces: Vec<_> = hours[1..4].iter().map(|(at, long)| (at.as_str(), *long)).collect();
        assert_eq!(
            pieces,
            [("05 01:00+11:00", 60), ("05 01:30+10:30", 30), ("05 02:00+10:30", 60)]
        );
        let hours = shown(Interval::Hour, "2026-10-04", "2026-10-04", zone);
        let pieces: Vec<_> = hours[1..4].iter().map(|(at, long)| (at.as_str(), *long)).collect();
        assert_eq!(
            pieces,
            [("04 01:00+10:30", 60), ("04 02:30+11:00", 30), ("04 03:00+11:00", 60)]
        );
    }

    #[test]
    fn days_begin_where_midnight_is_skipped_and_some_are_not_there() {
        // Cuba sets its clocks forward at midnight, and back to midnight.
        let zone = chrono_tz::America::Havana;
        let days = shown(Interval::Day, "2026-03-07", "2026-03-08", zone);
        assert_eq!(days[1], ("08 01:00-04:00".to_owned(), 23 * 60));
        assert_eq!(shown(Interval::Day, "2026-11-01", "2026-11-01", zone)[0].1, 25 * 60);
        // Samoa went over the date line at the end of 29 December 2011.
        let zone = chrono_tz::Pacific::Apia;
        let days = shown(Interval::Day, "2011-12-29", "2011-12-31", zone);
        let days: Vec<_> = days.iter().map(|day| day.0.as_str()).collect();
        assert_eq!(days, ["29 00:00-10:00", "31 00:00+14:00"]);
    }

    #[test]
    fn bounds_are_dates_local_times_or_instants() {
        let zone = chrono_tz::Asia::Kathmandu;
        let utc = |text: &str| text.parse::<DateTime<Utc>>().expect("an instant");
        let bound = |text: &str| text.parse::<Bound>();
        let date = bound("2026-10-25").expect("a date");
        assert_eq!(date.first(zone), utc("2026-10-24T18:15:00Z"));
        assert_eq!(date.end(zone), utc("2026-10-25T18:15:00Z"));
        let local = bound("2026-10-25T00:00:00").expect("a time");
        assert_eq!(local.first(zone), date.first(zone));
        assert_eq!(local.end(zone), utc("2026-10-24T18:15:00.000001Z"));
        let instant = Ok(Bound::Instant(utc("2026-10-24T22:00:00Z")));
        assert_eq!(bound("2026-10-25T00:00:00+02:00"), instant);
        assert_eq!(bound("2026-10-25T00:00:00 02:00"), instant, "a plus that was not escaped");
        for wrong in [
            "",
            "today",
            "2026-13-01",
            "2026-10-25T25:00:00Z",
            "+12026-10-25",
            "25.10.2026",
            "20261025",
            "2026-1-1",
            "9999-12-31x",
            "-5000-01-01T00:00:00Z",
        ] {
            assert_eq!(bound(wrong), Err(NoBound), "{wrong}");
        }
        for far in ["0001-01-01", "9999-12-31"] {
            let far = bound(far).expect("a date");
            assert!(far.first(zone) < far.end(zone) && far.end(zone) <= LATEST_END);
        }
    }

    #[test]
    fn periods_are_bounded() {
        let zone = chrono_tz::UTC;
        let years = span("2020-01-01", "2026-01-01", zone);
        assert!(Interval::Day.cut(years, zone).is_ok());
        let refused = Interval::Hour.cut(years, zone).expect_err("too many").to_string();
        assert!(refused.contains("2500 hours"), "{refused}");
        let ever = span("0001-01-01", "9999-12-31", zone);
        assert!(Interval::Month.cut(ever, zone).is_err());
    }

    proptest::proptest! {
        /// They follow each other, cover the span, and each is one of the calendar's.
        #[test]
        fn periods_are_the_whole_span_and_nothing_else(
            since in 0_i64..4_000_000_000, long in 1_i64..30_000_000, zone in 0..chrono_tz::TZ_VARIANTS.len(),
        ) {
            let zone = chrono_tz::TZ_VARIANTS[zone];
            let at = |seconds| DateTime::from_timestamp(seconds, 1_000).expect("a time");
            for interval in Interval::ALL {
                let long = if interval == Interval::Hour { long % 1_000_000 + 1 } else { long };
                let span = Span { since: at(since), until: at(since + long) };
                let periods = interval.cut(span, zone).expect("few enough");
                assert_eq!(periods.first().expect("one").span.since, span.since);
                assert_eq!(periods.last().expect("one").span.until, span.until);
                for pair in periods.windows(2) {
                    assert_eq!(pair[0].span.until, pair[1].span.since, "{zone} {interval:?}");
                    assert!(pair[0].begins < pair[1].begins);
                    assert_eq!(pair[1].begins.to_utc(), pair[1].span.since);
                }
                for period in &periods {
                    assert!(period.span.since < period.span.until, "{zone} {interval:?}");
                    assert!(period.begins.to_utc() <= period.span.since);
                }
            }
        }
    }
}
