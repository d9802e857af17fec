//! Sentences into audio: in order, the next one being made while one is spoken.
//!
//! What comes in is written text, and so is what is told of times; only the voices get it as it is said.

use std::{collections::VecDeque, sync::Arc, task::Poll, time::Duration};

use bytes::Bytes;
use tokio::sync::mpsc;
use turn::{Epoch, UtteranceId};
use vendors::{Tts, TtsEvent, TtsRequest, TtsStream, VendorError, WordTime, Work};

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
    /// As it is written.
    pub text: String,
    pub spare: bool,
    pub first: bool,
}

/// What became of a sentence.
#[derive(Debug)]
pub enum Spoken {
    Audio(Bytes),
    /// Places are those of the job's written text.
    Words(Vec<WordTime>),
    Done,
    Failed(VendorError),
}

/// A sentence being made.
struct Making {
    job: Job,
    stream: TtsStream,
    times: Times,
}

/// Brings the times of spoken words back to the words that are written.
struct Times {
    said: spoken::Spoken,
    /// Where the last written word ends that was told.
    told: usize,
    /// When what is being said of the next began, ms.
    from_ms: Option<u32>,
}

impl Times {
    /// Words are told once all that is said of them was timed: of `$5` not "five" alone.
    fn written(&mut self, words: Vec<WordTime>) -> Vec<WordTime> {
        let mut told = Vec::with_capacity(words.len());
        for word in words {
            let text_end = self.said.written_end(word.text_end);
            let from_ms = *self.from_ms.get_or_insert(word.from_ms);
            if text_end > self.told {
                self.told = text_end;
                self.from_ms = None;
                told.push(WordTime { text_end, from_ms, to_ms: word.to_ms });
            }
        }
        told
    }
}

/// The agent's voice in one call.
pub struct Voice {
    chosen: Arc<dyn Tts>,
    spare: Arc<dyn Tts>,
    name: Option<String>,
    language: String,
    waiting: VecDeque<Job>,
    active: Vec<Making>,
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
            self.active.retain(|making| !same(&making.job));
            self.begin(job);
        } else {
            self.waiting.push_back(job);
            self.begin_waiting();
        }
    }

    /// Gives up sentences begun before this epoch.
    pub fn abandon(&mut self, before: Epoch) {
        self.waiting.retain(|job| job.epoch >= before);
        self.active.retain(|making| making.job.epoch >= before);
        self.begin_waiting();
    }

    /// The next thing that became of a sentence; never resolves while nothing is being made.
    pub async fn next(&mut self) -> (Job, Spoken) {
        loop {
            let (place, event) = std::future::poll_fn(|cx| {
                for (place, making) in self.active.iter_mut().enumerate() {
                    if let Poll::Ready(event) = making.stream.events.poll_recv(cx) {
                        return Poll::Ready((place, event));
                    }
                }
                Poll::Pending
            })
            .await;
            let making = &mut self.active[place];
            let spoken = match event {
                Some(TtsEvent::Audio(mulaw)) => Spoken::Audio(mulaw),
                Some(TtsEvent::Words(words)) => match making.times.written(words) {
                    words if words.is_empty() => continue,
                    words => Spoken::Words(words),
                },
                Some(TtsEvent::Done) => Spoken::Done,
                Some(TtsEvent::Failed(error)) => Spoken::Failed(error),
                None => Spoken::Failed(VendorError {
                    vendor: self.engine(&self.active[place].job).name(),
                    attempt: "speak",
                    problem: vendors::Problem::Cut("the adapter stopped".to_owned()),
                    request_id: None,
                }),
            };
            let job = if matches!(spoken, Spoken::Done | Spoken::Failed(_)) {
                let making = self.active.remove(place);
                self.begin_waiting();
                making.job
            } else {
                self.active[place].job.clone()
            };
            return (job, spoken);
        }
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
        let said = spoken::Spoken::of(&job.text, &self.language);
        let stream = if said.text.is_empty() {
            silence()
        } else {
            self.engine(&job).speak(TtsRequest {
                text: said.text.clone(),
                voice: if job.spare { None } else { self.name.clone() },
                language: self.language.clone(),
                first_audio_within: if job.first { FIRST_AUDIO_LATE } else { FIRST_AUDIO },
                next_audio_within: Duration::from_millis(1_500),
            })
        };
        let times = Times { said, told: 0, from_ms: None };
        self.active.push(Making { job, stream, times });
    }
}

/// Nothing to say, said.
fn silence() -> TtsStream {
    let (sender, events) = mpsc::channel(1);
    // There is room for one.
    let _ = sender.try_send(TtsEvent::Done);
    TtsStream { events, work: Work::spawn(async {}) }
}
