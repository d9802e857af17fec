//! Dates and times of queries. A bare date is a whole day where the organisation is; as an upper bound
//! it includes that day.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::error::Problem;

/// The last moment of the year 9999: what is later would not sort as text, as SQLite keeps it.
const LAST: DateTime<Utc> = DateTime::from_timestamp_micros(253_402_300_799_999_999).unwrap();

/// Which side of a period a time bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    /// The period begins with it.
    Lower,
    /// The period ends with it, included: what is answered is the first moment after it.
    Upper,
}

/// The bound that a parameter gives, if it gives one.
///
/// # Errors
/// It is neither a date nor a date-time: 400.
pub(super) fn time(
    field: &str,
    text: Option<&str>,
    zone: Tz,
    edge: Edge,
) -> Result<Option<DateTime<Utc>>, Problem> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let bound = moment(text, zone, edge);
    let wrong = "must be a date (2026-01-31) or a date-time (2026-01-31T09:30:00Z)";
    bound.map(Some).ok_or_else(|| Problem::invalid(field, wrong))
}

fn moment(text: &str, zone: Tz, edge: Edge) -> Option<DateTime<Utc>> {
    if text.len() == 10 {
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        let start = match edge {
            Edge::Lower => start_of(date, zone)?,
            Edge::Upper => start_of(date.succ_opt()?, zone)?,
        };
        return Some(start.min(LAST));
    }
    // The + of an offset that was not escaped came as a blank.
    let text = text.replace(' ', "+");
    let exact = match DateTime::parse_from_rfc3339(&text) {
        Ok(exact) => exact.with_timezone(&Utc),
        // ISO 8601 without an offset: times are UTC.
        Err(_) => text.parse::<NaiveDateTime>().ok()?.and_utc(),
    };
    Some(match edge {
        Edge::Lower => exact.min(LAST),
        // The store keeps microseconds.
        Edge::Upper => exact.checked_add_signed(TimeDelta::microseconds(1))?.min(LAST),
    })
}

/// The first moment of a day in this zone: midnight, or where the clock is set forward at midnight, when
/// it has been.
fn start_of(date: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    let midnight = date.and_time(NaiveTime::MIN);
    (0..=24 * 4).find_map(|quarter| {
        let local = midnight + TimeDelta::minutes(15 * quarter);
        zone.from_local_datetime(&local).earliest().map(|at| at.with_timezone(&Utc))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<DateTime<Utc>> {
        Some(DateTime::parse_from_rfc3339(text).expect("RFC 3339").to_utc())
    }

    #[test]
    fn a_bare_date_is_that_day_where_the_organisation_is() {
        let berlin = chrono_tz::Europe::Berlin;
        let date = "2026-03-29"; // 23 hours long
        assert_eq!(moment(date, berlin, Edge::Lower), at("2026-03-28T23:00:00Z"));
        assert_eq!(moment(date, berlin, Edge::Upper), at("2026-03-29T22:00:00Z"));
        // Clocks go from 00:00 to 01:00.
        let beirut = chrono_tz::Asia::Beirut;
        assert_eq!(moment(date, beirut, Edge::Lower), at("2026-03-28T22:00:00Z"));
    }

    #[test]
    fn a_time_is_exact_and_belongs_to_the_period() {
        let utc = chrono_tz::UTC;
        for text in
            ["2026-01-31T09:30:00Z", "2026-01-31T10:30:00+01:00", "2026-01-31T10:30:00 01:00"]
        {
            assert_eq!(moment(text, utc, Edge::Lower), at("2026-01-31T09:30:00Z"), "{text}");
        }
        let upper = moment("2026-01-31T09:30:00", utc, Edge::Upper);
        assert_eq!(upper, at("2026-01-31T09:30:00.000001Z"));
    }

    #[test]
    fn the_end_of_time_is_a_bound() {
        let last = moment("9999-12-31", chrono_tz::America::New_York, Edge::Upper);
        assert_eq!(last, at("9999-12-31T23:59:59.999999Z"));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "2026-02-30",
            "yesterday",
            "31.01.2026",
            "2026-1-1",
            "20260131",
            "9999-12-31x",
            "2026-01-31T25:00:00Z",
            "+12026-01-01T00:00:00Z",
        ] {
            assert_eq!(moment(text, chrono_tz::UTC, Edge::Lower), None, "{text}");
        }
    }
}
