//! Written text as stretches between white space, each with the punctuation around it set apart.
//!
//! Here goes what no language says: pictures, control characters, the signs of markup. What stands for
//! the same thing (curly and straight quotes, the many dashes) becomes one.

/// A stretch between white space.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    /// Brackets and quotes before it.
    pub(crate) lead: String,
    pub(crate) core: String,
    /// Punctuation, brackets and quotes after it.
    pub(crate) tail: String,
    /// Where the stretch ends in the text, in bytes.
    pub(crate) end: usize,
    /// The space before it does not break a line.
    pub(crate) tied: bool,
}

const OPENING: [char; 4] = ['(', '"', '\'', '_'];
const CLOSING: [char; 14] =
    ['.', ',', ';', ':', '!', '?', ')', '"', '\'', '_', '…', '。', '，', '、'];

/// All of them, in order.
pub(crate) fn chunks(text: &str) -> Vec<Chunk> {
    let start = text.as_ptr() as usize;
    let mut opens_line = true;
    text.split_whitespace()
        .flat_map(linked)
        .map(|raw| {
            let at = raw.as_ptr() as usize - start;
            let before = text[..at].chars().next_back();
            let tied = matches!(before, Some('\u{A0}' | '\u{202F}'));
            opens_line |= before == Some('\n');
            let mut chunk = chunk(raw, at + raw.len(), tied);
            // A heading's mark; "Press #" is a key.
            let is_mark = !chunk.core.is_empty() && chunk.core.bytes().all(|byte| byte == b'#');
            if is_mark && (chunk.core.len() > 1 || opens_line && chunk.tail.is_empty()) {
                let more = text[at + raw.len()..].trim_start_matches(' ');
                if more.starts_with(char::is_alphabetic) {
                    chunk.core.clear();
                }
            }
            opens_line = false;
            chunk
        })
        .collect()
}

/// The parts of "[site](https://example.com)": its words, its address.
fn linked(raw: &str) -> impl Iterator<Item = &str> {
    let cut = raw.find("](").map_or(raw.len(), |at| at + 1);
    let (words, address) = raw.split_at(cut);
    [words, address].into_iter().filter(|part| !part.is_empty())
}

fn chunk(raw: &str, end: usize, tied: bool) -> Chunk {
    let tidy: String = raw.chars().filter_map(tidy).collect();
    if let Some(tail) = tidy.strip_prefix('*')
        && tail.chars().all(|letter| CLOSING.contains(&letter))
    {
        // The key of a telephone.
        let tail = tail.to_owned();
        return Chunk { lead: String::new(), core: "*".to_owned(), tail, end, tied };
    }
    let is_opening = |letter: char| OPENING.contains(&letter) || letter == '*';
    let mut body = tidy.trim_start_matches(is_opening);
    let star = tidy[..tidy.len() - body.len()].ends_with('*');
    if star && body.starts_with(|letter: char| letter.is_ascii_digit()) {
        // "*72": one star is a key, two are markup.
        let stars = tidy[..tidy.len() - body.len()].chars().rev().take_while(|c| *c == '*').count();
        if stars == 1 && !body.contains('*') {
            body = &tidy[tidy.len() - body.len() - 1..];
        }
    }
    let lead = &tidy[..tidy.len() - body.len()];
    let core = body.trim_end_matches(|letter: char| CLOSING.contains(&letter) || letter == '*');
    let tail = &body[core.len()..];
    Chunk { lead: lead.to_owned(), core: core.to_owned(), tail: tail.to_owned(), end, tied }
}

/// One sign for all that mean the same; none for what is never said.
fn tidy(letter: char) -> Option<char> {
    match letter {
        '‘' | '’' | 'ʼ' | '′' | '`' => Some('\''),
        '“' | '”' | '„' | '«' | '»' | '‹' | '›' | '″' => Some('"'),
        '−' | '‐' | '‑' | '‒' => Some('-'),
        '\u{FF10}'..='\u{FF19}' => char::from_digit(u32::from(letter) - 0xFF10, 10),
        '？' => Some('?'),
        '！' => Some('!'),
        '^' | '\\' | '|' | '{' | '}' | '[' | ']' | '•' | '·' | '¿' | '¡' => None,
        _ if is_unsaid(letter) => None,
        _ => Some(letter),
    }
}

