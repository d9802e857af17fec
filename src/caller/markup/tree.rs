//! XML as a tree of elements, as strict as the carrier.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use reqwest::Method;

use super::{BadMarkup, Link};

/// An element with all that is in it.
#[derive(Debug, Default)]
pub struct Element {
    /// Its name.
    pub name: String,
    attributes: Vec<(String, String)>,
    /// The text that is directly in it.
    pub text: String,
    /// What is in it, in order.
    pub children: Vec<Element>,
}

impl Element {
    /// The value of this attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first element of this name in it.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The method that this attribute names, POST unless set.
    ///
    /// # Errors
    /// It is neither GET nor POST.
    pub fn method(&self, attribute: &'static str) -> Result<Method, BadMarkup> {
        match self.attribute(attribute) {
            None | Some("POST") => Ok(Method::POST),
            Some("GET") => Ok(Method::GET),
            Some(value) => Err(BadMarkup::Value { attribute, value: value.to_owned() }),
        }
    }

    /// An address with its method, if the attribute is there and not empty.
    ///
    /// # Errors
    /// As [`Element::method`].
    pub fn link(&self, attribute: &str, method: &'static str) -> Result<Option<Link>, BadMarkup> {
        let method = self.method(method)?;
        let url = self.attribute(attribute).map(str::trim).filter(|url| !url.is_empty());
        Ok(url.map(|url| Link { url: url.to_owned(), method }))
    }

    /// Whether the attribute is `true`; `unless_set` where it is not there.
    ///
    /// # Errors
    /// It is neither `true` nor `false`.
    pub fn flag(&self, attribute: &'static str, unless_set: bool) -> Result<bool, BadMarkup> {
        match self.attribute(attribute) {
            None => Ok(unless_set),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(value) => Err(BadMarkup::Value { attribute, value: value.to_owned() }),
        }
    }

    /// The whole number of this attribute, if it is there.
    ///
    /// # Errors
    /// It is no number, or above `most`.
    pub fn number(&self, attribute: &'static str, most: u64) -> Result<Option<u64>, BadMarkup> {
        let Some(value) = self.attribute(attribute) else { return Ok(None) };
        let number = value.trim().parse().ok().filter(|number| *number <= most);
        let wrong = || BadMarkup::Value { attribute, value: value.to_owned() };
        number.map(Some).ok_or_else(wrong)
    }

    /// The words of an attribute that holds several.
    #[must_use]
    pub fn words(&self, attribute: &str) -> Vec<String> {
        let value = self.attribute(attribute).unwrap_or_default();
        value.split_ascii_whitespace().map(ToOwned::to_owned).collect()
    }
}

/// The document as a tree. Elements nest at most 16 deep: TwiML has 4.
///
/// # Errors
/// It is not well-formed, or no `<Response>`.
pub fn tree(text: &str) -> Result<Element, BadMarkup> {
    let xml = |error: &dyn std::fmt::Display| BadMarkup::Xml(error.to_string());
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        let done = match reader.read_event().map_err(|error| xml(&error))? {
            Event::Start(start) => {
                if root.is_some() {
                    return Err(BadMarkup::Xml("more than one root element".to_owned()));
                }
                if open.len() >= 16 {
                    return Err(BadMarkup::Xml("elements nest too deep".to_owned()));
                }
                open.push(element(&start)?);
                None
            }
            Event::Empty(start) => Some(element(&start)?),
            // The reader has checked that it closes the one that is open.
            Event::End(_) => open.pop(),
            Event::Text(piece) => {
                let piece = piece.xml_content().map_err(|error| xml(&error))?;
                append(&mut open, &piece)?;
                None
            }
            Event::CData(piece) => {
                let piece = piece.decode().map_err(|error| xml(&error))?;
                append(&mut open, &piece)?;
                None
            }
            Event::GeneralRef(reference) => {
                let piece = if let Some(char) =
                    reference.resolve_char_ref().map_err(|error| xml(&error))?
                {
                    char.to_string()
                } else {
                    let name = reference.decode().map_err(|error| xml(&error))?;
                    let known = quick_xml::escape::resolve_predefined_entity(&name);
                    known.ok_or_else(|| xml(&format!("unknown entity &{name};")))?.to_owned()
                };
                append(&mut open, &piece)?;
                None
            }
            Event::Eof if open.is_empty() => return root.ok_or(BadMarkup::NoResponse),
            Event::Eof => return Err(BadMarkup::Xml("an element is not closed".to_owned())),
            Event::DocType(_) => {
                return Err(BadMarkup::Xml("a document type is not accepted".to_owned()));
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => None,
        };
        if let Some(element) = done {
            match open.last_mut() {
                Some(parent) => parent.children.push(element),
                None if root.is_none() => root = Some(element),
                None => return Err(BadMarkup::Xml("more than one root element".to_owned())),
            }
        }
    }
}

fn append(open: &mut [Element], piece: &str) -> Result<(), BadMarkup> {
    match open.last_mut() {
        Some(element) => element.text.push_str(piece),
        None if piece.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']).is_empty() => {}
        None => return Err(BadMarkup::Xml("text outside the root element".to_owned())),
    }
    Ok(())
}

fn element(start: &BytesStart<'_>) -> Result<Element, BadMarkup> {
    let text = |bytes: &[u8]| {
        String::from_utf8(bytes.to_vec()).map_err(|_| BadMarkup::Xml("not UTF-8".to_owned()))
    };
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| BadMarkup::Xml(error.to_string()))?;
        let value =
            attribute.unescape_value().map_err(|error| BadMarkup::Xml(error.to_string()))?;
        attributes.push((text(attribute.key.as_ref())?, value.into_owned()));
    }
    Ok(Element { name: text(start.name().as_ref())?, attributes, ..Element::default() })
}
