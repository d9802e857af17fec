//! Spoken words as the agent compares them: lower case, contractions opened, endings cut, words of
//! like meaning made one. It knows English and no business.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::LazyLock,
};

/// One word of an utterance, as it was written and as it is compared.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Word {
    /// As written, without the punctuation around it.
    pub raw: String,
    /// Lower case, apostrophes and full stops removed: `p.m.` is `pm`, `don't` is `dont`.
    pub low: String,
    /// A sentence or a clause ends after it.
    pub ends: bool,
}

/// The words of an utterance, punctuation dropped.
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    for piece in text.split_whitespace() {
        let ends = piece.ends_with(['.', ',', '?', '!', ';', ':']);
        let parts = piece.split(['/', '\u{2014}', '\u{2013}', '(', ')', '"']);
        let before = words.len();
        for part in parts {
            let raw = part.trim_matches(|c: char| !c.is_alphanumeric());
            let low: String = raw
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, '-' | ':' | '+'))
                .flat_map(char::to_lowercase)
                .collect();
            if !low.is_empty() {
                words.push(Word { raw: raw.to_owned(), low, ends: false });
            }
        }
        if words.len() > before
            && let Some(last) = words.last_mut()
        {
            // "p.m." ends nothing.
            last.ends = ends && !matches!(last.low.as_str(), "am" | "pm" | "mr" | "mrs" | "dr");
        }
    }
    words
}

/// The tokens of an utterance: lower case words with contractions opened.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    for word in words(text) {
        match opened(&word.low, &word.raw) {
            Some(opened) => tokens.extend(opened.split(' ').map(str::to_owned)),
            None => tokens.extend(word.low.split('-').filter(|t| !t.is_empty()).map(str::to_owned)),
        }
    }
    tokens
}

/// A contraction in full.
fn opened(low: &str, raw: &str) -> Option<&'static str> {
    let apostrophe = raw.contains(['\'', '\u{2019}']);
    Some(match low {
        "whats" => "what is",
        "wheres" => "where is",
        "whens" => "when is",
        "hows" => "how is",
        "whos" => "who is",
        "thats" => "that is",
        "theres" => "there is",
        "names" if apostrophe => "name is",
        "its" if apostrophe => "it is",
        "im" => "i am",
        "ive" => "i have",
        "id" if apostrophe => "i would",
        "ill" if apostrophe => "i will",
        "youre" => "you are",
        "youve" => "you have",
        "thatll" => "that will",
        "dont" => "do not",
        "doesnt" => "does not",
        "didnt" => "did not",
        "isnt" => "is not",
        "arent" => "are not",
        "cant" | "cannot" => "can not",
        "couldnt" => "could not",
        "wont" if apostrophe => "will not",
        "wasnt" => "was not",
        "havent" => "have not",
        "gonna" => "going to",
        "wanna" => "want to",
        "gotta" => "have to",
        "ok" | "okey" => "okay",
        "bye-bye" => "goodbye",
        _ => return None,
    })
}

/// Do these tokens stand in `tokens` one after another?
pub(super) fn find(tokens: &[String], phrase: &str) -> Option<usize> {
    let phrase: Vec<&str> = phrase.split(' ').collect();
    tokens.windows(phrase.len()).position(|window| window.iter().zip(&phrase).all(|(a, b)| a == b))
}

/// Does any of these phrases stand in `tokens`?
pub(super) fn has_any(tokens: &[String], phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| find(tokens, phrase).is_some())
}

/// Words that carry no topic of their own.
const EMPTY: &str = " a an the and or but so if then than that this these those there here it its is are was were be been \
 being am do does did done have has had having can could will would shall should may might must i me \
 my mine we us our ours you your yours he him his she her hers they them their who whom which what \
 whats to of for in on at by with from into as up about any some all just also too very really \
 actually maybe please okay oh um uh er ah hmm well like want wanted need needed know tell ask asking \
 wonder wondering say said let get got give going go hello hi hey good sorry wait excuse thanks \
 thank yes yeah no not sure question quick quickly possible possibly thing things something \
 anything one ones kind sort much many lot bit clinic office practice place guys people person \
 information info detail details help think thought guess mean see find today now still again else \
 how calling called call offer provide able take make come bring use happen work when morning \
 afternoon evening hear heard really ";

static EMPTY_WORDS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| EMPTY.split_ascii_whitespace().collect());

/// Words of like meaning on the telephone of a business; the first stands for all.
const ALIKE: &[&str] = &[
    "cost price charge fee expensive cheap howmuch dollars afford pricing tariff",
    "open hours closed close shut opening",
    "weekend weekends",
    "park parking car garage lot vehicle drive",
    "where address location located directions situated whereabouts street",
    "insurance coverage policy insurer insured plan network covered cover",
    "book booking schedule reserve reservation arrange",
    "appointment visit slot",
    "checkup exam examination inspection",
    "cancel cancellation cancelling",
    "reschedule move change postpone moving",
    "child kid children son daughter toddler baby pediatric little",
    "emergency urgent urgency urgently emergencies",
    "pain ache aching toothache sore throbbing killing awful",
    "swollen swelling swell",
    "broken break broke chip crack chipped cracked",
    "wheelchair disabled disability access accessible mobility stairs steps step ramp elevator lift",
    "form forms paperwork documents document questionnaire",
    "xray xrays radiograph radiographs",
    "clean cleaning hygiene hygienist polish scale cleaner cleaned",
    "whiten whitening bleach bleaching brighten whiter yellow stained",
    "pay payment paid credit debit cash visa mastercard card",
    "instalment installment instalments financing monthly",
    "email mail",
    "late delayed delay",
    "remove extract extraction pulled pull",
    "doctor dentist physician",
    "tooth teeth",
    "afraid scared nervous anxious fear phobia terrified frightened",
    "register join sign enroll enrol registration",
    "holiday holidays christmas thanksgiving",
    "website internet web",
];

