//! Russian as it is said: numerals in the case and gender that the words around them ask for.

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
mod noun;
mod number;
mod word;

use noun::{Case, Gender, agreement, quantity};
use number::Agreement;

/// After these, figures are a code.
const CODES: [&str; 15] = [
    "код",
    "кода",
    "пин",
    "пин-код",
    "заказ",
    "заказа",
    "номер",
    "номером",
    "номера",
    "договор",
    "договора",
    "счёт",
    "бронь",
    "индекс",
    "инн",
];

pub(crate) fn say(place: Place<'_>) -> Option<Said> {
    let core = place.core();
    if core.is_empty() {
        return None;
    }
    if let Some(parts) = address(core) {
        return Some(Said::one(said_address(&parts)));
    }
    let is_figure = |letter: char| letter.is_ascii_digit() || vulgar(letter).is_some();
    if !core.contains(is_figure) {
        return word::word(place);
    }
    compared(place)
        .or_else(|| telephone(place))
        .or_else(|| code(place))
        .or_else(|| calendar::date(place))
        .or_else(|| calendar::year(place))
        .or_else(|| measure::measured(place))
        .or_else(|| calendar::time(place))
        .or_else(|| storey(place))
        .or_else(|| suffixed(place))
        .or_else(|| fraction(place))
        .or_else(|| counted(place))
        .or_else(|| Some(Said::one(mixed(core))))
}

/// "~5", "<10", ">100 кг".
fn compared(place: Place<'_>) -> Option<Said> {
    let core = place.core();
    let sign = core.chars().next()?;
    let (words, before) = match sign {
        '~' | '≈' => ("около", "около"),
        '<' => ("меньше", "меньше"),
        '>' => ("больше", "больше"),
        '≥' => ("не меньше", "меньше"),
        '≤' => ("не больше", "больше"),
        '±' => ("плюс-минус", ""),
        _ => return None,
    };
    let rest = core[sign.len_utf8()..].to_owned();
    if rest.starts_with(['~', '≈', '<', '>', '±', '≥', '≤']) {
        return None;
    }
    let last = (place.at + 8).min(place.chunks.len());
    let mut chunks: Vec<Chunk> = place.chunks[place.at..last].to_vec();
    let first = chunks.first_mut()?;
    first.core = rest;
    let word = Chunk { core: before.to_owned(), tail: String::new(), ..first.clone() };
    chunks.insert(0, word);
    let said = say(Place { chunks: &chunks, at: 1 })?;
    Some(Said { words: format!("{words} {}", said.words), ..said })
}

fn telephone(place: Place<'_>) -> Option<Said> {
    let number = Telephone::at(place, true)?;
    let groups = number.groups.iter().map(|group| number::telephone_group(group));
    let groups: Vec<String> = groups.collect();
    let plus = if number.plus { "плюс " } else { "" };
    Some(Said::of(format!("{plus}{}", groups.join(", ")), number.taken))
}

