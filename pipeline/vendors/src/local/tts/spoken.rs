//! Text as it is said: figures, dates, sums of money, abbreviations and symbols become words.
//!
//! What comes out is cut as the text was, at white space, so that each spoken stretch knows where in
//! the text it ends. Only what the pronouncing lexicon would read badly is changed.

use super::number::{cardinal, digits, ordinal, year};

/// A stretch of the text between white space, as it is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spoken {
    /// Words, with the punctuation that shapes their melody.
    pub(crate) words: String,
    /// Where the stretch ends in the text, in bytes.
    pub(crate) text_end: usize,
}

const MONTHS: [(&str, &str); 12] = [
    ("jan", "January"),
    ("feb", "February"),
    ("mar", "March"),
    ("apr", "April"),
    ("may", "May"),
    ("jun", "June"),
    ("jul", "July"),
    ("aug", "August"),
    ("sep", "September"),
    ("oct", "October"),
    ("nov", "November"),
    ("dec", "December"),
];

/// Written with a point that ends no sentence.
const ABBREVIATIONS: [(&str, &str); 41] = [
    ("mr.", "mister"),
    ("mrs.", "missus"),
    ("ms.", "miz"),
    ("dr.", "doctor"),
    ("prof.", "professor"),
    ("jr.", "junior"),
    ("sr.", "senior"),
    ("st.", "street"),
    ("ave.", "avenue"),
    ("blvd.", "boulevard"),
    ("rd.", "road"),
    ("apt.", "apartment"),
    ("ste.", "suite"),
    ("no.", "number"),
    ("tel.", "telephone"),
    ("ext.", "extension"),
    ("approx.", "approximately"),
    ("appt.", "appointment"),
    ("dept.", "department"),
    ("etc.", "et cetera"),
    ("e.g.", "for example"),
    ("i.e.", "that is"),
    ("vs.", "versus"),
    ("min.", "minutes"),
    ("mins.", "minutes"),
    ("hr.", "hour"),
    ("hrs.", "hours"),
    ("mon.", "Monday"),
    ("tue.", "Tuesday"),
    ("tues.", "Tuesday"),
    ("wed.", "Wednesday"),
    ("thu.", "Thursday"),
    ("thurs.", "Thursday"),
    ("fri.", "Friday"),
    ("sat.", "Saturday"),
    ("sun.", "Sunday"),
    ("w/", "with"),
    ("w/o", "without"),
    ("&", "and"),
    ("=", "equals"),
    ("+", "plus"),
];

const UNITS: [(&str, &str, &str); 12] = [
    ("km", "kilometer", "kilometers"),
    ("kg", "kilogram", "kilograms"),
    ("mg", "milligram", "milligrams"),
    ("ml", "milliliter", "milliliters"),
    ("cm", "centimeter", "centimeters"),
    ("mm", "millimeter", "millimeters"),
    ("mi", "mile", "miles"),
    ("ft", "foot", "feet"),
    ("lb", "pound", "pounds"),
    ("lbs", "pound", "pounds"),
    ("min", "minute", "minutes"),
    ("hrs", "hour", "hours"),
];

const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The text as it is said, stretch by stretch. Stretches without any sound are joined to the one before.
pub(crate) fn spoken(text: &str) -> Vec<Spoken> {
    let chunks = chunks(text);
    let mut out: Vec<Spoken> = Vec::with_capacity(chunks.len());
    let mut at = 0;
    while at < chunks.len() {
        let around = Around {
            before: at.checked_sub(1).map(|index| chunks[index].0),
            after: chunks.get(at + 1).map(|chunk| chunk.0),
        };
        let (words, taken) = say(chunks[at].0, around);
        let text_end = chunks[(at + taken - 1).min(chunks.len() - 1)].1;
        at += taken;
        if words.chars().any(char::is_alphanumeric) {
            out.push(Spoken { words, text_end });
        } else if let Some(last) = out.last_mut() {
            last.words.push_str(words.trim());
            last.text_end = text_end;
        }
    }
    out
}

/// Stretches between white space, and where each ends.
fn chunks(text: &str) -> Vec<(&str, usize)> {
    text.split_whitespace()
        .map(|chunk| (chunk, chunk.as_ptr() as usize - text.as_ptr() as usize + chunk.len()))
        .collect()
}

#[derive(Clone, Copy)]
struct Around<'a> {
    before: Option<&'a str>,
    after: Option<&'a str>,
}

