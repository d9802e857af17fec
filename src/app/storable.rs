//! What both databases can keep. PostgreSQL's TEXT and JSONB refuse U+0000, which JSON may hold: that
//! is the client's fault, and is said before the store is asked.

use serde_json::{Map, Value};

use super::Error;

/// Goes on if the text can be kept.
///
/// # Errors
/// [`Error::Invalid`].
pub(super) fn text(field: &'static str, text: &str) -> Result<(), Error> {
    match text.contains('\0') {
        true => Err(Error::invalid(field, "must not contain U+0000")),
        false => Ok(()),
    }
}

/// Goes on if all texts of the object, and its keys, can be kept.
///
/// # Errors
/// [`Error::Invalid`].
pub(super) fn object(field: &'static str, object: &Map<String, Value>) -> Result<(), Error> {
    object.iter().try_for_each(|(key, value)| {
        text(field, key)?;
        self::value(field, value)
    })
}

fn value(field: &'static str, value: &Value) -> Result<(), Error> {
    match value {
        Value::String(string) => text(field, string),
        Value::Array(values) => values.iter().try_for_each(|one| self::value(field, one)),
        Value::Object(map) => object(field, map),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}