fn said_address(parts: &[Part<'_>]) -> String {
    let last = parts.len().saturating_sub(1);
    let words = parts.iter().enumerate().map(|(at, part)| match part {
        // The host's ending, before a path too.
        Part::Letters(ending)
            if at > 0
                && parts[at - 1] == Part::Sign('.')
                && (at == last || parts[at + 1] == Part::Sign('/')) =>
        {
            match *ending {
                "ru" => "ру".to_owned(),
                "com" => "ком".to_owned(),
                "org" => "орг".to_owned(),
                "kz" => "кей-зэт".to_owned(),
                "uz" => "ю-зэт".to_owned(),
                "рф" => "эр-эф".to_owned(),
                other => other.to_owned(),
            }
        }
        Part::Letters(letters) => (*letters).to_owned(),
        Part::Figures(figures) => number::digits(figures),
        Part::Sign('@') => "собака".to_owned(),
        Part::Sign('.') => "точка".to_owned(),
        Part::Sign('-') => "дефис".to_owned(),
        Part::Sign('_') => "подчёркивание".to_owned(),
        Part::Sign('/') => "слэш".to_owned(),
        Part::Sign(_) => "плюс".to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// "№ 4711", "код 1234".
fn code(place: Place<'_>) -> Option<Said> {
    let core = place.core();
    if let Some(rest) = core.strip_prefix(['#', '№']) {
        let words = if is_figures(rest) && rest.len() > 2 {
            number::code(rest)
        } else {
            alone(rest, Language::Russian)
        };
        let named = CODES.contains(&place.before().to_lowercase().as_str())
            && place.before().to_lowercase().starts_with("номер");
        return Some(Said::one(if named { words } else { format!("номер {words}") }));
    }
    if let Some(keys) = core.strip_prefix('*').filter(|keys| is_figures(keys)) {
        return Some(Said::one(format!("звёздочка {}", number::digits(keys))));
    }
    let is_code = CODES.contains(&place.before().to_lowercase().as_str())
        || place.before() == "№"
        // "Код подтверждения: 4821".
        || (place.at > 0
            && place.chunks[place.at - 1].tail == ":"
            && CODES.contains(&place.second_before().to_lowercase().as_str()))
        || (place.before() == "—"
            && CODES.contains(&place.second_before().to_lowercase().as_str()));
    (is_code && is_figures(core) && core.len() > 2).then(|| Said::one(number::code(core)))
}

/// A number over white space, "1 500,50₽", and how many chunks it takes.
fn gathered(place: Place<'_>) -> (String, usize) {
    let mut text = place.core().to_owned();
    let figures = text.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let (mut taken, first) = (1, figures.len());
    if !(1..=3).contains(&first) || !is_figures(figures) || figures.starts_with('0') {
        return (text, 1);
    }
    while let Some(next) = place.joined(taken) {
        let group = next.bytes().take_while(u8::is_ascii_digit).count();
        let rest = &next[group..];
        let ends = rest.starts_with(|letter: char| {
            !letter.is_alphanumeric()
                && letter != '-'
                && letter != '–'
                && letter != ':'
                && letter != '/'
        });
        if group != 3 || !(rest.is_empty() || ends) || taken > 5 {
            break;
        }
        text.push_str(next);
        taken += 1;
        if !rest.is_empty() {
            break;
        }
    }
    (text, taken)
}

/// "на 3 этаже", "2 подъезд": one of several that have numbers, not so many of them.
fn storey(place: Place<'_>) -> Option<Said> {
    const NUMBERED: [&str; 8] =
        ["этаж", "кабинет", "подъезд", "квартал", "курс", "класс", "корпус", "ряд"];
    let core = place.core();
    let value: u64 = core.parse().ok().filter(|value| is_figures(core) && *value > 0)?;
    let next = place.joined(1)?.to_lowercase();
    let ending = NUMBERED.iter().find_map(|stem| next.strip_prefix(stem))?;
    let is_one = number::Count::of(value) == number::Count::One;
    let case = match ending {
        "" => Case::Nominative,
        "е" | "у" if next == "ряду" => Case::Prepositional,
        "е" => Case::Prepositional,
        "у" => Case::Dative,
        "ом" => Case::Instrumental,
        // "с 3 этажа", but "3 этажа".
        "а" if is_one || value > 4 || word::asked(place) == Case::Genitive => Case::Genitive,
        _ => return None,
    };
    Some(Said::one(number::ordinal(value, Agreement::One(Gender::Masculine, case))))
}

/// "21-й", "5-го", "3-х", "10-летний".
fn suffixed(place: Place<'_>) -> Option<Said> {
    let core = place.core();
    let (figures, ending) = core.split_once('-')?;
    let value: u64 = figures.parse().ok().filter(|_| is_figures(figures) && figures.len() <= 6)?;
    use Case::{Accusative, Dative, Genitive, Instrumental, Nominative, Prepositional};
    use Gender::{Feminine, Masculine, Neuter};
    let many = place.joined(1).is_some_and(|next| {
        let next = next.to_lowercase();
        next.ends_with('ы') || next.ends_with('и')
    });
    let agreement = match ending {
        "й" | "ый" | "ой" | "ий" => {
            // "на 2-й линии" is feminine.
            let oblique =
                place.joined(1).is_some_and(|next| next.to_lowercase().ends_with(['и', 'е']));
            if oblique {
                Agreement::One(Feminine, Prepositional)
            } else {
                Agreement::One(Masculine, Nominative)
            }
        }
        "я" | "ая" => Agreement::One(Feminine, Nominative),
        "ю" | "ую" => Agreement::One(Feminine, Accusative),
        "е" | "ые" | "ое" if many || ending == "ые" => Agreement::Many(Nominative),
        "е" | "ое" => Agreement::One(Neuter, Nominative),
        "го" | "ого" | "его" => Agreement::One(Masculine, Genitive),
        "му" | "ому" => Agreement::One(Masculine, Dative),
        "м" | "ом" => Agreement::One(Masculine, Prepositional),
        "ым" | "им" => Agreement::One(Masculine, Instrumental),
        "х" if (2..=4).contains(&value) => {
            return Some(Said::one(number::cardinal(value, Masculine, Genitive)));
        }
        "мя" => return Some(Said::one(number::cardinal(value, Masculine, Instrumental))),
        "ти" | "и" | "ми" => {
            return Some(Said::one(number::cardinal(value, Masculine, Genitive)));
        }
        "х" | "ых" => Agreement::Many(Genitive),
        stem if stem.chars().count() > 3
            && stem.chars().all(char::is_alphabetic)
            && (1..1_000).contains(&value) =>
        {
            return Some(Said::one(format!("{}{stem}", number::joined(value))));
        }
        _ => return None,
    };
    Some(Said::one(number::ordinal(value, agreement)))
}

/// "1/2", "1 1/2", "2½".
fn fraction(place: Place<'_>) -> Option<Said> {
    let core = place.core();
    if core == "24/7" {
        return Some(Said::one("двадцать четыре на семь"));
    }
    let case = word::asked(place);
    let half = match (case, place.before().to_lowercase().as_str()) {
        (_, "по") | (Case::Dative | Case::Prepositional, _) => "половине",
        (Case::Genitive, _) => "половины",
        (Case::Accusative, _) => "половину",
        (Case::Instrumental, _) => "половиной",
        (Case::Nominative, _) => "половина",
    };
    let part = |over: u64, under: u64| {
        let over_words = number::cardinal(over, Gender::Feminine, case);
        let agreement = match number::Count::of(over) {
            number::Count::One => Agreement::One(Gender::Feminine, case),
            _ => Agreement::Many(if case.is_direct() { Case::Genitive } else { case }),
        };
        format!("{over_words} {}", number::ordinal(under, agreement))
    };
    // "2 1/2 часа".
    if let (Some("1/2" | "½"), Ok(1..)) = (place.joined(1), core.parse::<u64>()) {
        let figure = Figure { part: Some("5".to_owned()), ..Figure::russian(core)? };
        let (gender, case) = agreement(place.before(), 2, place.joined(2).unwrap_or_default());
        return Some(Said::of(quantity(&figure, gender, case)?, 2));
    }
    let last = core.chars().next_back()?;
    if let Some((over, under)) = vulgar(last) {
        let whole = &core[..core.len() - last.len_utf8()];
        if whole.is_empty() {
            let is_half = (over, under) == (1, 2);
            return Some(Said::one(if is_half { half.to_owned() } else { part(over, under) }));
        }
        let figure = Figure::russian(whole)?;
        let words = quantity(&figure, Gender::Masculine, Case::Nominative)?;
        let end = if (over, under) == (1, 2) {
            "с половиной".to_owned()
        } else {
            format!("и {}", part(over, under))
        };
        return Some(Said::one(format!("{words} {end}")));
    }
    let (over, under) = core.split_once('/')?;
    let fits = is_figures(over) && is_figures(under) && over.len() <= 3 && under.len() <= 3;
    let (over, under): (u64, u64) = (over.parse().ok()?, under.parse().ok()?);
    if !fits || under == 0 {
        return None;
    }
    // "1/2 таблетки".
    let counts = place.joined(1).is_some_and(|next| {
        next.chars().count() > 3
            && next.starts_with(char::is_lowercase)
            && next.ends_with(['ы', 'и', 'а', 'я'])
    });
    if (over, under) == (1, 2) && counts && !word::is_house(place.before()) {
        return Some(Said::one(half));
    }
    let plain = |value| number::cardinal(value, Gender::Masculine, Case::Nominative);
    // A blood pressure.
    if (80..=250).contains(&over)
        && (40..=150).contains(&under)
        && over > under
        && !word::is_house(place.before())
    {
        return Some(Said::one(format!("{} на {}", plain(over), plain(under))));
    }
    let words = match over < under && under <= 10 && over > 0 {
        true => part(over, under),
        // A house's number.
        false => format!("{} дробь {}", plain(over), plain(under)),
    };
    Some(Said::one(words))
}

/// A number and, for its form, the word after it.
fn counted(place: Place<'_>) -> Option<Said> {
    let (core, taken) = gathered(place);
    let (core, plus) = core.strip_suffix('+').map_or((core.as_str(), ""), |rest| (rest, " плюс"));
    if let Some((over, under)) = core.split_once(':') {
        let plain = |text: &str| {
            let figure = Figure::russian(text)?;
            quantity(&figure, Gender::Masculine, Case::Nominative)
        };
        return Some(Said::one(format!("{} к {}", plain(over)?, plain(under)?)));
    }
    if let Some((times, each)) = core.split_once(['x', 'х', '×'])
        && is_figures(times)
        && is_figures(each)
    {
        return Some(Said::one(alone(&format!("{times} на {each}"), Language::Russian)));
    }
    if place.before().to_lowercase().starts_with("верси") && core.contains('.') {
        return Some(Said::one(mixed(core)));
    }
    let figure = Figure::russian(core)?;
    let above = if core.starts_with('+') { "плюс " } else { "" };
    let grouped = Figure { grouped: taken > 1, ..figure.clone() };
    if figure.value().is_none() || grouped.is_dictated() {
        let minus = if figure.minus { "минус " } else { "" };
        let part = figure.part.as_deref().map(number::digits);
        let part = part.map_or_else(String::new, |part| format!(" запятая {part}"));
        return Some(Said::of(
            format!("{minus}{}{part}{plus}", number::code(&figure.whole)),
            taken,
        ));
    }
    let next = place.joined(taken).unwrap_or_default();
    let value = figure.value()?;
    let (gender, case) = match &figure.part {
        // "полторы минуты", "две с половиной минуты".
        Some(_) => agreement(word::governor(place), 2, next),
        None => agreement(word::governor(place), value, next),
    };
    Some(Said::of(format!("{above}{}{plus}", quantity(&figure, gender, case)?), taken))
}

/// Letters and figures together: by their parts, codes one by one.
fn mixed(core: &str) -> String {
    let kind = |letter: char| match letter {
        '0'..='9' => 0,
        letter if letter.is_alphabetic() => 1,
        _ => 2,
    };
    // "12-А" is a number with a letter, "А12-Б7" a code.
    let mut kinds: Vec<u8> = core.chars().map(kind).filter(|kind| *kind != 2).collect();
    kinds.dedup();
    let is_code = kinds.len() > 2;
    let mut words: Vec<String> = Vec::new();
    let mut rest = core;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|letter| kind(letter) != kind(first)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        match kind(first) {
            0 if is_code || run.len() > 3 => words.push(number::digits(run)),
            0 => words.push(number::telephone_group(run)),
            1 => words.push(match run.chars().count() {
                1 => run.to_uppercase(),
                _ => alone(run, Language::Russian),
            }),
            _ => {
                for letter in run.chars() {
                    match letter {
                        '.' if !after.is_empty() => words.push("точка".to_owned()),
                        ',' | ':' => {
                            if let Some(last) = words.last_mut().filter(|last| !last.ends_with(','))
                            {
                                last.push(',');
                            }
                        }
                        _ => words.extend(word::sign(letter).map(str::to_owned)),
                    }
                }
            }
        }
    }
    words.join(" ")
}
