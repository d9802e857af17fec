//! All that the machine can order.

use serde::{Deserialize, Serialize};

use crate::{
    event::{CommandId, ToolCall},
    ids::{Epoch, Generation, ReplyId, TurnId, UtteranceId},
    time::Moment,
};

/// What the session is to do, in the order given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Ask the model. The history is [`crate::Conversation::history`] at this moment.
    Ask {
        epoch: Epoch,
        reply: ReplyId,
        engine: Engine,
        /// The caller's turn is not over for sure: the answer may be thrown away.
        #[serde(default)]
        speculative: bool,
    },
    /// Give up all replies, tools (those that allow it) and sentences begun before this epoch.
    Abandon { before: Epoch },
    /// Run a tool for this reply.
    RunTool { epoch: Epoch, reply: ReplyId, call: ToolCall },
    /// Make speech of a sentence and queue it behind what is queued; if `first`, before what is
    /// queued and has not begun. The same sentence again in one epoch: this is the rest of it, and
    /// what was still being made of it is given up.
    Speak {
        epoch: Epoch,
        utterance: UtteranceId,
        sentence: u32,
        text: String,
        voice: Voice,
        first: bool,
    },
    /// Play the tones of these keys (DTMF) as a sentence, in its place in the queue.
    PlayKeys { epoch: Epoch, utterance: UtteranceId, sentence: u32, keys: String },
    /// From here on audio is sent this much louder than it is (quieter: below 0), dB.
    Gain { db: i32 },
    /// Tell the carrier to drop what it has not played. From here on marks belong to `generation`.
    /// `keep`: audio that was not heard goes back to the head of the queue, to be released later;
    /// else all of it is dropped.
    Clear { generation: Generation, keep: bool },
    /// Send nothing until released.
    Hold,
    /// Send again.
    Release,
    /// End the call after what has been done so far.
    HangUp { why: EndReason },
    /// A command has taken effect, or cannot.
    Answer { id: CommandId, outcome: Result<Effect, Refusal> },
    /// Something to write down and tell the listeners.
    Note(Note),
}

/// Who is to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// The configured model.
    Chosen,
    /// The local agent, because the configured one failed.
    Spare,
}

/// Who is to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Voice {
    /// The configured voice.
    Chosen,
    /// The built-in one, because the configured one failed.
    Spare,
}

/// Why a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EndReason {
    /// The caller hung up or the carrier's stream ended.
    CallerLeft,
    /// The agent said goodbye.
    AgentEnded,
    /// The caller stayed silent through all prompts.
    CallerSilent,
    /// A supervisor ended it.
    Ordered,
    /// The caller is put through to a person.
    Transferred { reason: String },
    /// The longest time that a call may last has passed.
    TooLong,
    /// The agent could not hear any more.
    HearingFailed,
    /// The agent could not answer, again and again.
    AgentFailed,
    /// A voicemail answered the call that we made.
    Voicemail { left_message: bool },
    /// A fax answered the call that we made.
    Fax,
}

impl EndReason {
    /// The reason without what belongs to it, as records and traces name it: its `kind` in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            EndReason::CallerLeft => "caller_left",
            EndReason::AgentEnded => "agent_ended",
            EndReason::CallerSilent => "caller_silent",
            EndReason::Ordered => "ordered",
            EndReason::Transferred { .. } => "transferred",
            EndReason::TooLong => "too_long",
            EndReason::HearingFailed => "hearing_failed",
            EndReason::AgentFailed => "agent_failed",
            EndReason::Voicemail { .. } => "voicemail",
            EndReason::Fax => "fax",
        }
    }
}

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// It is done.
    Done,
    /// It was so already.
    AlreadySo,
    /// It is queued behind what the agent is saying.
    Queued { utterance: UtteranceId },
}

