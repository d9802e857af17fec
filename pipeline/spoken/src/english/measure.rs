//! Sums of money, percentages, degrees and units in English.

use super::{English, number};
use crate::{
    chunk::{Place, Said, is_figures},
    figure::{Figure, vulgar},
};

/// A currency: its sign or letters, one and many of it, one and many of its hundredth.
type Currency = (&'static str, [&'static str; 4]);

const DOLLAR: [&str; 4] = ["dollar", "dollars", "cent", "cents"];
const EURO: [&str; 4] = ["euro", "euros", "cent", "cents"];
const POUND: [&str; 4] = ["pound", "pounds", "penny", "pence"];
const RUBLE: [&str; 4] = ["ruble", "rubles", "kopeck", "kopecks"];
const YEN: [&str; 4] = ["yen", "yen", "sen", "sen"];

const TENGE: [&str; 4] = ["tenge", "tenge", "tiyn", "tiyn"];
const SOM: [&str; 4] = ["som", "som", "tiyin", "tiyin"];

/// Before the amount.
const BEFORE: [Currency; 14] = [
    ("US$", DOLLAR),
    ("CA$", DOLLAR),
    ("AU$", DOLLAR),
    ("NZ$", DOLLAR),
    ("HK$", DOLLAR),
    ("A$", DOLLAR),
    ("C$", DOLLAR),
    ("$", DOLLAR),
    ("£", POUND),
    ("€", EURO),
    ("¥", YEN),
    ("₽", RUBLE),
    ("₸", TENGE),
    ("₹", ["rupee", "rupees", "paisa", "paise"]),
];

/// After it, at once or after a space.
const AFTER: [Currency; 17] = [
    ("$", DOLLAR),
    ("£", POUND),
    ("€", EURO),
    ("¥", YEN),
    ("₽", RUBLE),
    ("¢", ["cent", "cents", "", ""]),
    ("USD", DOLLAR),
    ("EUR", EURO),
    ("GBP", POUND),
    ("RUB", RUBLE),
    ("JPY", YEN),
    ("₸", TENGE),
    ("KZT", TENGE),
    ("UZS", SOM),
    ("so'm", SOM),
    ("soʻm", SOM),
    ("сум", SOM),
];

const SCALES: [(&str, &str); 9] = [
    ("bn", "billion"),
    ("mn", "million"),
    ("k", "thousand"),
    ("K", "thousand"),
    ("m", "million"),
    ("M", "million"),
    ("b", "billion"),
    ("B", "billion"),
    ("T", "trillion"),
];

const NAMED: [&str; 5] = ["hundred", "thousand", "million", "billion", "trillion"];

/// As written after figures, one and many.
const UNITS: [(&str, &str, &str); 59] = [
    ("km", "kilometer", "kilometers"),
    ("m", "meter", "meters"),
    ("cm", "centimeter", "centimeters"),
    ("mm", "millimeter", "millimeters"),
    ("mi", "mile", "miles"),
    ("ft", "foot", "feet"),
    ("yd", "yard", "yards"),
    ("kg", "kilogram", "kilograms"),
    ("g", "gram", "grams"),
    ("mg", "milligram", "milligrams"),
    ("mcg", "microgram", "micrograms"),
    ("lb", "pound", "pounds"),
    ("lbs", "pound", "pounds"),
    ("oz", "ounce", "ounces"),
    ("l", "liter", "liters"),
    ("L", "liter", "liters"),
    ("ml", "milliliter", "milliliters"),
    ("mL", "milliliter", "milliliters"),
    ("gal", "gallon", "gallons"),
    ("h", "hour", "hours"),
    ("hr", "hour", "hours"),
    ("hrs", "hour", "hours"),
    ("min", "minute", "minutes"),
    ("mins", "minute", "minutes"),
    ("s", "second", "seconds"),
    ("sec", "second", "seconds"),
    ("secs", "second", "seconds"),
    ("ms", "millisecond", "milliseconds"),
    ("yr", "year", "years"),
    ("yrs", "year", "years"),
    ("mo", "month", "months"),
    ("wk", "week", "weeks"),
    ("wks", "week", "weeks"),
    ("mph", "mile per hour", "miles per hour"),
    ("kph", "kilometer per hour", "kilometers per hour"),
    ("KB", "kilobyte", "kilobytes"),
    ("kB", "kilobyte", "kilobytes"),
    ("MB", "megabyte", "megabytes"),
    ("GB", "gigabyte", "gigabytes"),
    ("TB", "terabyte", "terabytes"),
    ("Mbps", "megabit per second", "megabits per second"),
    ("Gbps", "gigabit per second", "gigabits per second"),
    ("Hz", "hertz", "hertz"),
    ("kHz", "kilohertz", "kilohertz"),
    ("MHz", "megahertz", "megahertz"),
    ("GHz", "gigahertz", "gigahertz"),
    ("W", "watt", "watts"),
    ("kW", "kilowatt", "kilowatts"),
    ("kWh", "kilowatt hour", "kilowatt hours"),
    ("V", "volt", "volts"),
    ("kcal", "kilocalorie", "kilocalories"),
    ("dB", "decibel", "decibels"),
    ("m²", "square meter", "square meters"),
    ("m³", "cubic meter", "cubic meters"),
    ("km²", "square kilometer", "square kilometers"),
    ("sqft", "square foot", "square feet"),
    ("pts", "point", "points"),
    ("tsp", "teaspoon", "teaspoons"),
    ("tbsp", "tablespoon", "tablespoons"),
];

