//! Who is in a conference: added by being called, held, muted, spoken to, removed.
//!
//! <https://www.twilio.com/docs/voice/api/conference-participant-resource>.

use serde::Deserialize;
use twiml::{
    CallSid, ConferenceSid, Form, Link, PhoneNumber,
    verb::{Beep, CallProgress, RoomEvent},
};

use super::{
    Client, Error, Repeat, Request, in_path,
    options::{Callback, Detection, OutOfRange, within},
    wire::{or_nothing, word, word_if_any},
};

/// The most participants of a room that are listed: the carrier takes no more than 250.
const MOST: &str = "250";

/// A participant as the carrier has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Participant {
    pub call_sid: CallSid,
    pub conference_sid: ConferenceSid,
    #[serde(default)]
    pub label: Option<String>,
    #[serde(deserialize_with = "word")]
    pub status: ParticipantStatus,
    #[serde(default, deserialize_with = "or_nothing")]
    pub muted: bool,
    #[serde(default, deserialize_with = "or_nothing")]
    pub hold: bool,
    #[serde(default, deserialize_with = "or_nothing")]
    pub coaching: bool,
    #[serde(default, deserialize_with = "word_if_any")]
    pub call_sid_to_coach: Option<CallSid>,
    #[serde(default, deserialize_with = "or_nothing")]
    pub start_conference_on_enter: bool,
    #[serde(default, deserialize_with = "or_nothing")]
    pub end_conference_on_exit: bool,
}

/// How far a participant has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParticipantStatus {
    Queued,
    Connecting,
    Ringing,
    Connected,
    Complete,
    Failed,
    /// A word that this version does not know.
    Other(String),
}

impl std::str::FromStr for ParticipantStatus {
    type Err = std::convert::Infallible;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Ok(match word {
            "queued" => Self::Queued,
            "connecting" => Self::Connecting,
            "ringing" => Self::Ringing,
            "connected" => Self::Connected,
            "complete" => Self::Complete,
            "failed" => Self::Failed,
            other => Self::Other(other.to_owned()),
        })
    }
}

/// A room: one that exists, or the one of a name, which is made for its first participant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Room {
    Existing(ConferenceSid),
    Named(String),
}

impl From<&ConferenceSid> for Room {
    fn from(sid: &ConferenceSid) -> Self {
        Room::Existing(sid.clone())
    }
}

/// One participant of a room: by call, or by the label that it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    Call(CallSid),
    Label(String),
}

impl From<&CallSid> for Whom {
    fn from(sid: &CallSid) -> Self {
        Whom::Call(sid.clone())
    }
}

impl Whom {
    fn in_path(&self) -> String {
        match self {
            Whom::Call(sid) => sid.to_string(),
            Whom::Label(label) => in_path(label),
        }
    }
}

/// Somebody who is called and put into the room when they answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewParticipant {
    to: PhoneNumber,
    from: PhoneNumber,
    label: Option<String>,
    rings_for: Option<u32>,
    status: Option<Callback<CallProgress>>,
    room_events: Option<Callback<RoomEvent>>,
    detection: Option<Detection>,
    flags: Vec<(&'static str, String)>,
}

impl NewParticipant {
    /// `from` is a number that the account owns or has verified.
    pub fn new(to: impl Into<PhoneNumber>, from: impl Into<PhoneNumber>) -> Self {
        NewParticipant {
            to: to.into(),
            from: from.into(),
            label: None,
            rings_for: None,
            status: None,
            room_events: None,
            detection: None,
            flags: Vec::new(),
        }
    }

    /// By which the participant can be found; unique in the room, at most 128 characters.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// How long it rings, 5 to 600 seconds, 60 unless set. The carrier adds five.
    ///
    /// # Errors
    /// The carrier does not take that many.
    pub fn rings_for(mut self, seconds: u32) -> Result<Self, OutOfRange> {
        self.rings_for = Some(within("Timeout", 5..=600, seconds)?);
        Ok(self)
    }

    /// Who is told how the participant's call fares.
    #[must_use]
    pub fn status(mut self, told: Callback<CallProgress>) -> Self {
        self.status = Some(told);
        self
    }

    /// Who is told of the room. Only the first participant's counts.
    #[must_use]
    pub fn room_events(mut self, told: Callback<RoomEvent>) -> Self {
        self.room_events = Some(told);
        self
    }

    /// Finds out who answers.
    #[must_use]
    pub fn detect(mut self, detection: Detection) -> Self {
        self.detection = Some(detection);
        self
    }

    /// Joins unheard.
    #[must_use]
    pub fn muted(self) -> Self {
        self.flag("Muted", "true")
    }

    /// Of what a beep tells the room.
    #[must_use]
    pub fn beep(self, beep: Beep) -> Self {
        self.flag("Beep", beep.as_str())
    }

    /// The room does not begin with this one's joining.
    #[must_use]
    pub fn waits_for_start(self) -> Self {
        self.flag("StartConferenceOnEnter", "false")
    }

    /// The room ends for all with this one's leaving.
    #[must_use]
    pub fn ends_on_exit(self) -> Self {
        self.flag("EndConferenceOnExit", "true")
    }

    /// Hears everyone, and is heard by this call only.
    #[must_use]
    pub fn coaches(self, call: &CallSid) -> Self {
        self.flag("Coaching", "true").flag("CallSidToCoach", call.as_str())
    }

