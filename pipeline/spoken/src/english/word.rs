//! Words that are not said as they are spelled: abbreviations, acronyms, Roman numerals; and signs.

use super::{English, calendar, number, state::state};
use crate::{
    Language, alone,
    chunk::{Place, Said, is_figures, starts_large},
    figure::roman,
};

/// How an abbreviation is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// With a full stop, in mid-sentence.
    Dot,
    /// With a full stop that may also end the sentence.
    End,
    /// With a full stop or without.
    Bare,
    /// With a full stop, and a capital.
    Name,
}

use Form::{Bare, Dot, End, Name};

const ABBREVIATIONS: [(&str, &str, Form); 71] = [
    ("mr", "mister", Bare),
    ("mrs", "missus", Bare),
    ("ms", "miz", Dot),
    ("dr", "doctor", Bare),
    ("prof", "professor", Dot),
    ("rev", "reverend", Dot),
    ("hon", "honorable", Dot),
    ("jr", "junior", End),
    ("sr", "senior", End),
    ("st", "street", End),
    ("ave", "avenue", End),
    ("blvd", "boulevard", End),
    ("rd", "road", End),
    ("ln", "lane", End),
    ("hwy", "highway", End),
    ("pkwy", "parkway", End),
    ("sq", "square", End),
    ("bldg", "building", End),
    ("mt", "mount", Name),
    ("ft", "fort", Name),
    ("apt", "apartment", Dot),
    ("ste", "suite", Name),
    ("rm", "room", Dot),
    ("rte", "route", Dot),
    ("p", "page", Dot),
    ("pp", "pages", Dot),
    ("vol", "volume", Dot),
    ("fl", "floor", Dot),
    ("no", "number", Dot),
    ("nos", "numbers", Dot),
    ("tel", "telephone", Dot),
    ("ext", "extension", Dot),
    ("fig", "figure", Dot),
    ("approx", "approximately", Bare),
    ("appt", "appointment", End),
    ("appts", "appointments", End),
    ("dept", "department", End),
    ("govt", "government", Dot),
    ("inc", "incorporated", End),
    ("ltd", "limited", End),
    ("corp", "corporation", End),
    ("co", "company", End),
    ("bros", "brothers", Dot),
    ("est", "established", Dot),
    ("incl", "including", Dot),
    ("max", "maximum", Dot),
    ("etc", "et cetera", End),
    ("e.g", "for example", Dot),
    ("eg", "for example", Dot),
    ("i.e", "that is", Dot),
    ("ie", "that is", Dot),
    ("vs", "versus", Bare),
    ("min", "minutes", Name),
    ("mins", "minutes", Dot),
    ("hr", "hour", Dot),
    ("hrs", "hours", Dot),
    ("mon", "Monday", Name),
    ("tue", "Tuesday", Name),
    ("tues", "Tuesday", Name),
    ("wed", "Wednesday", Name),
    ("thu", "Thursday", Name),
    ("thur", "Thursday", Name),
    ("thurs", "Thursday", Name),
    ("fri", "Friday", Name),
    ("sat", "Saturday", Name),
    ("sun", "Sunday", Name),
    ("w/", "with", Bare),
    ("w/o", "without", Bare),
    ("c/o", "care of", Bare),
    ("a/c", "air conditioning", Bare),
    ("n/a", "not applicable", Bare),
];

/// Said letter by letter although they could be read as words.
const LETTERED: [&str; 51] = [
    "FAQ", "USA", "UK", "EU", "UN", "AI", "API", "URL", "ATM", "CEO", "CFO", "CTO", "COO", "DOB",
    "ETA", "EST", "EDT", "UTC", "IRS", "IOU", "VIP", "UPS", "USPS", "USB", "UFO", "IP", "ER",
    "ICU", "MRI", "DIY", "SUV", "GPA", "UPC", "OTP", "FBI", "CIA", "DNA", "HIV", "ADHD", "RSVP",
    "EMS", "ID", "AED", "OTC", "HMO", "PPO", "EIN", "APR", "IVF", "EKG", "UV",
];

/// Without a vowel, and yet no letters.
const SOUNDS: [&str; 7] = ["HMM", "HM", "SHH", "PSST", "BRR", "TSK", "NTH"];

