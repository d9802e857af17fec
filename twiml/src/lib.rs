//! What the carrier reads and writes over HTTP: TwiML out, webhook forms and signatures in.
//!
//! Three parts, each usable alone:
//!
//! * [`Response`] and [`verb`]: TwiML as types. What may contain what, what may follow what and
//!   which values an attribute takes is said by the types; what they cannot say is an [`Invalid`].
//! * [`form`]: the carrier's webhook requests, parsed once, tolerant of what the carrier adds.
//! * [`signature`]: `X-Twilio-Signature`, checked and made.
//!
//! Nothing here opens a socket, reads a clock or awaits anything, and nothing here knows what a
//! call means to us: only how the carrier spells it. Phone numbers, names and spoken words never
//! show in `Debug`.
//!
//! ```
//! use twiml::{Connect, Document, Response, Stream};
//!
//! # fn main() -> Result<(), twiml::Invalid> {
//! let stream = Stream::to("wss://voice.example/media")?.parameter("token", "x")?;
//! let document: Document = Response::new()
//!     .say("One moment, please.")
//!     .connect(Connect::to(stream).action("https://voice.example/resume"));
//! assert!(document.to_string().ends_with("</Stream></Connect></Response>"));
//! # Ok(())
//! # }
//! ```

pub mod form;
mod invalid;
mod link;
mod phone;
mod response;
mod sid;
pub mod signature;
pub mod verb;
mod xml;

pub use form::{Form, FormError};
pub use invalid::Invalid;
pub use link::{Link, Overrides};
pub use phone::{PhoneNumber, Private};
pub use response::{Document, DocumentError, Response, kind};
pub use sid::{
    AccountSid, CallSid, ConferenceSid, InvalidSid, MessageSid, MessagingServiceSid,
    PhoneNumberSid, QueueSid, RecordingSid, StreamSid,
};
pub use signature::{SignatureError, Signer, Validator};
pub use verb::{
    Client, Conference, Connect, Dial, Enqueue, Gather, Number, Pause, Play, Queue, Record,
    Redirect, Reject, Say, Sip, Start, Stop, Stream,
};
