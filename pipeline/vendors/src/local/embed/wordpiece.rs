//! The embedding model's way to cut text: lower-case words, then the longest pieces that it knows.

use std::collections::HashMap;

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// A word of more characters is unknown as a whole.
const LONGEST_WORD: usize = 100;

pub(super) struct WordPiece {
    vocabulary: HashMap<String, i64>,
    begin: i64,
    end: i64,
    unknown: i64,
}

impl WordPiece {
    /// `None` if the vocabulary lacks the special words.
    pub(super) fn new(vocabulary: HashMap<String, i64>) -> Option<Self> {
        let special = |name: &str| vocabulary.get(name).copied();
        let (begin, end, unknown) = (special("[CLS]")?, special("[SEP]")?, special("[UNK]")?);
        Some(WordPiece { vocabulary, begin, end, unknown })
    }

    /// The numbers of a text's pieces, between those of beginning and end; at most `longest` in all.
    pub(super) fn ids(&self, text: &str, longest: usize) -> Vec<i64> {
        let mut ids = vec![self.begin];
        for word in words(text) {
            self.pieces(&word, &mut ids);
            if ids.len() + 1 >= longest {
                ids.truncate(longest - 1);
                break;
            }
        }
        ids.push(self.end);
        ids
    }

    fn pieces(&self, word: &str, ids: &mut Vec<i64>) {
        let before = ids.len();
        let mut rest = word;
        if word.chars().count() > LONGEST_WORD {
            ids.push(self.unknown);
            return;
        }
        let mut candidate = String::new();
        while !rest.is_empty() {
            let ends = rest.char_indices().map(|(at, c)| at + c.len_utf8()).rev();
            let found = ends.into_iter().find_map(|end| {
                candidate.clear();
                if rest.len() < word.len() {
                    candidate.push_str("##");
                }
                candidate.push_str(&rest[..end]);
                self.vocabulary.get(&candidate).map(|id| (*id, end))
            });
            let Some((id, end)) = found else {
                ids.truncate(before);
                ids.push(self.unknown);
                return;
            };
            ids.push(id);
            rest = &rest[end..];
        }
    }
}

/// Lower-case words without accents; punctuation and Chinese characters each by themselves.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let lower = text.to_lowercase();
    for c in lower.nfd().filter(|c| !is_combining_mark(*c)) {
        let alone = is_punctuation(c) || is_chinese(c);
        if (c.is_whitespace() || c.is_control() || alone) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if alone {
            words.push(c.to_string());
        } else if !c.is_whitespace() && !c.is_control() && c != '\u{FFFD}' {
            word.push(c);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation()
        || matches!(c, '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205E}' | '¡' | '§' | '«' | '¶' | '·' | '»' | '¿')
}

fn is_chinese(c: char) -> bool {
    matches!(c, '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{2FA1F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenizer() -> WordPiece {
        let list =
            ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "open", "##ing", "##s", "hours", "?", "cafe", "'"];
        WordPiece::new((0..).zip(list).map(|(id, word)| (word.to_owned(), id)).collect()).unwrap()
    }

    #[test]
    fn words_are_cut_into_the_longest_known_pieces() {
        let words = tokenizer();
        assert_eq!(words.ids("Opening hours?", 128), [2, 4, 5, 7, 8, 3]);
        assert_eq!(words.ids("CAFÉ's", 128), [2, 9, 10, 1, 3]);
        assert_eq!(words.ids("openly", 128), [2, 1, 3]);
        assert_eq!(words.ids("", 128), [2, 3]);
    }

    #[test]
    fn a_long_text_is_cut_off() {
        let ids = tokenizer().ids(&"hours ".repeat(500), 128);
        assert_eq!((ids.len(), ids[127]), (128, 3));
        assert_eq!(tokenizer().ids(&"x".repeat(10_000), 128), [2, 1, 3]);
    }

    #[test]
    fn special_words_are_required() {
        assert!(WordPiece::new(HashMap::new()).is_none());
    }
}
