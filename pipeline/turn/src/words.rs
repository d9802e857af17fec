//! Words that tell something by themselves: yes and no, "mm-hm", hesitations, numbers. English, and
//! Russian in a file of its own: their letters keep them apart, so nobody has to say which it is.

mod russian;

pub(crate) mod overlap;

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
    ) || russian::dangles(word)
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
    ) || russian::is_yes_or_no(&joined)
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
            ) || russian::is_backchannel(word)
        })
}

/// Is this word a digit or a number?
pub fn is_number(word: &str) -> bool {
    word.chars().any(|letter| letter.is_ascii_digit())
        || spoken_digit(word)
        || russian::is_number(word)
}

/// How many digits these words hold.
pub fn digits_in(words: &[String]) -> usize {
    let mut russian = russian::Counter::default();
    words
        .iter()
        .map(|word| {
            let named = russian.add(word);
            match word.chars().filter(char::is_ascii_digit).count() {
                0 => usize::from(spoken_digit(word)) + named,
                digits => digits,
            }
        })
        .sum()
}

/// Are these number words a quantity or a time of day rather than figures that are dictated? English
/// ones count as figures only where they are single digits.
pub fn is_quantity(run: &[String]) -> bool {
    !run.is_empty() && russian::is_quantity(run)
}

/// How many figures make a telephone number that begins with these words, if they tell.
pub fn whole_number(words: &[String]) -> Option<usize> {
    russian::whole_number(words)
}

/// With е for ё, as some recognisers write.
pub fn plain(text: &str) -> String {
    russian::plain(text)
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

/// Does an answering machine say this? English and Russian.
pub fn is_voicemail(text: &str) -> bool {
    const TELLING: &[&str] = &[
        "leave a message",
        "leave me a message",
        "leave us a message",
        "leave your message",
        "leave your name",
        "after the tone",
        "after the beep",
        "at the tone",
        "record your message",
        "voicemail",
        "voice mail",
        "voice mailbox",
        "answering machine",
        "not available to take your call",
        "can't take your call",
        "cannot take your call",
        "can't come to the phone",
        "cannot come to the phone",
        "mailbox is full",
        "the person you are calling",
        "the person you are trying to reach",
        "the number you have dialed",
        "the subscriber you have dialed",
        "оставьте сообщение",
        "оставьте ваше сообщение",
        "после сигнала",
        "после звукового сигнала",
        "автоответчик",
        "голосовая почта",
        "голосовой почты",
        "абонент недоступен",
        "абонент временно недоступен",
        "аппарат абонента",
    ];
    let said = format!(" {} ", normalised(text).join(" "));
    TELLING.iter().any(|telling| said.contains(&format!(" {telling} ")))
}

/// How many words of `spoken` are in `of` in the same order (the longest common subsequence).
pub fn in_common(spoken: &[String], of: &[String]) -> usize {
    let mut row = vec![0; of.len() + 1];
    for word in spoken {
        let mut diagonal = 0;
        for (place, other) in of.iter().enumerate() {
            let above = row[place + 1];
            row[place + 1] = if word == other { diagonal + 1 } else { above.max(row[place]) };
            diagonal = above;
        }
    }
    row[of.len()]
}

/// Is one of these words or phrases among the words?
pub fn holds_any(words: &[String], phrases: &[String]) -> bool {
    phrases.iter().any(|phrase| {
        let phrase = normalised(phrase);
        !phrase.is_empty() && words.windows(phrase.len()).any(|window| window == phrase)
    })
}
