//! A person who speaks with the caller, listened to: their side of the call comes as a track of its own.

use bytes::Bytes;
use media::{frame::Timeline, g711, vad::VadEvent};
use turn::Event;
use vendors::SttEvent;

use super::Session;
use crate::live::hearing::{Heard, Hearing};

/// The colleague's ears: hearing, and the places of their audio.
pub struct Colleague {
    hearing: Hearing,
    timeline: Timeline,
}

impl Colleague {
    /// Listens with this.
    pub fn new(hearing: Hearing) -> Self {
        Colleague { hearing, timeline: Timeline::new() }
    }

    /// The next thing heard of them.
    pub(super) async fn next(of: &mut Option<Box<Colleague>>) -> Heard {
        match of {
            Some(colleague) => colleague.hearing.next().await,
            None => std::future::pending().await,
        }
    }
}

impl Session {
    /// The colleague's audio.
    pub(super) fn colleague_audio(&mut self, timestamp_ms: Option<u64>, mut mulaw: Vec<u8>) {
        let Some(colleague) = &mut self.colleague else { return };
        let place = colleague.timeline.place(timestamp_ms, mulaw.len());
        mulaw.drain(..place.skip);
        if place.silence > 0 {
            let mut filled = vec![g711::SILENCE; place.silence];
            filled.append(&mut mulaw);
            mulaw = filled;
        }
        if mulaw.is_empty() {
            return;
        }
        let at = media::frame::ms_of_samples(place.at_sample);
        let at = self.recorder.clock().moment(at);
        self.recorder.agent(at, &mulaw);
        let mut events = Vec::new();
        colleague.hearing.push(place.at_sample, Bytes::from(mulaw), &mut events);
        for event in events {
            colleague.hearing.tell_stt(&event);
        }
    }

    /// What was heard of the colleague.
    pub(super) fn colleague_heard(&mut self, heard: Heard) {
        match heard {
            Heard::Voice(event @ (VadEvent::Started { .. } | VadEvent::Stopped { .. })) => {
                if let Some(colleague) = &mut self.colleague {
                    colleague.hearing.tell_stt(&event);
                }
            }
            Heard::Words(SttEvent::Final { text, from_ms, to_ms, .. }) => {
                let clock = self.recorder.clock();
                let (from, to) = (clock.moment(from_ms), clock.moment(to_ms));
                self.tell(Event::PersonSaid { text, from, to });
            }
            Heard::Words(SttEvent::Failed(error)) => {
                tracing::warn!(call = self.call_sid, %error, "a colleague cannot be heard");
                metrics::counter!("tandem_vendor_failures_total", "stage" => "stt").increment(1);
            }
            // Turns are the machine's affair with the caller.
            Heard::Words(_) | Heard::Ending { .. } => {}
        }
    }
}
