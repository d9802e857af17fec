//! What happens to a call, as events for the machine: the carrier's messages, the vendors' events,
//! orders.

use bytes::Bytes;
use media::{
    g711,
    stream::{self, Inbound},
    vad::VadEvent,
};
use turn::{Answerer, Event, FloorName, Generation, MarkId, WordAt};
use vendors::{LlmEvent, SttEvent, VendorError};

use super::{Session, Voiced};
use crate::live::{
    hearing::Heard,
    progress::Told,
    registry::Word,
    voice::{Job, Spoken},
};

/// Malformed messages that are put up with before the call is given up.
const MOST_MALFORMED: u32 = 50;
/// Messages that a call earns in a second: four times what the carrier sends.
const MESSAGES_A_SECOND: u64 = 200;
/// Messages that may come at once: what a stall of half a minute holds back.
pub(super) const MOST_AT_ONCE: u64 = 2_000;
/// Louder than this, 16-bit, is speech in synthesised audio; its silence is digital.
const VOICED_ABOVE: i16 = 160;

impl Session {
    /// Messages come 50 a second, faster after a stall. A flood ends the call.
    fn is_flooded(&mut self) -> bool {
        let now = self.now();
        let earned = now.since(self.allowance_at).as_millis() as u64 * MESSAGES_A_SECOND / 1_000;
        if earned > 0 {
            self.allowance = (self.allowance + earned).min(MOST_AT_ONCE);
            self.allowance_at = now;
        }
        match self.allowance.checked_sub(1) {
            Some(left) => {
                self.allowance = left;
                false
            }
            None => {
                tracing::error!(call = self.call_sid, "a flood of messages: the call is left");
                metrics::counter!("tandem_carrier_oddities_total", "kind" => "flood").increment(1);
                true
            }
        }
    }

    /// Something that the protocol does not have, or not here. The first few are logged.
    fn odd(&mut self, kind: &'static str) {
        self.odd_messages += 1;
        if self.odd_messages <= 5 {
            tracing::warn!(call = self.call_sid, kind, "odd message from the carrier");
        }
        metrics::counter!("tandem_carrier_oddities_total", "kind" => kind).increment(1);
    }

    /// The same, but wrong in itself: put up with a number of times.
    fn wrong(&mut self, kind: &'static str) {
        self.odd(kind);
        self.count_malformed();
    }

    pub(super) fn received(&mut self, text: &str) {
        if self.is_flooded() {
            self.tell(Event::CallerLeft);
            return;
        }
        match stream::parse(text) {
            Ok(Inbound::Media(media)) => {
                let inbound = media.track == "inbound";
                if !inbound && (media.track != "outbound" || self.colleague.is_none()) {
                    return;
                }
                let mut mulaw = Vec::with_capacity(160);
                match media.decode_into(&mut mulaw) {
                    Ok(()) if inbound => self.audio(media.timestamp_ms, mulaw),
                    Ok(()) => self.colleague_audio(media.timestamp_ms, mulaw),
                    Err(error) => self.malformed(&error),
                }
            }
            Ok(Inbound::Mark { name, .. }) => match parse_mark(&name) {
                Some((generation, mark)) => self.tell(Event::MarkReturned { generation, mark }),
                None => self.odd("unknown mark"),
            },
            Ok(Inbound::Dtmf(dtmf)) => self.tell(Event::KeyPressed { key: dtmf.digit }),
            Ok(Inbound::Stop { .. }) => {
                self.stopped = true;
                self.tell(Event::CallerLeft);
            }
            Ok(Inbound::Connected { .. }) => self.wrong("second connected"),
            Ok(Inbound::Start(_)) => self.wrong("second start"),
            Ok(Inbound::Unknown { .. }) => self.odd("unknown event"),
            Err(error) => self.malformed(&error),
        }
    }

    pub(super) fn foreign(&mut self, what: &'static str) {
        self.wrong(what);
    }

    fn malformed(&mut self, error: &stream::Malformed) {
        tracing::debug!(call = self.call_sid, %error, "a malformed message from the carrier");
        self.wrong("malformed");
    }

    fn count_malformed(&mut self) {
        self.malformed += 1;
        if self.malformed == MOST_MALFORMED {
            tracing::error!(call = self.call_sid, "too many malformed messages: the call is left");
            self.tell(Event::CallerLeft);
        }
    }

