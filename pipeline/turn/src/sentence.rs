//! From a model's tokens to sentences worth speaking: cut where a speaker would pause, as early as
//! that can be known, and freed of what must not be spoken (markdown, code, emoji).
//!
//! Characters are taken one by one, so the sentences are the same however the tokens were cut, and
//! time is linear. No word is lost or doubled, but for code between fences, link targets and tags.

use std::collections::VecDeque;

use markup::Markup;

mod markup;

/// The first piece of a reply is cut at a clause once it has this many characters, so that the voice
/// can begin.
const FIRST_CLAUSE: usize = 48;
/// A sentence of more characters than this is cut at a clause, or at a space.
const LONGEST: usize = 240;
/// A clause that ends sooner than this is no place to cut a long sentence.
const LEAST_CLAUSE: usize = 48;
/// A word of more characters than this is cut wherever that falls.
const LONGEST_WORD: usize = 1_000;

/// Collects tokens and gives sentences.
#[derive(Clone, Debug, Default)]
pub struct Sentences {
    markup: Markup,
    cutter: Cutter,
    given: usize,
}

impl Sentences {
    /// Takes the next tokens; gives the sentences that they complete.
    pub fn push(&mut self, tokens: &str) -> Vec<String> {
        let mut ready = Vec::new();
        let mut letters = VecDeque::new();
        for letter in tokens.chars() {
            self.markup.push(letter, &mut letters);
            self.cut(&mut letters, &mut ready);
        }
        ready
    }

    /// The tokens are at an end: what is left, if it can be spoken.
    pub fn finish(&mut self) -> Option<String> {
        let mut letters = VecDeque::new();
        self.markup.finish(&mut letters);
        let mut ready = Vec::new();
        self.cut(&mut letters, &mut ready);
        ready.extend(worth_saying(std::mem::take(&mut self.cutter).text));
        self.given += ready.len();
        // What was held back may have ended a sentence.
        (!ready.is_empty()).then(|| ready.join(" "))
    }

    /// Is part of a sentence waiting for its end?
    pub fn is_amid(&self) -> bool {
        self.cutter.has_sound
    }

    fn cut(&mut self, letters: &mut VecDeque<char>, ready: &mut Vec<String>) {
        for letter in letters.drain(..) {
            let sentence = self.cutter.push(letter, self.given == 0).and_then(worth_saying);
            if let Some(sentence) = sentence {
                self.given += 1;
                ready.push(sentence);
            }
        }
    }
}

/// The text without what is written but never spoken, white space folded.
pub fn speakable(text: &str) -> String {
    let (mut markup, mut letters) = (Markup::default(), VecDeque::new());
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        markup.push(letter, &mut letters);
        plain.extend(letters.drain(..));
    }
    markup.finish(&mut letters);
    plain.extend(letters);
    let folded = plain.split_whitespace().collect::<Vec<_>>().join(" ").replace(" ,", ",");
    worth_saying(folded).unwrap_or_default()
}

/// Without the signs of an item before it; nothing if there is no sound in it.
fn worth_saying(text: String) -> Option<String> {
    let said = text.trim_start_matches(['-', '•', '–', '—', ',', ' ']).trim_end();
    let said = if text.starts_with('-') && said.starts_with(|c: char| c.is_ascii_digit()) {
        // "-5" is a number.
        text.trim()
    } else {
        said
    };
    said.chars().any(char::is_alphanumeric).then(|| said.to_owned())
}

/// Cuts plain text into sentences.
#[derive(Clone, Debug, Default)]
struct Cutter {
    /// The sentence so far, white space folded.
    text: String,
    /// Its length in characters.
    length: usize,
    has_sound: bool,
    /// White space came after it.
    space: bool,
    /// The sentence ends here if what follows does not go on with it.
    end: Option<End>,
    /// A clause ends here, if no figure follows.
    clause_pending: bool,
    /// The last good places for a cut, in bytes and characters.
    clause: Option<(usize, usize)>,
    gap: Option<(usize, usize)>,
}

/// What may end a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It does as soon as white space follows.
    Sure,
    /// It does if the next word does not begin with a small letter.
    UnlessSmall,
    /// It does before a capital only.
    BeforeCapital,
    /// It does unless figures follow.
    UnlessFigures,
}

