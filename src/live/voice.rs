//! Sentences into audio: in order, the next one being made while one is spoken.

use std::{collections::VecDeque, sync::Arc, task::Poll, time::Duration};

use bytes::Bytes;
use turn::{Epoch, UtteranceId};
use vendors::{Tts, TtsEvent, TtsRequest, TtsStream, VendorError, WordTime};

/// Sentences made at once: the one being spoken and the next.
const AT_ONCE: usize = 2;

/// Time allowed until a sentence's first audio; then the spare voice says it.
const FIRST_AUDIO: Duration = Duration::from_millis(1_200);
/// The same for what is said because something is late already.
const FIRST_AUDIO_LATE: Duration = Duration::from_millis(600);

/// One sentence to speak.
#[derive(Clone, Debug)]
pub struct Job {
    pub epoch: Epoch,
    pub utterance: UtteranceId,
    pub sentence: u32,
    pub text: String,
    pub spare: bool,
    pub first: bool,
}

/// What became of a sentence.
#[derive(Debug)]
pub enum Spoken {
    Audio(Bytes),
    Words(Vec<WordTime>),
    Done,
    Failed(VendorError),
}

/// The agent's voice in one call.
pub struct Voice {
    chosen: Arc<dyn Tts>,
    spare: Arc<dyn Tts>,
    name: Option<String>,
    language: String,
    waiting: VecDeque<Job>,
    active: Vec<(Job, TtsStream)>,
}

impl Voice {
    pub fn new(
        chosen: Arc<dyn Tts>,
        spare: Arc<dyn Tts>,
        name: Option<String>,
        language: String,
    ) -> Self {
        Voice { chosen, spare, name, language, waiting: VecDeque::new(), active: Vec::new() }
    }

    /// Queues a sentence.
    pub fn speak(&mut self, job: Job) {
        if job.first || job.spare {
            // What is late already is begun at once, whatever else is being made; a sentence that is
            // given to another voice is no longer made by the first.
            let same =
                |known: &Job| (known.utterance, known.sentence) == (job.utterance, job.sentence);
            self.waiting.retain(|known| !same(known));
            self.active.retain(|(known, _)| !same(known));
            self.begin(job);
        } else {
            self.waiting.push_back(job);
            self.begin_waiting();
        }
    }

    /// Gives up sentences begun before this epoch.
    pub fn abandon(&mut self, before: Epoch) {
        self.waiting.retain(|job| job.epoch >= before);
        self.active.retain(|(job, _)| job.epoch >= before);
        self.begin_waiting();
    }

    /// The next thing that became of a sentence; never resolves while nothing is being made.
    pub async fn next(&mut self) -> (Job, Spoken) {
        let (place, event) = std::future::poll_fn(|cx| {
            for (place, (_, stream)) in self.active.iter_mut().enumerate() {
                if let Poll::Ready(event) = stream.events.poll_recv(cx) {
                    return Poll::Ready((place, event));
                }
            }
            Poll::Pending
        })
        .await;
        let spoken = match event {
            Some(TtsEvent::Audio(mulaw)) => Spoken::Audio(mulaw),
            Some(TtsEvent::Words(words)) => Spoken::Words(words),
            Some(TtsEvent::Done) => Spoken::Done,
            Some(TtsEvent::Failed(error)) => Spoken::Failed(error),
            None => Spoken::Failed(VendorError {
                vendor: self.engine(&self.active[place].0).name(),
                attempt: "speak",
                problem: vendors::Problem::Cut("the adapter stopped".to_owned()),
                request_id: None,
            }),
        };
        let job = if matches!(spoken, Spoken::Done | Spoken::Failed(_)) {
            let (job, _) = self.active.remove(place);
            self.begin_waiting();
            job
        } else {
            self.active[place].0.clone()
        };
        (job, spoken)
    }

    fn engine(&self, job: &Job) -> &Arc<dyn Tts> {
        if job.spare { &self.spare } else { &self.chosen }
    }

    fn begin_waiting(&mut self) {
        while self.active.len() < AT_ONCE
            && let Some(job) = self.waiting.pop_front()
        {
            self.begin(job);
        }
    }

    fn begin(&mut self, job: Job) {
        let request = TtsRequest {
            text: job.text.clone(),
            voice: if job.spare { None } else { self.name.clone() },
            language: self.language.clone(),
            first_audio_within: if job.first { FIRST_AUDIO_LATE } else { FIRST_AUDIO },
            next_audio_within: Duration::from_millis(1_500),
        };
        let stream = self.engine(&job).speak(request);
        self.active.push((job, stream));
    }
}
