//! Words that tell something by themselves: yes and no, "mm-hm", hesitations, numbers.

/// The words of a text in lower case, without punctuation.
pub fn normalised(text: &str) -> Vec<String> {
    text.split(|letter: char| !(letter.is_alphanumeric() || letter == '\'' || letter == '-'))
        .map(|word| word.trim_matches(['\'', '-']).to_lowercase())
        .filter(|word| !word.is_empty())
        .collect()
}

/// Could no sentence end with this word?
pub fn dangles(word: &str) -> bool {
    matches!(
        word,
        "and"
            | "or"
            | "but"
            | "so"
            | "because"
            | "if"
            | "when"
            | "that's"
            | "with"
            | "for"
            | "to"
            | "of"
            | "from"
            | "the"
            | "a"
            | "an"
            | "my"
            | "your"
            | "his"
            | "her"
            | "our"
            | "their"
            | "is"
            | "are"
            | "was"
            | "i"
            | "i'm"
            | "i'd"
            | "and-"
            | "um"
            | "uh"
            | "er"
            | "erm"
            | "hmm"
            | "well"
            | "like"
            | "about"
            | "at"
            | "on"
            | "in"
            | "by"
            | "which"
            | "who"
    )
}

/// Do these words answer a yes-or-no question by themselves?
pub fn is_yes_or_no(words: &[String]) -> bool {
    let joined = words.join(" ");
    matches!(
        joined.as_str(),
        "yes"
            | "yeah"
            | "yep"
            | "yup"
            | "sure"
            | "ok"
            | "okay"
            | "right"
            | "correct"
            | "exactly"
            | "of course"
            | "yes please"
            | "please"
            | "please do"
            | "that's right"
            | "that's fine"
            | "no"
            | "nope"
            | "nah"
            | "no thanks"
            | "no thank you"
            | "not really"
            | "i do"
            | "i don't"
            | "it is"
            | "it isn't"
    )
}

/// Are these only sounds of listening, which do not ask for the floor?
pub fn is_backchannel(words: &[String]) -> bool {
    !words.is_empty()
        && words.len() <= 3
        && words.iter().all(|word| {
            matches!(
                word.as_str(),
                "mm" | "mhm"
                    | "mm-hm"
                    | "mmhm"
                    | "mm-hmm"
                    | "hm"
                    | "hmm"
                    | "mmm"
                    | "uh-huh"
                    | "uhuh"
                    | "huh"
                    | "uh"
                    | "um"
                    | "ah"
                    | "oh"
                    | "aha"
                    | "yeah"
                    | "yep"
                    | "yes"
                    | "ok"
                    | "okay"
                    | "right"
                    | "sure"
                    | "great"
                    | "good"
                    | "i"
                    | "see"
                    | "alright"
            )
        })
}

/// Is this word a digit or a number?
pub fn is_number(word: &str) -> bool {
    word.chars().any(|letter| letter.is_ascii_digit()) || spoken_digit(word)
}

/// How many digits these words hold.
pub fn digits_in(words: &[String]) -> usize {
    words
        .iter()
        .map(|word| match word.chars().filter(char::is_ascii_digit).count() {
            0 => usize::from(spoken_digit(word)),
            digits => digits,
        })
        .sum()
}

fn spoken_digit(word: &str) -> bool {
    matches!(
        word,
        "zero"
            | "oh"
            | "one"
            | "two"
            | "three"
            | "four"
            | "five"
            | "six"
            | "seven"
            | "eight"
            | "nine"
            | "double"
            | "triple"
    )
}
