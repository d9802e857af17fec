//! How attributes are declared, and the values that several verbs share.

use std::fmt;

use crate::Invalid;

/// Enums whose variants are the carrier's words. `ALL` lists them for tests and help texts.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident {
        $($(#[$variant_doc:meta])* $variant:ident => $word:literal,)+
    })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )+};
}

/// Methods that set attributes of the `element` of a verb, a table to read:
///
/// * `set method(Type) => "attribute"` takes what becomes a `Type`,
/// * `range method(1..=9) => "attribute"` takes a number and refuses others,
/// * `text method(50) => "attribute"` refuses empty text and text of more characters,
/// * `events method(Type) => "callback" "events"` takes an address and which events to send
///   there; none named leaves the carrier's default.
macro_rules! attributes {
    (impl<$($generic:ident),+> $type:ty { $($table:tt)* }) => {
        impl<$($generic),+> $type { attributes!(@table $($table)*); }
    };
    (impl $type:ty { $($table:tt)* }) => {
        impl $type { attributes!(@table $($table)*); }
    };
    (@table $(
        $(#[$doc:meta])* $kind:ident $method:ident $argument:tt => $($attribute:literal)+;
    )*) => {
        $(attributes!(@$kind [$(#[$doc])*] $method $argument $($attribute)+);)*
    };
    (@set [$($doc:tt)*] $method:ident ($type:ty) $attribute:literal) => {
        $($doc)*
        #[must_use]
        pub fn $method(mut self, value: impl Into<$type>) -> Self {
            let value: $type = value.into();
            self.element.set($attribute, value);
            self
        }
    };
    (@range [$($doc:tt)*] $method:ident ($range:expr) $attribute:literal) => {
        $($doc)*
        pub fn $method(mut self, value: u32) -> Result<Self, crate::Invalid> {
            crate::Invalid::check_range(self.element.name(), $attribute, $range, value)?;
            self.element.set($attribute, value);
            Ok(self)
        }
    };
    (@text [$($doc:tt)*] $method:ident ($max:expr) $attribute:literal) => {
        $($doc)*
        pub fn $method(mut self, value: impl AsRef<str>) -> Result<Self, crate::Invalid> {
            let value = value.as_ref();
            crate::Invalid::check_text(self.element.name(), $attribute, $max, value)?;
            self.element.set($attribute, value);
            Ok(self)
        }
    };
    (@events [$($doc:tt)*] $method:ident ($type:ty) $attribute:literal $events:literal) => {
        $($doc)*
        #[must_use]
        pub fn $method(
            mut self,
            to: impl Into<crate::Link>,
            events: impl IntoIterator<Item = $type>,
        ) -> Self {
            self.element.set($attribute, to.into());
            if let Some(words) = crate::verb::attribute::words_of(events) {
                self.element.set($events, words);
            }
            self
        }
    };
}

/// The words of a multi-value attribute: each once, in the order of their enum.
pub(super) fn words_of<T: Ord + fmt::Display>(
    events: impl IntoIterator<Item = T>,
) -> Option<String> {
    let mut events: Vec<T> = events.into_iter().collect();
    events.sort_unstable();
    events.dedup();
    let words: Vec<String> = events.iter().map(T::to_string).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// Seconds that the carrier documents as a number without an upper limit: an hour is refused no
/// one's use, and a number of milliseconds given by mistake is noticed.
pub(super) const UP_TO_AN_HOUR: std::ops::RangeInclusive<u32> = 1..=3_600;

words! {
    /// How the carrier asks: parameters in the body or in the query.
    Method {
        Get => "GET",
        Post => "POST",
    }
    /// Whose audio, seen from the carrier: *inbound* is what it receives from the other party.
    Track {
        Inbound => "inbound_track",
        Outbound => "outbound_track",
        /// Counts as two of the four tracks that a call may fork.
        Both => "both_tracks",
    }
    /// Whether silence at both ends of a recording is cut.
    Trim {
        TrimSilence => "trim-silence",
        DoNotTrim => "do-not-trim",
    }
    /// What a recording's callback may tell.
    RecordingProgress {
        InProgress => "in-progress",
        Completed => "completed",
        /// Nothing was recorded.
        Absent => "absent",
    }
    /// What a dialled call's callback may tell.
    CallProgress {
        Initiated => "initiated",
        Ringing => "ringing",
        Answered => "answered",
        Completed => "completed",
    }
    /// A key of the telephone.
    Key {
        Zero => "0",
        One => "1",
        Two => "2",
        Three => "3",
        Four => "4",
        Five => "5",
        Six => "6",
        Seven => "7",
        Eight => "8",
        Nine => "9",
        Star => "*",
        Pound => "#",
    }
}

/// Keys to be dialled: `0` to `9`, `*`, `#`, with `w` for a wait of half a second and `W` for one
/// of a second. At most 32.
#[derive(Clone, PartialEq, Eq)]
pub struct Tones(String);

impl Tones {
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        let allowed = |byte| matches!(byte, b'0'..=b'9' | b'*' | b'#' | b'w' | b'W');
        if !(1..=32).contains(&text.len()) || !text.bytes().all(allowed) {
            return Err(Invalid::Tones);
        }
        Ok(Self(text))
    }
}

impl fmt::Display for Tones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Hidden: tones are PINs and extensions.
impl fmt::Debug for Tones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} tones>", self.0.len())
    }
}
