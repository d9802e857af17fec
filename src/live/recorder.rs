//! The call's recording: the heard ledger rendered. Left the caller, right what the caller heard of
//! the agent.

use std::{path::Path, time::Duration};

use media::{
    frame::{ms_of_samples, samples_of_ms},
    recording::Recording,
};
use turn::Moment;

/// Pieces that follow one another more closely than this are one run of speech; the difference is
/// the network's, not the caller's ear's.
const SAME_RUN_MS: u64 = 120;

/// Writes one call's recording. Does nothing where recording is off or the disk failed.
#[derive(Debug)]
pub struct Recorder {
    file: Option<Recording>,
    clock: CarrierClock,
    agent_end: u64,
}

impl Recorder {
    /// Begins a recording at `path`; none if that is `None`.
    pub fn create(path: Option<&Path>) -> Self {
        let file = path.and_then(|path| match Recording::create(path) {
            Ok(file) => Some(file),
            Err(error) => {
                tracing::error!(%error, "this call is not recorded");
                None
            }
        });
        Recorder { file, clock: CarrierClock::default(), agent_end: 0 }
    }

    /// The caller's audio, at its place in the inbound stream.
    pub fn caller(&mut self, at_sample: u64, mulaw: &[u8]) {
        let done = self.file.as_mut().map(|file| file.caller(at_sample, mulaw));
        self.unless_failed(done);
    }

    /// Audio of the agent, at the moment when it sounded.
    pub fn agent(&mut self, at: Moment, mulaw: &[u8]) {
        let wanted = samples_of_ms(self.clock.inbound_ms(at));
        let at_sample = if wanted.abs_diff(self.agent_end) < samples_of_ms(SAME_RUN_MS) {
            self.agent_end
        } else {
            wanted.max(self.agent_end)
        };
        self.agent_end = at_sample + mulaw.len() as u64;
        let done = self.file.as_mut().map(|file| file.agent(at_sample, mulaw));
        self.unless_failed(done);
    }

    /// The relation of the session's clock to the inbound audio's.
    pub fn clock(&mut self) -> &mut CarrierClock {
        &mut self.clock
    }

    /// Completes the file.
    pub fn finish(self) {
        if let Some(file) = self.file
            && let Err(error) = file.finish()
        {
            tracing::error!(%error, "a recording could not be completed");
        }
    }

    fn unless_failed(&mut self, done: Option<Result<(), media::recording::Error>>) {
        if let Some(Err(error)) = done {
            tracing::error!(%error, "the recording of this call stops here");
            self.file = None;
        }
    }
}

/// How the inbound audio's own time, counted by the carrier's timestamps, relates to ours. Messages
/// come late, never early: the least delay seen lately is the true relation.
#[derive(Debug, Default)]
pub struct CarrierClock {
    /// Our time less the audio's, ms: now, and the least of the stretch under way.
    offset: Option<i64>,
    least: Option<i64>,
    since: Moment,
}

impl CarrierClock {
    /// How often the relation is looked at anew, to follow clocks that run apart.
    const STRETCH: Duration = Duration::from_secs(10);

    /// Inbound audio up to this place arrived now.
    pub fn arrived(&mut self, end_sample: u64, now: Moment) {
        let offset = now.0 as i64 - ms_of_samples(end_sample) as i64;
        self.least = Some(self.least.map_or(offset, |least| least.min(offset)));
        self.offset = Some(self.offset.map_or(offset, |known| known.min(offset)));
        if now.since(self.since) >= Self::STRETCH {
            self.offset = self.least.take();
            self.since = now;
        }
    }

    /// When this place of the inbound audio was said, in the session's time.
    pub fn moment(&self, inbound_ms: u64) -> Moment {
        Moment((inbound_ms as i64 + self.offset.unwrap_or(0)).max(0) as u64)
    }

    /// Which place of the inbound audio this moment is.
    pub fn inbound_ms(&self, at: Moment) -> u64 {
        (at.0 as i64 - self.offset.unwrap_or(0)).max(0) as u64
    }
}
