//! Sums of money and measures in Russian.

use super::{
    gathered,
    noun::{self, Case, Gender, Noun, quantity, unit},
    number, word,
};
use crate::{
    chunk::{Place, Said},
    figure::Figure,
};

const BEFORE: [(&str, Noun, Noun); 6] = [
    ("US$", noun::DOLLAR, noun::CENT),
    ("$", noun::DOLLAR, noun::CENT),
    ("€", noun::EURO, noun::CENT),
    ("£", noun::POUND, noun::PENNY),
    ("₽", noun::RUBLE, noun::KOPECK_NOUN),
    ("₸", noun::TENGE, noun::TIYN),
];

/// Written after an amount, with the hundredth of it.
pub(super) fn currency(written: &str) -> Option<(Noun, Noun)> {
    Some(match written {
        "₽" | "руб" | "р" | "RUB" => (noun::RUBLE, noun::KOPECK_NOUN),
        "коп" | "к" => (noun::KOPECK_NOUN, noun::KOPECK_NOUN),
        "$" | "USD" | "долл" => (noun::DOLLAR, noun::CENT),
        "€" | "EUR" | "евро" => (noun::EURO, noun::CENT),
        "£" | "GBP" => (noun::POUND, noun::PENNY),
        "₸" | "KZT" | "тг" | "тенге" => (noun::TENGE, noun::TIYN),
        "UZS" | "сум" | "so'm" | "soʻm" => (noun::SOM, noun::TIYIN),
        _ => return None,
    })
}

fn scale(written: &str) -> Option<u64> {
    Some(match written {
        "тыс" => 1_000,
        "млн" => 1_000_000,
        "млрд" => 1_000_000_000,
        "трлн" => 1_000_000_000_000,
        _ => return None,
    })
}

/// "1 500 ₽", "$5", "5 тыс. руб.", "20 °C", "10–15 мин", "99 коп."
pub(super) fn measured(place: Place<'_>) -> Option<Said> {
    let (core, mut taken) = gathered(place);
    let case = match (word::asked(place), place.before().to_lowercase().as_str()) {
        // "по одному рублю", but "по два рубля".
        (_, "по") if Figure::russian(&core).is_some_and(|figure| figure.is_one()) => Case::Dative,
        (case, _) => case,
    };
    let (minus, body) = match core.strip_prefix('-') {
        Some(rest) => ("минус ", rest),
        None => match core.strip_prefix('+') {
            Some(rest) => ("плюс ", rest),
            None => ("", core.as_str()),
        },
    };
    let mut before = None;
    let mut figures = body;
    for (sign, noun, hundredth) in BEFORE {
        if let Some(rest) = body.strip_prefix(sign) {
            (before, figures) = (Some((noun, hundredth)), rest);
            break;
        }
    }
    // "USD5".
    let letters = figures.bytes().take_while(u8::is_ascii_uppercase).count();
    if before.is_none()
        && letters == 3
        && let Some(found) = currency(&figures[..3])
    {
        (before, figures) = (Some(found), &figures[3..]);
    }
    let cut = figures.find(|letter: char| !(letter.is_ascii_digit() || ".,-–'".contains(letter)));
    let (figures, mut suffix) = figures.split_at(cut.unwrap_or(figures.len()));
    let mut factor = None;
    let mut dotted = false;
    // "5тыс. руб.", "3 млн ₽": the scale, then what is counted.
    if suffix.is_empty()
        && let Some(size) = place.joined(taken).and_then(scale)
    {
        dotted = place.is_dotted(taken);
        (factor, taken) = (Some(size), taken + 1);
    } else if let Some(size) = scale(suffix) {
        dotted = place.is_dotted(taken - 1);
        (factor, suffix) = (Some(size), "");
    }
    let mut per = String::new();
    let mut named = before.map(|(noun, hundredth)| (noun, Some(hundredth)));
    let mut abbreviated = dotted;
    if named.is_none() {
        let next = match suffix {
            "" => {
                // A scale's full stop may stand between.
                let chunk = place.chunk(taken)?;
                let tail = place.chunk(taken - 1).map_or("", |chunk| chunk.tail.as_str());
                let open = chunk.lead.is_empty() && (tail.is_empty() || (dotted && tail == "."));
                match chunk.core.as_str() {
                    // "в 9 с врачом", "в 5 к врачу": prepositions, not units.
                    "с" | "к" if chunk.tail.is_empty() && place.chunk(taken + 1).is_some() => {
                        None
                    }
                    // "д. 5 к. 2" is a building's.
                    "к" if place.after(taken + 1).starts_with(|c: char| c.is_ascii_digit()) => {
                        None
                    }
                    next if open => Some(next),
                    _ => None,
                }
            }
            suffix => Some(suffix),
        };
        // "50 кв. м".
        if next == Some("кв")
            && suffix.is_empty()
            && place.is_dotted(taken)
            && let Some(square) = match place.after(taken + 1) {
                "м" => unit("м²"),
                "км" => unit("км²"),
                _ => None,
            }
        {
            let words = sum(figures, square, None, case)?;
            let dot = place.is_dotted(taken + 1) && !place.is_capital(taken + 2);
            return Some(Said { dot, ..Said::of(format!("{minus}{words}"), taken + 2) });
        }
        let found = next.and_then(|next| {
            let (name, each) = match next.split_once('/') {
                Some((name, each)) if unit(next).is_none() => {
                    (name.trim_end_matches('.'), unit(each).map(|noun| (noun, each)))
                }
                _ => (next, None),
            };
            let money = currency(name).or_else(|| named_with_hundredths(name, figures));
            let each = each.map(|(noun, written)| {
                let per = match (is_span_of_time(written), money) {
                    (true, _) => "в",
                    (false, Some(_)) => "за",
                    (false, None) => "на",
                };
                format!(" {per} {}", noun.accusative())
            });
            let noun = money
                .map(|(noun, hundredth)| (noun, Some(hundredth)))
                .or_else(|| unit(name).map(|noun| (noun, None)))?;
            Some((noun, each))
        });
        match found {
            Some((noun, each)) => {
                named = Some(noun);
                per = each.unwrap_or_default();
                taken += usize::from(suffix.is_empty());
                abbreviated = place.is_dotted(taken - 1);
            }
            None if factor.is_none() => return None,
            None if !suffix.is_empty() => return None,
            None => {}
        }
    } else if let Some(each) = suffix.strip_prefix('/') {
        // "$20/час".
        let noun = unit(each)?;
        let in_or_for = if is_span_of_time(each) { "в" } else { "за" };
        per = format!(" {in_or_for} {}", noun.accusative());
    } else if !suffix.is_empty() {
        return None;
    }
    // "в пяти километрах от города".
    let is_distance = place.before().eq_ignore_ascii_case("в") || place.before() == "В";
    let case = match named {
        Some((_, None)) if is_distance && place.joined(taken) == Some("от") => {
            Case::Prepositional
        }
        _ => case,
    };
    let words = match (named, factor) {
        (Some((noun, hundredth)), None) => sum(figures, noun, hundredth, case)?,
        (named, Some(factor)) => scaled(figures, factor, named.map(|(noun, _)| noun), case)?,
        (None, None) => return None,
    };
    let dot = abbreviated && !place.is_capital(taken);
    Some(Said { dot, ..Said::of(format!("{minus}{words}{per}"), taken) })
}

