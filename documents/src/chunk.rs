//! Text cut into passages for retrieval: large enough to answer from, small enough to compare.
//!
//! Cuts fall on headings first, then on paragraphs, then on sentences. A [`Chunk`] is a range of the
//! text it was cut from, so a passage can be shown where it stands; it carries the headings above it
//! and begins with the last sentence of the chunk before, in case the cut parted what belongs
//! together. Nothing here knows a language: sentences are told by their signs alone.

use std::ops::Range;

/// How text is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkPolicy {
    /// Characters that a chunk has at most, overlap included; 900 unless set. More blurs what a
    /// passage is about, less tears answers apart.
    pub target: usize,
    /// Chunks of one text, 4,000 unless set; more is refused.
    pub most: usize,
}

impl Default for ChunkPolicy {
    fn default() -> Self {
        Self { target: 900, most: 4_000 }
    }
}

/// A passage, as a place in the text it was cut from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The headings above it, the highest first.
    pub headings: Vec<String>,
    /// Bytes of the text, overlap included.
    pub range: Range<usize>,
    /// Where what the chunk before did not have begins.
    pub fresh_from: usize,
}

impl Chunk {
    /// The passage itself. `text` is what it was cut from.
    pub fn text<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.range.clone()).unwrap_or_default()
    }

    /// The passage under its headings: what is best compared with a question.
    pub fn in_context(&self, text: &str) -> String {
        if self.headings.is_empty() {
            return self.text(text).to_owned();
        }
        format!("{}\n{}", self.headings.join(" › "), self.text(text))
    }
}

/// The text would make more chunks than are allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The text makes more than {most} passages. Upload it in parts.")]
pub struct TooManyChunks {
    pub most: usize,
}

/// Cuts a text, in which lines that begin with `#` are headings.
///
/// # Errors
/// When there would be more chunks than the policy allows.
pub fn chunks(text: &str, policy: &ChunkPolicy) -> Result<Vec<Chunk>, TooManyChunks> {
    let mut chunks = Vec::new();
    let target = policy.target.max(40);
    let mut path: Vec<(usize, String)> = Vec::new();
    let sections = sections(text);
    for (at, section) in sections.iter().enumerate() {
        if let Some((level, name)) = &section.heading {
            path.retain(|(above, _)| above < level);
            path.push((*level, name.clone()));
        }
        let pieces = pieces(text, section.body.clone(), target);
        let mut headings: Vec<String> = path.iter().map(|(_, name)| name.clone()).collect();
        if pieces.is_empty() {
            // A heading with nothing under it, not even another heading, is itself what is said.
            let level = |section: &Section| section.heading.as_ref().map_or(0, |(level, _)| *level);
            let leads = sections.get(at + 1).is_some_and(|next| level(next) > level(section));
            if !leads && section.line.start < section.line.end {
                headings.pop();
                let range = section.line.clone();
                chunks.push(Chunk { headings, fresh_from: range.start, range });
            }
        } else {
            pack(text, &pieces, target, &headings, policy.most, &mut chunks);
        }
        if chunks.len() > policy.most {
            return Err(TooManyChunks { most: policy.most });
        }
    }
    Ok(chunks)
}

/// A heading and what stands under it, up to the next.
struct Section {
    heading: Option<(usize, String)>,
    /// The heading's own line.
    line: Range<usize>,
    body: Range<usize>,
}

fn sections(text: &str) -> Vec<Section> {
    let mut sections = vec![Section { heading: None, line: 0..0, body: 0..0 }];
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let range = at..at + line.trim_end().len();
        at += line.len();
        let marks = line.bytes().take_while(|byte| *byte == b'#').count();
        let name = line[marks..].trim();
        if (1..=6).contains(&marks) && line[marks..].starts_with(' ') && !name.is_empty() {
            let heading = Some((marks, name.to_owned()));
            sections.push(Section { heading, line: range, body: at..at });
        } else if let Some(section) = sections.last_mut() {
            section.body.end = at;
        }
    }
    sections
}

/// A sentence, or a line of a list or table.
#[derive(Clone, Debug)]
struct Piece {
    range: Range<usize>,
    characters: usize,
    /// Whether a paragraph begins with it.
    begins: bool,
}

