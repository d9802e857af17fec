//! XML as Office writes it, read flat: no document type, no entities but XML's own five, bounded
//! nesting.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::BadDocument;

/// Deeper than any editor nests tables and text boxes.
const DEEPEST: usize = 200;

/// What a handler is told, in the file's order. Names are without their prefix.
pub(super) enum Node<'a> {
    Open(&'a [u8], &'a BytesStart<'a>),
    Close(&'a [u8]),
    Text(Cow<'a, str>),
}

/// The part's letters; parts may be UTF-8 or UTF-16 (ECMA-376-2, 8.2).
pub(super) fn decoded(bytes: &[u8]) -> Result<Cow<'_, str>, BadDocument> {
    let (text, _, wrong) = encoding_rs::UTF_8.decode(bytes);
    if wrong { Err(BadDocument::damaged("a part is not Unicode")) } else { Ok(text) }
}

/// Hands every element and text to `tell`.
///
/// # Errors
/// Entities or a document type, nesting past all reason, XML that is none, and what `tell` refuses.
pub(super) fn walk(
    xml: &str,
    mut tell: impl FnMut(Node<'_>) -> Result<(), BadDocument>,
) -> Result<(), BadDocument> {
    let damaged = |_| BadDocument::damaged("its XML is broken");
    let mut reader = Reader::from_str(xml);
    let mut depth = 0_usize;
    loop {
        match reader.read_event().map_err(damaged)? {
            Event::Start(open) => {
                depth += 1;
                if depth > DEEPEST {
                    return Err(BadDocument::TooDeep);
                }
                tell(Node::Open(open.local_name().as_ref(), &open))?;
            }
            Event::Empty(open) => {
                tell(Node::Open(open.local_name().as_ref(), &open))?;
                tell(Node::Close(open.local_name().as_ref()))?;
            }
            Event::End(close) => {
                depth = depth.saturating_sub(1);
                tell(Node::Close(close.local_name().as_ref()))?;
            }
            Event::Text(text) => {
                let text = text.decode().map_err(|_| BadDocument::damaged("its XML is broken"))?;
                tell(Node::Text(text))?;
            }
            Event::CData(text) => {
                let text = text.decode().map_err(|_| BadDocument::damaged("its XML is broken"))?;
                tell(Node::Text(text))?;
            }
            Event::GeneralRef(name) => {
                let letter = match name.resolve_char_ref().map_err(damaged)? {
                    Some(letter) => letter,
                    None => match &*name.into_inner() {
                        b"amp" => '&',
                        b"lt" => '<',
                        b"gt" => '>',
                        b"apos" => '\'',
                        b"quot" => '"',
                        _ => return Err(BadDocument::Entities),
                    },
                };
                tell(Node::Text(Cow::Owned(letter.to_string())))?;
            }
            Event::DocType(_) => return Err(BadDocument::Entities),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof if depth > 0 => return Err(BadDocument::damaged("its XML is cut off")),
            Event::Eof => return Ok(()),
        }
    }
}

/// An attribute by its name without a prefix.
pub(super) fn attribute(open: &BytesStart<'_>, name: &[u8]) -> Option<String> {
    open.attributes()
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == name)
        .and_then(|attribute| Some(attribute.unescape_value().ok()?.into_owned()))
}
