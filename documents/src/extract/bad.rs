//! Why a document is refused, in sentences for the person who uploaded it.

use serde::{Deserialize, Serialize};

/// A document that is not read. `Display` is for its owner; nothing of its content is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum BadDocument {
    #[error("The file is empty.")]
    Empty,
    #[error("The file is larger than {} MiB.", .most >> 20)]
    TooLarge { most: usize },
    #[error("This is not a PDF, a Word document (.docx) or a text file.")]
    UnknownKind,
    #[error(
        "This is an old Word document or one with a password. Save it as .docx without a password."
    )]
    OldWord,
    #[error("The document is protected with a password. Upload it without one.")]
    Encrypted,
    #[error(
        "The document holds no text. If it was scanned, run text recognition on it before uploading."
    )]
    NoText,
    #[error("The document has more than {most} pages. Upload it in parts.")]
    TooManyPages { most: usize },
    #[error("The document has more than {most} characters of text. Upload it in parts.")]
    TooMuchText { most: usize },
    #[error("The document unpacks to more than {} MiB, which no text needs.", .most >> 20)]
    Inflates { most: u64 },
    #[error("The document holds file names that point outside of it.")]
    Escapes,
    #[error("The document declares entities of its own, which a Word document never does.")]
    Entities,
    #[error("The document nests its parts too deeply.")]
    TooDeep,
    #[error("The document is damaged and cannot be read ({what}).")]
    Damaged { what: String },
    #[error("Reading the document took too long.")]
    TooSlow,
    #[error("The document is damaged, or reading it needs more memory than is allowed.")]
    Crashed,
    /// Ours, not the document's: the child could not be started or spoken to.
    #[error("Documents cannot be read at the moment.")]
    NoReader { what: String },
}

impl BadDocument {
    pub(super) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }

    /// Whether trying the same file again may help: the fault is not the document's.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::NoReader { .. })
    }
}
