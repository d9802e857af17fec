//! The settings of a conversation, each with its unit, its default and its consequence.

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use crate::endpoint::EndOfTurn;
use crate::time::ms;

/// How a conversation is conducted. Durations are written in ms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// When the caller's turn is over.
    pub end_of_turn: EndOfTurn,
    /// When the caller takes the floor from the agent.
    pub barge_in: BargeIn,
    /// Replies prepared before the caller's turn is over for sure.
    pub speculation: Speculation,
    /// The agent's own voice coming back.
    pub echo: Echo,
    /// What happens when an answer is late.
    pub patience: Patience,
    /// What happens when the caller is silent.
    pub idle: Idle,
    /// The call is ended politely after this long, 3,600,000 ms (an hour) unless set.
    #[serde(with = "ms")]
    pub longest_call: Duration,
    /// How keys that the caller presses are collected.
    pub keys: Keys,
    /// What a supervisor's pause does.
    pub pause: Pause,
    /// What happens when a machine answers a call that we made.
    pub voicemail: Voicemail,
    /// A tool that has not answered by then has failed, 10,000 ms unless set.
    #[serde(with = "ms")]
    pub tool_within: Duration,
    /// At most this many rounds of tool calls for one turn, 4 unless set.
    pub tool_rounds: u32,
    /// At most this many entries of the conversation go to the model, 60 unless set; older ones are
    /// left out, oldest first.
    pub remembered: usize,
}

/// When the caller takes the floor. At the first sound the agent stops; then it is decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BargeIn {
    /// May the caller interrupt at all? True unless set.
    pub allowed: bool,
    /// Voice that lasts so long takes the floor even without words, 800 ms unless set, counted until
    /// its end is known, which takes the VAD 180 ms. Shorter, and a cough or "hmm" takes the floor;
    /// longer, and the caller talks into silence.
    #[serde(with = "ms")]
    pub voice_for: Duration,
    /// After a shorter sound, so long is waited for its words, 700 ms unless set, before the agent
    /// goes on.
    #[serde(with = "ms")]
    pub words_within: Duration,
    /// This many words take the floor, 1 unless set (backchannels do not count). More lets the agent
    /// talk on over short remarks; a voice alone then takes the floor after four times as long.
    pub min_words: usize,
    /// Words of a voice that has not lasted for `voice_for` take the floor when the STT has settled on
    /// them and is at least so sure of them, 0.5 of 1 unless set: of "mm-hm" it makes "you do", and is
    /// not sure. Higher overhears a short remark; the keywords need none of this.
    pub surely: f32,
    /// A sound of which less than this was voiced is no voice, where that is measured, 130 ms unless
    /// set: its lasting does not take the floor, nor do words that the STT makes of it, unless it has
    /// settled on three and is as sure of them as `surely`, as of a whisper. 0 takes every sound for a
    /// voice; more, and a short "six" is overheard.
    #[serde(with = "ms")]
    pub voiced_for: Duration,
    /// Words or phrases that take the floor at once, even where `allowed` is false; "stop" and the
    /// like unless set. Words that must be heard are said to their end all the same.
    pub keywords: Vec<String>,
    /// What the first sound does: `stop` unless set.
    pub onset: Onset,
    /// How much quieter the agent is while ducked, 15 dB unless set.
    pub duck_db: u32,
}

/// What the caller's first sound does to the agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Onset {
    /// The agent falls silent until it is decided what the sound was. A cough makes a gap.
    #[default]
    Stop,
    /// The agent goes on more quietly. A cough is hardly noticed; both are heard for half a second.
    Duck,
}

/// Replies prepared before the caller's turn is over for sure. They cost the model's and the voice's
/// work where the caller goes on; they are neither heard nor remembered then, and call no tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Speculation {
    /// True unless set.
    pub allowed: bool,
    /// At most so many in one turn, 2 unless set.
    pub per_turn: u32,
    /// At most so many thrown away in one call, 30 unless set. None are made after that.
    pub wasted_per_call: u32,
}

/// The agent's own voice coming back from a loudspeaker: it is no barge-in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Echo {
    /// True unless set. False: every voice may interrupt.
    pub guard: bool,
    /// A voice so much like the agent's own does not stop it, 0.5 of 1 unless set. Lower overhears
    /// callers who speak at the same time; higher lets a soft echo interrupt.
    pub likeness: f32,
    /// So much of the caller's words are the agent's own of this moment: echo, 0.8 of 1 unless set.
    pub words: f32,
}

