//! The model's work between the caller's turn and the agent's: asked, streamed, failed, late.

use crate::{
    Conversation, Purpose,
    action::{Action, EndReason, Engine, Note, Voice},
    event::ToolCall,
    floor::{Floor, mouth::Then},
    ids::{ReplyId, UtteranceId},
    sentence::Sentences,
    timer::Timer,
};

/// How a model is told to go on after its stream broke.
const CONTINUE: &str = "Your last answer broke off after these words. Continue it from there without \
                        repeating anything.";

/// At most this many tools are called in one round.
const TOOLS_AT_ONCE: usize = 16;

/// One question to the model and what has come of it.
#[derive(Debug)]
pub(crate) struct Reply {
    pub id: ReplyId,
    engine: Engine,
    sentences: Sentences,
    /// What it says is said as this, unless other words were put between its sentences.
    utterance: Option<UtteranceId>,
    /// Words of it were given to the voice.
    spoken: bool,
    /// Tools called, with their answers when these have come.
    tools: Vec<(ToolCall, Option<String>)>,
    /// The call's end that the model asked for.
    ending: Option<EndReason>,
    done: bool,
    /// Rounds of tool calls in this turn, this one included.
    round: u32,
    /// It was asked to go on after a break.
    continued: bool,
    /// Nothing at all has come.
    silent: bool,
}

impl Conversation {
    /// Asks the configured model for an answer to the conversation as it stands.
    pub(crate) fn ask_for_reply(&mut self) {
        self.floor = Floor::Thinking;
        self.unanswered = false;
        self.timers.cancel(Timer::Idle);
        self.timers.set(Timer::Filler, self.now + self.policy.patience.filler_after);
        self.ask(Engine::Chosen, 0, false);
        self.say_what_waits();
    }

