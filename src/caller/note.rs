//! What happens in a call, as it happens: for printing live, and kept in the outcome.

use std::fmt;

use serde::Serialize;

use super::outcome::{EndReason, StepReport, Violation};

/// Something that happened, and when.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallNote {
    /// Milliseconds from when the call was placed.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub note: Note,
}

/// What happened. In JSON the name is in `event`, in snake case, and the rest beside it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Note {
    /// The gateway answered one of our requests.
    Requested {
        /// What it was for: `answer`, `action`, `redirect`, `status`, `stream-status`, `amd`.
        purpose: &'static str,
        /// The URL without its query.
        url: String,
        /// The HTTP status; absent if there was no answer.
        status: Option<u16>,
        /// How long the answer took.
        took_ms: u64,
    },
    /// A TwiML document was read.
    Document {
        /// Its verbs, in order.
        verbs: Vec<String>,
    },
    /// A verb was reached that is noted and not carried out (`Say`, `Play`, `Gather`, `Dial` …).
    Reached {
        /// The verb, and what it says or names.
        verb: String,
    },
    /// How the call stands, in the carrier's words. Only of a call of an exchange, as are all that
    /// follow up to [`Note::Left`].
    Status {
        /// `queued`, `ringing`, `in-progress`, …
        status: &'static str,
    },
    /// The carrier's voice says this to the caller.
    Said {
        /// The text.
        text: String,
    },
    /// A file is played to the caller.
    Played {
        /// Its URL without its query.
        url: String,
    },
    /// Keys are dialled to the one who is called.
    Dialled,
    /// The caller answered a `<Gather>`.
    Gathered {
        /// How many keys.
        keys: usize,
    },
    /// The call is in a room, or with another call.
    Joined {
        /// The conference, or the other call.
        with: String,
        /// The room's name; absent for another call.
        room: Option<String>,
    },
    /// The room has begun: from here on the others are heard.
    Begun,
    /// It is there no longer.
    Left {
        /// The conference, or the other call.
        with: String,
        /// Why, in the carrier's words.
        why: &'static str,
    },
    /// A media stream was opened.
    StreamOpened {
        /// The stream.
        stream_sid: String,
        /// Its URL.
        url: String,
        /// How long the handshake took.
        took_ms: u64,
    },
    /// A media stream ended.
    StreamEnded {
        /// The stream.
        stream_sid: String,
        /// How, in a few words.
        how: String,
    },
    /// The caller begins to say a recording.
    CallerSays {
        /// The recording.
        clip: String,
    },
    /// The caller has said it.
    CallerDone,
    /// The caller pressed a key.
    KeyPressed,
    /// The agent begins to be heard.
    AgentSpeaks,
    /// The agent has been silent for a while: 700 ms.
    AgentSilent {
        /// When it was last heard.
        since_ms: u64,
    },
    /// The gateway sent `clear`.
    Cleared {
        /// Audio that was dropped unheard.
        dropped_ms: u64,
        /// Marks that went back with it.
        marks: usize,
    },
    /// A step of the scenario is over.
    Step(StepReport),
    /// The gateway broke a rule.
    Violation(Violation),
    /// The call is over.
    Ended {
        /// Why.
        reason: EndReason,
    },
}

impl fmt::Display for CallNote {
    /// One line, with the time in seconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.at_ms;
        write!(f, "{:>4}.{:03}  ", ms / 1000, ms % 1000)?;
        match &self.note {
            Note::Requested { purpose, url, status: Some(status), took_ms } => {
                write!(f, "{purpose}: {url} answered {status} in {took_ms} ms")
            }
            Note::Requested { purpose, url, status: None, took_ms } => {
                write!(f, "{purpose}: {url} did not answer ({took_ms} ms)")
            }
            Note::Document { verbs } if verbs.is_empty() => write!(f, "TwiML without a verb"),
            Note::Document { verbs } => write!(f, "TwiML: {}", verbs.join(", ")),
            Note::Reached { verb } => write!(f, "reached {verb}"),
            Note::Status { status } => write!(f, "the call is {status}"),
            Note::Said { text } => write!(f, "carrier < {text}"),
            Note::Played { url } => write!(f, "carrier < {url}"),
            Note::Dialled => write!(f, "carrier < keys"),
            Note::Gathered { keys } => write!(f, "gathered {keys} key(s)"),
            Note::Joined { with, room: Some(room) } => {
                write!(f, "in the room {room} ({})", short(with))
            }
            Note::Joined { with, room: None } => write!(f, "bridged with {}", short(with)),
            Note::Begun => write!(f, "the room has begun"),
            Note::Left { with, why } => write!(f, "left {}: {why}", short(with)),
            Note::StreamOpened { stream_sid, url, took_ms } => {
                write!(f, "stream {} to {url} open in {took_ms} ms", short(stream_sid))
            }
            Note::StreamEnded { stream_sid, how } => {
                write!(f, "stream {} ended: {how}", short(stream_sid))
            }
            Note::CallerSays { clip } => write!(f, "caller > {clip}"),
            Note::CallerDone => write!(f, "caller   has said it"),
            Note::KeyPressed => write!(f, "caller   presses a key"),
            Note::AgentSpeaks => write!(f, "agent  < speaks"),
            Note::AgentSilent { since_ms } => {
                write!(f, "agent    silent since {}.{:03}", since_ms / 1000, since_ms % 1000)
            }
            Note::Cleared { dropped_ms, marks } => {
                write!(f, "clear    {dropped_ms} ms unheard, {marks} mark(s) returned")
            }
            Note::Step(report) => write!(f, "{report}"),
            Note::Violation(violation) => write!(f, "VIOLATION {violation}"),
            Note::Ended { reason } => write!(f, "ended: {reason}"),
        }
    }
}

/// Enough of an identifier to tell two apart.
fn short(sid: &str) -> &str {
    sid.get(..8).unwrap_or(sid)
}
