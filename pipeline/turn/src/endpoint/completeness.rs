//! What the caller's words say about whether more must come.

use serde::{Deserialize, Serialize};

use super::{Question, dictation, dictation::Dictation};
use crate::words;

/// What the caller's words look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Completeness {
    /// No words are known yet.
    Unknown,
    /// A whole answer to what the agent asked: "yeah" to a yes-or-no question, a whole number.
    Answer,
    /// A sentence with its end.
    Sentence,
    /// A word or two that can stand alone and often lead something in: "yeah", "oh no", "well then".
    Opening,
    /// Words that the recogniser ends with a comma.
    Comma,
    /// Words with neither an end nor a sign that more must come.
    Open,
    /// More must come: a dangling conjunction, a hesitation, half a number.
    Dangling,
}

/// What these words look like after a question of the agent's (or none).
pub fn completeness(text: &str, asked: Option<Question>) -> Completeness {
    judged(text, asked).0
}

/// The same, and what of something dictated is still to come.
pub(super) fn judged(text: &str, asked: Option<Question>) -> (Completeness, Option<Dictation>) {
    let spoken = words::normalised(text);
    let Some(last) = spoken.last() else { return (Completeness::Unknown, None) };
    let dictation = dictation::under_way(&spoken, asked);
    match dictation {
        Some(Dictation { to_come, .. }) if to_come <= 0.0 => return (Completeness::Answer, None),
        Some(Dictation { to_come, .. }) if to_come >= 0.5 => {
            return (Completeness::Dangling, dictation);
        }
        Some(_) | None => {}
    }
    let looks = if asked == Some(Question::YesOrNo) && answers_yes_or_no(&spoken) {
        Completeness::Answer
    } else if text.trim_end().ends_with(['-', '…', '—'])
        || needs_more(&spoken, last)
        || lacks_main_clause(text, &spoken)
    {
        Completeness::Dangling
    } else if is_opening(&spoken) {
        Completeness::Opening
    } else if text.trim_end().ends_with(['.', '!', '?']) {
        Completeness::Sentence
    } else if text.trim_end().ends_with(',') {
        Completeness::Comma
    } else {
        Completeness::Open
    };
    (looks, dictation)
}

/// "Yeah", "yes, that's right", "no thank you".
fn answers_yes_or_no(spoken: &[String]) -> bool {
    if words::is_yes_or_no(spoken) {
        return true;
    }
    // "Yes, please do": each part of it answers.
    let first = spoken.first().map_or("", String::as_str);
    if matches!(first, "да" | "ага" | "угу" | "конечно" | "хорошо" | "ладно" | "нет" | "неа")
    {
        return spoken.len() == 1
            || words::is_yes_or_no(&spoken[1..])
            || matches!(
                words::plain(&spoken[1..].join(" ")).as_str(),
                "спасибо"
                    | "мне удобно"
                    | "мне подходит"
                    | "это я"
                    | "большое спасибо"
                    | "все так"
            );
    }
    matches!(first, "yes" | "yeah" | "yep" | "no" | "nope" | "sure" | "okay" | "ok")
        && (words::is_yes_or_no(&spoken[1..])
            || matches!(
                spoken[1..].join(" ").as_str(),
                "i would" | "i am" | "it does" | "thank you" | "thanks"
            ))
}

/// Does the last word call for another?
fn needs_more(spoken: &[String], last: &str) -> bool {
    let before = spoken.len().checked_sub(2).map_or("", |at| spoken[at].as_str());
    // "Мне нужно", but "не нужно".
    let wants = matches!(
        (before, last),
        ("мне", "нужно" | "надо" | "нужен" | "нужна") | ("я", "хочу" | "хотел" | "хотела" | "могу")
    );
    if wants {
        return true;
    }
    if !words::dangles(last) && !leads_on(last) {
        return false;
    }
    if ends_a_russian_question(spoken, last) {
        return false;
    }
    // "What is it for?", "Who are you with?": a question may end in what otherwise leads on.
    let asks = matches!(
        spoken.first().map_or("", String::as_str),
        "what" | "what's" | "who" | "who's" | "where" | "where's" | "which" | "how"
    );
    let stranded = matches!(
        last,
        "for"
            | "with"
            | "to"
            | "of"
            | "from"
            | "about"
            | "at"
            | "on"
            | "in"
            | "by"
            | "is"
            | "are"
            | "was"
            | "like"
    );
    !(asks && stranded && spoken.len() >= 3)
}

