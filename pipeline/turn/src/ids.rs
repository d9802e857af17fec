//! What the machine counts: epochs, utterances, turns, commands.

use serde::{Deserialize, Serialize};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u32);

        #[allow(dead_code, reason = "not every counter is counted by the machine")]
        impl $name {
            /// This number, counting on.
            pub(crate) fn take(&mut self) -> Self {
                let taken = *self;
                self.0 += 1;
                taken
            }
        }
    )*};
}

counters! {
    /// Grows when what the agent was about to do is void: at a barge-in, a take-over, a hang-up.
    /// Whatever was begun in an older epoch is dropped by comparison.
    Epoch
    /// One thing that the agent says, perhaps cut short.
    UtteranceId
    /// One question to the language model.
    ReplyId
    /// One party's say, counted through the call.
    TurnId
    /// The audio sent to the carrier between two `clear`s.
    Generation
    /// A mark in the audio sent.
    MarkId
}
