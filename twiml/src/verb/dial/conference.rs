//! `<Conference>`: a room where any number of calls hear each other.

use crate::{
    CallSid, Invalid, Link,
    verb::{Method, RecordingProgress, Trim},
    xml::Element,
};

/// A room, joined by name and created by its first participant, whose callbacks hold for all.
#[derive(Clone, Debug)]
pub struct Conference {
    pub(crate) element: Element,
}

impl Conference {
    /// The room's name, unique in the account, 1 to 255 characters. It shows in the carrier's
    /// console and logs: no personal data.
    pub fn new(room: impl AsRef<str>) -> Result<Self, Invalid> {
        let room = room.as_ref();
        Invalid::check_text("Conference", "the name", 255, room)?;
        Ok(Self { element: Element::with_text("Conference", room) })
    }

    /// Nothing is heard while waiting for the room to start.
    #[must_use]
    pub fn wait_in_silence(mut self) -> Self {
        self.element.set("waitUrl", "");
        self
    }

    /// Only this participant hears the caller, who hears everyone.
    #[must_use]
    pub fn coach(mut self, participant: &CallSid) -> Self {
        self.element.set("coach", participant);
        self
    }
}

attributes! {
    impl Conference {
        /// Whether the caller joins unheard.
        set muted(bool) => "muted";
        /// When a beep tells of joins and leaves, of both unless set.
        set beep(Beep) => "beep";
        /// Whether the caller's joining starts the room, as it does unless set. Until then those
        /// who wait are muted and hear music.
        set start_on_enter(bool) => "startConferenceOnEnter";
        /// Whether the caller's leaving ends the room for all, as it does not unless set.
        set end_on_exit(bool) => "endConferenceOnExit";
        /// A label for REST and callbacks, unique in the room, at most 128 characters. A second
        /// caller of one label does not get in.
        text participant_label(128) => "participantLabel";
        /// How much is buffered against late packets, the most unless set.
        set jitter_buffer(JitterBuffer) => "jitterBufferSize";
        /// What is heard while waiting: audio, or a document of
        /// [`Response::room_wait`](crate::Response::room_wait). The carrier's music unless set.
        set wait_url(Link) => "waitUrl";
        /// How that is asked for. GET for files, which the carrier then caches.
        set wait_method(Method) => "waitMethod";
        /// How many may join, 2 to 250, the latter unless set.
        range max_participants(2..=250) => "maxParticipants";
        /// Whether the room is recorded.
        set record(RoomRecording) => "record";
        /// Whether silence at the ends is cut, as it is unless set.
        set trim(Trim) => "trim";
        /// Where the audio is mixed, near its first participants unless set.
        set region(Region) => "region";
        /// Where the room's events are told, and which; none if none is named.
        events status_callback(RoomEvent) => "statusCallback" "statusCallbackEvent";
        /// How they are sent, POST unless set.
        set status_callback_method(Method) => "statusCallbackMethod";
        /// Where the carrier tells of the recording, and what; only of its completion if nothing
        /// is named.
        events recording_status_callback(RecordingProgress)
            => "recordingStatusCallback" "recordingStatusCallbackEvent";
        /// How that is sent, POST unless set.
        set recording_status_callback_method(Method) => "recordingStatusCallbackMethod";
    }
}

words! {
    /// Of what a beep tells the room.
    Beep {
        Both => "true",
        Never => "false",
        OnEnter => "onEnter",
        OnExit => "onExit",
    }
    /// How much audio is buffered against late packets: the larger, the later.
    JitterBuffer {
        /// 20 ms.
        Small => "small",
        /// 40 ms.
        Medium => "medium",
        /// 60 ms.
        Large => "large",
        Off => "off",
    }
    /// Whether a room is recorded.
    RoomRecording {
        DoNotRecord => "do-not-record",
        /// From when two are bridged.
        FromStart => "record-from-start",
    }
    /// Where a room's audio is mixed.
    Region {
        Virginia => "us1",
        Oregon => "us2",
        Ireland => "ie1",
        Frankfurt => "de1",
        Singapore => "sg1",
        SaoPaulo => "br1",
        Sydney => "au1",
        Tokyo => "jp1",
    }
    /// What a room's callback may tell. The callbacks themselves use other words: one who asked for
    /// `join` is told `participant-join`.
    RoomEvent {
        Start => "start",
        End => "end",
        Join => "join",
        Leave => "leave",
        Mute => "mute",
        Hold => "hold",
        Modify => "modify",
        Speaker => "speaker",
        Announcement => "announcement",
    }
}