fn unit(written: &str) -> Option<(String, String)> {
    let known = |written: &str| UNITS.iter().find(|(name, ..)| *name == written);
    if let Some((_, one, many)) = known(written) {
        return Some(((*one).to_owned(), (*many).to_owned()));
    }
    let (over, under) = written.split_once('/')?;
    let (_, one, many) = known(over)?;
    let per = match known(under) {
        Some((_, per, _)) => per,
        None => ["day", "week", "night", "dose", "hour", "minute", "second", "month", "year"]
            .iter()
            .find(|each| **each == under)?,
    };
    Some((format!("{one} per {per}"), format!("{many} per {per}")))
}

impl English {
    /// "$1,299.50", "£3m", "5 EUR", "$5-10", "$20/hr".
    pub(super) fn money(self, place: Place<'_>) -> Option<Said> {
        let core = place.core();
        let (minus, body) = match core.strip_prefix('-') {
            Some(rest) => ("minus ", rest),
            None => ("", core),
        };
        if let Some((rest, names)) = BEFORE
            .iter()
            .find_map(|(sign, names)| body.strip_prefix(sign).map(|rest| (rest, names)))
        {
            let (rest, per) = self.per(rest);
            // "$15 - $20".
            let sign = &body[..body.len() - rest.len().min(body.len())];
            if matches!(place.joined(1), Some("-" | "–" | "—"))
                && let Some(high) = place.joined(2).and_then(|high| high.strip_prefix(sign))
                && let (Some(low), Some(high)) = (self.amount(rest), self.sum(high, names, sign))
            {
                return Some(Said::of(format!("{minus}{low} to {high}"), 3));
            }
            if let Some(scale) = place.joined(1).filter(|word| NAMED.contains(word)) {
                let amount = self.amount(rest)?;
                return Some(Said::of(format!("{minus}{amount} {scale} {}{per}", names[1]), 2));
            }
            let sign = &body[..body.len()
                - body.trim_start_matches(|c: char| !c.is_ascii_digit() && c != '.').len()];
            return Some(Said::one(format!("{minus}{}{per}", self.sum(rest, names, sign)?)));
        }
        let (body, per) = self.per(body);
        if let Some((rest, names)) =
            AFTER.iter().find_map(|(sign, names)| body.strip_suffix(sign).map(|rest| (rest, names)))
        {
            return Some(Said::one(format!("{minus}{}{per}", self.sum(rest, names, "")?)));
        }
        // "50 000 KZT": groups that white space sets apart.
        let mut amount = body.to_owned();
        let mut taken = 1;
        while (1..=3).contains(&body.len())
            && taken < 5
            && let Some(group) = place.joined(taken).filter(|group| group.len() == 3)
            && is_figures(group)
        {
            amount.push_str(group);
            taken += 1;
        }
        let (next, per) = self.per(place.joined(taken)?);
        let (_, names) = AFTER.iter().find(|(sign, _)| *sign == next)?;
        Some(Said::of(format!("{minus}{}{per}", self.sum(&amount, names, "")?), taken + 1))
    }

