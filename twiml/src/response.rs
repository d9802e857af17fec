//! Which verb may stand where, and what a whole document is.
//!
//! A [`Response`] takes verbs in the order in which they run. A verb after which nothing runs
//! gives a [`Document`], to which nothing can be added: `redirect`, `hangup`, `leave`, `record`,
//! and any verb that was given an `action`, as the carrier asks there for the next document. What
//! may appear depends on what the document is for ([`kind`]): the music of a queue may leave the
//! queue, a whisper may not dial.
//!
//! A document that runs out of verbs hangs up; [`Response::end`] says that this is meant.
//!
//! What TwiML cannot say does not compile. Nothing follows a hang-up, nor a verb with an action:
//!
//! ```compile_fail,E0599
//! twiml::Response::new().hangup().say("unheard");
//! ```
//! ```compile_fail,E0599
//! # fn main() -> Result<(), twiml::Invalid> {
//! use twiml::{Connect, Response, Stream};
//! Response::new().connect(Connect::to(Stream::to("/media")?).action("/resume")).say("unheard");
//! # Ok(())
//! # }
//! ```
//!
//! A whisper does not dial, a gather holds only what is heard, only a queue's music leaves it:
//!
//! ```compile_fail,E0599
//! # fn main() -> Result<(), twiml::Invalid> {
//! use twiml::{Dial, Number, Response};
//! Response::whisper().dial(Dial::to(Number::new("+15005550006")?));
//! # Ok(())
//! # }
//! ```
//! ```compile_fail,E0599
//! twiml::Gather::to("/keys").hangup();
//! ```
//! ```compile_fail,E0599
//! twiml::Response::new().leave();
//! ```
//!
//! A conference is alone in its dial, and has no ring to time:
//!
//! ```compile_fail,E0599
//! # fn main() -> Result<(), twiml::Invalid> {
//! use twiml::{Conference, Dial};
//! Dial::conference(Conference::new("room")?).timeout(20)?;
//! # Ok(())
//! # }
//! ```

use std::{fmt, marker::PhantomData};

use crate::{
    link,
    verb::{
        Connect, Dial, Enqueue, Flow, Gather, Hangup, Leave, Pause, Play, Record, Redirect, Reject,
        Say, Start, Stop,
    },
    xml::{DECLARATION, Element},
};

/// What a document is for, which decides what it may hold.
pub mod kind {
    mod sealed {
        pub trait Sealed {}
    }

    /// A purpose. Any document may speak, play and pause.
    pub trait Kind: sealed::Sealed {}
    /// May ask the caller for keys or speech.
    pub trait MayGather: Kind {}
    /// May hang up.
    pub trait MayHangUp: Kind {}
    /// May go on with another document.
    pub trait MayRedirect: Kind {}

    /// Runs a call.
    #[derive(Clone, Debug)]
    pub enum Call {}
    /// Runs on a called leg before it is bridged: `url` of a dialled number, client or SIP address.
    #[derive(Clone, Debug)]
    pub enum Whisper {}
    /// Plays to those who wait in a conference: `waitUrl` of a conference.
    #[derive(Clone, Debug)]
    pub enum RoomWait {}
    /// Plays to those who wait in a queue: `waitUrl` of an `<Enqueue>`.
    #[derive(Clone, Debug)]
    pub enum QueueWait {}

    impl sealed::Sealed for Call {}
    impl sealed::Sealed for Whisper {}
    impl sealed::Sealed for RoomWait {}
    impl sealed::Sealed for QueueWait {}
    impl Kind for Call {}
    impl Kind for Whisper {}
    impl Kind for RoomWait {}
    impl Kind for QueueWait {}
    impl MayGather for Call {}
    impl MayGather for Whisper {}
    impl MayGather for QueueWait {}
    impl MayHangUp for Call {}
    impl MayHangUp for Whisper {}
    impl MayHangUp for QueueWait {}
    impl MayRedirect for Call {}
    impl MayRedirect for RoomWait {}
    impl MayRedirect for QueueWait {}
}

use kind::{Call, Kind, MayGather, MayHangUp, MayRedirect, QueueWait, RoomWait, Whisper};

/// A document in the making: verbs may still follow.
#[derive(Clone)]
#[must_use = "a response does nothing until its document is sent"]
pub struct Response<K = Call> {
    root: Element,
    kind: PhantomData<K>,
}

impl Default for Response<Call> {
    fn default() -> Self {
        Self::new()
    }
}

impl Response<Call> {
    /// An empty document for a call. Sent as it is, it hangs up; as the answer to a message's
    /// webhook it means "no reply".
    pub fn new() -> Self {
        Self::of_kind()
    }

    /// Refuses the call, unanswered and unbilled. A whole document, as it works only as the first
    /// verb of a call that is still ringing.
    pub fn reject(reject: Reject) -> Document {
        Self::of_kind().with(reject.element).into()
    }

    /// Connects the call to a stream and blocks there until the socket closes.
    pub fn connect<F: Flow>(self, connect: impl Into<Connect<F>>) -> F::Next<Call> {
        F::next(self.with(connect.into().element))
    }

    /// Starts a copy of the call's audio and goes on at once. Nothing after it: the call ends.
    pub fn start(self, start: Start) -> Self {
        self.with(start.element)
    }

    /// Stops what [`start`](Self::start) began.
    pub fn stop(self, stop: Stop) -> Self {
        self.with(stop.element)
    }

    /// Calls other parties, or joins a conference or a queue's caller.
    pub fn dial<N, F: Flow>(self, dial: Dial<N, F>) -> F::Next<Call> {
        F::next(self.with(dial.element))
    }

    /// Records the caller, then goes on with the recording's `action`.
    pub fn record(self, record: Record) -> Document {
        self.with(record.element).into()
    }

