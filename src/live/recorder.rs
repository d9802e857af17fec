//! The call's recording: the heard ledger rendered. Left the caller, right what the caller heard of
//! the agent.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use media::{
    frame::{ms_of_samples, samples_of_ms},
    recording::Recording,
};
use tokio::sync::{mpsc, oneshot};
use turn::Moment;

/// Pieces that follow one another more closely than this are one run of speech; the difference is
/// the network's, not the caller's ear's.
const SAME_RUN_MS: u64 = 120;
/// Pieces of all calls that may wait for the disk. A recording may have holes where the disk cannot
/// keep up; the calls do not wait for it.
const WAITING: usize = 16_384;

enum Job {
    Begin { id: u64, path: PathBuf },
    Caller { id: u64, at: u64, mulaw: Vec<u8> },
    Agent { id: u64, at: u64, mulaw: Vec<u8> },
    End { id: u64, done: oneshot::Sender<()> },
}

/// Writes the recordings of all calls, on a thread of its own: the disk may block, a call may not.
#[derive(Clone, Debug)]
pub struct Recordings {
    writer: mpsc::Sender<Job>,
    next: std::sync::Arc<std::sync::atomic::AtomicU64>,
}

impl Recordings {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start() -> std::io::Result<Self> {
        let (writer, jobs) = mpsc::channel(WAITING);
        std::thread::Builder::new().name("recordings".into()).spawn(move || write_all(jobs))?;
        Ok(Recordings { writer, next: std::sync::Arc::default() })
    }

    /// Begins a recording at `path`.
    pub fn begin(&self, path: PathBuf) -> Recorder {
        let id = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut recorder = Recorder::off();
        if self.writer.try_send(Job::Begin { id, path }).is_ok() {
            recorder.file = Some((id, self.writer.clone()));
        }
        recorder
    }
}

fn write_all(mut jobs: mpsc::Receiver<Job>) {
    let mut files: HashMap<u64, Recording> = HashMap::new();
    while let Some(job) = jobs.blocking_recv() {
        let (id, written) = match job {
            Job::Begin { id, path } => {
                let made = Recording::create(path).map(|file| drop(files.insert(id, file)));
                (id, made)
            }
            Job::Caller { id, at, mulaw } => {
                (id, files.get_mut(&id).map_or(Ok(()), |file| file.caller(at, &mulaw)))
            }
            Job::Agent { id, at, mulaw } => {
                (id, files.get_mut(&id).map_or(Ok(()), |file| file.agent(at, &mulaw)))
            }
            Job::End { id, done } => {
                let finished = files.remove(&id).map_or(Ok(()), |file| file.finish().map(drop));
                let _ = done.send(());
                (id, finished)
            }
        };
        if let Err(error) = written {
            tracing::error!(%error, "a recording stops here");
            files.remove(&id);
        }
    }
}

/// One call's recording. Does nothing where recording is off or the disk failed.
#[derive(Debug)]
pub struct Recorder {
    file: Option<(u64, mpsc::Sender<Job>)>,
    clock: CarrierClock,
    agent_end: u64,
}

impl Recorder {
    /// Records nothing.
    pub fn off() -> Self {
        Recorder { file: None, clock: CarrierClock::default(), agent_end: 0 }
    }

    /// The caller's audio, at its place in the inbound stream.
    pub fn caller(&mut self, at_sample: u64, mulaw: &[u8]) {
        self.write(|id| Job::Caller { id, at: at_sample, mulaw: mulaw.to_vec() });
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
        self.write(|id| Job::Agent { id, at: at_sample, mulaw: mulaw.to_vec() });
    }

    /// The relation of the session's clock to the inbound audio's.
    pub fn clock(&mut self) -> &mut CarrierClock {
        &mut self.clock
    }

    /// Completes the file.
    pub async fn finish(self) {
        if let Some((id, writer)) = self.file {
            let (done, finished) = oneshot::channel();
            let _ = writer.send(Job::End { id, done }).await;
            let _ = finished.await;
        }
    }

    fn write(&self, job: impl FnOnce(u64) -> Job) {
        if let Some((id, writer)) = &self.file
            && writer.try_send(job(*id)).is_err()
        {
            metrics::counter!("tandem_recording_pieces_lost_total").increment(1);
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
