//! A call as spans: what the session's events and actions tell of turns and of requests to vendors.
//! Words that were said do not go there.

use turn::{Action, Epoch, Event, Moment, Note, ReplyId, UtteranceId, Waterfall};

use crate::telemetry::traces::{Attributes, CallSpan, Known, Outcome, SpanRef};

/// Requests that are remembered at once; the oldest is told without its turn when there are more.
const MOST_REQUESTS: usize = 64;

/// What traces are made of, where they are on.
pub(super) struct Trace(Option<Box<Call>>);

struct Call {
    span: CallSpan,
    requests: Vec<Request>,
    ended: Option<&'static str>,
}

#[derive(Debug, PartialEq)]
enum Key {
    Hearing,
    Reply(ReplyId),
    Sentence(UtteranceId, u32),
    Tool(ReplyId, String),
}

/// A request to a vendor.
struct Request {
    key: Key,
    epoch: Epoch,
    from: Moment,
    first: Option<Moment>,
    over: Option<(Moment, &'static str)>,
    turn: Option<SpanRef>,
}

impl Trace {
    /// Of a call that begins now.
    pub(super) fn begin(call_sid: &str) -> Self {
        let span = CallSpan::begin(vec![("tandem.call_sid", Known::Text(call_sid.to_owned()))]);
        Trace(span.map(|span| {
            let mut call = Call { span, requests: Vec::new(), ended: None };
            call.asked(Key::Hearing, Epoch::default(), Moment::default());
            Box::new(call)
        }))
    }

    pub(super) fn event(&mut self, now: Moment, event: &Event) {
        let Some(call) = &mut self.0 else { return };
        match event {
            Event::ReplyText { reply, .. } | Event::ReplyTool { reply, .. } => {
                call.began(&Key::Reply(*reply), now);
            }
            Event::ReplyDone { reply, .. } => call.over(&Key::Reply(*reply), now, "done"),
            Event::ReplyFailed { reply, .. } => call.over(&Key::Reply(*reply), now, "failed"),
            Event::ToolAnswered { reply, call_id, .. } => {
                call.over(&Key::Tool(*reply, call_id.clone()), now, "done");
            }
            Event::AudioReady { utterance, sentence, .. } => {
                call.began(&Key::Sentence(*utterance, *sentence), now);
            }
            Event::AudioComplete { utterance, sentence, .. } => {
                call.over(&Key::Sentence(*utterance, *sentence), now, "done");
            }
            Event::VoiceFailed { utterance, sentence, .. } => {
                call.over(&Key::Sentence(*utterance, *sentence), now, "failed");
            }
            Event::Heard { .. } | Event::Interim { .. } => call.began(&Key::Hearing, now),
            Event::HearingFailed => call.over(&Key::Hearing, now, "failed"),
            // The rest is of no vendor.
            _ => {}
        }
    }

    pub(super) fn action(&mut self, now: Moment, action: &Action) {
        let Some(call) = &mut self.0 else { return };
        match action {
            Action::Ask { epoch, reply, .. } => call.asked(Key::Reply(*reply), *epoch, now),
            Action::Speak { epoch, utterance, sentence, .. } => {
                call.asked(Key::Sentence(*utterance, *sentence), *epoch, now);
            }
            Action::RunTool { epoch, reply, call: tool } => {
                call.asked(Key::Tool(*reply, tool.id.clone()), *epoch, now);
            }
            Action::Abandon { before } => call.abandoned(*before, now),
            Action::Note(Note::Answered { turn, waterfall }) => {
                call.answered(turn.0, waterfall, now)
            }
            Action::HangUp { why } => call.ended = Some(why.name()),
            _ => {}
        }
    }

