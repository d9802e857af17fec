//! From a model's tokens to sentences worth speaking: cut where a speaker would pause, as early as
//! that can be known, and freed of what must not be spoken (markdown, emoji).

/// The first piece of a reply is cut at a clause once it is this long, so that the voice can begin.
const FIRST_CLAUSE: usize = 48;
/// A sentence longer than this is cut at a clause, or at a space.
const LONGEST: usize = 240;

/// Collects tokens and gives sentences.
#[derive(Debug, Default)]
pub struct Sentences {
    pending: String,
    given: usize,
}

impl Sentences {
    /// Takes the next tokens; gives the sentences that they complete.
    pub fn push(&mut self, tokens: &str) -> Vec<String> {
        self.pending.push_str(tokens);
        let mut ready = Vec::new();
        while let Some(end) = self.cut() {
            let rest = self.pending.split_off(end);
            let sentence = speakable(&std::mem::replace(&mut self.pending, rest));
            if !sentence.is_empty() {
                self.given += 1;
                ready.push(sentence);
            }
        }
        ready
    }

    /// The tokens are at an end: what is left, if it can be spoken.
    pub fn finish(&mut self) -> Option<String> {
        let rest = speakable(&std::mem::take(&mut self.pending));
        (!rest.is_empty()).then_some(rest)
    }

    /// Is part of a sentence waiting for its end?
    pub fn is_amid(&self) -> bool {
        !speakable(&self.pending).is_empty()
    }

    /// Where the next sentence ends, in bytes, if that is certain.
    fn cut(&self) -> Option<usize> {
        let text = &self.pending;
        let mut letters = text.char_indices().peekable();
        let mut clause = None;
        let mut space = None;
        while let Some((place, letter)) = letters.next() {
            let end = place + letter.len_utf8();
            let Some(&(_, next)) = letters.peek() else { break };
            match letter {
                '\n' if !text[..place].trim().is_empty() => return Some(end),
                '!' | '?' | '…' | '。' | '？' | '！' if next.is_whitespace() => {
                    return Some(end);
                }
                '.' if next.is_whitespace() && ends_sentence(&text[..place], &text[end..]) => {
                    return Some(end);
                }
                ',' | ';' | ':' | '–' | '—' if next.is_whitespace() => clause = Some(end),
                _ if letter.is_whitespace() => space = Some(end),
                _ => {}
            }
            if let Some(clause) = clause
                && ((self.given == 0 && clause >= FIRST_CLAUSE) || end > LONGEST)
            {
                return Some(clause);
            }
            if end > LONGEST
                && let Some(space) = space
            {
                return Some(space);
            }
        }
        None
    }
}

/// Does a full stop between these end a sentence? Not after an abbreviation, an initial or a list's
/// number; and not while it is unknown what follows.
fn ends_sentence(before: &str, after: &str) -> bool {
    let word = before.rsplit(|letter: char| letter.is_whitespace() || letter == '(').next();
    let word = word.unwrap_or("").trim_start_matches(['"', '\'']);
    if word.is_empty() || is_abbreviation(word) {
        return false;
    }
    if word.chars().count() == 1 && word.chars().all(char::is_uppercase) && word != "I" {
        return false;
    }
    let lone_number = word.chars().all(|letter| letter.is_ascii_digit());
    if lone_number && before.trim() == word {
        return false;
    }
    let next = after.trim_start().chars().next();
    if matches!(word, "No" | "no" | "Nos" | "nos") {
        return next.is_some_and(|next| !next.is_ascii_digit());
    }
    // "a.m. on": a small letter goes on with the sentence.
    match next {
        Some(next) => !(word.contains('.') && next.is_lowercase()),
        None => !word.contains('.'),
    }
}

