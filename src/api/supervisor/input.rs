//! Input, parsed: what is wrong with it is said in this dialect's shape, with the field's name.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request, rejection::BytesRejection},
    http::{StatusCode, request::Parts},
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use super::error::Problem;

/// A JSON body.
pub struct Body<T>(pub T);

/// A JSON body that may be left out.
pub struct MaybeBody<T>(pub T);

/// The query's parameters.
pub struct Params<T>(pub T);

/// An identifier in the path. What is none is no such thing (404), in the words of the noun.
pub struct Id<T>(pub T);

async fn bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(error)
            if error.status() == StatusCode::PAYLOAD_TOO_LARGE =>
        {
            Problem::invalid("", "The body is too large")
        }
        _ => Problem::invalid("", "The body could not be read"),
    })
}

/// Does a string of this JSON hold the character U+0000, which PostgreSQL cannot keep? JSON has it
/// escaped only.
fn has_nul(json: &[u8]) -> bool {
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        if *byte == b'\\' {
            let rest = bytes.as_slice();
            if rest.starts_with(b"u0000") {
                return true;
            }
            bytes.next();
        }
    }
    false
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if has_nul(bytes) {
        return Err(Problem::invalid("", "The body must not contain the character U+0000"));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let parsed: T = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_syntax() || inner.is_eof() {
            return Problem::invalid("", "The body must be JSON");
        }
        let why = reason(&inner.to_string());
        if path == "." { Problem::invalid("", why) } else { Problem::invalid(&path, why) }
    })?;
    json.end().map_err(|_| Problem::invalid("", "The body must be one JSON value"))?;
    Ok(parsed)
}

/// The reason without serde's place in the text, which clients cannot use.
fn reason(message: &str) -> String {
    let end = message.rfind(" at line ").unwrap_or(message.len());
    format!("is wrong: {}", &message[..end])
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        parse(&bytes(request, state).await?).map(Body)
    }
}

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for MaybeBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = bytes(request, state).await?;
        match bytes.trim_ascii() {
            [] => Ok(MaybeBody(T::default())),
            _ => parse(&bytes).map(MaybeBody),
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if parts.uri.query().is_some_and(|query| query.contains("%00")) {
            return Err(Problem::invalid("", "The query must not contain the character U+0000"));
        }
        let Query(parsed) = Query::<T>::try_from_uri(&parts.uri).map_err(|rejection| {
            let text = rejection.body_text();
            let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            match text.split_once(": ") {
                Some((field, why)) => Problem::invalid(field, format!("is wrong: {why}")),
                None => Problem::invalid("", format!("The query is wrong: {text}")),
            }
        })?;
        Ok(Params(parsed))
    }
}

impl<T, S> FromRequestParts<S> for Id<T>
where
    T: Named,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let Path(pairs) = path.map_err(|_| Problem::not_found(T::NOUN))?;
        let text = pairs.iter().find(|(name, _)| name == T::NAME).map(|(_, text)| text.as_str());
        let id = text.and_then(|text| T::parse(text));
        id.map(Id).ok_or_else(|| Problem::not_found(T::NOUN))
    }
}

/// An identifier that stands in paths.
pub trait Named: Sized + Send {
    /// Its name in the path.
    const NAME: &'static str;
    /// What it is of, for "… not found".
    const NOUN: &'static str;
    /// The identifier, if the text is one.
    fn parse(text: &str) -> Option<Self>;
}

macro_rules! named {
    ($($id:ty: $name:literal, $noun:literal;)*) => {$(
        impl Named for $id {
            const NAME: &'static str = $name;
            const NOUN: &'static str = $noun;
            fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    )*};
}

named! {
    crate::domain::AgentId: "agent_id", "Agent";
    crate::domain::CallId: "call_id", "Call";
    crate::domain::BusinessId: "business_id", "Business configuration";
}

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident: $path:literal, $noun:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name(pub i64);
        impl Named for $name {
            const NAME: &'static str = $path;
            const NOUN: &'static str = $noun;
            fn parse(text: &str) -> Option<Self> {
                text.parse().ok().map($name)
            }
        }
    )*};
}

numbers! {
    /// A note's number.
    NoteNumber: "note_id", "Note";
    /// A knowledge entry's number.
    EntryNumber: "entry_id", "Knowledge entry";
    /// A notification's number.
    NotificationNumber: "id", "Notification";
}

/// For `#[serde(default, deserialize_with = "given")]`: it may be left out, but not null.
pub fn given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// What a parameter names; a blank one was not given.
///
/// # Errors
/// It names nothing: 400.
pub fn parsed<T>(field: &str, text: Option<&str>) -> Result<Option<T>, Problem>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    let parsed = text.map(str::parse::<T>).transpose();
    parsed.map_err(|error| Problem::invalid(field, said(&error.to_string())))
}

/// An identifier says "it is not an …", a bound "must be …".
fn said(error: &str) -> String {
    match error.strip_prefix("it is not") {
        Some(what) => format!("must be{what}"),
        None => error.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::has_nul;

    #[test]
    fn the_character_that_no_database_keeps_is_found_however_it_is_escaped() {
        assert!(has_nul(br#"{"note": "a\u0000b"}"#));
        assert!(!has_nul(br#"{"note": "a\\u0000b"}"#), "an escaped backslash");
        assert!(has_nul(br#""\\\u0000""#));
        assert!(!has_nul(br#"{"note": "u0000 \" \n"}"#));
    }
}
