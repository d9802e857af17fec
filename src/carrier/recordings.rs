//! Recordings that the carrier makes, and their audio.
//!
//! <https://www.twilio.com/docs/voice/api/recording>. The audio may not be there when a call is over:
//! wait for the recording's callback.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::{Stream, StreamExt, stream};
use serde::Deserialize;
use twiml::{
    CallSid, ConferenceSid, Form, RecordingSid,
    form::{RecordingSource, RecordingState},
};

use super::{
    ANSWER_WITHIN, Client, Error, Repeat, Request,
    options::Recorded,
    wire::{time, word, word_if_any},
};

/// The most that is read of a recording: a day of two channels at 16 bits and 8 kHz.
pub const LONGEST_FILE: u64 = 24 * 3600 * 8_000 * 4 + 1_024;

/// A recording as the carrier has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Recording {
    pub sid: RecordingSid,
    #[serde(default, deserialize_with = "word_if_any")]
    pub call_sid: Option<CallSid>,
    #[serde(default, deserialize_with = "word_if_any")]
    pub conference_sid: Option<ConferenceSid>,
    /// Beside the callback's words: `paused`, `stopped`, `processing`, `deleted`.
    #[serde(deserialize_with = "word")]
    pub status: RecordingState,
    #[serde(default, deserialize_with = "word_if_any")]
    pub source: Option<RecordingSource>,
    #[serde(default, deserialize_with = "word_if_any")]
    pub channels: Option<u8>,
    /// Seconds, when it is complete.
    #[serde(default, deserialize_with = "word_if_any")]
    pub duration: Option<u32>,
    #[serde(default, deserialize_with = "time")]
    pub start_time: Option<DateTime<Utc>>,
}

/// How a recording goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorder {
    /// Nothing is recorded until it goes on. The gap is silence, or left out.
    Pause {
        silence: bool,
    },
    GoOn,
    Stop,
}

/// The form in which a recording is downloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    Wav,
    Mp3,
}

#[derive(Deserialize)]
struct Page {
    recordings: Vec<Recording>,
}

impl Client {
    /// Begins to record a running call.
    ///
    /// # Errors
    /// [`Error`]; [`Error::is_not_in_progress`] if the call is not.
    pub async fn start_recording(
        &self,
        call: &CallSid,
        recorded: &Recorded,
    ) -> Result<Recording, Error> {
        let resource = format!("/Calls/{call}/Recordings.json");
        let form = recorded.put(Form::default());
        // Twice, it would be recorded twice.
        self.send(&Request::post("record the call", resource, form, Repeat::Undone)).await
    }

    /// Pauses a call's recording, goes on with it, or stops it.
    ///
    /// # Errors
    /// [`Error`]; not found if there is no such recording of this call.
    pub async fn change_recording(
        &self,
        call: &CallSid,
        recording: &RecordingSid,
        order: Recorder,
    ) -> Result<Recording, Error> {
        let form = Form::default();
        let form = match order {
            Recorder::Pause { silence } => form
                .with("Status", "paused")
                .with("PauseBehavior", if silence { "silence" } else { "skip" }),
            Recorder::GoOn => form.with("Status", "in-progress"),
            Recorder::Stop => form.with("Status", "stopped"),
        };
        let resource = format!("/Calls/{call}/Recordings/{recording}.json");
        self.send(&Request::post("change the recording", resource, form, Repeat::Safe)).await
    }

    /// A call's recordings, the newest first: a thousand at most.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn recordings(&self, call: &CallSid) -> Result<Vec<Recording>, Error> {
        let form = Form::default().with("CallSid", call.as_str()).with("PageSize", "1000");
        let request = Request::get("list the recordings", "/Recordings.json".to_owned(), form);
        Ok(self.send::<Page>(&request).await?.recordings)
    }

    /// How a recording stands.
    ///
    /// # Errors
    /// [`Error`]; not found if there is none.
    pub async fn fetch_recording(&self, recording: &RecordingSid) -> Result<Recording, Error> {
        let resource = format!("/Recordings/{recording}.json");
        self.send(&Request::get("look up the recording", resource, Form::default())).await
    }

    /// A recording's audio, piece by piece. Ends with an error if it breaks off, if no piece comes for
    /// ten seconds, or if it is longer than [`LONGEST_FILE`]. Only its beginning is asked for again.
    ///
    /// # Errors
    /// [`Error`]; not found as long as it is not ready.
    pub async fn download_recording(
        &self,
        recording: &RecordingSid,
        kind: FileKind,
    ) -> Result<impl Stream<Item = Result<Bytes, Error>> + use<>, Error> {
        const ATTEMPT: &str = "download the recording";
        let extension = match kind {
            FileKind::Wav => "wav",
            FileKind::Mp3 => "mp3",
        };
        let resource = format!("/Recordings/{recording}.{extension}");
        let request = Request::get(ATTEMPT, resource, Form::default());
        let response = self.open(&request).await?;
        let pieces = stream::unfold((Some(response), 0), async |(response, so_far)| {
            let mut response = response?;
            let next = tokio::time::timeout(ANSWER_WITHIN, response.chunk()).await;
            let broken = |why: &str| {
                let why = why.to_owned();
                Some((Err(Error::Unreadable { attempt: ATTEMPT, why }), (None, so_far)))
            };
            match next {
                Ok(Ok(Some(piece))) => {
                    let so_far = so_far + piece.len() as u64;
                    if so_far > LONGEST_FILE {
                        return broken("it is too long");
                    }
                    Some((Ok(piece), (Some(response), so_far)))
                }
                Ok(Ok(None)) => None,
                Ok(Err(error)) => Some((Err(Error::unreached(ATTEMPT, error)), (None, so_far))),
                Err(_) => broken("no more came for a while"),
            }
        });
        Ok(pieces.boxed())
    }

    /// Deletes a recording. One that is gone already is no error.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn delete_recording(&self, recording: &RecordingSid) -> Result<(), Error> {
        let resource = format!("/Recordings/{recording}.json");
        match self.send_unread(&Request::delete("delete the recording", resource)).await {
            Err(error) if !error.is_not_found() => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}
