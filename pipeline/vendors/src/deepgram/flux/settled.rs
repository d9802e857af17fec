//! Which of a turn's words are final already.
//!
//! The vendor tells the whole turn again and again and may rewrite it. What was passed on as final is
//! found again in the new wording, so that no word is said twice and none is left out.

/// Words past those that have to be found, within which they are looked for.
const SLACK: usize = 8;

/// What a word more or less counts, where a word that is quite another counts 20.
const ONE_MORE: usize = 15;

/// How much one word differs from another: 0 for the same, 10 to 20 for others, by the letters that
/// they do not share at their ends.
fn difference(one: &str, other: &str) -> usize {
    if one == other {
        return 0;
    }
    let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    if is_number(one) != is_number(other) {
        // "twenty five" becomes "25" by and by.
        return 10;
    }
    let (long, short) = (one.chars().count(), other.chars().count());
    let (long, short) = (long.max(short), long.min(short));
    let same = |(a, b): &(char, char)| a == b;
    let ahead = one.chars().zip(other.chars()).take_while(same).count();
    let behind = one.chars().rev().zip(other.chars().rev()).take_while(same).count();
    20 - 10 * (ahead + behind).min(short) / long.max(1)
}

/// A word without its case and marks.
fn normalised(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The words of one turn that are final.
#[derive(Debug, Default)]
pub(super) struct Settled(Vec<String>);

impl Settled {
    /// These words, all of the turn so far, are final.
    pub(super) fn replace<'a>(&mut self, words: impl Iterator<Item = &'a str>) {
        self.0 = words.map(normalised).collect();
    }

    /// How many of `words`, all of the turn so far, stand for those that are final.
    pub(super) fn covers(&self, words: &[&str]) -> usize {
        let same =
            self.0.iter().zip(words).take_while(|(ours, word)| **ours == normalised(word)).count();
        let ours = &self.0[same..];
        if ours.is_empty() {
            return same;
        }
        let theirs: Vec<String> =
            words[same..].iter().take(ours.len() + SLACK).map(|word| normalised(word)).collect();
        // The edit distance of all that is ours to each beginning of theirs; the nearest is meant.
        let mut row: Vec<usize> = (0..=theirs.len()).map(|m| m * ONE_MORE).collect();
        for (n, our) in ours.iter().enumerate() {
            let mut diagonal = std::mem::replace(&mut row[0], (n + 1) * ONE_MORE);
            for (m, their) in theirs.iter().enumerate() {
                let replaced = diagonal + difference(our, their);
                diagonal = row[m + 1];
                row[m + 1] = replaced.min(row[m] + ONE_MORE).min(row[m + 1] + ONE_MORE);
            }
        }
        let nearest = (0..row.len()).min_by_key(|&m| (row[m], m.abs_diff(ours.len())));
        same + nearest.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(settled: &str, now: &str) -> String {
        let mut final_words = Settled::default();
        final_words.replace(settled.split_whitespace());
        let now: Vec<&str> = now.split_whitespace().collect();
        now[final_words.covers(&now)..].join(" ")
    }

    #[test]
    fn what_is_new_follows_what_was_final() {
        assert_eq!(rest("", "I want"), "I want");
        assert_eq!(rest("I want to book.", "I want to book, an appointment"), "an appointment");
        assert_eq!(rest("I want to book", "I want to book"), "");
    }

    #[test]
    fn words_that_were_rewritten_are_found_again() {
        assert_eq!(rest("I want to look", "I want to book an appointment"), "an appointment");
        assert_eq!(rest("it is twenty five", "It is 25 Main Street"), "Main Street");
        assert_eq!(rest("can not do", "I cannot do it now"), "it now");
        // Fewer words than before, and nothing new.
        assert_eq!(rest("well yes please", "yes please"), "");
        assert_eq!(rest("no no no", "no no no no"), "no");
    }
}