/// Why a command did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    #[error("the call has ended")]
    Ended,
    #[error("the call is ending")]
    Ending,
    #[error("there is nothing to say")]
    Empty,
    #[error("a person has taken the call over")]
    TakenOver,
    #[error("the call is not answered yet")]
    Unanswered,
}

pub(crate) const HEARING_BACK: &str = "hearing is back";
pub(crate) const NOISE: &str = "a voice without words is taken for noise";
pub(crate) const MARK_MISSING: &str =
    "the carrier did not return a mark; time is gone by until one comes";
pub(crate) const PASSED_OVER: &str = "a call of a tool was passed over";

/// Does a caller notice this trouble? Some are written down for whoever looks after the server.
pub fn is_failure(trouble: &str) -> bool {
    ![HEARING_BACK, NOISE, MARK_MISSING, PASSED_OVER].contains(&trouble)
}

/// What is written down of a call. Times are those of sound, not of messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum Note {
    /// The words so far of a caller who is speaking; replaced by the next.
    CallerSaying { turn: TurnId, text: String },
    /// The caller's turn, complete. `confidence`: how sure the recogniser is of its words on average, 0
    /// to 1, where it tells.
    CallerSaid {
        turn: TurnId,
        text: String,
        from: Moment,
        to: Moment,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        confidence: Option<f32>,
    },
    /// An utterance, when its last heard sound is known. `text` is what was heard; `meant` is what
    /// was to be said; they differ where it was `cut`.
    AgentSaid {
        turn: TurnId,
        utterance: UtteranceId,
        purpose: Purpose,
        text: String,
        meant: String,
        cut: bool,
        from: Moment,
        to: Moment,
    },
    /// A sound of the caller that did not take the floor. Empty text: a cough or noise.
    Backchannel { text: String, at: Moment },
    /// Keys pressed.
    Pressed { keys: String },
    /// A tool that was called, and what it answered; whether it changes something, as opposed to
    /// looking something up.
    ToolUsed {
        call: ToolCall,
        content: String,
        #[serde(default = "unknown_effects")]
        effects: bool,
    },
    /// A supervisor's order that took effect.
    Ordered { id: CommandId, command: crate::event::Command },
    /// How long each stage of an answer took.
    Answered { turn: TurnId, waterfall: Box<Waterfall> },
    /// Why the caller's turn was held to be over.
    TurnDecided { turn: TurnId, decision: Decision },
    /// A contest for the floor is over; both sounded at once for `overlap_ms` of it.
    Contested { from: Moment, to: Moment, overlap_ms: u64, outcome: Contest },
    /// The caller's sound was the agent's own voice coming back.
    Echo { text: String, at: Moment },
    /// A reply was prepared before the turn was over, and used or thrown away. It was asked for
    /// `ahead_ms` before that.
    Speculated { used: bool, ahead_ms: u64 },
    /// A person who has taken the call over said this.
    PersonSaid { text: String, from: Moment, to: Moment },
    /// Who, or what, answered a call that we made, and what it was known by: "carrier", "beep",
    /// "words".
    AnsweredBy { by: crate::Answerer, known_by: String },
    /// Something failed and what was done about it, in words.
    Trouble { what: String },
    /// The call in numbers; comes right before its end.
    Tallied { tally: Tally },
    /// The call is over.
    Ended { why: EndReason },
}

/// What was noted without a word on it may have had effects.
fn unknown_effects() -> bool {
    true
}

/// What an utterance is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    Greeting,
    Reply,
    /// "One moment, please", while an answer is late.
    Filler,
    /// "Are you still there?"
    IdlePrompt,
    /// What failed and what happens next.
    Apology,
    /// Words that a supervisor gave.
    Dictated,
    /// Words that must be heard, such as that the call is recorded.
    Notice,
    /// "Please hold", when a supervisor pauses the agent.
    Hold,
    /// Tones of keys.
    Keys,
    /// What is left on a voicemail.
    Voicemail,
    Goodbye,
}