    fn audio(&mut self, timestamp_ms: Option<u64>, mut mulaw: Vec<u8>) {
        let place = self.timeline.place(timestamp_ms, mulaw.len());
        let oddities = self.timeline.oddities();
        let odd_before = std::mem::replace(&mut self.oddities, oddities);
        if oddities != odd_before {
            metrics::counter!("tandem_carrier_oddities_total", "kind" => "timestamp").increment(1);
            tracing::debug!(call = self.call_sid, ?oddities, "the carrier's timestamps jump");
        }
        mulaw.drain(..place.skip);
        if place.silence > 0 {
            let mut filled = vec![g711::SILENCE; place.silence];
            filled.append(&mut mulaw);
            mulaw = filled;
        }
        if mulaw.is_empty() {
            return;
        }
        let now = self.now();
        self.recorder.clock().arrived(self.timeline.end(), now);
        self.recorder.caller(place.at_sample, &mulaw);
        let tone = self.progress.as_mut().and_then(|progress| progress.push(&mulaw));
        let echo = self.echo.as_mut().and_then(|echo| {
            echo.sounded(self.playout.clips(), self.conversation.ledger(), now);
            echo.frame(&mulaw)
        });
        let mut events = Vec::new();
        self.hearing.push(place.at_sample, Bytes::from(mulaw), &mut events);
        for event in events {
            self.voice_activity(event);
        }
        self.voicing();
        if let Some(echo) = echo {
            self.tell(Event::EchoJudged { echo });
        }
        match tone {
            Some(Told::Beep { ended_ms }) => {
                let at = self.recorder.clock().moment(ended_ms);
                self.tell(Event::BeepHeard { at });
            }
            Some(Told::Fax) => self.tell(Event::AnsweredBy { by: Answerer::Fax }),
            None => {}
        }
    }

    pub(super) fn heard(&mut self, heard: Heard) {
        match heard {
            Heard::Voice(event) => self.voice_activity(event),
            Heard::Ending { at, over } => self.tell(Event::TurnScored { at, over }),
            Heard::Words(event) => match event {
                SttEvent::Interim { text, .. } => self.tell(Event::Interim { text }),
                SttEvent::Final { text, confidence, .. } => {
                    self.tell(Event::Heard { text, confidence });
                }
                SttEvent::EndOfTurn { at_ms, .. } => {
                    let at = Some(self.recorder.clock().moment(at_ms));
                    self.tell(Event::TurnEndSuggested { eager: false, at });
                }
                SttEvent::EagerEndOfTurn { at_ms, .. } => {
                    let at = Some(self.recorder.clock().moment(at_ms));
                    self.tell(Event::TurnEndSuggested { eager: true, at });
                }
                SttEvent::TurnResumed => self.tell(Event::TurnResumed),
                SttEvent::Reconnecting(error) => {
                    report("stt", &error, &self.call_sid);
                    self.tell(Event::HearingLost);
                }
                SttEvent::Recovered => self.tell(Event::HearingBack),
                SttEvent::Failed(error) => {
                    report("stt", &error, &self.call_sid);
                    self.tell(Event::HearingFailed);
                }
            },
        }
    }

    /// Tells how much of the caller's voice is voiced while the floor is not the caller's: a cough is no
    /// voice.
    fn voicing(&mut self) {
        if self.conversation.floor() != FloorName::Caller
            && let Some(voiced_ms) = self.hearing.voiced()
        {
            self.tell(Event::VoiceMeasured { voiced_ms });
        }
    }

    fn voice_activity(&mut self, event: VadEvent) {
        self.hearing.tell_stt(&event);
        let event = match event {
            VadEvent::Started { at_ms, .. } => {
                let listening = self.conversation.floor() == FloorName::Caller;
                let fresh = !listening || self.conversation.is_between_turns();
                self.hearing.voice_started(at_ms, fresh);
                let echo = self.echo.as_mut().and_then(|echo| echo.voice_started(at_ms));
                Event::SpeechStarted { at: self.recorder.clock().moment(at_ms), echo }
            }
            VadEvent::Stopped { at_ms, .. } => {
                if let Some(echo) = &mut self.echo {
                    echo.voice_stopped();
                }
                let at = self.recorder.clock().moment(at_ms);
                let prosody = Some(self.hearing.voice_stopped(at_ms, at));
                Event::SpeechStopped { at, prosody }
            }
        };
        self.tell(event);
        self.voicing();
    }

