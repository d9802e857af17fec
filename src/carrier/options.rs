//! What calls, participants and recordings are ordered with: callbacks, machine detection, recording.

use twiml::{
    Form, Link,
    verb::{CallProgress, Method, RecordingProgress, RecordingTrack, Trim},
};

pub use twiml::verb::MachineDetection as DetectMachine;

/// Where the carrier tells how something fares, and of what it tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback<E> {
    pub to: Link,
    /// The carrier's own choice if empty: of a call or a recording only the end.
    pub events: Vec<E>,
    pub method: Method,
}

impl<E> Callback<E> {
    /// Tells there by POST of these events.
    pub fn new(to: impl Into<Link>, events: impl IntoIterator<Item = E>) -> Self {
        let events = events.into_iter().collect();
        Callback { to: to.into(), events, method: Method::Post }
    }
}

impl<E: AsWord> Callback<E> {
    /// Under `name`, `nameMethod` and one `nameEvent` per event.
    pub(super) fn put(&self, form: Form, name: &str) -> Form {
        let form = form.with(name, self.to.as_str());
        let form = form.with(format!("{name}Method"), self.method.as_str());
        let event = format!("{name}Event");
        self.events.iter().fold(form, |form, word| form.with(event.as_str(), word.as_word()))
    }
}

/// An event's word in the carrier's spelling.
pub trait AsWord {
    fn as_word(&self) -> &'static str;
}

impl AsWord for CallProgress {
    fn as_word(&self) -> &'static str {
        self.as_str()
    }
}

impl AsWord for RecordingProgress {
    fn as_word(&self) -> &'static str {
        self.as_str()
    }
}

impl AsWord for twiml::verb::RoomEvent {
    fn as_word(&self) -> &'static str {
        self.as_str()
    }
}

/// Whether a person or a machine answers is found out. Not together with digits to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detection {
    pub how: DetectMachine,
    /// While the call goes on, and told there; else the document is asked for when it is known, and the
    /// callee hears nothing until then.
    pub beside: Option<Link>,
    timeout: Option<u32>,
    speech: Option<u32>,
    speech_end: Option<u32>,
    silence: Option<u32>,
}

impl Detection {
    /// Before the first document is asked for.
    #[must_use]
    pub fn first(how: DetectMachine) -> Self {
        let unset = None;
        let (timeout, speech, speech_end, silence) = (unset, unset, unset, unset);
        Detection { how, beside: None, timeout, speech, speech_end, silence }
    }

    /// While the call goes on; `told` is asked with the result.
    #[must_use]
    pub fn beside(how: DetectMachine, told: impl Into<Link>) -> Self {
        Detection { beside: Some(told.into()), ..Detection::first(how) }
    }

    /// Seconds after which the answer is `unknown`, 3 to 59, 30 unless set.
    ///
    /// # Errors
    /// The carrier does not take that many.
    pub fn timeout(mut self, seconds: u32) -> Result<Self, OutOfRange> {
        self.timeout = Some(within("MachineDetectionTimeout", 3..=59, seconds)?);
        Ok(self)
    }

    /// Milliseconds of speech from which it is a machine's, 1000 to 6000, 2400 unless set.
    ///
    /// # Errors
    /// The carrier does not take that many.
    pub fn speech_threshold(mut self, ms: u32) -> Result<Self, OutOfRange> {
        self.speech = Some(within("MachineDetectionSpeechThreshold", 1_000..=6_000, ms)?);
        Ok(self)
    }

    /// Milliseconds of silence that end a greeting, 500 to 5000, 1200 unless set.
    ///
    /// # Errors
    /// The carrier does not take that many.
    pub fn speech_end_threshold(mut self, ms: u32) -> Result<Self, OutOfRange> {
        self.speech_end = Some(within("MachineDetectionSpeechEndThreshold", 500..=5_000, ms)?);
        Ok(self)
    }

    /// Milliseconds of first silence after which the answer is `unknown`, 2000 to 10 000, 5000 unless
    /// set.
    ///
    /// # Errors
    /// The carrier does not take that many.
    pub fn silence_timeout(mut self, ms: u32) -> Result<Self, OutOfRange> {
        self.silence = Some(within("MachineDetectionSilenceTimeout", 2_000..=10_000, ms)?);
        Ok(self)
    }

    /// `callback` is the parameter's name: participants have another than calls.
    pub(super) fn put(&self, form: Form, callback: &str) -> Form {
        let mut form = form.with("MachineDetection", self.how.as_str());
        let numbers = [
            ("MachineDetectionTimeout", self.timeout),
            ("MachineDetectionSpeechThreshold", self.speech),
            ("MachineDetectionSpeechEndThreshold", self.speech_end),
            ("MachineDetectionSilenceTimeout", self.silence),
        ];
        for (name, number) in numbers {
            if let Some(number) = number {
                form = form.with(name, number.to_string());
            }
        }
        match &self.beside {
            Some(told) => form.with(callback, told.as_str()),
            None => form,
        }
    }
}

/// How a call is recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Each party has a channel of its own, else both share one.
    pub dual: bool,
    /// Whose voice, both unless set.
    pub track: Option<RecordingTrack>,
    /// Whether silence at the ends is cut. The carrier's own choice differs: it is cut where a call is
    /// created with its recording, not where a running call's recording is started.
    pub trim: Option<Trim>,
    /// Who is told of it, and of what; only of its end if nothing is named.
    pub told: Option<Callback<RecordingProgress>>,
}

impl Recorded {
    pub(super) fn put(&self, form: Form) -> Form {
        let mut form = form.with("RecordingChannels", if self.dual { "dual" } else { "mono" });
        if let Some(track) = self.track {
            form = form.with("RecordingTrack", track.as_str());
        }
        if let Some(trim) = self.trim {
            form = form.with("Trim", trim.as_str());
        }
        match &self.told {
            Some(told) => told.put(form, "RecordingStatusCallback"),
            None => form,
        }
    }
}

/// A number that the carrier would refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {min} to {max}, not {given}")]
pub struct OutOfRange {
    /// The parameter, as the carrier calls it.
    pub what: &'static str,
    pub min: u32,
    pub max: u32,
    pub given: u32,
}

/// A number that the carrier takes.
pub(super) fn within(
    what: &'static str,
    range: std::ops::RangeInclusive<u32>,
    given: u32,
) -> Result<u32, OutOfRange> {
    let (min, max) = (*range.start(), *range.end());
    if range.contains(&given) { Ok(given) } else { Err(OutOfRange { what, min, max, given }) }
}
