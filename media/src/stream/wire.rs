//! Scalars as the carrier spells them, and JSON strings as we spell them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

/// A string that is borrowed wherever it holds no escape. (`Option<Cow<str>>` would always own.)
pub(super) struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn into_cow(self) -> Cow<'a, str> {
        self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text)))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

/// A count that one carrier sends as a string and another as a number.
#[derive(Clone, Copy)]
pub(super) struct Counter(u64);

impl Counter {
    pub(super) fn get(self) -> u64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Counter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CounterVisitor;

        impl Visitor<'_> for CounterVisitor {
            type Value = Counter;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, or a string of one")
            }

            fn visit_u64<E: Error>(self, count: u64) -> Result<Self::Value, E> {
                Ok(Counter(count))
            }

            /// A time that was computed as a fraction of a millisecond is still a time.
            fn visit_f64<E: Error>(self, count: f64) -> Result<Self::Value, E> {
                if (0.0..9.0e15).contains(&count) {
                    Ok(Counter(count as u64))
                } else {
                    Err(E::invalid_value(Unexpected::Float(count), &self))
                }
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                match text.parse() {
                    Ok(count) => Ok(Counter(count)),
                    Err(_) => Err(E::invalid_value(Unexpected::Str("text"), &self)),
                }
            }
        }

        deserializer.deserialize_any(CounterVisitor)
    }
}

/// Appends `text` as a JSON string, quotes included.
pub(super) fn push_json_string(out: &mut String, text: &str) {
    out.push('"');
    let mut plain_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        // Only ASCII is escaped, so `at` is always at a character's edge.
        out.push_str(&text[plain_from..at]);
        plain_from = at + 1;
        if byte >= 0x20 {
            out.push('\\');
            out.push(char::from(byte));
        } else {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.push_str("\\u00");
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out.push_str(&text[plain_from..]);
    out.push('"');
}
