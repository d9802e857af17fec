//! The caller's audio on its way in: to the VAD, to the STT, and to what judges how a turn ends.

use bytes::Bytes;
use media::{
    frame::ms_of_samples,
    g711,
    vad::{Detector, VadEvent, WebRtcMode, WebRtcVad},
};
use tokio::sync::mpsc::error::TrySendError;
use turn::Moment;
use vendors::{
    SttEvent, SttInput, SttStream,
    local::{turn::SmartTurn, vad::VadStream},
};

mod ending;

use ending::Endings;

/// Voice activity: here where it is cheap, on the inference threads where it is a network.
pub enum Vad {
    Here { detector: Box<Detector<WebRtcVad>>, events: Vec<VadEvent> },
    Elsewhere(VadStream),
}

impl Vad {
    /// WebRTC's detector: 3 µs a frame, deaf to soft speech, fooled by steady tones.
    pub fn webrtc(policy: media::vad::Policy) -> Self {
        let detector = Detector::new(WebRtcVad::new(WebRtcMode::VeryAggressive), policy);
        Vad::Here { detector: Box::new(detector), events: Vec::new() }
    }
}

/// One call's ears.
pub struct Hearing {
    vad: Vad,
    stt: SttStream,
    endings: Endings,
    /// The frame under way, decoded.
    samples: Vec<i16>,
    /// Frames that the STT or the VAD had no room for.
    pub lost_frames: u64,
    stt_ended: bool,
}

/// What was heard.
#[derive(Debug)]
pub enum Heard {
    Voice(VadEvent),
    Words(SttEvent),
    /// A model judged the silence after the sound at `at`: the probability that the turn is over.
    Ending {
        at: Moment,
        over: f32,
    },
}

impl Hearing {
    /// Ears with these detectors; `model` judges the ends of turns, where there is one.
    pub fn new(vad: Vad, stt: SttStream, model: Option<SmartTurn>) -> Self {
        let endings = Endings::new(model);
        Hearing { vad, stt, endings, samples: Vec::new(), lost_frames: 0, stt_ended: false }
    }

    /// Takes audio at its place in the call. What the VAD says at once is pushed to `events`; what
    /// it says later comes from [`Hearing::next`].
    pub fn push(&mut self, at_sample: u64, mulaw: Bytes, events: &mut Vec<VadEvent>) {
        let input = SttInput::Audio { at_ms: ms_of_samples(at_sample), mulaw: mulaw.clone() };
        if let Err(TrySendError::Full(_)) = self.stt.input.try_send(input) {
            self.lost_frames += 1;
        }
        self.samples.clear();
        g711::decode_into(&mulaw, &mut self.samples);
        self.endings.push(at_sample, &mulaw, &self.samples);
        match &mut self.vad {
            Vad::Here { detector, events: said } => {
                detector.push(&self.samples, said);
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

    /// The caller began to speak. `fresh`: nothing of a turn is known yet, so that this begins one.
    pub fn voice_started(&mut self, at_ms: u64, fresh: bool) {
        self.endings.started(at_ms, fresh);
    }

    /// The caller fell silent at this time of the call, which is the moment `at`. How the voice ended;
    /// where there is a model, [`Heard::Ending`] follows with the same moment.
    pub fn voice_stopped(&mut self, at_ms: u64, at: Moment) -> turn::endpoint::Prosody {
        self.endings.stopped(at_ms, at)
    }

    /// How much of the voice that is there is voiced so far, ms, if that is news.
    pub fn voiced(&mut self) -> Option<u32> {
        self.endings.voiced()
    }

    /// The next thing heard.
    pub async fn next(&mut self) -> Heard {
        let Hearing { vad, stt, stt_ended, endings, .. } = self;
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
            (at, over) = endings.judged() => Heard::Ending { at, over },
        }
    }
}