impl Cutter {
    /// Takes a character; gives the sentence that it completes. `first`: nothing was given before.
    fn push(&mut self, letter: char, first: bool) -> Option<String> {
        if letter == '\n' {
            let line = self.take();
            return line.contains(char::is_alphanumeric).then_some(line);
        }
        if letter.is_whitespace() {
            return self.blank();
        }
        let mut done = None;
        if self.space && letter == ',' {
            // What stood between was not spoken.
            (self.space, self.end, self.clause_pending) = (false, None, false);
        } else if self.space {
            done = self.next_word(letter, first);
        } else if self.end.is_some() && !is_closing(letter) && !is_terminal(letter) {
            // "3.5", "example.com": the stop is within a word.
            let wide = self.text.trim_end_matches(is_closing).ends_with(['。', '！', '？']);
            self.end = None;
            if wide {
                done = Some(self.take());
            }
        }
        self.add(letter);
        done.or_else(|| self.shorten())
    }

    fn blank(&mut self) -> Option<String> {
        if self.end == Some(End::Sure) {
            return Some(self.take());
        }
        if !self.text.is_empty() {
            self.space = true;
        }
        self.clause_pending = self.text.ends_with([',', ';', ':', '–', '—']);
        None
    }

    /// A word begins after white space: is it a new sentence's, or a new clause's?
    fn next_word(&mut self, letter: char, first: bool) -> Option<String> {
        self.space = false;
        let opening = "\"'«“(„¿¡".contains(letter);
        let ends = match self.end.take() {
            None => false,
            Some(End::Sure) => true,
            Some(End::UnlessSmall) => !letter.is_lowercase(),
            Some(End::BeforeCapital) => letter.is_uppercase() || opening,
            Some(End::UnlessFigures) => !letter.is_ascii_digit(),
        };
        let clause = std::mem::take(&mut self.clause_pending) && !letter.is_ascii_digit();
        if ends && self.has_sound {
            return Some(self.take());
        }
        let place = (self.text.len(), self.length);
        if clause {
            self.clause = Some(place);
            if first && self.length >= FIRST_CLAUSE {
                return Some(self.take());
            }
        }
        self.gap = Some(place);
        self.text.push(' ');
        self.length += 1;
        None
    }

    fn add(&mut self, letter: char) {
        if let Some(end) = self.end_with(letter) {
            self.end = Some(end);
        }
        self.text.push(letter);
        self.length += 1;
        self.has_sound |= letter.is_alphanumeric();
    }

    /// May the sentence end with this character?
    fn end_with(&self, letter: char) -> Option<End> {
        match letter {
            '!' | '?' | '。' | '！' | '？' => Some(End::Sure),
            '…' => Some(End::UnlessSmall),
            '.' if self.text.ends_with('.') => Some(End::UnlessSmall),
            '.' => after_stop(&self.text),
            // After a quotation or a bracket the sentence may go on: "Really?" she said.
            _ if self.end.is_some() && is_closing(letter) => match self.end {
                Some(End::Sure) => Some(End::UnlessSmall),
                end => end,
            },
            _ => None,
        }
    }

    /// Cuts a sentence that is too long, at the best place there is.
    fn shorten(&mut self) -> Option<String> {
        if self.length <= LONGEST {
            return None;
        }
        let clause = self.clause.filter(|(_, length)| *length >= LEAST_CLAUSE);
        let place = clause.or(self.gap).filter(|(_, length)| *length > 0);
        let (bytes, length) = match place {
            Some(place) => place,
            None if self.length > LONGEST_WORD => (self.text.len(), self.length),
            None => return None,
        };
        let rest = self.text.split_off(bytes);
        let sentence = std::mem::replace(&mut self.text, rest);
        let later = self.gap.filter(|(gap, _)| *gap > bytes);
        if self.text.starts_with(' ') {
            self.text.remove(0);
        }
        let moved = sentence.len() + 1;
        self.gap = later.map(|(gap, at)| (gap - moved, at - length - 1));
        self.clause = None;
        self.length = self.text.chars().count();
        self.has_sound = self.text.chars().any(char::is_alphanumeric);
        Some(sentence)
    }

