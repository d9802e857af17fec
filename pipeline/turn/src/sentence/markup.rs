//! What is written but never spoken: markdown's signs, link targets, tags, code, table rules, pictures.
//!
//! One character in, some characters out, whatever the pieces in which they come. What may still turn
//! out to be markup is held back until that is known.

use std::collections::VecDeque;

/// A link's target or a tag that is longer than this is text, in characters.
const LONGEST_HELD: usize = 2_000;
/// The same for a tag.
const LONGEST_TAG: usize = 200;

/// Takes text with markup, character by character.
#[derive(Clone, Debug, Default)]
pub(super) struct Markup {
    held: Held,
    line: Line,
    /// The last character that was given out.
    before: Option<char>,
    /// The sign that fences off the code that is being left out.
    fence: Option<char>,
}

/// What has come and may be markup.
#[derive(Clone, Debug, Default)]
enum Held {
    #[default]
    Nothing,
    /// Stars, underlines or tildes.
    Run { sign: char, length: usize },
    /// An exclamation mark: an image may follow.
    Exclamation,
    /// A label's end: a target may follow.
    Label,
    /// A link's target.
    Target(String),
    /// What may be a tag.
    Tag(String),
    /// A border between a table's cells.
    Cell,
    /// A backslash: what follows is meant as itself.
    Backslash,
}

/// How far into a line we are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Line {
    /// At its beginning: how many of a sign that has a meaning there have come.
    #[default]
    Begun,
    Sign {
        sign: char,
        length: usize,
    },
    /// Within a table's row.
    Row,
    Text,
    /// Its rest is left out, as that of a fence; so many of the fence's sign came last.
    Skipped {
        signs: usize,
    },
}

impl Markup {
    /// Takes a character; what is text comes out in order.
    pub(super) fn push(&mut self, letter: char, out: &mut VecDeque<char>) {
        if is_picture(letter) {
            return;
        }
        let letter = if letter.is_control() && letter != '\n' { ' ' } else { letter };
        match self.line {
            Line::Begun | Line::Sign { .. } => self.begin_line(letter, out),
            Line::Skipped { .. } if letter == '\n' => self.end_line(out),
            Line::Skipped { signs } => {
                let signs = if self.fence == Some(letter) { signs + 1 } else { 0 };
                self.line = Line::Skipped { signs };
                if signs == 3 {
                    // Fenced off within one line.
                    (self.fence, self.line) = (None, Line::Text);
                    self.give(' ', out);
                }
            }
            Line::Row | Line::Text if self.fence.is_some() => {
                if letter == '\n' {
                    self.end_line(out);
                }
            }
            Line::Row | Line::Text => self.inline(letter, out),
        }
    }

    /// The text is at an end: what was held back is text.
    pub(super) fn finish(&mut self, out: &mut VecDeque<char>) {
        if let Line::Sign { sign, length } = self.line
            && self.fence.is_none()
            && !matches!(sign, '`' | '|')
        {
            self.line = Line::Text;
            for _ in 0..length {
                self.inline(sign, out);
            }
        }
        self.release(None, out);
        *self = Markup::default();
    }

    fn begin_line(&mut self, letter: char, out: &mut VecDeque<char>) {
        let (sign, length) = match self.line {
            Line::Sign { sign, length } => (Some(sign), length),
            _ => (None, 0),
        };
        match (sign, letter) {
            (_, '\n') => self.end_line(out),
            (None, letter) if letter.is_whitespace() => {}
            (None, '#' | '>' | '-' | '*' | '+' | '•' | '`' | '~' | '|' | '=' | '–' | '—') => {
                self.line = Line::Sign { sign: letter, length: 1 };
            }
            (Some(sign), letter) if sign == letter && sign != '|' => {
                let length = length + 1;
                self.line = Line::Sign { sign, length };
                if matches!(sign, '`' | '~') && length == 3 {
                    self.fence = match self.fence {
                        None => Some(sign),
                        Some(open) if open == sign => None,
                        other => other,
                    };
                    self.line = Line::Skipped { signs: 0 };
                }
            }
            (Some('|'), letter) => {
                self.line = Line::Row;
                self.text(letter, out);
            }
            // A heading, a quotation, an item.
            (Some('#' | '>' | '-' | '*' | '+' | '•' | '–' | '—'), letter)
                if letter.is_whitespace() && !(sign == Some('*') && length > 1) =>
            {
                self.line = Line::Begun;
            }
            (Some('>' | '•' | '–' | '—'), letter) => {
                self.line = Line::Begun;
                self.begin_line(letter, out);
            }
            (Some(sign), letter) => {
                self.line = Line::Text;
                if self.fence.is_none() {
                    for _ in 0..length {
                        self.inline(sign, out);
                    }
                    self.inline(letter, out);
                }
            }
            (None, letter) => {
                self.line = Line::Text;
                self.text(letter, out);
            }
        }
    }