/// How keys that the caller presses are collected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    /// Keys belong together until this long after the last one, 2,000 ms unless set.
    #[serde(with = "ms")]
    pub within: Duration,
    /// The key that ends them at once and is not one of them, `#` unless set; empty: none.
    #[serde(with = "key")]
    pub terminator: Option<char>,
    /// So many keys are complete, unset unless set.
    pub length: Option<usize>,
    /// Keys are secret: neither journal, transcript nor model see them, only tools. False unless
    /// set.
    pub masked: bool,
    /// A key interrupts the agent, true unless set. False: keys pressed meanwhile are collected and
    /// answered when it has finished.
    pub barge_in: bool,
}

/// What a supervisor's pause does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pause {
    /// When the agent falls silent: `at_once` unless set.
    pub when: PauseWhen,
    /// What is said then, nothing unless set. With a phrase the agent does not go on to the sample
    /// afterwards but is asked to go on from the words that were heard.
    pub phrase: String,
}

/// When a paused agent falls silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseWhen {
    #[default]
    AtOnce,
    /// At the end of the word that is being heard, 1,200 ms later at most.
    EndOfWord,
}

/// What happens when a machine answers a call that we made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Voicemail {
    /// `hang_up` unless set.
    pub then: VoicemailThen,
    /// What is left after the beep.
    pub message: String,
    /// With no beep so long after the machine was known, the message is said all the same,
    /// 30,000 ms unless set.
    #[serde(with = "ms")]
    pub beep_within: Duration,
    /// What the machine says tells it too ("leave a message after the tone"), true unless set.
    pub by_words: bool,
}

/// What to do with a voicemail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoicemailThen {
    #[default]
    HangUp,
    /// Wait for the beep and leave the message.
    Message,
    /// Talk to it as to anybody.
    Ignore,
}

/// What happens when an answer is late, counted from the decision that the turn is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Patience {
    /// Nothing audible by then: the filler phrase, 1,200 ms unless set.
    #[serde(with = "ms")]
    pub filler_after: Duration,
    /// No words of an answer by then: the spare engine is asked, 4,000 ms unless set.
    #[serde(with = "ms")]
    pub spare_after: Duration,
    /// No words from the spare engine either, this long after it was asked: an apology,
    /// 3,000 ms unless set.
    #[serde(with = "ms")]
    pub apology_after: Duration,
    /// The caller spoke and no words of it have come by then, counted from the last sound: the caller
    /// is asked to say it again, 2,000 ms unless set.
    #[serde(with = "ms")]
    pub unheard_after: Duration,
    /// After so many apologies in a row the caller is put through to a person, or told to call again,
    /// 2 unless set.
    pub apologies: u32,
    /// The filler phrase.
    pub filler: String,
    /// The apology.
    pub apology: String,
    /// What is said when no words came.
    pub unheard: String,
    /// What is said before hanging up where nobody can be reached.
    pub give_up: String,
    /// The same where the agent cannot hear any more.
    pub deaf: String,
}

/// What happens when the caller is silent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Idle {
    /// Silence after the agent's last heard word that is answered with the prompt, 8,000 ms unless
    /// set.
    #[serde(with = "ms")]
    pub prompt_after: Duration,
    /// After this many prompts without an answer the agent says goodbye and hangs up, 2 unless set.
    pub prompts: u32,
    /// "Are you still there?"
    pub prompt: String,
    /// What is said before hanging up on a silent caller.
    pub goodbye: String,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            end_of_turn: EndOfTurn::default(),
            barge_in: BargeIn::default(),
            speculation: Speculation::default(),
            echo: Echo::default(),
            patience: Patience::default(),
            idle: Idle::default(),
            longest_call: Duration::from_secs(3_600),
            keys: Keys::default(),
            pause: Pause::default(),
            voicemail: Voicemail::default(),
            tool_within: Duration::from_secs(10),
            tool_rounds: 4,
            remembered: 60,
        }
    }
}

impl Default for BargeIn {
    fn default() -> Self {
        BargeIn {
            allowed: true,
            voice_for: Duration::from_millis(800),
            words_within: Duration::from_millis(700),
            min_words: 1,
            surely: 0.5,
            voiced_for: Duration::from_millis(130),
            keywords: ["stop", "wait", "hold on", "operator", "стоп", "подождите", "оператор"]
                .map(str::to_owned)
                .to_vec(),
            onset: Onset::Stop,
            duck_db: 15,
        }
    }
}

