//! What the agent says: utterances in order, each until its last heard sound is known.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use crate::{
    Conversation, Purpose,
    action::{Action, EndReason, Note, Voice},
    endpoint,
    floor::{Floor, Over},
    ids::{TurnId, UtteranceId},
    timer::Timer,
};

/// With nothing of a sentence for so long, the voice has failed whatever it says.
const VOICE_WITHIN: Duration = Duration::from_secs(5);

/// One thing that the agent says.
#[derive(Debug)]
pub(crate) struct Utterance {
    pub id: UtteranceId,
    pub purpose: Purpose,
    turn: TurnId,
    sentences: Vec<String>,
    /// No more sentences will come.
    pub closed: bool,
    pub then: Then,
    /// Sentences given to the spare voice.
    spared: HashSet<u32>,
    /// Audio of it was sent.
    pub sent: bool,
    /// The caller cannot cut it short.
    pub protected: bool,
}

/// What happens when an utterance has been heard to its end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Then {
    Listen,
    HangUp(EndReason),
}

impl Utterance {
    fn new(id: UtteranceId, turn: TurnId, purpose: Purpose, then: Then) -> Self {
        Utterance {
            id,
            purpose,
            turn,
            sentences: Vec::new(),
            closed: false,
            then,
            spared: HashSet::new(),
            sent: false,
            protected: purpose == Purpose::Notice,
        }
    }

    pub fn meant(&self) -> String {
        self.sentences.join(" ")
    }

    /// May the caller cut it short? A call that was ordered to end, or is handed over, is not held up.
    pub fn may_be_interrupted(&self) -> bool {
        !self.protected && !self.ends_in_any_case()
    }

    /// Does the call end after it, whatever the caller does?
    pub fn ends_in_any_case(&self) -> bool {
        matches!(
            self.then,
            Then::HangUp(
                EndReason::Ordered
                    | EndReason::Transferred { .. }
                    | EndReason::TooLong
                    | EndReason::HearingFailed
                    | EndReason::AgentFailed
                    | EndReason::Voicemail { .. }
            )
        )
    }
}

impl Conversation {
    /// Says these words after all that is queued.
    pub(crate) fn say(&mut self, purpose: Purpose, text: &str, then: Then) -> UtteranceId {
        let id = self.open_utterance(purpose, then);
        let mut sentences = crate::sentence::Sentences::default();
        let mut all = sentences.push(text);
        all.extend(sentences.finish());
        for sentence in all {
            self.speak(id, sentence, Voice::Chosen);
        }
        self.close_utterance(id);
        id
    }

    /// Begins an utterance whose sentences come one by one. A filler goes before what has not begun.
    pub(crate) fn open_utterance(&mut self, purpose: Purpose, then: Then) -> UtteranceId {
        let id = self.next_utterance.take();
        let utterance = Utterance::new(id, self.next_turn.take(), purpose, then);
        self.discard_speculation();
        self.begin_utterance(utterance);
        id
    }

    fn begin_utterance(&mut self, utterance: Utterance) {
        let (id, purpose) = (utterance.id, utterance.purpose);
        self.mouth.push_back(utterance);
        if purpose != Purpose::Filler {
            self.history.open(id);
        }
        let shelved = self.paused && !matches!(purpose, Purpose::Dictated | Purpose::Hold);
        if matches!(self.floor, Floor::Caller | Floor::Thinking) && !shelved {
            self.timers.cancel(Timer::Idle);
            self.timers.cancel(Timer::EndOfTurn);
            self.floor = Floor::Agent;
            // A voice that was there before the agent began: it has the floor until it is known why.
            if self.ears.speaking && !self.ears.echoing {
                self.contest(self.now);
            }
        }
    }

    /// A sentence that was made before it was known to be said, is said.
    pub(crate) fn adopt_sentence(&mut self, id: UtteranceId, sentence: String) {
        let turn = self.next_turn.take();
        let mut utterance = Utterance::new(id, turn, Purpose::Reply, Then::Listen);
        utterance.sentences.push(sentence.clone());
        if let Some(reply) = &mut self.reply {
            reply.utterance = Some(id);
            reply.spoken = true;
        }
        self.begin_utterance(utterance);
        self.history.set_text(id, &sentence);
    }

