//! A simulated call in which the agent talks and the caller's audio is given: the real VAD, the real
//! conversation machine, the real playout and, where models are, the real recogniser.
//!
//! Time is a number, in ms. Only the recogniser takes real time: while it has something to do the call
//! goes on at the pace of the clock, so that its words come as late as they really do.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use media::{
    g711,
    prosody::{Prosody, Voicing},
    vad::{Detector, Policy as VadPolicy, Vad, VadEvent},
};
use tandem::live::{echo::EchoGuard, playout::Playout};
use turn::{Action, Conversation, Epoch, Event, Moment, Note, Script, WordAt};
use vendors::{
    Stt, SttEvent, SttInput, SttOptions, SttStream, Tts, TtsEvent, TtsRequest, local::FliteVoice,
};

use super::line::{Carrier, Key, Message, PER_MS, Stretch};

const FRAME_MS: u64 = 20;
/// From us to the carrier, and back.
const ONE_WAY_MS: u64 = 30;
/// Playout runs so far ahead, as `TANDEM_LEAD_MS`.
const LEAD: Duration = Duration::from_millis(400);
/// From the order to speak to the sentence's audio.
const VOICE_MS: u64 = 80;
/// From the question to the model to its answer.
const MODEL_MS: u64 = 400;
/// How long the recogniser may owe its words at the end.
const WORDS_WITHIN: Duration = Duration::from_secs(10);

/// What the agent says while it is interrupted: 20 s of it, without a question.
const TALK: &str = "Thank you for calling the dental clinic on Harbour Street. We are open from eight \
    to six on weekdays, and on Saturday we close at one in the afternoon. On Sunday we are closed, but \
    in an emergency our colleagues at the hospital will see you without an appointment. A first visit \
    takes about forty minutes, and the dentist will explain everything before any treatment begins. \
    Parking is free for our patients in the garage behind the house.";

/// A VAD that many calls use, one after another.
#[derive(Clone)]
pub struct Judge(pub Arc<Mutex<Box<dyn Vad>>>);

impl Judge {
    pub fn new(vad: impl Vad + 'static) -> Self {
        Judge(Arc::new(Mutex::new(Box::new(vad))))
    }
}

impl Vad for Judge {
    fn push(&mut self, samples: &[i16], verdicts: &mut Vec<media::vad::Verdict>) {
        self.0.lock().expect("nobody panicked").push(samples, verdicts);
    }

    fn window(&self) -> usize {
        self.0.lock().expect("nobody panicked").window()
    }

    fn reset(&mut self) {
        self.0.lock().expect("nobody panicked").reset();
    }
}

/// The sentences that were made so far.
#[derive(Clone, Default)]
pub struct Voice {
    made: Arc<Mutex<HashMap<String, Arc<Sentence>>>>,
}

#[derive(Debug, Default)]
struct Sentence {
    mulaw: Vec<u8>,
    words: Vec<WordAt>,
}

impl Voice {
    async fn say(&self, text: &str) -> Arc<Sentence> {
        if let Some(made) = self.made.lock().expect("nobody panicked").get(text) {
            return Arc::clone(made);
        }
        let mut stream = FliteVoice::new().speak(TtsRequest {
            text: text.to_owned(),
            voice: None,
            language: "en-US".into(),
            first_audio_within: Duration::from_secs(20),
            next_audio_within: Duration::from_secs(20),
        });
        let mut sentence = Sentence::default();
        while let Some(event) = stream.events.recv().await {
            match event {
                TtsEvent::Audio(audio) => sentence.mulaw.extend_from_slice(&audio),
                TtsEvent::Words(words) => sentence.words.extend(words.iter().map(|word| {
                    let end = word.to_ms * PER_MS as u32;
                    WordAt { text_end: word.text_end as u32, end }
                })),
                TtsEvent::Done => break,
                TtsEvent::Failed(error) => panic!("the built-in voice failed: {error}"),
            }
        }
        let sentence = Arc::new(sentence);
        let mut made = self.made.lock().expect("nobody panicked");
        made.insert(text.to_owned(), Arc::clone(&sentence));
        sentence
    }
}

/// The agent's voice comes back to the caller's microphone.
#[derive(Clone, Copy, Debug)]
pub struct Loudspeaker {
    pub delay_ms: usize,
    pub loss_db: f32,
}

/// Who takes part.
#[derive(Clone)]
pub struct Setup {
    pub judge: Judge,
    pub vad: VadPolicy,
    pub stt: Option<Arc<dyn Stt>>,
    pub voice: Voice,
    pub policy: turn::Policy,
    pub loudspeaker: Option<Loudspeaker>,
    /// Is the machine told what is echo?
    pub guarded: bool,
    /// The call takes so many times as long while the recogniser works: its share of a core is that
    /// much smaller here than on an idle machine.
    pub pace: u32,
}