/// "USD 5", "UZS 50 000": the letters stand before the amount.
pub(super) fn currency_before(place: Place<'_>) -> Option<Said> {
    let core = place.core();
    if core.len() != 3 || !core.bytes().all(|letter| letter.is_ascii_uppercase()) {
        return None;
    }
    let (noun, hundredth) = currency(core)?;
    place.joined(1).filter(|next| next.starts_with(|letter: char| letter.is_ascii_digit()))?;
    let (figures, taken) = gathered(Place { at: place.at + 1, ..place });
    let words = sum(&figures, noun, Some(hundredth), word::asked(place))?;
    Some(Said::of(words, taken + 1))
}

/// "1,50 рублей": with hundredths a currency's name is said as its sign is.
fn named_with_hundredths(name: &str, figures: &str) -> Option<(Noun, Noun)> {
    let has_hundredths = |sign| figures.rsplit_once(sign).is_some_and(|(_, part)| part.len() == 2);
    if !has_hundredths(',') && !has_hundredths('.') {
        return None;
    }
    let name = name.to_lowercase();
    let starts = |stem: &str| name.starts_with(stem);
    Some(match () {
        () if starts("рубл") => (noun::RUBLE, noun::KOPECK_NOUN),
        () if starts("доллар") => (noun::DOLLAR, noun::CENT),
        () if name == "евро" => (noun::EURO, noun::CENT),
        () if starts("фунт") => (noun::POUND, noun::PENNY),
        () => return None,
    })
}

/// "в час", but "на килограмм".
fn is_span_of_time(written: &str) -> bool {
    ["ч", "час", "мин", "сек", "с", "мс", "дн", "нед", "мес"].contains(&written)
}

/// An amount, a range or a sum with hundredths.
fn sum(figures: &str, noun: Noun, hundredth: Option<Noun>, case: Case) -> Option<String> {
    if let Some((low, high)) = figures.split_once(['-', '–']) {
        let (low, high) = (Figure::russian(low)?, Figure::russian(high)?);
        if case != Case::Nominative {
            // "за 500–700 ₽": a preposition leaves no room for another.
            let (low, high) = (quantity(&low, noun.gender(), case)?, noun.counted(&high, case)?);
            let number = high.split(' ').count() - 1;
            let between = if low.contains(' ') || number > 1 { ", " } else { "-" };
            return Some(format!("{low}{between}{high}"));
        }
        let low = quantity(&low, noun.gender(), Case::Genitive)?;
        return Some(format!("от {low} до {}", noun.counted(&high, Case::Genitive)?));
    }
    let figure = Figure::russian(figures)?;
    if let (Some(hundredth), Some(part)) = (hundredth, figure.part.as_deref())
        && part.len() == 2
    {
        let whole = Figure { part: None, ..figure.clone() };
        let part = Figure { minus: false, whole: part.to_owned(), part: None, grouped: false };
        return Some(match (whole.value()?, part.value()?) {
            (_, 0) => noun.counted(&whole, case)?,
            (0, _) => hundredth.counted(&part, case)?,
            _ => format!("{} {}", noun.counted(&whole, case)?, hundredth.counted(&part, case)?),
        });
    }
    noun.counted(&figure, case)
}

/// "пять тысяч рублей", "два с половиной миллиона".
fn scaled(figures: &str, factor: u64, noun: Option<Noun>, case: Case) -> Option<String> {
    let figure = Figure::russian(figures)?;
    let value = figure.value()?;
    let words = match &figure.part {
        None => number::cardinal(value.checked_mul(factor)?, Gender::Masculine, case),
        Some(_) => {
            let (gender, name) = match factor {
                1_000 => (Gender::Feminine, "тысячи"),
                1_000_000 => (Gender::Masculine, "миллиона"),
                1_000_000_000 => (Gender::Masculine, "миллиарда"),
                _ => (Gender::Masculine, "триллиона"),
            };
            format!("{} {name}", quantity(&figure, gender, Case::Nominative)?)
        }
    };
    Some(match noun {
        Some(noun) => format!("{words} {}", noun.many(Case::Genitive)),
        None => words,
    })
}
