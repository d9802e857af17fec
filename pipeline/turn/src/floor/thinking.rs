//! The model's work between the caller's turn and the agent's: asked, streamed, failed, late.

use crate::{
    Conversation, Purpose,
    action::{Action, EndReason, Engine, Voice},
    floor::{Floor, mouth::Then, tools::Called},
    ids::{Epoch, ReplyId, UtteranceId},
    sentence::Sentences,
    timer::Timer,
};

/// How a model is told to go on after its stream broke.
const CONTINUE: &str = "Your last answer broke off after these words. Continue it from there without \
                        repeating anything.";

/// A filler that cannot be said now is thought of again no sooner.
const AGAIN_AFTER: std::time::Duration = std::time::Duration::from_millis(20);

/// One question to the model and what has come of it.
#[derive(Debug)]
pub(crate) struct Reply {
    pub id: ReplyId,
    pub epoch: Epoch,
    engine: Engine,
    sentences: Sentences,
    /// What it says is said as this, unless other words were put between its sentences.
    pub utterance: Option<UtteranceId>,
    /// Words of it were given to the voice.
    pub spoken: bool,
    /// Tools called, with their answers when these have come.
    pub tools: Vec<Called>,
    /// The call's end that the model asked for.
    pub ending: Option<EndReason>,
    pub done: bool,
    /// Rounds of tool calls in this turn, this one included.
    pub round: u32,
    /// It was asked to go on after a break.
    continued: bool,
    /// Nothing at all has come.
    silent: bool,
}

impl Reply {
    fn new(id: ReplyId, epoch: Epoch, engine: Engine) -> Self {
        Reply {
            id,
            epoch,
            engine,
            sentences: Sentences::default(),
            utterance: None,
            spoken: false,
            tools: Vec::new(),
            ending: None,
            done: false,
            round: 0,
            continued: false,
            silent: true,
        }
    }

    /// One that was begun before the caller's turn was over; `begun`: something of it has come.
    pub fn prepared(id: ReplyId, epoch: Epoch, sentences: Sentences, begun: bool) -> Self {
        Reply { sentences, silent: !begun, ..Reply::new(id, epoch, Engine::Chosen) }
    }
}

impl Conversation {
    /// Asks the configured model for an answer to the conversation as it stands.
    pub(crate) fn ask_for_reply(&mut self) {
        self.await_reply();
        self.ask(Engine::Chosen, 0, false);
        self.say_what_waits();
    }

    /// From here on the caller waits for an answer.
    pub(crate) fn await_reply(&mut self) {
        self.floor = Floor::Thinking;
        self.unanswered = false;
        self.timers.cancel(Timer::Idle);
        self.timers.cancel(Timer::EndOfTurn);
        self.timers.set(Timer::Filler, self.now + self.policy.patience.filler_after);
    }

    /// Asks; an earlier question is given up by that.
    pub(crate) fn ask(&mut self, engine: Engine, round: u32, continued: bool) {
        self.discard_speculation();
        let id = self.next_reply.take();
        self.reply = Some(Reply { round, continued, ..Reply::new(id, self.epoch, engine) });
        self.await_answer();
        let (epoch, speculative) = (self.epoch, false);
        self.order(Action::Ask { epoch, reply: id, engine, speculative });
    }

    /// The reply under way has so long for its next word.
    pub(crate) fn await_answer(&mut self) {
        let Some(reply) = &self.reply else { return };
        let wait = match reply.engine {
            Engine::Chosen => self.policy.patience.spare_after,
            Engine::Spare => self.policy.patience.apology_after,
        };
        if !reply.done {
            self.timers.set(Timer::Answer, self.now + wait);
        }
    }

    /// Asks again because what the model is told has changed, if it has not said anything yet.
    pub(crate) fn ask_anew(&mut self) {
        if let Some(reply) = &self.reply
            && !reply.spoken
            && reply.tools.is_empty()
        {
            let (engine, round) = (reply.engine, reply.round);
            self.ask(engine, round, false);
        }
    }

