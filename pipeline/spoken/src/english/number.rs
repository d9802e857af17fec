//! Numbers as English words.

use crate::{figure::Figure, telephone::code_groups};

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] =
    ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const GROUPS: [(u64, &str); 4] = [
    (1_000_000_000_000, "trillion"),
    (1_000_000_000, "billion"),
    (1_000_000, "million"),
    (1_000, "thousand"),
];
const ORDINALS: [(&str, &str); 7] = [
    ("one", "first"),
    ("two", "second"),
    ("three", "third"),
    ("five", "fifth"),
    ("eight", "eighth"),
    ("nine", "ninth"),
    ("twelve", "twelfth"),
];

/// "ninety-five". Beyond 999 trillion, digit by digit. `and`: "one hundred and five", as in Britain.
pub(super) fn cardinal(number: u64, and: bool) -> String {
    if number >= 1_000_000_000_000_000 {
        return digits(&number.to_string());
    }
    if number < 20 {
        return SMALL[number as usize].to_owned();
    }
    if number < 100 {
        let (tens, ones) = (TENS[(number / 10) as usize], number % 10);
        return if ones == 0 {
            tens.to_owned()
        } else {
            format!("{tens}-{}", SMALL[ones as usize])
        };
    }
    if number < 1_000 {
        let hundreds = format!("{} hundred", SMALL[(number / 100) as usize]);
        return with_rest(hundreds, number % 100, and);
    }
    for (size, name) in GROUPS {
        if number >= size {
            return with_rest(
                format!("{} {name}", cardinal(number / size, and)),
                number % size,
                and,
            );
        }
    }
    unreachable!("numbers from a thousand on have a group")
}

fn with_rest(head: String, rest: u64, and: bool) -> String {
    match rest {
        0 => head,
        1..100 if and => format!("{head} and {}", cardinal(rest, and)),
        _ => format!("{head} {}", cardinal(rest, and)),
    }
}

/// "twenty-first".
pub(super) fn ordinal(number: u64, and: bool) -> String {
    let words = cardinal(number, and);
    let cut = words.rfind(['-', ' ']).map_or(0, |at| at + 1);
    let (head, last) = words.split_at(cut);
    let special = ORDINALS.iter().find(|(plain, _)| *plain == last);
    let last = match special {
        Some((_, ordinal)) => (*ordinal).to_owned(),
        None => match last.strip_suffix('y') {
            Some(stem) => format!("{stem}ieth"),
            None => format!("{last}th"),
        },
    };
    format!("{head}{last}")
}

/// A year: "twenty twenty-six", "nineteen oh five", "two thousand".
pub(super) fn year(number: u64, and: bool) -> String {
    let (century, rest) = (number / 100, number % 100);
    match (number, rest) {
        (1100..=2099, 1..=9) if century != 20 => {
            format!("{} oh {}", cardinal(century, and), cardinal(rest, and))
        }
        (1100..=2099, 10..) => format!("{} {}", cardinal(century, and), cardinal(rest, and)),
        (1100..=1999, 0) => format!("{} hundred", cardinal(century, and)),
        _ => cardinal(number, and),
    }
}

/// Each digit by itself: "five five five". What is no digit is left out.
pub(super) fn digits(text: &str) -> String {
    let names = text.chars().filter_map(|c| c.to_digit(10)).map(|digit| SMALL[digit as usize]);
    names.collect::<Vec<_>>().join(" ")
}

/// A code of figures, long ones with breaths between.
pub(super) fn code(figures: &str) -> String {
    code_groups(figures).into_iter().map(digits).collect::<Vec<_>>().join(", ")
}

/// "minus three point five".
pub(super) fn figure(figure: &Figure, and: bool) -> String {
    let mut words = String::new();
    if figure.minus {
        words.push_str("minus ");
    }
    match figure.value().filter(|_| !figure.is_dictated()) {
        Some(value) => words.push_str(&cardinal(value, and)),
        None => words.push_str(&code(&figure.whole)),
    }
    if let Some(part) = &figure.part {
        words.push_str(" point ");
        words.push_str(&digits(part));
    }
    words
}

/// "three quarters", where the parts have a name.
pub(super) fn fraction(over: u64, under: u64) -> Option<String> {
    let name = match under {
        2 => "half".to_owned(),
        4 => "quarter".to_owned(),
        3..=10 => ordinal(under, false),
        _ => return None,
    };
    let many = match (over, under) {
        (1, _) => name,
        (_, 2) => "halves".to_owned(),
        _ => format!("{name}s"),
    };
    Some(format!("{} {many}", cardinal(over, false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said() {
        for (number, said, ordinal_said) in [
            (0, "zero", "zeroth"),
            (1, "one", "first"),
            (12, "twelve", "twelfth"),
            (20, "twenty", "twentieth"),
            (31, "thirty-one", "thirty-first"),
            (95, "ninety-five", "ninety-fifth"),
            (100, "one hundred", "one hundredth"),
            (110, "one hundred ten", "one hundred tenth"),
            (1_250, "one thousand two hundred fifty", "one thousand two hundred fiftieth"),
            (2_000_003, "two million three", "two million third"),
        ] {
            assert_eq!(cardinal(number, false), said);
            assert_eq!(ordinal(number, false), ordinal_said);
        }
        assert_eq!(cardinal(1_105, true), "one thousand one hundred and five");
        assert_eq!(cardinal(2_000_003, true), "two million and three");
        assert_eq!(cardinal(u64::MAX, false).split(' ').count(), 20);
        assert_eq!(year(2026, false), "twenty twenty-six");
        assert_eq!(year(2005, false), "two thousand five");
        assert_eq!(year(1905, false), "nineteen oh five");
        assert_eq!(year(1900, false), "nineteen hundred");
        assert_eq!(digits("555-0142"), "five five five zero one four two");
    }
}
