//! What the carrier tells the gateway beside a call: its progress, its streams, who answered it.
//!
//! In good order, or as badly as it happens: late, twice, not at all, in the wrong order.

use std::time::Duration;

use reqwest::{Method, Url};
use twiml::Form;

use super::callbacks::Job;
use super::clock::Tick;
use super::flow::Flow;
use super::markup::Link;
use super::note::Note;
use super::outcome::EndReason;
use super::stream::{Ended, Kind};

/// How status callbacks reach the gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// Once each, as things happen.
    #[default]
    InOrder,
    /// Never.
    Lost,
    /// So long after things happened.
    Late(Duration),
    /// Twice each.
    Twice,
    /// All after the end of the call, the last one first.
    Reversed,
}

/// Who is told how the call fares.
#[derive(Clone, Debug, Default)]
pub(super) struct Statuses {
    pub(super) callback: Option<Url>,
    pub(super) method: Option<Method>,
    pub(super) told: Progress,
    pub(super) delivery: Delivery,
}

/// Of what a status callback tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Progress {
    /// Only the end, as where none is named.
    #[default]
    End,
    Every,
    /// `initiated`, `ringing`, `answered`, `completed`.
    Named(Vec<String>),
}

impl Progress {
    /// The events that were named, or the end.
    pub(super) fn named(events: Vec<String>) -> Self {
        if events.is_empty() { Progress::End } else { Progress::Named(events) }
    }

    fn tells(&self, status: &str) -> bool {
        let event = match status {
            "initiated" | "ringing" => status,
            "in-progress" => "answered",
            _ => "completed",
        };
        match self {
            Progress::End => event == "completed",
            Progress::Every => true,
            Progress::Named(events) => events.iter().any(|named| named == event),
        }
    }
}

/// How the carrier finds out who answered an outbound call, and tells. Its words are `human`,
/// `machine_start`, `machine_end_beep`, `machine_end_silence`, `machine_end_other`, `fax`, `unknown`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detection {
    /// Before the first document is asked for, and with that request.
    First(String),
    /// While the call goes on.
    Beside {
        /// Who is told.
        callback: Url,
        /// What is told, and when. Usually once.
        found: Vec<Found>,
    },
    /// Not at all.
    Off,
}

/// What detection beside the call found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// From the answer to when it is told; zero is before any document is asked for.
    pub after: Duration,
    /// The carrier's word.
    pub answered_by: String,
    /// Another call than this one, by mistake.
    pub call_sid: Option<String>,
}

impl Found {
    /// This word, so long after the answer.
    #[must_use]
    pub fn new(after: Duration, answered_by: impl Into<String>) -> Self {
        Found { after, answered_by: answered_by.into(), call_sid: None }
    }
}

/// The carrier's word for how a call ended.
pub(super) fn status_of(reason: &EndReason) -> &'static str {
    match reason {
        EndReason::Rejected => "busy",
        EndReason::NotTaken { status } => status,
        _ => "completed",
    }
}

