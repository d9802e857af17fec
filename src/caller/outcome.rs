//! What a simulated call came to: a JSON document, and the audio of both sides.
//!
//! All times are whole milliseconds from when the call was placed, which is also the first sample
//! of the recording: `turns[3].from_ms = 7250` is heard 7.25 s into the WAV file. The caller's time
//! is that of the caller's mouth: a frame is sent when its last sample has been spoken.
//!
//! Fields are only added to this document, never renamed or removed. [`Outcome`] names them all.

use std::fmt;

use serde::Serialize;

use super::note::CallNote;

/// A call, told after its end.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The scenario's name.
    pub scenario: String,
    /// `CA…`; also what the gateway was told.
    pub call_sid: String,
    /// `MZ…` of each stream, in the order of opening.
    pub stream_sids: Vec<String>,
    /// Why the call ended.
    pub end: EndReason,
    /// How long the call lasted, from placing it.
    pub duration_ms: u64,
    /// Who spoke when.
    pub turns: Vec<Turn>,
    /// How long each turn of the caller waited for an answer.
    pub responses: Vec<Response>,
    /// Where the caller began to speak while the agent was speaking.
    pub barge_ins: Vec<BargeIn>,
    /// The scenario's steps.
    pub steps: Vec<StepReport>,
    /// Marks, counted.
    pub marks: Marks,
    /// Every `clear` of the gateway.
    pub clears: Vec<Clear>,
    /// Silences shorter than 500 ms between two pieces of the agent's audio: sent late, or meant.
    pub gaps: Vec<Gap>,
    /// What the gateway did that the carrier's rules forbid.
    pub violations: Vec<Violation>,
    /// What the carrier would do otherwise, or may object to; no reason to fail.
    pub warnings: Vec<String>,
    /// Bytes and messages.
    pub traffic: Traffic,
    /// How each stream's socket ended.
    pub closes: Vec<Close>,
    /// Requests to the gateway, and the verbs that it answered with.
    pub documents: Vec<Document>,
    /// How well this machine kept the carrier's pace.
    pub pace: Pace,
    /// All that happened, in order; at most 20 000 entries.
    pub events: Vec<CallNote>,
    /// What the caller said, as it was sent: mu-law, lost frames as silence. Not in the JSON.
    #[serde(skip)]
    pub caller_mulaw: Vec<u8>,
    /// What the caller heard. Mu-law, as long as the other. Not in the JSON.
    #[serde(skip)]
    pub agent_mulaw: Vec<u8>,
}

impl Outcome {
    /// Whether a step of the scenario failed.
    #[must_use]
    pub fn step_failed(&self) -> bool {
        self.steps.iter().any(|step| !step.passed())
    }

    /// Both sides as 16-bit samples at 8 kHz: the caller left, what the caller heard right.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_wav(&self, path: &std::path::Path) -> Result<(), hound::Error> {
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 8000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(path, spec)?;
        for (caller, agent) in self.caller_mulaw.iter().zip(&self.agent_mulaw) {
            writer.write_sample(media::g711::decode(*caller))?;
            writer.write_sample(media::g711::decode(*agent))?;
        }
        writer.finalize()
    }
}

/// Why a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum EndReason {
    /// The caller hung up: as the scenario told, or at its end.
    CallerHungUp,
    /// The call reached the longest time that it was given, and the caller hung up.
    TimeLimit,
    /// Whoever placed the call ended it (Ctrl-C).
    Stopped,
    /// The gateway ended the call: `<Hangup>`, the end of its TwiML, or of a stream without more.
    ServerHungUp,
    /// The call was ended over the carrier's REST API.
    EndedOverRest,
    /// `<Reject>`.
    Rejected,
    /// Nobody took the call.
    NotTaken {
        /// The carrier's word: `busy`, `no-answer`, `failed`, `canceled`.
        status: &'static str,
    },
    /// A verb that takes the call elsewhere was reached (`Dial`, `Enqueue`, …).
    Transferred {
        /// The verb.
        verb: String,
    },
    /// The stream's socket broke or could not be opened, and nothing was to follow.
    StreamFailed,
    /// A request for TwiML failed, or was answered with what is not TwiML.
    ApplicationError {
        /// The carrier's number for it.
        code: u32,
    },
}

impl EndReason {
    /// Whether the other side ended the call, in good order or not.
    #[must_use]
    pub fn by_server(&self) -> bool {
        !matches!(self, Self::CallerHungUp | Self::TimeLimit | Self::Stopped)
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CallerHungUp => write!(f, "the caller hung up"),
            Self::TimeLimit => write!(f, "the time limit was reached"),
            Self::Stopped => write!(f, "stopped"),
            Self::ServerHungUp => write!(f, "the gateway hung up"),
            Self::EndedOverRest => write!(f, "the call was ended over REST"),
            Self::NotTaken { status } => write!(f, "nobody took the call: {status}"),
            Self::Rejected => write!(f, "the gateway rejected the call"),
            Self::Transferred { verb } => write!(f, "the gateway sent the call to <{verb}>"),
            Self::StreamFailed => write!(f, "the stream failed and nothing followed it"),
            Self::ApplicationError { code } => {
                write!(f, "the carrier would say \"an application error has occurred\" ({code})")
            }
        }
    }
}