    /// "USD 5": the letters stand before the amount.
    pub(super) fn currency_before(self, place: Place<'_>) -> Option<Said> {
        let (_, names) = AFTER.iter().find(|(letters, _)| *letters == place.core())?;
        let figures = place.joined(1).filter(|next| next.starts_with(|c: char| c.is_ascii_digit()));
        Some(Said::of(self.sum(figures?, names, "")?, 2))
    }

    /// Sets apart "/mo", "/hour": what is paid for.
    fn per(self, text: &str) -> (&str, String) {
        let Some((rest, each)) = text.split_once('/') else { return (text, String::new()) };
        let is_word = !each.is_empty() && each.chars().all(|letter| letter.is_ascii_lowercase());
        if !is_word {
            return (text, String::new());
        }
        let each = UNITS.iter().find(|(name, ..)| *name == each).map_or(each, |(_, one, _)| one);
        (rest, format!(" per {each}"))
    }

    fn amount(self, text: &str) -> Option<String> {
        let figure = Figure::english(text)?;
        // An amount is a quantity, whatever its length.
        let words = figure.value().map(|value| number::cardinal(value, self.british))?;
        let minus = if figure.minus { "minus " } else { "" };
        Some(match &figure.part {
            Some(part) => format!("{minus}{words} point {}", number::digits(part)),
            None => format!("{minus}{words}"),
        })
    }

    /// An amount with its currency.
    fn sum(self, text: &str, names: &[&str; 4], sign: &str) -> Option<String> {
        let [one, many, cent, cents] = names;
        if let Some((low, high)) = text.split_once(['-', '–']) {
            let high = high.strip_prefix(sign).unwrap_or(high);
            if let Some(low) = self.amount(low) {
                return Some(format!("{low} to {}", self.sum(high, names, sign)?));
            }
        }
        if let Some(rest) = text.strip_suffix('+') {
            return Some(format!("{} plus", self.sum(rest, names, sign)?));
        }
        for (suffix, scale) in SCALES {
            if let Some(rest) = text.strip_suffix(suffix) {
                return Some(format!("{} {scale} {many}", self.amount(rest)?));
            }
        }
        let figure = Figure::english(text)?;
        let hundredths = figure.part.as_deref().filter(|part| part.len() == 2);
        let Some(hundredths) = hundredths.filter(|_| !cent.is_empty()) else {
            let name = if figure.is_one() { one } else { many };
            return Some(format!("{} {name}", self.amount(text)?));
        };
        let whole = Figure { part: None, ..figure.clone() };
        let name = if whole.is_one() { one } else { many };
        let minus = if whole.minus { "minus " } else { "" };
        let value = whole.value()?;
        let hundredths: u64 = hundredths.parse().ok()?;
        let cent = if hundredths == 1 { cent } else { cents };
        let (value_words, cent_words) =
            (number::cardinal(value, self.british), number::cardinal(hundredths, self.british));
        Some(match (value, hundredths) {
            (_, 0) => format!("{minus}{value_words} {name}"),
            (0, _) => format!("{minus}{cent_words} {cent}"),
            _ => format!("{minus}{value_words} {name} and {cent_words} {cent}"),
        })
    }

