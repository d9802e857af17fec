//! Words as they are compared: lower case, no punctuation, numbers in words.

/// The words of a text.
pub fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .replace('-', " ")
        .split_whitespace()
        .map(|word| word.chars().filter(|c| c.is_alphanumeric() || *c == '\'').collect::<String>())
        .filter(|word: &String| !word.is_empty())
        .flat_map(|word| spelled(&word))
        .collect()
}

/// How many words must be changed, added or left out to make one text the other.
pub fn errors(meant: &[String], heard: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (place, word) in meant.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = place + 1;
        for (other, said) in heard.iter().enumerate() {
            let change = diagonal + usize::from(word != said);
            diagonal = row[other + 1];
            row[other + 1] = change.min(row[other] + 1).min(diagonal + 1);
        }
    }
    row[heard.len()]
}

fn spelled(word: &str) -> Vec<String> {
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
    match word.parse::<usize>() {
        Ok(number) if number < 20 => vec![SMALL[number].to_owned()],
        Ok(number) if number < 100 => {
            let mut all = vec![TENS[number / 10].to_owned()];
            all.extend((number % 10 > 0).then(|| SMALL[number % 10].to_owned()));
            all
        }
        Ok(number) => number
            .to_string()
            .bytes()
            .map(|digit| SMALL[usize::from(digit - b'0')].into())
            .collect(),
        Err(_) => vec![word.to_owned()],
    }
}
