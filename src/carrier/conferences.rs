//! Conferences: rooms in which calls hear each other.
//!
//! <https://www.twilio.com/docs/voice/api/conference-resource>. Who is in one is
//! [`super::participants`].

use serde::Deserialize;
use twiml::{CallSid, ConferenceSid, Form, Link};

use super::{
    Client, Error, Repeat, Request,
    wire::{word, word_if_any},
};

/// A conference.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Conference {
    pub sid: ConferenceSid,
    /// The room's name.
    pub friendly_name: String,
    #[serde(deserialize_with = "word")]
    pub status: ConferenceStatus,
    /// In the carrier's words, when it is over.
    #[serde(default)]
    pub reason_conference_ended: Option<String>,
    #[serde(default, deserialize_with = "word_if_any")]
    pub call_sid_ending_conference: Option<CallSid>,
}

/// How far a conference has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConferenceStatus {
    /// Somebody waits for it to begin.
    Init,
    InProgress,
    Completed,
    /// A word that this version does not know.
    Other(String),
}

impl std::str::FromStr for ConferenceStatus {
    type Err = std::convert::Infallible;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Ok(match word {
            "init" => Self::Init,
            "in-progress" => Self::InProgress,
            "completed" => Self::Completed,
            other => Self::Other(other.to_owned()),
        })
    }
}

#[derive(Deserialize)]
struct Page {
    conferences: Vec<Conference>,
}

impl Client {
    /// The conference that runs, or waits to begin, in the room of this name.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn find_conference(&self, room: &str) -> Result<Option<Conference>, Error> {
        // The carrier filters by one status at a time; a room runs more often than it waits.
        for status in ["in-progress", "init"] {
            let form = Form::default()
                .with("FriendlyName", room)
                .with("Status", status)
                .with("PageSize", "20");
            let request = Request::get("find the room", "/Conferences.json".to_owned(), form);
            let page: Page = self.send(&request).await?;
            let found = page.conferences.into_iter().find(|found| found.friendly_name == room);
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// How this conference stands.
    ///
    /// # Errors
    /// [`Error`]; not found if it is not this account's.
    pub async fn fetch_conference(&self, conference: &ConferenceSid) -> Result<Conference, Error> {
        let resource = format!("/Conferences/{conference}.json");
        self.send(&Request::get("look up the room", resource, Form::default())).await
    }

    /// Ends a conference for all who are in it; their calls go on with what follows it. Ending it
    /// again is no error.
    ///
    /// # Errors
    /// [`Error`]; not found if it is not this account's.
    pub async fn end_conference(&self, conference: &ConferenceSid) -> Result<Conference, Error> {
        let resource = format!("/Conferences/{conference}.json");
        let form = Form::default().with("Status", "completed");
        self.send(&Request::post("end the room", resource, form, Repeat::Safe)).await
    }

    /// Plays a file, or what a document says, to all who are in the room.
    ///
    /// # Errors
    /// [`Error`]; not found if it is not this account's, or over.
    pub async fn announce(
        &self,
        conference: &ConferenceSid,
        what: impl Into<Link>,
    ) -> Result<Conference, Error> {
        let resource = format!("/Conferences/{conference}.json");
        let form = Form::default().with("AnnounceUrl", what.into().as_str());
        // Heard twice, it would be another announcement.
        self.send(&Request::post("announce in the room", resource, form, Repeat::Undone)).await
    }
}
