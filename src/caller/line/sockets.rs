//! What comes from the gateway on a call's sockets, and the marks that go back.

use media::stream::carrier::{self, Outbound};

use super::super::clock::Tick;
use super::super::ear::{Dropped, Returned};
use super::super::note::Note;
use super::super::outcome::{Clear, Close, ClosedBy};
use super::super::socket::{Arrival, Incoming};
use super::super::stream::{Ended, Kind};
use super::Line;

impl Line {
    /// Sends back the marks that are due.
    pub(super) fn echo(&mut self) {
        while let Some(echo) = self.ear.next_echo() {
            let Some(stream) = self.streams.iter_mut().find(|stream| stream.kind == Kind::Both)
            else {
                continue;
            };
            let (id, text) = (stream.id, stream.messages.mark(&echo.name));
            match echo.returned {
                Returned::Played => self.record.marks.played += 1,
                Returned::AtOnce => {
                    self.record.marks.played += 1;
                    self.record.marks.at_once += 1;
                }
                Returned::Cleared => self.record.marks.cleared += 1,
            }
            self.send(id, text, echo.at);
        }
    }

    pub(super) fn arrive(&mut self, arrival: Arrival) {
        let at = self.clock.at(arrival.at);
        let id = arrival.stream;
        let Some(stream) = self.streams.iter().find(|stream| stream.id == id) else { return };
        let (sid, kind, closing) = (stream.sid.clone(), stream.kind, stream.closing);
        match arrival.what {
            Incoming::Ended { closed, code, why, fault } => {
                if let Some(fault) = fault {
                    self.violation(Some(&sid), fault, why.clone());
                }
                if closed && !closing && !matches!(code, None | Some(1000 | 1001)) {
                    let code = code.unwrap_or_default();
                    self.warn(format!("31921: the gateway closed a stream with {code}"));
                }
                self.stream_ended(id, at, closed, code, why);
            }
            Incoming::Binary => {
                self.record.traffic.messages_received += 1;
                self.violation(Some(&sid), 31951, carrier::Violation::Binary.to_string());
            }
            Incoming::Text(text) => {
                self.record.traffic.messages_received += 1;
                match carrier::parse(&text, &sid) {
                    // What crosses the end of the call on the wire is nobody's fault.
                    _ if closing => {}
                    _ if kind == Kind::Fork => {
                        let why = "a message on a stream of <Start>, which only listens";
                        self.violation(Some(&sid), 31951, why.to_owned());
                    }
                    Ok(message) => self.obey(at, &message),
                    Err(violation) => self.violation(Some(&sid), 31951, violation.to_string()),
                }
            }
        }
    }

    fn obey(&mut self, at: Tick, message: &Outbound<'_>) {
        let taken = match message {
            Outbound::Media { payload } => {
                self.record.traffic.audio_bytes_received += payload.len() as u64;
                if payload.starts_with(b"RIFF") {
                    self.warn("audio begins with a WAV header, which is heard as noise".to_owned());
                }
                self.ear.push_media(at, payload)
            }
            Outbound::Mark { name } => {
                self.record.marks.received += 1;
                self.ear.mark(at, name)
            }
            Outbound::Clear => {
                let Dropped { audio, marks } = self.ear.clear(at);
                self.record.traffic.audio_bytes_cleared += audio.0;
                let clear = Clear { at_ms: at.ms(), dropped_ms: audio.ms(), marks };
                self.record.clears.push(clear);
                self.note_at(at, Note::Cleared { dropped_ms: audio.ms(), marks });
                Ok(())
            }
        };
        if let Err(full) = taken {
            self.warn(full.to_string());
        }
        let most = &mut self.record.traffic.most_buffered_ms;
        *most = (*most).max(self.ear.buffered().ms());
        self.echo();
    }

    pub(super) fn stream_ended(
        &mut self,
        id: usize,
        at: Tick,
        closed: bool,
        code: Option<u16>,
        why: String,
    ) {
        let Some(place) = self.streams.iter().position(|stream| stream.id == id) else { return };
        let stream = self.streams.remove(place);
        if stream.kind == Kind::Both && !stream.closing {
            let dropped = self.ear.cut_off(at);
            self.count_cut_off(dropped);
        }
        let by = match (stream.closing, closed) {
            (true, _) => ClosedBy::Carrier,
            (false, true) => ClosedBy::Server,
            (false, false) => ClosedBy::Nobody,
        };
        let how = match (by, code) {
            (ClosedBy::Carrier, _) => "the call ended it".to_owned(),
            (ClosedBy::Server, Some(code)) => format!("the gateway closed it with {code}"),
            (ClosedBy::Server, None) => "the gateway closed it".to_owned(),
            (ClosedBy::Nobody, _) => format!("broken off: {why}"),
        };
        let sid = stream.sid.clone();
        self.note_at(at, Note::StreamEnded { stream_sid: sid.clone(), how });
        self.record.closes.push(Close { stream_sid: sid, at_ms: at.ms(), by, code, why });
        self.ended.push(Ended {
            closed: closed || stream.closing,
            status: stream.status.clone(),
            name: stream.name.clone().unwrap_or_else(|| stream.sid.clone()),
            sid: stream.sid.clone(),
            kind: if stream.closing { Kind::Fork } else { stream.kind },
        });
    }

    pub(super) fn count_cut_off(&mut self, dropped: Dropped) {
        self.record.traffic.audio_bytes_cut_off += dropped.audio.0;
        self.record.marks.unanswered += dropped.marks as u64;
    }
}
