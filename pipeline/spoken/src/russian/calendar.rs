//! Times, dates and years in Russian.

use super::{
    noun::{Case, Gender, HOUR, agreement, case_after, unit},
    number::{self, Agreement},
};
use crate::{
    chunk::{Place, Said, is_figures},
    figure::{Day, clock},
};

/// In the genitive, as after a day.
const MONTHS: [&str; 12] = [
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
];

/// Short and full, the full in the genitive and in the accusative.
const DAYS: [(&str, &str, &str, &str); 7] = [
    ("пн", "понедельник", "понедельника", "понедельник"),
    ("вт", "вторник", "вторника", "вторник"),
    ("ср", "среда", "среды", "среду"),
    ("чт", "четверг", "четверга", "четверг"),
    ("пт", "пятница", "пятницы", "пятницу"),
    ("сб", "суббота", "субботы", "субботу"),
    ("вс", "воскресенье", "воскресенья", "воскресенье"),
];

/// The month of a word in any case: "ноябрь", "ноябре", "нояб".
fn month(word: &str) -> Option<usize> {
    let word = word.to_lowercase();
    let full = MONTHS.iter().position(|month| {
        let stem = month.trim_end_matches(['я', 'а']);
        let endings: &[&str] = match stem {
            "м" => &["ай", "ая", "аю", "ае", "аем"],
            "март" | "август" => &["", "а", "у", "е", "ом"],
            _ => &["ь", "я", "ю", "е", "ем"],
        };
        word.strip_prefix(stem).is_some_and(|ending| endings.contains(&ending))
    });
    full.or_else(|| {
        let short =
            ["янв", "фев", "мар", "апр", "мая", "июн", "июл", "авг", "сен", "окт", "ноя", "дек"];
        let found = short.iter().position(|short| word == *short);
        found.or_else(|| {
            ["сент", "нояб", "февр"].iter().position(|s| word == *s).map(|at| [8, 10, 1][at])
        })
    })
}

fn is_genitive(word: &str) -> bool {
    let lower = word.to_lowercase();
    MONTHS.contains(&lower.as_str()) || month(&lower).is_some() && lower.chars().count() <= 4
}

fn ordinal_day(day: u64, case: Case) -> String {
    number::ordinal(day, Agreement::One(Gender::Neuter, case))
}

fn ordinal_year(year: u64, case: Case) -> String {
    number::ordinal(year, Agreement::One(Gender::Masculine, case))
}

fn year_of(text: &str) -> Option<u64> {
    let is_year = text.len() == 4 && is_figures(text);
    text.parse().ok().filter(|year| is_year && (1100..2100).contains(year))
}

/// A weekday in any case, or its short form: "вторник", "среду", "пт".
fn is_weekday(word: &str) -> bool {
    DAYS.iter().any(|(short, full, genitive, _)| {
        let stem = full.trim_end_matches(['а', 'е']);
        let ending = word.strip_prefix(stem);
        word == *short
            || word == *genitive
            || ending.is_some_and(|ending| {
                ["", "а", "у", "ы", "е", "ом", "ой", "я", "ю", "ем"].contains(&ending)
            })
    })
}

/// In which case a day stands: after a preposition in the one that it asks for; without, in the
/// genitive of "when", unless it is what is said of today or stands alone.
fn day_case(place: Place<'_>, taken: usize) -> Case {
    let mut place = place;
    // "на 1, 2 и 3 мая": the preposition is the first day's.
    for _ in 0..4 {
        let back = match place.before() {
            "и" | "или" if is_day(place.second_before()).is_some() => 2,
            day if is_day(day).is_some() => 1,
            _ => break,
        };
        place.at -= back;
    }
    let before = place.before().to_lowercase();
    match before.as_str() {
        "на" | "за" | "по" => Case::Accusative,
        "сегодня" | "завтра" | "послезавтра" | "вчера" | "это" | "дата" | "число" => {
            Case::Nominative
        }
        "" if place.chunk(taken).is_none() => Case::Nominative,
        // "на субботу, 21 ноября".
        day if is_weekday(day) && place.second_before() == "на" => Case::Accusative,
        // "в субботу, 21 ноября".
        "в" | "во" => Case::Genitive,
        _ => case_after(&before).unwrap_or(Case::Genitive),
    }
}

