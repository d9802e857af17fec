//! What a task must know, found in what was said: names, numbers, times.

use serde_json::Value as Json;

use super::{
    playbook::SlotKind,
    small_talk,
    time::{Time, small_number},
    words::{self, Word},
};

/// A slot's value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    /// Digits of a telephone number.
    Digits(String),
    Time(Time),
    Flag(bool),
}

/// Digits of a telephone number.
const FEWEST: usize = 7;
const MOST: usize = 15;
/// Characters kept of what is said freely.
const LONGEST: usize = 400;

impl Value {
    /// As the agent says it.
    pub fn spoken(&self) -> String {
        match self {
            Value::Text(text) => text.clone(),
            Value::Digits(digits) => grouped(digits),
            Value::Time(time) => time.to_string(),
            Value::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        }
    }

    /// As a function is given it.
    pub fn argument(&self) -> Json {
        match self {
            Value::Text(text) => Json::from(text.as_str()),
            Value::Digits(digits) => Json::from(digits.as_str()),
            Value::Time(time) => Json::from(time.to_string()),
            Value::Flag(flag) => Json::from(*flag),
        }
    }

    /// As it was given to a function.
    pub fn from_argument(kind: SlotKind, argument: &Json) -> Option<Value> {
        match (kind, argument) {
            (SlotKind::YesNo, Json::Bool(flag)) => Some(Value::Flag(*flag)),
            (SlotKind::Phone, Json::String(text)) => Some(Value::Digits(text.clone())),
            (_, Json::String(text)) => Some(Value::Text(text.clone())),
            _ => None,
        }
    }
}

/// The value for a slot that was asked for.
pub(super) fn answer(kind: SlotKind, text: &str) -> Option<Value> {
    match kind {
        SlotKind::Name => stated_name(text).or_else(|| bare_name(text)).map(Value::Text),
        SlotKind::Phone => digits(text).map(Value::Digits),
        SlotKind::Time => {
            let time = Time::find(text, true);
            (!time.is_empty()).then_some(Value::Time(time))
        }
        SlotKind::Text => free_text(text).map(Value::Text),
        SlotKind::YesNo => small_talk::agreed(text).map(Value::Flag),
    }
}

/// The value for a slot that was not asked for: only what can mean nothing else.
pub(super) fn volunteered(kind: SlotKind, text: &str) -> Option<Value> {
    match kind {
        SlotKind::Name => stated_name(text).map(Value::Text),
        SlotKind::Phone => digits(text).map(Value::Digits),
        SlotKind::Time => {
            let time = Time::find(text, false);
            (time.day.is_some() || time.clock.is_some()).then_some(Value::Time(time))
        }
        SlotKind::Text | SlotKind::YesNo => None,
    }
}

/// Words that are no part of a name.
const NO_NAME: &str = " a an and the is are was i im me my you your it its this that there here what how when where who \
 why which do does did can could will would should may yes yeah yep no nope not sure okay ok fine please \
 thanks thank hello hi hey good morning afternoon evening speaking calling for from to at on of in with \
 about uh um er ah oh well so but or if because just like want need have has had know think sorry wait \
 pardon name again sir madam right correct tomorrow today monday tuesday wednesday thursday friday \
 saturday sunday nothing something never mind later maybe book booking appointment looking going \
 trying new patient afraid wondering interested repeat say said tell help hmm huh very really also by \
 wrong late early sick pain hurt ";

fn is_no_name(low: &str) -> bool {
    low.chars().any(|c| c.is_ascii_digit())
        || NO_NAME.split_ascii_whitespace().any(|word| word == low)
}

/// A name after words that announce one.
fn stated_name(text: &str) -> Option<String> {
    let words = words::words(text);
    let low = |at: usize| words.get(at).map_or("", |word| word.low.as_str());
    for at in 0..words.len() {
        let skip = match (low(at), low(at + 1), low(at + 2)) {
            ("name", "is", _) => 2,
            ("names", ..) if at > 0 && low(at - 1) == "my" => 1,
            ("call", "me", _) => 2,
            ("under", "the", "name") => 3,
            ("under", ..) => 1,
            ("this", "is", _) => 2,
            ("i", "am", _) => 2,
            ("im", ..) => 1,
            ("its", ..) => 1,
            ("it", "is", _) => 2,
            _ => continue,
        };
        let weak = matches!(low(at), "i" | "im" | "its" | "it" | "this" | "under");
        let mut from = at + skip;
        while matches!(low(from), "of" | "the" | "is" | "uh" | "um") {
            from += 1;
        }
        let Some(name) = name_from(&words[from.min(words.len())..]) else { continue };
        // "I am nervous" announces no name; "I'm Daniel Carter" does.
        let alone = low(at) == "this" || words.len() <= from + 2;
        let written = name.split(' ').count() > 1
            || (alone && words[from].raw.starts_with(char::is_uppercase));
        if !weak || written {
            return Some(name);
        }
    }
    let speaking = words.iter().position(|word| word.low == "speaking")?;
    name_from(&words[..speaking])
}

