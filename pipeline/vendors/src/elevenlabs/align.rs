//! From the times of characters to the times of words in the request's text.
//!
//! The vendor's times count from the audio of the message that brings them, so each message's are
//! put behind those of all before it. Messages cut words anywhere, and some bring audio without
//! times. Where the characters are not those of the text, nothing more is said: a wrong place would
//! make the transcript claim words that nobody heard.

use super::wire::Timed;
use crate::WordTime;

/// How far the vendor has come in a text.
pub(super) struct Aligner {
    text: String,
    /// The byte of `text` that is next.
    at: usize,
    /// What all messages before took, ms.
    before_ms: f64,
    /// The word that has begun: when it began, and when its last character so far ends.
    word: Option<(f64, f64)>,
    lost: bool,
}

impl Aligner {
    pub(super) fn new(text: &str) -> Self {
        Aligner { text: text.into(), at: 0, before_ms: 0.0, word: None, lost: false }
    }

    /// Takes one message's characters; the words that they complete.
    pub(super) fn push(&mut self, chars: &[Timed]) -> Vec<WordTime> {
        let mut words = Vec::new();
        let mut end_ms = 0.0_f64;
        for timed in chars {
            end_ms = end_ms.max(timed.to_ms);
            if !self.lost {
                self.step(timed, &mut words);
            }
        }
        self.before_ms += end_ms;
        words
    }

    fn step(&mut self, timed: &Timed, words: &mut Vec<WordTime>) {
        let from = self.before_ms + timed.from_ms;
        let to = self.before_ms + timed.to_ms;
        for given in timed.text.chars() {
            if given.is_whitespace() {
                words.extend(self.end_word());
                continue;
            }
            let rest = &self.text[self.at..];
            let next = rest.trim_start();
            let skipped = rest.len() - next.len();
            // One mark for another, as a straight quote for a curled one, changes no word.
            let fits = next.chars().next().filter(|wanted| {
                given == *wanted || !(given.is_alphanumeric() || wanted.is_alphanumeric())
            });
            let Some(wanted) = fits else {
                // Other words, or more of them, than were asked for. The word before is not claimed
                // either: its end may have been a chance likeness.
                self.lost = true;
                return;
            };
            if skipped > 0 {
                words.extend(self.end_word());
                self.at += skipped;
            }
            self.at += wanted.len_utf8();
            let begun = self.word.map_or(from, |(begun, _)| begun);
            self.word = Some((begun, to));
        }
        if self.text[self.at..].trim_start().is_empty() {
            words.extend(self.end_word());
        }
    }

    fn end_word(&mut self) -> Option<WordTime> {
        let rest = &self.text[self.at..];
        // In mid-word a space of the vendor's ends nothing.
        if !(rest.is_empty() || rest.starts_with(char::is_whitespace)) {
            return None;
        }
        let (from, to) = self.word.take()?;
        Some(WordTime {
            text_end: self.at,
            from_ms: from.max(0.0).round() as u32,
            to_ms: to.max(from).max(0.0).round() as u32,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Characters of 10 ms each from the message's beginning.
    fn message(text: &str) -> Vec<Timed> {
        let chars = text.chars().enumerate();
        chars
            .map(|(n, char)| Timed {
                text: char.into(),
                from_ms: n as f64 * 10.0,
                to_ms: n as f64 * 10.0 + 10.0,
            })
            .collect()
    }

    fn words(text: &str, messages: &[&str]) -> Vec<(String, u32, u32)> {
        let mut aligner = Aligner::new(text);
        let mut begin = 0;
        let mut out = Vec::new();
        for said in messages {
            for word in aligner.push(&message(said)) {
                let spelled = text[begin..word.text_end].trim().to_owned();
                out.push((spelled, word.from_ms, word.to_ms));
                begin = word.text_end;
            }
        }
        out
    }

    fn word(text: &str, from_ms: u32, to_ms: u32) -> (String, u32, u32) {
        (text.into(), from_ms, to_ms)
    }

    #[test]
    fn messages_follow_one_another_and_may_cut_words() {
        let expected = [word("We're", 0, 50), word("going", 60, 110), word("there.", 120, 180)];
        assert_eq!(words("We're going there.", &["We're going th", "ere. "]), expected);
    }

    #[test]
    fn spaces_that_the_vendor_adds_change_nothing_but_time() {
        assert_eq!(
            words("Hi  you", &[" Hi ", "", " you "]),
            [word("Hi", 10, 30), word("you", 50, 80)]
        );
    }

    #[test]
    fn places_are_bytes_on_the_border_of_characters() {
        let mut aligner = Aligner::new("Où ça?");
        let ends: Vec<usize> =
            aligner.push(&message("Où ça?")).iter().map(|word| word.text_end).collect();
        assert_eq!(ends, [3, 8]);
    }

    #[test]
    fn another_quote_is_the_same_word_and_several_characters_are_one() {
        let mut aligner = Aligner::new("It’s… so");
        let chars = [("It's", 0.0), ("...", 40.0), (" so", 50.0)];
        let chars = chars.map(|(text, from_ms)| Timed {
            text: text.into(),
            from_ms,
            to_ms: from_ms + 10.0,
        });
        // The dots are three against one: what follows cannot be placed.
        assert!(aligner.push(&chars).is_empty());
        assert_eq!(words("It’s so", &["It's so"]), [word("It’s", 0, 40), word("so", 50, 70)]);
    }

    #[test]
    fn after_a_difference_nothing_is_claimed() {
        assert_eq!(words("Pay 42 now", &["Pay forty-two now"]), [word("Pay", 0, 30)]);
        assert_eq!(words("Hi", &["Hi there"]), [word("Hi", 0, 20)]);
        // A message that begins again from the top is such a difference.
        assert_eq!(words("one two three", &["one tw", "one two three"]), [word("one", 0, 30)]);
    }

    proptest! {
        #[test]
        fn words_are_in_order_and_whole_wherever_messages_are_cut(
            text in "[a-zé’]{1,6}( {1,2}[a-zé]{1,5}[.,]?){0,6}",
            cuts in proptest::collection::vec(0usize..40, 0..5),
        ) {
            let chars: Vec<char> = text.chars().collect();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(chars.len())).collect();
            cuts.extend([0, chars.len()]);
            cuts.sort_unstable();
            let pieces: Vec<String> =
                cuts.windows(2).map(|pair| chars[pair[0]..pair[1]].iter().collect()).collect();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let got = words(&text, &pieces);
            let spelled: Vec<&str> = got.iter().map(|(word, ..)| word.as_str()).collect();
            prop_assert_eq!(spelled, text.split_whitespace().collect::<Vec<_>>());
            prop_assert!(got.windows(2).all(|pair| pair[0].2 <= pair[1].1));
        }
    }
}
