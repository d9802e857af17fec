//! The thread that judges the windows of all calls, and the calls' ends of it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use media::{
    frame::{ms_of_samples, samples_of_ms},
    g711,
    vad::{Detector, Policy, Vad, VadEvent, Verdict},
};
use tokio::sync::mpsc;

use super::{Ear, Network, WINDOW};
use crate::{
    Work,
    local::{LocalError, models::Models, runtime::Runtime},
};

/// Pieces of audio on their way to the thread: a second of 80 calls. Beyond that pieces are lost.
const WAITING: usize = 4096;

/// Windows judged at once; more gain little.
const TOGETHER: usize = 16;

/// From so many calls on, windows are gathered.
const GATHER_FROM: usize = 4;

/// For how long. What is heard is late by that.
const GATHER_FOR: Duration = Duration::from_millis(3);

/// A gap in a call's audio up to this long is silence; after a longer one listening begins anew.
const LONGEST_GAP_MS: u64 = 10_000;

/// Voice activity for any number of calls. Cloning it is cheap; the thread ends with the last clone.
#[derive(Clone)]
pub struct Silero {
    messages: SyncSender<Message>,
    next: Arc<AtomicU64>,
}

/// One call's voice activity. Dropping it ends the listening.
pub struct VadStream {
    /// Audio, 8 kHz mu-law of any length, with the position of its first sample in the call's audio.
    /// When the channel is full, audio is lost and counts as silence.
    pub input: mpsc::Sender<(u64, Bytes)>,
    /// What happened, in the call's time.
    pub events: mpsc::Receiver<VadEvent>,
    /// What feeds the thread.
    pub work: Work,
}

enum Message {
    Open { call: u64, policy: Policy, events: mpsc::Sender<VadEvent> },
    Audio { call: u64, at_sample: u64, mulaw: Bytes },
    Close { call: u64 },
}

impl Silero {
    pub(crate) fn start(runtime: &Runtime, models: &Models) -> Result<Self, LocalError> {
        let network = Network::load(runtime, models)?;
        let (messages, received) = sync_channel(WAITING);
        std::thread::Builder::new()
            .name("vad".into())
            .spawn(move || Calls { network, calls: HashMap::new() }.run(&received))
            .map_err(|source| LocalError::Thread { source })?;
        Ok(Silero { messages, next: Arc::default() })
    }

    /// Begins to listen to a call. To be called on an async runtime.
    pub fn open(&self, policy: Policy) -> VadStream {
        let call = self.next.fetch_add(1, Ordering::Relaxed);
        let (input, mut audio) = mpsc::channel::<(u64, Bytes)>(64);
        let (events, receiver) = mpsc::channel(64);
        let messages = self.messages.clone();
        let work = Work::spawn(async move {
            let _closing = Closing { call, messages: messages.clone() };
            // Opening and closing may not be lost; they are rare, so waiting for room is harmless.
            let mut opening = Message::Open { call, policy, events };
            while let Err(TrySendError::Full(message)) = messages.try_send(opening) {
                opening = message;
                tokio::time::sleep(GATHER_FOR).await;
            }
            while let Some((at_sample, mulaw)) = audio.recv().await {
                match messages.try_send(Message::Audio { call, at_sample, mulaw }) {
                    Ok(()) => {}
                    Err(TrySendError::Full(_)) => {
                        tracing::warn!(call, "voice activity is behind: audio is left out");
                    }
                    Err(TrySendError::Disconnected(_)) => return,
                }
            }
        });
        VadStream { input, events: receiver, work }
    }
}

struct Closing {
    call: u64,
    messages: SyncSender<Message>,
}

impl Drop for Closing {
    fn drop(&mut self) {
        // If there is no room, the thread finds out by itself: nobody receives the events.
        let _ = self.messages.try_send(Message::Close { call: self.call });
    }
}

/// Verdicts that were reached elsewhere, for a [`Detector`] to ask for.
#[derive(Clone, Default)]
struct Judged(Arc<Mutex<Vec<Verdict>>>);

impl Judged {
    fn put(&self, verdict: Verdict) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(verdict);
    }
}

