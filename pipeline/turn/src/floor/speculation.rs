//! A reply prepared before the caller's turn is over for sure: a side branch.
//!
//! When the turn is likely over the model is asked already, and the first sentence of what it answers
//! is made into audio and held. If the turn then ends with the same words, the reply is taken as it
//! stands; if the caller goes on, or the words change, the epoch grows and nothing of it was ever
//! there: not in the history, not in the transcript, not at the carrier. Tools that it asks for are
//! called when it is taken, not before.

use crate::{
    Conversation,
    action::{Action, Engine, Note, Voice},
    event::ToolCall,
    floor::{Floor, thinking::Reply},
    ids::{ReplyId, UtteranceId},
    sentence::Sentences,
    time::Moment,
    words,
};

/// At most this many sentences and tools of a reply are kept that nobody may ever hear.
const MOST_KEPT: usize = 64;

/// A reply that is being prepared.
#[derive(Debug)]
pub(crate) struct Speculation {
    pub reply: ReplyId,
    /// The words that it answers, normalised, and as they were written.
    words: Vec<String>,
    text: String,
    begun: Moment,
    sentences: Sentences,
    /// Sentences that are not given to the voice yet.
    ready: Vec<String>,
    /// The first sentence, which is.
    first: Option<(UtteranceId, String)>,
    first_token: Option<Moment>,
    first_sentence: Option<Moment>,
    first_audio: Option<Moment>,
    tools: Vec<ToolCall>,
    done: bool,
}

impl Speculation {
    /// The caller's words that it answers.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Is this its sentence?
    pub fn speaks(&self, utterance: UtteranceId) -> bool {
        self.first.as_ref().is_some_and(|(first, _)| *first == utterance)
    }
}

impl Conversation {
    /// The turn is likely over: a reply to these words is prepared, unless that is being done.
    pub(crate) fn speculate(&mut self, text: &str) {
        let policy = &self.policy.speculation;
        let allowed = policy.allowed
            && self.floor == Floor::Caller
            && !self.paused
            && self.machine.is_none()
            && self.mouth.is_empty()
            && self.waiting.is_empty()
            && self.reply.is_none()
            && self.keys.is_empty()
            && self.ears.speculated < policy.per_turn
            && self.tally.speculations_wasted < policy.wasted_per_call;
        if !allowed || self.speculation.is_some() {
            return;
        }
        self.ears.speculated += 1;
        let reply = self.next_reply.take();
        self.speculation = Some(Speculation {
            reply,
            words: words::normalised(text),
            text: text.to_owned(),
            begun: self.now,
            sentences: Sentences::default(),
            ready: Vec::new(),
            first: None,
            first_token: None,
            first_sentence: None,
            first_audio: None,
            tools: Vec::new(),
            done: false,
        });
        // What comes of it stays here until it is taken.
        self.hold();
        let (epoch, engine) = (self.epoch, Engine::Chosen);
        self.order(Action::Ask { epoch, reply, engine, speculative: true });
    }

    /// The words are now these: a reply to others is thrown away.
    pub(crate) fn speculation_hears(&mut self, text: &str) {
        let same = |prepared: &Speculation| prepared.words == words::normalised(text);
        if self.speculation.as_ref().is_some_and(|prepared| !same(prepared)) {
            self.discard_speculation();
        }
    }

    pub(crate) fn speculation_text(&mut self, text: &str) {
        let Some(prepared) = self.speculation.as_mut().filter(|prepared| !prepared.done) else {
            return;
        };
        prepared.first_token.get_or_insert(self.now);
        let ready = prepared.sentences.push(text);
        self.keep_prepared(ready);
    }

    pub(crate) fn speculation_tool(&mut self, call: ToolCall) {
        if let Some(prepared) = self.speculation.as_mut().filter(|prepared| !prepared.done) {
            prepared.first_token.get_or_insert(self.now);
            if prepared.tools.len() < MOST_KEPT {
                prepared.tools.push(call);
            }
        }
    }

    pub(crate) fn speculation_done(&mut self) {
        let Some(prepared) = self.speculation.as_mut().filter(|prepared| !prepared.done) else {
            return;
        };
        prepared.done = true;
        let last = prepared.sentences.finish();
        if last.is_none() && prepared.first.is_none() && prepared.tools.is_empty() {
            // It answered nothing: the turn's own question may fare better.
            self.discard_speculation();
            return;
        }
        self.keep_prepared(last.into_iter().collect());
    }

    /// The first sentence goes to the voice, the others wait.
    fn keep_prepared(&mut self, sentences: Vec<String>) {
        for sentence in sentences {
            let (now, epoch) = (self.now, self.epoch);
            let Some(prepared) = &mut self.speculation else { return };
            if prepared.first.is_some() {
                if prepared.ready.len() < MOST_KEPT {
                    prepared.ready.push(sentence);
                }
                continue;
            }
            let utterance = self.next_utterance.take();
            prepared.first = Some((utterance, sentence.clone()));
            prepared.first_sentence = Some(now);
            self.ledger.plan(utterance, 0, &sentence);
            let (text, voice, first) = (sentence, Voice::Chosen, false);
            self.order(Action::Speak { epoch, utterance, sentence: 0, text, voice, first });
        }
    }

    /// Audio of the first sentence is there.
    pub(crate) fn speculation_sounds(&mut self, utterance: UtteranceId) {
        if let Some(prepared) = &mut self.speculation
            && prepared.speaks(utterance)
        {
            prepared.first_audio.get_or_insert(self.now);
        }
    }

    /// The turn is over: what was prepared for its words is the answer. False if nothing was.
    pub(crate) fn take_speculation(&mut self, text: &str) -> bool {
        self.speculation_hears(text);
        let Some(prepared) = self.speculation.take() else { return false };
        self.tally.speculations_used += 1;
        let ahead_ms = self.now.since(prepared.begun).as_millis() as u64;
        self.note(Note::Speculated { used: true, ahead_ms });
        if let Some((_, waterfall)) = &mut self.waterfall {
            waterfall.first_token = prepared.first_token;
            waterfall.first_sentence = prepared.first_sentence;
            waterfall.first_audio = prepared.first_audio;
        }
        self.await_reply();
        let begun = prepared.first_token.is_some();
        self.reply = Some(Reply::prepared(prepared.reply, self.epoch, prepared.sentences, begun));
        self.await_answer();
        if let Some((utterance, sentence)) = prepared.first {
            self.adopt_sentence(utterance, sentence);
        }
        self.release();
        self.watch_voice();
        for sentence in prepared.ready {
            self.speak_reply(sentence);
        }
        for call in prepared.tools {
            self.reply_tool(call);
        }
        if prepared.done {
            self.reply_done();
        }
        self.say_what_waits();
        true
    }

    /// Nothing of it was ever there.
    pub(crate) fn discard_speculation(&mut self) {
        let Some(prepared) = self.speculation.take() else { return };
        self.tally.speculations_wasted += 1;
        let ahead_ms = self.now.since(prepared.begun).as_millis() as u64;
        self.note(Note::Speculated { used: false, ahead_ms });
        self.epoch.take();
        let before = self.epoch;
        self.order(Action::Abandon { before });
        if let Some((utterance, _)) = prepared.first {
            self.ledger.forget(utterance);
        }
        if !self.paused {
            self.release();
        }
    }
}