fn pieces(text: &str, body: Range<usize>, target: usize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut begins = true;
    let mut from = body.start;
    let letters: Vec<(usize, char)> =
        text[body.clone()].char_indices().map(|(at, letter)| (body.start + at, letter)).collect();
    for (at, (place, letter)) in letters.iter().enumerate() {
        let end = place + letter.len_utf8();
        let rest = &text[end..body.end];
        let paragraph = *letter == '\n' && rest.starts_with('\n');
        if paragraph || (*letter == '\n' && is_item(rest)) || ends_sentence(&letters, at) {
            cut(text, from..end, target, &mut begins, &mut pieces);
            from = end;
        }
        begins |= paragraph;
    }
    cut(text, from..body.end, target, &mut begins, &mut pieces);
    pieces
}

/// Whether a line begins as one of a list or table does.
fn is_item(rest: &str) -> bool {
    let line = rest.lines().next().unwrap_or_default();
    let line = line.trim_start();
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    line.starts_with(['-', '*', '•', '–', '|'])
        || line.contains(" | ")
        || ((1..=3).contains(&digits) && line[digits..].starts_with([')', '.']))
}

/// Whether a sentence ends behind this letter: its sign, then perhaps closing quotes, then a space
/// and something that may begin another one.
fn ends_sentence(letters: &[(usize, char)], at: usize) -> bool {
    let letter = letters[at].1;
    if matches!(letter, '。' | '！' | '？' | '।' | '۔') {
        return true;
    }
    let closing = |letter: char| matches!(letter, '"' | '\'' | '”' | '’' | '»' | ')' | ']');
    let mut sign = at;
    while sign > 0 && at - sign < 4 && closing(letters[sign].1) {
        sign -= 1;
    }
    if !matches!(letters[sign].1, '.' | '!' | '?' | '…') {
        return false;
    }
    let mut after = letters[at + 1..].iter().map(|(_, letter)| *letter);
    if !after.next().is_none_or(char::is_whitespace) {
        return false;
    }
    if after.find(|letter| !letter.is_whitespace()).is_some_and(char::is_lowercase) {
        return false;
    }
    // An initial, or a number in front of a name: "J. Smith", "д. 5".
    let word = letters[..sign].iter().rev().take_while(|(_, letter)| letter.is_alphanumeric());
    letters[sign].1 != '.' || word.take(2).count() > 1
}

/// Takes a range as a piece, or as several where it is longer than a chunk may be.
fn cut(text: &str, range: Range<usize>, target: usize, begins: &mut bool, pieces: &mut Vec<Piece>) {
    let slice = &text[range.clone()];
    let from = range.start + (slice.len() - slice.trim_start().len());
    let mut rest = from..from + slice.trim().len();
    while !rest.is_empty() {
        let slice = &text[rest.clone()];
        let mut take = slice.len();
        let mut space = None;
        for (characters, (at, letter)) in slice.char_indices().enumerate() {
            if characters == target {
                // At the last space of the second half, else within the word.
                take = space.filter(|space| *space > at / 2).unwrap_or(at);
                break;
            }
            if letter.is_whitespace() {
                space = Some(at);
            }
        }
        let piece = slice[..take].trim_end();
        pieces.push(Piece {
            range: rest.start..rest.start + piece.len(),
            characters: piece.chars().count(),
            begins: std::mem::take(begins),
        });
        let left = &slice[take..];
        rest.start += take + (left.len() - left.trim_start().len());
    }
}

