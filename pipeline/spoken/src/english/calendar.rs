//! Times and dates in English.

use super::{English, number};
use crate::{
    chunk::{Place, Said, is_figures, starts_large},
    figure::{Day, clock},
};

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// A month by its name or the beginning of it, with a capital.
pub(super) fn month(text: &str) -> Option<&'static str> {
    let text = if text == "Sept" { "Sep" } else { text };
    let fits = |name: &&&str| text.len() >= 3 && name.starts_with(text);
    let found = MONTHS.iter().find(fits).copied()?;
    (text.len() == 3 || text == found).then_some(found)
}

/// A weekday by its name or the beginning of it.
pub(super) fn day(text: &str) -> Option<&'static str> {
    let short = text.trim_end_matches('.');
    DAYS.iter().find(|day| short.len() >= 3 && day.starts_with(short)).copied()
}

/// "Mon – Fri", "3 p.m. – 5 p.m.": a dash that is said, between days, months or times.
pub(super) fn is_span(place: Place<'_>) -> bool {
    let is_dash = matches!(place.core(), "-" | "–" | "—");
    let (before, after) = (place.before(), place.after(1));
    let both = |is: fn(&str) -> bool| is(before) && is(after);
    let begins = |text: &str| text.starts_with(|letter: char| letter.is_ascii_digit());
    let halved = half(before).is_some()
        || ["am", "pm", "AM", "PM", "a.m", "p.m"]
            .iter()
            .any(|end| before.ends_with(end) && begins(before));
    is_dash
        && (both(|text| day(text).is_some())
            || both(|text| month(text).is_some())
            || halved && begins(after))
}

/// "Mon-Fri".
pub(super) fn days(core: &str) -> Option<String> {
    let (from, to) = core.split_once(['-', '–', '—'])?;
    Some(format!("{} to {}", day(from)?, day(to)?))
}

/// The half of the day: "am", "p.m".
pub(super) fn half(text: &str) -> Option<&'static str> {
    match text {
        "am" | "AM" | "a.m" | "A.M" => Some("A.M."),
        "pm" | "PM" | "p.m" | "P.M" => Some("P.M."),
        _ => None,
    }
}

fn year_of(text: &str) -> Option<u64> {
    let is_year = text.len() == 4 && is_figures(text);
    text.parse().ok().filter(|year| is_year && (1100..2100).contains(year))
}

impl English {
    /// "2026-11-21", "11/21/2026", "on 11/21", "21 Nov 2026".
    pub(super) fn date(self, place: Place<'_>) -> Option<Said> {
        let core = place.core();
        if let Some(day) = Day::parse(core, !self.british && !core.contains('.'))
            && (day.year.is_some() || self.is_dated(place))
            && !(core.contains('.') && core.len() < 8)
        {
            return Some(Said::one(self.day(day, place.before() == "the")));
        }
        // "2026-03-04T10:00".
        if let Some((day, time)) = core.split_once('T')
            && day.len() == 10
            && let (Some(day), Some(time)) = (Day::parse(day, true), time.get(..5))
        {
            let (time, _) = self.moment(time, false)?;
            return Some(Said::one(format!("{}, {time}", self.day(day, false))));
        }
        // "21 November", with the year if it follows.
        let figures = core.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
        let is_day = matches!(&core[figures.len()..], "" | "st" | "nd" | "rd" | "th");
        let number = figures.parse::<u64>().ok().filter(|day| is_day && (1..=31).contains(day))?;
        let name = month(place.joined(1)?)?;
        let month = MONTHS.iter().position(|month| *month == name)? as u64 + 1;
        let between = place.chunk(1).map_or("", |chunk| chunk.tail.as_str());
        let year = year_of(place.after(2)).filter(|_| matches!(between, "" | "," | "."));
        let abbreviated = name != place.after(1) && year.is_none();
        let words =
            self.day_of_month(number, month, year, place.before().eq_ignore_ascii_case("the"));
        let taken = if year.is_some() { 3 } else { 2 };
        Some(Said { dot: abbreviated, ..Said::of(words, taken) })
    }