/// What came of it. Times are ms of the call.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub clears: Vec<u64>,
    pub releases: Vec<u64>,
    /// When the caller took the floor.
    pub taken: Vec<u64>,
    /// What was written down of the caller.
    pub said: String,
    /// What the recogniser made of the caller, and how much of it was voiced, as it came.
    pub understood: Vec<String>,
    pub heard: Vec<Stretch>,
}

struct Call {
    setup: Setup,
    machine: Conversation,
    playout: Playout,
    carrier: Carrier,
    queue: BTreeMap<(u64, u64), Step>,
    queued: u64,
    abandoned: Epoch,
    now: u64,
    /// The sentences' audio, in the order in which they were ordered.
    clips: Vec<(Key, Arc<Sentence>)>,
    /// How much of each was sent and not cleared.
    sent: HashMap<Key, usize>,
    outcome: Outcome,
    ended: bool,
}

enum Step {
    Work(Epoch, Event),
    Voiced(Epoch, Key, Arc<Sentence>),
    Arrives(Message),
    Marked(turn::Generation, turn::MarkId),
}

/// Plays `caller` to an agent that talks from the first second on.
pub async fn play(setup: Setup, caller: &[i16]) -> Outcome {
    let script = Script { greeting: TALK.to_owned(), ..Script::default() };
    let mut judge = setup.judge.clone();
    judge.reset();
    let mut detector = Detector::new(judge, setup.vad.clone());
    let mut ears = setup.stt.as_ref().map(|stt| Ears::new(stt.as_ref(), setup.pace));
    let mut guard = EchoGuard::default();
    let (mut prosody, mut voicing) = (Prosody::new(), Voicing::default());
    let mut call = Call {
        machine: Conversation::new(setup.policy.clone(), script, Vec::new()),
        playout: Playout::new(LEAD),
        carrier: Carrier::default(),
        queue: BTreeMap::new(),
        queued: 0,
        abandoned: Epoch::default(),
        now: 0,
        clips: Vec::new(),
        sent: HashMap::new(),
        outcome: Outcome::default(),
        ended: false,
        setup,
    };
    call.tell(Event::Answered).await;
    let mut loudspeaker = call.setup.loudspeaker.map(Speaker::new);
    for frame in caller.chunks(FRAME_MS as usize * PER_MS) {
        for _ in 0..FRAME_MS {
            call.millisecond().await;
        }
        let mut samples = frame.to_vec();
        if let Some(loudspeaker) = &mut loudspeaker {
            loudspeaker.add(&call.carrier.sound, &mut samples);
        }
        let mulaw = g711::encode_all(&samples);
        let samples = g711::decode_all(&mulaw);
        let at_ms = call.now - FRAME_MS;
        if call.setup.guarded {
            let clips = call.clips.iter().map(|(key, clip)| (key.0, key.1, clip.mulaw.as_slice()));
            guard.sounded(clips, call.machine.ledger(), Moment(call.now));
            if let Some(echo) = guard.frame(&mulaw) {
                call.tell(Event::EchoJudged { echo }).await;
            }
        }
        if let Some(ears) = &mut ears {
            ears.audio(at_ms, &mulaw).await;
        }
        prosody.push(&samples);
        let mut voices = Vec::new();
        detector.push(&samples, &mut voices);
        for event in voices {
            if let Some(ears) = &mut ears {
                ears.voice(&event, call.now).await;
            }
            let event = match event {
                VadEvent::Started { at_ms, .. } => {
                    voicing.began(at_ms);
                    let echo = call.setup.guarded.then(|| guard.voice_started(at_ms)).flatten();
                    Event::SpeechStarted { at: Moment(at_ms), echo }
                }
                VadEvent::Stopped { at_ms, .. } => {
                    guard.voice_stopped();
                    voicing.ended();
                    Event::SpeechStopped { at: Moment(at_ms), prosody: None }
                }
            };
            call.tell(event).await;
        }
        if let Some(voiced_ms) = voicing.news(&prosody) {
            call.tell(Event::VoiceMeasured { voiced_ms }).await;
        }
        if let Some(ears) = &mut ears {
            for event in ears.words(call.now).await {
                call.tell(event).await;
            }
        }
        call.send().await;
        if call.ended {
            break;
        }
    }
    call.outcome.heard = call.carrier.heard;
    call.outcome
}