    /// Tones of keys, as an utterance's only sentence.
    pub(crate) fn play_keys(&mut self, utterance: UtteranceId, keys: String) {
        let text = format!("(pressed {keys})");
        let Some(spoken) = self.mouth.iter_mut().find(|spoken| spoken.id == utterance) else {
            return;
        };
        spoken.sentences.push(text.clone());
        self.ledger.plan(utterance, 0, &text);
        self.history.set_text(utterance, &text);
        let (epoch, sentence) = (self.epoch, 0);
        self.order(Action::PlayKeys { epoch, utterance, sentence, keys });
        self.watch_voice();
    }

    /// Says what a supervisor gave and the caller spoke over before it began.
    pub(crate) fn say_what_waits(&mut self) {
        let epoch = self.epoch;
        for waiting in std::mem::take(&mut self.waiting) {
            let (id, sentences) = (waiting.id, waiting.sentences.clone());
            let meant = waiting.meant();
            self.begin_utterance(waiting);
            for (sentence, text) in (0..).zip(sentences) {
                self.ledger.plan(id, sentence, &text);
                let (voice, first) = (Voice::Chosen, false);
                self.order(Action::Speak { epoch, utterance: id, sentence, text, voice, first });
            }
            self.history.set_text(id, &meant);
        }
        self.watch_voice();
    }

    pub(crate) fn speak(&mut self, utterance: UtteranceId, text: String, voice: Voice) {
        let epoch = self.epoch;
        let Some(spoken) = self.mouth.iter_mut().find(|spoken| spoken.id == utterance) else {
            return;
        };
        let sentence = spoken.sentences.len() as u32;
        spoken.sentences.push(text.clone());
        let (meant, purpose) = (spoken.meant(), spoken.purpose);
        self.ledger.plan(utterance, sentence, &text);
        self.history.set_text(utterance, &meant);
        if purpose == Purpose::Reply
            && let Some((_, waterfall)) = &mut self.waterfall
        {
            waterfall.first_sentence.get_or_insert(self.now);
        }
        let first = purpose == Purpose::Filler;
        self.order(Action::Speak { epoch, utterance, sentence, text, voice, first });
        if !self.timers.is_set(Timer::Mute) {
            self.watch_voice();
        }
    }

    pub(crate) fn close_utterance(&mut self, utterance: UtteranceId) {
        if let Some(spoken) = self.mouth.iter_mut().find(|spoken| spoken.id == utterance) {
            spoken.closed = true;
            if spoken.then != Then::Listen {
                // Even if neither voice nor carrier ever answers, the call ends.
                let letters: usize = self.mouth.iter().map(|said| said.meant().len()).sum();
                let wait = Duration::from_millis(6_000 + 120 * letters as u64);
                self.timers.set(Timer::Closing, self.now + wait);
            }
        }
        self.after_hearing();
    }

    pub(crate) fn audio_complete(
        &mut self,
        utterance: UtteranceId,
        sentence: u32,
        voiced: (u32, u32),
    ) {
        let awaited = self.unfinished_sentence() == Some((utterance, sentence));
        self.ledger.complete(utterance, sentence, voiced);
        if awaited {
            self.watch_voice();
        }
        self.after_hearing();
    }

    pub(crate) fn audio_ready(&mut self, utterance: UtteranceId, sentence: u32, samples: u32) {
        self.ledger.ready(utterance, sentence, samples);
        self.speculation_sounds(utterance);
        if self.unfinished_sentence() == Some((utterance, sentence)) {
            self.watch_voice();
        }
        if self.is_reply(utterance)
            && let Some((_, waterfall)) = &mut self.waterfall
        {
            waterfall.first_audio.get_or_insert(self.now);
        }
    }

    pub(crate) fn after_sending(&mut self, utterance: UtteranceId) {
        let reply = self.is_reply(utterance);
        if let Some(spoken) = self.mouth.iter_mut().find(|spoken| spoken.id == utterance) {
            spoken.sent = true;
            if !self.is_awaiting_answer() {
                self.timers.cancel(Timer::Filler);
            }
        }
        if reply && let Some((_, waterfall)) = &mut self.waterfall {
            waterfall.first_sent.get_or_insert(self.now);
        }
        self.after_hearing();
    }

