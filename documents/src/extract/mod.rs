//! Text out of documents that people upload: PDF, DOCX and plain text.
//!
//! What a file is, is told from its bytes and never from its name ([`sniff`]). The text comes back as
//! light Markdown: headings after `#`, list items after `-`, a table's row on a line with `|`
//! between its cells; so the text alone carries its structure to storage and to [`crate::chunk`].
//!
//! Files are hostile until they are read. Every size is bounded by [`Limits`] and every refusal is a
//! [`BadDocument`] with a sentence for the person who uploaded it. The libraries underneath may still
//! panic, loop or swallow memory, so [`run_in_child`] reads a document in a process of its own, which
//! [`child_main`] is the other end of; [`extract`] is the bare reading, for use in such a process.

mod bad;
mod child;
mod docx;
mod pdf;
mod plain;
mod text;
mod xml;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use bad::BadDocument;
pub use child::{child_main, run_in_child};

/// What a file is, by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Pdf,
    Docx,
    Text,
    Unknown,
}

/// What reading a document may cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Bytes of the file itself, 10 MiB unless set: what the upload accepts.
    pub file: usize,
    /// Bytes that the parts of a DOCX may inflate to, together; 64 MiB unless set.
    pub inflated: u64,
    /// Pages of a PDF, 500 unless set.
    pub pages: usize,
    /// Characters of text, 2,000,000 unless set: some 700 pages.
    pub characters: usize,
    /// Bytes of address space that the child may take beyond what it starts with; 768 MiB unless set.
    pub memory: u64,
    /// Seconds of processor time that the child may use, 20 unless set.
    pub cpu_seconds: u64,
    /// How long the child is waited for, 40 s unless set; then it is killed.
    pub deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file: 10 << 20,
            inflated: 64 << 20,
            pages: 500,
            characters: 2_000_000,
            memory: 768 << 20,
            cpu_seconds: 20,
            deadline: Duration::from_secs(40),
        }
    }
}

/// A document's text and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extracted {
    pub kind: Kind,
    /// Light Markdown, composed (NFC), lines ended by `\n`, without control characters.
    pub text: String,
    /// The title that the file itself gives, if any.
    pub title: Option<String>,
    /// Pages of a PDF.
    pub pages: Option<usize>,
}

/// Tells what a file is from its bytes.
pub fn sniff(bytes: &[u8]) -> Kind {
    // Readers accept a PDF's header anywhere in the first kilobyte (ISO 32000-1, annex H.3.4.1).
    let head = &bytes[..bytes.len().min(1024)];
    let pdf =
        head.windows(7).any(|at| matches!(at, [b'%', b'P', b'D', b'F', b'-', b'1'..=b'2', b'.']));
    if pdf {
        Kind::Pdf
    } else if bytes.starts_with(b"PK\x03\x04") {
        // A zip; the main part's name stands in its directory in the clear.
        let docx = bytes.windows(13).any(|at| at == b"word/document");
        if docx { Kind::Docx } else { Kind::Unknown }
    } else if plain::is_text(bytes) {
        Kind::Text
    } else {
        Kind::Unknown
    }
}

/// Reads the text of a document in this process.
///
/// The libraries underneath may panic, loop or exhaust memory on files made to that end: call it
/// where that hurts nobody, see [`run_in_child`].
///
/// # Errors
/// Why the document is refused.
pub fn extract(bytes: &[u8], limits: &Limits) -> Result<Extracted, BadDocument> {
    if bytes.is_empty() {
        return Err(BadDocument::Empty);
    }
    if bytes.len() > limits.file {
        return Err(BadDocument::TooLarge { most: limits.file });
    }
    let kind = sniff(bytes);
    let mut text = text::Text::new(limits.characters);
    let (title, pages) = match kind {
        Kind::Pdf => pdf::read(bytes, limits, &mut text)?,
        Kind::Docx => (docx::read(bytes, limits, &mut text)?, None),
        Kind::Text => {
            plain::read(bytes, &mut text)?;
            (None, None)
        }
        // The container of Word up to 2003, and of any Office file with a password.
        Kind::Unknown if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) => {
            return Err(BadDocument::OldWord);
        }
        Kind::Unknown => return Err(BadDocument::UnknownKind),
    };
    let text = text.finish();
    if text.is_empty() {
        return Err(BadDocument::NoText);
    }
    Ok(Extracted { kind, text, title, pages })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_say_what_a_file_is() {
        assert_eq!(sniff(b"%PDF-1.7\n"), Kind::Pdf);
        assert_eq!(sniff(b"\xef\xbb\xbf%PDF-2.0\n"), Kind::Pdf);
        assert_eq!(sniff(b"PK\x03\x04....word/document.xml"), Kind::Docx);
        assert_eq!(sniff(b"PK\x03\x04....xl/workbook.xml"), Kind::Unknown);
        assert_eq!(sniff("Часы работы: 9–18".as_bytes()), Kind::Text);
        assert_eq!(sniff(b"\xff\xfea\0b\0"), Kind::Text);
        assert_eq!(sniff(b"\x7fELF\x02\x01\x01\0\0\0"), Kind::Unknown);
        assert_eq!(sniff(b"{\\rtf1\\ansi text}"), Kind::Unknown);
        assert_eq!(sniff(b"\x89PNG\r\n\x1a\n\0\0\0\x0d"), Kind::Unknown);
        assert_eq!(sniff(b""), Kind::Unknown);
    }

    #[test]
    fn what_cannot_be_read_is_refused_in_words() {
        let limits = Limits { file: 100, ..Limits::default() };
        let why = |bytes: &[u8]| extract(bytes, &limits).unwrap_err();
        assert_eq!(why(b""), BadDocument::Empty);
        assert_eq!(why(&[b'a'; 101]), BadDocument::TooLarge { most: 100 });
        assert_eq!(why(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0"), BadDocument::OldWord);
        assert_eq!(why(b"\x7fELF\x02\0\0"), BadDocument::UnknownKind);
        assert_eq!(why(b" \n\t "), BadDocument::NoText);
        assert!(why(b"").to_string().ends_with('.'), "a sentence");
    }
}
