//! Times and durations, as a report says them.

use chrono::{DateTime, Datelike, TimeDelta};
use chrono_tz::Tz;

use crate::domain::calendar::{Interval, Span, day_begins};

/// A span in words: "1–31 October 2026", or with times of day where it is not of whole days.
pub fn span(span: Span, zone: Tz) -> String {
    let first = span.since.with_timezone(&zone);
    let end = span.until.with_timezone(&zone);
    let last = (span.until - TimeDelta::microseconds(1)).with_timezone(&zone);
    let whole = span.since == day_begins(first.date_naive(), zone)
        && span.until == day_begins(end.date_naive(), zone);
    if !whole {
        let form = "%-d %B %Y, %H:%M";
        return format!("{} – {}", first.format(form), last.format(form));
    }
    let shown = |day: &DateTime<Tz>, form: &str| day.format(form).to_string();
    let last_shown = shown(&last, "%-d %B %Y");
    match (first.year() == last.year(), first.month() == last.month(), first.day() == last.day()) {
        (true, true, true) => last_shown,
        (true, true, false) => format!("{}–{last_shown}", first.day()),
        (true, false, _) => format!("{} – {last_shown}", shown(&first, "%-d %B")),
        (false, ..) => format!("{} – {last_shown}", shown(&first, "%-d %B %Y")),
    }
}

/// What a period's column is headed with.
pub fn heading(interval: Interval) -> &'static str {
    match interval {
        Interval::Hour => "Hour",
        Interval::Day => "Day",
        Interval::Week => "Week from",
        Interval::Month => "Month",
    }
}

/// A period in a table: sorts as it is.
pub fn period(begins: DateTime<Tz>, interval: Interval) -> String {
    let form = match interval {
        Interval::Hour => "%Y-%m-%d %H:%M",
        Interval::Day | Interval::Week => "%Y-%m-%d",
        Interval::Month => "%Y-%m",
    };
    begins.format(form).to_string()
}

/// A period under a chart.
pub fn tick(begins: DateTime<Tz>, interval: Interval) -> String {
    let form = match interval {
        Interval::Hour => "%-d %b %H:%M",
        Interval::Day | Interval::Week => "%-d %b",
        Interval::Month => "%b %Y",
    };
    begins.format(form).to_string()
}

/// A duration that is read at a glance: "45 s", "2 min 10 s", "3 h 05 min".
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as i64;
    match whole {
        ..60 => format!("{whole} s"),
        60..3_600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3_600, whole % 3_600 / 60),
    }
}

/// What a name of the database is to people: `no_answer`, "No answer".
pub fn title(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    first + &letters.as_str().replace('_', " ")
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveDate, NaiveTime, TimeZone};

    use super::*;

    #[test]
    fn spans_are_said_as_short_as_they_can_be() {
        let zone = chrono_tz::Europe::Berlin;
        let day = |month, day| {
            let date = NaiveDate::from_ymd_opt(2026, month, day).expect("a date");
            zone.from_local_datetime(&date.and_time(NaiveTime::MIN)).unwrap().to_utc()
        };
        let said = |since, until| span(Span { since, until }, zone);
        assert_eq!(said(day(10, 1), day(10, 2)), "1 October 2026");
        assert_eq!(said(day(10, 1), day(11, 1)), "1–31 October 2026");
        assert_eq!(said(day(9, 15), day(11, 1)), "15 September – 31 October 2026");
        let noon = day(10, 1) + TimeDelta::hours(12);
        assert_eq!(said(noon, day(10, 2)), "1 October 2026, 12:00 – 1 October 2026, 23:59");
        assert_eq!(
            [duration(44.6), duration(130.0), duration(11_100.0)],
            ["45 s", "2 min 10 s", "3 h 05 min"]
        );
        assert_eq!(title("no_answer"), "No answer");
    }
}
