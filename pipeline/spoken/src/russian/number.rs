//! Numbers as Russian words, in every case.

use super::noun::{Case, Gender};
use crate::telephone::code_groups;

/// In the order of [`Case`].
type Cases = [&'static str; 6];

const ONE: [Cases; 3] = [
    ["один", "одного", "одному", "один", "одним", "одном"],
    ["одна", "одной", "одной", "одну", "одной", "одной"],
    ["одно", "одного", "одному", "одно", "одним", "одном"],
];
const TWO: Cases = ["два", "двух", "двум", "два", "двумя", "двух"];
const THREE: Cases = ["три", "трёх", "трём", "три", "тремя", "трёх"];
const FOUR: Cases = ["четыре", "четырёх", "четырём", "четыре", "четырьмя", "четырёх"];

/// From five to nineteen, and the tens that decline alike, without the soft sign.
const SOFT: [&str; 15] = [
    "пят",
    "шест",
    "сем",
    "восем",
    "девят",
    "десят",
    "одиннадцат",
    "двенадцат",
    "тринадцат",
    "четырнадцат",
    "пятнадцат",
    "шестнадцат",
    "семнадцат",
    "восемнадцат",
    "девятнадцат",
];
const HUNDREDS: [Cases; 4] = [
    ["сто", "ста", "ста", "сто", "ста", "ста"],
    ["двести", "двухсот", "двумстам", "двести", "двумястами", "двухстах"],
    ["триста", "трёхсот", "трёмстам", "триста", "тремястами", "трёхстах"],
    ["четыреста", "четырёхсот", "четырёмстам", "четыреста", "четырьмястами", "четырёхстах"],
];

/// What groups of thousands are called: one in each case, then many in genitive, dative,
/// instrumental, prepositional; and after two to four.
struct Group {
    size: u64,
    gender: Gender,
    one: Cases,
    few: &'static str,
    many: [&'static str; 4],
}

const GROUPS: [Group; 4] = [
    Group {
        size: 1_000_000_000_000,
        gender: Gender::Masculine,
        one: ["триллион", "триллиона", "триллиону", "триллион", "триллионом", "триллионе"],
        few: "триллиона",
        many: ["триллионов", "триллионам", "триллионами", "триллионах"],
    },
    Group {
        size: 1_000_000_000,
        gender: Gender::Masculine,
        one: ["миллиард", "миллиарда", "миллиарду", "миллиард", "миллиардом", "миллиарде"],
        few: "миллиарда",
        many: ["миллиардов", "миллиардам", "миллиардами", "миллиардах"],
    },
    Group {
        size: 1_000_000,
        gender: Gender::Masculine,
        one: ["миллион", "миллиона", "миллиону", "миллион", "миллионом", "миллионе"],
        few: "миллиона",
        many: ["миллионов", "миллионам", "миллионами", "миллионах"],
    },
    Group {
        size: 1_000,
        gender: Gender::Feminine,
        one: ["тысяча", "тысячи", "тысяче", "тысячу", "тысячей", "тысяче"],
        few: "тысячи",
        many: ["тысяч", "тысячам", "тысячами", "тысячах"],
    },
];

/// "двух тысяч двадцати пяти". Beyond 999 trillion, digit by digit.
pub(super) fn cardinal(number: u64, gender: Gender, case: Case) -> String {
    if number >= 1_000_000_000_000_000 {
        return digits(&number.to_string());
    }
    if number == 0 {
        return ["ноль", "нуля", "нулю", "ноль", "нулём", "нуле"][case as usize].to_owned();
    }
    let mut words: Vec<String> = Vec::new();
    let mut rest = number;
    for group in &GROUPS {
        let count = rest / group.size;
        rest %= group.size;
        if count == 0 {
            continue;
        }
        // "тысяча двести", but "один миллион".
        if !(count == 1 && group.size == 1_000 && words.is_empty()) {
            below_thousand(count, group.gender, case, &mut words);
        }
        words.push(named(count, group, case).to_owned());
    }
    below_thousand(rest, gender, case, &mut words);
    words.join(" ")
}

fn named(count: u64, group: &Group, case: Case) -> &'static str {
    match (Count::of(count), case) {
        (Count::One, _) => group.one[case as usize],
        (Count::Few, Case::Nominative | Case::Accusative) => group.few,
        (Count::Many, Case::Nominative | Case::Accusative) | (_, Case::Genitive) => group.many[0],
        (_, Case::Dative) => group.many[1],
        (_, Case::Instrumental) => group.many[2],
        (_, Case::Prepositional) => group.many[3],
    }
}

/// Which form of a noun follows a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    /// 1, 21, 101.
    One,
    /// 2 to 4, 22 to 24.
    Few,
    Many,
}

impl Count {
    pub(super) fn of(number: u64) -> Self {
        match (number % 100, number % 10) {
            (11..=19, _) => Count::Many,
            (_, 1) => Count::One,
            (_, 2..=4) => Count::Few,
            _ => Count::Many,
        }
    }
}

