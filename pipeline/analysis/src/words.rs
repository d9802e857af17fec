//! A text as words to look for, each with its place in the text, so that evidence can be quoted.
//!
//! Words are compared in lower case and in one spelling: typographic apostrophes are plain, ё is е,
//! compatibility forms and accents that recognisers differ in are folded.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;

/// Words of one text that are looked at; the rest of a longer one is not read.
pub(crate) const MOST_WORDS: usize = 600;

/// A word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// In lower case and one spelling.
    pub text: String,
    /// Where it stands in the text, in bytes.
    pub at: Range<usize>,
    /// A comma, a full stop or the like stands before it.
    pub after_break: bool,
    /// The sentence it is in, counted from 0.
    pub sentence: usize,
}

/// The words of `text`, at most [`MOST_WORDS`].
pub(crate) fn words(text: &str) -> Vec<Word> {
    let mut found: Vec<Word> = Vec::new();
    let mut start: Option<usize> = None;
    let (mut after_break, mut sentence, mut ended) = (false, 0, false);
    let ending = std::iter::once((text.len(), ' '));
    let mut before = ' ';
    for (at, char) in text.char_indices().chain(ending) {
        let joins = matches!(char, '\'' | '’' | '‘' | 'ʼ' | '-' | '\u{301}') && start.is_some();
        if char.is_alphanumeric() || joins {
            if start.is_none() {
                start = Some(at);
                // "3.5" is one sentence, "fixed.Then" is not met in what is recognised.
                if ended && !(before.is_ascii_punctuation() && char.is_ascii_digit()) {
                    sentence += 1;
                }
                ended = false;
            }
        } else {
            if let Some(start) = start.take() {
                let text_of = folded(&text[start..at]);
                if !text_of.is_empty() {
                    if found.len() == MOST_WORDS {
                        break;
                    }
                    found.push(Word { text: text_of, at: start..at, after_break, sentence });
                    after_break = false;
                }
            }
            if matches!(char, '.' | '!' | '?' | '…' | '\n') {
                (after_break, ended) = (true, !found.is_empty());
            } else if matches!(char, ',' | ';' | ':' | '—' | '–' | '(' | ')') {
                after_break = true;
            }
        }
        before = char;
    }
    found
}

/// A word in lower case and one spelling.
fn folded(word: &str) -> String {
    let plain = word.nfkc().flat_map(char::to_lowercase).filter_map(|char| match char {
        '’' | '‘' | 'ʼ' => Some('\''),
        'ё' => Some('е'),
        '\u{301}' => None,
        other => Some(other),
    });
    let plain: String = plain.collect();
    plain.trim_matches(['\'', '-']).to_owned()
}

/// The whole sentence of `text` around the words `at`, or as much of it as `most` characters hold,
/// as it is written.
pub(crate) fn sentence_around<'a>(
    text: &'a str,
    words: &[Word],
    at: Range<usize>,
    most: usize,
) -> &'a str {
    let Some(first) = words.get(at.start) else { return cut(text.trim(), most) };
    let last = words.get(at.end.max(at.start + 1) - 1).unwrap_or(first);
    let begins = words.iter().position(|word| word.sentence == first.sentence).unwrap_or(at.start);
    let ends = words.iter().rposition(|word| word.sentence == last.sentence).unwrap_or(at.start);
    let whole = &text[words[begins].at.start..words[ends].at.end];
    if whole.chars().count() <= most {
        return whole;
    }
    cut(&text[first.at.start..words[ends].at.end], most)
}

/// The first `most` characters of `text`, cut between words where there is a gap.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    let Some((end, _)) = text.char_indices().nth(most) else { return text };
    let short = &text[..end];
    short.rfind(char::is_whitespace).map_or(short, |gap| short[..gap].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn words_are_in_one_spelling() {
        assert_eq!(texts("Don’t, DON'T don't"), ["don't", "don't", "don't"]);
        assert_eq!(texts("Ещё раз: всё-таки"), ["еще", "раз", "все-таки"]);
        assert_eq!(texts("Cafe\u{301} — 3.5"), ["café", "3", "5"]);
        assert_eq!(texts(" … "), Vec::<String>::new());
    }

    #[test]
    fn a_quote_is_the_sentence_as_it_is_written() {
        let text = "Hello there. This is UNACCEPTABLE, really! Bye.";
        let words = words(text);
        let at = words.iter().position(|word| word.text == "unacceptable").unwrap();
        assert_eq!(sentence_around(text, &words, at..at + 1, 80), "This is UNACCEPTABLE, really");
        assert_eq!(sentence_around(text, &words, at..at + 1, 14), "UNACCEPTABLE,");
    }

    #[test]
    fn a_long_text_is_read_in_part() {
        assert_eq!(words(&"word ".repeat(5_000)).len(), MOST_WORDS);
    }
}