impl Vad for Judged {
    fn push(&mut self, _: &[i16], verdicts: &mut Vec<Verdict>) {
        verdicts.append(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn window(&self) -> usize {
        WINDOW
    }

    fn reset(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

struct Call {
    ear: Ear,
    judged: Judged,
    detector: Detector<Judged>,
    events: mpsc::Sender<VadEvent>,
    /// Samples that wait for their verdict.
    waiting: Vec<i16>,
    /// The position of the detector's first sample.
    origin: Option<u64>,
    /// The position after the last sample that came, from the origin.
    received: u64,
    /// The position after the last window judged, from the origin.
    done: u64,
}

impl Call {
    fn new(policy: Policy, events: mpsc::Sender<VadEvent>) -> Self {
        let judged = Judged::default();
        Call {
            ear: Ear::default(),
            detector: Detector::new(judged.clone(), policy),
            judged,
            events,
            waiting: Vec::new(),
            origin: None,
            received: 0,
            done: 0,
        }
    }

    fn receive(&mut self, at_sample: u64, mulaw: &[u8]) {
        let origin = *self.origin.get_or_insert(at_sample);
        let expected = origin + self.received;
        let mut fresh = mulaw;
        if at_sample < expected {
            // Sent twice, at least in part.
            let known = usize::try_from(expected - at_sample).unwrap_or(usize::MAX);
            fresh = mulaw.get(known..).unwrap_or_default();
        } else if at_sample > expected {
            let gap = at_sample - expected;
            if gap > samples_of_ms(LONGEST_GAP_MS) {
                self.begin_anew(at_sample);
            } else {
                self.waiting.resize(self.waiting.len() + gap as usize, 0);
                self.received += gap;
            }
        }
        g711::decode_into(fresh, &mut self.waiting);
        self.received += fresh.len() as u64;
    }

    fn begin_anew(&mut self, at_sample: u64) {
        if self.detector.is_speaking() {
            let at_ms = ms_of_samples(self.origin.unwrap_or_default() + self.done);
            self.tell(VadEvent::Stopped { at_ms, decided_ms: ms_of_samples(at_sample) });
        }
        self.detector.reset();
        self.ear = Ear::default();
        self.waiting.clear();
        (self.origin, self.received, self.done) = (Some(at_sample), 0, 0);
    }

    /// Tells the detector what was found of the first window that waits.
    fn judge(&mut self, speech: f32) {
        self.done += WINDOW as u64;
        self.judged.put(Verdict { end_sample: self.done, speech });
        let mut events = Vec::new();
        let window: Vec<i16> = self.waiting.drain(..WINDOW).collect();
        self.detector.push(&window, &mut events);
        let origin = ms_of_samples(self.origin.unwrap_or_default());
        for event in events {
            self.tell(match event {
                VadEvent::Started { at_ms, from_ms, decided_ms } => VadEvent::Started {
                    at_ms: at_ms + origin,
                    from_ms: from_ms + origin,
                    decided_ms: decided_ms + origin,
                },
                VadEvent::Stopped { at_ms, decided_ms } => {
                    VadEvent::Stopped { at_ms: at_ms + origin, decided_ms: decided_ms + origin }
                }
            });
        }
    }

    fn tell(&self, event: VadEvent) {
        // Full only if the session has not looked for many seconds; then this is its least problem.
        let _ = self.events.try_send(event);
    }
}

struct Calls {
    network: Network,
    calls: HashMap<u64, Call>,
}

impl Calls {
    fn run(mut self, messages: &Receiver<Message>) {
        while let Ok(message) = messages.recv() {
            self.take(message);
            let patience =
                if self.calls.len() >= GATHER_FROM { GATHER_FOR } else { Duration::ZERO };
            let until = Instant::now() + patience;
            while self.ready().take(TOGETHER).count() < TOGETHER {
                match messages.recv_timeout(until.saturating_duration_since(Instant::now())) {
                    Ok(message) => self.take(message),
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
            while self.judge() {}
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Open { call, policy, events } => {
                // Those whose closing did not come through.
                self.calls.retain(|_, call| !call.events.is_closed());
                self.calls.insert(call, Call::new(policy, events));
            }
            Message::Audio { call, at_sample, mulaw } => {
                if let Some(call) = self.calls.get_mut(&call) {
                    call.receive(at_sample, &mulaw);
                }
            }
            Message::Close { call } => {
                self.calls.remove(&call);
            }
        }
    }

    fn ready(&self) -> impl Iterator<Item = &Call> {
        self.calls.values().filter(|call| call.waiting.len() >= WINDOW)
    }

    /// Judges one window of each of some calls; were there any?
    fn judge(&mut self) -> bool {
        let mut ready: Vec<&mut Call> = self
            .calls
            .values_mut()
            .filter(|call| call.waiting.len() >= WINDOW)
            .take(TOGETHER)
            .collect();
        if ready.is_empty() {
            return false;
        }
        let mut windows: Vec<(&mut Ear, &[i16])> =
            ready.iter_mut().map(|call| (&mut call.ear, &call.waiting[..WINDOW])).collect();
        let speech = self.network.judge(&mut windows).unwrap_or_else(|error| {
            tracing::error!(problem = %error, "voice activity failed");
            // Better deaf than stuck in speech.
            vec![0.0; windows.len()]
        });
        for (call, speech) in ready.into_iter().zip(speech) {
            call.judge(speech);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> (Call, mpsc::Receiver<VadEvent>) {
        let (events, receiver) = mpsc::channel(64);
        let policy = Policy { quietest_dbfs: -120.0, ..Policy::default() };
        (Call::new(policy, events), receiver)
    }

    /// Loud enough for the detector's gate, and changing.
    fn babble(samples: usize) -> Vec<u8> {
        (0..samples).map(|n| if (n / 7) % 2 == 0 { 0x90 } else { 0x10 + (n % 31) as u8 }).collect()
    }

    #[test]
    fn audio_is_placed_by_its_position() {
        let (mut call, _events) = call();
        call.receive(1_000, &babble(160));
        call.receive(1_080, &babble(160));
        assert_eq!(call.waiting.len(), 240, "what came twice counts once");
        call.receive(1_400, &babble(160));
        assert_eq!(call.waiting.len(), 560, "a gap is silence");
        call.receive(1_000_000, &babble(160));
        assert_eq!((call.waiting.len(), call.origin), (160, Some(1_000_000)));
    }

    #[test]
    fn events_are_told_in_the_calls_time() {
        let (mut call, mut events) = call();
        call.receive(80_000, &vec![g711::SILENCE; WINDOW * 8]);
        for _ in 0..8 {
            call.judge(0.0);
        }
        call.receive(80_000 + 8 * WINDOW as u64, &babble(WINDOW * 10));
        for _ in 0..10 {
            call.judge(0.9);
        }
        let VadEvent::Started { at_ms, .. } = events.try_recv().expect("speech has begun") else {
            panic!("speech ended before it began");
        };
        assert_eq!(at_ms, 10_000 + 256);
        call.begin_anew(1_000_000);
        assert!(matches!(events.try_recv(), Ok(VadEvent::Stopped { .. })));
    }
}
