//! How a call that we made fares, by its sound: a voicemail's beep, a fax machine's tone.
//!
//! The carrier's own detection, where it is on, says the same later, and not of every machine. What
//! follows from either is the conversation's to decide. Calls that came in are not listened to so.

use media::{
    g711,
    tone::{Detector, Policy, ToneEvent},
};
use turn::Answerer;

/// Machines that answer are heard by then; later tones are the talk's own. Samples: 90 s.
const LISTEN_FOR: u64 = 90 * 8_000;

/// What a sound tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// A voicemail records from here on, ms of the call's clock.
    Beep { ended_ms: u64 },
    /// A fax machine answered.
    Fax,
}

/// One outbound call's tones.
#[derive(Debug)]
pub struct Progress {
    detector: Detector,
    samples: Vec<i16>,
    events: Vec<ToneEvent>,
    heard: u64,
    beeped: bool,
}

impl Default for Progress {
    fn default() -> Self {
        Progress {
            detector: Detector::new(Policy::default()),
            samples: Vec::new(),
            events: Vec::new(),
            heard: 0,
            beeped: false,
        }
    }
}

impl Progress {
    /// Takes the other side's next audio, without gaps from the call's first sample. What it tells, if
    /// it tells something: the last of what it does.
    pub fn push(&mut self, mulaw: &[u8]) -> Option<Told> {
        if self.heard >= LISTEN_FOR {
            return None;
        }
        self.heard += mulaw.len() as u64;
        self.samples.clear();
        g711::decode_into(mulaw, &mut self.samples);
        self.detector.push(&self.samples, &mut self.events);
        let mut told = None;
        for event in self.events.drain(..) {
            let name = match event {
                ToneEvent::Beep { to_ms, .. } => {
                    self.beeped = true;
                    told = Some(Told::Beep { ended_ms: to_ms });
                    "beep"
                }
                ToneEvent::FaxAnswering { .. } | ToneEvent::FaxCalling { .. } => {
                    told = Some(Told::Fax);
                    "fax"
                }
                // The other side has hung up, or was never there: the carrier says so soon.
                ToneEvent::Busy { .. } => "busy",
                ToneEvent::Unreachable { .. } => "unreachable",
            };
            metrics::counter!("tandem_tones_total", "tone" => name).increment(1);
        }
        told
    }

    /// Does the carrier's word say more than was heard here? That a greeting has ended is no news
    /// after its beep, and would have the message begin anew.
    #[must_use]
    pub fn is_news(&self, by: Answerer) -> bool {
        let greeting_ended = matches!(by, Answerer::MachineAfterBeep | Answerer::MachineSilent);
        !(greeting_ended && self.beeped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f64, ms: u32) -> Vec<u8> {
        let wave =
            (0..ms * 8).map(|at| (f64::from(at) * hz * std::f64::consts::TAU / 8_000.0).sin());
        wave.map(|height| g711::encode((height * 8_000.0) as i16)).collect()
    }

    /// What is told of this audio, and after how many ms of it.
    fn told(progress: &mut Progress, audio: &[Vec<u8>]) -> Vec<(u64, Told)> {
        let mut found = Vec::new();
        for frame in audio.concat().chunks(160) {
            let told = progress.push(frame);
            found.extend(told.map(|told| (progress.heard / 8, told)));
        }
        found
    }

    #[test]
    fn a_beep_is_told_soon_after_it_and_makes_the_carriers_word_old() {
        let (mut progress, quiet) = (Progress::default(), vec![g711::SILENCE; 8_000]);
        assert!(progress.is_news(Answerer::MachineAfterBeep));
        let found = told(&mut progress, &[quiet.clone(), tone(1_000.0, 400), quiet]);
        let [(at, Told::Beep { ended_ms })] = found[..] else { panic!("{found:?}") };
        assert!(ended_ms.abs_diff(1_400) <= 20 && at <= ended_ms + 300, "{found:?}");
        assert!(!progress.is_news(Answerer::MachineAfterBeep));
        assert!(!progress.is_news(Answerer::MachineSilent));
        assert!(progress.is_news(Answerer::Fax) && progress.is_news(Answerer::Human));
    }

    #[test]
    fn a_fax_is_told_and_late_tones_are_not() {
        let mut progress = Progress::default();
        let found = told(&mut progress, &[tone(2_100.0, 3_000)]);
        assert_eq!(found.iter().map(|(_, told)| *told).collect::<Vec<_>>(), [Told::Fax]);
        let quiet = vec![g711::SILENCE; LISTEN_FOR as usize];
        assert_eq!(told(&mut progress, &[quiet.clone(), tone(1_000.0, 400), quiet]), []);
    }
}
