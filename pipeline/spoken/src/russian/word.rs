//! Words that are not said as they are spelled in Russian: abbreviations, acronyms, signs.

use super::{
    calendar, measure,
    noun::{Case, Gender, case_after, unit},
    number::{self, Agreement},
};
use crate::{
    Language, alone,
    chunk::{Place, Said},
    figure::roman,
};

/// With a full stop: how they are said; `true` where they may end a sentence.
const ABBREVIATIONS: [(&str, &str, bool); 54] = [
    ("ул", "улица", false),
    ("д", "дом", false),
    ("кв", "квартира", false),
    ("корп", "корпус", false),
    ("стр", "строение", false),
    ("пр", "проспект", false),
    ("просп", "проспект", false),
    ("пер", "переулок", false),
    ("пл", "площадь", false),
    ("наб", "набережная", false),
    ("ш", "шоссе", false),
    ("бул", "бульвар", false),
    ("обл", "область", true),
    ("р-н", "район", true),
    ("эт", "этаж", true),
    ("оф", "офис", false),
    ("каб", "кабинет", false),
    ("м", "метро", false),
    ("им", "имени", false),
    ("тел", "телефон", false),
    ("доб", "добавочный", false),
    ("т.е", "то есть", false),
    ("т.д", "так далее", true),
    ("т.п", "тому подобное", true),
    ("т.к", "так как", false),
    ("т.ч", "том числе", false),
    ("др", "другие", true),
    ("пр-т", "проспект", false),
    ("напр", "например", false),
    ("см", "смотрите", false),
    ("руб", "рублей", true),
    ("коп", "копеек", true),
    ("тыс", "тысяч", true),
    ("млн", "миллионов", true),
    ("млрд", "миллиардов", true),
    ("мин", "минут", true),
    ("сек", "секунд", true),
    ("ч", "часов", true),
    ("чел", "человек", true),
    ("шт", "штук", true),
    ("мес", "месяц", true),
    ("г-н", "господин", false),
    ("г-жа", "госпожа", false),
    ("проф", "профессор", false),
    ("ок", "около", false),
    ("вкл", "включительно", true),
    ("макс", "максимум", false),
    ("мкр", "микрорайон", false),
    ("под", "подъезд", false),
    ("к", "корпус", false),
    ("п", "пункт", false),
    ("ст", "статья", false),
    ("гл", "глава", false),
    ("рис", "рисунок", false),
];

/// Without a full stop.
const SHORT: [(&str, &str); 11] = [
    ("руб", "рублей"),
    ("тыс", "тысяч"),
    ("млн", "миллионов"),
    ("млрд", "миллиардов"),
    ("пр-т", "проспект"),
    ("г-н", "господин"),
    ("г-жа", "госпожа"),
    ("р-н", "район"),
    ("д-р", "доктор"),
    ("д-ра", "доктора"),
    ("д-ру", "доктору"),
];

/// Names of letters.
const LETTERS: [(char, &str); 31] = [
    ('А', "а"),
    ('Б', "бэ"),
    ('В', "вэ"),
    ('Г', "гэ"),
    ('Д', "дэ"),
    ('Е', "е"),
    ('Ё', "ё"),
    ('Ж', "жэ"),
    ('З', "зэ"),
    ('И', "и"),
    ('Й', "й"),
    ('К', "ка"),
    ('Л', "эл"),
    ('М', "эм"),
    ('Н', "эн"),
    ('О', "о"),
    ('П', "пэ"),
    ('Р', "эр"),
    ('С', "эс"),
    ('Т', "тэ"),
    ('У', "у"),
    ('Ф', "эф"),
    ('Х', "ха"),
    ('Ц', "цэ"),
    ('Ч', "че"),
    ('Ш', "ша"),
    ('Щ', "ща"),
    ('Ы', "ы"),
    ('Э', "э"),
    ('Ю', "ю"),
    ('Я', "я"),
];

/// Letter by letter although they have vowels.
const LETTERED: [&str; 8] = ["ИНН", "США", "ИП", "ООО", "ТОО", "АО", "ИИН", "УФМС"];

/// A chunk without figures.
pub(super) fn word(place: Place<'_>) -> Option<Said> {
    let core = place.core();
    calendar::days(core)
        .map(Said::one)
        .or_else(|| measure::currency_before(place))
        .or_else(|| times(place))
        .or_else(|| abbreviation(place))
        .or_else(|| century(place))
        .or_else(|| crowned(place))
        .or_else(|| lettered(core).map(Said::one))
        .or_else(|| signs(core).map(Said::one))
}

