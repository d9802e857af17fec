//! Speech that says what it is: each word is a sound of its own, so that a recogniser can be played
//! that hears exactly what it was sent, on whichever connection and from wherever in the call.
//!
//! A word is one mu-law code, repeated; silence is silence. Audio of people holds no such words.

use media::g711;

/// What words are told apart over.
pub const FRAME_MS: u64 = 20;

/// A word that is shorter is not understood.
const SHORTEST_MS: u64 = 60;

/// How long a word is said.
const WORD_MS: usize = 200;

/// The quiet between two words of one sentence.
const GAP_MS: usize = 40;

/// The loudest codes: below them lie more words than anyone needs.
const FIRST_CODE: u8 = 0x04;
const MOST_WORDS: usize = 64;

/// The words of a conversation.
#[derive(Clone, Debug, Default)]
pub struct Lexicon(Vec<String>);

impl Lexicon {
    /// All words of `text`, each once; their marks belong to them.
    ///
    /// # Panics
    /// With more than 64 of them.
    pub fn of(text: &str) -> Self {
        let mut words: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            if !words.iter().any(|known| known == word) {
                words.push(word.to_owned());
            }
        }
        assert!(words.len() <= MOST_WORDS, "a lexicon holds at most {MOST_WORDS} words");
        Lexicon(words)
    }

    /// `text` as it sounds, 8 kHz mu-law, in whole frames.
    ///
    /// # Panics
    /// Where a word is not in the lexicon.
    pub fn say(&self, text: &str) -> Vec<u8> {
        let mut mulaw = Vec::new();
        for word in text.split_whitespace() {
            let place = self.0.iter().position(|known| known == word);
            let place = place.unwrap_or_else(|| panic!("{word} is not in the lexicon"));
            mulaw.extend_from_slice(&[FIRST_CODE + place as u8; WORD_MS * 8]);
            mulaw.extend_from_slice(&[g711::SILENCE; GAP_MS * 8]);
        }
        mulaw
    }

    fn word(&self, code: u8) -> Option<&str> {
        self.0.get(usize::from(code.checked_sub(FIRST_CODE)?)).map(String::as_str)
    }
}

/// A word, and where it was heard.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Word {
    pub(super) text: String,
    /// Ms of the connection's audio.
    pub(super) from_ms: u64,
    pub(super) to_ms: u64,
}

/// What a frame held.
#[derive(Debug, PartialEq)]
pub(super) enum Sound {
    Quiet,
    /// A voice; of a word, or of none that is known.
    Voice,
    /// With this frame the next word is long enough to be understood.
    Word(Word),
    /// The word goes on.
    Longer,
}

/// One connection's ear.
pub(super) struct Reader {
    lexicon: Lexicon,
    rest: Vec<u8>,
    /// Audio heard so far.
    pub(super) now_ms: u64,
    /// The code that sounds, and since when.
    sounding: Option<(u8, u64)>,
}

impl Reader {
    pub(super) fn new(lexicon: &Lexicon) -> Self {
        Reader { lexicon: lexicon.clone(), rest: Vec::new(), now_ms: 0, sounding: None }
    }

    /// Takes audio; says of each whole frame what it held.
    pub(super) fn hear(&mut self, mulaw: &[u8]) -> Vec<(u64, Sound)> {
        self.rest.extend_from_slice(mulaw);
        let frame_bytes = FRAME_MS as usize * 8;
        let whole = self.rest.len() / frame_bytes * frame_bytes;
        let frames: Vec<u8> = self.rest.drain(..whole).collect();
        frames.chunks_exact(frame_bytes).map(|frame| self.frame(frame)).collect()
    }

    fn frame(&mut self, frame: &[u8]) -> (u64, Sound) {
        let from_ms = self.now_ms;
        self.now_ms += FRAME_MS;
        let code = frame[frame.len() / 2];
        if g711::decode(code).unsigned_abs() < 300 {
            self.sounding = None;
            return (self.now_ms, Sound::Quiet);
        }
        let since = match self.sounding {
            Some((sounding, since)) if sounding == code => since,
            _ => {
                self.sounding = Some((code, from_ms));
                from_ms
            }
        };
        let long = self.now_ms - since;
        let sound = match self.lexicon.word(code) {
            Some(text) if long == SHORTEST_MS => {
                Sound::Word(Word { text: text.into(), from_ms: since, to_ms: self.now_ms })
            }
            Some(_) if long > SHORTEST_MS => Sound::Longer,
            Some(_) | None => Sound::Voice,
        };
        (self.now_ms, sound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(reader: &mut Reader, mulaw: &[u8]) -> Vec<String> {
        let words = reader.hear(mulaw).into_iter().filter_map(|(_, sound)| match sound {
            Sound::Word(word) => Some(word.text),
            Sound::Quiet | Sound::Voice | Sound::Longer => None,
        });
        words.collect()
    }

    #[test]
    fn what_was_said_is_heard_in_pieces_of_any_size() {
        let lexicon = Lexicon::of("no, yes no, please");
        let mulaw = lexicon.say("please no, no, yes");
        for size in [1, 77, 160, 4_000] {
            let mut reader = Reader::new(&lexicon);
            let mut words = Vec::new();
            for piece in mulaw.chunks(size) {
                words.extend(heard(&mut reader, piece));
            }
            assert_eq!(words, ["please", "no,", "no,", "yes"], "{size}");
        }
    }

    #[test]
    fn the_end_of_a_word_is_no_word() {
        let lexicon = Lexicon::of("hello there");
        let mulaw = lexicon.say("hello there");
        assert_eq!(heard(&mut Reader::new(&lexicon), &mulaw[160 * 8..]), ["there"]);
    }
}