    fn flag(mut self, name: &'static str, value: &str) -> Self {
        self.flags.retain(|(known, _)| *known != name);
        self.flags.push((name, value.to_owned()));
        self
    }

    fn form(&self) -> Form {
        let mut form =
            Form::default().with("To", self.to.expose()).with("From", self.from.expose());
        if let Some(label) = &self.label {
            form = form.with("Label", label.as_str());
        }
        if let Some(seconds) = self.rings_for {
            form = form.with("Timeout", seconds.to_string());
        }
        if let Some(told) = &self.status {
            form = told.put(form, "StatusCallback");
        }
        if let Some(told) = &self.room_events {
            form = told.put(form, "ConferenceStatusCallback");
        }
        if let Some(detection) = &self.detection {
            form = detection.put(form, "AmdStatusCallback");
        }
        self.flags.iter().fold(form, |form, (name, value)| form.with(*name, value.as_str()))
    }
}

/// What is changed about a participant. What is not named stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    fields: Vec<(&'static str, String)>,
    /// Something is played, which would be heard twice.
    plays: bool,
}

impl Change {
    /// Hears and is heard no more, and hears music; or is back.
    #[must_use]
    pub fn hold(self, hold: bool) -> Self {
        self.with("Hold", hold.to_string())
    }

    /// As [`Change::hold`], hearing this in place of the music. Asked for by GET unless the carrier is
    /// told otherwise.
    #[must_use]
    pub fn hold_with(self, heard: impl Into<Link>) -> Self {
        self.hold(true).with("HoldUrl", heard.into().as_str().to_owned())
    }

    /// Is heard no more, or is again.
    #[must_use]
    pub fn muted(self, muted: bool) -> Self {
        self.with("Muted", muted.to_string())
    }

    /// Plays a file, or what a document says, to this participant alone.
    #[must_use]
    pub fn announce(self, what: impl Into<Link>) -> Self {
        let change = self.with("AnnounceUrl", what.into().as_str().to_owned());
        Change { plays: true, ..change }
    }

    /// Is heard by this call only; or by all again.
    #[must_use]
    pub fn coaching(self, whom: Option<&CallSid>) -> Self {
        match whom {
            Some(call) => self
                .with("Coaching", true.to_string())
                .with("CallSidToCoach", call.as_str().to_owned()),
            None => self.with("Coaching", false.to_string()),
        }
    }

    /// Whether the room ends for all when this one leaves.
    #[must_use]
    pub fn end_on_exit(self, ends: bool) -> Self {
        self.with("EndConferenceOnExit", ends.to_string())
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.fields.retain(|(known, _)| *known != name);
        self.fields.push((name, value));
        self
    }
}

#[derive(Deserialize)]
struct Page {
    participants: Vec<Participant>,
}

impl Client {
    /// Calls somebody, who joins the room when they answer.
    ///
    /// # Errors
    /// [`Error`]; as of [`Client::create_call`], and a telephone may be ringing as there.
    pub async fn add_participant(
        &self,
        room: &Room,
        participant: &NewParticipant,
    ) -> Result<Participant, Error> {
        let room = match room {
            Room::Existing(sid) => sid.to_string(),
            Room::Named(name) => in_path(name),
        };
        let resource = format!("/Conferences/{room}/Participants.json");
        let (attempt, form) = ("call somebody into the room", participant.form());
        self.send(&Request::post(attempt, resource, form, Repeat::Unsent)).await
    }

    /// Who is in the room.
    ///
    /// # Errors
    /// [`Error`]; not found if there is no such room.
    pub async fn participants(&self, room: &ConferenceSid) -> Result<Vec<Participant>, Error> {
        let resource = format!("/Conferences/{room}/Participants.json");
        let form = Form::default().with("PageSize", MOST);
        let page: Page = self.send(&Request::get("list the room", resource, form)).await?;
        Ok(page.participants)
    }

    /// How one of the room stands.
    ///
    /// # Errors
    /// [`Error`]; not found if they are not in it, or no more.
    pub async fn fetch_participant(
        &self,
        room: &ConferenceSid,
        whom: &Whom,
    ) -> Result<Participant, Error> {
        let resource = format!("/Conferences/{room}/Participants/{}.json", whom.in_path());
        self.send(&Request::get("look up who is in the room", resource, Form::default())).await
    }

    /// Holds, mutes, speaks to, has coach.
    ///
    /// # Errors
    /// [`Error`]; not found if they are not in it, or no more.
    pub async fn change_participant(
        &self,
        room: &ConferenceSid,
        whom: &Whom,
        change: &Change,
    ) -> Result<Participant, Error> {
        let resource = format!("/Conferences/{room}/Participants/{}.json", whom.in_path());
        let form = change.fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let repeat = if change.plays { Repeat::Undone } else { Repeat::Safe };
        self.send(&Request::post("change who is in the room", resource, form, repeat)).await
    }

    /// Puts somebody out of the room; their call goes on with what follows it. Whoever is gone
    /// already is no error.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn remove_participant(&self, room: &ConferenceSid, whom: &Whom) -> Result<(), Error> {
        let resource = format!("/Conferences/{room}/Participants/{}.json", whom.in_path());
        match self.send_unread(&Request::delete("put somebody out of the room", resource)).await {
            Err(error) if !error.is_not_found() => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}