    /// Do the words before say that "1/2" is a day?
    fn is_dated(self, place: Place<'_>) -> bool {
        let before = place.before().to_lowercase();
        let core = place.core();
        core.contains('/')
            && (["on", "by", "before", "until", "till", "since", "after", "from", "dated", "date"]
                .contains(&before.as_str())
                || ["appointment", "visit", "due", "starting", "scheduled", "today", "tomorrow"]
                    .contains(&before.as_str())
                // "for 3/4 at 5", but "for 3/4 cup".
                || (before == "for"
                    && matches!(place.after(1), "" | "at" | "and" | "or" | "with" | "from" | "in"))
                // "from 3/4 to 3/9".
                || (matches!(before.as_str(), "to" | "through" | "and")
                    && ["from", "between"].contains(&self.third_before(place).as_str())
                    && Day::parse(place.second_before(), true).is_some())
                || (before == "between" && place.after(2).contains('/'))
                || (before.len() >= 3
                    && DAYS.iter().any(|day| day.to_lowercase().starts_with(&before))))
    }

    fn third_before(self, place: Place<'_>) -> String {
        place.at.checked_sub(3).map_or(String::new(), |at| place.chunks[at].core.to_lowercase())
    }

    fn day(self, day: Day, after_article: bool) -> String {
        if self.british {
            return self.day_of_month(day.day, day.month, day.year, after_article);
        }
        let month = MONTHS[day.month as usize - 1];
        let words = format!("{month} {}", number::ordinal(day.day, self.british));
        match day.year {
            Some(year) => format!("{words}, {}", number::year(year, self.british)),
            None => words,
        }
    }

    fn day_of_month(self, day: u64, month: u64, year: Option<u64>, after_article: bool) -> String {
        let article = if after_article { "" } else { "the " };
        let month = MONTHS[month as usize - 1];
        let words = format!("{article}{} of {month}", number::ordinal(day, self.british));
        match year {
            Some(year) => format!("{words}, {}", number::year(year, self.british)),
            None => words,
        }
    }

    /// "8:30", "8:30pm", "8 a.m.", "9am-5pm", "9:00 – 17:00".
    pub(super) fn time(self, place: Place<'_>) -> Option<Said> {
        let core = place.core();
        if let Some((low, high)) = core.split_once(['-', '–', '—']) {
            // "10 AM–2 PM": the first half of it stands apart.
            if let Some(low) = half(low)
                && place.before().ends_with(|letter: char| letter.is_ascii_digit())
            {
                let next = place.joined(1).and_then(half);
                let (high, _) = self.moment(high, next.is_some())?;
                return Some(Said::one(format!("{low} to {high}")));
            }
            return self.span(place, low, high, 1);
        }
        if matches!(place.joined(1), Some("-" | "–" | "—"))
            && place.joined(2).is_some_and(|high| high.starts_with(|c: char| c.is_ascii_digit()))
        {
            return self.span(place, core, place.after(2), 3);
        }
        let next = place.joined(1).and_then(half);
        let (words, has_half) = self.moment(core, next.is_some())?;
        // The half of the day that follows is a stretch of its own.
        Some(Said { dot: has_half && core.ends_with(".m"), ..Said::one(words) })
    }

