//! Functions that the model calls amid its answer.
//!
//! The model is asked to go on when all of a round have answered or failed. When the caller takes the
//! floor meanwhile, a tool that allows it is given up; any other runs on, since it may have effects:
//! its answer is put where it belongs when it comes, and the next question to the model shows it.

use crate::{
    Conversation, Purpose,
    action::{Action, EndReason, Engine, Note, PASSED_OVER},
    event::ToolCall,
    floor::{Floor, mouth::Then, thinking::Reply},
    ids::{Epoch, ReplyId},
    policy::ToolPolicy,
    time::Moment,
    timer::Timer,
};

/// The function by which the model asks for keys.
pub const COLLECT_KEYS: &str = "collect_keys";
/// At most this many tools are called in one round, and run on at once.
const TOOLS_AT_ONCE: usize = 16;
/// At most this many keys are sent at once.
const MOST_KEYS: usize = 32;

/// What the model reads of a tool that has not answered yet, or will not.
const RUNS_ON: &str =
    "Still running: the caller spoke before it answered. Its outcome is not known yet.";
const GIVEN_UP: &str = "Given up: the caller spoke before it answered.";
const NO_ANSWER: &str = "Failed: no answer in time.";

/// A tool that a reply called.
#[derive(Debug)]
pub(crate) struct Called {
    pub call: ToolCall,
    pub answer: Option<String>,
    due: Moment,
    /// It was answered here and now, and the model has nothing to add.
    passive: bool,
}

/// A tool that runs on after its reply was given up.
#[derive(Debug)]
pub(crate) struct Running {
    epoch: Epoch,
    reply: ReplyId,
    pub call: ToolCall,
    due: Moment,
    /// Later calls of the same that wait for the same answer.
    joined_by: Vec<String>,
}

impl Conversation {
    fn tool_policy(&self, name: &str) -> ToolPolicy {
        let known = self.script.tools.iter().find(|tool| tool.name == name);
        known.cloned().unwrap_or_else(|| ToolPolicy {
            name: name.to_owned(),
            within: self.policy.tool_within,
            ..ToolPolicy::default()
        })
    }

    pub(crate) fn reply_tool(&mut self, call: ToolCall) {
        if self.reply.as_ref().is_none_or(|reply| reply.done) {
            return;
        }
        self.reply_goes_on();
        let Some(reply) = &mut self.reply else { return };
        // A tool may have effects: what is asked for twice is done once.
        let known = reply.tools.iter().any(|asked| asked.call.id == call.id);
        if known || reply.tools.len() >= TOOLS_AT_ONCE {
            self.trouble(PASSED_OVER);
            return;
        }
        match call.name.as_str() {
            "end_call" => reply.ending = Some(EndReason::AgentEnded),
            "transfer" if self.script.can_transfer => {
                let reason = call.arguments["reason"].as_str().unwrap_or("asked for a person");
                let reason = reason.chars().take(200).collect();
                reply.ending = Some(EndReason::Transferred { reason });
            }
            COLLECT_KEYS => {
                self.collect_keys(&call.arguments);
                self.answered_here(call, "The keys come as the caller's next words.", true);
            }
            "send_dtmf" => self.send_keys(call),
            _ => self.run_tool(call),
        }
    }

    fn answered_here(&mut self, call: ToolCall, answer: &str, passive: bool) {
        let due = self.now;
        if let Some(reply) = &mut self.reply {
            reply.tools.push(Called { call, answer: Some(answer.to_owned()), due, passive });
        }
    }

    fn run_tool(&mut self, call: ToolCall) {
        let policy = self.tool_policy(&call.name);
        let (epoch, now) = (self.epoch, self.now);
        let due = now + policy.within;
        let Some(reply) = &mut self.reply else { return };
        let id = reply.id;
        let nothing_said = !reply.spoken;
        reply.tools.push(Called { call: call.clone(), answer: None, due, passive: false });
        let same = |running: &&mut Running| {
            running.call.name == call.name && running.call.arguments == call.arguments
        };
        match self.running.iter_mut().find(same).filter(|_| policy.effects) {
            // The same is being done: its answer is the answer to this one too.
            Some(running) => running.joined_by.push(call.id.clone()),
            None => self.order(Action::RunTool { epoch, reply: id, call }),
        }
        self.watch_tools();
        self.timers.set(Timer::Filler, now + self.policy.patience.filler_after);
        if nothing_said && self.mouth.is_empty() && !policy.filler.trim().is_empty() {
            self.say_first(Purpose::Filler, &policy.filler);
        }
    }

    /// Keys are played to the other end as tones.
    fn send_keys(&mut self, call: ToolCall) {
        let wanted = call.arguments["keys"].as_str().unwrap_or("");
        let keys: String = wanted
            .chars()
            .filter(|key| matches!(key, '0'..='9' | '*' | '#' | 'A'..='D' | 'w'))
            .take(MOST_KEYS)
            .collect();
        if keys.is_empty() || wanted.contains('[') {
            let wrong = "Failed: keys are digits, *, #, A to D, or w for a pause.";
            self.answered_here(call, wrong, false);
            return;
        }
        self.answered_here(call, "Sent.", true);
        self.part_reply();
        let utterance = self.open_utterance(Purpose::Keys, Then::Listen);
        self.play_keys(utterance, keys);
        self.close_utterance(utterance);
        if let Some(reply) = &mut self.reply {
            // What follows is awaited from the other end.
            reply.spoken = true;
        }
    }