fn below_thousand(number: u64, gender: Gender, case: Case, words: &mut Vec<String>) {
    let (hundreds, tens, ones) = (number / 100, number / 10 % 10, number % 10);
    match hundreds {
        0 => {}
        1..=4 => words.push(HUNDREDS[hundreds as usize - 1][case as usize].to_owned()),
        _ => words.push(match case {
            Case::Nominative | Case::Accusative => format!("{}сот", soft(hundreds, case)),
            Case::Genitive => format!("{}сот", soft(hundreds, case)),
            Case::Dative => format!("{}стам", soft(hundreds, case)),
            Case::Instrumental => format!("{}стами", soft(hundreds, case)),
            Case::Prepositional => format!("{}стах", soft(hundreds, case)),
        }),
    }
    match tens {
        0 => {}
        1 => {
            words.push(soft(number % 100, case));
            return;
        }
        2 | 3 => words.push(ends_soft(["двадцат", "тридцат"][tens as usize - 2], case)),
        4 => words.push(if case.is_direct() { "сорок" } else { "сорока" }.to_owned()),
        9 => words.push(if case.is_direct() { "девяносто" } else { "девяноста" }.to_owned()),
        _ if case.is_direct() => words.push(format!("{}десят", soft(tens, case))),
        _ => words.push(format!("{}{}", soft(tens, case), ends_soft("десят", case))),
    }
    words.extend(match ones {
        0 => None,
        1 => Some(ONE[gender as usize][case as usize].to_owned()),
        2 if gender == Gender::Feminine && case.is_direct() => Some("две".to_owned()),
        2 => Some(TWO[case as usize].to_owned()),
        3 => Some(THREE[case as usize].to_owned()),
        4 => Some(FOUR[case as usize].to_owned()),
        _ => Some(soft(ones, case)),
    });
}

/// From five to nineteen.
fn soft(number: u64, case: Case) -> String {
    match SOFT.get((number as usize).wrapping_sub(5)) {
        Some(&"восем") if !case.is_direct() && case != Case::Instrumental => {
            "восьми".to_owned()
        }
        Some(stem) => ends_soft(stem, case),
        None => String::new(),
    }
}

fn ends_soft(stem: &str, case: Case) -> String {
    let ending = match case {
        Case::Nominative | Case::Accusative => "ь",
        Case::Instrumental => "ью",
        Case::Genitive | Case::Dative | Case::Prepositional => "и",
    };
    format!("{stem}{ending}")
}

/// What an ordinal agrees with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Agreement {
    One(Gender, Case),
    Many(Case),
}

/// "двадцать первое", "две тысячи двадцать шестого".
pub(super) fn ordinal(number: u64, agreement: Agreement) -> String {
    let (head, stem) = stem(number);
    let last = decline(&stem, agreement);
    if head == 0 {
        return last;
    }
    format!("{} {last}", cardinal(head, Gender::Masculine, Case::Nominative))
}

/// What is said before the ordinal's last word, and that word's stem.
fn stem(number: u64) -> (u64, String) {
    const UNITS: [&str; 20] = [
        "нулев",
        "перв",
        "втор",
        "трет",
        "четвёрт",
        "пят",
        "шест",
        "седьм",
        "восьм",
        "девят",
        "десят",
        "одиннадцат",
        "двенадцат",
        "тринадцат",
        "четырнадцат",
        "пятнадцат",
        "шестнадцат",
        "семнадцат",
        "восемнадцат",
        "девятнадцат",
    ];
    const TENS: [&str; 10] = [
        "",
        "",
        "двадцат",
        "тридцат",
        "сороков",
        "пятидесят",
        "шестидесят",
        "семидесят",
        "восьмидесят",
        "девяност",
    ];
    let hundred = number % 100;
    if number < 20 || (1..20).contains(&hundred) {
        return (number - hundred, UNITS[hundred as usize].to_owned());
    }
    if !hundred.is_multiple_of(10) {
        return (number - hundred % 10, UNITS[hundred as usize % 10].to_owned());
    }
    if hundred > 0 {
        return (number - hundred, TENS[hundred as usize / 10].to_owned());
    }
    let hundreds = number / 100 % 10;
    if hundreds > 0 {
        let before = if hundreds == 1 { String::new() } else { joined(hundreds) };
        return (number - hundreds * 100, format!("{before}сот"));
    }
    let (size, name) = if !number.is_multiple_of(1_000_000) {
        (1_000, "тысячн")
    } else {
        (1_000_000, "миллионн")
    };
    let count = number / size % 1_000;
    let before = if count == 1 { String::new() } else { joined(count) };
    (number - count * size, format!("{before}{name}"))
}

