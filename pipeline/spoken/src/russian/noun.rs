//! Russian nouns beside numbers: units and currencies in every case, and what the words around a
//! number say of its case and gender.

use super::number::{self, Count};
use crate::figure::Figure;

/// The cases, in the order of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Nominative,
    Genitive,
    Dative,
    Accusative,
    Instrumental,
    Prepositional,
}

impl Case {
    /// Does a numeral look as in the nominative?
    pub(super) fn is_direct(self) -> bool {
        matches!(self, Case::Nominative | Case::Accusative)
    }
}

/// The genders, in the order of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gender {
    Masculine,
    Feminine,
    Neuter,
}

/// How a noun declines: its endings in the singular (in the order of [`Case`]) and in the plural, but
/// for the nominative and accusative (genitive, dative, instrumental, prepositional).
type Endings = ([&'static str; 6], [&'static str; 4]);

const HARD: Endings = (["", "а", "у", "", "ом", "е"], ["ов", "ам", "ами", "ах"]);
/// Of which as many have no ending: "пять ватт".
const BARE: Endings = (["", "а", "у", "", "ом", "е"], ["", "ам", "ами", "ах"]);
const SOFT: Endings = (["ь", "я", "ю", "ь", "ём", "е"], ["ей", "ям", "ями", "ях"]);
const MONTH: Endings = (["", "а", "у", "", "ем", "е"], ["ев", "ам", "ами", "ах"]);
const DAY: Endings = (["ень", "ня", "ню", "ень", "нём", "не"], ["ней", "ням", "нями", "нях"]);
const FEMININE: Endings = (["а", "ы", "е", "у", "ой", "е"], ["", "ам", "ами", "ах"]);
const WEEK: Endings = (["я", "и", "е", "ю", "ей", "е"], ["ь", "ям", "ями", "ях"]);
const KOPECK: Endings =
    (["йка", "йки", "йке", "йку", "йкой", "йке"], ["ек", "йкам", "йками", "йках"]);
const PIECE: Endings = (["а", "и", "е", "у", "ой", "е"], ["", "ам", "ами", "ах"]);
const CALORIE: Endings = (["я", "и", "и", "ю", "ей", "и"], ["й", "ям", "ями", "ях"]);
const FIXED: Endings = ([""; 6], [""; 4]);

/// A noun that is counted, with what is said before it and after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noun {
    /// An adjective's stem, such as "квадратн".
    adjective: &'static str,
    stem: &'static str,
    endings: Endings,
    gender: Gender,
    after: &'static str,
}

const fn noun(stem: &'static str, endings: Endings) -> Noun {
    Noun { adjective: "", stem, endings, gender: Gender::Masculine, after: "" }
}

const fn feminine(stem: &'static str, endings: Endings) -> Noun {
    Noun { gender: Gender::Feminine, ..noun(stem, endings) }
}

const fn with(noun: Noun, after: &'static str) -> Noun {
    Noun { after, ..noun }
}

pub(super) const RUBLE: Noun = noun("рубл", SOFT);
pub(super) const KOPECK_NOUN: Noun = feminine("копе", KOPECK);
pub(super) const DOLLAR: Noun = noun("доллар", HARD);
pub(super) const CENT: Noun = noun("цент", HARD);
pub(super) const EURO: Noun = noun("евро", FIXED);
pub(super) const POUND: Noun = noun("фунт", HARD);
pub(super) const PENNY: Noun = noun("пенс", HARD);
/// Of Kazakhstan and Uzbekistan, and the hundredths of them.
pub(super) const TENGE: Noun = noun("тенге", FIXED);
pub(super) const TIYN: Noun = noun("тиын", HARD);
pub(super) const SOM: Noun = noun("сум", HARD);
pub(super) const TIYIN: Noun = noun("тийин", HARD);
pub(super) const HOUR: Noun = noun("час", HARD);
const METER: Noun = noun("метр", HARD);
const KILOMETER: Noun = noun("километр", HARD);