    /// The session is over.
    pub(super) fn end(self, now: Moment) {
        let Some(mut call) = self.0 else { return };
        for mut request in std::mem::take(&mut call.requests) {
            request.over.get_or_insert((now, "ended"));
            call.tell(&request);
        }
        let ended = call.ended.unwrap_or("left");
        call.span.end(now.0, vec![("tandem.ended", Known::Text(ended.to_owned()))]);
    }
}

impl Call {
    fn asked(&mut self, key: Key, epoch: Epoch, from: Moment) {
        if self.requests.len() >= MOST_REQUESTS {
            // Never the first: that is the hearing, which lasts as long as the call.
            let mut oldest = self.requests.remove(1);
            oldest.over.get_or_insert((from, "unknown"));
            self.tell(&oldest);
        }
        self.requests.push(Request { key, epoch, from, first: None, over: None, turn: None });
    }

    fn began(&mut self, key: &Key, now: Moment) {
        if let Some(request) = self.requests.iter_mut().find(|request| request.key == *key) {
            request.first.get_or_insert(now);
        }
    }

    fn over(&mut self, key: &Key, now: Moment, how: &'static str) {
        let Some(place) = self.requests.iter().position(|request| request.key == *key) else {
            return;
        };
        let request = &mut self.requests[place];
        request.over.get_or_insert((now, how));
        // One that belongs to no turn yet waits for its turn to be told.
        if request.turn.is_some() {
            let request = self.requests.remove(place);
            self.tell(&request);
        }
    }

    fn abandoned(&mut self, before: Epoch, now: Moment) {
        for request in &mut self.requests {
            if request.epoch < before && request.key != Key::Hearing {
                request.over.get_or_insert((now, "abandoned"));
            }
        }
        self.tell_settled();
    }

    /// An answer was heard: its turn is told, and what was asked for it.
    fn answered(&mut self, number: u32, waterfall: &Waterfall, now: Moment) {
        let stages = waterfall.stages();
        let from = stages.iter().map(|(_, from, _)| *from).min().unwrap_or(now);
        let to = stages.iter().map(|(_, _, to)| *to).max().unwrap_or(now);
        let mut known: Attributes = vec![("tandem.turn", Known::Number(i64::from(number)))];
        if let Some(total) = waterfall.total() {
            known.push(("tandem.total_ms", Known::Number(total.as_millis() as i64)));
        }
        if let Some(culprit) = waterfall.culprit() {
            known.push(("tandem.culprit", Known::Text(culprit.to_owned())));
        }
        for (stage, from, to) in stages {
            known.push((stage_name(stage), Known::Number((to - from).as_millis() as i64)));
        }
        let turn = self.span.part("turn", (from.0, to.0), None, Outcome::Done, known);
        for request in &mut self.requests {
            if request.key != Key::Hearing {
                request.turn.get_or_insert_with(|| turn.clone());
            }
        }
        self.tell_settled();
    }

    fn tell_settled(&mut self) {
        let (settled, open): (Vec<_>, Vec<_>) = std::mem::take(&mut self.requests)
            .into_iter()
            .partition(|request| request.over.is_some() && request.turn.is_some());
        self.requests = open;
        settled.iter().for_each(|request| self.tell(request));
    }

    fn tell(&self, request: &Request) {
        let Some((to, how)) = request.over else { return };
        let name = match request.key {
            Key::Hearing => "stt",
            Key::Reply(_) => "llm",
            Key::Sentence(..) => "tts",
            Key::Tool(..) => "tool",
        };
        let mut known: Attributes = vec![("tandem.outcome", Known::Text(how.to_owned()))];
        if let Some(first) = request.first {
            let ms = (first - request.from).as_millis() as i64;
            known.push(("tandem.first_ms", Known::Number(ms)));
        }
        let outcome = if how == "failed" { Outcome::Failed } else { Outcome::Done };
        self.span.part(name, (request.from.0, to.0), request.turn.as_ref(), outcome, known);
    }
}

fn stage_name(stage: &str) -> &'static str {
    match stage {
        "vad" => "tandem.vad_ms",
        "stt" => "tandem.stt_ms",
        "turn" => "tandem.decision_ms",
        "llm" => "tandem.llm_ms",
        "sentence" => "tandem.sentence_ms",
        "tts" => "tandem.tts_ms",
        "send" => "tandem.send_ms",
        _ => "tandem.carrier_ms",
    }
}
