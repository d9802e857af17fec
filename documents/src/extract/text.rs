//! Text as it is gathered: blocks with an empty line between them, bounded.

use unicode_normalization::UnicodeNormalization;

use super::BadDocument;

pub(super) struct Text {
    blocks: String,
    characters: usize,
    most: usize,
    last: Block,
}

/// What a block is. Lines of one list, and rows of one table, stand right under each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    Paragraph,
    Item,
    Row,
}

impl Text {
    pub(super) fn new(most: usize) -> Self {
        Self { blocks: String::new(), characters: 0, most, last: Block::Paragraph }
    }

    /// Appends a block.
    ///
    /// # Errors
    /// When there is more text than is allowed.
    pub(super) fn block(&mut self, block: &str, kind: Block) -> Result<(), BadDocument> {
        let before = self.blocks.len();
        let mut empty_lines = 0;
        for line in block.lines() {
            let line = tidy(line);
            if line.is_empty() {
                empty_lines += 1;
                continue;
            }
            if self.blocks.len() == before {
                if !self.blocks.is_empty() {
                    let same = kind == self.last && kind != Block::Paragraph;
                    self.blocks.push_str(if same { "\n" } else { "\n\n" });
                }
            } else {
                self.blocks.push_str(if empty_lines > 0 { "\n\n" } else { "\n" });
            }
            empty_lines = 0;
            self.characters += line.chars().count() + 1;
            if self.characters > self.most {
                return Err(BadDocument::TooMuchText { most: self.most });
            }
            self.blocks.push_str(&line);
        }
        if self.blocks.len() > before {
            self.last = kind;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> String {
        self.blocks
    }
}

/// A line composed, without control characters, its end trimmed; leading spaces stay.
fn tidy(line: &str) -> String {
    let mut tidy: String = line
        .nfc()
        .filter_map(|letter| match letter {
            '\t' | '\u{a0}' | '\u{2028}' | '\u{2029}' => Some(' '),
            // Marks of order and direction that only a screen needs, and that can hide words.
            '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}' => None,
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
            letter if letter.is_control() => None,
            letter => Some(letter),
        })
        .collect();
    tidy.truncate(tidy.trim_end().len());
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_apart_and_tight_ones_together() {
        let mut text = Text::new(1000);
        text.block("# A\n", Block::Paragraph).unwrap();
        text.block("- one", Block::Item).unwrap();
        text.block("- two\u{0}\u{202e}", Block::Item).unwrap();
        text.block("  \n", Block::Paragraph).unwrap();
        text.block("end\n\n\n\nof it\r\n", Block::Paragraph).unwrap();
        assert_eq!(text.finish(), "# A\n\n- one\n- two\n\nend\n\nof it");
    }

    #[test]
    fn too_much_is_refused() {
        let mut text = Text::new(10);
        assert!(text.block("123456789", Block::Paragraph).is_ok());
        assert_eq!(text.block("x", Block::Paragraph), Err(BadDocument::TooMuchText { most: 10 }));
    }
}