    /// Asks; an earlier question is given up by that.
    fn ask(&mut self, engine: Engine, round: u32, continued: bool) {
        let id = self.next_reply.take();
        self.reply = Some(Reply {
            id,
            engine,
            sentences: Sentences::default(),
            utterance: None,
            spoken: false,
            tools: Vec::new(),
            ending: None,
            done: false,
            round,
            continued,
            silent: true,
        });
        self.await_answer();
        self.order(Action::Ask { epoch: self.epoch, reply: id, engine });
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

    fn reply_goes_on(&mut self) {
        if let Some(reply) = &mut self.reply {
            reply.silent = false;
        }
        self.await_answer();
        if let Some((_, waterfall)) = &mut self.waterfall {
            waterfall.first_token.get_or_insert(self.now);
        }
    }

    fn speak_reply(&mut self, sentence: String) {
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

    pub(crate) fn reply_tool(&mut self, call: ToolCall) {
        if self.reply.as_ref().is_none_or(|reply| reply.done) {
            return;
        }
        self.reply_goes_on();
        let Some(reply) = &mut self.reply else { return };
        // A tool may have effects: what is asked for twice is done once.
        let known = reply.tools.iter().any(|(asked, _)| asked.id == call.id);
        if known || reply.tools.len() >= TOOLS_AT_ONCE {
            self.trouble("a call of a tool was passed over");
            return;
        }
        match call.name.as_str() {
            "end_call" => reply.ending = Some(EndReason::AgentEnded),
            "transfer" if self.script.can_transfer => {
                let reason = call.arguments["reason"].as_str().unwrap_or("asked for a person");
                let reason = reason.chars().take(200).collect();
                reply.ending = Some(EndReason::Transferred { reason });
            }
            _ => {
                let (epoch, id) = (self.epoch, reply.id);
                reply.tools.push((call.clone(), None));
                self.timers.set(Timer::Tools, self.now + self.policy.tool_within);
                self.timers.set(Timer::Filler, self.now + self.policy.patience.filler_after);
                self.order(Action::RunTool { epoch, reply: id, call });
            }
        }
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

    /// The model has called tools and will say no more until they have answered.
    fn finish_with_tools(&mut self) {
        let Some(reply) = &mut self.reply else { return };
        reply.done = true;
        if let Some(utterance) = reply.utterance {
            self.close_utterance(utterance);
        }
        self.go_on_after_tools();
    }

    /// The model asked to end the call, or to put the caller through.
    fn end_as_asked(&mut self, ending: EndReason) {
        let Some(reply) = self.reply.take() else { return };
        let then = Then::HangUp(ending.clone());
        match reply.utterance {
            Some(utterance) => {
                if let Some(spoken) = self.mouth.iter_mut().find(|spoken| spoken.id == utterance) {
                    spoken.then = then;
                    self.close_utterance(utterance);
                } else {
                    // All that it said was heard before it asked.
                    self.end(ending);
                }
            }
            None => {
                let words = match ending {
                    EndReason::Transferred { .. } => self.script.transfer.clone(),
                    _ => self.script.goodbye.clone(),
                };
                self.say(Purpose::Goodbye, &words, then);
            }
        }
    }

    pub(crate) fn tool_answered(&mut self, call_id: String, content: String) {
        let Some(reply) = &mut self.reply else { return };
        let Some((_, answer)) =
            reply.tools.iter_mut().find(|(call, answer)| call.id == call_id && answer.is_none())
        else {
            return;
        };
        *answer = Some(content);
        self.go_on_after_tools();
    }

    pub(crate) fn tools_missing(&mut self) {
        let Some(reply) = &mut self.reply else { return };
        for (_, answer) in &mut reply.tools {
            answer.get_or_insert_with(|| "Failed: no answer in time.".to_owned());
        }
        self.go_on_after_tools();
    }

    /// When the model has finished and every tool has answered, the model is asked to go on.
    fn go_on_after_tools(&mut self) {
        let Some(reply) = &mut self.reply else { return };
        if !reply.done || reply.tools.iter().any(|(_, answer)| answer.is_none()) {
            return;
        }
        self.timers.cancel(Timer::Tools);
        let round = reply.round + 1;
        if let Some(reply) = self.reply.take() {
            self.remember_tools(reply);
        }
        if round > self.policy.tool_rounds {
            self.trouble("the model called tools without end");
            self.apologise();
            return;
        }
        self.timers.set(Timer::Filler, self.now + self.policy.patience.filler_after);
        if self.mouth.is_empty() && self.floor == Floor::Agent {
            self.floor = Floor::Thinking;
        }
        self.timers.cancel(Timer::Idle);
        self.ask(Engine::Chosen, round, false);
    }

    /// Puts the tools that a reply called, and what they answered, into the history.
    pub(crate) fn remember_tools(&mut self, reply: Reply) {
        if reply.tools.is_empty() {
            return;
        }
        let utterance = reply.utterance.unwrap_or_else(|| self.next_utterance.take());
        let unfinished = || "Not finished: the caller spoke before it answered.".to_owned();
        let tools: Vec<(ToolCall, String)> = reply
            .tools
            .into_iter()
            .map(|(call, answer)| (call, answer.unwrap_or_else(unfinished)))
            .collect();
        for (call, content) in tools.iter().cloned() {
            self.note(Note::ToolUsed { call, content });
        }
        self.history.add_tools(utterance, tools);
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

    fn apologise(&mut self) {
        self.reply = None;
        self.timers.cancel(Timer::Answer);
        self.timers.cancel(Timer::Filler);
        let words = self.policy.patience.apology.clone();
        self.say(Purpose::Apology, &words, Then::Listen);
    }

    pub(crate) fn filler_due(&mut self) {
        match self.floor {
            Floor::Thinking | Floor::Agent => {}
            // Nobody is kept waiting while it is open who speaks.
            Floor::Contested { .. } => {
                let at = self.now + self.policy.patience.filler_after / 3;
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
            let at = audible_until.max(self.now) + self.policy.patience.filler_after / 2;
            self.timers.set(Timer::Filler, at);
            return;
        }
        let words = self.policy.patience.filler.clone();
        if !words.trim().is_empty() {
            self.say_first(Purpose::Filler, &words);
        }
    }

    /// Says these words before what is queued and has not begun.
    fn say_first(&mut self, purpose: Purpose, words: &str) {
        let said = self.say(purpose, words, Then::Listen);
        if let Some(first) = self.mouth.pop_back_if(|last| last.id == said) {
            self.mouth.push_front(first);
        }
    }
}
