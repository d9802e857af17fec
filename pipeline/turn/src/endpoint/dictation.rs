//! Things that are dictated in pieces, with pauses between them: what of one is still to come.
//!
//! Within a number read aloud a pause says nothing; what counts is whether all of it is there. Without
//! a question by the agent only digits are recognised as dictation: everything else has words of its
//! own.

use serde::{Deserialize, Serialize};

use super::Question;
use crate::words;

/// Something dictated, as far as it has come.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dictation {
    /// What it is.
    pub of: Question,
    /// How surely more must come, 1 (surely) to 0 (it is whole).
    pub to_come: f32,
}

/// Digits of a number that is whole: ten with the area, as in North America.
const WHOLE_NUMBER: usize = 10;
/// Digits with which a number may be whole: seven without the area.
const LOCAL_NUMBER: usize = 7;

/// What these words dictate, if they do.
pub(super) fn under_way(spoken: &[String], asked: Option<Question>) -> Option<Dictation> {
    let dictates = |of: Question, to_come: f32| Some(Dictation { of, to_come });
    let asked = match asked {
        Some(
            asked @ (Question::Number
            | Question::Spelling
            | Question::Email
            | Question::Address
            | Question::Date),
        ) => asked,
        Some(Question::YesOrNo | Question::Other) | None => {
            let run = digits_at_end(spoken);
            // "Room 12", "at three": one or two digits are no dictation.
            let is_dictated = (3..LOCAL_NUMBER).contains(&run) && !is_quantity_at_end(spoken);
            let to_come = if is_dictated { 0.7 } else { return None };
            return dictates(Question::Number, to_come);
        }
    };
    if is_lead_in(spoken) {
        return dictates(asked, 1.0);
    }
    let to_come = match asked {
        Question::Number => number(spoken)?,
        Question::Spelling => spelling(spoken)?,
        Question::Email => email(spoken)?,
        Question::Address => address(spoken)?,
        Question::Date => date(spoken)?,
        Question::YesOrNo | Question::Other => return None,
    };
    dictates(asked, to_come)
}

fn number(spoken: &[String]) -> Option<f32> {
    if says_that_is_all(spoken) {
        return Some(0.0);
    }
    // "Восемь девятьсот …" tells how long it will be.
    let whole = words::whole_number(spoken);
    match words::digits_in(spoken) {
        0 => None,
        few if few < LOCAL_NUMBER => Some(1.0),
        some if whole.is_some_and(|whole| some < whole) => Some(0.8),
        some if some < WHOLE_NUMBER => Some(0.4),
        _ => Some(0.0),
    }
}

fn spelling(spoken: &[String]) -> Option<f32> {
    if says_that_is_all(spoken) {
        return Some(0.0);
    }
    // "D as in David": a word that stands for its letter.
    let names = spoken.len() >= 3 && {
        let as_in = spoken[spoken.len() - 3..].join(" ");
        as_in.contains(" as in") || as_in.contains("for ") || as_in.contains("like ")
    };
    // "А как Анна".
    let names = names || spoken.len() >= 3 && spoken[spoken.len() - 2] == "как";
    let letters = spoken.iter().filter(|word| is_letter(word)).count();
    let last = spoken.last().map_or("", String::as_str);
    (letters > 0 && (is_letter(last) || names || words::is_number(last) || last == "double"))
        .then_some(if letters < 3 { 1.0 } else { 0.6 })
}

fn email(spoken: &[String]) -> Option<f32> {
    const ENDINGS: &[&str] =
        &["com", "org", "net", "edu", "gov", "info", "uk", "de", "ru", "uz", "io"];
    let at =
        spoken.iter().position(|word| matches!(word.as_str(), "at" | "собака" | "собачка" | "эт"));
    let ended = spoken.last().is_some_and(|word| {
        ENDINGS.iter().any(|ending| word == ending || word.ends_with(&format!("-{ending}")))
    });
    // "… собака мейл точка ру".
    let ended_in_russian = at.is_some()
        && matches!(spoken, [.., dot, ending] if dot == "точка"
            && ["ру", "ком", "кз", "уз", "орг", "нет", "ru", "com", "kz"].contains(&ending.as_str()));
    if ended || ended_in_russian {
        return Some(0.0);
    }
    match at {
        Some(_) => Some(1.0),
        // The name before the "at", or something else than an address.
        None if spoken.len() <= 6 && !has_verb(spoken) => Some(1.0),
        None => None,
    }
}