/// Which side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// The one who calls.
    Caller,
    /// The gateway's voice.
    Agent,
}

/// One party's say: speech with no pause of 700 ms in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Turn {
    /// Whose.
    pub who: Who,
    /// When the voice began.
    pub from_ms: u64,
    /// When it was last heard.
    pub to_ms: u64,
    /// The agent's: a `clear` cut it short.
    pub cut: bool,
}

/// How long a turn of the caller waited for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Response {
    /// The end of the caller's speech.
    pub caller_ended_ms: u64,
    /// The first moment of the agent's audio after it; absent if there was none before the caller
    /// spoke again, or the call ended.
    pub agent_began_ms: Option<u64>,
    /// The time between; negative if the agent began before the caller had ended.
    pub latency_ms: Option<i64>,
}

/// The caller spoke while the agent was speaking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BargeIn {
    /// When the caller's voice began.
    pub onset_ms: u64,
    /// From then until `clear` came; absent if none came before the caller's turn was over by 1 s.
    pub clear_after_ms: Option<u64>,
    /// From then until the agent's voice was last heard.
    pub agent_heard_for_ms: u64,
}

/// What a step of the scenario came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepReport {
    /// Its place, from 1.
    pub number: usize,
    /// What it was.
    pub step: String,
    /// When it began.
    pub from_ms: u64,
    /// When it was over.
    pub to_ms: u64,
    /// How it went.
    #[serde(flatten)]
    pub result: StepResult,
}

/// How a step went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum StepResult {
    /// As wanted.
    Passed,
    /// Not as wanted.
    Failed {
        /// Why.
        why: String,
    },
}

impl StepReport {
    /// Whether it went as wanted.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.result == StepResult::Passed
    }
}

impl fmt::Display for StepReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {} ({})", self.number, self.step)?;
        match &self.result {
            StepResult::Passed => write!(f, " done"),
            StepResult::Failed { why } => write!(f, " FAILED: {why}"),
        }
    }
}

/// Marks, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Marks {
    /// Received from the gateway.
    pub received: u64,
    /// Sent back because what was before them was played, `at_once` among them.
    pub played: u64,
    /// Sent back at once, as nothing was queued.
    pub at_once: u64,
    /// Sent back because of a `clear`.
    pub cleared: u64,
    /// Never sent back: the stream ended first.
    pub unanswered: u64,
}

/// A `clear` of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Clear {
    /// When it came.
    pub at_ms: u64,
    /// Audio that was dropped unheard.
    pub dropped_ms: u64,
    /// Marks that went back with it.
    pub marks: usize,
}

/// A short silence between two pieces of the agent's audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// When nothing was left to play.
    pub from_ms: u64,
    /// How long until there was.
    pub ms: u64,
}

/// A rule of the carrier's that the gateway broke.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// When, the first time.
    pub at_ms: u64,
    /// In which stream, if in one.
    pub stream_sid: Option<String>,
    /// The carrier's number for it.
    pub code: u32,
    /// Which rule, and how.
    pub what: String,
    /// How often the same happened in the same stream.
    pub times: u64,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.what)?;
        if self.times > 1 { write!(f, " ({} times)", self.times) } else { Ok(()) }
    }
}

/// Bytes and messages of all streams together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Messages to the gateway.
    pub messages_sent: u64,
    /// Messages from the gateway.
    pub messages_received: u64,
    /// Mu-law bytes to the gateway.
    pub audio_bytes_sent: u64,
    /// Mu-law bytes from the gateway.
    pub audio_bytes_received: u64,
    /// Of those, dropped by `clear`.
    pub audio_bytes_cleared: u64,
    /// Of those, lost because the stream ended before they were played.
    pub audio_bytes_cut_off: u64,
    /// The most audio that waited to be played.
    pub most_buffered_ms: u64,
    /// The caller's frames that the line lost.
    pub frames_lost: u64,
}

/// How a stream's socket ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Close {
    /// The stream.
    pub stream_sid: String,
    /// When.
    pub at_ms: u64,
    /// Who ended it.
    pub by: ClosedBy,
    /// The gateway's close code, if it sent one.
    pub code: Option<u16>,
    /// The gateway's reason, if it gave one.
    pub why: String,
}

/// Who ended a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosedBy {
    /// The caller hung up, or the call ended elsewhere: `stop`, then a close.
    Carrier,
    /// The gateway sent a close.
    Server,
    /// Nobody: it broke off without a close.
    Nobody,
}

/// A request to the gateway, and what it answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Document {
    /// When the request was sent.
    pub at_ms: u64,
    /// What it was for: `answer`, `action`, `redirect`.
    pub purpose: &'static str,
    /// The URL without its query.
    pub url: String,
    /// The HTTP status; absent if there was no answer.
    pub status: Option<u16>,
    /// How long the answer took.
    pub took_ms: u64,
    /// The verbs of the TwiML, in order.
    pub verbs: Vec<String>,
}

/// How well this machine kept the carrier's pace. A measurement with a bad pace is worth little.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pace {
    /// Frames that were sent.
    pub frames: u64,
    /// The latest that a frame was ready after its time, in microseconds.
    pub worst_late_us: u64,
    /// Frames left out because this machine stood still for more than 5 s.
    pub skipped: u64,
}
