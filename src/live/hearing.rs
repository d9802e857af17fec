//! The caller's audio on its way in: to the VAD and to the STT.

use bytes::Bytes;
use media::{
    frame::ms_of_samples,
    g711,
    vad::{Detector, VadEvent, WebRtcMode, WebRtcVad},
};
use tokio::sync::mpsc::error::TrySendError;
use vendors::{SttEvent, SttInput, SttStream, local::vad::VadStream};

/// Voice activity: here where it is cheap, on the inference threads where it is a network.
pub enum Vad {
    Here { detector: Box<Detector<WebRtcVad>>, samples: Vec<i16>, events: Vec<VadEvent> },
    Elsewhere(VadStream),
}

impl Vad {
    /// WebRTC's detector: 3 µs a frame, deaf to soft speech, fooled by steady tones.
    pub fn webrtc(policy: media::vad::Policy) -> Self {
        let detector = Detector::new(WebRtcVad::new(WebRtcMode::VeryAggressive), policy);
        Vad::Here { detector: Box::new(detector), samples: Vec::new(), events: Vec::new() }
    }
}

/// One call's ears.
pub struct Hearing {
    vad: Vad,
    stt: SttStream,
    /// Frames that the STT or the VAD had no room for.
    pub lost_frames: u64,
    stt_ended: bool,
}

/// What was heard.
#[derive(Debug)]
pub enum Heard {
    Voice(VadEvent),
    Words(SttEvent),
}

impl Hearing {
    pub fn new(vad: Vad, stt: SttStream) -> Self {
        Hearing { vad, stt, lost_frames: 0, stt_ended: false }
    }

    /// Takes audio at its place in the call. What the VAD says at once is pushed to `events`; what
    /// it says later comes from [`Hearing::next`].
    pub fn push(&mut self, at_sample: u64, mulaw: Bytes, events: &mut Vec<VadEvent>) {
        let input = SttInput::Audio { at_ms: ms_of_samples(at_sample), mulaw: mulaw.clone() };
        if let Err(TrySendError::Full(_)) = self.stt.input.try_send(input) {
            self.lost_frames += 1;
        }
        match &mut self.vad {
            Vad::Here { detector, samples, events: said } => {
                samples.clear();
                g711::decode_into(&mulaw, samples);
                detector.push(samples, said);
                events.append(said);
            }
            Vad::Elsewhere(stream) => {
                if let Err(TrySendError::Full(_)) = stream.input.try_send((at_sample, mulaw)) {
                    self.lost_frames += 1;
                }
            }
        }
    }

    /// Tells the STT what the VAD said.
    pub fn tell_stt(&mut self, event: &VadEvent) {
        let input = match *event {
            VadEvent::Started { from_ms, .. } => SttInput::SpeechStarted { at_ms: from_ms },
            VadEvent::Stopped { at_ms, .. } => SttInput::SpeechStopped { at_ms },
        };
        if let Err(TrySendError::Full(_)) = self.stt.input.try_send(input) {
            self.lost_frames += 1;
        }
    }

    /// The next thing heard.
    pub async fn next(&mut self) -> Heard {
        let Hearing { vad, stt, stt_ended, .. } = self;
        let voice = async {
            if let Vad::Elsewhere(stream) = vad
                && let Some(event) = stream.events.recv().await
            {
                return event;
            }
            std::future::pending().await
        };
        let words = async {
            if !*stt_ended {
                match stt.events.recv().await {
                    Some(event) => return event,
                    None => *stt_ended = true,
                }
            }
            std::future::pending().await
        };
        tokio::select! {
            event = voice => Heard::Voice(event),
            event = words => Heard::Words(event),
        }
    }
}