fn is_abbreviation(word: &str) -> bool {
    matches!(
        word.to_lowercase().as_str(),
        "mr" | "mrs"
            | "ms"
            | "dr"
            | "prof"
            | "st"
            | "ave"
            | "rd"
            | "blvd"
            | "jr"
            | "sr"
            | "vs"
            | "etc"
            | "e.g"
            | "i.e"
            | "approx"
            | "apt"
            | "dept"
            | "inc"
            | "ltd"
            | "co"
            | "fig"
            | "jan"
            | "feb"
            | "mar"
            | "apr"
            | "jun"
            | "jul"
            | "aug"
            | "sep"
            | "sept"
            | "oct"
            | "nov"
            | "dec"
            | "mon"
            | "tue"
            | "wed"
            | "thu"
            | "fri"
            | "г"
            | "ул"
            | "т.е"
            | "т.д"
            | "руб"
    )
}

/// The text without what is written but never spoken: markdown's signs, link targets, emoji,
/// control characters; white space folded.
pub fn speakable(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        // "[label](target)" is said as its label.
        if letter == '['
            && let Some(close) = rest.find("](")
            && let Some(end) = rest[close..].find(')')
        {
            plain.push_str(&rest[1..close]);
            rest = &rest[close + end + 1..];
            continue;
        }
        rest = &rest[letter.len_utf8()..];
        match letter {
            '*' | '`' | '#' | '_' | '~' | '|' | '<' | '>' | '[' | ']' | '{' | '}' | '\\' => {}
            _ if is_picture(letter) => {}
            _ if letter.is_control() || letter.is_whitespace() => plain.push(' '),
            _ => plain.push(letter),
        }
    }
    let folded = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = folded.trim_start_matches(['-', '•', '–', '—', ' ']).trim_end();
    if said.chars().any(char::is_alphanumeric) { said.to_owned() } else { String::new() }
}

/// Emoji and other pictures, with the marks that join and colour them.
fn is_picture(letter: char) -> bool {
    matches!(
        u32::from(letter),
        0x1F000..=0x1FAFF | 0x2600..=0x27BF | 0x2B00..=0x2BFF | 0xFE00..=0xFE0F | 0x200D | 0x20E3
            | 0xE0000..=0xE007F
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However the tokens are cut, the sentences are the same.
    fn sentences(text: &str) -> Vec<String> {
        let mut whole = Sentences::default();
        let mut all = whole.push(text);
        all.extend(whole.finish());
        let mut pieces = Sentences::default();
        let mut one_by_one: Vec<String> =
            text.chars().flat_map(|letter| pieces.push(&letter.to_string())).collect();
        one_by_one.extend(pieces.finish());
        assert_eq!(all, one_by_one, "cutting of the tokens shows in {text:?}");
        all
    }

    #[test]
    fn sentences_end_where_a_speaker_would() {
        assert_eq!(
            sentences("We open at 8. Dr. Smith is in."),
            ["We open at 8.", "Dr. Smith is in."]
        );
        assert_eq!(
            sentences("It costs 95.50 dollars! Fine?"),
            ["It costs 95.50 dollars!", "Fine?"]
        );
        assert_eq!(
            sentences("We close at 6 p.m. on Friday. Bye"),
            ["We close at 6 p.m. on Friday.", "Bye"]
        );
        assert_eq!(sentences("No. That is all."), ["No.", "That is all."]);
        assert_eq!(sentences("First\n- one\n- two"), ["First", "one", "two"]);
    }

    #[test]
    fn a_long_first_sentence_begins_with_its_first_clause() {
        let said = sentences(
            "On weekdays we are open from eight in the morning until six, and on Saturday until one.",
        );
        assert_eq!(
            said,
            [
                "On weekdays we are open from eight in the morning until six,",
                "and on Saturday until one."
            ]
        );
    }

    #[test]
    fn markdown_and_pictures_are_not_spoken() {
        assert_eq!(
            speakable("**Yes** 😀, see [our page](https://x.example/a)."),
            "Yes , see our page."
        );
        assert_eq!(speakable("  - `Item` "), "Item");
        assert_eq!(speakable("👍🏽 !"), "");
    }
}