    fn is_reply(&self, utterance: UtteranceId) -> bool {
        self.mouth.iter().any(|spoken| spoken.id == utterance && spoken.purpose == Purpose::Reply)
    }

    /// The voice failed: the spare voice says what is left of the sentence; if that fails too, the
    /// sentence is left as it is.
    pub(crate) fn voice_failed(&mut self, utterance: UtteranceId, sentence: u32) {
        let epoch = self.epoch;
        if self.speculation.as_ref().is_some_and(|prepared| prepared.speaks(utterance)) {
            self.discard_speculation();
            return;
        }
        let Some(spoken) = self.mouth.iter_mut().find(|spoken| spoken.id == utterance) else {
            return;
        };
        let Some(meant) = spoken.sentences.get(sentence as usize) else { return };
        if self.ledger.is_complete(utterance, sentence) {
            return;
        }
        // No voice can say tones.
        let tones = spoken.purpose == Purpose::Keys;
        if !tones && spoken.spared.insert(sentence) {
            let text = self.ledger.unspoken(utterance, sentence).unwrap_or(meant).trim().to_owned();
            self.ledger.change_voice(utterance, sentence);
            self.trouble("the voice failed; the spare voice goes on");
            if text.is_empty() {
                let ready = self.ledger.ready_samples(utterance, sentence);
                self.ledger.complete(utterance, sentence, (0, ready));
                self.after_hearing();
            } else {
                let (voice, first) = (Voice::Spare, false);
                self.order(Action::Speak { epoch, utterance, sentence, text, voice, first });
            }
        } else {
            self.trouble("the spare voice failed; the rest of a sentence was lost");
            self.ledger.break_off(utterance, sentence);
            self.after_hearing();
        }
        self.watch_voice();
    }

    /// While audio of a sentence is awaited, something of it must come from now on.
    pub(crate) fn watch_voice(&mut self) {
        if self.unfinished_sentence().is_some() {
            let from = self.ledger.runs_dry_at().max(self.now);
            self.timers.set(Timer::Mute, from + VOICE_WITHIN);
        } else {
            self.timers.cancel(Timer::Mute);
        }
    }

    pub(crate) fn voice_mute(&mut self) {
        if self.held {
            self.watch_voice();
        } else if let Some((utterance, sentence)) = self.unfinished_sentence() {
            self.voice_failed(utterance, sentence);
        }
    }

    /// The first sentence of which more audio is to come.
    fn unfinished_sentence(&self) -> Option<(UtteranceId, u32)> {
        self.mouth.iter().find_map(|said| {
            (0..said.sentences.len() as u32)
                .find(|sentence| !self.ledger.is_complete(said.id, *sentence))
                .map(|sentence| (said.id, sentence))
        })
    }

    /// More was heard, or more is known of what was: closes utterances heard to their end.
    pub(crate) fn after_hearing(&mut self) {
        if let Some((turn, waterfall)) = &mut self.waterfall
            && let Some(reply) = self.mouth.iter().find(|said| said.purpose == Purpose::Reply)
            && let Some((first, _)) = self.ledger.sounded(reply.id)
        {
            waterfall.first_heard = Some(first);
            let answered = Note::Answered { turn: *turn, waterfall: Box::new(waterfall.clone()) };
            self.waterfall = None;
            self.note(answered);
        }
        while let Some(front) = self.mouth.front()
            && front.closed
            && (0..front.sentences.len() as u32).all(|index| self.ledger.is_heard(front.id, index))
        {
            let heard = self.mouth.pop_front().expect("there is a front");
            self.settle(&heard);
            if let Then::HangUp(why) = heard.then {
                self.end(why);
                return;
            }
            if self.mouth.is_empty() {
                self.agent_has_finished();
            } else if matches!(self.floor, Floor::Contested { .. }) && !self.may_be_interrupted() {
                // What comes now must be heard: there is nothing to contest.
                self.uncontest();
                self.floor = Floor::Agent;
                self.release();
            }
        }
    }