fn abbreviation(place: Place<'_>) -> Option<Said> {
    let core = place.core();
    // The longest has 9 letters of two bytes.
    if core.len() > 18 {
        return None;
    }
    let lower = core.to_lowercase();
    let dotted = place.is_dotted(0);
    // "вс" is otherwise somebody's initials.
    let is_sunday = dotted
        || matches!(place.after(1), "-" | "–" | "—")
        || place.after(1).starts_with(|letter: char| letter.is_ascii_digit());
    if let Some(name) = calendar::day(&lower).filter(|_| lower != "вс" || is_sunday) {
        return Some(Said { dot: dotted && !place.is_capital(1), ..Said::one(name) });
    }
    if !dotted {
        let found = SHORT.iter().find(|(written, _)| *written == lower)?;
        return Some(Said::one(found.1));
    }
    // "т. е." in two.
    let (lower, taken) = match (lower.as_str(), place.after(1), place.is_dotted(1)) {
        ("т", second @ ("е" | "д" | "п" | "к" | "ч"), true) => (format!("т.{second}"), 2),
        _ => (lower, 1),
    };
    let figures_follow = place.after(taken).starts_with(|letter: char| letter.is_ascii_digit());
    let capital = place.is_capital(taken);
    if lower == "г" {
        return capital.then(|| Said::dotted(town(place.before()), 1));
    }
    let (_, said, may_end) = ABBREVIATIONS.iter().find(|(written, ..)| *written == lower)?;
    let said = match lower.as_str() {
        // Single letters are more often initials.
        "д" | "кв" | "стр" | "эт" | "под" | "к" | "п" | "ст" | "гл" | "рис" if !figures_follow =>
        {
            return None;
        }
        "ч" | "ш" | "м" if core.starts_with(char::is_uppercase) => return None,
        "м" | "ш" if !capital => return None,
        "пр" if place.before().eq_ignore_ascii_case("и") || place.before() == "и" => "прочее",
        "ул" => street(place.before()),
        "стр" if place.before().eq_ignore_ascii_case("на") || place.before() == "на" => {
            "странице"
        }
        "стр" if matches!(place.before(), "см" | "См" | "смотрите") => "страницу",
        _ => said,
    };
    // "к. 2": taken together, or the number would hear the preposition.
    if lower == "к" {
        let number = alone(place.after(1), Language::Russian);
        return Some(Said::of(format!("{said} {number}"), 2));
    }
    if matches!(lower.as_str(), "д" | "кв" | "корп" | "под" | "оф" | "каб" | "тел")
    {
        return Some(Said::dotted(place_name(said, place.before()), taken));
    }
    let ends = *may_end && (capital || place.is_last(taken - 1));
    Some(Said { dot: !ends, ..Said::of(said, taken) })
}

/// "3 х 4".
fn times(place: Place<'_>) -> Option<Said> {
    let is_figure = |text: &str| text.starts_with(|letter: char| letter.is_ascii_digit());
    let between = is_figure(place.before()) && place.joined(1).is_some_and(is_figure);
    (matches!(place.core(), "х" | "x" | "×") && between).then(|| Said::one("на"))
}

/// Before a house's number: "дом 1/2" is no half.
pub(super) fn is_house(before: &str) -> bool {
    ["дом", "д", "доме", "кв", "квартира", "ул", "улица"].contains(&before.to_lowercase().as_str())
}

/// "в кв. 12": what an abbreviation of a place stands for, in the case that the preposition asks for.
fn place_name(said: &'static str, before: &str) -> String {
    let before = before.to_lowercase();
    let case = match before.as_str() {
        "в" | "во" | "на" => Case::Prepositional,
        "по" => Case::Dative,
        _ => case_after(&before).unwrap_or(Case::Nominative),
    };
    let (stem, endings) = match said.strip_suffix('а') {
        Some(stem) => (stem, ["а", "ы", "е", "у", "ой", "е"]),
        None => (said, ["", "а", "у", "", "ом", "е"]),
    };
    format!("{stem}{}", endings[case as usize])
}

fn town(before: &str) -> &'static str {
    match before.to_lowercase().as_str() {
        "в" | "во" | "о" => "городе",
        "из" | "до" | "от" | "около" | "с" | "для" => "города",
        "к" | "по" => "городу",
        _ => "город",
    }
}

fn street(before: &str) -> &'static str {
    match before.to_lowercase().as_str() {
        "на" | "по" | "к" => "улице",
        "с" | "до" | "от" | "около" | "у" => "улицы",
        _ => "улица",
    }
}

/// "XXI век", "II квартал".
fn century(place: Place<'_>) -> Option<Said> {
    let value = roman(place.core())?;
    let next = place.joined(1)?.to_lowercase();
    let stem = ["век", "квартал", "этап", "этаж", "раздел", "том", "съезд", "курс"]
        .iter()
        .find(|stem| next.starts_with(**stem))?;
    let case = match next.strip_prefix(stem)? {
        "" => Case::Nominative,
        "а" => Case::Genitive,
        "у" => Case::Dative,
        "ом" => Case::Instrumental,
        "е" => Case::Prepositional,
        _ => return None,
    };
    Some(Said::one(number::ordinal(value, Agreement::One(Gender::Masculine, case))))
}

