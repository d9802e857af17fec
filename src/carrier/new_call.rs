//! Calls that we make.
//!
//! A create that may have been received is never sent again: there is no key by which the carrier
//! would know the second for the first, and somebody's telephone would ring twice. Whoever gets
//! [`Error::Unreached`] with `sent` finds out by the status callback, or by looking, whether it rings.

use twiml::{
    Document, DocumentError, Form, Link, PhoneNumber,
    verb::{CallProgress, Method, Tones},
};

use super::{
    Client, Error, Repeat, Request,
    calls::Call,
    options::{Callback, Detection, OutOfRange, Recorded, within},
};

/// What a call does: where its document is asked for, or the document itself.
#[derive(Clone, PartialEq, Eq)]
pub enum Instructions {
    At(Link, Method),
    /// At most 4000 characters, with absolute addresses.
    Inline(String),
}

impl Instructions {
    /// Asked for there, by POST.
    pub fn at(url: impl Into<Link>) -> Self {
        Instructions::At(url.into(), Method::Post)
    }

    /// Sent with the order.
    ///
    /// # Errors
    /// It is too long, or has a relative address.
    pub fn inline(document: &Document) -> Result<Self, DocumentError> {
        Ok(Instructions::Inline(document.inline()?))
    }

    pub(super) fn put(&self, form: Form) -> Form {
        match self {
            Instructions::At(url, method) => {
                form.with("Url", url.as_str()).with("Method", method.as_str())
            }
            Instructions::Inline(text) => form.with("Twiml", text.as_str()),
        }
    }
}

impl std::fmt::Debug for Instructions {
    /// Without a document's text, which may hold tokens and numbers.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Instructions::At(url, _) => f.debug_tuple("At").field(url).finish(),
            Instructions::Inline(text) => write!(f, "Inline(<{} characters>)", text.len()),
        }
    }
}

/// A call to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCall {
    to: PhoneNumber,
    from: PhoneNumber,
    instructions: Instructions,
    status: Option<Callback<CallProgress>>,
    rings_for: Option<u32>,
    at_most: Option<u32>,
    answered: Answered,
    record: Option<Recorded>,
}

/// What happens as soon as somebody answers. Digits and detection exclude each other.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answered {
    Plain,
    Detect(Detection),
    Send(Tones),
}

impl NewCall {
    /// `from` is a number that the account owns or has verified.
    pub fn new(
        to: impl Into<PhoneNumber>,
        from: impl Into<PhoneNumber>,
        instructions: Instructions,
    ) -> Self {
        NewCall {
            to: to.into(),
            from: from.into(),
            instructions,
            status: None,
            rings_for: None,
            at_most: None,
            answered: Answered::Plain,
            record: None,
        }
    }

    /// Who is told how the call fares; only its end if no event is named.
    #[must_use]
    pub fn status(mut self, told: Callback<CallProgress>) -> Self {
        self.status = Some(told);
        self
    }

    /// How long it rings, 1 to 600 seconds, 60 unless set. The carrier may add five.
    ///
    /// # Errors
    /// The carrier does not take that many.
    pub fn rings_for(mut self, seconds: u32) -> Result<Self, OutOfRange> {
        self.rings_for = Some(within("Timeout", 1..=600, seconds)?);
        Ok(self)
    }

    /// The longest call in seconds, four hours unless set; more only where the account may.
    ///
    /// # Errors
    /// The carrier does not take that many.
    pub fn at_most(mut self, seconds: u32) -> Result<Self, OutOfRange> {
        self.at_most = Some(within("TimeLimit", 1..=86_400, seconds)?);
        Ok(self)
    }

    /// Finds out who answers. Digits to send are left out then: the carrier cannot do both.
    #[must_use]
    pub fn detect(mut self, detection: Detection) -> Self {
        self.answered = Answered::Detect(detection);
        self
    }

    /// Keys that are dialled as soon as somebody answers, for an extension. Then nothing is detected.
    #[must_use]
    pub fn send_digits(mut self, tones: Tones) -> Self {
        self.answered = Answered::Send(tones);
        self
    }

