//! Why a TwiML value was refused.

use std::ops::RangeInclusive;

/// A value that the carrier would refuse, or quietly drop. The message names the element and the
/// attribute, never the value of anything that may be secret or personal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("{attribute} of <{element}> must be {min} to {max}, not {given}")]
    Range { element: &'static str, attribute: &'static str, min: u32, max: u32, given: u32 },

    #[error("{what} of <{element}> may have {max} {unit}, not {given}")]
    TooLong {
        element: &'static str,
        what: &'static str,
        max: usize,
        given: usize,
        unit: &'static str,
    },

    #[error("{what} of <{element}> must not be empty")]
    Empty { element: &'static str, what: &'static str },

    #[error("{what} of <{element}> may hold only {allowed}")]
    Characters { element: &'static str, what: &'static str, allowed: &'static str },

    #[error("<{element}> already has {what}")]
    Twice { element: &'static str, what: &'static str },

    #[error("key tones must be 1 to 32 of 0-9, *, #, w and W")]
    Tones,

    #[error("a dialled number must be E.164: a plus and up to fifteen digits")]
    Number,

    #[error("a SIP address must begin with sip: or sips: and hold no white space")]
    SipAddress,

    #[error("a dial rings at most {max} parties at once")]
    TooManyParties { max: usize },

    #[error("the stream address has a query string, which the carrier drops: use parameters")]
    StreamQuery,

    #[error("the stream address has a fragment, which is never sent")]
    StreamFragment,

    #[error("the stream address must be relative, wss:// or, on this machine, ws://")]
    StreamScheme,

    #[error("the stream address names no host")]
    StreamHost,

    #[error("{attribute} of <{element}> must be an absolute http or https address")]
    Relative { element: &'static str, attribute: &'static str },
}

impl Invalid {
    pub(crate) fn check_range(
        element: &'static str,
        attribute: &'static str,
        range: RangeInclusive<u32>,
        given: u32,
    ) -> Result<(), Self> {
        if range.contains(&given) {
            return Ok(());
        }
        Err(Self::Range { element, attribute, min: *range.start(), max: *range.end(), given })
    }

    /// Refuses empty text and text above `max` characters.
    pub(crate) fn check_text(
        element: &'static str,
        what: &'static str,
        max: usize,
        text: &str,
    ) -> Result<(), Self> {
        if text.is_empty() {
            return Err(Self::Empty { element, what });
        }
        let given = text.chars().count();
        if given > max {
            return Err(Self::TooLong { element, what, max, given, unit: "characters" });
        }
        Ok(())
    }
}