/// Before a Roman numeral that is a number.
const COUNTED: [&str; 19] = [
    "chapter", "part", "section", "volume", "phase", "type", "class", "level", "stage", "war",
    "act", "appendix", "title", "article", "step", "grade", "tier", "unit", "bowl",
];

/// Before one that is an ordinal.
const CROWNED: [&str; 20] = [
    "Henry",
    "Louis",
    "Elizabeth",
    "Charles",
    "George",
    "William",
    "Edward",
    "James",
    "Richard",
    "Philip",
    "Catherine",
    "Nicholas",
    "Alexander",
    "Pope",
    "Paul",
    "John",
    "Benedict",
    "Peter",
    "Frederick",
    "Francis",
];

impl English {
    /// A chunk without figures.
    pub(super) fn word(self, place: Place<'_>) -> Option<Said> {
        let core = place.core();
        // "Dec." before a day.
        if let Some(name) = calendar::month(core)
            && name != core
            && (place.after(1).starts_with(|letter: char| letter.is_ascii_digit())
                || ["of", "in", "since", "until", "next", "last"].contains(&place.before()))
        {
            let ends = place.is_last(0) || place.is_capital(1);
            return Some(Said { dot: !ends, ..Said::one(name) });
        }
        if let Some(name) = state(core)
            && place.chunk(0).is_some_and(|chunk| chunk.tail.is_empty())
            // "St. Louis, MO 63101", but "ID 12345".
            && place.at.checked_sub(1).is_some_and(|at| place.chunks[at].tail.contains(','))
            && place.after(1).split('-').next().is_some_and(|zip| is_figures(zip) && zip.len() == 5)
        {
            return Some(Said::one(name));
        }
        // "7 x 3".
        if matches!(core, "x" | "X")
            && ends_in_figure(place.before())
            && place.after(1).starts_with(|letter: char| letter.is_ascii_digit())
        {
            return Some(Said::one("by"));
        }
        if let Some(half) = calendar::half(core)
            && (core.contains('.') || ends_in_figure(place.before()))
        {
            return Some(Said::dotted(half, 1));
        }
        if calendar::is_span(place) {
            return Some(Said::one("to"));
        }
        // "Mon – Fri".
        let is_dash = |text: &str| matches!(text, "-" | "–" | "—");
        if let Some(name) = calendar::day(core)
            && (is_dash(place.after(1)) && calendar::day(place.after(2)).is_some()
                || is_dash(place.before()) && calendar::day(place.second_before()).is_some())
        {
            return Some(Said { dot: !place.is_capital(1), ..Said::one(name) });
        }
        // "Flight BA 249".
        if place.before().eq_ignore_ascii_case("flight")
            && core.len() == 2
            && core.bytes().all(|letter| letter.is_ascii_uppercase())
        {
            return Some(Said::one(spaced(core)));
        }
        let days = calendar::days(core).map(|days| Said {
            dot: place.is_dotted(0) && core.contains('.') && !place.is_capital(1),
            ..Said::one(days)
        });
        days.or_else(|| self.currency_before(place))
            .or_else(|| self.abbreviation(place))
            .or_else(|| self.roman(place))
            .or_else(|| lettered(core).map(Said::one))
            .or_else(|| self.signs(place))
    }

    fn abbreviation(self, place: Place<'_>) -> Option<Said> {
        let core = place.core();
        if core.len() > 8 {
            return None;
        }
        let lower = core.to_lowercase();
        let (_, said, form) = ABBREVIATIONS.iter().find(|(written, ..)| *written == lower)?;
        let dotted = place.is_dotted(0);
        let capital = starts_large(core);
        let digit_follows = place.after(1).starts_with(|letter: char| letter.is_ascii_digit());
        // "Apt 12", "Tel: 555-0142".
        let is_plain = matches!(lower.as_str(), "apt" | "ste" | "rm" | "tel" | "ext")
            && (digit_follows || place.after(1).starts_with('('))
            && (capital || lower == "ext");
        if !dotted && *form != Bare && !is_plain || *form == Name && !capital {
            return None;
        }
        let said = match lower.as_str() {
            // "no." also ends sentences.
            "no" | "nos" | "rm" | "fl" | "max" | "p" | "pp" | "vol" | "rte" if !digit_follows => {
                return None;
            }
            // "Dr" and "St" stand before names and after them.
            "dr" if starts_large(place.before()) && !place.is_capital(1) && dotted => "drive",
            "st" if place.is_capital(1) && !is_name(place.before()) => "saint",
            // Letters in capitals are an acronym.
            "est" if core != "est" && core != "Est" => return None,
            _ => said,
        };
        let goes_on = *form != End || !place.is_capital(1) || said == "saint";
        Some(Said { dot: dotted && goes_on, ..Said::one(said) })
    }

