//! The one XML writer: elements as a tree, and the tree as text that every parser reads back.
//!
//! Callers hand over plain text; nothing else in this crate escapes anything. The writer adds no
//! white space of its own, because text inside `<Say>` is spoken and text inside `<Redirect>` is
//! an address. What XML 1.0 cannot carry at all is left out: a control character in a model's
//! answer must not make the carrier drop the call.

use std::fmt::{self, Write};

/// The first line of every document.
pub(crate) const DECLARATION: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;

/// One element: its attributes in the order they were first set, then its content.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    content: Vec<Node>,
}

#[derive(Clone, PartialEq, Eq)]
enum Node {
    Element(Element),
    Text(String),
}

impl Element {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), content: Vec::new() }
    }

    pub(crate) fn with_text(name: &'static str, text: impl Into<String>) -> Self {
        let mut element = Self::new(name);
        element.content.push(Node::Text(text.into()));
        element
    }

    pub(crate) fn with_child(name: &'static str, child: Element) -> Self {
        let mut element = Self::new(name);
        element.push(child);
        element
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Sets an attribute; an earlier value of it is replaced, as XML allows only one.
    pub(crate) fn set(&mut self, name: &'static str, value: impl fmt::Display) {
        let value = value.to_string();
        match self.attributes.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.attributes.push((name, value)),
        }
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn attributes(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.attributes.iter().map(|(name, value)| (*name, value.as_str()))
    }

    pub(crate) fn push(&mut self, child: Element) {
        self.content.push(Node::Element(child));
    }

    pub(crate) fn children(&self) -> impl Iterator<Item = &Element> {
        self.content.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    pub(crate) fn children_mut(&mut self) -> impl Iterator<Item = &mut Element> {
        self.content.iter_mut().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    pub(crate) fn text(&self) -> Option<&str> {
        self.content.iter().find_map(|node| match node {
            Node::Text(text) => Some(text.as_str()),
            Node::Element(_) => None,
        })
    }

    /// Turns the text of an element into a child element that holds the same text.
    pub(crate) fn wrap_text(&mut self, name: &'static str) {
        for node in &mut self.content {
            if let Node::Text(text) = node {
                *node = Node::Element(Element::with_text(name, std::mem::take(text)));
            }
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}", self.name)?;
        for (name, value) in &self.attributes {
            write!(f, " {name}=\"")?;
            escape(value, f, Place::Attribute)?;
            f.write_char('"')?;
        }
        if self.content.is_empty() {
            return f.write_str("/>");
        }
        f.write_char('>')?;
        for node in &self.content {
            match node {
                Node::Element(child) => write!(f, "{child}")?,
                Node::Text(text) => escape(text, f, Place::Text)?,
            }
        }
        write!(f, "</{}>", self.name)
    }
}

/// Names only: values hold phone numbers, tokens and passwords.
impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if self.content.iter().any(|node| matches!(node, Node::Element(_))) {
            f.write_char(' ')?;
            f.debug_list().entries(self.children()).finish()?;
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Text,
    Attribute,
}

fn escape(text: &str, f: &mut fmt::Formatter<'_>, place: Place) -> fmt::Result {
    // Most text needs no escape: write the runs between the characters that do in one piece.
    let mut written = 0;
    for (at, character) in text.char_indices() {
        let instead = match character {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            '\'' => "&apos;",
            // A parser turns a bare CR into LF, and in an attribute both and tabs into spaces.
            '\r' => "&#13;",
            '\n' if place == Place::Attribute => "&#10;",
            '\t' if place == Place::Attribute => "&#9;",
            allowed if is_xml(allowed) => continue,
            _ => "",
        };
        f.write_str(&text[written..at])?;
        f.write_str(instead)?;
        written = at + character.len_utf8();
    }
    f.write_str(&text[written..])
}

/// May the character stand in an XML 1.0 document, escaped or not?
pub(crate) fn is_xml(character: char) -> bool {
    matches!(
        character,
        '\t' | '\n' | '\r'
            | '\u{20}'..='\u{D7FF}'
            | '\u{E000}'..='\u{FFFD}'
            | '\u{10000}'..='\u{10FFFF}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quick_xml::events::Event;

    use super::*;

    /// What quick-xml finds in `<T a="…">…</T>`: the attribute's value and the text.
    fn read_back(xml: &str) -> (String, String) {
        let mut reader = quick_xml::Reader::from_str(xml);
        reader.config_mut().check_end_names = true;
        let (mut attribute, mut text) = (String::new(), String::new());
        loop {
            match reader.read_event().expect("well-formed") {
                Event::Start(start) | Event::Empty(start) => {
                    let found = start.attributes().next().expect("one").expect("well-formed");
                    attribute = found.unescape_value().expect("known references").into_owned();
                }
                Event::Text(part) => text.push_str(&part.decode().expect("UTF-8")),
                Event::GeneralRef(reference) => {
                    if let Some(character) = reference.resolve_char_ref().expect("a character") {
                        text.push(character);
                    } else {
                        let name = reference.decode().expect("UTF-8");
                        text.push_str(
                            quick_xml::escape::resolve_xml_entity(&name).expect("predefined"),
                        );
                    }
                }
                Event::Eof => return (attribute, text),
                _ => {}
            }
        }
    }

    fn carried(text: &str) -> String {
        text.chars().filter(|character| is_xml(*character)).collect()
    }

    fn written(text: &str) -> String {
        let mut element = Element::with_text("T", text);
        element.set("a", text);
        element.to_string()
    }

    #[test]
    fn marks_and_quotes_are_escaped_everywhere() {
        let xml = written(r#"a<b> & "c" 'd'"#);
        let escaped = "a&lt;b&gt; &amp; &quot;c&quot; &apos;d&apos;";
        assert_eq!(xml, format!(r#"<T a="{escaped}">{escaped}</T>"#));
    }

    #[test]
    fn what_xml_cannot_carry_is_left_out() {
        let xml = written("a\u{0}b\u{8}\u{B}\u{1F}c\u{FFFE}\u{FFFF}");
        assert_eq!(xml, r#"<T a="abc">abc</T>"#);
    }

    #[test]
    fn line_ends_and_tabs_survive_a_parser() {
        let text = "one\r\ntwo\rthree\nfour\tfive";
        assert_eq!(read_back(&written(text)), (text.to_owned(), text.to_owned()));
    }

    #[test]
    fn a_value_set_twice_is_written_once() {
        let mut element = Element::new("T");
        element.set("a", 1);
        element.set("b", 2);
        element.set("a", 3);
        assert_eq!(element.to_string(), r#"<T a="3" b="2"/>"#);
    }

    proptest! {
        #[test]
        fn any_text_survives_writing_and_reading(text in any::<String>()) {
            let (attribute, content) = read_back(&written(&text));
            prop_assert_eq!(attribute, carried(&text));
            prop_assert_eq!(content, carried(&text));
        }

        #[test]
        fn text_made_of_marks_survives(text in "[<>&'\"\\]!\\-\\[CDATA?;#x0-9 \t\r\n\u{0}-\u{1f}]{0,60}") {
            let (attribute, content) = read_back(&written(&text));
            prop_assert_eq!(attribute, carried(&text));
            prop_assert_eq!(content, carried(&text));
        }
    }
}
