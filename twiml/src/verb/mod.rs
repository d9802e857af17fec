//! The verbs of a document, one file each, and the nouns that they hold.
//!
//! A verb is made with what it cannot do without, then given attributes. Attributes with fixed
//! values take an enum; those with a range or a length refuse at once, with an [`Invalid`].
//! Where a verb may stand is not said here but in [`Response`](crate::Response).
//!
//! [`Invalid`]: crate::Invalid

#[macro_use]
mod attribute;
mod connect;
mod dial;
mod enqueue;
mod flow;
mod gather;
mod hangup;
mod leave;
mod pause;
mod play;
mod record;
mod redirect;
mod reject;
mod say;
mod start;
mod stop;
mod stream;

pub use attribute::{CallProgress, Key, Method, RecordingProgress, Tones, Track, Trim};
pub use connect::Connect;
pub use dial::{
    Beep, Client, Conference, Dial, DialRecording, JitterBuffer, MachineDetection, Number, Parties,
    Party, Queue, RecordingTrack, Region, RoomEvent, RoomRecording, Single, Sip,
};
pub use enqueue::Enqueue;
pub use flow::{Continues, Ends, Flow};
pub use gather::{Gather, Input, SpeechModel};
pub use pause::Pause;
pub use play::Play;
pub use record::Record;
pub use redirect::Redirect;
pub use reject::Reject;
pub use say::{Say, Voice};
pub use start::Start;
pub use stop::Stop;
pub use stream::Stream;

pub(crate) use hangup::Hangup;
pub(crate) use leave::Leave;