/// As written after figures, without a full stop.
const UNITS: [(&str, Noun); 52] = [
    ("%", noun("процент", HARD)),
    ("°", noun("градус", HARD)),
    ("°C", with(noun("градус", HARD), " Цельсия")),
    ("°С", with(noun("градус", HARD), " Цельсия")),
    ("°F", with(noun("градус", HARD), " Фаренгейта")),
    ("кг", noun("килограмм", HARD)),
    ("г", noun("грамм", HARD)),
    ("гр", noun("грамм", HARD)),
    ("мг", noun("миллиграмм", HARD)),
    ("т", feminine("тонн", FEMININE)),
    ("км", KILOMETER),
    ("м", METER),
    ("см", noun("сантиметр", HARD)),
    ("мм", noun("миллиметр", HARD)),
    ("км/ч", with(KILOMETER, " в час")),
    ("м/с", with(METER, " в секунду")),
    ("м²", Noun { adjective: "квадратн", ..METER }),
    ("м2", Noun { adjective: "квадратн", ..METER }),
    ("км²", Noun { adjective: "квадратн", ..KILOMETER }),
    ("м³", Noun { adjective: "кубическ", ..METER }),
    ("л", noun("литр", HARD)),
    ("мл", noun("миллилитр", HARD)),
    ("ч", HOUR),
    ("час", HOUR),
    ("мин", feminine("минут", FEMININE)),
    ("сек", feminine("секунд", FEMININE)),
    ("с", feminine("секунд", FEMININE)),
    ("мс", feminine("миллисекунд", FEMININE)),
    ("дн", noun("д", DAY)),
    ("нед", feminine("недел", WEEK)),
    ("мес", noun("месяц", MONTH)),
    ("шт", feminine("штук", PIECE)),
    ("чел", noun("человек", BARE)),
    ("Б", noun("байт", BARE)),
    ("КБ", noun("килобайт", BARE)),
    ("МБ", noun("мегабайт", BARE)),
    ("ГБ", noun("гигабайт", BARE)),
    ("ТБ", noun("терабайт", BARE)),
    ("Мб", noun("мегабайт", BARE)),
    ("Гб", noun("гигабайт", BARE)),
    ("GB", noun("гигабайт", BARE)),
    ("MB", noun("мегабайт", BARE)),
    ("Вт", noun("ватт", BARE)),
    ("кВт", noun("киловатт", BARE)),
    ("кВтч", noun("киловатт-час", HARD)),
    ("мкг", noun("микрограмм", HARD)),
    ("В", noun("вольт", BARE)),
    ("Гц", noun("герц", BARE)),
    ("ккал", feminine("килокалори", CALORIE)),
    ("kg", noun("килограмм", HARD)),
    ("km", KILOMETER),
    ("г/л", with(noun("грамм", HARD), " на литр")),
];

/// The unit written so.
pub(super) fn unit(written: &str) -> Option<Noun> {
    UNITS.iter().find(|(name, _)| *name == written).map(|(_, noun)| *noun)
}

impl Noun {
    /// "пять рублей", "двумя рублями", "полтора процента".
    pub(super) fn counted(self, figure: &Figure, case: Case) -> Option<String> {
        let words = quantity(figure, self.gender, case)?;
        let form = match &figure.part {
            // "два с половиной часа", "пять с половиной часов".
            Some(part) if part == "5" && figure.value()? > 1 => {
                self.form(Form::of(figure.value()?, case))
            }
            Some(part) if part == "5" && figure.value()? == 1 && !case.is_direct() => {
                self.form(Form::Many(case))
            }
            Some(_) => self.form(Form::FractionOf),
            None => self.form(Form::of(figure.value()?, case)),
        };
        Some(format!("{words} {form}"))
    }

    pub(super) fn gender(self) -> Gender {
        self.gender
    }

    /// The noun by itself as it stands after this many.
    pub(super) fn after(self, number: u64, case: Case) -> String {
        self.form(Form::of(number, case))
    }

    /// As after a range or a thousand.
    pub(super) fn many(self, case: Case) -> String {
        self.form(Form::Many(if case.is_direct() { Case::Genitive } else { case }))
    }

    /// One of it: "в месяц", "за квадратный метр".
    pub(super) fn accusative(self) -> String {
        self.form(Form::One(Case::Accusative))
    }

    fn form(self, form: Form) -> String {
        let (one, many) = self.endings;
        let (ending, adjective) = match form {
            Form::One(case) => (
                one[case as usize],
                match case {
                    Case::Nominative | Case::Accusative => "ый",
                    Case::Genitive => "ого",
                    Case::Dative => "ому",
                    Case::Instrumental => "ым",
                    Case::Prepositional => "ом",
                },
            ),
            Form::FractionOf => (one[Case::Genitive as usize], "ого"),
            Form::Few => (one[Case::Genitive as usize], "ых"),
            Form::Many(case) => match case {
                Case::Dative => (many[1], "ым"),
                Case::Instrumental => (many[2], "ыми"),
                Case::Prepositional => (many[3], "ых"),
                Case::Nominative | Case::Accusative | Case::Genitive => (many[0], "ых"),
            },
        };
        let mut words = String::new();
        if !self.adjective.is_empty() {
            // "кубический": no ы after к.
            let adjective = match self.adjective.ends_with('к') {
                true => adjective.replace('ы', "и"),
                false => adjective.to_owned(),
            };
            words = format!("{}{adjective} ", self.adjective);
        }
        words + self.stem + ending + self.after
    }
}