    /// From a moment or a number to another.
    fn span(self, place: Place<'_>, low: &str, high: &str, taken: usize) -> Option<Said> {
        let next = place.joined(taken).and_then(half);
        let is_number = |text: &str| text.len() <= 4 && is_figures(text);
        let end = |text: &str| match clock(text, ':') {
            // "noon-1pm".
            _ if matches!(text, "noon" | "midnight") => Some((text.to_owned(), true)),
            Some((hour @ 0..=12, 0)) => Some((number::cardinal(hour, self.british), false)),
            _ => self
                .moment(text, next.is_some())
                .or_else(|| is_number(text).then(|| (self.quantity_of(text), false))),
        };
        let ((low_words, low_half), (high_words, high_half)) = (end(low)?, end(high)?);
        // After a month they are its days.
        if taken == 1 && month(place.before()).is_some() && is_number(low) && is_number(high) {
            let days = (low.parse().ok()?, high.parse().ok()?);
            let said = (number::ordinal(days.0, false), number::ordinal(days.1, false));
            return Some(Said::one(format!("{} to {}", said.0, said.1)));
        }
        // Years: "2019-2026".
        if let (Some(low), Some(high)) = (year_of(low), year_of(high)) {
            let years = (number::year(low, self.british), number::year(high, self.british));
            return Some(Said::of(format!("{} to {}", years.0, years.1), taken));
        }
        // "555-0142" is no span, nor is "12-04".
        if !low_half
            && !high_half
            && [low, high].iter().any(|t| is_figures(t) && t.len() > 1 && t.starts_with('0'))
        {
            return None;
        }
        let words = format!("{low_words} to {high_words}");
        Some(Said { dot: high.ends_with(".m"), ..Said::of(words, taken) })
    }

    fn quantity_of(self, figures: &str) -> String {
        figures
            .parse()
            .map_or_else(|_| number::digits(figures), |value| number::cardinal(value, self.british))
    }

    /// A time of day in words, and whether it says which half of the day; `half_follows`: the next word
    /// does.
    fn moment(self, text: &str, half_follows: bool) -> Option<(String, bool)> {
        let cut = text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len());
        let (figures, letters) = text.split_at(cut);
        let half = if letters.is_empty() { None } else { Some(half(letters)?) };
        let halved = half.is_some() || half_follows;
        let (hour, minute) = match clock(figures, ':') {
            Some(time) => time,
            None if halved && figures.len() <= 2 && is_figures(figures) => {
                (figures.parse().ok()?, 0)
            }
            None => return None,
        };
        let hours = number::cardinal(hour, self.british);
        let words = match (hour, minute) {
            (0 | 24, 0) if !halved => "midnight".to_owned(),
            (13.., 0) => format!("{hours} hundred"),
            (_, 0) if halved => hours,
            (_, 0) => format!("{hours} o'clock"),
            (_, 1..=9) => format!("{hours} oh {}", number::cardinal(minute, self.british)),
            _ => format!("{hours} {}", number::cardinal(minute, self.british)),
        };
        Some(match half {
            Some(half) => (format!("{words} {half}"), true),
            None => (words, false),
        })
    }

    /// A day after a month's name, a year where the words around say so.
    pub(super) fn dated_number(self, place: Place<'_>) -> Option<String> {
        let core = place.core();
        let before = place.before();
        let after_month = month(before).is_some();
        if after_month
            && core.len() <= 2
            && let Some(day) = core.parse().ok().filter(|day| (1..=31).contains(day))
        {
            return Some(number::ordinal(day, self.british));
        }
        let year = year_of(core)?;
        let lower = before.to_lowercase();
        let is_year = after_month
            || ["in", "since", "of", "by", "year", "until"].contains(&lower.as_str())
            // "from 1999 to 2005".
            || (matches!(lower.as_str(), "from" | "between")
                && matches!(place.after(1), "to" | "and" | "until")
                && year_of(place.after(2)).is_some())
            || (matches!(lower.as_str(), "to" | "and") && year_of(place.second_before()).is_some())
            // A house's number: "1600 Pennsylvania Avenue".
            || (place.joined(1).is_some_and(starts_large))
            // "March 3, 2026", "March 3rd, 2026".
            || (before.starts_with(|letter: char| letter.is_ascii_digit())
                && month(place.second_before()).is_some());
        Some(if is_year {
            number::year(year, self.british)
        } else {
            number::cardinal(year, self.british)
        })
    }
}
