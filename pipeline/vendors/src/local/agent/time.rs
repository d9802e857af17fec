//! A day and a time of day as callers say them, found among other words and said back in words. No
//! calendar is kept: "next Tuesday" stays "next Tuesday".

use super::words::{self, Word};

/// What was said of a time. Parts may be missing; corrections replace parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Time {
    /// "next Tuesday", "tomorrow", "the fifteenth of March".
    pub day: Option<String>,
    /// "at three", "around half past nine".
    pub clock: Option<String>,
    /// "in the afternoon".
    pub part: Option<String>,
    /// "as soon as possible": it needs neither.
    pub whole: Option<String>,
}

const HOURS: [&str; 13] = [
    "twelve", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
];

const TEENS: [&str; 10] = [
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];

const TENS: [&str; 6] = ["", "", "twenty", "thirty", "forty", "fifty"];

const ORDINALS: [&str; 20] = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
];

const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

const MONTHS: [&str; 12] = [
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

/// A number from 0 to 59, in figures or words; a compound's second word is not looked at.
pub(super) fn small_number(low: &str) -> Option<u32> {
    if let Ok(number) = low.parse::<u32>() {
        return (number < 60).then_some(number);
    }
    let ones = HOURS[1..10].iter().position(|name| *name == low).map(|place| place as u32 + 1);
    let teens = || TEENS.iter().position(|name| *name == low).map(|place| place as u32 + 10);
    let tens = || TENS.iter().position(|name| *name == low).filter(|place| *place > 1);
    ones.or_else(teens).or_else(|| tens().map(|place| place as u32 * 10))
}

/// A number from 1 to 59 in words.
fn in_words(number: u32) -> String {
    match number {
        0 => String::new(),
        1..=9 => HOURS[number as usize].to_owned(),
        10..=19 => TEENS[number as usize - 10].to_owned(),
        _ if number.is_multiple_of(10) => TENS[number as usize / 10 % 6].to_owned(),
        _ => format!("{} {}", TENS[number as usize / 10 % 6], HOURS[number as usize % 10]),
    }
}

/// A day of the month, in words, and how many words it took.
fn ordinal(words: &[Word]) -> Option<(String, usize)> {
    let low = words.first()?.low.as_str();
    for tens in ["twenty", "thirty"] {
        let rest = low.strip_prefix(tens).map(|rest| rest.trim_start_matches('-'));
        let (rest, taken) = match rest {
            Some("") => (words.get(1).map_or("", |word| word.low.as_str()), 2),
            Some(rest) => (rest, 1),
            None => continue,
        };
        if ORDINALS[..9].contains(&rest) && (tens == "twenty" || rest == "first") {
            return Some((format!("{tens} {rest}"), taken));
        }
    }
    if ORDINALS.contains(&low) || low == "thirtieth" {
        return Some((low.to_owned(), 1));
    }
    let digits = ["st", "nd", "rd", "th"].iter().find_map(|ending| low.strip_suffix(ending))?;
    Some((nth(digits.parse().ok()?)?, 1))
}

/// A day of the month as an ordinal in words.
fn nth(day: u32) -> Option<String> {
    match day {
        1..=20 => Some(ORDINALS[day as usize - 1].to_owned()),
        21..=29 => Some(format!("twenty {}", ORDINALS[day as usize - 21])),
        30 => Some("thirtieth".to_owned()),
        31 => Some("thirty first".to_owned()),
        _ => None,
    }
}

fn named(low: &str, names: &[&'static str]) -> Option<&'static str> {
    names.iter().copied().find(|name| {
        let name = name.to_ascii_lowercase();
        low == name || low.strip_suffix('s') == Some(name.as_str())
    })
}

impl Time {
    /// Finds a time among other words. With `bare`, a number alone is an hour: a time was asked for.
    pub fn find(text: &str, bare: bool) -> Time {
        let words = words::words(text);
        let mut time = Time::default();
        let mut place = 0;
        while place < words.len() {
            let taken = time
                .take_day(&words, place)
                .or_else(|| time.take_part(&words, place))
                .or_else(|| time.take_clock(&words, place, bare));
            place += taken.unwrap_or(1);
        }
        let tokens = words::tokens(text);
        let soon = ["as soon as possible", "asap", "first available", "earliest", "soonest"];
        let any = ["any time", "anytime", "whenever", "do not mind", "does not matter"];
        if time.clock.is_none() && time.part.is_none() {
            if words::has_any(&tokens, &soon) {
                time.whole = Some("as soon as possible".to_owned());
            } else if words::has_any(&tokens, &any) {
                match time.day {
                    Some(_) => time.clock = Some("at any time".to_owned()),
                    None => time.whole = Some("at any time".to_owned()),
                }
            }
        }
        time
    }

    pub fn is_empty(&self) -> bool {
        *self == Time::default()
    }

    /// Are a day and a time of day known?
    pub fn is_complete(&self) -> bool {
        self.whole.is_some()
            || (self.day.is_some() && (self.clock.is_some() || self.part.is_some()))
    }

    /// What was said later stands in place of what was said before, part by part.
    pub fn corrected_by(&self, later: &Time) -> Time {
        if later.whole.is_some() && later.day.is_none() {
            return later.clone();
        }
        Time {
            day: later.day.clone().or_else(|| self.day.clone()),
            clock: match (&later.clock, &later.part) {
                (Some(clock), _) => Some(clock.clone()),
                // "In the morning" after "at three" leaves no hour standing.
                (None, Some(part)) if self.part.as_ref() != Some(part) => None,
                (None, _) => self.clock.clone(),
            },
            part: later.part.clone().or_else(|| self.part.clone()),
            whole: None,
        }
    }

    fn take_day(&mut self, words: &[Word], at: usize) -> Option<usize> {
        let low = |ahead: usize| words.get(at + ahead).map_or("", |word| word.low.as_str());
        let which = matches!(low(0), "next" | "this" | "coming" | "following");
        if which {
            if let Some(weekday) = named(low(1), &WEEKDAYS) {
                self.add_day(format!("{} {weekday}", low(0)));
                return Some(2);
            }
            if matches!(low(1), "week" | "month") {
                self.add_day(format!("{} {}", low(0), low(1)));
                return Some(2);
            }
            return None;
        }
        if let Some(weekday) = named(low(0), &WEEKDAYS) {
            self.add_day(weekday.to_owned());
            return Some(1);
        }
        if (low(0), low(1), low(2)) == ("day", "after", "tomorrow") {
            self.add_day("the day after tomorrow".to_owned());
            return Some(3);
        }
        match low(0) {
            "today" | "tomorrow" => {
                self.add_day(low(0).to_owned());
                return Some(1);
            }
            "tonight" => {
                self.add_day("today".to_owned());
                self.part = Some("in the evening".to_owned());
                return Some(1);
            }
            "in" if matches!(low(2), "day" | "days" | "week" | "weeks") => {
                let count = match low(1) {
                    "a" | "one" => "a".to_owned(),
                    other => in_words(small_number(other)?),
                };
                self.add_day(format!("in {count} {}", low(2)));
                return Some(3);
            }
            _ => {}
        }
        // "March the fifteenth", "the fifteenth of March", "March 15".
        if let Some(month) = named(low(0), &MONTHS) {
            let skip = usize::from(low(1) == "the");
            if let Some((day, taken)) = ordinal(&words[(at + 1 + skip).min(words.len())..]) {
                self.add_day(format!("the {day} of {month}"));
                return Some(1 + skip + taken);
            }
            let day = small_number(low(1)).and_then(nth)?;
            self.add_day(format!("the {day} of {month}"));
            return Some(2);
        }
        let skip = usize::from(low(0) == "the");
        let (day, taken) = ordinal(&words[(at + skip).min(words.len())..])?;
        let of = usize::from(low(skip + taken) == "of");
        if let Some(month) = named(low(skip + taken + of), &MONTHS) {
            self.add_day(format!("the {day} of {month}"));
            return Some(skip + taken + of + 1);
        }
        // "First thing", "one second": only with its article is it a date.
        if skip == 1 && !matches!(low(skip + taken), "one" | "thing" | "available" | "time") {
            self.add_day(format!("the {day}"));
            return Some(skip + taken);
        }
        None
    }

    fn add_day(&mut self, day: String) {
        let weekly = |day: &str| day.ends_with("week") || day.ends_with("month");
        let weekday = |day: &str| WEEKDAYS.contains(&day);
        self.day = Some(match self.day.take() {
            Some(before) if weekly(&before) && weekday(&day) => format!("{day} {before}"),
            Some(before) if weekday(&before) && (weekly(&day) || day.starts_with("the ")) => {
                format!("{before} {day}")
            }
            // The last one said counts: "Tuesday, no, Wednesday".
            _ => day,
        });
    }

    fn take_part(&mut self, words: &[Word], at: usize) -> Option<usize> {
        let low = words[at].low.as_str();
        let part = match low {
            "morning" | "mornings" => "in the morning",
            "afternoon" | "afternoons" => "in the afternoon",
            "evening" | "evenings" => "in the evening",
            "night" => "at night",
            "lunchtime" => "around lunchtime",
            _ => return None,
        };
        let before = |back: usize| at.checked_sub(back).map_or("", |at| words[at].low.as_str());
        if before(1) == "good" {
            return Some(1);
        }
        let shade = match (before(1), before(2), before(3)) {
            ("early" | "late", ..) => Some(before(1)),
            ("the", "in", "early" | "late") => Some(before(3)),
            _ => None,
        };
        self.part = Some(match shade {
            Some(shade) => part.replace("in the ", &format!("in the {shade} ")),
            None => part.to_owned(),
        });
        Some(1)
    }

    fn take_clock(&mut self, words: &[Word], at: usize, bare: bool) -> Option<usize> {
        let low = |ahead: usize| words.get(at + ahead).map_or("", |word| word.low.as_str());
        let before = at.checked_sub(1).map_or("", |at| words[at].low.as_str());
        let lead = match before {
            "around" | "about" | "after" | "before" | "by" | "from" => before,
            _ => "at",
        };
        if matches!(low(0), "noon" | "midday" | "midnight") {
            self.set_clock(format!("{lead} {}", low(0)));
            return Some(1);
        }
        let (minutes, side, hour_at) = match (low(0), low(1)) {
            ("half", "past") => ("half".to_owned(), "past", 2),
            ("quarter", side @ ("past" | "to")) => {
                ("a quarter".to_owned(), if side == "past" { "past" } else { "to" }, 2)
            }
            (_, side @ ("past" | "to")) if small_number(low(2)).is_some() => {
                let minutes = in_words(small_number(low(0))?);
                (minutes, if side == "past" { "past" } else { "to" }, 2)
            }
            _ => (String::new(), "", 0),
        };
        if hour_at > 0 {
            let hour = small_number(low(hour_at)).filter(|hour| (1..=12).contains(hour))?;
            self.set_clock(format!("{lead} {minutes} {side} {}", HOURS[hour as usize]));
            return Some(hour_at + 1);
        }

        // "3:30pm", "3pm", "15:00", "three thirty", "three".
        let (figure, glued) = match low(0) {
            word if word.ends_with("pm") => (word.trim_end_matches("pm"), Some("pm")),
            word if word.ends_with("am") => (word.trim_end_matches("am"), Some("am")),
            word => (word, None),
        };
        let (hour, mut minute, colon) = match figure.split_once(':') {
            Some((hour, minute)) => (hour.parse().ok()?, minute.parse().ok()?, true),
            None => (small_number(figure)?, 0, false),
        };
        let mut taken = 1;
        if !(hour <= 23 && minute <= 59) || (hour == 0 && !colon) {
            return None;
        }
        let mut sure = colon || glued.is_some();
        if !colon
            && glued.is_none()
            && !words[at].ends
            && let Some(number) = small_number(low(1)).filter(|number| *number >= 10)
            && hour <= 12
        {
            minute = number;
            taken += 1;
            sure = true;
            if number >= 20
                && number % 10 == 0
                && let Some(one) = small_number(low(2)).filter(|one| (1..10).contains(one))
            {
                minute += one;
                taken += 1;
            }
        }
        if matches!(low(taken), "oclock" | "clock") {
            taken += 1;
            sure = true;
        } else if low(taken) == "o" && low(taken + 1) == "clock" {
            taken += 2;
            sure = true;
        }
        let mut half = glued;
        if half.is_none() && matches!(low(taken), "am" | "pm") {
            half = Some(if low(taken) == "am" { "am" } else { "pm" });
            taken += 1;
            sure = true;
        } else if half.is_none() && matches!((low(taken), low(taken + 1)), ("a" | "p", "m")) {
            half = Some(if low(taken) == "a" { "am" } else { "pm" });
            taken += 2;
            sure = true;
        }
        sure |= matches!((low(taken), low(taken + 1)), ("in", "the"));
        sure |= matches!(before, "at" | "around" | "by" | "after" | "before");
        let counts = matches!(
            low(taken),
            "people"
                | "days"
                | "weeks"
                | "minutes"
                | "hours"
                | "dollars"
                | "years"
                | "teeth"
                | "of"
        );
        if counts || !(sure || (bare && hour <= 12)) {
            return None;
        }
        self.set_clock(format!("{lead} {}", spoken_hour(hour, minute)));
        let part = match (half, hour) {
            (Some("am"), _) => Some("in the morning"),
            (Some(_), 12 | 1..=5) => Some("in the afternoon"),
            (Some(_), _) => Some("in the evening"),
            (None, 13..=17) => Some("in the afternoon"),
            (None, 18..) => Some("in the evening"),
            (None, _) => None,
        };
        if let Some(part) = part {
            self.part = Some(part.to_owned());
        }
        Some(taken)
    }

    fn set_clock(&mut self, clock: String) {
        self.clock = Some(clock);
    }
}

fn spoken_hour(hour: u32, minute: u32) -> String {
    let hour = HOURS[(hour % 12) as usize];
    match minute {
        0 => hour.to_owned(),
        1..=9 => format!("{hour} oh {}", in_words(minute)),
        _ => format!("{hour} {}", in_words(minute)),
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [&self.day, &self.clock, &self.part, &self.whole];
        let said: Vec<&str> = parts.iter().filter_map(|part| part.as_deref()).collect();
        f.write_str(&said.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::Time;

    fn said(text: &str) -> String {
        Time::find(text, true).to_string()
    }

    #[test]
    fn a_time_is_said_back_in_the_callers_words() {
        for (heard, told) in [
            (
                "Next Tuesday at three in the afternoon, please.",
                "next Tuesday at three in the afternoon",
            ),
            ("tomorrow morning", "tomorrow in the morning"),
            ("Friday 3 p.m.", "Friday at three in the afternoon"),
            ("on Friday at 10:30 AM", "Friday at ten thirty in the morning"),
            ("the 15th of march at half past nine", "the fifteenth of March at half past nine"),
            ("March twenty first around noon", "the twenty first of March around noon"),
            ("Monday at 15:00", "Monday at three in the afternoon"),
            ("next week on Thursday at nine o'clock", "Thursday next week at nine"),
            ("three thirty on Wednesday", "Wednesday at three thirty"),
            ("Tuesday, no, Wednesday at four", "Wednesday at four"),
            ("as soon as possible", "as soon as possible"),
            ("any time on Friday", "Friday at any time"),
            ("quarter to five tomorrow", "tomorrow at a quarter to five"),
            ("late afternoon on Monday", "Monday in the late afternoon"),
            ("I have three children", ""),
        ] {
            let bare = !heard.contains("children");
            assert_eq!(Time::find(heard, bare).to_string(), told, "{heard}");
        }
        assert_eq!(said("good morning"), "");
    }

    #[test]
    fn a_correction_replaces_its_part() {
        let time = Time::find("next Tuesday at three in the afternoon", true);
        let later = Time::find("no, at four", true);
        let corrected = time.corrected_by(&later);
        assert_eq!(corrected.to_string(), "next Tuesday at four in the afternoon");
        let later = Time::find("I meant Wednesday", true);
        let corrected = corrected.corrected_by(&later).to_string();
        assert_eq!(corrected, "Wednesday at four in the afternoon");
    }
}
