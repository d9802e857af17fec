//! Numbers and the layout's own words, as a language writes them.

use super::Cell;

/// The language a report is in: its tag in the PDF, how numbers are written, the layout's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    English,
    Russian,
}

impl Language {
    /// BCP 47, for the PDF's catalogue.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Russian => "ru",
        }
    }

    /// Groups of three, and the decimal sign. The space does not break.
    fn signs(self) -> (char, char) {
        match self {
            Self::English => (',', '.'),
            Self::Russian => ('\u{a0}', ','),
        }
    }

    pub(super) fn page(self, number: usize, of: usize) -> String {
        match self {
            Self::English => format!("Page {number} of {of}"),
            Self::Russian => format!("Страница {number} из {of}"),
        }
    }

    pub(super) fn report(self) -> &'static str {
        match self {
            Self::English => "Report",
            Self::Russian => "Отчёт",
        }
    }

    pub(super) fn no_data(self) -> &'static str {
        match self {
            Self::English => "No data for this period",
            Self::Russian => "Нет данных за этот период",
        }
    }

    pub(super) fn continued(self) -> &'static str {
        match self {
            Self::English => "continued",
            Self::Russian => "продолжение",
        }
    }

    /// The number with `places` decimals, thousands apart, the sign a true minus.
    pub fn decimal(self, value: f64, places: u8) -> String {
        let (group, point) = self.signs();
        let plain = plain(value, places);
        let (sign, digits) = match plain.strip_prefix('-') {
            Some(digits) => ("\u{2212}", digits),
            None => ("", plain.as_str()),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let mut out = String::from(sign);
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at).is_multiple_of(3) {
                out.push(group);
            }
            out.push(digit);
        }
        if !fraction.is_empty() {
            out.push(point);
            out.push_str(fraction);
        }
        out
    }

    /// The whole number, thousands apart. Exact for every `i64`.
    pub fn whole(self, value: i64) -> String {
        let group = self.signs().0;
        let digits = value.unsigned_abs().to_string();
        let mut out = String::from(if value < 0 { "\u{2212}" } else { "" });
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                out.push(group);
            }
            out.push(digit);
        }
        out
    }

    /// A share of 100, with its sign as the language sets it.
    pub fn percent(self, value: f64, places: u8) -> String {
        match self {
            Self::English => format!("{}%", self.decimal(value, places)),
            Self::Russian => format!("{}\u{a0}%", self.decimal(value, places)),
        }
    }

    pub(super) fn cell(self, cell: &Cell) -> String {
        match cell {
            Cell::Text(text) => text.clone(),
            Cell::Whole(number) => self.whole(*number),
            Cell::Decimal { value, places } => self.decimal(*value, *places),
            Cell::Percent { value, places } => self.percent(*value, *places),
            Cell::Empty => "–".to_owned(),
        }
    }
}

/// As machines read it: a point, no groups, and no minus before a zero.
pub(super) fn plain(value: f64, places: u8) -> String {
    let text = format!("{value:.*}", usize::from(places.min(9)));
    match text.strip_prefix('-') {
        Some(digits) if digits.bytes().all(|byte| byte == b'0' || byte == b'.') => {
            digits.to_owned()
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_language_writes_them() {
        assert_eq!(Language::English.decimal(1_234_567.891, 2), "1,234,567.89");
        assert_eq!(Language::Russian.decimal(1234.5, 1), "1\u{a0}234,5");
        assert_eq!(Language::English.decimal(-0.001, 1), "0.0");
        assert_eq!(Language::English.whole(-1000), "\u{2212}1,000");
        assert_eq!(Language::English.whole(i64::MIN), "\u{2212}9,223,372,036,854,775,808");
        assert_eq!(Language::Russian.percent(12.34, 1), "12,3\u{a0}%");
    }
}