/// A name that stands alone.
fn bare_name(text: &str) -> Option<String> {
    if words::is_question(text) {
        return None;
    }
    let words = words::words(text);
    let lead = [
        "um", "uh", "er", "yes", "sure", "okay", "oh", "well", "its", "it", "is", "for", "ah",
        "the", "name", "hello", "hi", "of", "course",
    ];
    let from = words.iter().position(|word| !lead.contains(&word.low.as_str()))?;
    let mut rest = &words[from..];
    while let Some((last, before)) = rest.split_last()
        && ["please", "thanks", "you", "thank", "here", "speaking"].contains(&last.low.as_str())
    {
        rest = before;
    }
    let name = name_from(rest)?;
    let whole = name.split(' ').count() == rest.len() || is_spelled(rest);
    (whole && rest.len() <= if is_spelled(rest) { 20 } else { 4 }).then_some(name)
}

fn is_spelled(words: &[Word]) -> bool {
    words.len() > 2 && words.iter().all(|word| word.low.chars().count() == 1)
}

/// The name that begins these words.
fn name_from(words: &[Word]) -> Option<String> {
    if is_spelled(words) {
        return Some(words::capitalised(
            &words.iter().map(|word| word.low.as_str()).collect::<String>(),
        ));
    }
    let mut name: Vec<String> = Vec::new();
    for word in words.iter().take(4) {
        if is_no_name(&word.low) {
            break;
        }
        let lower = word.raw.chars().all(|c| !c.is_uppercase());
        name.push(if lower { words::capitalised(&word.raw) } else { word.raw.clone() });
        if word.ends {
            break;
        }
    }
    (!name.is_empty()).then(|| name.join(" "))
}

/// A telephone number, spoken or typed.
fn digits(text: &str) -> Option<String> {
    let mut digits = String::new();
    let mut times = 1;
    let mut ten: Option<u32> = None;
    for word in words::words(text) {
        let low = word.low.as_str();
        let figures: String = low.chars().filter(char::is_ascii_digit).collect();
        if !figures.is_empty() {
            digits.extend(std::iter::repeat_n(figures.as_str(), times));
            (times, ten) = (1, None);
            continue;
        }
        match low {
            "double" => times = 2,
            "triple" | "treble" => times = 3,
            "zero" | "oh" | "o" | "nought" => {
                digits.extend(std::iter::repeat_n('0', times));
                (times, ten) = (1, None);
            }
            "hundred" => digits.push_str("00"),
            "sixty" | "seventy" | "eighty" | "ninety" => {
                digits.push_str(match low {
                    "sixty" => "60",
                    "seventy" => "70",
                    "eighty" => "80",
                    _ => "90",
                });
                ten = Some(1);
            }
            _ => {
                let Some(number) = small_number(low) else { continue };
                if ten.take().is_some() && number < 10 {
                    // "fifty five" is 55.
                    digits.pop();
                }
                let figures = number.to_string();
                digits.extend(std::iter::repeat_n(figures.as_str(), times));
                times = 1;
                ten = (number >= 20).then_some(number);
            }
        }
    }
    (FEWEST..=MOST).contains(&digits.len()).then_some(digits)
}

/// Digits as words, in groups that can be followed.
fn grouped(digits: &str) -> String {
    let names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let spoken: Vec<&str> = digits
        .chars()
        .filter_map(|c| c.to_digit(10).and_then(|digit| names.get(digit as usize).copied()))
        .collect();
    let mut groups = Vec::new();
    let mut rest = spoken.as_slice();
    if rest.len() == 11 {
        groups.push(rest[..1].join(" "));
        rest = &rest[1..];
    }
    while !rest.is_empty() {
        let size = if rest.len() <= 4 { rest.len() } else { 3 };
        groups.push(rest[..size].join(" "));
        rest = &rest[size..];
    }
    groups.join(", ")
}

fn free_text(text: &str) -> Option<String> {
    let trimmed = text.trim().trim_end_matches(['.', ',', ';']);
    let kept: String = trimmed.chars().take(LONGEST).collect();
    (!words::topics(&kept).is_empty() || words::words(&kept).len() > 2).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found() {
        for (heard, name) in [
            ("My name is Daniel Carter.", Some("Daniel Carter")),
            ("my name is daniel carter", Some("Daniel Carter")),
            ("It's Daniel Carter, please", Some("Daniel Carter")),
            ("Daniel Carter", Some("Daniel Carter")),
            ("Um, Siobhan O'Brien please.", Some("Siobhan O'Brien")),
            ("This is Anna and I have a question", Some("Anna")),
            ("Anna Lee speaking", Some("Anna Lee")),
            ("d a n i e l", Some("Daniel")),
            ("Is there parking?", None),
            ("I am not sure", None),
            ("never mind", None),
            ("yes", None),
            ("what do you need that for", None),
        ] {
            let found = answer(SlotKind::Name, heard);
            assert_eq!(found, name.map(|name| Value::Text(name.into())), "{heard}");
        }
        let stated = volunteered(SlotKind::Name, "I would like a cleaning, my name is Ada King");
        assert_eq!(stated, Some(Value::Text("Ada King".into())));
        assert_eq!(volunteered(SlotKind::Name, "I'm nervous about it"), None);
    }

    #[test]
    fn telephone_numbers_are_found_and_read_back() {
        for heard in [
            "four one five five five five zero one one one",
            "It's 415-555-0111.",
            "four one five, triple five, oh one double one",
            "four fifteen fifty five five zero one eleven",
        ] {
            let found = answer(SlotKind::Phone, heard);
            assert_eq!(found, Some(Value::Digits("4155550111".into())), "{heard}");
        }
        assert_eq!(answer(SlotKind::Phone, "four one five"), None);
        let spoken = Value::Digits("4155550111".into()).spoken();
        assert_eq!(spoken, "four one five, five five five, zero one one one");
    }
}