enum Form {
    One(Case),
    Few,
    Many(Case),
    FractionOf,
}

impl Form {
    fn of(number: u64, case: Case) -> Self {
        match Count::of(number) {
            // "к пяти тысячам рублей": the thousand counts it, in whatever case that is.
            _ if number > 0 && number.is_multiple_of(1_000) => Form::Many(Case::Genitive),
            Count::One => Form::One(case),
            Count::Few if case.is_direct() => Form::Few,
            Count::Few | Count::Many => Form::Many(case),
        }
    }
}

/// "две", "две целых пять сотых", "два с половиной", "полтора".
pub(super) fn quantity(figure: &Figure, gender: Gender, case: Case) -> Option<String> {
    let value = figure.value()?;
    let minus = if figure.minus { "минус " } else { "" };
    let part = match figure.part.as_deref() {
        None => return Some(format!("{minus}{}", number::cardinal(value, gender, case))),
        Some(part) => part,
    };
    if part == "5" && value == 1 {
        let words = match (case.is_direct(), gender) {
            (true, Gender::Feminine) => "полторы",
            (true, _) => "полтора",
            (false, _) => "полутора",
        };
        return Some(format!("{minus}{words}"));
    }
    if part == "5" && value > 1 {
        return Some(format!("{minus}{} с половиной", number::cardinal(value, gender, case)));
    }
    let feminine = |value| number::cardinal(value, Gender::Feminine, Case::Nominative);
    let whole = if Count::of(value) == Count::One { "целая" } else { "целых" };
    let stem = match part.len() {
        1 => "десят",
        2 => "сот",
        3 => "тысячн",
        _ => return Some(format!("{minus}{} запятая {}", feminine(value), number::digits(part))),
    };
    let parts: u64 = part.parse().ok()?;
    let ending = if Count::of(parts) == Count::One { "ая" } else { "ых" };
    Some(format!("{minus}{} {whole} {} {stem}{ending}", feminine(value), feminine(parts)))
}

/// The case that a word before a number asks for, if it is a preposition or acts as one.
pub(super) fn case_after(word: &str) -> Option<Case> {
    Some(match word.to_lowercase().as_str() {
        "с" | "со" | "до" | "от" | "около" | "после" | "без" | "из" | "у" | "для" | "более"
        | "менее" | "больше" | "меньше" | "свыше" | "позже" | "позднее" | "раньше" | "ранее"
        | "порядка" | "старше" | "младше" | "течение" => Case::Genitive,
        "к" | "ко" => Case::Dative,
        "между" | "перед" | "над" => Case::Instrumental,
        "о" | "об" | "при" => Case::Prepositional,
        "в" | "во" | "на" | "за" | "через" | "про" | "по" => Case::Accusative,
        _ => return None,
    })
}

/// Of these a form in у or ю is the dative, not a feminine's accusative.
const MASCULINE: [&str; 8] = ["рубл", "час", "дню", "год", "месяц", "человек", "доллар", "процент"];

/// The gender and the case of a number, from the preposition before it and the noun after it.
pub(super) fn agreement(before: &str, number: u64, noun: &str) -> (Gender, Case) {
    let noun = noun.to_lowercase();
    let asked = case_after(before);
    let ends = |endings: &[&str]| endings.iter().any(|ending| noun.ends_with(ending));
    let is_long = noun.chars().count() > 3;
    let case = if is_long && ends(&["ами", "ями", "ьми"]) {
        Case::Instrumental
    } else if is_long && ends(&["ам", "ям"]) {
        Case::Dative
    } else if is_long && ends(&["ах", "ях"]) {
        Case::Prepositional
    } else {
        asked.unwrap_or(Case::Nominative)
    };
    let is_masculine = MASCULINE.iter().any(|stem| noun.starts_with(stem));
    match Count::of(number) {
        // "по одной таблетке".
        Count::One if before.to_lowercase() == "по" && ends(&["е", "и"]) => {
            (Gender::Feminine, Case::Dative)
        }
        Count::One if ends(&["у", "ю"]) && is_masculine => (Gender::Masculine, Case::Dative),
        Count::One if ends(&["а", "я"]) && case.is_direct() => {
            (Gender::Feminine, Case::Nominative)
        }
        Count::One if ends(&["у", "ю"]) && case.is_direct() => {
            (Gender::Feminine, Case::Accusative)
        }
        Count::One if ends(&["ы", "и", "ой", "ей"]) && !case.is_direct() => {
            (Gender::Feminine, case)
        }
        Count::One if ends(&["о", "е"]) && case.is_direct() => (Gender::Neuter, case),
        Count::Few if ends(&["ы", "и", "ые", "ие"]) => (Gender::Feminine, case),
        _ => (Gender::Masculine, case),
    }
}