    /// As [`record`](Self::record), with verbs for a caller who said nothing: an empty recording
    /// asks for no `action`, and the document goes on.
    pub fn record_unless_silent(self, record: Record) -> Self {
        self.with(record.element)
    }

    /// Puts the caller into a queue.
    pub fn enqueue<F: Flow>(self, enqueue: Enqueue<F>) -> F::Next<Call> {
        F::next(self.with(enqueue.element))
    }
}

impl Response<Whisper> {
    /// What a called party hears before the bridge.
    pub fn whisper() -> Self {
        Self::of_kind()
    }
}

impl Response<RoomWait> {
    /// What is heard while waiting for a conference to start.
    pub fn room_wait() -> Self {
        Self::of_kind()
    }
}

impl Response<QueueWait> {
    /// What is heard while waiting in a queue.
    pub fn queue_wait() -> Self {
        Self::of_kind()
    }

    /// Takes the caller out of the queue; their call goes on after its `<Enqueue>`.
    pub fn leave(self) -> Document {
        self.with(Leave::default().element).into()
    }
}

impl<K: Kind> Response<K> {
    /// Speaks a text in the carrier's own voice.
    pub fn say(self, say: impl Into<Say>) -> Self {
        self.with(say.into().element)
    }

    /// Plays a file, or dials tones.
    pub fn play(self, play: Play) -> Self {
        self.with(play.element)
    }

    /// Waits. As a call's first verb it delays the answer.
    pub fn pause(self, pause: Pause) -> Self {
        self.with(pause.element)
    }

    /// Ends the document here: when its verbs have run, the call ends (or, in a whisper, is
    /// bridged; in a wait, starts again).
    pub fn end(self) -> Document {
        Document { root: self.root }
    }

    fn of_kind() -> Self {
        Self { root: Element::new("Response"), kind: PhantomData }
    }

    fn with(mut self, verb: Element) -> Self {
        self.root.push(verb);
        self
    }
}

impl<K: MayGather> Response<K> {
    /// Asks for keys or speech. Without an answer the document goes on, unless the gather always
    /// asks for its action.
    pub fn gather<F: Flow>(self, gather: Gather<F>) -> F::Next<K> {
        F::next(self.with(gather.element))
    }
}

impl<K: MayHangUp> Response<K> {
    /// Ends the call.
    pub fn hangup(self) -> Document {
        self.with(Hangup::default().element).into()
    }
}

impl<K: MayRedirect> Response<K> {
    /// Goes on with another document.
    pub fn redirect(self, redirect: impl Into<Redirect>) -> Document {
        self.with(redirect.into().element).into()
    }
}

impl<K> fmt::Debug for Response<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

/// A whole document. `Display` is its text, XML declaration first; `Debug` names its elements and
/// hides what they hold.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "a document does nothing until it is sent"]
pub struct Document {
    root: Element,
}

/// Why a document cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    #[error("the document has {given} bytes; the carrier takes {max}")]
    TooLarge { max: usize, given: usize },
    #[error("the inline document has {given} characters; the carrier takes {max}")]
    TooLargeInline { max: usize, given: usize },
    #[error("{attribute} of <{element}> is relative, but an inline document has no address")]
    Relative { element: &'static str, attribute: &'static str },
}

impl Document {
    /// The content type of the reply to a webhook.
    pub const CONTENT_TYPE: &'static str = "text/xml";

    /// Bytes that a reply to a webhook may have.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// Characters that the REST parameter `Twiml` may have.
    pub const MAX_INLINE_CHARACTERS: usize = 4_000;

    /// The text to reply to a webhook with, unless it is too large.
    pub fn reply(&self) -> Result<String, DocumentError> {
        let text = self.to_string();
        if text.len() > Self::MAX_BYTES {
            return Err(DocumentError::TooLarge { max: Self::MAX_BYTES, given: text.len() });
        }
        Ok(text)
    }

    /// The text for the REST parameter `Twiml`, unless it is too long or has a relative address.
    /// Without the XML declaration, which would only use up characters.
    pub fn inline(&self) -> Result<String, DocumentError> {
        let text = self.root.to_string();
        let (max, given) = (Self::MAX_INLINE_CHARACTERS, text.chars().count());
        if given > max {
            return Err(DocumentError::TooLargeInline { max, given });
        }
        refuse_relative(&self.root)?;
        Ok(text)
    }
}

/// The attributes whose values are addresses.
const ADDRESSES: [&str; 11] = [
    "action",
    "amdStatusCallback",
    "clientNotificationUrl",
    "partialResultCallback",
    "recordingStatusCallback",
    "referUrl",
    "statusCallback",
    "transcribeCallback",
    "url",
    "waitUrl",
    "eventCallbackUrl",
];

fn refuse_relative(element: &Element) -> Result<(), DocumentError> {
    let name = element.name();
    let content = matches!(name, "Play" | "Redirect").then(|| element.text()).flatten();
    let addresses = element
        .attributes()
        .filter(|(attribute, _)| ADDRESSES.contains(attribute))
        .chain(content.map(|text| ("the address", text)));
    for (attribute, address) in addresses {
        let socket =
            name == "Stream" && (address.starts_with("ws:") || address.starts_with("wss:"));
        // An empty `waitUrl` is silence, not an address.
        if !address.is_empty() && !socket && !link::is_absolute(address) {
            return Err(DocumentError::Relative { element: name, attribute });
        }
    }
    element.children().try_for_each(refuse_relative)
}

impl<K: Kind> From<Response<K>> for Document {
    fn from(response: Response<K>) -> Self {
        response.end()
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{DECLARATION}{}", self.root)
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}