    pub(crate) fn reply_text(&mut self, text: &str) {
        let Some(reply) = self.reply.as_mut().filter(|reply| !reply.done) else { return };
        let ready = reply.sentences.push(text);
        self.reply_goes_on();
        for sentence in ready {
            self.speak_reply(sentence);
        }
    }

    pub(crate) fn reply_goes_on(&mut self) {
        if let Some(reply) = &mut self.reply {
            reply.silent = false;
        }
        self.await_answer();
        if let Some((_, waterfall)) = &mut self.waterfall {
            waterfall.first_token.get_or_insert(self.now);
        }
    }

    pub(crate) fn speak_reply(&mut self, sentence: String) {
        let Some(reply) = &self.reply else { return };
        let utterance = match reply.utterance {
            Some(utterance) => utterance,
            None => {
                let utterance = self.open_utterance(Purpose::Reply, Then::Listen);
                if let Some(reply) = &mut self.reply {
                    reply.utterance = Some(utterance);
                    reply.spoken = true;
                }
                utterance
            }
        };
        self.speak(utterance, sentence, Voice::Chosen);
    }

    pub(crate) fn reply_done(&mut self) {
        if self.reply.as_ref().is_none_or(|reply| reply.done) {
            return;
        }
        self.timers.cancel(Timer::Answer);
        self.history.forget_advice();
        if let Some(last) = self.reply.as_mut().and_then(|reply| reply.sentences.finish()) {
            self.speak_reply(last);
        }
        let Some(reply) = &mut self.reply else { return };
        reply.done = true;
        if !reply.tools.is_empty() {
            self.finish_with_tools();
        } else if let Some(ending) = reply.ending.clone() {
            self.end_as_asked(ending);
        } else if reply.spoken {
            let utterance = reply.utterance;
            self.reply = None;
            match utterance {
                Some(utterance) => self.close_utterance(utterance),
                None => self.agent_may_have_finished(),
            }
        } else {
            self.trouble("the model answered nothing");
            self.answer_otherwise();
        }
    }

    /// Other words come after the sentence that the voice has now; what the model says after it is an
    /// utterance of its own.
    pub(crate) fn part_reply(&mut self) {
        if let Some(reply) = self.reply.as_mut().filter(|reply| !reply.done)
            && let Some(utterance) = reply.utterance.take()
        {
            self.close_utterance(utterance);
        }
    }

    /// The model asked to end the call, or to put the caller through.
    fn end_as_asked(&mut self, ending: EndReason) {
        let Some(reply) = self.reply.take() else { return };
        match reply.utterance {
            Some(utterance) => self.end_when_said(utterance, ending),
            None => {
                let words = match ending {
                    EndReason::Transferred { .. } => self.script.transfer.clone(),
                    _ => self.script.goodbye.clone(),
                };
                self.say(Purpose::Goodbye, &words, Then::HangUp(ending));
            }
        }
    }

    /// The call ends when this utterance was heard to its end.
    pub(crate) fn end_when_said(&mut self, utterance: UtteranceId, ending: EndReason) {
        if let Some(spoken) = self.mouth.iter_mut().find(|spoken| spoken.id == utterance) {
            spoken.then = Then::HangUp(ending);
            self.close_utterance(utterance);
        } else {
            // All that it said was heard before it asked.
            self.end(ending);
        }
    }