/// As the first part of a word: "двух", "двадцатипяти", "сто".
pub(super) fn joined(number: u64) -> String {
    let words = cardinal(number, Gender::Masculine, Case::Genitive);
    let parts = words.split(' ').map(|word| match word {
        "одного" => "одно",
        "ста" => "сто",
        "девяноста" => "девяносто",
        word => word,
    });
    parts.collect()
}

fn decline(stem: &str, agreement: Agreement) -> String {
    use Case::{Accusative, Dative, Genitive, Instrumental, Nominative, Prepositional};
    use Gender::{Feminine, Masculine, Neuter};
    let third = stem == "трет";
    let stressed = ["втор", "шест", "седьм", "восьм", "сороков", "нулев"].contains(&stem);
    let (hard, soft) = match agreement {
        Agreement::One(Masculine, Nominative | Accusative) if stressed => ("ой", "ой"),
        Agreement::One(Masculine, Nominative | Accusative) => ("ый", "ий"),
        Agreement::One(Neuter, Nominative | Accusative) => ("ое", "ье"),
        Agreement::One(Masculine | Neuter, Genitive) => ("ого", "ьего"),
        Agreement::One(Masculine | Neuter, Dative) => ("ому", "ьему"),
        Agreement::One(Masculine | Neuter, Instrumental) => ("ым", "ьим"),
        Agreement::One(Masculine | Neuter, Prepositional) => ("ом", "ьем"),
        Agreement::One(Feminine, Nominative) => ("ая", "ья"),
        Agreement::One(Feminine, Accusative) => ("ую", "ью"),
        Agreement::One(Feminine, _) => ("ой", "ьей"),
        Agreement::Many(Nominative | Accusative) => ("ые", "ьи"),
        Agreement::Many(Genitive | Prepositional) => ("ых", "ьих"),
        Agreement::Many(Dative) => ("ым", "ьим"),
        Agreement::Many(Instrumental) => ("ыми", "ьими"),
    };
    format!("{stem}{}", if third { soft } else { hard })
}

/// Each digit by itself: "пять пять ноль".
pub(super) fn digits(text: &str) -> String {
    let names = text.chars().filter_map(|c| c.to_digit(10));
    names
        .map(|digit| cardinal(digit.into(), Gender::Masculine, Case::Nominative))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A code of figures, long ones with breaths between.
pub(super) fn code(figures: &str) -> String {
    code_groups(figures).into_iter().map(digits).collect::<Vec<_>>().join(", ")
}

/// A group of a telephone number, as a number: "пятьсот пятьдесят пять", "ноль один".
pub(super) fn telephone_group(figures: &str) -> String {
    match figures.len() {
        1..=3 => {
            let zeros = figures.bytes().take_while(|byte| *byte == b'0').count();
            let mut words = vec!["ноль".to_owned(); zeros];
            if let Some(value) = figures[zeros..].parse().ok().filter(|value| *value > 0) {
                words.push(cardinal(value, Gender::Masculine, Case::Nominative));
            }
            words.join(" ")
        }
        4 => format!("{}, {}", telephone_group(&figures[..2]), telephone_group(&figures[2..])),
        _ => digits(figures),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_decline() {
        use Case::*;
        use Gender::*;
        for (number, gender, case, said) in [
            (0, Masculine, Nominative, "ноль"),
            (1, Feminine, Accusative, "одну"),
            (2, Feminine, Nominative, "две"),
            (2_000, Masculine, Nominative, "две тысячи"),
            (1_500, Masculine, Nominative, "тысяча пятьсот"),
            (21_001, Neuter, Nominative, "двадцать одна тысяча одно"),
            (1_000_000, Masculine, Nominative, "один миллион"),
            (48, Masculine, Instrumental, "сорока восемью"),
            (555, Masculine, Genitive, "пятисот пятидесяти пяти"),
            (380, Masculine, Dative, "трёмстам восьмидесяти"),
            (90, Masculine, Prepositional, "девяноста"),
            (5_000_000, Masculine, Genitive, "пяти миллионов"),
        ] {
            assert_eq!(cardinal(number, gender, case), said);
        }
    }

    #[test]
    fn ordinals_agree() {
        use Case::*;
        use Gender::*;
        for (number, agreement, said) in [
            (21, Agreement::One(Neuter, Nominative), "двадцать первое"),
            (3, Agreement::One(Neuter, Genitive), "третьего"),
            (40, Agreement::One(Masculine, Nominative), "сороковой"),
            (2026, Agreement::One(Masculine, Prepositional), "две тысячи двадцать шестом"),
            (2000, Agreement::One(Masculine, Nominative), "двухтысячный"),
            (1900, Agreement::One(Masculine, Genitive), "тысяча девятисотого"),
            (90, Agreement::Many(Nominative), "девяностые"),
            (13, Agreement::One(Feminine, Accusative), "тринадцатую"),
        ] {
            assert_eq!(ordinal(number, agreement), said);
        }
    }
}