fn address(spoken: &[String]) -> Option<f32> {
    const WAYS: &[&str] = &[
        "street",
        "st",
        "road",
        "rd",
        "avenue",
        "ave",
        "lane",
        "drive",
        "boulevard",
        "court",
        "place",
        "way",
        "square",
        "terrace",
        "close",
        "highway",
        "parkway",
        "circle",
    ];
    let way = spoken.iter().rposition(|word| WAYS.contains(&word.as_str()));
    let has_number = spoken.iter().any(|word| words::is_number(word));
    if let Some(way) = spoken.iter().position(|word| is_russian_way(word)) {
        return Some(russian_address(&spoken[way..]));
    }
    let Some(way) = way else { return has_number.then_some(1.0) };
    let after = &spoken[way + 1..];
    let code = words::digits_in(after) >= 5;
    let town = after.iter().any(|word| !words::is_number(word) && word.len() > 2);
    Some(match (code, town) {
        (true, _) => 0.0,
        (false, true) => 0.25,
        // The town may come, or the number of the flat.
        (false, false) => 0.6,
    })
}

fn is_russian_way(word: &str) -> bool {
    const WAYS: [&str; 9] = [
        "улиц",
        "проспект",
        "переул",
        "проезд",
        "бульвар",
        "шоссе",
        "набережн",
        "площад",
        "микрорайон",
    ];
    WAYS.iter().any(|stem| word.starts_with(stem)) || word == "мкр"
}

/// From the street on: the house and the flat follow it.
fn russian_address(spoken: &[String]) -> f32 {
    let number_after = |at: usize| spoken[at..].iter().any(|word| words::is_number(word));
    let flat = spoken
        .iter()
        .position(|word| word.starts_with("квартир") || word == "кв" || word == "офис");
    match flat {
        Some(flat) if number_after(flat) => 0.0,
        Some(_) => 1.0,
        // The flat may come, and there are houses without.
        None if number_after(0) => 0.4,
        None => 0.8,
    }
}

/// A Russian month in any case: "марта", "в марте".
fn is_russian_month(word: &str) -> bool {
    const STEMS: [&str; 11] = [
        "январ",
        "феврал",
        "март",
        "апрел",
        "июн",
        "июл",
        "август",
        "сентябр",
        "октябр",
        "ноябр",
        "декабр",
    ];
    let ends =
        |stem: &&str| word.strip_prefix(*stem).is_some_and(|ending| ending.chars().count() <= 2);
    STEMS.iter().any(ends) || matches!(word, "май" | "мая" | "мае" | "маю")
}

/// A day as a Russian ordinal: "пятого", "двадцать первое".
fn is_russian_day(word: &str) -> bool {
    const STEMS: [&str; 10] =
        ["перв", "втор", "трет", "четверт", "пят", "шест", "седьм", "восьм", "девят", "десят"];
    let word = words::plain(word);
    let stem = ["ого", "его", "ое", "ье", "ому", "ему", "ым", "ом"]
        .iter()
        .find_map(|ending| word.strip_suffix(ending));
    stem.is_some_and(|stem| STEMS.contains(&stem.trim_end_matches('ь')) || stem.ends_with("дцат"))
}

