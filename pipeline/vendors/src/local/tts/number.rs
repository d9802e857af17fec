//! Numbers as English words.

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

/// "ninety-five". Beyond 999 trillion, digit by digit.
pub(crate) fn cardinal(number: u64) -> String {
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
        return with_rest(hundreds, number % 100);
    }
    for (size, name) in GROUPS {
        if number >= size {
            return with_rest(format!("{} {name}", cardinal(number / size)), number % size);
        }
    }
    unreachable!("numbers from a thousand on have a group")
}

fn with_rest(head: String, rest: u64) -> String {
    if rest == 0 { head } else { format!("{head} {}", cardinal(rest)) }
}

/// "twenty-first".
pub(crate) fn ordinal(number: u64) -> String {
    let words = cardinal(number);
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
pub(crate) fn year(number: u64) -> String {
    let (century, rest) = (number / 100, number % 100);
    match (number, rest) {
        (1100..=2099, 1..=9) if century != 20 => {
            format!("{} oh {}", cardinal(century), cardinal(rest))
        }
        (1100..=2099, 10..) => format!("{} {}", cardinal(century), cardinal(rest)),
        (1100..=1999, 0) => format!("{} hundred", cardinal(century)),
        _ => cardinal(number),
    }
}

/// Each digit by itself: "five five five". What is no digit is left out.
pub(crate) fn digits(text: &str) -> String {
    let names = text.chars().filter_map(|c| c.to_digit(10)).map(|digit| SMALL[digit as usize]);
    names.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said() {
        assert_eq!(cardinal(0), "zero");
        assert_eq!(cardinal(95), "ninety-five");
        assert_eq!(cardinal(110), "one hundred ten");
        assert_eq!(cardinal(1_250), "one thousand two hundred fifty");
        assert_eq!(cardinal(2_000_003), "two million three");
        assert_eq!(cardinal(u64::MAX).split(' ').count(), 20);
        assert_eq!(ordinal(1), "first");
        assert_eq!(ordinal(12), "twelfth");
        assert_eq!(ordinal(20), "twentieth");
        assert_eq!(ordinal(31), "thirty-first");
        assert_eq!(ordinal(100), "one hundredth");
        assert_eq!(year(2026), "twenty twenty-six");
        assert_eq!(year(2005), "two thousand five");
        assert_eq!(year(1905), "nineteen oh five");
        assert_eq!(year(1900), "nineteen hundred");
        assert_eq!(digits("555-0142"), "five five five zero one four two");
    }
}