/// What a stretch says, and how many stretches that used up.
fn say(chunk: &str, around: Around<'_>) -> (String, usize) {
    // A link's address is unsaid, and so are stars and brackets, which also have a meaning to the lexicon.
    let plain: String = chunk
        .split_once("](")
        .map_or(chunk, |(text, _)| text)
        .chars()
        .map(|c| if matches!(c, '\u{2018}' | '\u{2019}') { '\'' } else { c })
        .filter(|c| c.is_alphanumeric() || c.is_ascii_punctuation() || "$£€¥¢°–—…“”".contains(*c))
        .filter(|c| !matches!(c, '[' | ']' | '*' | '_' | '`' | '<' | '>' | '|' | '~' | '^' | '\\'))
        .collect();
    if let Some(tail) =
        chunk.strip_prefix('*').filter(|tail| tail.len() <= 1 && !tail.starts_with('*'))
    {
        return (format!("star{tail}"), 1);
    }
    if let Some(words) = abbreviation(&plain, around) {
        return (words, 1);
    }
    let body = plain.trim_start_matches(['(', '"', '\'', '“', '{']);
    let core = body.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '"', '\'', '”', '}', '…']);
    let mut tail: String = body[core.len()..]
        .chars()
        .filter(|c| matches!(c, '.' | ',' | ';' | ':' | '!' | '?' | '…'))
        .collect();
    tail.truncate(tail.char_indices().nth(1).map_or(tail.len(), |(at, _)| at));
    match core_words(core, around, plain.starts_with('(')) {
        Some((words, taken)) if taken > 1 => {
            // The punctuation that counts is the last stretch's.
            let after = around.after.unwrap_or_default();
            let last = after.chars().last().filter(|c| ".,;:!?".contains(*c));
            (words + &last.map(String::from).unwrap_or_default(), taken)
        }
        // "P.M." has a point already.
        Some((words, taken)) if words.ends_with('.') && tail == "." => (words, taken),
        Some((words, taken)) => (words + &tail, taken),
        None => (core.to_owned() + &tail, 1),
    }
}

fn abbreviation(chunk: &str, around: Around<'_>) -> Option<String> {
    let bare =
        chunk.trim_start_matches(['(', '"']).trim_end_matches([',', ';', ':', ')', '"', '?', '!']);
    let lower = bare.to_lowercase();
    if let Some(month) = month(bare, around) {
        return Some(month.to_owned());
    }
    let (written, said) = ABBREVIATIONS.iter().find(|(written, _)| *written == lower)?;
    let after = around.after.unwrap_or_default();
    let digit_follows = after.starts_with(|c: char| c.is_ascii_digit());
    let name_follows = after.starts_with(|c: char| c.is_uppercase());
    let said = match *written {
        // "no." and "sun." also end sentences; "St." stands before names and after them.
        "no." if !digit_follows => return None,
        "sat." | "sun." | "min." | "mon." | "wed." if !bare.starts_with(char::is_uppercase) => {
            return None;
        }
        "st." if name_follows && !around.before.is_some_and(is_word) => "saint",
        _ => said,
    };
    let ends = match around.after {
        None => ".",
        Some(_) if chunk.ends_with(',') => ",",
        Some(_) => "",
    };
    Some(format!("{said}{ends}"))
}