/// Fills chunks with pieces; stops once there is one too many.
fn pack(
    text: &str,
    pieces: &[Piece],
    target: usize,
    headings: &[String],
    most: usize,
    chunks: &mut Vec<Chunk>,
) {
    let mut first = 0;
    let mut overlap = None;
    while first < pieces.len() && chunks.len() <= most {
        let start = overlap.unwrap_or(first);
        let length =
            |last: usize| text[pieces[start].range.start..pieces[last].range.end].chars().count();
        let mut last = first;
        let mut used = length(last);
        if used > target && start < first {
            // No room for what overlaps.
            overlap = None;
            continue;
        }
        while last + 1 < pieces.len() {
            let next = &pieces[last + 1];
            // Cheaper than counting all again; the space between is one character, or two.
            let gap = next.range.start - pieces[last].range.end;
            if used + gap + next.characters > target {
                break;
            }
            // A paragraph that will not fit whole begins the next chunk, if this one is half full.
            if next.begins && used * 2 >= target {
                let paragraph: usize = pieces[last + 1..]
                    .iter()
                    .enumerate()
                    .take_while(|(at, piece)| *at == 0 || !piece.begins)
                    .map(|(_, piece)| piece.characters + 1)
                    .take(target)
                    .sum();
                if used + gap + paragraph > target + 1 {
                    break;
                }
            }
            used += gap + next.characters;
            last += 1;
        }
        chunks.push(Chunk {
            headings: headings.to_vec(),
            range: pieces[start].range.start..pieces[last].range.end,
            fresh_from: pieces[first].range.start,
        });
        // A short last sentence is said again.
        overlap = (pieces[last].characters * 4 <= target && last > start).then_some(last);
        first = last + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, target: usize) -> Vec<String> {
        let policy = ChunkPolicy { target, ..ChunkPolicy::default() };
        let chunks = chunks(text, &policy).unwrap();
        chunks.iter().map(|chunk| chunk.text(text).to_owned()).collect()
    }

    #[test]
    fn headings_part_and_are_kept() {
        let text =
            "Before.\n\n# Hours\n\nOpen at 9.\n\n## Sundays\n\nClosed.\n\n# Prices\n\n## Empty\n";
        let found = chunks(text, &ChunkPolicy::default()).unwrap();
        let told: Vec<String> = found.iter().map(|chunk| chunk.in_context(text)).collect();
        assert_eq!(
            told,
            ["Before.", "Hours\nOpen at 9.", "Hours › Sundays\nClosed.", "Prices\n## Empty"]
        );
    }

    #[test]
    fn sentences_stay_whole_and_the_last_one_is_repeated() {
        let text = "One is here now, said J. Smith at 3.5 points. Two follows it quickly. \
                    «Три, — сказал он.» Четыре идёт за ним. Five ends it all.";
        let found = chunks(text, &ChunkPolicy { target: 85, most: 10 }).unwrap();
        let told: Vec<&str> = found.iter().map(|chunk| chunk.text(text)).collect();
        assert_eq!(
            told,
            [
                "One is here now, said J. Smith at 3.5 points. Two follows it quickly.",
                "«Три, — сказал он.» Четыре идёт за ним. Five ends it all.",
            ]
        );
        let text = "First one. Second one. Third one is longer. Fourth.";
        assert_eq!(
            cut(text, 44),
            ["First one. Second one. Third one is longer.", "Fourth."],
            "a long last sentence is not repeated"
        );
        let text = "A first sentence is this here. Two. A third sentence is this one here.";
        assert_eq!(
            cut(text, 45),
            ["A first sentence is this here. Two.", "Two. A third sentence is this one here."]
        );
    }

    #[test]
    fn lists_and_tables_are_cut_between_lines() {
        let text = "Prices\n- check-up: 40 euros\n- crown: 620 euros\nName | Price\nCrown | 620";
        assert_eq!(
            cut(text, 47),
            ["Prices\n- check-up: 40 euros\n- crown: 620 euros", "Name | Price\nCrown | 620"]
        );
    }

    #[test]
    fn text_without_sentences_or_spaces_is_cut_all_the_same() {
        let text = "слово".repeat(100);
        let parts = cut(&text, 90);
        assert!(parts.iter().all(|part| part.chars().count() <= 90));
        assert_eq!(parts.concat(), text);
        assert_eq!(cut("你好。再见。", 40), ["你好。再见。"]);
    }

    #[test]
    fn too_many_are_refused() {
        let text = "# A\n\nb\n\n".repeat(11);
        let policy = ChunkPolicy { most: 10, ..ChunkPolicy::default() };
        assert_eq!(chunks(&text, &policy), Err(TooManyChunks { most: 10 }));
        assert_eq!(chunks("", &policy), Ok(vec![]));
    }
}