    /// When the first tool has had its time.
    pub(crate) fn watch_tools(&mut self) {
        let called = self.reply.iter().flat_map(|reply| &reply.tools);
        let called = called.filter(|called| called.answer.is_none()).map(|called| called.due);
        let next = called.chain(self.running.iter().map(|running| running.due)).min();
        match next {
            Some(due) => self.timers.set(Timer::Tools, due),
            None => self.timers.cancel(Timer::Tools),
        }
    }

    /// A tool answered: of the reply under way, or one that runs on.
    pub(crate) fn tool_answered(
        &mut self,
        epoch: Epoch,
        reply: ReplyId,
        call_id: String,
        content: String,
    ) {
        let of_this = epoch == self.epoch && self.reply.as_ref().is_some_and(|one| one.id == reply);
        if of_this {
            self.answer_call(&call_id, content);
            return;
        }
        let running = self
            .running
            .iter()
            .position(|one| one.epoch == epoch && one.reply == reply && one.call.id == call_id);
        if let Some(place) = running {
            let running = self.running.remove(place);
            self.running_ended(running, content);
            self.watch_tools();
        }
    }

    fn answer_call(&mut self, call_id: &str, content: String) {
        let Some(reply) = &mut self.reply else { return };
        let open = |called: &&mut Called| called.call.id == call_id && called.answer.is_none();
        if let Some(called) = reply.tools.iter_mut().find(open) {
            called.answer = Some(content);
            self.watch_tools();
            self.go_on_after_tools();
        }
    }

    /// The caller learns of it with the next answer; a call that joined it is answered now.
    fn running_ended(&mut self, running: Running, content: String) {
        self.history.set_answer(&running.call.id, &content);
        self.tool_used(running.call, content.clone());
        for joined in running.joined_by {
            self.history.set_answer(&joined, &content);
            self.answer_call(&joined, content.clone());
        }
    }

    /// Writes down that a tool was called, and what came of it.
    pub(crate) fn tool_used(&mut self, call: ToolCall, content: String) {
        // Keys are the caller's doing.
        let effects = call.name != COLLECT_KEYS && self.tool_policy(&call.name).effects;
        self.note(Note::ToolUsed { call, content, effects });
    }

    pub(crate) fn tools_missing(&mut self) {
        let now = self.now;
        let late: Vec<Running> =
            self.running.extract_if(.., |running| running.due <= now).collect();
        for running in late {
            self.running_ended(running, NO_ANSWER.to_owned());
        }
        if let Some(reply) = &mut self.reply {
            for called in reply.tools.iter_mut().filter(|called| called.due <= now) {
                called.answer.get_or_insert_with(|| NO_ANSWER.to_owned());
            }
        }
        self.watch_tools();
        self.go_on_after_tools();
    }

    /// The model has called tools and will say no more until they have answered.
    pub(crate) fn finish_with_tools(&mut self) {
        let Some(reply) = &mut self.reply else { return };
        reply.done = true;
        let utterance = reply.utterance;
        let passive = reply.spoken && reply.tools.iter().all(|called| called.passive);
        if passive {
            // Nothing is left to be said: the other end has the word.
            if let Some(reply) = self.reply.take() {
                let ending = reply.ending.clone();
                self.remember_tools(reply);
                self.watch_tools();
                self.timers.cancel(Timer::Filler);
                let last = utterance.or(self.mouth.back().map(|said| said.id));
                match (last, ending) {
                    (Some(last), Some(ending)) => self.end_when_said(last, ending),
                    (None, Some(ending)) => self.end(ending),
                    (Some(last), None) => self.close_utterance(last),
                    (None, None) => self.agent_may_have_finished(),
                }
            }
            return;
        }
        if let Some(utterance) = utterance {
            self.close_utterance(utterance);
        }
        self.go_on_after_tools();
    }

    /// When the model has finished and every tool has answered, the model is asked to go on.
    pub(crate) fn go_on_after_tools(&mut self) {
        let Some(reply) = &mut self.reply else { return };
        let open = reply.tools.iter().any(|called| called.answer.is_none());
        if !reply.done || reply.tools.is_empty() || open {
            return;
        }
        let round = reply.round + 1;
        let (ending, spoken) = (reply.ending.clone(), reply.spoken);
        let utterance = reply.utterance;
        if let Some(reply) = self.reply.take() {
            self.remember_tools(reply);
        }
        self.watch_tools();
        if let (Some(ending), true) = (ending, spoken) {
            // The last words were said with the call of the tool.
            match utterance {
                Some(utterance) => self.end_when_said(utterance, ending),
                None => self.end(ending),
            }
            return;
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

    /// Puts the tools that a reply called, and what they answered, into the history. Those that have
    /// not answered are given up, or run on.
    pub(crate) fn remember_tools(&mut self, reply: Reply) {
        if reply.tools.is_empty() {
            return;
        }
        let epoch = reply.epoch;
        let utterance = reply.utterance.unwrap_or_else(|| self.next_utterance.take());
        let mut tools = Vec::new();
        for Called { call, answer, due, .. } in reply.tools {
            let content = match answer {
                Some(content) => {
                    self.tool_used(call.clone(), content.clone());
                    content
                }
                None if self.tool_policy(&call.name).cancel_on_barge_in => {
                    let content = GIVEN_UP.to_owned();
                    self.tool_used(call.clone(), content.clone());
                    content
                }
                None => {
                    let (reply, call) = (reply.id, call.clone());
                    // One that had joined another waits on under that one.
                    let joined = self.running.iter().any(|one| one.joined_by.contains(&call.id));
                    if !joined && self.running.len() < TOOLS_AT_ONCE {
                        let joined_by = Vec::new();
                        self.running.push(Running { epoch, reply, call, due, joined_by });
                    }
                    RUNS_ON.to_owned()
                }
            };
            tools.push((call, content));
        }
        self.history.add_tools(utterance, tools);
    }
}