fn date(spoken: &[String]) -> Option<f32> {
    const MONTHS: &[&str] = &[
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let month =
        spoken.iter().position(|word| MONTHS.contains(&word.as_str()) || is_russian_month(word))?;
    let day = |word: &String| {
        words::is_number(word)
            || matches!(
                word.as_str(),
                "first"
                    | "second"
                    | "third"
                    | "ten"
                    | "eleven"
                    | "twelve"
                    | "thirteen"
                    | "twenty"
                    | "thirty"
            )
            || (word.len() > 4 && word.ends_with("th"))
            || word.ends_with("teen")
            || is_russian_day(word)
    };
    // A month alone waits for its day; "March the third" may have a year to come.
    let days = spoken.iter().enumerate().filter(|(at, word)| *at != month && day(word)).count();
    Some(if days == 0 { 0.8 } else { 0.0 })
}

/// Words that only announce what was asked for: "sure, it's", "my number is".
fn is_lead_in(spoken: &[String]) -> bool {
    const LEADS: &[&str] = &[
        "sure",
        "yes",
        "yeah",
        "okay",
        "ok",
        "so",
        "well",
        "it's",
        "its",
        "that's",
        "it",
        "is",
        "my",
        "the",
        "number",
        "phone",
        "email",
        "e-mail",
        "address",
        "name",
        "account",
        "code",
        "um",
        "uh",
        "er",
        "and",
        "of",
        "course",
        "hold",
        "on",
        "one",
        "second",
        "moment",
        "let",
        "me",
        "see",
        "would",
        "be",
        "that",
        "a",
        "just",
        "think",
        "date",
        "birth",
        "i",
        "live",
        "at",
        "да",
        "ага",
        "хорошо",
        "ладно",
        "так",
        "ну",
        "э",
        "эм",
        "вот",
        "и",
        "это",
        "мой",
        "моя",
        "у",
        "меня",
        "он",
        "она",
        "номер",
        "телефон",
        "телефона",
        "адрес",
        "почта",
        "почты",
        "электронная",
        "электронной",
        "код",
        "имя",
        "фамилия",
        "дата",
        "рождения",
        "конечно",
        "сейчас",
        "секунду",
        "секундочку",
        "минуту",
        "минутку",
        "одну",
        "подождите",
        "пишите",
        "записывайте",
        "диктую",
        "значит",
        "смотрите",
        "я",
        "живу",
    ];
    // "One" alone is a digit.
    !matches!(spoken, [only] if only == "one")
        && spoken.len() <= 8
        && spoken.iter().all(|word| LEADS.contains(&word.as_str()))
}

fn says_that_is_all(spoken: &[String]) -> bool {
    let end = spoken[spoken.len().saturating_sub(3)..].join(" ");
    let last = spoken.last().map_or("", String::as_str);
    // "Это всё", "вот и всё".
    matches!(last, "все" | "всё")
        || ["that's it", "that's all", "that is it", "that is all", "that's the number"]
            .iter()
            .any(|all| end.ends_with(all))
}

/// Digits in the unbroken run of number words at the end.
fn digits_at_end(spoken: &[String]) -> usize {
    let from = spoken.iter().rposition(|word| !words::is_number(word)).map_or(0, |at| at + 1);
    words::digits_in(&spoken[from..])
}

fn is_quantity_at_end(spoken: &[String]) -> bool {
    let from = spoken.iter().rposition(|word| !words::is_number(word)).map_or(0, |at| at + 1);
    words::is_quantity(&spoken[from..])
}

/// One letter, as a recogniser writes it: "b", "b-o-b"; or its Russian name.
fn is_letter(word: &str) -> bool {
    const NAMES: [&str; 22] = [
        "бэ", "вэ", "гэ", "дэ", "жэ", "зэ", "ка", "эль", "эл", "эм", "эн", "пэ", "эр", "эс", "тэ",
        "эф", "ха", "цэ", "че", "ша", "ща", "йот",
    ];
    NAMES.contains(&word)
        || word
            .split('-')
            .all(|part| part.chars().count() == 1 && part.chars().all(char::is_alphabetic))
}

fn has_verb(spoken: &[String]) -> bool {
    const VERBS: &[&str] = &[
        "don't",
        "do",
        "have",
        "is",
        "can",
        "can't",
        "know",
        "want",
        "need",
        "think",
        "am",
        "i'm",
        "would",
        "haven't",
        "no",
        "why",
        "what",
        "не",
        "нет",
        "знаю",
        "хочу",
        "помню",
        "зачем",
        "могу",
        "какой",
    ];
    spoken.iter().any(|word| VERBS.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to_come(text: &str, asked: Option<Question>) -> Option<f32> {
        under_way(&words::normalised(text), asked).map(|dictation| dictation.to_come)
    }

    #[test]
    fn half_a_thing_dictated_waits_for_the_rest_and_a_whole_one_does_not() {
        use Question::{Address, Date, Email, Number, Spelling};
        let cases = [
            (Number, "Sure, my number is", Some(1.0)),
            (Number, "five five five", Some(1.0)),
            (Number, "It's 555-12", Some(1.0)),
            (Number, "five five five one two three four", Some(0.4)),
            (Number, "212 555 1234", Some(0.0)),
            (Number, "12, that's all.", Some(0.0)),
            (Number, "I don't have it with me.", None),
            (Spelling, "C A R", Some(0.6)),
            (Spelling, "c-a", Some(1.0)),
            (Spelling, "C A R T E R, that's it", Some(0.0)),
            (Spelling, "I'd rather not.", None),
            (Email, "It's", Some(1.0)),
            (Email, "john dot smith", Some(1.0)),
            (Email, "john dot smith at", Some(1.0)),
            (Email, "john dot smith at gmail dot com", Some(0.0)),
            (Email, "john@example.com", Some(0.0)),
            (Email, "I don't have one.", None),
            (Address, "14", Some(1.0)),
            (Address, "14 Baker Street", Some(0.6)),
            (Address, "14 Baker Street, Springfield", Some(0.25)),
            (Address, "14 Baker Street, Springfield 62704", Some(0.0)),
            (Date, "In March", Some(0.8)),
            (Date, "March 3rd", Some(0.0)),
            (Date, "Tomorrow, please.", None),
            (Number, "Да, мой номер", Some(1.0)),
            (Number, "восемь девятьсот шестнадцать", Some(1.0)),
            (Number, "восемь девятьсот шестнадцать сто двадцать три сорок пять", Some(0.8)),
            (
                Number,
                "восемь девятьсот шестнадцать сто двадцать три сорок пять шестьдесят семь",
                Some(0.0),
            ),
            (Number, "плюс семь девятьсот шестнадцать сто двадцать три", Some(0.8)),
            (Number, "сто двадцать три сорок пять шестьдесят семь", Some(0.4)),
            (Number, "двенадцать, это всё", Some(0.0)),
            (Number, "У меня его нет с собой.", None),
            (Spelling, "И ка эс", Some(0.6)),
            (Spelling, "а как Анна", Some(1.0)),
            (Email, "иван точка петров", Some(1.0)),
            (Email, "иван собака мейл", Some(1.0)),
            (Email, "иван собака мейл точка ру", Some(0.0)),
            (Email, "У меня нет почты.", None),
            (Address, "Улица Ленина", Some(0.8)),
            (Address, "Улица Ленина, дом пять", Some(0.4)),
            (Address, "Улица Ленина, дом 5, квартира", Some(1.0)),
            (Address, "Улица Ленина, дом 5, квартира 12", Some(0.0)),
            (Date, "В марте", Some(0.8)),
            (Date, "двадцать пятого марта", Some(0.0)),
            (Date, "Завтра, пожалуйста.", None),
        ];
        for (asked, text, wanted) in cases {
            assert_eq!(to_come(text, Some(asked)), wanted, "{asked:?} {text:?}");
        }
    }

    #[test]
    fn digits_are_dictation_without_being_asked_for() {
        assert_eq!(to_come("my number is five five five", None), Some(0.7));
        assert_eq!(to_come("I am in room 12", None), None);
        assert_eq!(to_come("at three", Some(Question::Other)), None);
        assert_eq!(to_come("мой номер восемь девятьсот", None), Some(0.7));
        assert_eq!(to_come("стоит триста пятьдесят", None), None);
        assert_eq!(to_come("в десять тридцать", None), None);
    }
}
