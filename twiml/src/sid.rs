//! The carrier's identifiers, each its own type, parsed once at the edge.
//!
//! The carrier documents two letters and 32 hexadecimal digits. Examples, test tools and other
//! carriers that speak the same protocol are shorter or longer, so what is asked for is the
//! prefix and 1 to 64 ASCII letters or digits: enough to keep one kind from passing for another,
//! and to keep anything that could matter in a path, a log or a query out.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Why a text is not the identifier that was wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSid {
    #[error("an identifier that begins with {wanted} was wanted")]
    Prefix { wanted: &'static str },
    #[error("{wanted} must be followed by 1 to 64 ASCII letters or digits")]
    Tail { wanted: &'static str },
}

fn check(text: &str, prefixes: &[&'static str]) -> Result<(), InvalidSid> {
    let wanted = prefixes[0];
    let tail = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix));
    let tail = tail.ok_or(InvalidSid::Prefix { wanted })?;
    if !(1..=64).contains(&tail.len()) || !tail.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(InvalidSid::Tail { wanted });
    }
    Ok(())
}

macro_rules! sids {
    ($($(#[$doc:meta])* $name:ident: $($prefix:literal)|+;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(Box<str>);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidSid;

            fn from_str(text: &str) -> Result<Self, InvalidSid> {
                check(text, &[$($prefix),+])?;
                Ok(Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidSid;

            fn try_from(text: String) -> Result<Self, InvalidSid> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(sid: $name) -> Self {
                sid.0.into()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

sids! {
    /// The account that owns a call or a number; a subaccount has its own.
    AccountSid: "AC";
    /// One phone call, from ring to hang-up.
    CallSid: "CA";
    /// One audio connection of a call; a redirected call has several, one after another.
    StreamSid: "MZ";
    /// One conference room, from its first participant to its end.
    ConferenceSid: "CF";
    /// One recording.
    RecordingSid: "RE";
    /// One text message; `MM` if it carries media.
    MessageSid: "SM" | "MM";
    /// A group of numbers that send messages under common settings.
    MessagingServiceSid: "MG";
    /// One telephone number that an account owns.
    PhoneNumberSid: "PN";
    /// One queue of waiting calls.
    QueueSid: "QU";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sid_is_its_prefix_and_a_tail() {
        let sid: CallSid = "CA1234567890abcdef".parse().expect("a call's");
        assert_eq!(sid.to_string(), "CA1234567890abcdef");
        assert_eq!("MM01".parse::<MessageSid>().map(String::from), Ok("MM01".to_owned()));
        let longest = format!("MZ{}", "0".repeat(64));
        assert!(longest.parse::<StreamSid>().is_ok());
    }

    #[test]
    fn anything_else_is_refused_with_what_was_wanted() {
        assert_eq!("MZ00".parse::<CallSid>(), Err(InvalidSid::Prefix { wanted: "CA" }));
        assert_eq!("ca00".parse::<CallSid>(), Err(InvalidSid::Prefix { wanted: "CA" }));
        for tail in ["", "é", "../x", "a b", "a\n"] {
            let found = format!("CA{tail}").parse::<CallSid>();
            assert_eq!(found, Err(InvalidSid::Tail { wanted: "CA" }), "{tail:?}");
        }
        assert!(format!("CA{}", "0".repeat(65)).parse::<CallSid>().is_err());
    }

    #[test]
    fn json_holds_the_text_and_is_checked() {
        let sid: StreamSid = serde_json::from_str("\"MZ01\"").expect("a stream's");
        assert_eq!(serde_json::to_string(&sid).expect("text"), "\"MZ01\"");
        assert!(serde_json::from_str::<StreamSid>("\"CA01\"").is_err());
    }
}