/// "Dec." before a day.
fn month(text: &str, around: Around<'_>) -> Option<&'static str> {
    let day_follows = around.after.is_some_and(|c| c.starts_with(|c: char| c.is_ascii_digit()));
    let short = text.trim_end_matches('.').to_lowercase();
    let short = if short == "sept" { "sep" } else { &short };
    let is_name = day_follows && text.starts_with(char::is_uppercase);
    MONTHS.iter().find(|(written, _)| is_name && *written == short).map(|(_, month)| *month)
}

/// "Mon-Fri".
fn days(core: &str) -> Option<String> {
    let day = |text: &str| {
        let short = text.trim_end_matches('.');
        let is_it = |day: &&&str| short.len() >= 3 && day.starts_with(short);
        DAYS.iter().find(is_it).copied()
    };
    let (from, to) = core.split_once(['-', '–'])?;
    Some(format!("{} to {}", day(from)?, day(to)?))
}

fn is_word(text: &str) -> bool {
    text.chars().next().is_some_and(char::is_uppercase)
}

fn core_words(core: &str, around: Around<'_>, bracketed: bool) -> Option<(String, usize)> {
    let one = |words: String| Some((words, 1));
    if core.contains('@') && core.contains('.') {
        return one(address(core));
    }
    let lower = core.to_lowercase();
    if lower.starts_with("http://") || lower.starts_with("https://") || lower.starts_with("www.") {
        let bare = lower.trim_start_matches("https://").trim_start_matches("http://");
        return one(address(bare.trim_start_matches("www.").trim_end_matches('/')));
    }
    if !core.contains(|c: char| c.is_ascii_digit()) {
        let figures_before =
            around.before.is_some_and(|before| before.ends_with(|c: char| c.is_ascii_digit()));
        let is_one = around.before == Some("1");
        let unit = UNITS.iter().find(|(written, ..)| figures_before && *written == core);
        if let Some((_, single, plural)) = unit {
            return one(if is_one { *single } else { *plural }.into());
        }
        if let Some(days) = days(core) {
            return one(days);
        }
        return match core {
            "°" | "°C" | "°F" => one(degrees(core, is_one)),
            "%" => one("percent".into()),
            "@" => one("at".into()),
            "#" => one("pound".into()),
            _ if core.contains('/') => one(core.replace('/', " ")),
            _ if core.contains(['–', '—']) => one(core.replace(['–', '—'], ", ")),
            _ => None,
        };
    }
    if core == "24/7" {
        return one("twenty-four seven".into());
    }
    if let Some(rest) = core.strip_prefix('#') {
        return number(rest).map(|words| (format!("number {words}"), 1));
    }
    if let Some((sign, rest)) = core.chars().next().zip(core.get(1..)).filter(|(c, _)| *c == '$') {
        return money(rest, sign, around);
    }
    if let Some(rest) = core.strip_suffix('¢') {
        let unit = if rest == "1" { "cent" } else { "cents" };
        return number(rest).map(|words| (format!("{words} {unit}"), 1));
    }
    if let Some((figures, scale)) = core.find('°').map(|at| core.split_at(at)) {
        let degrees = degrees(scale, figures == "1");
        return number(figures).map(|words| (format!("{words} {degrees}"), 1));
    }
    for sign in ['£', '€', '¥'] {
        if let Some(rest) = core.strip_prefix(sign) {
            return money(rest, sign, around);
        }
    }
    if let Some(rest) = core.strip_suffix('%') {
        return number(rest).map(|words| (format!("{words} percent"), 1));
    }
    telephone(core, around, bracketed)
        .or_else(|| time(core))
        .or_else(|| date(core))
        .or_else(|| range(core))
        .or_else(|| fraction(core))
        .or_else(|| nth(core))
        .or_else(|| quantity(core))
        .map(|words| (words, 1))
        .or_else(|| plain_number(core, around).map(|words| (words, 1)))
        .or_else(|| mixed(core).map(|words| (words, 1)))
}

/// What follows a temperature's figures.
fn degrees(scale: &str, is_one: bool) -> String {
    let unit = if is_one { "degree" } else { "degrees" };
    match scale.trim_start_matches('°') {
        "C" => format!("{unit} Celsius"),
        "F" => format!("{unit} Fahrenheit"),
        _ => unit.to_owned(),
    }
}

/// A mail or web address.
fn address(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '@' => out.push_str(" at "),
            '.' => out.push_str(" dot "),
            '/' => out.push_str(" slash "),
            '-' => out.push_str(" dash "),
            '0'..='9' => {
                out.push(' ');
                out.push_str(&digits(&c.to_string()));
                out.push(' ');
            }
            c if c.is_alphanumeric() => out.push(c),
            _ => out.push(' '),
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// "1,250.50" as words. Longer figures than five without commas are read one by one.
fn number(text: &str) -> Option<String> {
    let (text, sign) = match text.strip_prefix('-') {
        Some(rest) => (rest, "minus "),
        None => (text, ""),
    };
    let (whole, part) = match text.split_once('.') {
        Some((whole, part)) => (whole, Some(part)),
        None => (text, None),
    };
    let figures: String = whole.chars().filter(|c| *c != ',').collect();
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(&figures) || part.is_some_and(|part| !all_digits(part)) {
        return None;
    }
    let dictated = (figures.len() > 1 && figures.starts_with('0'))
        || (figures.len() >= 5 && !whole.contains(','));
    let said = if dictated { digits(&figures) } else { cardinal(figures.parse().ok()?) };
    Some(match part {
        Some(part) => format!("{sign}{said} point {}", digits(part)),
        None => format!("{sign}{said}"),
    })
}

fn money(rest: &str, sign: char, around: Around<'_>) -> Option<(String, usize)> {
    let (unit, units, cent, cents) = match sign {
        '£' => ("pound", "pounds", "penny", "pence"),
        '€' => ("euro", "euros", "cent", "cents"),
        '¥' => ("yen", "yen", "sen", "sen"),
        _ => ("dollar", "dollars", "cent", "cents"),
    };
    let after = around.after.unwrap_or_default().trim_end_matches(['.', ',', ';', ':', '!', '?']);
    if ["hundred", "thousand", "million", "billion", "trillion"].contains(&after) {
        return Some((format!("{} {after} {units}", number(rest)?), 2));
    }
    let suffixes = [('k', "thousand"), ('K', "thousand"), ('M', "million"), ('B', "billion")];
    if let Some((figures, size)) =
        suffixes.iter().find_map(|(c, size)| Some((rest.strip_suffix(*c)?, size)))
    {
        return Some((format!("{} {size} {units}", number(figures)?), 1));
    }
    let words = match rest.split_once('.') {
        Some((whole, part)) if part.len() == 2 => {
            let (whole_words, hundredths) = (number(whole)?, part.parse::<u64>().ok()?);
            let name = if whole == "1" { unit } else { units };
            let cent = if hundredths == 1 { cent } else { cents };
            match (whole, hundredths) {
                (_, 0) => format!("{whole_words} {name}"),
                ("0", _) => format!("{} {cent}", cardinal(hundredths)),
                _ => format!("{whole_words} {name} and {} {cent}", cardinal(hundredths)),
            }
        }
        _ => {
            if let Some((low, high)) = rest.split_once(['-', '–']) {
                let high = high.trim_start_matches(sign);
                return Some((format!("{} to {} {units}", number(low)?, number(high)?), 1));
            }
            format!("{} {}", number(rest)?, if rest == "1" { unit } else { units })
        }
    };
    Some((words, 1))
}

/// Seven, ten or eleven figures in groups, read one by one with a breath between groups.
fn telephone(core: &str, around: Around<'_>, bracketed: bool) -> Option<String> {
    let figures = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
    if bracketed && core.len() == 3 && figures(core) == 3 {
        // The area code of "(617) 555-0142".
        return (figures(around.after?) == 7).then(|| digits(core) + ",");
    }
    let body = core.trim_start_matches('+');
    if !body.chars().all(|c| c.is_ascii_digit() || "-.()".contains(c)) {
        return None;
    }
    let groups: Vec<&str> = body.split(['-', '.', '(', ')']).filter(|g| !g.is_empty()).collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let shaped = matches!(lengths.as_slice(), [3, 4] | [3, 3, 4] | [1, 3, 3, 4]);
    if shaped {
        return Some(groups.iter().map(|group| digits(group)).collect::<Vec<_>>().join(", "));
    }
    match lengths.as_slice() {
        [length @ (10 | 11)] => {
            let (country, rest) = body.split_at(length - 10);
            let parts = [country, &rest[..3], &rest[3..6], &rest[6..]];
            let said: Vec<String> =
                parts.iter().filter(|part| !part.is_empty()).map(|part| digits(part)).collect();
            Some(said.join(", "))
        }
        _ => None,
    }
}

/// "8:30", "8:30pm", "8am".
fn time(core: &str) -> Option<String> {
    let lower = core.to_lowercase().replace('.', "");
    let (figures, half) = match (lower.strip_suffix("am"), lower.strip_suffix("pm")) {
        (Some(rest), _) => (rest, " A.M."),
        (_, Some(rest)) => (rest, " P.M."),
        _ => (lower.as_str(), ""),
    };
    let (hours, minutes) = match figures.split_once(':') {
        Some((hours, minutes)) if minutes.len() == 2 => (hours, minutes.parse::<u64>().ok()?),
        Some(_) => return None,
        None if half.is_empty() => return None,
        None => (figures, 0),
    };
    let hours: u64 = hours.parse().ok().filter(|hours| *hours <= 24)?;
    let said = match (minutes, half.is_empty()) {
        (0, true) => format!("{} o'clock", cardinal(hours)),
        (0, false) => cardinal(hours),
        (1..=9, _) => format!("{} oh {}", cardinal(hours), cardinal(minutes)),
        (10..=59, _) => format!("{} {}", cardinal(hours), cardinal(minutes)),
        _ => return None,
    };
    Some(said + half)
}

/// "3/14/2026" and "2026-03-14".
fn date(core: &str) -> Option<String> {
    let parse = |text: &str| text.parse::<u64>().ok();
    let parts: Vec<&str> = core.split(['/', '-']).collect();
    let (month, day, in_year) = match parts.as_slice() {
        [y, m, d] if y.len() == 4 => (parse(m)?, parse(d)?, parse(y)?),
        [m, d, y] if core.contains('/') && (y.len() == 2 || y.len() == 4) => {
            let in_year = parse(y)?;
            (parse(m)?, parse(d)?, if y.len() == 2 { 2000 + in_year } else { in_year })
        }
        _ => return None,
    };
    let name = MONTHS.get((month as usize).checked_sub(1)?)?.1;
    (1..=31).contains(&day).then(|| format!("{name} {}, {}", ordinal(day), year(in_year)))
}

/// "8-6", "8–6pm".
fn range(core: &str) -> Option<String> {
    let (low, high) = core.split_once(['-', '–'])?;
    let end = |text: &str| time(text).or_else(|| number(text).filter(|_| text.len() <= 4));
    Some(format!("{} to {}", end(low)?, end(high)?))
}

fn fraction(core: &str) -> Option<String> {
    let (over, under) = core.split_once('/')?;
    let (over, under): (u64, u64) = (over.parse().ok()?, under.parse().ok()?);
    match (over, under) {
        (1, 2) => Some("one half".into()),
        (1..=9, 3..=10) if over < under => {
            let under = if under == 4 { "quarter".into() } else { ordinal(under) };
            Some(format!("{} {under}{}", cardinal(over), if over == 1 { "" } else { "s" }))
        }
        _ => Some(format!("{} slash {}", cardinal(over), cardinal(under))),
    }
}

fn nth(core: &str) -> Option<String> {
    let lower = core.to_lowercase();
    let figures = ["st", "nd", "rd", "th"].iter().find_map(|end| lower.strip_suffix(end))?;
    figures.replace(',', "").parse().ok().map(ordinal)
}

fn quantity(core: &str) -> Option<String> {
    let cut = core.find(|c: char| c.is_alphabetic())?;
    let (figures, unit) = core.split_at(cut);
    let (_, single, plural) = UNITS.iter().find(|(written, ..)| *written == unit)?;
    Some(format!("{} {}", number(figures)?, if figures == "1" { single } else { plural }))
}

fn plain_number(core: &str, around: Around<'_>) -> Option<String> {
    let before = around.before.unwrap_or_default().trim_end_matches([',', '.']).to_lowercase();
    let after_month = before.len() >= 3
        && MONTHS.iter().any(|(short, long)| before == *short || before == long.to_lowercase());
    let value: Option<u64> = core.parse().ok();
    match value {
        Some(day @ 1..=31) if after_month && core.len() <= 2 => Some(ordinal(day)),
        Some(value @ 1100..=2099) if core.len() == 4 => {
            let dated = after_month
                || ["in", "since", "of", "by", "year", "until"].contains(&before.as_str())
                // A house's number: "1600 Pennsylvania Avenue".
                || around.after.is_some_and(is_word)
                || before.bytes().all(|b| b.is_ascii_digit())
                    && around.before.is_some_and(|b| b.ends_with(','));
            Some(if dated { year(value) } else { cardinal(value) })
        }
        _ => number(core),
    }
}

/// Letters and figures together, such as "B12" or "covid-19": each run by itself.
fn mixed(core: &str) -> Option<String> {
    let mut words: Vec<String> = Vec::new();
    let mut run = String::new();
    let mut is_figures = false;
    let mut finish = |run: &mut String, is_figures: bool| {
        if !run.is_empty() {
            let said = match run.len() {
                _ if !is_figures => None,
                ..=2 => number(run),
                // A code's figures are dictated.
                _ => Some(digits(run)),
            };
            // Alone, the letter is not the article.
            let run_said = if run == "A" || run == "a" { "ay" } else { run.as_str() };
            words.push(said.unwrap_or_else(|| run_said.to_owned()));
            run.clear();
        }
    };
    for c in core.chars() {
        if !c.is_alphanumeric() && c != '\'' {
            finish(&mut run, is_figures);
            continue;
        }
        if c.is_ascii_digit() != is_figures {
            finish(&mut run, is_figures);
            is_figures = c.is_ascii_digit();
        }
        run.push(c);
    }
    finish(&mut run, is_figures);
    (!words.is_empty()).then(|| words.join(" "))
}

#[cfg(test)]
mod tests;