impl Default for Speculation {
    fn default() -> Self {
        Speculation { allowed: true, per_turn: 2, wasted_per_call: 30 }
    }
}

impl Default for Echo {
    fn default() -> Self {
        Echo { guard: true, likeness: 0.5, words: 0.8 }
    }
}

impl Default for Keys {
    fn default() -> Self {
        Keys {
            within: Duration::from_secs(2),
            terminator: Some('#'),
            length: None,
            masked: false,
            barge_in: true,
        }
    }
}

impl Default for Voicemail {
    fn default() -> Self {
        Voicemail {
            then: VoicemailThen::HangUp,
            message: String::new(),
            beep_within: Duration::from_secs(30),
            by_words: true,
        }
    }
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            filler_after: Duration::from_millis(1_200),
            spare_after: Duration::from_millis(4_000),
            apology_after: Duration::from_millis(3_000),
            unheard_after: Duration::from_millis(2_000),
            apologies: 2,
            filler: "One moment, please.".to_owned(),
            deaf: "I'm sorry, I cannot hear you at the moment. Please call again later.".to_owned(),
            give_up: "I'm sorry, I can't help you at the moment. Please call again later."
                .to_owned(),
            unheard: "Sorry, I didn't catch that. Could you say it again?".to_owned(),
            apology: "I'm sorry, I can't answer that just now. Could you say it once more?"
                .to_owned(),
        }
    }
}

impl Default for Idle {
    fn default() -> Self {
        Idle {
            prompt_after: Duration::from_secs(8),
            prompts: 2,
            prompt: "Are you still there?".to_owned(),
            goodbye: "I can't hear you, so I will hang up now. Goodbye.".to_owned(),
        }
    }
}

/// What the agent of this call is and says by itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Script {
    /// The agent's role and the business's facts, for the model.
    pub instructions: String,
    /// What is said before all else and cannot be interrupted, such as that the call is recorded.
    pub notice: String,
    /// What the agent says first. Empty: the caller speaks first.
    pub greeting: String,
    /// What the agent says before it hangs up when ordered to end politely.
    pub goodbye: String,
    /// What the agent says before it puts the caller through to a person.
    pub transfer: String,
    /// Is there a person to put the caller through to?
    pub can_transfer: bool,
    /// We made this call: a machine may answer it.
    pub outbound: bool,
    /// How the functions that the model may call behave. One that is not named here has effects, runs
    /// on through a barge-in, and has [`Policy::tool_within`].
    pub tools: Vec<ToolPolicy>,
    /// This session goes on with a call that another one began: this is said instead of a greeting.
    pub resumed: Option<String>,
    /// It had been told other instructions,
    pub overrides: Option<String>,
    /// to pause,
    pub paused: bool,
    /// or that a person speaks.
    pub person: bool,
    /// The model had asked for keys that were not pressed yet, with these arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collecting: Option<serde_json::Value>,
}

/// How a function that the model may call behaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ToolPolicy {
    pub name: String,
    /// It changes something in the world: true unless set. The same call is not made again while it
    /// runs.
    pub effects: bool,
    /// It is given up when the caller takes the floor; false unless set: it runs on, and its answer
    /// is known to the next reply.
    pub cancel_on_barge_in: bool,
    /// Without an answer by then it has failed, 10,000 ms unless set.
    #[serde(with = "ms")]
    pub within: Duration,
    /// What is said at once while it runs. Empty: the filler phrase, when it takes long.
    pub filler: String,
}

impl Default for ToolPolicy {
    fn default() -> Self {
        ToolPolicy {
            name: String::new(),
            effects: true,
            cancel_on_barge_in: false,
            within: Duration::from_secs(10),
            filler: String::new(),
        }
    }
}

/// A key in settings: a text of one character, or of none.
mod key {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub fn serialize<S: Serializer>(key: &Option<char>, to: S) -> Result<S::Ok, S::Error> {
        key.map(String::from).unwrap_or_default().serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<char>, D::Error> {
        let text = String::deserialize(from)?;
        let mut letters = text.chars();
        match (letters.next(), letters.next()) {
            (None, _) => Ok(None),
            (Some(key @ ('0'..='9' | '*' | '#' | 'A'..='D')), None) => Ok(Some(key)),
            _ => Err(D::Error::custom("a key is one of 0-9, *, #, A-D, or nothing")),
        }
    }
}
