//! English as it is said, in America and in Britain.

use crate::{
    Language,
    address::{Part, address},
    alone,
    chunk::{Chunk, Place, Said, is_figures},
    figure::{Figure, vulgar},
    telephone::Telephone,
};

mod calendar;
mod measure;
mod number;
mod state;
mod word;

/// How dates are written and numbers said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct English {
    /// The day before the month, "and" before the last two figures.
    pub(crate) british: bool,
}

/// After these, figures are a code.
const CODES: [&str; 25] = [
    "code",
    "pin",
    "id",
    "order",
    "reference",
    "ref",
    "confirmation",
    "account",
    "case",
    "ticket",
    "tracking",
    "booking",
    "reservation",
    "invoice",
    "policy",
    "extension",
    "ext",
    "zip",
    "passcode",
    "password",
    "number",
    "postcode",
    "serial",
    "flight",
    "room",
];

impl English {
    pub(crate) fn say(self, place: Place<'_>) -> Option<Said> {
        let core = place.core();
        if core.is_empty() {
            return None;
        }
        if let Some(parts) = address(core) {
            return Some(Said::one(self.address(&parts)));
        }
        let is_figure = |letter: char| letter.is_ascii_digit() || vulgar(letter).is_some();
        if !core.contains(is_figure) {
            return self.word(place);
        }
        self.compared(place)
            .or_else(|| self.telephone(place))
            .or_else(|| self.money(place))
            .or_else(|| self.date(place))
            .or_else(|| self.decade(place).map(Said::one))
            .or_else(|| self.measure(place))
            .or_else(|| self.time(place))
            .or_else(|| self.count(place))
            .or_else(|| Some(Said::one(self.mixed(place))))
    }

    /// "~5", "<10", ">100 kg": what follows the sign is said as by itself.
    fn compared(self, place: Place<'_>) -> Option<Said> {
        let core = place.core();
        let sign = core.chars().next()?;
        let words = match sign {
            '~' | '≈' => "about",
            '<' => "less than",
            '>' => "more than",
            '≥' => "at least",
            '≤' => "at most",
            '±' => "plus or minus",
            _ => return None,
        };
        let rest = core[sign.len_utf8()..].to_owned();
        if rest.starts_with(['~', '≈', '<', '>', '±', '≥', '≤']) {
            return None;
        }
        let last = (place.at + 8).min(place.chunks.len());
        let mut chunks: Vec<Chunk> = place.chunks[place.at..last].to_vec();
        chunks.first_mut()?.core = rest;
        let said = self.say(Place { chunks: &chunks, at: 0 })?;
        Some(Said { words: format!("{words} {}", said.words), ..said })
    }

    fn telephone(self, place: Place<'_>) -> Option<Said> {
        let number = Telephone::at(place, false)?;
        let groups: Vec<String> = number.groups.iter().map(|group| number::digits(group)).collect();
        let plus = if number.plus { "plus " } else { "" };
        Some(Said::of(format!("{plus}{}", groups.join(", ")), number.taken))
    }

