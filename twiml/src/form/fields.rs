//! How typed requests are read from a form, and where the rest of it stays.

use std::{
    collections::{BTreeMap, btree_map},
    fmt,
    str::FromStr,
};

use chrono::{DateTime, Utc};

use super::{Form, FormError};

/// Fields that have no place of their own: unknown ones, and known ones that did not parse. Of a
/// repeated name the first value. `Debug` shows the names alone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OtherFields(BTreeMap<String, String>);

impl OtherFields {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Every field, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for OtherFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

/// A form being read: each field is taken once, what is left is `other`.
pub(super) struct Fields(BTreeMap<String, String>);

impl Fields {
    pub(super) fn of(form: &Form) -> Self {
        let mut fields = BTreeMap::new();
        for (name, value) in form.iter() {
            fields.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
        Self(fields)
    }

    /// What the request is about: an error unless it is there and parses.
    pub(super) fn required<T: FromStr>(&mut self, name: &'static str) -> Result<T, FormError> {
        let text = self.0.remove(name).ok_or(FormError::Missing { name })?;
        text.parse().map_err(|_| FormError::Malformed { name })
    }

    /// A value that is taken if it is there, not empty, and parses. Else it stays for `other`.
    pub(super) fn optional<T: FromStr>(&mut self, name: &str) -> Option<T> {
        self.optional_by(name, |text| text.parse().ok())
    }

    pub(super) fn optional_by<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let btree_map::Entry::Occupied(entry) = self.0.entry(name.to_owned()) else { return None };
        let value = if entry.get().is_empty() { None } else { parse(entry.get()) };
        if value.is_some() {
            entry.remove();
        }
        value
    }

    /// Text that means something even when it is empty.
    pub(super) fn text<T: From<String>>(&mut self, name: &str) -> Option<T> {
        self.0.remove(name).map(T::from)
    }

    /// A time: RFC 2822 in callbacks of calls, ISO 8601 in those of streams. Either is taken
    /// anywhere, as carriers and test tools mix them.
    pub(super) fn time(&mut self, name: &str) -> Option<DateTime<Utc>> {
        self.optional_by(name, |text| {
            let time = DateTime::parse_from_rfc2822(text).or(DateTime::parse_from_rfc3339(text));
            time.ok().map(|time| time.with_timezone(&Utc))
        })
    }

    pub(super) fn rest(self) -> OtherFields {
        OtherFields(self.0)
    }
}

/// Enums of the carrier's words that keep a word they do not know.
macro_rules! open_words {
    ($($(#[$doc:meta])* $name:ident {
        $($(#[$variant_doc:meta])* $variant:ident => $word:literal,)+
    })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// A word that this version does not know.
            Other(String),
        }

        impl $name {
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::convert::Infallible;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                Ok(match word {
                    $($word => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                })
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )+};
}

pub(super) use open_words;