impl Flow<'_> {
    pub(super) fn standard_fields(&self, status: &str) -> Form {
        let call = self.call;
        let form = Form::default()
            .with("CallSid", self.call_sid.as_str())
            .with("AccountSid", call.account_sid.as_str())
            .with("From", call.from.as_str())
            .with("To", call.to.as_str())
            .with("Caller", call.from.as_str())
            .with("Called", call.to.as_str())
            .with("CallStatus", status)
            .with("ApiVersion", "2010-04-01")
            .with("Direction", call.direction());
        match &call.parent {
            Some(parent) => form.with("ParentCallSid", parent.as_str()),
            None => form,
        }
    }

    pub(super) fn tell_streams_ended(&mut self) {
        for ended in std::mem::take(&mut self.line.ended) {
            if ended.kind == Kind::Both {
                self.line.ended.push(ended);
            } else {
                self.tell_stream_ended(&ended);
            }
        }
    }

    pub(super) fn tell_stream_ended(&mut self, ended: &Ended) {
        let (event, error) = if ended.closed {
            ("stream-stopped", None)
        } else {
            ("stream-error", Some("31903 the connection broke".to_owned()))
        };
        self.tell_stream(ended.status.as_ref(), &ended.sid, &ended.name, event, error);
    }

    pub(super) fn tell_stream(
        &mut self,
        link: Option<&Link>,
        stream_sid: &str,
        name: &str,
        event: &str,
        error: Option<String>,
    ) {
        let Some(link) = link else { return };
        let Ok(url) = Url::parse(&link.url) else {
            return self.line.warn("a stream's statusCallback is not an absolute URL".to_owned());
        };
        let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        let mut form = Form::default()
            .with("AccountSid", self.call.account_sid.as_str())
            .with("CallSid", self.call_sid.as_str())
            .with("StreamSid", stream_sid)
            .with("StreamName", name)
            .with("StreamEvent", event)
            .with("Timestamp", now);
        if let Some(error) = error {
            form = form.with("StreamError", error);
        }
        let (purpose, method) = ("stream-status", link.method.clone());
        self.post(Job { purpose, method, url, form, after: Duration::ZERO });
    }

    /// The call rings.
    pub(super) fn tell_rung(&mut self) {
        self.stands("initiated");
        self.tell_status("initiated");
        self.stands("ringing");
        self.tell_status("ringing");
    }

    /// Shows the exchange how the call stands.
    pub(super) fn stands(&mut self, status: &'static str) {
        if let Some(plug) = &self.plug {
            plug.leg.stands(status);
            self.line.note(Note::Status { status });
        }
    }

    /// The call is answered: from here on detection runs, and a talk is paid for.
    pub(super) fn tell_answered(&mut self) {
        self.answered = Some(self.line.clock.now());
        self.line.present = self.plug.is_some();
        self.stands("in-progress");
        self.tell_status("in-progress");
        if !self.call.outbound {
            return;
        }
        let Detection::Beside { callback, found } = &self.call.detection else { return };
        let jobs = found.iter().map(|found| {
            let call_sid = found.call_sid.as_deref().unwrap_or(&self.call_sid);
            let form = Form::default()
                .with("AccountSid", self.call.account_sid.as_str())
                .with("CallSid", call_sid)
                .with("AnsweredBy", found.answered_by.as_str())
                .with("MachineDetectionDuration", found.after.as_millis().to_string());
            let url = callback.clone();
            Job { purpose: "amd", method: Method::POST, url, form, after: found.after }
        });
        for job in jobs.collect::<Vec<_>>() {
            self.post(job);
        }
    }

    /// The call is over, and its streams are closed.
    pub(super) fn tell_completed(&mut self, reason: &EndReason) {
        if let Some(plug) = &self.plug {
            plug.leg.finished();
        }
        self.tell_status(status_of(reason));
        for job in std::mem::take(&mut self.held_back).into_iter().rev() {
            self.post(job);
        }
    }

    /// A status callback. Unless every one was asked for, only the end is told.
    fn tell_status(&mut self, status: &'static str) {
        let Statuses { callback: Some(url), method, told, delivery } = self.call.statuses.clone()
        else {
            return;
        };
        let last = !matches!(status, "initiated" | "ringing" | "in-progress");
        let sequence = self.sequence;
        if !told.tells(status) {
            return;
        }
        self.sequence += 1;
        let mut form = self.standard_fields(status);
        if last {
            let talk = self.answered.map_or(Tick(0), |from| self.line.clock.now().since(from));
            let seconds = talk.duration().as_secs_f64().ceil() as u64;
            form = form
                .with("CallDuration", seconds.to_string())
                .with("Duration", seconds.div_ceil(60).to_string());
        }
        if let Some(code) = self.call.sip_response.filter(|_| last) {
            form = form.with("SipResponseCode", code.to_string());
        }
        let form = form
            .with("SequenceNumber", sequence.to_string())
            .with("CallbackSource", "call-progress-events")
            .with("Timestamp", chrono::Utc::now().to_rfc2822());
        let after = match delivery {
            Delivery::Late(after) => after,
            Delivery::InOrder | Delivery::Lost | Delivery::Twice | Delivery::Reversed => {
                Duration::ZERO
            }
        };
        let method = method.unwrap_or(Method::POST);
        let job = Job { purpose: "status", method, url, form, after };
        match delivery {
            Delivery::Lost => {}
            Delivery::Reversed => self.held_back.push(job),
            Delivery::Twice => {
                self.post(job.clone());
                self.post(job);
            }
            Delivery::InOrder | Delivery::Late(_) => self.post(job),
        }
    }

    pub(super) fn post(&mut self, job: Job) {
        if !self.callbacks.post(job) {
            self.line.warn("a status callback was left out: too many were waiting".to_owned());
        }
    }

    pub(super) async fn finish_callbacks(&mut self) {
        let Some(told) = self.callbacks.finish().await else {
            return self.line.warn("status callbacks were not answered in time".to_owned());
        };
        for note in told {
            if let Note::Requested { purpose, status, .. } = &note
                && !status.is_some_and(|status| (200..300).contains(&status))
            {
                self.line.warn(match status {
                    Some(status) => format!("11200: the {purpose} callback was answered {status}"),
                    None => format!("11200: the {purpose} callback was not answered"),
                });
            }
            self.line.note(note);
        }
    }
}