    /// No more is to come of what the agent was saying.
    pub(crate) fn agent_may_have_finished(&mut self) {
        if self.mouth.is_empty() {
            if self.floor == Floor::Thinking {
                self.floor = Floor::Agent;
            }
            self.agent_has_finished();
        }
    }

    fn agent_has_finished(&mut self) {
        if !matches!(self.floor, Floor::Agent | Floor::Contested { .. }) {
            return;
        }
        let contested = matches!(self.floor, Floor::Contested { .. });
        if self.reply.is_some() {
            // What the caller is saying is now said while an answer is awaited.
            self.floor = match contested {
                true => Floor::Contested { over: Over::Thinking },
                false => Floor::Thinking,
            };
            return;
        }
        if contested {
            self.uncontest();
            self.release();
        }
        self.floor = Floor::Caller;
        let silent = !self.ears.speaking && self.ears.text().is_empty();
        if self.unanswered && !self.paused && silent && !self.ears.outage.awaited {
            self.ask_for_reply();
            return;
        }
        self.arm_idle();
        // Words that came while the agent spoke, without taking the floor.
        self.score_end_of_turn();
    }

    /// Writes down what was heard of an utterance that will not go on.
    fn settle(&mut self, utterance: &Utterance) {
        let meant = utterance.meant();
        let text = self.ledger.heard_text(utterance.id, self.now);
        let sounded = self.ledger.sounded(utterance.id);
        self.ledger.forget(utterance.id);
        self.history.set_text(utterance.id, &text);
        self.history.drop_unheard(utterance.id);
        let Some((from, to)) = sounded else { return };
        if text.is_empty() {
            return;
        }
        if !matches!(utterance.purpose, Purpose::Filler | Purpose::Keys) {
            self.asked = endpoint::question(&text);
        }
        if utterance.purpose == Purpose::Reply {
            self.apologies = 0;
        }
        self.tally.agent_ms += to.since(from).as_millis() as u64;
        self.last_said = Some((to, text.clone()));
        let cut = text != meant;
        self.note(Note::AgentSaid {
            turn: utterance.turn,
            utterance: utterance.id,
            purpose: utterance.purpose,
            text,
            meant,
            cut,
            from,
            to,
        });
    }

    /// All that the agent says and was to say is void: what was heard of it is written down, the
    /// epoch grows. The carrier's buffer is emptied if there is anything in it. Gives what was void.
    pub(crate) fn void_agent(&mut self) -> VecDeque<Utterance> {
        self.discard_speculation();
        if self.ledger.ahead(self.now) > Duration::ZERO {
            let generation = self.ledger.clear(self.now);
            self.order(Action::Clear { generation, keep: false });
        }
        self.epoch.take();
        let before = self.epoch;
        self.order(Action::Abandon { before });
        let mut voided = std::mem::take(&mut self.mouth);
        for utterance in &mut voided {
            // What was sent ahead and not heard has not begun.
            utterance.sent = self.ledger.began(utterance.id, self.now);
            self.settle(utterance);
        }
        if let Some(reply) = self.reply.take() {
            self.remember_tools(reply);
        }
        self.waterfall = None;
        self.history.forget_advice();
        for timer in [Timer::Filler, Timer::Answer, Timer::Mute, Timer::Closing] {
            self.timers.cancel(timer);
        }
        self.watch_tools();
        self.release();
        voided
    }

    pub(crate) fn hold(&mut self) {
        if self.ledger.ahead(self.now) > Duration::ZERO {
            let generation = self.ledger.clear(self.now);
            self.order(Action::Clear { generation, keep: true });
        }
        if !self.held {
            self.held = true;
            self.order(Action::Hold);
        }
    }

    pub(crate) fn release(&mut self) {
        if self.held {
            self.held = false;
            self.order(Action::Release);
        }
    }

    pub(crate) fn may_be_interrupted(&self) -> bool {
        // While nothing is said yet the caller interrupts nobody.
        self.mouth.is_empty()
            || self.policy.barge_in.allowed
                && !self.ends_in_any_case()
                && self.mouth.front().is_none_or(Utterance::may_be_interrupted)
    }

    /// Are the last words being said, whatever the caller does?
    pub(crate) fn ends_in_any_case(&self) -> bool {
        self.mouth.iter().any(Utterance::ends_in_any_case)
    }
}
