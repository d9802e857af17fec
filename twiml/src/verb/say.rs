//! `<Say>`: the carrier's own voice.

use std::fmt;

use crate::xml::Element;

/// A text that the carrier speaks. Plain text: markup in it is spoken, not obeyed. "12345" is read
/// as one number, "1 2 3 4 5" as digits.
#[derive(Clone, Debug)]
pub struct Say {
    pub(crate) element: Element,
}

impl Say {
    pub fn new(text: impl Into<String>) -> Self {
        Self { element: Element::with_text("Say", text) }
    }

    /// Repeats until the caller hangs up (the carrier stops after a thousand times).
    #[must_use]
    pub fn repeat_until_hangup(mut self) -> Self {
        self.element.set("loop", 0);
        self
    }
}

attributes! {
    impl Say {
        /// Whose voice, the account's setting unless set.
        set voice(Voice) => "voice";
        /// The language as in `en-US`, which must fit the voice or the verb fails.
        set language(String) => "language";
        /// How often, 1 to 1000 times, once unless set.
        range repeat(1..=1_000) => "loop";
    }
}

impl From<&str> for Say {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Say {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// A voice of the carrier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voice {
    Man,
    Woman,
    /// A voice of Amazon Polly, without the prefix: `Joanna-Neural`.
    Polly(String),
    /// A voice of Google, without the prefix: `en-US-Standard-A`.
    Google(String),
}

impl fmt::Display for Voice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Man => f.write_str("man"),
            Self::Woman => f.write_str("woman"),
            Self::Polly(name) => write!(f, "Polly.{name}"),
            Self::Google(name) => write!(f, "Google.{name}"),
        }
    }
}