    /// "20%", "-5 °C", "500 mg", "10–15 km/h".
    pub(super) fn measure(self, place: Place<'_>) -> Option<Said> {
        let core = place.core();
        for (sign, name) in [("%", "percent"), ("‰", "per mille")] {
            if let Some(rest) = core.strip_suffix(sign) {
                return Some(Said::one(format!("{} {name}", self.quantity(rest)?.0)));
            }
        }
        if let Some((figures, scale)) = core.find('°').map(|at| core.split_at(at)) {
            let (words, is_one) = self.quantity(figures)?;
            if let Some(scale) = place.joined(1).filter(|next| scale == "°" && is_scale(next)) {
                return Some(Said::of(format!("{words} {}", degrees(scale, is_one)?), 2));
            }
            return Some(Said::one(format!("{words} {}", degrees(scale, is_one)?)));
        }
        if let Some(next) = place.joined(1)
            && let Some((words, is_one)) = self.quantity(core)
        {
            if next == "%" {
                return Some(Said::of(format!("{words} percent"), 2));
            }
            if next.starts_with('°') {
                return Some(Said::of(format!("{words} {}", degrees(next, is_one)?), 2));
            }
            // "10 sq ft".
            if next == "sq" || next == "sq." {
                let name = match place.after(2) {
                    "ft" => "square feet",
                    "in" => "square inches",
                    "m" => "square meters",
                    "mi" => "square miles",
                    _ => return None,
                };
                return Some(Said::of(format!("{words} {name}"), 3));
            }
            // "5 ft 10 in"; elsewhere it is a preposition.
            let is_length = matches!(place.before(), "ft" | "feet" | "foot")
                || place.is_dotted(1) && place.chunk(2).is_some() && !place.is_capital(2);
            if next == "in" && is_length {
                let name = if is_one { "inch" } else { "inches" };
                return Some(Said::dotted(format!("{words} {name}"), 2));
            }
            if let Some((one, many)) = unit(next) {
                let name = if is_one { one } else { many };
                let abbreviated = place.is_dotted(1) && !place.is_capital(2);
                return Some(Said { dot: abbreviated, ..Said::of(format!("{words} {name}"), 2) });
            }
        }
        let cut = core.find(|letter: char| letter.is_alphabetic())?;
        let (figures, written) = core.split_at(cut);
        // "10-minute" has no short unit; "20K" is a quantity too.
        let is_joined = figures.ends_with('-');
        let figures = figures.trim_end_matches('-');
        let (words, is_one) = self.quantity(figures)?;
        if let ("k" | "K", true) = (written, figures.len() <= 4) {
            return Some(Said::one(format!("{words} thousand")));
        }
        // "1.2M users".
        if let ("M" | "B", true) = (written, figures.contains('.')) {
            let scale = if written == "M" { "million" } else { "billion" };
            return Some(Said::one(format!("{words} {scale}")));
        }
        // "1h 30m".
        let has_hours = place.before().ends_with('h')
            && place.before().starts_with(|c: char| c.is_ascii_digit());
        let written = if written == "m" && has_hours { "min" } else { written };
        let (one, many) = unit(written)?;
        // "a 5-lb bag" is one of five pound.
        Some(Said::one(format!("{words} {}", if is_one || is_joined { one } else { many })))
    }

    /// A number, a fraction or a range before a unit; and is it one?
    fn quantity(self, text: &str) -> Option<(String, bool)> {
        if let Some(figure) = Figure::english(text) {
            let plus = if text.starts_with('+') { "plus " } else { "" };
            let words = self.amount(text).unwrap_or_else(|| number::figure(&figure, self.british));
            return Some((format!("{plus}{words}"), figure.is_one()));
        }
        if let Some(last) = text.chars().next_back()
            && let Some((over, under)) = vulgar(last)
        {
            return Some((
                self.with_fraction(&text[..text.len() - last.len_utf8()], over, under)?,
                false,
            ));
        }
        let (low, high) = text.split_once(['-', '–'])?;
        // "5%–10%".
        let low = low.strip_suffix('%').unwrap_or(low);
        Some((format!("{} to {}", self.amount(low)?, self.amount(high)?), false))
    }

    /// "one and a half".
    pub(super) fn with_fraction(self, whole: &str, over: u64, under: u64) -> Option<String> {
        let part = number::fraction(over, under)?;
        if whole.is_empty() {
            return Some(part);
        }
        let part = part.replacen("one ", "a ", 1);
        Some(format!("{} and {part}", self.amount(whole)?))
    }
}

fn is_scale(text: &str) -> bool {
    matches!(text, "C" | "F")
}

/// What follows a temperature's figures.
fn degrees(scale: &str, is_one: bool) -> Option<String> {
    let unit = if is_one { "degree" } else { "degrees" };
    match scale.trim_start_matches('°') {
        "C" => Some(format!("{unit} Celsius")),
        "F" => Some(format!("{unit} Fahrenheit")),
        "" => Some(unit.to_owned()),
        _ => None,
    }
}