    fn roman(self, place: Place<'_>) -> Option<Said> {
        let value = roman(place.core())?;
        let before = place.before();
        if COUNTED.contains(&before.to_lowercase().as_str()) {
            return Some(Said::one(number::cardinal(value, self.british)));
        }
        let crowned = CROWNED.contains(&before) && (value > 1 || place.after(1).is_empty());
        crowned.then(|| Said::one(format!("the {}", number::ordinal(value, self.british))))
    }

    /// Signs by themselves and within words.
    fn signs(self, place: Place<'_>) -> Option<Said> {
        let core = place.core();
        let hash = if self.british { "hash" } else { "pound" };
        match core {
            "#" => return Some(Said::one(hash)),
            "<" => return Some(Said::one("less than")),
            ">" => return Some(Said::one("more than")),
            "/" => return Some(Said::one("slash")),
            _ => {}
        }
        let mut words = String::with_capacity(core.len() + 8);
        let mut changed = false;
        for letter in core.chars() {
            let said = match letter {
                '–' | '—' if core.len() > letter.len_utf8() => {
                    words.push_str(", ");
                    changed = true;
                    continue;
                }
                '/' | '<' | '>' | '_' | '*' if core.len() > 1 => "",
                _ => match sign(letter) {
                    Some(said) => said,
                    None => {
                        words.push(letter);
                        continue;
                    }
                },
            };
            changed = true;
            words.push(' ');
            words.push_str(said);
            words.push(' ');
        }
        changed.then(|| Said::one(alone(&words, Language::English(self))))
    }
}

/// The name of a sign.
pub(super) fn sign(letter: char) -> Option<&'static str> {
    Some(match letter {
        '&' => "and",
        '@' => "at",
        '#' => "hash",
        '*' => "star",
        '=' => "equals",
        '+' => "plus",
        '±' => "plus or minus",
        '×' => "by",
        '÷' => "divided by",
        '≈' => "about",
        '≥' => "at least",
        '≤' => "at most",
        '%' => "percent",
        '°' => "degrees",
        '$' => "dollars",
        '€' => "euros",
        '£' => "pounds",
        '¥' => "yen",
        '₽' => "rubles",
        '№' => "number",
        '§' => "section",
        '²' => "squared",
        '³' => "cubed",
        _ => return None,
    })
}

fn ends_in_figure(text: &str) -> bool {
    text.ends_with(|letter: char| letter.is_ascii_digit())
}

/// Is it a capitalised word, as in a street's name?
fn is_name(text: &str) -> bool {
    starts_large(text) && text.chars().all(|letter| letter.is_alphabetic() || letter == '\'')
}

/// "FAQs" letter by letter.
pub(super) fn lettered(core: &str) -> Option<String> {
    let (body, ending) = match core.strip_suffix("'s").or_else(|| core.strip_suffix('s')) {
        Some(body) => (body, "s"),
        None => (core, ""),
    };
    let fits = (2..=5).contains(&body.len()) && body.bytes().all(|byte| byte.is_ascii_uppercase());
    let halves = ["AM", "PM"];
    if !fits || halves.contains(&body) || SOUNDS.contains(&body) {
        return None;
    }
    let has_vowel = body.contains(['A', 'E', 'I', 'O', 'U', 'Y']);
    if has_vowel && !LETTERED.contains(&body) || is_title(body) {
        return None;
    }
    Some(spaced(body) + ending)
}

/// "MR" in a text all in capitals.
fn is_title(body: &str) -> bool {
    matches!(body, "MR" | "MRS" | "DR" | "MS" | "ST")
}

/// Letter by letter.
pub(super) fn spaced(letters: &str) -> String {
    let mut out = String::with_capacity(letters.len() * 2);
    for letter in letters.chars() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(letter.to_uppercase());
    }
    out
}