    fn text(&mut self, letter: char, out: &mut VecDeque<char>) {
        if self.fence.is_none() {
            self.inline(letter, out);
        }
    }

    fn end_line(&mut self, out: &mut VecDeque<char>) {
        if self.fence.is_none() {
            self.release(Some('\n'), out);
            self.give('\n', out);
        }
        self.line = Line::Begun;
    }

    fn inline(&mut self, letter: char, out: &mut VecDeque<char>) {
        match &mut self.held {
            Held::Nothing => self.fresh(letter, out),
            Held::Run { sign, length } if *sign == letter => *length += 1,
            Held::Exclamation if letter == '[' => self.held = Held::Nothing,
            Held::Label if letter == '(' => self.held = Held::Target(String::new()),
            Held::Target(_) if letter == ')' => self.held = Held::Nothing,
            Held::Target(target) if letter != '\n' && target.len() < LONGEST_HELD => {
                target.push(letter);
            }
            Held::Tag(tag) if letter == '>' => {
                // "<https://…>" and "<a@b.c>" are said, "<b>" is not.
                let is_address = tag.contains("://") || tag.contains('@') && !tag.contains(' ');
                let tag = std::mem::take(tag);
                self.held = Held::Nothing;
                if is_address {
                    tag.chars().for_each(|letter| self.give(letter, out));
                }
            }
            Held::Tag(tag)
                if letter != '\n'
                    && letter != '<'
                    && tag.len() < LONGEST_TAG
                    && (!tag.is_empty() || letter.is_alphabetic() || "/!?".contains(letter)) =>
            {
                tag.push(letter);
            }
            Held::Cell if letter == '|' || letter.is_whitespace() && letter != '\n' => {}
            Held::Cell if letter != '\n' => {
                // From one cell to the next there is a pause.
                self.held = Held::Nothing;
                self.give(',', out);
                self.give(' ', out);
                self.inline(letter, out);
            }
            Held::Backslash if letter.is_ascii_punctuation() => {
                self.held = Held::Nothing;
                self.give(letter, out);
            }
            _ => {
                self.release(Some(letter), out);
                self.inline(letter, out);
            }
        }
    }

    fn fresh(&mut self, letter: char, out: &mut VecDeque<char>) {
        match letter {
            '\n' => self.end_line(out),
            '*' | '_' | '~' => self.held = Held::Run { sign: letter, length: 1 },
            '!' => self.held = Held::Exclamation,
            ']' => self.held = Held::Label,
            '<' => self.held = Held::Tag(String::new()),
            '\\' => self.held = Held::Backslash,
            '|' if self.line == Line::Row => self.held = Held::Cell,
            '|' => self.give(' ', out),
            '[' | '{' | '}' | '`' => {}
            _ => self.give(letter, out),
        }
    }

    /// What was held is text, or a sign without a sound; `next` follows it.
    fn release(&mut self, next: Option<char>, out: &mut VecDeque<char>) {
        match std::mem::take(&mut self.held) {
            Held::Nothing | Held::Label | Held::Cell | Held::Backslash => {}
            Held::Run { sign, length } => {
                if is_said(sign, length, self.before, next) {
                    self.give(sign, out);
                }
            }
            Held::Exclamation => self.give('!', out),
            Held::Target(target) => {
                self.give('(', out);
                target.chars().for_each(|letter| self.give(letter, out));
            }
            Held::Tag(tag) => {
                self.give('<', out);
                tag.chars().for_each(|letter| self.give(letter, out));
            }
        }
    }

    fn give(&mut self, letter: char, out: &mut VecDeque<char>) {
        self.before = Some(letter);
        out.push_back(letter);
    }
}

/// Is a star, an underline or a tilde meant as itself? A star is a telephone's key by itself and before
/// figures, or between figures; an underline belongs to an address within it; a tilde before figures is
/// "about".
fn is_said(sign: char, length: usize, before: Option<char>, next: Option<char>) -> bool {
    let opens = before.is_none_or(|before| before.is_whitespace() || "(\"'«“".contains(before));
    let is_figure = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_digit());
    let is_letter = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    match sign {
        _ if length > 1 => sign == '_' && is_letter(before) && is_letter(next),
        '*' => {
            let closes =
                next.is_none_or(|next| next.is_whitespace() || ".,;:!?)\"'»”".contains(next));
            opens && (closes || is_figure(next)) || is_figure(before) && is_figure(next)
        }
        '_' => is_letter(before) && (is_letter(next) || next == Some('@')),
        _ => is_figure(next),
    }
}

/// Emoji and other pictures, with the marks that join and colour them; characters that only format.
fn is_picture(letter: char) -> bool {
    matches!(
        u32::from(letter),
        0x1F000..=0x1FAFF | 0x2600..=0x27BF | 0x2B00..=0x2BFF | 0xFE00..=0xFE0F | 0x20E3
            | 0xE0000..=0xE007F | 0xAD | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F
            | 0xFEFF
    )
}
