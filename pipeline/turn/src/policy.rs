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
    /// What happens when an answer is late.
    pub patience: Patience,
    /// What happens when the caller is silent.
    pub idle: Idle,
    /// The call is ended politely after this long, 3,600,000 ms (an hour) unless set.
    #[serde(with = "ms")]
    pub longest_call: Duration,
    /// Keys pressed belong together until this long after the last one, 2,000 ms unless set; `#`
    /// ends them at once.
    #[serde(with = "ms")]
    pub keys_within: Duration,
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
    /// Voice that lasts so long takes the floor even without words, 500 ms unless set. Shorter, and
    /// a cough stops the agent; longer, and the caller talks into silence.
    #[serde(with = "ms")]
    pub voice_for: Duration,
    /// After a shorter sound, so long is waited for its words, 700 ms unless set, before the agent
    /// goes on.
    #[serde(with = "ms")]
    pub words_within: Duration,
    /// This many words take the floor, 1 unless set (backchannels do not count).
    pub min_words: usize,
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
    /// The filler phrase.
    pub filler: String,
    /// The apology.
    pub apology: String,
    /// What is said when no words came.
    pub unheard: String,
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
            patience: Patience::default(),
            idle: Idle::default(),
            longest_call: Duration::from_secs(3_600),
            keys_within: Duration::from_secs(2),
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
            voice_for: Duration::from_millis(500),
            words_within: Duration::from_millis(700),
            min_words: 1,
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
            filler: "One moment, please.".to_owned(),
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
    /// What the agent says first. Empty: the caller speaks first.
    pub greeting: String,
    /// What the agent says before it hangs up when ordered to end politely.
    pub goodbye: String,
    /// What the agent says before it puts the caller through to a person.
    pub transfer: String,
    /// Is there a person to put the caller through to?
    pub can_transfer: bool,
    /// This session goes on with a call that another one began: this is said instead of a greeting.
    pub resumed: Option<String>,
}
