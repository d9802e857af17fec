//! A text as the local voices say it: the words that every voice gets, respelled where these would
//! mispronounce them.

use spoken::Spoken;

/// A stretch of the text, as it is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Words, with the punctuation that shapes their melody.
    pub(crate) words: String,
    /// Where the stretch ends in the text, in bytes.
    pub(crate) text_end: usize,
}

/// The text stretch by stretch. The voices speak English, and so its figures are read.
pub(crate) fn stretches(text: &str) -> Vec<Stretch> {
    let spoken = Spoken::of(text, "en-US");
    let words: Vec<&str> = spoken.text.split(' ').collect();
    let mut at = 0_usize;
    spoken
        .stretches()
        .map(|(stretch, text_end)| {
            let said = stretch.split(' ').map(|word| {
                let place = at;
                at += 1;
                respelled(
                    word,
                    place.checked_sub(1).map(|before| words[before]),
                    words.get(place + 1),
                )
            });
            Stretch { words: said.collect::<Vec<_>>().join(" "), text_end }
        })
        .collect()
}

/// A capital "A" that begins no sentence is the letter, which the lexicons take for the article.
fn respelled(word: &str, before: Option<&str>, after: Option<&&str>) -> String {
    let bare = word.trim_end_matches(|letter: char| letter.is_ascii_punctuation());
    let is_letter = |word: &&str| {
        let mut letters = word.chars();
        letters.next().is_some_and(|letter| letter.is_ascii_uppercase())
            && letters.all(|letter| letter.is_ascii_punctuation())
    };
    let begins = before.is_none_or(|before| before.ends_with(['.', '!', '?', '…']));
    if bare == "A" && (!begins || after.is_some_and(is_letter)) {
        return format!("ay{}", &word[1..]);
    }
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        stretches(text).into_iter().map(|part| part.words).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_letter_is_no_article() {
        assert_eq!(said("order A1B2, plan A."), "order ay one B two, plan ay.");
        assert_eq!(said("A cleaning. A bill, a dog"), "A cleaning. A bill, a dog");
        assert_eq!(said("AED here"), "ay E D here");
    }

    #[test]
    fn each_stretch_ends_where_it_was_written() {
        let text = "It is  $5 million 👋 now";
        let ends: Vec<&str> = stretches(text).iter().map(|part| &text[..part.text_end]).collect();
        assert_eq!(ends, ["It", "It is", "It is  $5 million 👋", text]);
        assert!(stretches(" 👋 ").is_empty());
    }
}
