//! `<Dial>`: joins the call with other parties.
//!
//! Either it rings [`Number`]s, [`Client`]s and [`Sip`] addresses, and the first to answer is
//! bridged; or it joins one [`Conference`], or one caller from a [`Queue`]. The two kinds are
//! different types, because `timeout`, `callerId` and a further party mean nothing to the second.

mod client;
mod conference;
mod number;
mod party;
mod queue;
mod sip;

use std::marker::PhantomData;

pub use client::Client;
pub use conference::{Beep, Conference, JitterBuffer, Region, RoomEvent, RoomRecording};
pub use number::Number;
pub use party::{MachineDetection, Party};
pub use queue::Queue;
pub use sip::Sip;

use super::{Continues, Ends, Method, RecordingProgress, Trim};
use crate::{Invalid, Link, xml::Element};

/// A dial that rings parties.
#[derive(Clone, Debug)]
pub enum Parties {}

/// A dial that joins a conference or a queue's caller.
#[derive(Clone, Debug)]
pub enum Single {}

/// Joins the call with others. `N` is what is dialled, `F` whether the document goes on.
#[derive(Clone, Debug)]
pub struct Dial<N = Parties, F = Continues> {
    pub(crate) element: Element,
    dialled: PhantomData<(N, F)>,
}

impl Dial<Parties> {
    /// Parties that may ring at once.
    pub const MAX_PARTIES: usize = 10;

    /// Rings one party.
    pub fn to(party: impl Into<Party>) -> Self {
        Self::holding(party.into().into_element())
    }
}

impl Dial<Single> {
    /// Joins a conference.
    pub fn conference(conference: Conference) -> Self {
        Self::holding(conference.element)
    }

    /// Takes the first caller out of a queue.
    pub fn queue(queue: Queue) -> Self {
        Self::holding(queue.element)
    }
}

impl<N> Dial<N, Continues> {
    fn holding(noun: Element) -> Self {
        Self { element: Element::with_child("Dial", noun), dialled: PhantomData }
    }

    /// Where to go on when the dialled call has ended, or could not be made.
    #[must_use]
    pub fn action(mut self, action: impl Into<Link>) -> Dial<N, Ends> {
        self.element.set("action", action.into());
        Dial { element: self.element, dialled: PhantomData }
    }
}

attributes! {
    impl<N> Dial<N, Ends> {
        /// How `action` is asked, POST unless set.
        set method(Method) => "method";
    }
}

impl<F> Dial<Parties, F> {
    /// Rings another party too; whoever answers first is bridged. At most ten.
    pub fn or(mut self, party: impl Into<Party>) -> Result<Self, Invalid> {
        if self.element.children().count() >= Dial::MAX_PARTIES {
            return Err(Invalid::TooManyParties { max: Dial::MAX_PARTIES });
        }
        self.element.push(party.into().into_element());
        Ok(self)
    }

    /// Who seems to call: a number that the account owns or has verified, the call's own From or
    /// To, `client:` and a name, or for SIP any of `A-Z a-z 0-9 + - _ .`.
    pub fn caller_id(mut self, caller: impl AsRef<str>) -> Result<Self, Invalid> {
        const ELEMENT: &str = "Dial";
        let caller = caller.as_ref();
        Invalid::check_text(ELEMENT, "callerId", 255, caller)?;
        let name = caller.strip_prefix("client:").unwrap_or(caller);
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-_.".contains(&byte);
        if name.is_empty() || !name.bytes().all(allowed) {
            return Err(Invalid::Characters {
                element: ELEMENT,
                what: "callerId",
                allowed: "ASCII letters, digits, +, -, _ and .",
            });
        }
        self.element.set("callerId", caller);
        Ok(self)
    }

    /// The country whose ringing tone the caller hears: `us`, `uk`, `de`, …
    pub fn ring_tone(mut self, country: impl AsRef<str>) -> Result<Self, Invalid> {
        let country = country.as_ref();
        if !RING_TONES.contains(&country) {
            return Err(Invalid::Characters {
                element: "Dial",
                what: "ringTone",
                allowed: "the code of a country whose tone the carrier has",
            });
        }
        self.element.set("ringTone", country);
        Ok(self)
    }
}