/// "Пётр I", "при Екатерине II": the ordinal stands as the name does.
fn crowned(place: Place<'_>) -> Option<Said> {
    use Case::{Accusative, Dative, Genitive, Instrumental, Nominative, Prepositional};
    const KINGS: [(&str, &str); 11] = [
        ("пётр", "петр"),
        ("павел", "павл"),
        ("николай", "никола"),
        ("александр", "александр"),
        ("иван", "иван"),
        ("людовик", "людовик"),
        ("генрих", "генрих"),
        ("карл", "карл"),
        ("георг", "георг"),
        ("фридрих", "фридрих"),
        ("филипп", "филипп"),
    ];
    const QUEENS: [&str; 4] = ["екатерин", "елизавет", "мари", "маргарит"];
    let value = roman(place.core())?;
    let name = place.before().to_lowercase();
    let king = KINGS.iter().find_map(|(nominative, stem)| {
        let bare = name == *nominative || name == *stem;
        bare.then_some("").or_else(|| name.strip_prefix(stem))
    });
    let (gender, case) = match king {
        Some("" | "й") => (Gender::Masculine, Nominative),
        Some("а" | "я") => (Gender::Masculine, Genitive),
        Some("у" | "ю") => (Gender::Masculine, Dative),
        Some("ом" | "ем") => (Gender::Masculine, Instrumental),
        Some("е") => (Gender::Masculine, Prepositional),
        Some(_) => return None,
        None => match QUEENS.iter().find_map(|stem| name.strip_prefix(stem))? {
            "а" | "я" => (Gender::Feminine, Nominative),
            "ы" | "и" => (Gender::Feminine, Genitive),
            "е" => (Gender::Feminine, Dative),
            "у" | "ю" => (Gender::Feminine, Accusative),
            "ой" | "ей" => (Gender::Feminine, Instrumental),
            _ => return None,
        },
    };
    let words = number::ordinal(value, Agreement::One(gender, case));
    Some(Said::one(words))
}

/// "МФЦ" letter by letter.
fn lettered(core: &str) -> Option<String> {
    let count = core.chars().count();
    let fits = (2..=5).contains(&count) && core.chars().all(|letter| name(letter).is_some());
    if !fits {
        return None;
    }
    let has_vowel = core.contains(['А', 'Е', 'Ё', 'И', 'О', 'У', 'Ы', 'Э', 'Ю', 'Я']);
    if has_vowel && !LETTERED.contains(&core) {
        return None;
    }
    let names: Vec<&str> = core.chars().filter_map(name).collect();
    Some(names.join("-"))
}

fn name(letter: char) -> Option<&'static str> {
    LETTERS.iter().find(|(written, _)| *written == letter).map(|(_, name)| *name)
}

/// Signs by themselves and within words.
fn signs(core: &str) -> Option<String> {
    match core {
        "#" => return Some("решётка".to_owned()),
        "<" => return Some("меньше".to_owned()),
        ">" => return Some("больше".to_owned()),
        "/" => return Some("слэш".to_owned()),
        _ => {}
    }
    let mut words = String::with_capacity(core.len() + 8);
    let mut changed = false;
    for letter in core.chars() {
        let said = match letter {
            '–' | '—' if core.len() > letter.len_utf8() => ",",
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
        words.push_str(if said == "," { "" } else { " " });
        words.push_str(said);
        words.push(' ');
    }
    changed.then(|| alone(&words, Language::Russian))
}

/// The name of a sign.
pub(super) fn sign(letter: char) -> Option<&'static str> {
    Some(match letter {
        '&' => "и",
        '@' => "собака",
        '#' => "решётка",
        '*' => "звёздочка",
        '=' => "равно",
        '+' => "плюс",
        '±' => "плюс-минус",
        '×' => "на",
        '÷' => "делить на",
        '≈' => "около",
        '≥' => "не меньше",
        '≤' => "не больше",
        '%' => "процентов",
        '°' => "градусов",
        '$' => "долларов",
        '€' => "евро",
        '£' => "фунтов",
        '¥' => "иен",
        '₽' => "рублей",
        '₸' => "тенге",
        '№' => "номер",
        '§' => "параграф",
        '²' => "в квадрате",
        '³' => "в кубе",
        _ => return None,
    })
}

/// The case in which the word before puts a number.
pub(super) fn asked(place: Place<'_>) -> Case {
    case_after(governor(place)).unwrap_or(Case::Nominative)
}

/// The word that puts a number in a case: the one before, the first of "между 5 и 10", or of "до 5
/// руб. 20 коп.".
pub(super) fn governor<'a>(place: Place<'a>) -> &'a str {
    let before = place.before();
    let is_second = before == "и"
        && (3..=5).any(|back| {
            let word = place.at.checked_sub(back).map(|at| place.chunks[at].core.to_lowercase());
            word.as_deref() == Some("между")
        });
    if is_second {
        return "между";
    }
    let is_figure =
        |at: usize| place.chunks[at].core.starts_with(|letter: char| letter.is_ascii_digit());
    let has_parts = ["час", "рубл", "доллар"].iter().any(|stem| before.starts_with(stem))
        || unit(before).is_some()
        || measure::currency(before).is_some();
    let mut at = place.at.saturating_sub(1);
    if has_parts && at > 0 && is_figure(at - 1) {
        // "1 500 руб. 20 коп." has groups.
        for _ in 0..4 {
            at -= usize::from(at > 0 && is_figure(at - 1));
        }
        return at.checked_sub(1).map_or("", |at| &place.chunks[at].core);
    }
    before
}
