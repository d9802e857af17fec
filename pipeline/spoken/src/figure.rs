//! Numbers as they are written.

use crate::chunk::is_figures;

/// A number, not yet in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Figure {
    pub(crate) minus: bool,
    /// The digits before the point.
    pub(crate) whole: String,
    /// The digits after it.
    pub(crate) part: Option<String>,
    /// Written in groups of three.
    pub(crate) grouped: bool,
}

impl Figure {
    /// With groups by commas and a decimal point: `1,250.50`.
    pub(crate) fn english(text: &str) -> Option<Self> {
        let (minus, text) = sign(text);
        let (whole, part) = match text.split_once('.') {
            Some((whole, part)) => (whole, Some(part)),
            None => (text, None),
        };
        let whole = if whole.is_empty() && part.is_some() { "0" } else { whole };
        Figure::whole(whole, ',', minus)?.with_part(part)
    }

    /// With a decimal comma or point: `3,5`, `3.5`; also as English writes it, `1,250.50`.
    pub(crate) fn russian(text: &str) -> Option<Self> {
        if text.contains(',') && text.contains('.') {
            return Figure::english(text);
        }
        let (minus, text) = sign(text);
        let (whole, part) = match text.split_once([',', '.']) {
            Some((whole, part)) => (whole, Some(part)),
            None => (text, None),
        };
        Figure::whole(whole, '\'', minus)?.with_part(part)
    }

    fn whole(text: &str, separator: char, minus: bool) -> Option<Self> {
        let mut groups = text.split(separator);
        let first = groups.next()?;
        let rest: Vec<&str> = groups.collect();
        let grouped = !rest.is_empty();
        if grouped && (first.len() > 3 || rest.iter().any(|group| group.len() != 3)) {
            return None;
        }
        let whole = first.to_owned() + &rest.concat();
        is_figures(&whole).then_some(Figure { minus, whole, part: None, grouped })
    }

    fn with_part(self, part: Option<&str>) -> Option<Self> {
        match part {
            Some(part) if !is_figures(part) => None,
            part => Some(Figure { part: part.map(str::to_owned), ..self }),
        }
    }

    /// The whole number that it is, if it is one that has a name.
    pub(crate) fn value(&self) -> Option<u64> {
        self.whole.parse().ok().filter(|value| *value < 1_000_000_000_000_000)
    }

    /// Is it exactly one?
    pub(crate) fn is_one(&self) -> bool {
        self.part.is_none() && self.value() == Some(1)
    }

    /// Is it more likely to be dictated than to be a quantity: a code, a postcode? Leading zeros, or five
    /// figures and more, without groups and not round.
    pub(crate) fn is_dictated(&self) -> bool {
        let length = self.whole.len();
        (length > 1 && self.whole.starts_with('0'))
            || (!self.grouped
                && (length > 15
                    || (length == 5 && !self.whole.ends_with("00"))
                    || (length > 5 && !self.whole.ends_with("000"))))
    }
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// The value of a Roman numeral from 1 to 99, in its one right spelling.
pub(crate) fn roman(text: &str) -> Option<u64> {
    const TENS: [&str; 10] = ["", "X", "XX", "XXX", "XL", "L", "LX", "LXX", "LXXX", "XC"];
    const ONES: [&str; 10] = ["", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"];
    let cut = text.find(['I', 'V']).unwrap_or(text.len());
    // "IX" begins with its one.
    let (tens, ones) = text.split_at(cut);
    let tens = TENS.iter().position(|written| *written == tens)?;
    let ones = ONES.iter().position(|written| *written == ones)?;
    let value = (tens * 10 + ones) as u64;
    (value > 0).then_some(value)
}

/// `½` and its like: over, under.
pub(crate) fn vulgar(letter: char) -> Option<(u64, u64)> {
    Some(match letter {
        '½' => (1, 2),
        '⅓' => (1, 3),
        '⅔' => (2, 3),
        '¼' => (1, 4),
        '¾' => (3, 4),
        '⅕' => (1, 5),
        '⅛' => (1, 8),
        _ => return None,
    })
}

/// `9:30`, `09.30` where the separator is a point: the hour, the minute.
pub(crate) fn clock(text: &str, separator: char) -> Option<(u64, u64)> {
    let (hour, minute) = text.split_once(separator)?;
    let fits = hour.len() <= 2 && minute.len() == 2 && is_figures(hour) && is_figures(minute);
    let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
    (fits && hour <= 24 && minute < 60).then_some((hour, minute))
}

/// A day of the calendar: month and day, and the year if it is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Day {
    pub(crate) year: Option<u64>,
    pub(crate) month: u64,
    pub(crate) day: u64,
}

impl Day {
    fn new(year: Option<u64>, month: u64, day: u64) -> Option<Self> {
        const DAYS: [u64; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let most = *DAYS.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
        (1..=most).contains(&day).then_some(Day { year, month, day })
    }

    /// `2026-11-21`, `11/21/2026`, `21.11.26`, `11/21`; where it is not plain which is the month,
    /// `month_first` decides. A year of two figures is of this century.
    pub(crate) fn parse(text: &str, month_first: bool) -> Option<Self> {
        let separator = ['-', '/', '.'].into_iter().find(|sign| text.contains(*sign))?;
        let parts: Vec<&str> = text.split(separator).collect();
        if !parts.iter().all(|part| is_figures(part) && part.len() <= 4) {
            return None;
        }
        let number = |part: &str| part.parse::<u64>().ok();
        let day_and_month = |first: &str, second: &str, year: Option<u64>| {
            if first.len() > 2 || second.len() > 2 {
                return None;
            }
            let (first, second) = (number(first)?, number(second)?);
            let (month, day) = if month_first { (first, second) } else { (second, first) };
            // `10.30` is a time, not the thirtieth of October.
            let may_swap = year.is_some() || separator != '.';
            let swapped = || may_swap.then(|| Day::new(year, day, month)).flatten();
            Day::new(year, month, day).or_else(swapped)
        };
        match parts.as_slice() {
            [year, month, day] if year.len() == 4 && month.len() <= 2 && day.len() <= 2 => {
                Day::new(number(year), number(month)?, number(day)?)
            }
            [first, second, year] if year.len() == 4 => day_and_month(first, second, number(year)),
            [first, second, year] if year.len() == 2 && separator != '-' => {
                day_and_month(first, second, number(year).map(|year| 2000 + year))
            }
            [first, second] if separator != '-' => day_and_month(first, second, None),
            _ => None,
        }
    }
}