static MEANINGS: LazyLock<HashMap<String, &str>> = LazyLock::new(|| {
    let mut meanings = HashMap::new();
    for group in ALIKE {
        let first = group.split(' ').next().unwrap_or_default();
        for word in group.split(' ') {
            meanings.insert(stem(word), first);
        }
    }
    meanings
});

/// Cuts the usual endings of an English word. Not a dictionary form, only the same for like words.
pub(super) fn stem(word: &str) -> String {
    let mut word = word.to_owned();
    let vowel = |s: &str| s.contains(['a', 'e', 'i', 'o', 'u', 'y']);
    if !word.is_ascii() || word.len() < 4 || word.bytes().any(|b| b.is_ascii_digit()) {
        return if word == "pay" { "pai".into() } else { word };
    }
    if let Some(base) = word.strip_suffix("ies") {
        word = format!("{base}y");
    } else if word.ends_with("sses") {
        word.truncate(word.len() - 2);
    } else if word.ends_with('s') && !word.ends_with("ss") && !word.ends_with("us") {
        word.pop();
    }
    for ending in ["ing", "ed", "ment"] {
        if let Some(base) = word.strip_suffix(ending)
            && base.len() >= 3
            && vowel(base)
        {
            let base = base.to_owned();
            let letters = base.as_bytes();
            let doubled = letters.len() > 3
                && letters[letters.len() - 1] == letters[letters.len() - 2]
                && !matches!(letters[letters.len() - 1], b'l' | b's' | b'z');
            word = base;
            if doubled {
                word.pop();
            }
            break;
        }
    }
    for ending in ["ively", "ive", "ation", "ance", "ly", "e"] {
        if let Some(base) = word.strip_suffix(ending)
            && base.len() >= 3
        {
            word = base.to_owned();
            break;
        }
    }
    if word.ends_with('y') && word.len() > 2 {
        word.pop();
        word.push('i');
    }
    word
}

/// What an utterance is about: its telling words, one per meaning.
pub(super) fn topics(text: &str) -> BTreeSet<String> {
    let mut tokens = tokens(text);
    // Pairs that mean one thing.
    let mut place = 0;
    while place + 1 < tokens.len() {
        let joined = match (tokens[place].as_str(), tokens[place + 1].as_str()) {
            ("how", "much") => "howmuch",
            ("x", "ray" | "rays") => "xray",
            ("what", "time" | "times") | ("how", "late" | "early") => "hours",
            ("pay", "for") => "howmuch",
            ("find", "you") => "where",
            ("check", "up" | "ups") => "checkup",
            ("get", "to") if tokens[..place].iter().any(|t| t == "how" || t == "i") => "where",
            _ => {
                place += 1;
                continue;
            }
        };
        tokens[place] = joined.to_owned();
        tokens.remove(place + 1);
        place += 1;
    }
    let telling = tokens.iter().filter(|token| {
        let one = token.strip_suffix('s').unwrap_or(token);
        !EMPTY_WORDS.contains(token.as_str()) && !EMPTY_WORDS.contains(one)
    });
    telling
        .map(|token| {
            let stem = stem(token);
            MEANINGS.get(&stem).map_or(stem.clone(), |&meaning| meaning.to_owned())
        })
        .collect()
}

/// Is it put as a question?
pub(super) fn is_question(text: &str) -> bool {
    if text.contains('?') {
        return true;
    }
    let tokens = tokens(text);
    let lead = [
        "and", "but", "so", "also", "sorry", "wait", "hello", "hi", "hey", "okay", "um", "uh",
        "oh", "actually", "well", "no", "yes", "excuse", "me", "please", "just", "before", "that",
    ];
    let first = tokens.iter().find(|token| !lead.contains(&token.as_str()));
    let asks = [
        "what", "how", "when", "where", "which", "who", "why", "do", "does", "did", "is", "are",
        "can", "could", "will", "would", "should", "may",
    ];
    first.is_some_and(|first| asks.contains(&first.as_str()))
        || has_any(&tokens, &["wondering if", "wondering whether", "want to know", "tell me"])
}

/// An utterance in the pieces that may be questions of their own: sentences, and what is joined to
/// them by "and" and a word that opens a question.
pub(super) fn clauses(text: &str) -> Vec<String> {
    let mut clauses: Vec<String> = vec![String::new()];
    let all: Vec<&str> = text.split_whitespace().collect();
    for (place, word) in all.iter().enumerate() {
        let lower = word.to_lowercase();
        let next = all.get(place + 1).map(|next| next.to_lowercase());
        let joins = matches!(lower.trim_end_matches(','), "and" | "also" | "plus")
            && next.as_deref().is_some_and(|next| {
                [
                    "what", "how", "when", "where", "which", "do", "does", "is", "are", "can",
                    "could", "what's", "where's", "also", "would",
                ]
                .contains(&next)
            });
        let open = clauses.last_mut().expect("never empty");
        if joins && !open.is_empty() {
            clauses.push(String::new());
            continue;
        }
        if !open.is_empty() {
            open.push(' ');
        }
        open.push_str(word);
        if word.ends_with(['?', '!', '.']) && lower.len() > 3 && !lower.ends_with(".m.") {
            clauses.push(String::new());
        }
    }
    clauses.retain(|clause| !clause.trim().is_empty());
    clauses
}

/// The first letter as a capital.
pub(super) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// With a full stop at its end unless it has one.
pub(super) fn stopped(text: &str) -> String {
    let text = text.trim().trim_end_matches([',', ';', ':']);
    if text.is_empty() || text.ends_with(['.', '!', '?', '\u{2026}']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}