/// The moments of one answer, each where it is known, in their usual order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waterfall {
    /// The caller's last sound.
    pub speech_ended: Option<Moment>,
    /// The VAD reported it.
    pub vad_stopped: Option<Moment>,
    /// The STT's last final words of the turn.
    pub words_final: Option<Moment>,
    /// The turn was held to be over.
    pub decided: Option<Moment>,
    /// The model's first words.
    pub first_token: Option<Moment>,
    /// The first sentence went to the voice.
    pub first_sentence: Option<Moment>,
    /// The voice's first audio.
    pub first_audio: Option<Moment>,
    /// The first audio went to the carrier.
    pub first_sent: Option<Moment>,
    /// The carrier proved that playing had begun, less the audio before that mark.
    pub first_heard: Option<Moment>,
}

impl Waterfall {
    /// The stages with their names, as `(stage, from, to)`, where both ends are known.
    pub fn stages(&self) -> Vec<(&'static str, Moment, Moment)> {
        let steps = [
            ("speech", self.speech_ended),
            ("vad", self.vad_stopped),
            ("stt", self.words_final),
            ("turn", self.decided),
            ("llm", self.first_token),
            ("sentence", self.first_sentence),
            ("tts", self.first_audio),
            ("send", self.first_sent),
            ("carrier", self.first_heard),
        ];
        let mut stages = Vec::new();
        let mut last: Option<Moment> = None;
        for (name, at) in steps {
            let Some(at) = at else { continue };
            if let Some(from) = last {
                // The words may be final before the VAD is sure: then that stage took no time.
                stages.push((name, from, at.max(from)));
            }
            last = Some(last.map_or(at, |from| from.max(at)));
        }
        stages
    }

    /// From the caller's last sound to the agent's first heard one.
    pub fn total(&self) -> Option<std::time::Duration> {
        Some(self.first_heard? - self.speech_ended?)
    }

    /// The stage that took longest.
    pub fn culprit(&self) -> Option<&'static str> {
        self.stages().into_iter().max_by_key(|(_, from, to)| *to - *from).map(|(name, ..)| name)
    }
}

/// Why the caller's turn was held to be over, with what it rested on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Silence when it was decided, ms.
    pub silence_ms: u64,
    /// The silence that the evidence called for, ms.
    pub waited_ms: u64,
    /// The STT had settled on the words.
    pub settled: bool,
    /// What it rested on.
    pub evidence: crate::endpoint::Evidence,
    /// What other settings would have done.
    #[serde(default)]
    pub others: Vec<Alternative>,
}

/// What another setting would have done with the same turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alternative {
    /// The setting's name, see [`crate::endpoint::alternatives`].
    pub setting: String,
    /// The silence that it called for in the end, ms.
    pub waited_ms: u64,
    /// It would have ended the turn in an earlier pause, after which the caller went on.
    pub cut_in: bool,
}

/// How a contest for the floor came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contest {
    /// The caller took the floor.
    Interruption,
    /// "Mm-hm": the agent went on.
    Backchannel,
    /// A sound without words: the agent went on.
    Noise,
    /// The agent's own voice: it went on.
    Echo,
}

/// What a call came to, in numbers. Times are ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Turns of the caller's that were taken.
    pub turns: u32,
    /// How long the caller spoke, by the VAD.
    pub caller_ms: u64,
    /// How long the agent was heard.
    pub agent_ms: u64,
    /// How long both sounded at once.
    pub overlap_ms: u64,
    /// Contests for the floor that the caller won.
    pub interruptions: u32,
    /// Sounds of listening.
    pub backchannels: u32,
    /// Times the agent stopped for something that did not take the floor.
    pub false_stops: u32,
    /// Times the agent heard itself.
    pub echoes: u32,
    /// Turns after whose end the caller went on at once.
    pub cut_offs: u32,
    /// Replies prepared before the turn was over: used, and thrown away.
    pub speculations_used: u32,
    pub speculations_wasted: u32,
}
