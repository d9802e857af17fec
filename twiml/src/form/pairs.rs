//! The form itself: `application/x-www-form-urlencoded` bytes as ordered pairs, and back.

use std::fmt;

/// The fields of a request in the order in which they came, names repeated where they were.
///
/// `Debug` shows the names alone: the values are phone numbers, speech and tokens.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Form {
    pairs: Vec<(String, String)>,
}

/// Why a request is not a form, or not the one that was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    #[error("the form has {given} bytes; at most {max} are read")]
    TooLarge { max: usize, given: usize },
    #[error("the form has more than {max} fields")]
    TooManyFields { max: usize },
    #[error("field {field} of the form has a percent sign without two hexadecimal digits")]
    Escape { field: usize },
    #[error("field {field} of the form is not UTF-8")]
    Utf8 { field: usize },
    #[error("the form has no {name}")]
    Missing { name: &'static str },
    #[error("{name} of the form is malformed")]
    Malformed { name: &'static str },
}

impl Form {
    /// Bytes that are read at most.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// Fields that are read at most.
    pub const MAX_FIELDS: usize = 512;

    /// Reads a body, or the query of a GET without its question mark. Strict where the signature
    /// needs it: what is not exactly decodable is an error, never a replacement character.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormError> {
        if bytes.len() > Self::MAX_BYTES {
            return Err(FormError::TooLarge { max: Self::MAX_BYTES, given: bytes.len() });
        }
        let mut pairs = Vec::new();
        let parts = bytes.split(|byte| *byte == b'&').filter(|part| !part.is_empty());
        for (field, part) in parts.enumerate() {
            if field == Self::MAX_FIELDS {
                return Err(FormError::TooManyFields { max: Self::MAX_FIELDS });
            }
            let equals = part.iter().position(|byte| *byte == b'=');
            let (name, value) = match equals {
                Some(at) => (&part[..at], &part[at + 1..]),
                None => (part, &[][..]),
            };
            pairs.push((decode(name, field)?, decode(value, field)?));
        }
        Ok(Self { pairs })
    }

    /// Adds a field at the end. For our own tools, which send forms.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.pairs.push((name.into(), value.into()));
        self
    }

    /// The first value of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Every value of that name, in order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.iter().filter(move |(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Every field, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The form as a body or a query, which [`parse`](Self::parse) reads back.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.pairs {
            if !text.is_empty() {
                text.push('&');
            }
            encode(name, &mut text);
            text.push('=');
            encode(value, &mut text);
        }
        text
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Form {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self { pairs: pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Form ")?;
        f.debug_list().entries(self.pairs.iter().map(|(name, _)| name)).finish()
    }
}

fn decode(bytes: &[u8], field: usize) -> Result<String, FormError> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(*rest.next()?).to_digit(16);
                let pair = digit().and_then(|high| Some(high * 16 + digit()?));
                let value = pair.and_then(|value| u8::try_from(value).ok());
                value.ok_or(FormError::Escape { field })?
            }
            other => *other,
        });
    }
    String::from_utf8(decoded).map_err(|_| FormError::Utf8 { field })
}

fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => {
                into.push(char::from(byte));
            }
            b' ' => into.push('+'),
            other => into.push_str(&format!("%{other:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(form: &Form) -> Vec<(&str, &str)> {
        form.iter().collect()
    }

    #[test]
    fn fields_keep_their_order_repeats_and_empty_values() -> Result<(), FormError> {
        let form = Form::parse(b"b=2&a=%2B1&b=1+%C3%A9&&c=&d&=e&f=x=y")?;
        let expected =
            [("b", "2"), ("a", "+1"), ("b", "1 é"), ("c", ""), ("d", ""), ("", "e"), ("f", "x=y")];
        assert_eq!(pairs(&form), expected);
        assert_eq!(form.get("b"), Some("2"));
        assert_eq!(form.get_all("b").collect::<Vec<_>>(), ["2", "1 é"]);
        assert_eq!(form.get("B"), None);
        assert!(Form::parse(b"")?.is_empty());
        Ok(())
    }

    #[test]
    fn white_space_is_kept() -> Result<(), FormError> {
        assert_eq!(Form::parse(b"a=+x%0A%20")?.get("a"), Some(" x\n "));
        Ok(())
    }

    #[test]
    fn what_cannot_be_decoded_exactly_is_an_error() {
        assert_eq!(Form::parse(b"a=1&b=%"), Err(FormError::Escape { field: 1 }));
        assert_eq!(Form::parse(b"a=%2"), Err(FormError::Escape { field: 0 }));
        assert_eq!(Form::parse(b"a=%zz"), Err(FormError::Escape { field: 0 }));
        assert_eq!(Form::parse(b"a=%+1"), Err(FormError::Escape { field: 0 }));
        assert_eq!(Form::parse(b"%FF=1"), Err(FormError::Utf8 { field: 0 }));
        assert_eq!(Form::parse(b"a=\xC3"), Err(FormError::Utf8 { field: 0 }));
    }

    #[test]
    fn a_form_has_limits() {
        let full = vec![b'a'; Form::MAX_BYTES];
        assert!(Form::parse(&full).is_ok());
        let over = vec![b'a'; Form::MAX_BYTES + 1];
        assert_eq!(Form::parse(&over), Err(FormError::TooLarge { max: 65_536, given: 65_537 }));
        assert!(Form::parse("a&".repeat(512).as_bytes()).is_ok());
        let many = Form::parse("a&".repeat(513).as_bytes());
        assert_eq!(many, Err(FormError::TooManyFields { max: 512 }));
    }

    #[test]
    fn debug_shows_names_alone() {
        let form = Form::default().with("From", "+14158675309");
        assert_eq!(format!("{form:?}"), r#"Form ["From"]"#);
    }

    proptest! {
        #[test]
        fn any_form_survives_encoding(
            pairs in prop::collection::vec((any::<String>(), any::<String>()), 0..40),
        ) {
            let form: Form = pairs.into_iter().collect();
            prop_assert_eq!(Form::parse(form.encode().as_bytes()), Ok(form));
        }

        #[test]
        fn any_bytes_are_a_form_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            if let Ok(form) = Form::parse(&bytes) {
                prop_assert_eq!(Form::parse(form.encode().as_bytes()), Ok(form));
            }
        }

        #[test]
        fn bytes_of_a_forms_alphabet_never_panic(text in "[a-f0-9%&=+é]{0,120}") {
            let _ = Form::parse(text.as_bytes());
        }
    }
}