/// "А когда?", "что это", "сделать это": words that often lead on, where they do not.
fn ends_a_russian_question(spoken: &[String], last: &str) -> bool {
    let first = spoken.first().map_or("", String::as_str);
    let before = spoken.len().checked_sub(2).map_or("", |at| spoken[at].as_str());
    match last {
        "когда" | "как" | "что" => {
            spoken.len() <= 2 && !matches!(first, "потому" | "так" | "то")
        }
        // "Это я."
        "я" | "мы" => matches!(before, "это" | "и"),
        "это" => {
            matches!(first, "что" | "кто" | "как" | "где" | "сколько" | "когда" | "зачем")
                || before.ends_with("ть")
                || matches!(before, "за" | "на" | "про" | "и")
        }
        _ => false,
    }
}

/// Words beside [`words::dangles`] after which nobody stops.
fn leads_on(last: &str) -> bool {
    matches!(
        last,
        "it's"
            | "there's"
            | "he's"
            | "she's"
            | "we're"
            | "you're"
            | "they're"
            | "we"
            | "they"
            | "he"
            | "she"
            | "i'll"
            | "i've"
            | "we'll"
            | "you'll"
            | "we've"
            | "let's"
            | "very"
            | "than"
            | "as"
            | "into"
            | "onto"
            | "without"
            | "between"
            | "through"
            | "during"
            | "until"
            | "although"
            | "unless"
            | "while"
            | "whether"
            | "their"
            | "its"
            | "this's"
            | "some"
            | "every"
            | "were"
            | "am"
            | "be"
            | "been"
            | "could"
            | "would"
            | "should"
            | "will"
            | "must"
            | "might"
            | "may"
            | "has"
            | "had"
            | "gonna"
            | "wanna"
            | "mr"
            | "mrs"
            | "ms"
            | "dr"
            | "uhm"
            | "ah"
            | "eh"
            | "я"
            | "мы"
            | "не"
            | "очень"
            | "чем"
            | "пока"
            | "зовут"
            | "бы"
    )
}

/// "If you have time", "when I was young": a clause that waits for its main one.
fn lacks_main_clause(text: &str, spoken: &[String]) -> bool {
    let waits = matches!(
        spoken.first().map_or("", String::as_str),
        "if" | "because"
            | "although"
            | "unless"
            | "while"
            | "since"
            | "если"
            | "потому"
            | "хотя"
            | "поскольку"
    ) || (spoken.first().is_some_and(|word| word == "when")
        && matches!(
            spoken.get(1).map_or("", String::as_str),
            "i" | "you" | "he" | "she" | "we" | "they" | "my" | "the"
        ));
    waits && spoken.len() <= 8 && !text.contains(',') && !text.trim_end().ends_with('?')
}

/// Up to three words of which none says more than that something follows or was heard.
fn is_opening(spoken: &[String]) -> bool {
    const OPENING: &[&str] = &[
        "yes",
        "yeah",
        "yep",
        "yup",
        "no",
        "nope",
        "oh",
        "okay",
        "ok",
        "right",
        "sure",
        "hey",
        "hi",
        "hello",
        "sorry",
        "please",
        "look",
        "listen",
        "now",
        "then",
        "anyway",
        "actually",
        "mm",
        "hm",
        "mhm",
        "huh",
        "great",
        "good",
        "fine",
        "alright",
        "excuse",
        "me",
        "thanks",
        "thank",
        "you",
        "wait",
        "god",
        "my",
        "gosh",
        "sir",
        "madam",
        "all",
        "of",
        "course",
        "i",
        "see",
        "mean",
        "know",
        "guess",
        "think",
        "да",
        "нет",
        "ага",
        "угу",
        "неа",
        "так",
        "ой",
        "хорошо",
        "ладно",
        "понятно",
        "ясно",
        "алло",
        "алё",
        "здравствуйте",
        "привет",
        "добрый",
        "доброе",
        "день",
        "вечер",
        "утро",
        "слушайте",
        "послушайте",
        "скажите",
        "пожалуйста",
        "извините",
        "простите",
        "подождите",
        "спасибо",
        "конечно",
        "вот",
        "знаете",
        "смотрите",
        "значит",
        "вообще",
        "короче",
        "девушка",
        "слушаю",
        "окей",
        "ок",
    ];
    spoken.len() <= 3 && spoken.iter().all(|word| OPENING.contains(&word.as_str()))
}