/// What the recogniser makes of this when nobody else speaks.
pub async fn recognised(setup: &Setup, caller: &[i16]) -> String {
    let Some(stt) = &setup.stt else { return String::new() };
    let mut judge = setup.judge.clone();
    judge.reset();
    let mut detector = Detector::new(judge, setup.vad.clone());
    let mut ears = Ears::new(stt.as_ref(), setup.pace);
    let (mut voices, mut text) = (Vec::new(), String::new());
    for (index, frame) in caller.chunks(FRAME_MS as usize * PER_MS).enumerate() {
        let at_ms = index as u64 * FRAME_MS;
        ears.audio(at_ms, &g711::encode_all(frame)).await;
        detector.push(frame, &mut voices);
        for event in voices.drain(..) {
            ears.voice(&event, at_ms).await;
        }
    }
    for event in ears.rest().await {
        if let Event::Heard { text: words, .. } = event {
            text.push_str(&words);
            text.push(' ');
        }
    }
    text
}

impl Call {
    /// Lets a ms pass.
    async fn millisecond(&mut self) {
        self.now += 1;
        let mut echoes = Vec::new();
        self.carrier.play(self.now, &mut echoes);
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= self.now) {
            match entry.remove() {
                Step::Arrives(message) => self.carrier.arrive(message, &mut echoes),
                Step::Marked(generation, mark) => {
                    self.tell(Event::MarkReturned { generation, mark }).await;
                }
                Step::Work(epoch, event) if epoch >= self.abandoned => self.tell(event).await,
                Step::Voiced(epoch, key, sentence) if epoch >= self.abandoned => {
                    self.voiced(epoch, key, &sentence).await;
                }
                Step::Work(..) | Step::Voiced(..) => {}
            }
        }
        for (generation, mark) in echoes {
            self.push(self.now + ONE_WAY_MS, Step::Marked(generation, mark));
        }
        while self.machine.deadline().is_some_and(|(at, _)| at.0 <= self.now) && !self.ended {
            self.tell(Event::Due).await;
        }
    }

    async fn voiced(&mut self, epoch: Epoch, (utterance, sentence): Key, audio: &Sentence) {
        self.playout.push(utterance, sentence, &audio.mulaw);
        self.playout.words(utterance, sentence, audio.words.iter().map(|word| word.end));
        self.playout.complete(utterance, sentence);
        let samples = audio.mulaw.len() as u32;
        self.tell(Event::AudioReady { epoch, utterance, sentence, samples }).await;
        let words = audio.words.clone();
        self.tell(Event::WordsTimed { epoch, utterance, sentence, words }).await;
        let voiced = (0, samples);
        self.tell(Event::AudioComplete { epoch, utterance, sentence, voiced }).await;
    }

    async fn tell(&mut self, event: Event) {
        let now = self.now;
        match &event {
            Event::Interim { text } => self.outcome.understood.push(format!("{now} ({text})")),
            Event::Heard { text, confidence } => {
                let sure = confidence.unwrap_or_default();
                self.outcome.understood.push(format!("{now} {text} {sure:.2}"));
            }
            Event::VoiceMeasured { voiced_ms } => {
                self.outcome.understood.push(format!("{now} voiced {voiced_ms}"));
            }
            _ => {}
        }
        self.machine.handle(event, Moment(self.now));
        while let Some(action) = self.machine.next_action() {
            self.carry_out(action).await;
        }
        self.machine.take_heard();
        self.playout.prune(self.machine.ledger());
    }

    async fn carry_out(&mut self, action: Action) {
        match action {
            Action::Ask { epoch, reply, .. } => {
                let text = "All right. I will see to that at once.".to_owned();
                let at = self.now + MODEL_MS;
                self.push(at, Step::Work(epoch, Event::ReplyText { epoch, reply, text }));
                self.push(at, Step::Work(epoch, Event::ReplyDone { epoch, reply }));
            }
            Action::Abandon { before } => {
                self.outcome.taken.push(self.now);
                self.abandoned = before;
                self.playout.abandon(before);
            }
            Action::Speak { epoch, utterance, sentence, text, first, .. } => {
                self.playout.reserve(epoch, utterance, sentence, first);
                let made = self.setup.voice.say(&text).await;
                let key = (utterance, sentence);
                self.clips.push((key, Arc::clone(&made)));
                self.push(self.now + VOICE_MS, Step::Voiced(epoch, key, made));
            }
            Action::Clear { .. } => {
                self.outcome.clears.push(self.now);
                self.push(self.now + ONE_WAY_MS, Step::Arrives(Message::Clear));
                let (ledger, now) = (self.machine.ledger(), Moment(self.now));
                self.playout.rewind(ledger, now);
                for (key, sent) in &mut self.sent {
                    *sent = (*sent).min(ledger.heard_samples(key.0, key.1, now) as usize);
                }
            }
            Action::Hold => self.playout.hold(),
            Action::Release => {
                self.outcome.releases.push(self.now);
                self.playout.release();
            }
            Action::HangUp { .. } => self.ended = true,
            Action::Note(Note::CallerSaid { text, .. }) => {
                self.outcome.said.push_str(&text);
                self.outcome.said.push(' ');
            }
            _ => {}
        }
    }

    /// Sends what is due ahead of what was heard.
    async fn send(&mut self) {
        loop {
            let ahead = self.machine.ledger().ahead(Moment(self.now));
            let Some(piece) = self.playout.next(ahead) else { break };
            let key = (piece.utterance, piece.sentence);
            let (samples, mark) = (piece.mulaw.len() as u32, piece.mark);
            let mulaw = piece.mulaw.to_vec();
            let until = self.sent.entry(key).or_default();
            let from = *until;
            *until += mulaw.len();
            let at = self.now + ONE_WAY_MS;
            self.push(at, Step::Arrives(Message::Audio { key, from, mulaw }));
            if let Some(mark) = mark {
                let generation = self.machine.ledger().generation();
                self.push(at, Step::Arrives(Message::Mark(generation, mark)));
            }
            let (utterance, sentence) = key;
            self.tell(Event::Sent { utterance, sentence, samples, mark }).await;
        }
    }

    fn push(&mut self, at: u64, step: Step) {
        self.queued += 1;
        self.queue.insert((at, self.queued), step);
    }
}

