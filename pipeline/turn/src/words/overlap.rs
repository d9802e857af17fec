//! How much of a new text says again what is known already.
//!
//! A recogniser guesses at words and settles on them later: in pieces, in other words, together with
//! what follows. The guess and the settled words are laid side by side so that no word is written
//! twice and none is left out.

use super::normalised;

/// What a pair of words is worth: the same twice, and two that have nothing in common.
const SAME: i32 = 50;
const OTHER: i32 = -10;
/// What a word is worth that one side has and the other has not.
const ALONE: i32 = -25;
/// Costs are counted in so many parts of a word.
const PARTS: usize = 20;
/// Words that differ by so much have a letter in common by chance.
const NOT_ALIKE: usize = 17;
/// And those that differ by less are most likely one.
const MUCH_ALIKE: usize = 14;
/// At most so many words of either side are compared: a minute's talk.
const MOST: usize = 200;

/// One word of a text, a digit of a number, and which word of the text, between spaces, it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    word: String,
    of: usize,
}

/// The words of a text to be compared; "five" and "5" are one.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for (of, piece) in text.split_whitespace().enumerate() {
        let words = normalised(piece);
        for word in words.iter().flat_map(|word| word.split('-')).filter(|word| !word.is_empty()) {
            let word = in_digits(word).unwrap_or(word);
            if word.bytes().all(|letter| letter.is_ascii_digit()) {
                tokens.extend(word.chars().map(|digit| Token { word: digit.to_string(), of }));
            } else {
                tokens.push(Token { word: word.to_owned(), of });
            }
        }
    }
    tokens
}

fn in_digits(word: &str) -> Option<&'static str> {
    Some(match word {
        "zero" => "0",
        "oh" => "0",
        "one" => "1",
        "two" => "2",
        "three" => "3",
        "four" => "4",
        "five" => "5",
        "six" => "6",
        "seven" => "7",
        "eight" => "8",
        "nine" => "9",
        "ten" => "10",
        "eleven" => "11",
        "twelve" => "12",
        "thirteen" => "13",
        "fourteen" => "14",
        "fifteen" => "15",
        "sixteen" => "16",
        "seventeen" => "17",
        "eighteen" => "18",
        "nineteen" => "19",
        "twenty" => "20",
        "thirty" => "30",
        "forty" => "40",
        "fifty" => "50",
        "sixty" => "60",
        "seventy" => "70",
        "eighty" => "80",
        "ninety" => "90",
        _ => return None,
    })
}

/// What is left of a text when its first `count` tokens are taken away.
pub(crate) fn beyond(text: &str, tokens: &[Token], count: usize) -> String {
    let Some(first) = tokens.get(count) else { return String::new() };
    let mut rest = Vec::new();
    let mut from = first.of;
    if count > 0 && tokens[count - 1].of == first.of {
        // Amid a number.
        let left = tokens[count..].iter().take_while(|token| token.of == first.of);
        rest.push(left.map(|token| token.word.as_str()).collect::<String>());
        from += 1;
    }
    rest.extend(text.split_whitespace().skip(from).map(str::to_owned));
    rest.join(" ")
}

/// How a text begins with words that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overlap {
    /// So many of the known words it says; all, or all of the text is known.
    pub known: usize,
    /// So many of its own words say them.
    pub said: usize,
    /// By how much they differ, in parts of a word.
    cost: usize,
    /// Half of it, by letters, they have in common.
    pub alike: bool,
    /// The last of the known words has another in its place.
    pub last_differs: bool,
    /// The text ends with quite another word than the known one: that may come next.
    pub last_in_doubt: bool,
}

impl Overlap {
    /// Is at most one word in `share` another?
    pub fn is_close(&self, share: usize) -> bool {
        self.cost * share <= self.known.max(self.said) * PARTS
    }

    /// Is that true of this and of what follows it, together?
    pub fn is_close_with(&self, next: &Overlap, share: usize) -> bool {
        let words = self.known.max(self.said) + next.known.max(next.said);
        (self.cost + next.cost) * share <= words * PARTS
    }
}

#[derive(Clone, Copy, Default)]
struct Cell {
    worth: i32,
    cost: usize,
    /// How much the last words differ, where they are a pair.
    differ: usize,
    /// Letters of words that both have, whole or nearly.
    common: usize,
}

