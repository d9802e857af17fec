//! All that can happen to a call: facts, in the past tense. One may be ignored, none refused.

use serde::{Deserialize, Serialize};

use crate::{
    endpoint::Prosody,
    ids::{Epoch, Generation, MarkId, ReplyId, UtteranceId},
    time::Moment,
};

/// What happened to the call. What belongs to work of the agent carries the epoch of that work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The carrier's stream is up: the call may begin.
    Answered,
    /// The carrier says that a key was pressed: `0`–`9`, `*`, `#`, `A`–`D`.
    KeyPressed { key: char },
    /// The carrier returned a mark: what was sent before it was played, or cleared.
    MarkReturned { generation: Generation, mark: MarkId },
    /// The carrier says who, or what, answered a call that we made.
    AnsweredBy { by: Answerer },
    /// A single tone was heard, as a voicemail gives before it records.
    BeepHeard { at: Moment },
    /// The caller hung up, or the carrier's stream ended.
    CallerLeft,
    /// This session ends and the call does not: another one will go on with it.
    Interrupted,

    /// The VAD heard the caller begin to speak; `at` is the first sound.
    SpeechStarted {
        at: Moment,
        /// How much it is like the agent's own voice coming back, 0 to 1, where that was measured.
        #[serde(default)]
        echo: Option<f32>,
    },
    /// The voice that is there now was measured again: how much it is like the agent's own, 0 to 1.
    EchoJudged { echo: f32 },
    /// The voice that is there now, or was last, was measured: so much of it was voiced, as words are
    /// for the most part and coughs and noise hardly, ms so far. Never told: it is not measured.
    VoiceMeasured { voiced_ms: u32 },
    /// The VAD heard the caller fall silent; `at` is the last sound.
    SpeechStopped {
        at: Moment,
        /// How the voice ended, where that was measured.
        #[serde(default)]
        prosody: Option<Prosody>,
    },
    /// A model judged the silence after the sound at `at`: the probability that the turn is over.
    TurnScored { at: Moment, over: f32 },
    /// The STT's present guess at the words being said.
    Interim { text: String },
    /// The STT settled on these words. Empty: the speech held none.
    Heard { text: String, confidence: Option<f32> },
    /// The STT vendor itself holds the caller's turn to be over; `eager`: only likely so, and it may
    /// take it back.
    TurnEndSuggested {
        #[serde(default)]
        eager: bool,
        /// Up to where it had listened then, where it says: a pause after which the caller has gone
        /// on is not over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Moment>,
    },
    /// The STT vendor takes back that the turn is over: the caller goes on.
    TurnResumed,
    /// The STT is being connected again; words may come late.
    HearingLost,
    /// The STT works again.
    HearingBack,
    /// The STT is gone for good.
    HearingFailed,

    /// The model's next words.
    ReplyText { epoch: Epoch, reply: ReplyId, text: String },
    /// The model asks for a tool.
    ReplyTool { epoch: Epoch, reply: ReplyId, call: ToolCall },
    /// The model has said all of this reply.
    ReplyDone { epoch: Epoch, reply: ReplyId },
    /// The model failed; nothing more of this reply will come.
    ReplyFailed { epoch: Epoch, reply: ReplyId },
    /// A tool's answer.
    ToolAnswered { epoch: Epoch, reply: ReplyId, call_id: String, content: String },

    /// The voice produced audio of a sentence: so many samples at 8 kHz more.
    AudioReady { epoch: Epoch, utterance: UtteranceId, sentence: u32, samples: u32 },
    /// The voice says when words of a sentence are spoken.
    WordsTimed { epoch: Epoch, utterance: UtteranceId, sentence: u32, words: Vec<WordAt> },
    /// A sentence's audio is complete; speech in it lies between these samples.
    AudioComplete { epoch: Epoch, utterance: UtteranceId, sentence: u32, voiced: (u32, u32) },
    /// The voice failed at a sentence; what was ready of it stays.
    VoiceFailed { epoch: Epoch, utterance: UtteranceId, sentence: u32 },
    /// Audio of a sentence was sent to the carrier, and after it a mark, if one was due.
    Sent { utterance: UtteranceId, sentence: u32, samples: u32, mark: Option<MarkId> },

    /// A person who has taken the call over said this to the caller.
    PersonSaid { text: String, from: Moment, to: Moment },

    /// A supervisor, or the server itself, orders something.
    Commanded { id: CommandId, command: Command },
    /// The deadline that the machine had set has passed.
    Due,
}

/// Who, or what, answered a call that we made. The carrier's words for it:
/// <https://www.twilio.com/docs/voice/answering-machine-detection>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answerer {
    Human,
    /// A machine that is still speaking its greeting.
    Machine,
    /// A machine, and its beep was heard.
    MachineAfterBeep,
    /// A machine that has fallen silent.
    MachineSilent,
    Fax,
    Unknown,
}

/// A tool that the model asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The model's identifier of this call.
    pub id: String,
    /// The function's name.
    pub name: String,
    /// The arguments, an object.
    pub arguments: serde_json::Value,
}

/// Where in a sentence's audio a word lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordAt {
    /// Where the word ends in the sentence's text, in bytes.
    pub text_end: u32,
    /// Its last sample, counted from the sentence's first.
    pub end: u32,
}

/// The client's own identifier of a command: the same one twice is one command.
pub type CommandId = String;

/// What can be ordered of a running conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Say these words to the caller; `now` cuts the agent short, else after the present sentence.
    Say {
        text: String,
        now: bool,
        /// The caller cannot cut them short.
        #[serde(default)]
        protected: bool,
    },
    /// Tell the agent something that the caller does not hear; it shapes what follows.
    Guide { text: String },
    /// Be silent until resumed; the caller stays on the line and is listened to.
    Pause,
    /// Go on after a pause.
    Resume,
    /// Replace the agent's instructions.
    Override { instructions: String },
    /// Undo all overrides.
    Restore,
    /// A person speaks with the caller from now on; the agent is silent and follows.
    TakeOver,
    /// The agent goes on where the person stopped.
    HandBack,
    /// Put the caller through to a person.
    Transfer { reason: String },
    /// End the call: with the goodbye phrase, or at once.
    End { politely: bool },
}
