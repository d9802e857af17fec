//! `<Record>`: the caller's voice into a file, as for a voicemail.

use super::{Key, Method, RecordingProgress, Trim, attribute::words_of};
use crate::{Invalid, Link, xml::Element};

/// Records the caller until silence, a key, or the longest time.
#[derive(Clone, Debug)]
pub struct Record {
    pub(crate) element: Element,
}

impl Record {
    /// `action` is asked when something was recorded. It must be said: the carrier's default, the
    /// current document, would record again and again.
    pub fn to(action: impl Into<Link>) -> Self {
        let mut element = Element::new("Record");
        element.set("action", action.into());
        Self { element }
    }

    /// The keys that end the recording, any key unless set. At least one.
    pub fn finish_on(mut self, keys: impl IntoIterator<Item = Key>) -> Result<Self, Invalid> {
        let keys = words_of(keys).map(|words| words.replace(' ', ""));
        let keys = keys.ok_or(Invalid::Empty { element: "Record", what: "finishOnKey" })?;
        self.element.set("finishOnKey", keys);
        Ok(self)
    }

    /// Asks for a transcript, which is sent to `callback`. US English, recordings of 2 to 120 s.
    #[must_use]
    pub fn transcribe(mut self, callback: impl Into<Link>) -> Self {
        self.element.set("transcribe", true);
        self.element.set("transcribeCallback", callback.into());
        self
    }
}

attributes! {
    impl Record {
        /// How `action` is asked, POST unless set.
        set method(Method) => "method";
        /// Seconds of silence that end the recording, 5 unless set; 0 for never.
        range timeout(0..=3_600) => "timeout";
        /// The longest recording in seconds, 2 to 86 400, an hour unless set. Above 14 400 the
        /// account must be allowed calls of a day.
        range max_length(2..=86_400) => "maxLength";
        /// Whether a beep comes first, as it does unless set.
        set play_beep(bool) => "playBeep";
        /// Whether silence at the ends is cut, as it is unless set.
        set trim(Trim) => "trim";
        /// Where the carrier tells of the file, and what; only of its completion if nothing is
        /// named. The file may not be ready when `action` is asked: wait for this.
        events recording_status_callback(RecordingProgress)
            => "recordingStatusCallback" "recordingStatusCallbackEvent";
        /// How that is sent, POST unless set.
        set recording_status_callback_method(Method) => "recordingStatusCallbackMethod";
    }
}