impl Cell {
    fn alone(self) -> Cell {
        Cell { worth: self.worth + ALONE, cost: self.cost + PARTS, differ: 0, ..self }
    }

    fn pair(self, one: &str, other: &str) -> Cell {
        let differ = difference(one, other);
        let worth = SAME - (SAME - OTHER) * differ as i32 / PARTS as i32;
        let common = if differ < MUCH_ALIKE { other.chars().count() } else { 0 };
        Cell {
            worth: self.worth + worth,
            cost: self.cost + differ,
            differ,
            common: self.common + common,
        }
    }
}

/// Lays the beginning of `text` over the beginning of `known`. Either may go on where the other ends.
/// None where one of them is empty.
pub(crate) fn overlap(known: &[Token], text: &[Token]) -> Option<Overlap> {
    let known_words = &known[..known.len().min(MOST)];
    let (known, text) = (known_words, &text[..text.len().min(MOST)]);
    let mut row = vec![Cell::default(); text.len() + 1];
    for place in 1..row.len() {
        row[place] = row[place - 1].alone();
    }
    let mut ends: Vec<(usize, usize, Cell)> = Vec::new();
    for (k, word) in known.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = row[0].alone();
        for (t, other) in text.iter().enumerate() {
            let pair = diagonal.pair(&word.word, &other.word);
            diagonal = row[t + 1];
            let alone = [row[t].alone(), row[t + 1].alone()];
            row[t + 1] = alone
                .into_iter()
                .fold(pair, |best, other| if other.worth > best.worth { other } else { best });
        }
        if !text.is_empty() {
            ends.push((k + 1, text.len(), row[text.len()]));
        }
    }
    if !known.is_empty() {
        ends.extend((1..text.len()).map(|t| (known.len(), t, row[t])));
    }
    // Of equals, that in which both are of a length.
    ends.into_iter()
        .max_by_key(|(k, t, cell)| (cell.worth, std::cmp::Reverse(k.abs_diff(*t)), *k))
        .map(|(known, said, cell)| Overlap {
            known,
            said,
            last_in_doubt: said == text.len() && cell.differ >= NOT_ALIKE,
            cost: cell.cost,
            // Short words are in all that is said.
            alike: cell.common * 2 >= letters(&text[..said]).max(letters(&known_words[..known])),
            last_differs: cell.differ > 0,
        })
}

fn letters(words: &[Token]) -> usize {
    words.iter().map(|token| token.word.chars().count()).sum()
}

/// How much one word differs from another: 0 for the same, 10 to 20 for others, by the letters that
/// they do not share at their ends.
fn difference(one: &str, other: &str) -> usize {
    if one == other {
        return 0;
    }
    let (long, short) = (one.chars().count(), other.chars().count());
    let (long, short) = (long.max(short), long.min(short));
    let same = |(a, b): &(char, char)| a == b;
    let ahead = one.chars().zip(other.chars()).take_while(same).count();
    let behind = one.chars().rev().zip(other.chars().rev()).take_while(same).count();
    PARTS - PARTS / 2 * (ahead + behind).min(short) / long.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of either side, and whether they are close.
    fn laid(known: &str, text: &str) -> (usize, String, bool) {
        let (k, t) = (tokens(known), tokens(text));
        let found = overlap(&k, &t).expect("neither is empty");
        (k.len() - found.known, beyond(text, &t, found.said), found.is_close(3))
    }

    #[test]
    fn what_is_new_follows_what_is_known() {
        assert_eq!(laid("I want", "I want a table."), (0, "a table.".to_owned(), true));
        assert_eq!(laid("I want a table", "I want"), (2, String::new(), true));
        assert_eq!(laid("five five five", "555-1234"), (0, "1234".to_owned(), true));
        assert_eq!(laid("at nine thirty", "at 9:30."), (0, String::new(), true));
    }

    #[test]
    fn other_words_for_the_same_are_found() {
        let guess = "I want a table for tomorrow";
        let settled = "I'd like the table tomorrow, please.";
        assert_eq!(laid(guess, settled), (0, "please.".to_owned(), false));
        assert_eq!(laid("I won the cable for", "I want the table"), (1, String::new(), false));
        assert!(!laid("I want to come on Tuesday", "on Tuesday").2);
    }
}