    /// Records the call from its answer.
    #[must_use]
    pub fn record(mut self, recorded: Recorded) -> Self {
        self.record = Some(recorded);
        self
    }

    fn form(&self) -> Form {
        let form = Form::default().with("To", self.to.expose()).with("From", self.from.expose());
        let mut form = self.instructions.put(form);
        if let Some(told) = &self.status {
            form = told.put(form, "StatusCallback");
        }
        if let Some(seconds) = self.rings_for {
            form = form.with("Timeout", seconds.to_string());
        }
        if let Some(seconds) = self.at_most {
            form = form.with("TimeLimit", seconds.to_string());
        }
        match &self.answered {
            Answered::Plain => {}
            Answered::Detect(detection) => {
                form = detection.put(form, "AsyncAmdStatusCallback");
                if detection.beside.is_some() {
                    form = form.with("AsyncAmd", "true");
                }
            }
            Answered::Send(tones) => form = form.with("SendDigits", tones.to_string()),
        }
        if let Some(recorded) = &self.record {
            form = recorded.put(form.with("Record", "true"));
        }
        form
    }
}

impl Client {
    /// Makes a call. It is `queued` then; how it fares its status callback tells.
    ///
    /// # Errors
    /// [`Error`]; the carrier's numbers for numbers that cannot be called or called from are 21210 to
    /// 21217. If the error is [`Error::Unreached`] with `sent`, the telephone may be ringing.
    pub async fn create_call(&self, call: &NewCall) -> Result<Call, Error> {
        let (attempt, resource) = ("make the call", "/Calls.json".to_owned());
        self.send(&Request::post(attempt, resource, call.form(), Repeat::Unsent)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twiml::verb::MachineDetection;

    fn call() -> NewCall {
        NewCall::new("+15005550001", "+15005550006", Instructions::at("https://a.example/x?t=1"))
    }

    #[test]
    fn the_form_spells_what_was_asked_for() {
        let detection = Detection::beside(MachineDetection::Enable, "https://a.example/amd");
        let told = Callback::new("https://a.example/s", [CallProgress::Ringing]);
        let call = call()
            .status(told)
            .rings_for(25)
            .and_then(|call| call.at_most(600))
            .expect("the carrier takes these")
            .detect(detection.timeout(20).expect("the carrier takes it"))
            .record(Recorded { dual: true, ..Recorded::default() });
        assert_eq!(
            call.form().encode(),
            "To=%2B15005550001&From=%2B15005550006&Url=https%3A%2F%2Fa.example%2Fx%3Ft%3D1\
             &Method=POST&StatusCallback=https%3A%2F%2Fa.example%2Fs&StatusCallbackMethod=POST\
             &StatusCallbackEvent=ringing&Timeout=25&TimeLimit=600&MachineDetection=Enable\
             &MachineDetectionTimeout=20&AsyncAmdStatusCallback=https%3A%2F%2Fa.example%2Famd\
             &AsyncAmd=true&Record=true&RecordingChannels=dual"
        );
    }

    #[test]
    fn digits_and_detection_exclude_each_other() {
        let tones = Tones::new("ww12#").expect("keys");
        let call = call().detect(Detection::first(MachineDetection::Enable)).send_digits(tones);
        assert_eq!(call.form().get("SendDigits"), Some("ww12#"));
        assert_eq!(call.form().get("MachineDetection"), None);
    }

    #[test]
    fn what_the_carrier_would_refuse_is_refused_and_nothing_secret_shows() {
        assert_eq!(
            call().rings_for(601).expect_err("too long").to_string(),
            "Timeout must be 1 to 600, not 601"
        );
        let inline = Instructions::Inline("<Response><Say>4711</Say></Response>".to_owned());
        let call = NewCall::new("+15005550001", "+15005550006", inline);
        let shown = format!("{call:?}");
        assert!(!shown.contains("4711") && !shown.contains("5005550001"), "{shown}");
        assert!(!format!("{:?}", self::call()).contains("t=1"));
    }
}