/// "21 ноября 2026 г.", "21.11.2026", "2026-11-21", "с 21.11", "21–23 ноября".
pub(super) fn date(place: Place<'_>) -> Option<Said> {
    let core = place.core();
    if let Some(said) = dates(place) {
        return Some(said);
    }
    if let Some(day) = Day::parse(core, false)
        && (day.year.is_some() && core.len() >= 8 || is_short_date(place))
    {
        let taken = if matches!(place.joined(1), Some("г" | "года")) { 2 } else { 1 };
        let mut words = ordinal_day(day.day, day_case(place, taken));
        words = format!("{words} {}", MONTHS[day.month as usize - 1]);
        if let Some(year) = day.year {
            words = format!("{words} {} года", ordinal_year(year, Case::Genitive));
        }
        let taken = if day.year.is_some() { taken } else { 1 };
        let abbreviated = taken == 2 && place.after(1) == "г" && !place.is_capital(2);
        return Some(Said { dot: abbreviated, ..Said::of(words, taken) });
    }
    if let Some(day) = is_day(core).filter(|_| is_month_later(place)) {
        return Some(Said::one(ordinal_day(day, day_case(place, 1))));
    }
    let next = place.joined(1).filter(|next| is_genitive(next))?;
    let month_name = MONTHS[month(next)?];
    let (year, taken) = year_after(place, 2);
    let days = match core.split_once(['-', '–', '—']) {
        Some((from, to)) => {
            let from = ordinal_day(is_day(from)?, Case::Genitive);
            let to = ordinal_day(is_day(to)?, Case::Accusative);
            let said = matches!(place.before().to_lowercase().as_str(), "с" | "со");
            format!("{}{from} по {to}", if said { "" } else { "с " })
        }
        None => ordinal_day(is_day(core)?, day_case(place, taken)),
    };
    let abbreviated = place.after(taken - 1) != month_name && !place.is_capital(taken);
    Some(Said { dot: abbreviated, ..Said::of(format!("{days} {month_name}{year}"), taken) })
}

fn is_day(text: &str) -> Option<u64> {
    text.parse().ok().filter(|day| is_figures(text) && (1..=31).contains(day))
}

/// "21.11–23.11", "01.12.2026 – 05.12.2026".
fn dates(place: Place<'_>) -> Option<Said> {
    let core = place.core();
    let (from, to, taken) = match core.split_once(['-', '–', '—']) {
        Some((from, to)) => (from, to, 1),
        None if matches!(place.joined(1), Some("-" | "–" | "—")) => (core, place.joined(2)?, 3),
        None => return None,
    };
    let day = |text: &str| {
        let fits = text.len() >= 5 && text.contains('.') && !text.starts_with("00");
        Day::parse(text, false).filter(|_| fits)
    };
    let (from, to) = (day(from)?, day(to)?);
    let said = |day: Day, case| {
        let words = format!("{} {}", ordinal_day(day.day, case), MONTHS[day.month as usize - 1]);
        match day.year {
            Some(year) => format!("{words} {} года", ordinal_year(year, Case::Genitive)),
            None => words,
        }
    };
    let with =
        if matches!(place.before().to_lowercase().as_str(), "с" | "со") { "" } else { "с " };
    let (from, to) = (said(from, Case::Genitive), said(to, Case::Accusative));
    Some(Said::of(format!("{with}{from} по {to}"), taken))
}