    fn take(&mut self) -> String {
        std::mem::take(self).text
    }
}

fn is_closing(letter: char) -> bool {
    matches!(letter, '"' | '\'' | '”' | '’' | '»' | ')' | ']')
}

fn is_terminal(letter: char) -> bool {
    matches!(letter, '.' | '!' | '?' | '…' | '。' | '！' | '？')
}

/// What does a full stop after this text say? Nothing after an abbreviation, an initial or a list's
/// number.
fn after_stop(before: &str) -> Option<End> {
    // No abbreviation is longer; of a longer word its end is enough.
    let start = before.char_indices().rev().nth(24).map_or(0, |(at, _)| at);
    let recent = &before[start..];
    let opening = ['(', '"', '\'', '«', '“', '„'];
    let word = recent.rsplit(|letter: char| letter.is_whitespace()).next().unwrap_or_default();
    let head = &recent[..recent.len() - word.len()];
    let word = word.trim_start_matches(opening);
    if word.is_empty() {
        return None;
    }
    let previous = head.split_whitespace().next_back().unwrap_or_default();
    let lower = word.to_lowercase();
    let letters = word.chars().count();
    if letters == 1 && word.chars().all(char::is_uppercase) && !matches!(word, "I" | "Я") {
        return None;
    }
    if word.bytes().all(|letter| letter.is_ascii_digit()) && before.trim() == word {
        return None;
    }
    let lower = lower.as_str();
    match lower {
        "no" | "nos" => return Some(End::UnlessFigures),
        // "River St." and "St. Mary", "2026 г." and "г. Москва".
        "st" if !previous.starts_with(char::is_uppercase) => return None,
        "г" if !previous.ends_with(|letter: char| letter.is_ascii_digit()) => return None,
        _ if NEVER.contains(&lower) => return None,
        _ if BEFORE_CAPITAL.contains(&lower) => return Some(End::BeforeCapital),
        _ => {}
    }
    // "a.m. on": a small letter goes on with the sentence.
    if word.contains('.') { Some(End::UnlessSmall) } else { Some(End::Sure) }
}

/// Abbreviations after which the sentence goes on.
const NEVER: [&str; 63] = [
    "mr",
    "mrs",
    "ms",
    "dr",
    "prof",
    "rev",
    "hon",
    "vs",
    "e.g",
    "i.e",
    "eg",
    "ie",
    "approx",
    "apt",
    "ste",
    "fig",
    "tel",
    "ext",
    "mt",
    "est",
    "incl",
    "govt",
    "gen",
    "sgt",
    "capt",
    "им",
    "ул",
    "тел",
    "доб",
    "т",
    "т.е",
    "т.к",
    "напр",
    "см",
    "д",
    "кв",
    "корп",
    "стр",
    "пр",
    "просп",
    "пер",
    "пл",
    "наб",
    "ш",
    "бул",
    "оф",
    "каб",
    "обл",
    "проф",
    "акад",
    "ок",
    "св",
    "пн",
    "вт",
    "ср",
    "чт",
    "пт",
    "сб",
    "вкл",
    "ред",
    "гл",
    "ст",
    "п",
];

/// Abbreviations that a sentence may also end with.
const BEFORE_CAPITAL: [&str; 74] = [
    "etc", "inc", "ltd", "corp", "co", "jr", "sr", "st", "ave", "rd", "blvd", "ln", "hwy", "sq",
    "dept", "appt", "min", "mins", "hr", "hrs", "max", "jan", "feb", "mar", "apr", "jun", "jul",
    "aug", "sep", "sept", "oct", "nov", "dec", "mon", "tue", "tues", "wed", "thu", "thurs", "fri",
    "г", "гг", "т.д", "т.п", "др", "руб", "коп", "тыс", "млн", "млрд", "мин", "сек", "ч", "чел",
    "шт", "мес", "дн", "нед", "эт", "долл", "kg", "km", "cm", "mm", "lb", "lbs", "oz", "ft", "кг",
    "км", "мм", "мл", "мг", "гр",
];
