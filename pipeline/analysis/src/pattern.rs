//! Phrases as callers say them, with what may vary: the one way that word lists here are written.
//!
//! A pattern is words with a space between:
//!
//! | written | is |
//! |---|---|
//! | `person` | that word |
//! | `human\|person` | either |
//! | `отмен*` | any word that begins so |
//! | `?please` | may be there |
//! | `_` | any one word |
//! | `~3` | up to three words, whichever, in the sentence: the fewest that do, at the end the most |
//! | `^` at the start | nothing stands before |
//! | `$` at the end | nothing follows |

use std::ops::Range;

use crate::words::Word;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Start,
    End,
    /// One of these; a `true` says that the word only begins so.
    Word {
        any: Vec<(String, bool)>,
        optional: bool,
    },
    Any,
    Gap(usize),
}

/// A phrase with what may vary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    pieces: Vec<Piece>,
}

impl Pattern {
    /// Of one line of a list.
    pub fn new(line: &str) -> Self {
        let piece = |word: &str| match word {
            "^" => Piece::Start,
            "$" => Piece::End,
            "_" => Piece::Any,
            _ => match word.strip_prefix('~').and_then(|most| most.parse().ok()) {
                Some(most) => Piece::Gap(most),
                None => {
                    let (word, optional) =
                        word.strip_prefix('?').map_or((word, false), |word| (word, true));
                    let alternative = |one: &str| {
                        one.strip_suffix('*')
                            .map_or_else(|| (one.to_owned(), false), |stem| (stem.to_owned(), true))
                    };
                    Piece::Word { any: word.split('|').map(alternative).collect(), optional }
                }
            },
        };
        Pattern { pieces: line.split_whitespace().map(piece).collect() }
    }

    /// Of words as somebody wrote them into a setting: each must be met, in this order.
    pub fn literal(text: &str) -> Self {
        let pieces = crate::words::words(text).into_iter().map(|word| {
            let stem = text[word.at.end..].starts_with('*');
            Piece::Word { any: vec![(word.text, stem)], optional: false }
        });
        Pattern { pieces: pieces.collect() }
    }

    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The words that match, where they begin at word `at`.
    pub fn at(&self, words: &[Word], at: usize) -> Option<Range<usize>> {
        let end = follows(&self.pieces, words, at)?;
        (end > at).then_some(at..end)
    }

    /// The first words that match.
    pub fn find(&self, words: &[Word]) -> Option<Range<usize>> {
        (0..words.len()).find_map(|at| self.at(words, at))
    }
}

/// Where the match of `pieces` ends that begins at `at`.
fn follows(pieces: &[Piece], words: &[Word], at: usize) -> Option<usize> {
    let Some((piece, rest)) = pieces.split_first() else { return Some(at) };
    match piece {
        Piece::Start => (at == 0).then(|| follows(rest, words, at))?,
        Piece::End => (at == words.len()).then(|| follows(rest, words, at))?,
        Piece::Any => words.get(at).and_then(|_| follows(rest, words, at + 1)),
        Piece::Word { any, optional } => {
            let met = words.get(at).is_some_and(|word| any.iter().any(|one| is(one, &word.text)));
            let taken = met.then(|| follows(rest, words, at + 1)).flatten();
            taken.or_else(|| optional.then(|| follows(rest, words, at))?)
        }
        Piece::Gap(most) => {
            let sentence = words.get(at.checked_sub(1)?)?.sentence;
            let same = words[at..].iter().take(*most).take_while(|word| word.sentence == sentence);
            let same = same.count();
            if rest.is_empty() {
                return Some(at + same);
            }
            (0..=same).find_map(|skipped| follows(rest, words, at + skipped))
        }
    }
}

fn is((text, begins): &(String, bool), word: &str) -> bool {
    if *begins { word.starts_with(text.as_str()) } else { word == text }
}

/// Patterns that are looked for together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patterns(Vec<Pattern>);

impl Patterns {
    /// Of a list with one pattern a line; empty lines and those with `#` are left out.
    pub fn new(list: &str) -> Self {
        let lines = list.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        Patterns(lines.map(Pattern::new).collect())
    }

    /// The earliest words that match any of them.
    pub fn find(&self, words: &[Word]) -> Option<Range<usize>> {
        self.find_from(words, 0)
    }

    /// The same, of those that begin at `from` or later.
    pub fn find_from(&self, words: &[Word], from: usize) -> Option<Range<usize>> {
        (from..words.len()).find_map(|at| self.0.iter().find_map(|one| one.at(words, at)))
    }

    /// The longest match that begins at `at`.
    pub fn longest(&self, words: &[Word], at: usize) -> Option<Range<usize>> {
        let met = self.0.iter().filter_map(|one| one.at(words, at));
        met.max_by_key(|range| range.end)
    }

    /// Whether any of them is met.
    pub fn met(&self, words: &[Word]) -> bool {
        self.find(words).is_some()
    }

    /// How many of the words are in a match.
    pub fn covered(&self, words: &[Word]) -> usize {
        let (mut at, mut sum) = (0, 0);
        while at < words.len() {
            match self.longest(words, at) {
                Some(hit) => {
                    sum += hit.len();
                    at = hit.end;
                }
                None => at += 1,
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::words;

    #[test]
    fn a_pattern_allows_what_it_says() {
        let table = [
            ("talk|speak to|with ?a human|person", "can I speak with a person", Some(2..6)),
            ("talk|speak to|with ?a human|person", "speak to person", Some(0..3)),
            ("talk|speak to|with ?a human|person", "speak to the person", None),
            ("отмен* ~2 заказ", "отмените пожалуйста мой заказ", Some(0..4)),
            ("отмен* ~2 заказ", "отмените. пожалуйста мой заказ", None),
            ("charged ~2 twice", "charged", None),
            ("charged ~2", "charged", Some(0..1)),
            ("charged ~2", "charged me for it. Twice", Some(0..3)),
            ("^ no $", "no", Some(0..1)),
            ("^ no $", "no thanks", None),
            ("not _ good", "not very good", Some(0..3)),
        ];
        for (pattern, text, found) in table {
            assert_eq!(Pattern::new(pattern).find(&words(text)), found, "{pattern} in {text}");
        }
    }

    #[test]
    fn a_keyword_is_met_as_words_not_as_letters() {
        let art = Pattern::literal("Art");
        assert!(art.find(&words("modern art")).is_some());
        assert!(art.find(&words("start")).is_none());
        assert!(Pattern::literal("refund*").find(&words("I want refunds")).is_some());
        assert!(Pattern::literal("  ").is_empty());
    }
}
