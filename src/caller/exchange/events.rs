//! What the exchange tells of a conference: in good order, or as badly as the test wants it.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, Url};
use twiml::Form;

use super::super::callbacks::{Callbacks, Job};
use super::super::telling::Delivery;
use super::super::web::Web;
use super::room::Member;

/// What happened in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Start,
    End,
    Join,
    Leave,
    Mute,
    Unmute,
    Hold,
    Unhold,
    Modify,
    AnnouncementEnd,
    AnnouncementFail,
}

impl Event {
    /// As the callback has it.
    fn word(self) -> &'static str {
        match self {
            Self::Start => "conference-start",
            Self::End => "conference-end",
            Self::Join => "participant-join",
            Self::Leave => "participant-leave",
            Self::Mute => "participant-mute",
            Self::Unmute => "participant-unmute",
            Self::Hold => "participant-hold",
            Self::Unhold => "participant-unhold",
            Self::Modify => "participant-modify",
            Self::AnnouncementEnd => "announcement-end",
            Self::AnnouncementFail => "announcement-fail",
        }
    }

    /// As it is asked for.
    fn asked_as(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
            Self::Join => "join",
            Self::Leave => "leave",
            Self::Mute | Self::Unmute => "mute",
            Self::Hold | Self::Unhold => "hold",
            Self::Modify => "modify",
            Self::AnnouncementEnd | Self::AnnouncementFail => "announcement",
        }
    }
}

/// Tells of one room, as its first participant wanted it.
pub struct Events {
    to: Option<To>,
    sequence: u32,
    held_back: Vec<Job>,
}

struct To {
    account: String,
    room: (String, String),
    url: Url,
    method: Method,
    events: Vec<String>,
    delivery: Delivery,
    callbacks: Callbacks,
}

impl Events {
    /// Nobody is told.
    pub fn none() -> Self {
        Events { to: None, sequence: 0, held_back: Vec::new() }
    }

    /// Tells there of these events of the room with this identifier and name.
    pub fn to(
        web: Arc<Web>,
        account: &str,
        room: (&str, &str),
        (url, method): (Url, Method),
        events: Vec<String>,
        delivery: Delivery,
    ) -> Self {
        let callbacks = Callbacks::start(web);
        let room = (room.0.to_owned(), room.1.to_owned());
        let account = account.to_owned();
        let to = To { account, room, url, method, events, delivery, callbacks };
        Events { to: Some(to), ..Events::none() }
    }

    pub fn tell(&mut self, event: Event, of: Option<&Member>) {
        let form = of.map_or_else(Form::default, fields_of);
        self.send(event, form);
    }

    pub fn left(&mut self, member: &Member, why: &str, status: &str) {
        let form = fields_of(member)
            .with("ParticipantCallStatus", status)
            .with("ReasonParticipantLeft", why);
        self.send(Event::Leave, form);
    }

    pub fn announced(&mut self, url: &str, failed: Option<String>) {
        let form = Form::default().with("AnnounceUrl", url);
        match failed {
            None => self.send(Event::AnnouncementEnd, form),
            Some(why) => {
                self.send(Event::AnnouncementFail, form.with("ReasonAnnouncementFailed", why));
            }
        }
    }

    /// The room is over: what was held back is told now, the last first.
    pub fn ended(&mut self, why: &str, by: Option<&Member>) {
        let mut form = Form::default().with("ReasonConferenceEnded", why).with("Reason", why);
        if let Some(member) = by {
            form = form.with("CallSidEndingConference", member.call_sid.as_str());
            if let Some(label) = &member.label {
                form = form.with("ParticipantLabelEndingConference", label.as_str());
            }
        }
        self.send(Event::End, form);
        let held_back = std::mem::take(&mut self.held_back);
        if let Some(to) = &self.to {
            for job in held_back.into_iter().rev() {
                to.post(job);
            }
        }
    }

    fn send(&mut self, event: Event, form: Form) {
        self.sequence += 1;
        let Some(to) = &self.to else { return };
        if !to.events.iter().any(|asked| asked == event.asked_as()) {
            return;
        }
        let standard = Form::default()
            .with("AccountSid", to.account.as_str())
            .with("ConferenceSid", to.room.0.as_str())
            .with("FriendlyName", to.room.1.as_str())
            .with("StatusCallbackEvent", event.word())
            .with("SequenceNumber", self.sequence.to_string())
            .with("Timestamp", chrono::Utc::now().to_rfc2822());
        let form = form.iter().fold(standard, |form, (name, value)| form.with(name, value));
        let after = match to.delivery {
            Delivery::Late(after) => after,
            _ => Duration::ZERO,
        };
        let (purpose, method, url) = ("conference", to.method.clone(), to.url.clone());
        let job = Job { purpose, method, url, form, after };
        match to.delivery {
            Delivery::Lost => {}
            Delivery::Reversed => self.held_back.push(job),
            Delivery::Twice => {
                to.post(job.clone());
                to.post(job);
            }
            Delivery::InOrder | Delivery::Late(_) => to.post(job),
        }
    }
}

impl To {
    fn post(&self, job: Job) {
        if !self.callbacks.post(job) {
            tracing::warn!("a conference's callback was left out: too many were waiting");
        }
    }
}

fn fields_of(member: &Member) -> Form {
    let form = Form::default()
        .with("CallSid", member.call_sid.as_str())
        .with("Muted", member.muted.to_string())
        .with("Hold", member.hold.to_string())
        .with("Coaching", member.coach.is_some().to_string())
        .with("EndConferenceOnExit", member.end_on_exit.to_string())
        .with("StartConferenceOnEnter", member.start_on_enter.to_string());
    match &member.label {
        Some(label) => form.with("ParticipantLabel", label.as_str()),
        None => form,
    }
}
