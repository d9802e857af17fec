//! How the API spells things in JSON: numbers as text, times as in e-mail, words that may be new.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use std::str::FromStr;

/// A word, a number or a party, written as text.
pub fn word<'de, D: Deserializer<'de>, T: FromStr>(text: D) -> Result<T, D::Error> {
    let text = String::deserialize(text)?;
    text.parse().map_err(|_| serde::de::Error::custom("a word that is not of its kind"))
}

/// As [`word`], or nothing where it is null, empty, or not of its kind.
pub fn word_if_any<'de, D: Deserializer<'de>, T: FromStr>(text: D) -> Result<Option<T>, D::Error> {
    let text = Option::<Lenient>::deserialize(text)?;
    let text = text.map(|text| match text {
        Lenient::Text(text) => text,
        Lenient::Number(number) => number.to_string(),
    });
    Ok(text.filter(|text| !text.is_empty()).and_then(|text| text.parse().ok()))
}

/// Numbers that are text in one resource are numbers in another.
#[derive(Deserialize)]
#[serde(untagged)]
enum Lenient {
    Text(String),
    Number(serde_json::Number),
}

/// A time as in e-mail (RFC 2822), as this API has them.
pub fn time<'de, D: Deserializer<'de>>(text: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let text = Option::<String>::deserialize(text)?;
    let time = text.and_then(|text| DateTime::parse_from_rfc2822(&text).ok());
    Ok(time.map(|time| time.with_timezone(&Utc)))
}

/// Null as the kind's own nothing: false, zero, empty.
pub fn or_nothing<'de, D, T>(value: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    Ok(Option::<T>::deserialize(value)?.unwrap_or_default())
}