/// Is "21.11" a day here, and no time, price or number?
fn is_short_date(place: Place<'_>) -> bool {
    let core = place.core();
    let mut parts = core.split(['.', '/']);
    let (day, month) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let before = place.before().to_lowercase();
    let next = place.joined(1).unwrap_or_default();
    // "с" is a unit and a preposition.
    let is_amount = (unit(next).is_some()
        && (next.chars().count() > 1 || matches!(next, "%" | "°")))
        || super::measure::currency(next).is_some();
    if month.len() != 2 || day == "00" || day == "0" || is_amount || is_part_of_day(next) {
        return false;
    }
    // What begins "в" is a time; but "во вторник, 21.11".
    if matches!(before.as_str(), "в" | "во") && core.contains('.') {
        return false;
    }
    let time_follows =
        next == "в" && [':', '.'].iter().any(|sign| clock(place.after(2), *sign).is_some());
    let is_day_before = [
        "с",
        "со",
        "до",
        "по",
        "на",
        "к",
        "от",
        "после",
        "позднее",
        "дата",
        "числа",
        "ориентировочно",
        "примерно",
    ]
    .contains(&before.as_str())
        || is_listed(place);
    is_occasion(&before)
        || day.len() == 2 && (is_day_before || core.starts_with('0') || time_follows)
}

/// One of several days: "25 и 26.11", "21.11, 22.11 и 23.11".
fn is_listed(place: Place<'_>) -> bool {
    let is_date =
        |text: &str| text.len() == 5 && text.contains('.') && Day::parse(text, false).is_some();
    match (place.before(), place.after(1)) {
        ("и" | "или", _) if is_day(place.second_before()).is_some() => true,
        ("и" | "или", _) if is_date(place.second_before()) => true,
        (_, "и" | "или") if is_date(place.after(2)) => true,
        (before, after) => is_date(before) || is_date(after),
    }
}

/// Words before a day or a time: weekdays, today, what has an appointed time.
fn is_occasion(before: &str) -> bool {
    const STEMS: [&str; 8] =
        ["приём", "прием", "запис", "встреч", "заказ", "визит", "консультаци", "доставк"];
    is_weekday(before)
        || ["сегодня", "завтра", "послезавтра"].contains(&before)
        || STEMS.iter().any(|stem| before.starts_with(stem))
}

fn is_part_of_day(word: &str) -> bool {
    matches!(word, "утра" | "дня" | "вечера" | "ночи")
}

/// "1 по 3 мая", "1, 2 и 3 мая": the month stands after the last of several days.
fn is_month_later(place: Place<'_>) -> bool {
    let mut ahead = 1;
    for _ in 0..4 {
        let tail = place.chunk(ahead - 1).map_or("", |chunk| chunk.tail.as_str());
        match (tail, place.after(ahead)) {
            ("", "по" | "до" | "на" | "и" | "или") => ahead += 1,
            (",", _) => {}
            _ => return false,
        }
        // "25 и 26.11".
        if place.after(ahead).len() == 5
            && place.after(ahead).contains('.')
            && Day::parse(place.after(ahead), false).is_some()
        {
            return true;
        }
        if is_day(place.after(ahead)).is_none() {
            return false;
        }
        if place.joined(ahead + 1).is_some_and(is_genitive) {
            return true;
        }
        ahead += 1;
    }
    false
}

/// The year that follows a month so many chunks on, and how many chunks that makes in all.
fn year_after(place: Place<'_>, ahead: usize) -> (String, usize) {
    let after_month =
        place.chunk(ahead - 1).is_some_and(|chunk| matches!(chunk.tail.as_str(), "" | "."));
    let Some(year) = year_of(place.after(ahead)).filter(|_| after_month) else {
        return (String::new(), ahead);
    };
    let words = format!(" {} года", ordinal_year(year, Case::Genitive));
    let named = matches!(place.joined(ahead + 1), Some("г" | "года"));
    (words, ahead + 1 + usize::from(named))
}