    fn address(self, parts: &[Part<'_>]) -> String {
        let last = parts.len().saturating_sub(1);
        let is_host = !parts.contains(&Part::Sign('/'));
        let words = parts.iter().enumerate().map(|(at, part)| match part {
            // A country's ending is spelled.
            Part::Letters(letters)
                if at == last
                    && is_host
                    && letters.len() == 2
                    && letters.is_ascii()
                    && !["co", "me", "us"].contains(letters) =>
            {
                word::spaced(letters)
            }
            Part::Letters(letters) => (*letters).to_owned(),
            Part::Figures(figures) => number::digits(figures),
            Part::Sign('@') => "at".to_owned(),
            Part::Sign('.') => "dot".to_owned(),
            Part::Sign('-') => "dash".to_owned(),
            Part::Sign('_') => "underscore".to_owned(),
            Part::Sign('/') => "slash".to_owned(),
            Part::Sign(_) => "plus".to_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// Ordinals, fractions, codes, years, numbers.
    fn count(self, place: Place<'_>) -> Option<Said> {
        let core = place.core();
        if core == "24/7" {
            return Some(Said::one("twenty-four seven"));
        }
        if let Some(words) = self.spelled_out(place) {
            return Some(Said::one(words));
        }
        if let Some(rest) = core.strip_prefix(['#', '№']) {
            let words = match rest {
                rest if is_figures(rest) && rest.len() > 2 => number::code(rest),
                rest => self.bare(rest).unwrap_or_else(|| self.parts(rest, is_code(rest))),
            };
            // "order number #5" says it already.
            let named = place.before().eq_ignore_ascii_case("number");
            return Some(Said::one(if named { words } else { format!("number {words}") }));
        }
        if let Some(keys) = core.strip_prefix('*').filter(|keys| is_figures(keys)) {
            return Some(Said::one(format!("star {}", number::digits(keys))));
        }
        if let Some((figures, each)) = core.split_once('x')
            && let Some(times) = self.bare(figures)
            && (each.is_empty() || each.starts_with('/'))
        {
            let each = each.strip_prefix('/').filter(|each| !each.is_empty());
            let each = each.map_or_else(String::new, |each| format!(" per {each}"));
            let times = if figures == "1" { "once".to_owned() } else { format!("{times} times") };
            return Some(Said::one(times + &each));
        }
        if let Some(words) = self.nth(core) {
            return Some(Said::one(words));
        }
        // "1st-3rd", "3-1/2".
        if let Some((low, high)) = core.split_once(['-', '–'])
            && let Some(words) = match (self.nth(low), self.nth(high)) {
                (Some(low), Some(high)) => Some(format!("{low} to {high}")),
                _ => {
                    fraction_of(high).and_then(|(over, under)| self.with_fraction(low, over, under))
                }
            }
        {
            return Some(Said::one(words));
        }
        if let Some(said) = self.fraction(place) {
            return Some(said);
        }
        let is_code = CODES.contains(&place.before().to_lowercase().as_str())
            || (place.before().eq_ignore_ascii_case("is")
                && CODES.contains(&place.second_before().to_lowercase().as_str()))
            || (place.before() == "in" && place.second_before() == "ending")
            || place.second_before().eq_ignore_ascii_case("flight");
        if is_figures(core) && is_code && core.len() > 2 {
            return Some(Said::one(number::code(core)));
        }
        if let Some(words) = self.dated_number(place).or_else(|| self.bare(core)) {
            return Some(Said::one(words));
        }
        let (core, plus) = core.strip_suffix('+').map_or((core, ""), |rest| (rest, " plus"));
        if !plus.is_empty() {
            return self.bare(core).map(|words| Said::one(words + plus));
        }
        let (over, under) = core.split_once(':')?;
        Some(Said::one(format!("{} to {}", self.bare(over)?, self.bare(under)?)))
    }

    /// What is said neither as a number nor as a fraction: "911", "x105", "120/80", "6'2\"", "10.0.0.1".
    fn spelled_out(self, place: Place<'_>) -> Option<String> {
        let core = place.core();
        let before = place.before().to_lowercase();
        let two = |over: &str, under: &str| Some((over.parse().ok()?, under.parse().ok()?));
        let cardinal = |value| number::cardinal(value, self.british);
        let is_service = matches!(core, "911" | "988" | "411" | "311" | "211")
            || core.len() == 3
                && is_figures(core)
                && ["call", "dial", "text"].contains(&before.as_str());
        if is_service && !place.joined(1).is_some_and(|next| next.ends_with('s')) {
            return Some(number::digits(core));
        }
        if let Some(extension) = core.strip_prefix('x')
            && is_figures(extension)
            && (2..=6).contains(&extension.len())
        {
            return Some(format!("extension {}", number::digits(extension)));
        }
        if let Some((over, under)) = core.split_once('/')
            && let Some((over, under)) = two(over, under)
        {
            // A blood pressure, an even chance.
            return match (over, under) {
                (50, 50) => Some("fifty fifty".to_owned()),
                (80..=250u64, 40..=150u64) if over > under => {
                    Some(format!("{} over {}", cardinal(over), cardinal(under)))
                }
                _ => None,
            };
        }
        if let Some((feet, inches)) = core.split_once('\'')
            && let Some((feet @ 1..=9u64, inches @ 0..=11u64)) = two(feet, inches)
        {
            let (one, many) = if feet == 1 { ("foot", "inch") } else { ("feet", "inch") };
            let inches = match inches {
                1 => format!("one {many}"),
                _ => format!("{} {many}es", cardinal(inches)),
            };
            return Some(format!("{} {one} {inches}", cardinal(feet)));
        }
        let parts: Vec<&str> = core.split('.').collect();
        let is_internet = parts.len() == 4 && parts.iter().all(|part| is_figures(part));
        is_internet.then(|| {
            let parts: Vec<String> = parts.into_iter().map(number::digits).collect();
            parts.join(" dot ")
        })
    }

    /// "1990s", "the '90s".
    fn decade(self, place: Place<'_>) -> Option<String> {
        let core = place.core();
        let figures = core.strip_suffix("'s").or_else(|| core.strip_suffix('s'))?;
        let year = figures.parse::<u64>().ok().filter(|year| year % 10 == 0)?;
        // "30s" may be seconds.
        let is_short = figures.len() == 2
            && (place.chunk(0).is_some_and(|chunk| chunk.lead.ends_with('\''))
                || ["the", "early", "mid", "late", "my", "her", "his", "your", "their"]
                    .contains(&place.before().to_lowercase().as_str()));
        if is_short && year >= 20 {
            return Some(plural(&number::cardinal(year, self.british)));
        }
        (1100..2100).contains(&year).then(|| plural(&number::year(year, self.british)))
    }

    fn bare(self, text: &str) -> Option<String> {
        let plus = if text.starts_with('+') { "plus " } else { "" };
        let figure = Figure::english(text)?;
        Some(format!("{plus}{}", number::figure(&figure, self.british)))
    }

    /// "21st".
    fn nth(self, core: &str) -> Option<String> {
        let figures = ["st", "nd", "rd", "th"].iter().find_map(|end| {
            let at = core.len().checked_sub(2)?;
            core.get(at..).filter(|tail| tail.eq_ignore_ascii_case(end)).map(|_| &core[..at])
        })?;
        let figure = Figure::english(figures)?;
        let value = figure.value().filter(|_| figure.part.is_none() && !figure.minus)?;
        Some(number::ordinal(value, self.british))
    }

    /// "1/2", "1 1/2", "2½".
    fn fraction(self, place: Place<'_>) -> Option<Said> {
        let core = place.core();
        let last = core.chars().next_back()?;
        if let Some((over, under)) = vulgar(last) {
            let whole = &core[..core.len() - last.len_utf8()];
            return self.with_fraction(whole, over, under).map(Said::one);
        }
        if is_figures(core)
            && let Some(next) = place.joined(1)
            && let Some((over, under)) = fraction_of(next).or_else(|| {
                next.chars().next().filter(|c| next.len() == c.len_utf8()).and_then(vulgar)
            })
            && over < under
        {
            return self.with_fraction(core, over, under).map(|words| Said::of(words, 2));
        }
        let (over, under): (u64, u64) = fraction_of(core)?;
        let named = number::fraction(over, under).filter(|_| over < under && over < 10);
        let cardinal = |value| number::cardinal(value, self.british);
        Some(Said::one(
            named.unwrap_or_else(|| format!("{} slash {}", cardinal(over), cardinal(under))),
        ))
    }

    /// Letters and figures together: "B12" and "covid-19" by their parts, "A1B2" one by one.
    fn mixed(self, place: Place<'_>) -> String {
        let core = place.core();
        // "order A12"; but "room 12B".
        let is_named = core.starts_with(|letter: char| letter.is_ascii_uppercase())
            && CODES.contains(&place.before().to_lowercase().as_str());
        self.parts(core, is_named || is_code(core))
    }

    fn parts(self, core: &str, is_code: bool) -> String {
        let mut words: Vec<String> = Vec::new();
        let groups: Vec<&str> =
            core.split(['-', '–', '—', '/', '.', ',', ':', '_', '\'']).collect();
        let version = core.contains('.') && !core.contains(',');
        for (at, group) in groups.iter().enumerate() {
            if at > 0 && version && !words.is_empty() && !group.is_empty() {
                words.push("point".to_owned());
            }
            self.group(group, is_code, &mut words);
            // A breath between the groups of a code.
            let is_long = group.len() > 2 && group.contains(|c: char| c.is_ascii_digit());
            if at + 1 < groups.len()
                && (core.contains(',') || core.contains('-') && is_long)
                && let Some(last) = words.last_mut().filter(|last| !last.ends_with(','))
            {
                last.push(',');
            }
        }
        words.join(" ")
    }

    fn group(self, group: &str, is_code: bool, words: &mut Vec<String>) {
        let kind = |letter: char| match letter {
            '0'..='9' => 0,
            letter if letter.is_alphabetic() => 1,
            _ => 2,
        };
        let changes =
            group.chars().zip(group.chars().skip(1)).filter(|(a, b)| kind(*a) != kind(*b));
        let mut is_code = is_code || changes.count() > 1;
        let mut rest = group;
        while let Some(first) = rest.chars().next() {
            let end = rest.find(|letter| kind(letter) != kind(first)).unwrap_or(rest.len());
            let (run, after) = rest.split_at(end);
            rest = after;
            match kind(first) {
                0 if is_code || run.len() > 2 => words.push(number::digits(run)),
                0 => words.push(self.bare(run).unwrap_or_else(|| number::digits(run))),
                1 => {
                    let large = run.len() <= 4 && run.bytes().all(|byte| byte.is_ascii_uppercase());
                    is_code |= large && run.len() > 1;
                    words.push(match run.len() {
                        1 => run.to_uppercase(),
                        _ if large => word::spaced(run),
                        _ => alone(run, Language::English(self)),
                    });
                }
                _ => words.extend(run.chars().filter_map(word::sign).map(str::to_owned)),
            }
        }
    }
}

/// "1/2": over, under.
fn fraction_of(text: &str) -> Option<(u64, u64)> {
    let (over, under) = text.split_once('/')?;
    let fits = is_figures(over) && is_figures(under) && under != "0";
    Some((over.parse().ok()?, under.parse().ok()?)).filter(|_| fits)
}

/// "A12-B7": several groups of letters and figures.
fn is_code(core: &str) -> bool {
    let is_mixed = |group: &&str| {
        group.contains(|letter: char| letter.is_ascii_digit())
            && group.contains(|letter: char| letter.is_ascii_uppercase())
    };
    core.split('-').filter(is_mixed).count() > 1
}

/// "nineties".
fn plural(words: &str) -> String {
    match words.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{words}s"),
    }
}
