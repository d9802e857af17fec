//! Text as it is said: figures, dates, sums of money, addresses and abbreviations become words.
//!
//! A voice reads words well and figures by luck: `8 800 555-35-35` as eight hundred, `3/4` as a date,
//! `Dr.` as the end of a sentence, and each vendor errs in its own way. So every voice gets the same
//! words. [`Spoken`] keeps the way back, since transcripts hold what was written and voices time what
//! they speak.
//!
//! English (American and, for the regions that write so, British) and Russian are said; texts of
//! other languages only lose what is never spoken. What comes out holds no `<`, `>`, `&` or control
//! character, so it needs no escaping in SSML; said again it stays as it is; it is at most
//! [`LONGEST_PER_BYTE`] times as long as what was written. Time is linear in the text.
//!
//! # Limits
//!
//! - English: a bare number from 1100 to 2099 is a year only where its neighbours say so; `1/2` is a
//!   fraction unless a word such as "on" or a weekday makes it a date; five figures or more without
//!   commas that do not end in zeros are dictated, as codes and postcodes are.
//! - Russian: a day and a month with a point ("21.11") are a date beside a preposition, a weekday, an
//!   appointment or another day, else a decimal; what is no day of the calendar, and all after "в", is a
//!   time. Numerals take their case from a preposition before them or from the ending of the noun
//!   after them, their gender from that ending; adjectives between and case governed by verbs are not
//!   seen ("владеет 5 домами" is, by the noun; "не хватает 2" is not). A date without a preposition is
//!   in the genitive, as one says when something happens, but for "сегодня 21 ноября" and a date that
//!   stands alone. Stress is left to the voice.
//! - Roman numerals are numbers after a few words and names only ("Chapter IV", "XXI век", "Henry VIII").

mod address;
mod chunk;
mod english;
mod figure;
mod russian;
mod telephone;

use chunk::{Chunk, Place, Said, chunks, is_unsaid};
use english::English;

/// What is said has at most this many bytes for each byte written (and [`LONGEST_PER_BYTE`] more).
pub const LONGEST_PER_BYTE: usize = 40;

/// How often a text is said again until nothing changes.
const ROUNDS: usize = 4;

/// A text as it is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// Words and the punctuation that shapes their melody.
    pub text: String,
    stretches: Vec<Stretch>,
}

/// Words that stand for one or more words of the written text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    /// Where its last sound ends in the spoken text, in bytes.
    sounded: usize,
    /// Where it ends in the spoken text with its punctuation, in bytes.
    end: usize,
    /// Where what it stands for ends in the written text, in bytes.
    written: usize,
}

#[derive(Clone, Copy, Debug)]
enum Language {
    English(English),
    Russian,
    Other,
}

impl Language {
    /// Of a BCP 47 tag.
    fn of(tag: &str) -> Self {
        let mut parts = tag.split(['-', '_']);
        let is = |name: &str, part: Option<&str>| {
            part.is_some_and(|part| part.eq_ignore_ascii_case(name))
        };
        let first = parts.next();
        if is("en", first) {
            let region = parts.find(|part| part.len() == 2);
            let american =
                region.is_none() || ["US", "CA", "PH"].iter().any(|name| is(name, region));
            return Language::English(English { british: !american });
        }
        if is("ru", first) { Language::Russian } else { Language::Other }
    }

    fn say(self, place: Place<'_>) -> Option<Said> {
        match self {
            Language::English(english) => english.say(place),
            Language::Russian => russian::say(place),
            Language::Other => None,
        }
    }
}

impl Spoken {
    /// How `written` is said in a language, given as BCP 47 (`en-US`, `ru-RU`).
    pub fn of(written: &str, language: &str) -> Self {
        let language = Language::of(language);
        let mut spoken = pass(written, language);
        for _ in 1..ROUNDS {
            let again = pass(&spoken.text, language);
            if again.text == spoken.text {
                break;
            }
            let stretches = again.stretches.iter().map(|stretch| Stretch {
                written: spoken.written_end(stretch.written),
                ..*stretch
            });
            spoken = Spoken { stretches: stretches.collect(), text: again.text };
        }
        spoken
    }