/// "в 2026 году", "2026 г.", "ноябрь 2026".
pub(super) fn year(place: Place<'_>) -> Option<Said> {
    let year = year_of(place.core())?;
    let before = place.before();
    if month(before).is_some() {
        let named = matches!(place.joined(1), Some("г" | "года"));
        let words = format!("{} года", ordinal_year(year, Case::Genitive));
        let abbreviated = named && place.after(1) == "г" && !place.is_capital(2);
        return Some(Said { dot: abbreviated, ..Said::of(words, 1 + usize::from(named)) });
    }
    // "с 1941 по 1945 год".
    if let (Some("по" | "до" | "и"), Some(_)) = (place.joined(1), year_of(place.after(2)))
        && place.joined(3).is_some_and(|next| next.starts_with("год") || next.starts_with("гг"))
    {
        let case = case_after(before).unwrap_or(Case::Nominative);
        let case = if matches!(before, "в" | "В") { Case::Prepositional } else { case };
        return Some(Said::one(ordinal_year(year, case)));
    }
    let next = place.joined(1)?;
    let asked = case_after(before);
    let is_in = matches!(before, "в" | "В" | "во" | "Во" | "о");
    let (case, name) = match next.to_lowercase().as_str() {
        "год" => (Case::Nominative, "год"),
        "года" => (Case::Genitive, "года"),
        "году" if is_in => (Case::Prepositional, "году"),
        "году" => (Case::Dative, "году"),
        "годом" => (Case::Instrumental, "годом"),
        "г" if place.is_dotted(1) => match asked {
            _ if is_in => (Case::Prepositional, "году"),
            Some(Case::Genitive) => (Case::Genitive, "года"),
            Some(Case::Dative) => (Case::Dative, "году"),
            _ => (Case::Nominative, "год"),
        },
        _ => return None,
    };
    let abbreviated = next == "г" && !place.is_capital(2);
    Some(Said { dot: abbreviated, ..Said::of(format!("{} {name}", ordinal_year(year, case)), 2) })
}

/// "пн–пт".
pub(super) fn days(core: &str) -> Option<String> {
    let (from, to) = core.split_once(['-', '–', '—'])?;
    let day = |text: &str| {
        let text = text.trim_end_matches('.').to_lowercase();
        DAYS.iter().find(|(short, full, ..)| *short == text || *full == text)
    };
    Some(format!("с {} по {}", day(from)?.2, day(to)?.3))
}

/// "пн" by itself.
pub(super) fn day(core: &str) -> Option<&'static str> {
    DAYS.iter().find(|(short, ..)| *short == core).map(|(_, full, ..)| *full)
}

/// "9:30", "в 9.30", "9:00–18:00", "9–17".
pub(super) fn time(place: Place<'_>) -> Option<Said> {
    let core = place.core();
    let before = place.before().to_lowercase();
    let asked = case_after(&before).unwrap_or(Case::Nominative);
    if let Some((low, high)) = core.split_once(['-', '–', '—']) {
        return span(place, low, high, 1);
    }
    if matches!(place.joined(1), Some("-" | "–" | "—")) && place.joined(2).is_some() {
        return span(place, core, place.after(2), 3);
    }
    let next = place.joined(1).unwrap_or_default();
    if is_part_of_day(next)
        && let Some(hour) = is_day(core).filter(|hour| *hour <= 24)
    {
        // "в час ночи"; but "1 дня" may be a day's length.
        return match (hour, next) {
            (1, "ночи" | "дня") if next == "ночи" || before == "в" => {
                Some(Said::one(HOUR.after(1, asked)))
            }
            (1, _) => None,
            _ => Some(Said::one(number::cardinal(hour, Gender::Masculine, asked))),
        };
    }
    // A number of hours and minutes with a point: where it might be a day, it has been taken as one.
    let pointed = ["в", "с", "со", "от", "до", "к", "на", "после", "около"]
        .contains(&before.as_str())
        || is_occasion(&before)
        || is_part_of_day(next);
    let pointed = pointed && !core.starts_with("0.") && !next.starts_with("раз");
    let (hour, minute) = clock(core, ':').or_else(|| clock(core, '.').filter(|_| pointed))?;
    let (hour_words, minute_words) =
        (number::cardinal(hour, Gender::Masculine, asked), minutes(minute, asked));
    let named = matches!(place.joined(1), Some("ч" | "час" | "часов" | "часа"));
    Some(match minute_words {
        None => {
            let hours = format!("{hour_words} {}", HOUR.after(hour, asked));
            let abbreviated = named && place.after(1) == "ч" && !place.is_capital(2);
            Said { dot: abbreviated, ..Said::of(hours, 1 + usize::from(named)) }
        }
        Some(minutes) => Said::one(format!("{hour_words} {minutes}")),
    })
}

fn minutes(minute: u64, case: Case) -> Option<String> {
    // "девять ноль пять".
    let words = number::cardinal(minute, Gender::Feminine, case);
    match minute {
        0 => None,
        1..=9 => Some(format!("ноль {words}")),
        _ => Some(words),
    }
}

