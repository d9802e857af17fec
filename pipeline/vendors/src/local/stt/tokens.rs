//! The recogniser's tokens: their spelling, and where a run of them stops being speech.

/// Tokens that a fast speaker needs for a second of speech.
const TOKENS_A_SECOND: f32 = 6.5;

/// Tokens allowed on top, so that a short "No, thank you." fits.
const TOKENS_BESIDES: usize = 8;

/// A group of this many tokens or fewer is looked for in repetition.
const LONGEST_GROUP: usize = 8;

/// What each token spells.
pub(super) struct Vocabulary(Vec<Box<[u8]>>);

impl Vocabulary {
    /// Reads the model's list. Each token is a length and then its bytes; a length of 128 or more has a
    /// second byte. `None` if the list breaks off.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut tokens = Vec::new();
        let mut rest = bytes;
        while let Some((&low, after)) = rest.split_first() {
            rest = after;
            let mut length = usize::from(low);
            if length >= 128 {
                let (&high, after) = rest.split_first()?;
                rest = after;
                length = usize::from(high) * 128 + length - 128;
            }
            let (token, after) = rest.split_at_checked(length)?;
            tokens.push(token.into());
            rest = after;
        }
        Some(Vocabulary(tokens))
    }

    /// The words that tokens spell.
    pub(super) fn text(&self, tokens: &[i64]) -> String {
        let mut bytes = Vec::new();
        for token in tokens {
            let spelt = usize::try_from(*token).ok().and_then(|index| self.0.get(index));
            let Some(spelt) = spelt else { continue };
            // Bytes outside the alphabet are tokens of their own, written `<0x0A>`.
            match raw_byte(spelt) {
                Some(byte) => bytes.push(byte),
                None if spelt.starts_with(b"<") && spelt.ends_with(b">") => {}
                None => bytes.extend_from_slice(spelt),
            }
        }
        let text = String::from_utf8_lossy(&bytes).replace('\u{2581}', " ");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

fn raw_byte(token: &[u8]) -> Option<u8> {
    let digits = token.strip_prefix(b"<0x")?.strip_suffix(b">")?;
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Takes tokens as long as they may be speech.
pub(super) struct Guard {
    tokens: Vec<i64>,
    most: usize,
}

impl Guard {
    /// For a stretch of so many seconds.
    pub(super) fn new(seconds: f32) -> Self {
        let most = (seconds * TOKENS_A_SECOND).ceil() as usize + TOKENS_BESIDES;
        Guard { tokens: Vec::with_capacity(most), most }
    }

    /// Adds a token, or says that it is enough: more than can be said in the time, or a group over and
    /// over, of which one is then kept.
    pub(super) fn admit(&mut self, token: i64) -> bool {
        if self.tokens.len() >= self.most {
            return false;
        }
        self.tokens.push(token);
        for group in 1..=LONGEST_GROUP {
            let times = repetitions(&self.tokens, group);
            // "no, no, no, no" is said; a longer phrase is hardly said three times in a row.
            let bearable = if group <= 2 { 5 } else { 2 };
            if times > bearable {
                self.tokens.truncate(self.tokens.len() - (times - 1) * group);
                return false;
            }
        }
        true
    }

    pub(super) fn tokens(&self) -> &[i64] {
        &self.tokens
    }

    pub(super) fn into_tokens(self) -> Vec<i64> {
        self.tokens
    }
}

/// How many times the last `group` tokens stand at the end, one after another.
fn repetitions(tokens: &[i64], group: usize) -> usize {
    let mut groups = tokens.rchunks_exact(group);
    let Some(last) = groups.next() else { return 0 };
    1 + groups.take_while(|earlier| *earlier == last).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_tokens_is_read_and_spelt() {
        let mut list = vec![0, 5, b'<', b'u', b'n', b'k', b'>'];
        list.extend([8, 0xE2, 0x96, 0x81, b'H', b'e', b'l', b'l', b'o']);
        list.extend([6, b'<', b'0', b'x', b'2', b'1', b'>']);
        // Two bytes of length: 1 * 128 + 130 - 128.
        list.extend([130, 1]);
        list.extend([b'a'; 130]);
        let words = Vocabulary::parse(&list).unwrap();
        assert_eq!(words.text(&[2, 3]), "Hello!");
        assert_eq!(words.text(&[1, 2, 0, 99, -1]), "Hello");
        assert_eq!(words.text(&[4]).len(), 130);
        assert!(Vocabulary::parse(&[3, b'a']).is_none());
        assert!(Vocabulary::parse(&[200]).is_none());
    }

    #[test]
    fn a_phrase_over_and_over_is_kept_once() {
        let mut guard = Guard::new(30.0);
        let taken =
            [1, 2, 3, 4, 9, 8, 7, 9, 8, 7, 9, 8, 7, 5].iter().take_while(|t| guard.admit(**t));
        assert_eq!(taken.count(), 12);
        assert_eq!(guard.into_tokens(), [1, 2, 3, 4, 9, 8, 7]);
    }

    #[test]
    fn a_word_may_be_said_a_few_times() {
        let mut guard = Guard::new(30.0);
        assert!([4, 4, 4, 4, 4].iter().all(|token| guard.admit(*token)));
        assert!(!guard.admit(4));
        assert_eq!(guard.into_tokens(), [4]);
    }

    #[test]
    fn a_second_holds_so_many_tokens_and_no_more() {
        let mut guard = Guard::new(1.0);
        assert_eq!((10..100).take_while(|token| guard.admit(*token)).count(), 15);
    }
}