    pub(super) fn replied(&mut self, event: Option<LlmEvent>) {
        let Some((epoch, reply, _)) = &self.reply else { return };
        let (epoch, reply) = (*epoch, *reply);
        match event {
            Some(LlmEvent::Text(text)) => self.tell(Event::ReplyText { epoch, reply, text }),
            Some(LlmEvent::ToolCall(call)) => {
                let call =
                    turn::ToolCall { id: call.id, name: call.name, arguments: call.arguments };
                self.tell(Event::ReplyTool { epoch, reply, call });
            }
            Some(LlmEvent::Done { truncated }) => {
                if truncated {
                    tracing::info!(call = self.call_sid, "a reply reached the token limit");
                }
                self.reply = None;
                self.tell(Event::ReplyDone { epoch, reply });
            }
            Some(LlmEvent::Failed(error)) => {
                report("llm", &error, &self.call_sid);
                self.reply = None;
                self.tell(Event::ReplyFailed { epoch, reply });
            }
            None => {
                self.reply = None;
                self.tell(Event::ReplyFailed { epoch, reply });
            }
        }
    }

    pub(super) fn spoken(&mut self, job: Job, spoken: Spoken) {
        let Job { epoch, utterance, sentence, .. } = job;
        match spoken {
            Spoken::Audio(mulaw) => {
                let taken = self.playout.push(utterance, sentence, &mulaw);
                self.voiced.entry((utterance, sentence)).or_default().add(&mulaw[..taken]);
                let samples = taken as u32;
                self.tell(Event::AudioReady { epoch, utterance, sentence, samples });
            }
            Spoken::Words(words) => {
                let ends = words.iter().map(|word| word.to_ms * 8);
                self.playout.words(utterance, sentence, ends);
                let words = words
                    .iter()
                    .map(|word| WordAt { text_end: word.text_end as u32, end: word.to_ms * 8 })
                    .collect();
                self.tell(Event::WordsTimed { epoch, utterance, sentence, words });
            }
            Spoken::Done => {
                self.playout.complete(utterance, sentence);
                let voiced = self.voiced.remove(&(utterance, sentence)).unwrap_or_default();
                let voiced = (voiced.first.unwrap_or(0), voiced.last);
                self.tell(Event::AudioComplete { epoch, utterance, sentence, voiced });
            }
            Spoken::Failed(error) => {
                report("tts", &error, &self.call_sid);
                self.playout.complete(utterance, sentence);
                self.tell(Event::VoiceFailed { epoch, utterance, sentence });
            }
        }
    }

    pub(super) fn told(&mut self, word: Word) {
        match word {
            Word::Order(order) => {
                self.waiting.push((order.id.clone(), order.answer));
                self.tell(Event::Commanded { id: order.id, command: order.command });
            }
            Word::CallOver => self.tell(Event::CallerLeft),
            Word::AnsweredBy(by) => {
                if self.progress.as_ref().is_none_or(|progress| progress.is_news(by)) {
                    self.tell(Event::AnsweredBy { by });
                }
            }
            Word::Superseded => self.leave(),
        }
    }
}

impl Voiced {
    fn add(&mut self, mulaw: &[u8]) {
        for (place, byte) in (self.samples..).zip(mulaw) {
            if g711::decode(*byte).unsigned_abs() > VOICED_ABOVE.unsigned_abs() {
                self.first.get_or_insert(place);
                self.last = place + 1;
            }
        }
        self.samples += mulaw.len() as u32;
    }
}

fn parse_mark(name: &str) -> Option<(Generation, MarkId)> {
    let (generation, mark) = name.strip_prefix('g')?.split_once(':')?;
    Some((Generation(generation.parse().ok()?), MarkId(mark.parse().ok()?)))
}

fn report(stage: &'static str, error: &VendorError, call: &str) {
    tracing::warn!(call, stage, %error, "a vendor failed");
    metrics::counter!(
        "tandem_vendor_failures_total", "stage" => stage, "vendor" => error.vendor
    )
    .increment(1);
}
