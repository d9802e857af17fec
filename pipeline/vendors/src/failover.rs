//! Several engines in order: another one answers when the one before cannot.
//!
//! [`FailoverLlm`] and [`FailoverTts`] change engines only until something was emitted. A sentence half
//! spoken by one voice is not begun again by another: the caller would hear it twice. An engine that
//! is merely late is [`hedge`]d. [`FailoverStt`] changes engines in mid-call: it remembers the audio
//! that no final words cover.
//!
//! Each engine has a [`Breaker`], so that one that is down costs a few failures, not a deadline per
//! turn; after a while one request probes whether it is back. What engines do with a request, and what
//! a conversation makes of a failure of all, is not known here.

pub mod breaker;
pub mod hedge;
mod line;
mod race;
mod stt;

use tokio::sync::mpsc;

use self::line::{Line, check};
pub use self::{
    breaker::{Breaker, Weight},
    line::{Member, Standing},
    stt::{Endurance, FailoverStt},
};
use crate::{BoxFuture, Llm, LlmRequest, LlmStream, Tts, TtsRequest, TtsStream, VendorError, Work};

/// When engines are left alone, and when two are asked at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Policy {
    pub breaker: breaker::Policy,
    pub hedge: hedge::Policy,
}

/// Language models in order of preference.
pub struct FailoverLlm(Line<dyn Llm>);

/// Voices in order of preference.
pub struct FailoverTts(Line<dyn Tts>);

impl FailoverLlm {
    /// `None` without any engine.
    pub fn new(engines: Vec<Member<dyn Llm>>, policy: Policy) -> Option<Self> {
        Line::new(engines, policy).map(FailoverLlm)
    }

    /// The engines, the preferred one first.
    pub fn members(&self) -> impl Iterator<Item = &Member<dyn Llm>> {
        self.0.members()
    }

    /// How each engine has fared.
    pub fn standing(&self) -> Vec<Standing> {
        self.0.standing()
    }
}

impl FailoverTts {
    /// `None` without any engine.
    pub fn new(engines: Vec<Member<dyn Tts>>, policy: Policy) -> Option<Self> {
        Line::new(engines, policy).map(FailoverTts)
    }

    /// The engines, the preferred one first.
    pub fn members(&self) -> impl Iterator<Item = &Member<dyn Tts>> {
        self.0.members()
    }

    /// How each engine has fared.
    pub fn standing(&self) -> Vec<Standing> {
        self.0.standing()
    }
}

impl Llm for FailoverLlm {
    fn name(&self) -> &'static str {
        self.0.first().member.name
    }

    fn answer(&self, request: LlmRequest) -> LlmStream {
        let (sender, events) = mpsc::channel(64);
        let line = self.0.clone();
        let work = Work::spawn(async move {
            let within = request.first_token_within;
            let answer = |at, member: &Member<dyn Llm>, first_token_within| {
                let mut request = LlmRequest { first_token_within, ..request.clone() };
                // A model has its name with one vendor only; the others use their own.
                if at > 0 {
                    request.model = None;
                }
                member.engine.answer(request)
            };
            tokio::select! {
                () = race::run(&line, within, answer, &sender) => {}
                () = sender.closed() => {}
            }
        });
        LlmStream { events, work }
    }

    fn check(&self) -> BoxFuture<'_, Result<String, VendorError>> {
        let engines = self.members().map(|member| (member.name, member.engine.check()));
        Box::pin(check(engines.collect()))
    }
}

impl Tts for FailoverTts {
    fn name(&self) -> &'static str {
        self.0.first().member.name
    }

    fn speak(&self, request: TtsRequest) -> TtsStream {
        let (sender, events) = mpsc::channel(64);
        let line = self.0.clone();
        let work = Work::spawn(async move {
            let within = request.first_audio_within;
            let speak = |at, member: &Member<dyn Tts>, first_audio_within| {
                let mut request = TtsRequest { first_audio_within, ..request.clone() };
                // A voice has its name with one vendor only; the others use their own.
                if at > 0 {
                    request.voice = None;
                }
                member.engine.speak(request)
            };
            tokio::select! {
                () = race::run(&line, within, speak, &sender) => {}
                () = sender.closed() => {}
            }
        });
        TtsStream { events, work }
    }

    fn check(&self) -> BoxFuture<'_, Result<String, VendorError>> {
        let engines = self.members().map(|member| (member.name, member.engine.check()));
        Box::pin(check(engines.collect()))
    }
}