    /// Where the written words end that are wholly said when the spoken text is said up to this byte.
    /// Within words that stand for one thing ("five dollars" for `$5`) it is where the thing before
    /// ended; 0 before the first. Any number may be asked for; the answer never falls as it grows, and
    /// is on a character's border.
    pub fn written_end(&self, spoken_end: usize) -> usize {
        let said = self.stretches.partition_point(|stretch| stretch.sounded <= spoken_end);
        said.checked_sub(1).map_or(0, |last| self.stretches[last].written)
    }

    /// The words, and where what they stand for ends in the written text, in bytes.
    pub fn stretches(&self) -> impl Iterator<Item = (&str, usize)> {
        let mut from = 0;
        self.stretches.iter().map(move |stretch| {
            let words = self.text[from..stretch.end].trim_start();
            from = stretch.end;
            (words, stretch.written)
        })
    }
}

fn pass(written: &str, language: Language) -> Spoken {
    let chunks = chunks(written);
    let mut out = Writer::default();
    let mut at = 0;
    while at < chunks.len() {
        let said = language.say(Place { chunks: &chunks, at });
        let said = said.unwrap_or_else(|| Said::one(chunks[at].core.as_str()));
        let taken = said.taken.clamp(1, chunks.len() - at);
        out.add(&chunks[at..at + taken], said, at + taken == chunks.len());
        at += taken;
    }
    Spoken { text: out.text, stretches: out.stretches }
}

/// How words are said by themselves.
fn alone(words: &str, language: Language) -> String {
    pass(words, language).text
}

#[derive(Default)]
struct Writer {
    text: String,
    stretches: Vec<Stretch>,
    /// A bracket stands between the last word and the next.
    bracket: bool,
}

impl Writer {
    fn add(&mut self, chunks: &[Chunk], said: Said, is_last: bool) {
        let (Some(first), Some(last)) = (chunks.first(), chunks.last()) else { return };
        // Brackets within a telephone number are no pause of their own.
        let inner = chunks.len() > 1 && first.tail.contains(')');
        self.bracket |= first.lead.contains('(') && !inner;
        let sounded = self.words(&said.words);
        let mut tail = last.tail.as_str();
        if said.dot
            && let Some(rest) = tail.strip_prefix('.')
            && (!is_last || rest.contains([',', ';', ':', '!', '?']))
        {
            tail = rest;
        }
        if sounded {
            let sounded =
                self.text.trim_end_matches(|letter: char| !letter.is_alphanumeric()).len();
            self.stretches.push(Stretch { sounded, end: self.text.len(), written: last.end });
        } else {
            self.text.truncate(self.stretches.last().map_or(0, |stretch| stretch.end));
            if said.words.contains(['–', '—', '-']) && tail.is_empty() {
                tail = ",";
            }
        }
        self.melody(tail);
        if let Some(stretch) = self.stretches.last_mut() {
            // What makes no sound belongs to what was said before it.
            stretch.written = last.end;
        }
        self.bracket |= last.tail.contains(')');
    }

    /// Writes words; is there a sound in them?
    fn words(&mut self, words: &str) -> bool {
        let mut sounded = false;
        for word in words.split_whitespace() {
            let kept = word.chars().filter(|letter| {
                !is_unsaid(*letter)
                    && !matches!(letter, '<' | '>' | '&' | '"' | '(' | ')' | '*' | '_' | '~')
            });
            let kept: String = kept.collect();
            if kept.is_empty() {
                continue;
            }
            if !sounded && std::mem::take(&mut self.bracket) {
                self.melody(",");
            }
            if !self.text.is_empty() {
                self.text.push(' ');
            }
            sounded |= kept.contains(char::is_alphanumeric);
            self.text.push_str(&kept);
        }
        sounded
    }

    /// Adds the mark that shapes the melody, if the last word has none.
    fn melody(&mut self, tail: &str) {
        // Before another mark a full stop is an abbreviation's.
        let marks = || tail.chars().filter(|mark| ".,;:!?…。，、".contains(*mark));
        let mark = marks().find(|mark| *mark != '.').or_else(|| marks().next());
        let Some(mark) = mark else { return };
        let abbreviated = self.text.ends_with(".M.") && mark != '.';
        if self.text.ends_with(char::is_alphanumeric) || abbreviated {
            self.text.push(if mark == '.' && tail.contains("..") { '…' } else { mark });
            if let Some(stretch) = self.stretches.last_mut() {
                stretch.end = self.text.len();
            }
        }
    }
}