/// What is counted by the dozen like hours, and is none.
const OTHERS: [&str; 12] =
    ["мин", "сек", "дн", "раб", "лет", "раз", "руб", "чел", "шт", "км", "мес", "нед"];

/// Between two moments or numbers: "с девяти до семнадцати", "от десяти до пятнадцати".
fn span(place: Place<'_>, low: &str, high: &str, taken: usize) -> Option<Said> {
    let genitive = |value| number::cardinal(value, Gender::Masculine, Case::Genitive);
    // "10.00–19.00".
    let pointed = [low, high].iter().all(|text| clock(text, '.').is_some());
    let moment = |text: &str| {
        let (hour, minute) = clock(text, ':').or_else(|| clock(text, '.').filter(|_| pointed))?;
        Some(match minutes(minute, Case::Genitive) {
            Some(minutes) => format!("{} {minutes}", genitive(hour)),
            None => genitive(hour),
        })
    };
    let plain = |text: &str| {
        let fits =
            is_figures(text) && text.len() <= 4 && !(text.len() > 1 && text.starts_with('0'));
        text.parse::<u64>().ok().filter(|_| fits)
    };
    let end = |text: &str| moment(text).or_else(|| plain(text).map(genitive));
    let (low_words, high_words) = (end(low)?, end(high)?);
    // "2019–2026 гг."
    if let (Some(from), Some(to)) = (year_of(low), year_of(high))
        && matches!(place.joined(taken), Some("гг" | "годы"))
    {
        let (case, name) = match place.before() {
            "в" | "В" => (Case::Prepositional, "годах"),
            _ => (Case::Nominative, "годы"),
        };
        let years = (ordinal_year(from, case), ordinal_year(to, case));
        return Some(Said::dotted(format!("{} — {} {name}", years.0, years.1), taken + 1));
    }
    let next = place.joined(taken).unwrap_or_default();
    let are_others = OTHERS.iter().any(|stem| next.starts_with(stem));
    let are_hours = moment(low).is_some()
        || moment(high).is_some()
        || next.starts_with("час")
        || next == "ч"
        || plain(low).zip(plain(high)).is_some_and(|(low, high)| {
            !are_others && (6..=12).contains(&low) && (13..=24).contains(&high)
        });
    let before = place.before().to_lowercase();
    // "два-три дня": the noun goes by the last.
    if let (Some(low), Some(high), false) = (plain(low), plain(high), are_hours)
        && case_after(&before).is_none()
        && number::Count::of(high) != number::Count::Many
        && !next.is_empty()
    {
        let (gender, case) = agreement(&before, high, next);
        let (low, high) =
            (number::cardinal(low, gender, case), number::cardinal(high, gender, case));
        let between = if low.contains(' ') || high.contains(' ') { ", " } else { "-" };
        return Some(Said::of(format!("{low}{between}{high}"), taken));
    }
    let said = matches!(before.as_str(), "с" | "со" | "от");
    // "через 10–15 минут", "на 10:30–11:00": a preposition leaves no room for another.
    if let Some(case) = case_after(&before).filter(|_| !said) {
        let end = |text: &str| {
            let (hour, minute) = clock(text, ':')
                .or_else(|| clock(text, '.').filter(|_| pointed))
                .or_else(|| plain(text).map(|value| (value, 0)))?;
            let (gender, case) = match minute {
                0 => agreement(&before, hour, next),
                _ => (Gender::Masculine, case),
            };
            let hour = number::cardinal(hour, gender, case);
            Some(match minutes(minute, case) {
                Some(minutes) => format!("{hour} {minutes}"),
                None => hour,
            })
        };
        let (low, high) = (end(low)?, end(high)?);
        let between = if low.contains(' ') || high.contains(' ') { ", " } else { "-" };
        return Some(Said::of(format!("{low}{between}{high}"), taken));
    }
    let from = match (said, are_hours) {
        (true, _) => "",
        (false, true) => "с ",
        (false, false) => "от ",
    };
    Some(Said::of(format!("{from}{low_words} до {high_words}"), taken))
}