attributes! {
    impl<F> Dial<Parties, F> {
        /// Seconds to ring, 5 to 600, 30 unless set. The carrier adds five.
        range timeout(5..=600) => "timeout";
        /// Whether the caller's side keeps ringing until someone answers. Only if the dial is the
        /// document's first verb.
        set answer_on_bridge(bool) => "answerOnBridge";
        /// Whether the parties ring one after another instead of at once.
        set sequential(bool) => "sequential";
        /// Why the call is made, shown to the called party; at most 50 characters.
        text call_reason(50) => "callReason";
        /// Asked for a document when the far end refers the call elsewhere (SIP REFER).
        set refer_url(Link) => "referUrl";
        /// How that is asked, POST unless set.
        set refer_method(Method) => "referMethod";
    }
}

attributes! {
    impl<N, F> Dial<N, F> {
        /// The longest talk in seconds, four hours unless set. Above 14 400 the account must be
        /// allowed calls of a day.
        range time_limit(1..=86_400) => "timeLimit";
        /// Whether the caller may end the dialled call with the star key.
        set hangup_on_star(bool) => "hangupOnStar";
        /// Whether the talk is recorded, not unless set. Of two channels the first is this call,
        /// the second the dialled one.
        set record(DialRecording) => "record";
        /// Whose voice is recorded, both unless set.
        set recording_track(RecordingTrack) => "recordingTrack";
        /// Whether silence at the ends is cut, as it is not unless set.
        set trim(Trim) => "trim";
        /// Where the carrier tells of the recording, and what; only of its completion if nothing
        /// is named.
        events recording_status_callback(RecordingProgress)
            => "recordingStatusCallback" "recordingStatusCallbackEvent";
        /// How that is sent, POST unless set.
        set recording_status_callback_method(Method) => "recordingStatusCallbackMethod";
    }
}

words! {
    /// When a dial's recording starts, and whether the parties share its channel.
    DialRecording {
        DoNotRecord => "do-not-record",
        FromAnswer => "record-from-answer",
        FromRinging => "record-from-ringing",
        FromAnswerDual => "record-from-answer-dual",
        FromRingingDual => "record-from-ringing-dual",
    }
    /// Whose voice a dial records.
    RecordingTrack {
        Both => "both",
        Inbound => "inbound",
        Outbound => "outbound",
    }
}

/// The countries whose ringing tones the carrier has; `us-old` is the tone of the 1950s.
const RING_TONES: [&str; 40] = [
    "at", "au", "be", "bg", "br", "ch", "cl", "cn", "cz", "de", "dk", "ee", "es", "fi", "fr", "gr",
    "hu", "il", "in", "it", "jp", "lt", "mx", "my", "nl", "no", "nz", "ph", "pl", "pt", "ru", "se",
    "sg", "th", "tw", "uk", "us", "us-old", "ve", "za",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_ten_parties_ring() -> Result<(), Invalid> {
        let number = Number::new("+14158675309")?;
        let mut dial = Dial::to(number.clone());
        for _ in 1..10 {
            dial = dial.or(number.clone())?;
        }
        let refused = dial.or(number).expect_err("an eleventh");
        assert_eq!(refused, Invalid::TooManyParties { max: 10 });
        Ok(())
    }

    #[test]
    fn a_caller_id_is_a_number_a_client_or_a_sip_name() -> Result<(), Invalid> {
        let dial = Dial::to(Number::new("+14158675309")?);
        for caller in ["+14158675308", "client:alice", "desk-1_a.b"] {
            assert!(dial.clone().caller_id(caller).is_ok(), "{caller}");
        }
        for caller in ["", "client:", "alice@example.com", "a b", "é", "client:a:b"] {
            assert!(dial.clone().caller_id(caller).is_err(), "{caller}");
        }
        assert!(dial.clone().ring_tone("us-old").is_ok());
        assert!(dial.ring_tone("xx").is_err());
        Ok(())
    }

    #[test]
    fn times_are_those_that_the_carrier_takes() -> Result<(), Invalid> {
        let dial = Dial::to(Number::new("+14158675309")?);
        assert!(dial.clone().timeout(4).is_err());
        assert!(dial.clone().timeout(5).is_ok());
        assert!(dial.clone().timeout(601).is_err());
        assert!(dial.clone().time_limit(86_401).is_err());
        assert!(dial.clone().call_reason("r".repeat(50)).is_ok());
        assert!(dial.call_reason("r".repeat(51)).is_err());
        Ok(())
    }
}
