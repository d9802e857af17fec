//! Plain text in the encodings that people still save: UTF-8, UTF-16 with its mark, and the two
//! Windows code pages of Western and Cyrillic text.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1251, WINDOWS_1252};

use super::BadDocument;
use super::text::{Block, Text};

/// How much of a file is looked at to tell text from bytes.
const LOOKED_AT: usize = 64 << 10;

/// Whether the bytes are text that a person typed: no NUL, hardly a control character.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    if bytes.is_empty() || bytes.starts_with(b"{\\rtf") {
        return false;
    }
    if marked(bytes).is_some() {
        return true;
    }
    let looked_at = &bytes[..bytes.len().min(LOOKED_AT)];
    let odd = looked_at.iter().filter(|byte| matches!(byte, 1..=8 | 11 | 14..=31 | 127)).count();
    !bytes.contains(&0) && odd * 200 <= looked_at.len()
}

pub(super) fn read(bytes: &[u8], text: &mut Text) -> Result<(), BadDocument> {
    let (decoded, _, wrong) = encoding(bytes).decode(bytes);
    if wrong && decoded.chars().filter(|letter| *letter == '\u{fffd}').count() * 100 > decoded.len()
    {
        return Err(BadDocument::damaged("its letters are in no known encoding"));
    }
    text.block(&decoded, Block::Paragraph)
}

/// What a byte order mark says.
fn marked(bytes: &[u8]) -> Option<&'static Encoding> {
    let (encoding, _) = Encoding::for_bom(bytes)?;
    [UTF_8, UTF_16LE, UTF_16BE].contains(&encoding).then_some(encoding)
}

fn encoding(bytes: &[u8]) -> &'static Encoding {
    if let Some(encoding) = marked(bytes) {
        return encoding;
    }
    if std::str::from_utf8(bytes).is_ok() { UTF_8 } else { code_page(bytes) }
}

/// Windows-1251 or -1252. Cyrillic words are runs of bytes from 0xC0; in Western text such a byte is
/// an accented letter with plain letters beside it.
fn code_page(bytes: &[u8]) -> &'static Encoding {
    let high = |byte: u8| byte >= 0xc0 || matches!(byte, 0xa8 | 0xb8);
    let mut beside_high = 0_usize;
    let mut beside_plain = 0_usize;
    for pair in bytes.windows(2) {
        match (high(pair[0]), high(pair[1])) {
            (true, true) => beside_high += 2,
            (true, false) if pair[1].is_ascii_alphabetic() => beside_plain += 1,
            (false, true) if pair[0].is_ascii_alphabetic() => beside_plain += 1,
            _ => {}
        }
    }
    if beside_high > beside_plain { WINDOWS_1251 } else { WINDOWS_1252 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> String {
        let mut text = Text::new(10_000);
        assert!(is_text(bytes));
        read(bytes, &mut text).unwrap();
        text.finish()
    }

    #[test]
    fn each_encoding_is_told() {
        let russian = "Приём по записи: с 9 до 18. Ёлка — 3 шт.";
        let western = "Öffnungszeiten: täglich, außer sonntags – naïve café, “señor” für 5 €";
        assert_eq!(decoded(russian.as_bytes()), russian);
        assert_eq!(decoded(&WINDOWS_1251.encode(russian).0), russian);
        assert_eq!(decoded(&WINDOWS_1252.encode(western).0), western);
        assert_eq!(decoded(format!("\u{feff}{western}").as_bytes()), western);
        for little in [true, false] {
            let mut bytes = Vec::new();
            for unit in format!("\u{feff}{russian}").encode_utf16() {
                bytes.extend(if little { unit.to_le_bytes() } else { unit.to_be_bytes() });
            }
            assert_eq!(decoded(&bytes), russian);
        }
    }

    #[test]
    fn bytes_are_no_text() {
        assert!(!is_text(b"abc\0def"));
        assert!(!is_text(&[1, 2, 3, 4, 5, 6, 65, 66]));
    }
}