    /// The model failed. What it said completely stands.
    pub(crate) fn reply_failed(&mut self) {
        let Some(reply) = self.reply.as_ref().filter(|reply| !reply.done) else { return };
        self.timers.cancel(Timer::Answer);
        self.history.forget_advice();
        if !reply.tools.is_empty() {
            // They may have had effects: the model goes on from what they answer.
            self.trouble("the model failed after it had called tools");
            self.finish_with_tools();
            return;
        }
        if let Some(ending) = reply.ending.clone() {
            self.end_as_asked(ending);
            return;
        }
        if !reply.spoken {
            self.trouble("the model failed before it said anything");
            self.answer_otherwise();
            return;
        }
        self.part_reply();
        let Some(reply) = &self.reply else { return };
        let (engine, round, continued) = (reply.engine, reply.round, reply.continued);
        self.reply = None;
        if engine == Engine::Chosen && !continued {
            self.trouble("the model broke off; it is asked to go on");
            self.history.advise(CONTINUE);
            self.timers.set(Timer::Filler, self.now + self.policy.patience.filler_after);
            self.ask(Engine::Chosen, round, true);
        } else {
            self.trouble("the model broke off again");
            self.apologise();
        }
    }

    /// Has the model nothing to be said yet, for whatever is being said before it?
    pub(crate) fn is_awaiting_answer(&self) -> bool {
        self.reply.as_ref().is_some_and(|reply| !reply.spoken || !reply.tools.is_empty())
    }

    pub(crate) fn answer_missing(&mut self) {
        match &self.reply {
            Some(reply) if reply.silent => {
                self.trouble("no answer in time");
                self.answer_otherwise();
            }
            // It fell silent amid its answer.
            Some(_) => self.reply_failed(),
            None => {}
        }
    }

    /// The engine that was asked gives nothing: the spare one is asked, or it is owned up to.
    fn answer_otherwise(&mut self) {
        let Some(reply) = self.reply.take() else { return };
        match reply.engine {
            Engine::Chosen => self.ask(Engine::Spare, reply.round, true),
            Engine::Spare => self.apologise(),
        }
    }

    /// Owns up to having no answer; after some times in a row a person is to help.
    pub(crate) fn apologise(&mut self) {
        self.reply = None;
        self.timers.cancel(Timer::Answer);
        self.timers.cancel(Timer::Filler);
        self.apologies += 1;
        if self.apologies > self.policy.patience.apologies && !self.ends_in_any_case() {
            self.trouble("no answer, again and again");
            self.give_up();
            return;
        }
        let words = self.policy.patience.apology.clone();
        self.say(Purpose::Apology, &words, Then::Listen);
    }

    pub(crate) fn filler_due(&mut self) {
        match self.floor {
            Floor::Thinking | Floor::Agent => {}
            // Nobody is kept waiting while it is open who speaks.
            Floor::Contested { .. } => {
                let at = self.now + (self.policy.patience.filler_after / 3).max(AGAIN_AFTER);
                self.timers.set(Timer::Filler, at);
                return;
            }
            Floor::Caller | Floor::Unanswered | Floor::Ended => return,
        }
        if self.reply.is_none() && self.mouth.iter().any(|spoken| spoken.sent) {
            return;
        }
        let audible_until = self.ledger.runs_dry_at();
        if audible_until > self.now || self.held {
            let at = audible_until.max(self.now)
                + (self.policy.patience.filler_after / 2).max(AGAIN_AFTER);
            self.timers.set(Timer::Filler, at);
            return;
        }
        let words = self.policy.patience.filler.clone();
        if !words.trim().is_empty() {
            self.say_first(Purpose::Filler, &words);
        }
    }

    /// A person is to go on, or the call ends.
    fn give_up(&mut self) {
        if self.script.can_transfer {
            let reason = "the agent cannot answer".to_owned();
            let words = self.script.transfer.clone();
            self.close_with(&words, EndReason::Transferred { reason });
        } else {
            let words = self.policy.patience.give_up.clone();
            self.close_with(&words, EndReason::AgentFailed);
        }
    }

    /// Says these words before what is queued and has not begun.
    pub(crate) fn say_first(&mut self, purpose: Purpose, words: &str) {
        let said = self.say(purpose, words, Then::Listen);
        if let Some(first) = self.mouth.pop_back_if(|last| last.id == said) {
            self.mouth.push_front(first);
        }
    }
}
