//! The model's work between the caller's turn and the agent's: asked, streamed, failed, late.

use crate::{
    Conversation, Purpose,
    action::{Action, EndReason, Engine, Note, Voice},
    event::ToolCall,
    floor::{Floor, mouth::Then},
    history::Message,
    ids::{ReplyId, UtteranceId},
    sentence::Sentences,
    timer::Timer,
};

/// How a model is told to go on after its stream broke.
const CONTINUE: &str = "Your last answer broke off after these words. Continue it from there without \
                        repeating anything.";

/// One question to the model and what has come of it.
#[derive(Debug)]
pub(crate) struct Reply {
    pub id: ReplyId,
    engine: Engine,
    sentences: Sentences,
    utterance: Option<UtteranceId>,
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

impl Reply {
    fn has_spoken(&self) -> bool {
        self.utterance.is_some()
    }
}

impl Conversation {
    /// Asks the configured model for an answer to the conversation as it stands.
    pub(crate) fn ask_for_reply(&mut self) {
        self.floor = Floor::Thinking;
        self.timers.set(Timer::Filler, self.now + self.policy.patience.filler_after);
        self.ask(Engine::Chosen, 0, false);
    }

    /// Asks; an earlier question is given up by that.
    fn ask(&mut self, engine: Engine, round: u32, continued: bool) {
        let id = self.next_reply.take();
        self.reply = Some(Reply {
            id,
            engine,
            sentences: Sentences::default(),
            utterance: None,
            tools: Vec::new(),
            ending: None,
            done: false,
            round,
            continued,
            silent: true,
        });
        let wait = match engine {
            Engine::Chosen => self.policy.patience.spare_after,
            Engine::Spare => self.policy.patience.apology_after,
        };
        self.timers.set(Timer::Answer, self.now + wait);
        self.order(Action::Ask { epoch: self.epoch, reply: id, engine });
    }

    /// Asks again because what the model is told has changed, if it has not said anything yet.
    pub(crate) fn ask_anew(&mut self) {
        if let Some(reply) = &self.reply
            && !reply.has_spoken()
            && reply.tools.is_empty()
        {
            let (engine, round) = (reply.engine, reply.round);
            self.ask(engine, round, false);
        }
    }

    pub(crate) fn reply_text(&mut self, text: &str) {
        let Some(reply) = &mut self.reply else { return };
        reply.silent = false;
        self.timers.cancel(Timer::Answer);
        if let Some((_, waterfall)) = &mut self.waterfall {
            waterfall.first_token.get_or_insert(self.now);
        }
        for sentence in reply.sentences.push(text) {
            self.speak_reply(sentence);
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
                }
                utterance
            }
        };
        self.speak(utterance, sentence, Voice::Chosen);
    }

    pub(crate) fn reply_tool(&mut self, call: ToolCall) {
        let Some(reply) = &mut self.reply else { return };
        reply.silent = false;
        self.timers.cancel(Timer::Answer);
        if let Some((_, waterfall)) = &mut self.waterfall {
            waterfall.first_token.get_or_insert(self.now);
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
        self.timers.cancel(Timer::Answer);
        if let Some(last) = self.reply.as_mut().and_then(|reply| reply.sentences.finish()) {
            self.speak_reply(last);
        }
        let Some(reply) = &mut self.reply else { return };
        reply.done = true;
        if !reply.tools.is_empty() {
            if let Some(utterance) = reply.utterance {
                self.close_utterance(utterance);
            }
            self.go_on_after_tools();
        } else if let Some(ending) = reply.ending.clone() {
            self.end_as_asked(ending);
        } else if let Some(utterance) = reply.utterance {
            self.reply = None;
            self.close_utterance(utterance);
        } else {
            self.trouble("the model answered nothing");
            self.answer_otherwise();
        }
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
        if self.mouth.is_empty() && matches!(self.floor, Floor::Caller | Floor::Agent) {
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
        for (call, _) in &reply.tools {
            self.history.add_call(utterance, call.clone());
        }
        for (call, answer) in reply.tools {
            let content = answer
                .unwrap_or_else(|| "Not finished: the caller spoke before it answered.".to_owned());
            self.history.push(Message::Tool { call_id: call.id.clone(), content: content.clone() });
            self.note(Note::ToolUsed { call, content });
        }
    }

    /// The model failed. What it said completely stands.
    pub(crate) fn reply_failed(&mut self) {
        let Some(reply) = &mut self.reply else { return };
        self.timers.cancel(Timer::Answer);
        let Some(utterance) = reply.utterance else {
            self.trouble("the model failed before it said anything");
            self.answer_otherwise();
            return;
        };
        let (engine, round, continued) = (reply.engine, reply.round, reply.continued);
        self.reply = None;
        if engine == Engine::Chosen && !continued {
            self.trouble("the model broke off; it is asked to go on");
            self.history.push(Message::Guidance { text: CONTINUE.to_owned() });
            self.ask(Engine::Chosen, round, true);
            self.close_utterance(utterance);
        } else {
            self.trouble("the model broke off again");
            self.close_utterance(utterance);
            self.apologise();
        }
    }

    pub(crate) fn answer_missing(&mut self) {
        if self.reply.as_ref().is_some_and(|reply| reply.silent) {
            self.trouble("no answer in time");
            self.answer_otherwise();
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
        self.say(purpose, words, Then::Listen);
        if let Some(filler) = self.mouth.pop_back() {
            self.mouth.push_front(filler);
        }
    }
}