/// Control and format characters, private and void ones; emoji with the marks that join and colour them.
pub(crate) fn is_unsaid(letter: char) -> bool {
    letter.is_control()
        || matches!(
            u32::from(letter),
            0xAD | 0x200B..=0x200F
                | 0x202A..=0x202E
                | 0x2060..=0x206F
                | 0x20E3
                | 0x2190..=0x21FF
                | 0x2300..=0x23FF
                | 0x2500..=0x27BF
                | 0x2B00..=0x2BFF
                | 0xE000..=0xF8FF
                | 0xFE00..=0xFE0F
                | 0xFEFF
                | 0xFFF0..=0xFFFF
                | 0x1F000..=0x1FAFF
                | 0xE0000..=0x10FFFF
        )
}

/// A chunk and those around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) chunks: &'a [Chunk],
    pub(crate) at: usize,
}

impl<'a> Place<'a> {
    /// The chunk so many further on, if there is one.
    pub(crate) fn chunk(&self, ahead: usize) -> Option<&'a Chunk> {
        self.chunks.get(self.at + ahead)
    }

    /// The body of this chunk.
    pub(crate) fn core(&self) -> &'a str {
        self.chunk(0).map_or("", |chunk| &chunk.core)
    }

    /// The body of the chunk before; empty at the beginning.
    pub(crate) fn before(&self) -> &'a str {
        self.at.checked_sub(1).map_or("", |before| &self.chunks[before].core)
    }

    /// The body of the chunk before that one; empty at the beginning.
    pub(crate) fn second_before(&self) -> &'a str {
        self.at.checked_sub(2).map_or("", |before| &self.chunks[before].core)
    }

    /// The body of the chunk so many further on; empty at the end.
    pub(crate) fn after(&self, ahead: usize) -> &'a str {
        self.chunk(ahead).map_or("", |chunk| &chunk.core)
    }

    /// The body of the chunk so many further on, if no punctuation stands between it and the one
    /// before it.
    pub(crate) fn joined(&self, ahead: usize) -> Option<&'a str> {
        let before = self.chunk(ahead.checked_sub(1)?)?;
        let chunk = self.chunk(ahead)?;
        (before.tail.is_empty() && chunk.lead.is_empty()).then_some(&chunk.core)
    }

    /// Does a full stop follow the chunk so many further on?
    pub(crate) fn is_dotted(&self, ahead: usize) -> bool {
        self.chunk(ahead).is_some_and(|chunk| chunk.tail.starts_with('.'))
    }

    /// Is there nothing after the chunk so many further on?
    pub(crate) fn is_last(&self, ahead: usize) -> bool {
        self.at + ahead + 1 >= self.chunks.len()
    }

    /// Does the chunk so many further on begin with a capital?
    pub(crate) fn is_capital(&self, ahead: usize) -> bool {
        starts_large(self.after(ahead))
    }
}

/// Does it begin with a capital?
pub(crate) fn starts_large(text: &str) -> bool {
    text.starts_with(char::is_uppercase)
}

/// Is it one or more ASCII digits and nothing else?
pub(crate) fn is_figures(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What a language makes of one or more chunks.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) words: String,
    /// How many chunks it stands for, at least one.
    pub(crate) taken: usize,
    /// The full stop after the last of them is an abbreviation's, not a sentence's.
    pub(crate) dot: bool,
}

impl Said {
    /// One chunk's words.
    pub(crate) fn one(words: impl Into<String>) -> Self {
        Said::of(words, 1)
    }

    /// The words of several chunks.
    pub(crate) fn of(words: impl Into<String>, taken: usize) -> Self {
        Said { words: words.into(), taken, dot: false }
    }

    /// An abbreviation's words.
    pub(crate) fn dotted(words: impl Into<String>, taken: usize) -> Self {
        Said { words: words.into(), taken, dot: true }
    }
}