/// The recogniser's stream, and whether it owes anything.
struct Ears {
    stream: SttStream,
    /// Speech that it has not settled on.
    owed: u32,
    /// Real and simulated time when it last began to have something to do.
    since: Option<(tokio::time::Instant, u64)>,
    pace: u32,
}

impl Ears {
    fn new(stt: &dyn Stt, pace: u32) -> Self {
        let options = SttOptions { language: "en-US".into(), keywords: Vec::new() };
        Ears { stream: stt.listen(options), owed: 0, since: None, pace }
    }

    async fn audio(&mut self, at_ms: u64, mulaw: &[u8]) {
        let mulaw = Bytes::copy_from_slice(mulaw);
        self.tell(SttInput::Audio { at_ms, mulaw }).await;
    }

    async fn voice(&mut self, event: &VadEvent, now: u64) {
        let input = match *event {
            VadEvent::Started { from_ms, .. } => {
                self.owed += 1;
                self.since.get_or_insert((tokio::time::Instant::now(), now));
                SttInput::SpeechStarted { at_ms: from_ms }
            }
            VadEvent::Stopped { at_ms, .. } => SttInput::SpeechStopped { at_ms },
        };
        self.tell(input).await;
    }

    async fn tell(&mut self, input: SttInput) {
        self.stream.input.send(input).await.expect("the recogniser works");
    }

    /// The words that have come by `now`.
    async fn words(&mut self, now: u64) -> Vec<Event> {
        if let Some((real, simulated)) = self.since {
            let passed = Duration::from_millis(now - simulated) * self.pace;
            tokio::time::sleep_until(real + passed).await;
        }
        let mut events = Vec::new();
        while let Ok(event) = self.stream.events.try_recv() {
            events.extend(self.understood(event));
        }
        events
    }

    /// All words that are still to come.
    async fn rest(mut self) -> Vec<Event> {
        let (closed, _) = tokio::sync::mpsc::channel(1);
        self.stream.input = closed;
        let mut events = Vec::new();
        let all = async {
            while let Some(event) = self.stream.events.recv().await {
                events.extend(self.understood(event));
            }
        };
        tokio::time::timeout(WORDS_WITHIN, all).await.expect("the recogniser ends");
        events
    }

    fn understood(&mut self, event: SttEvent) -> Option<Event> {
        match event {
            SttEvent::Interim { text, .. } => Some(Event::Interim { text }),
            SttEvent::Final { text, confidence, .. } => {
                self.owed = self.owed.saturating_sub(1);
                if self.owed == 0 {
                    self.since = None;
                }
                Some(Event::Heard { text, confidence })
            }
            SttEvent::Failed(error) => panic!("the recogniser failed: {error}"),
            _ => None,
        }
    }
}

/// A loudspeaker and a microphone.
struct Speaker {
    way: Loudspeaker,
    at: usize,
    low: f32,
    lower: f32,
}

impl Speaker {
    fn new(way: Loudspeaker) -> Self {
        Speaker { way, at: 0, low: 0.0, lower: 0.0 }
    }

    /// Adds what sounded the delay before, without its lowest and highest tones.
    fn add(&mut self, sound: &[u8], samples: &mut [i16]) {
        let gain = 10_f32.powf(-self.way.loss_db / 20.0);
        for sample in samples {
            let place = self.at.checked_sub(self.way.delay_ms * PER_MS);
            let byte = place.and_then(|place| sound.get(place)).copied().unwrap_or(g711::SILENCE);
            self.low += 0.75 * (f32::from(g711::decode(byte)) - self.low);
            self.lower += 0.25 * (self.low - self.lower);
            let echo = gain * 1.3 * (self.low - self.lower);
            *sample = (f32::from(*sample) + echo).clamp(-32768.0, 32767.0) as i16;
            self.at += 1;
        }
    }
}
