//! What is bound to a statement, as both engines keep it.

use chrono::{DateTime, SubsecRound, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::domain::ids::Identifier;

/// A value that is bound.
#[derive(Clone, Debug)]
pub enum Val {
    Bool(Option<bool>),
    Int(Option<i64>),
    Float(Option<f64>),
    Text(Option<String>),
    Uuid(Option<Uuid>),
    Time(Option<DateTime<Utc>>),
    Json(Option<Value>),
    Bytes(Option<Vec<u8>>),
}

macro_rules! vals {
    ($($kind:ident: $($of:ty),+;)*) => {$($(
        impl From<$of> for Val {
            fn from(value: $of) -> Val { Val::$kind(Some(value.into())) }
        }
        impl From<Option<$of>> for Val {
            fn from(value: Option<$of>) -> Val { Val::$kind(value.map(Into::into)) }
        }
    )+)*};
}

vals! {
    Bool: bool;
    Int: i64, i32, u32, u8;
    Float: f64, f32;
    Text: String, &str;
    Uuid: Uuid;
    Time: DateTime<Utc>;
    Json: Value;
    Bytes: Vec<u8>;
}

impl<I: Identifier> From<I> for Val {
    fn from(id: I) -> Val {
        Val::Uuid(Some(id.into()))
    }
}

impl<I: Identifier> From<Option<I>> for Val {
    fn from(id: Option<I>) -> Val {
        Val::Uuid(id.map(Into::into))
    }
}

impl Val {
    /// The same, if it is a time, as both engines keep it: to the microsecond.
    pub(super) fn kept(self) -> Val {
        match self {
            Val::Time(time) => Val::Time(time.map(|time| time.trunc_subsecs(6))),
            // PostgreSQL has no place for it, neither in text nor in JSON.
            Val::Text(Some(text)) if text.contains('\0') => Val::Text(Some(without_nul(&text))),
            Val::Json(Some(mut json)) => {
                strip_nul(&mut json);
                Val::Json(Some(json))
            }
            other => other,
        }
    }
}

fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Takes U+0000 out of all texts and keys.
fn strip_nul(json: &mut Value) {
    match json {
        Value::String(text) if text.contains('\0') => *text = without_nul(text),
        Value::Array(values) => values.iter_mut().for_each(strip_nul),
        Value::Object(map) => {
            map.values_mut().for_each(strip_nul);
            if map.keys().any(|key| key.contains('\0')) {
                let entries = std::mem::take(map).into_iter();
                *map = entries.map(|(key, value)| (without_nul(&key), value)).collect();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
