//! `<Gather>`: keys or speech from the caller.

use std::marker::PhantomData;

use super::{Continues, Ends, Key, Method, Pause, Play, Say, attribute::UP_TO_AN_HOUR};
use crate::{Invalid, Link, xml::Element};

/// Asks the caller for keys or speech, while or after it speaks and plays what it holds. With an
/// answer the carrier asks `action`; without one the document goes on with its next verb.
#[derive(Clone, Debug)]
pub struct Gather<F = Continues> {
    pub(crate) element: Element,
    flow: PhantomData<F>,
}

impl Gather<Continues> {
    /// `action` takes the answer. It must be said: the carrier's default, the current document,
    /// would ask again and again.
    pub fn to(action: impl Into<Link>) -> Self {
        let mut element = Element::new("Gather");
        element.set("action", action.into());
        Self { element, flow: PhantomData }
    }

    /// Asks `action` also without an answer, so that no verb after this one could run.
    #[must_use]
    pub fn even_if_silent(mut self) -> Gather<Ends> {
        self.element.set("actionOnEmptyResult", true);
        Gather { element: self.element, flow: PhantomData }
    }
}

impl<F> Gather<F> {
    /// Speaks while it listens.
    #[must_use]
    pub fn say(mut self, say: impl Into<Say>) -> Self {
        self.element.push(say.into().element);
        self
    }

    /// Plays while it listens.
    #[must_use]
    pub fn play(mut self, play: Play) -> Self {
        self.element.push(play.element);
        self
    }

    /// Waits while it listens.
    #[must_use]
    pub fn pause(mut self, pause: Pause) -> Self {
        self.element.push(pause.element);
        self
    }

    /// No key ends the input early: all of them are part of the answer.
    #[must_use]
    pub fn finish_on_no_key(mut self) -> Self {
        self.element.set("finishOnKey", "");
        self
    }

    /// The end of speech is detected by the carrier. Not with a named [`SpeechModel`]: those take
    /// a number of seconds.
    #[must_use]
    pub fn speech_timeout_auto(mut self) -> Self {
        self.element.set("speechTimeout", "auto");
        self
    }

    /// Words that are likely: at most 500 phrases of at most 100 characters, without commas.
    pub fn hints<H: AsRef<str>>(
        mut self,
        hints: impl IntoIterator<Item = H>,
    ) -> Result<Self, Invalid> {
        const ELEMENT: &str = "Gather";
        let mut phrases = Vec::new();
        for hint in hints {
            let hint = hint.as_ref();
            Invalid::check_text(ELEMENT, "a hint", 100, hint)?;
            if hint.contains(',') {
                let allowed = "characters other than commas";
                return Err(Invalid::Characters { element: ELEMENT, what: "a hint", allowed });
            }
            phrases.push(hint.to_owned());
        }
        if phrases.len() > 500 {
            return Err(Invalid::TooLong {
                element: ELEMENT,
                what: "hints",
                max: 500,
                given: phrases.len(),
                unit: "phrases",
            });
        }
        self.element.set("hints", phrases.join(","));
        Ok(self)
    }
}

attributes! {
    impl<F> Gather<F> {
        /// How `action` is asked, POST unless set.
        set method(Method) => "method";
        /// What is listened for, keys unless set.
        set input(Input) => "input";
        /// How many keys complete the answer, any number unless set.
        range num_digits(1..=1_000) => "numDigits";
        /// The key that ends the input and is not part of it, `#` unless set.
        set finish_on(Key) => "finishOnKey";
        /// Seconds to wait for the next key or for speech, 5 unless set.
        range timeout(UP_TO_AN_HOUR) => "timeout";
        /// Seconds of silence that end speech, the `timeout` unless set.
        range speech_timeout(UP_TO_AN_HOUR) => "speechTimeout";
        /// The longest speech in seconds, at most 60.
        range max_speech_time(1..=60) => "maxSpeechTime";
        /// The language as in `en-US`.
        set language(String) => "language";
        /// The recogniser.
        set speech_model(SpeechModel) => "speechModel";
        /// Where words are sent while they are still spoken.
        set partial_result_callback(Link) => "partialResultCallback";
        /// How that is sent, POST unless set.
        set partial_result_callback_method(Method) => "partialResultCallbackMethod";
        /// Whether swear words are starred out, as they are unless set.
        set profanity_filter(bool) => "profanityFilter";
        /// Whether speech stops the prompt.
        set barge_in(bool) => "bargeIn";
    }
}

words! {
    /// What a gather listens for. Of both, the first that comes is the answer.
    Input {
        Keys => "dtmf",
        Speech => "speech",
        KeysOrSpeech => "dtmf speech",
    }
    /// The carrier's recognisers.
    SpeechModel {
        Default => "default",
        NumbersAndCommands => "numbers_and_commands",
        PhoneCall => "phone_call",
        ExperimentalConversations => "experimental_conversations",
        ExperimentalUtterances => "experimental_utterances",
        GoogleV2Long => "googlev2_long",
        GoogleV2Short => "googlev2_short",
        GoogleV2Telephony => "googlev2_telephony",
        GoogleV2TelephonyShort => "googlev2_telephony_short",
        DeepgramNova2 => "deepgram_nova-2",
        DeepgramNova3 => "deepgram_nova-3",
    }
}
