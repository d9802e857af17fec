//! The machine itself: its state, its one way in and its ways out. What is done in each state is in
//! [`crate::floor`].

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use crate::{
    action::{Action, Effect, MARK_MISSING, Note, Refusal, Tally, Waterfall},
    event::{Answerer, Command, CommandId, Event},
    floor::{
        Floor, FloorName, ears::Ears, keys::Collecting, machines::Machine, mouth::Utterance,
        speculation::Speculation, thinking::Reply, tools::Running,
    },
    heard::Ledger,
    history::{History, Message},
    ids::{Epoch, ReplyId, TurnId, UtteranceId},
    policy::{Policy, Script},
    time::Moment,
    timer::{Timer, Timers},
};

/// One call's conversation.
#[derive(Debug)]
pub struct Conversation {
    pub(crate) policy: Policy,
    pub(crate) script: Script,
    pub(crate) overrides: Option<String>,
    pub(crate) floor: Floor,
    pub(crate) paused: bool,
    /// The session was told to send nothing.
    pub(crate) held: bool,
    pub(crate) epoch: Epoch,
    pub(crate) next_reply: ReplyId,
    pub(crate) next_utterance: UtteranceId,
    pub(crate) next_turn: TurnId,
    pub(crate) ears: Ears,
    /// What the agent is saying and is yet to say, in order.
    pub(crate) mouth: VecDeque<Utterance>,
    pub(crate) reply: Option<Reply>,
    /// The agent owes the caller words: they spoke in a pause, or a sound without words silenced it.
    pub(crate) unanswered: bool,
    /// Words that a supervisor gave and that had not begun when the caller took the floor.
    pub(crate) waiting: Vec<Utterance>,
    /// When the contest under way began, and for how long both were heard by then.
    pub(crate) contested_since: Moment,
    pub(crate) contest_overlap: Duration,
    /// The agent was told to speak more quietly.
    pub(crate) ducked: bool,
    /// A reply that is prepared though the turn is not over for sure.
    pub(crate) speculation: Option<Speculation>,
    /// Tools that run on after their reply was given up.
    pub(crate) running: Vec<Running>,
    /// Apologies in a row.
    pub(crate) apologies: u32,
    /// Who answered a call that we made, and the machine if it is one.
    pub(crate) answerer: Option<Answerer>,
    pub(crate) machine: Option<Machine>,
    /// A person has taken over; then it is paused too.
    pub(crate) person: bool,
    /// Hearing failed for good while a person spoke.
    pub(crate) deaf: bool,
    /// Pauses that come true at the end of a word.
    pub(crate) pausing: Vec<(CommandId, Command)>,
    /// What the agent said last, as far as it was heard, and until when.
    pub(crate) last_said: Option<(Moment, String)>,
    pub(crate) tally: Tally,
    /// When the call was answered.
    pub(crate) begun: Moment,
    pub(crate) ledger: Ledger,
    pub(crate) history: History,
    pub(crate) timers: Timers,
    pub(crate) keys: String,
    pub(crate) keys_filled: Option<Moment>,
    pub(crate) keys_whole: bool,
    pub(crate) collecting: Option<Collecting>,
    /// Keys that only tools may see.
    pub(crate) secrets: Vec<String>,
    pub(crate) idle_prompts: u32,
    /// The stages of the answer under way.
    pub(crate) waterfall: Option<(TurnId, Waterfall)>,
    /// What the agent asked last, as far as it was heard.
    pub(crate) asked: Option<crate::endpoint::Question>,
    pub(crate) commands_seen: HashSet<CommandId>,
    pub(crate) now: Moment,
    orders: VecDeque<Action>,
}

impl Conversation {
    /// A conversation that has not begun. `before` is what was said in this call's earlier sessions.
    pub fn new(policy: Policy, script: Script, before: Vec<Message>) -> Self {
        let overrides = script.overrides.clone();
        Conversation {
            policy,
            script,
            overrides,
            floor: Floor::Unanswered,
            paused: false,
            held: false,
            epoch: Epoch::default(),
            next_reply: ReplyId::default(),
            next_utterance: UtteranceId::default(),
            next_turn: TurnId::default(),
            ears: Ears::default(),
            mouth: VecDeque::new(),
            reply: None,
            unanswered: false,
            waiting: Vec::new(),
            contested_since: Moment::default(),
            contest_overlap: Duration::ZERO,
            ducked: false,
            speculation: None,
            running: Vec::new(),
            apologies: 0,
            answerer: None,
            machine: None,
            person: false,
            deaf: false,
            pausing: Vec::new(),
            last_said: None,
            tally: Tally::default(),
            begun: Moment::default(),
            ledger: Ledger::default(),
            history: History::from_messages(before),
            timers: Timers::default(),
            keys: String::new(),
            keys_filled: None,
            keys_whole: false,
            collecting: None,
            secrets: Vec::new(),
            idle_prompts: 0,
            waterfall: None,
            asked: None,
            commands_seen: HashSet::new(),
            now: Moment::default(),
            orders: VecDeque::new(),
        }
    }

    /// Takes note of what happened and decides. Orders are then to be had from
    /// [`Conversation::next_action`]. `now` never goes back; an earlier one counts as the last.
    pub fn handle(&mut self, event: Event, now: Moment) {
        self.now = self.now.max(now);
        if self.floor == Floor::Ended {
            self.after_the_end(event);
            return;
        }
        match event {
            Event::Answered => self.begin(),
            Event::CallerLeft => self.end(crate::EndReason::CallerLeft),
            Event::Interrupted => self.interrupted(),
            Event::KeyPressed { key } => self.key_pressed(key),
            Event::MarkReturned { generation, mark } => {
                self.ledger.mark_returned(generation, mark, self.now);
                self.after_hearing();
            }

            Event::AnsweredBy { by } => self.answered_by(by),
            Event::BeepHeard { at } => self.beep_heard(at),

            Event::SpeechStarted { at, echo } => self.speech_started(at, echo),
            Event::EchoJudged { echo } => self.echo_judged(echo),
            Event::VoiceMeasured { voiced_ms } => self.voice_measured(voiced_ms),
            Event::SpeechStopped { at, prosody } => self.speech_stopped(at, prosody),
            Event::TurnScored { at, over } => self.turn_scored(at, over),
            Event::Interim { text } => self.interim(text),
            Event::Heard { text, confidence } => self.heard(text, confidence),
            Event::TurnEndSuggested { eager, at } => self.turn_end_suggested(eager, at),
            Event::TurnResumed => self.turn_resumed(),
            Event::HearingLost => self.hearing_lost(),
            Event::HearingBack => self.hearing_is_back(),
            Event::HearingFailed => self.hearing_failed(),

            Event::ReplyText { epoch, reply, text } => {
                if self.is_current(epoch, reply) {
                    self.reply_text(&text);
                } else if self.is_prepared(epoch, reply) {
                    self.speculation_text(&text);
                }
            }
            Event::ReplyTool { epoch, reply, call } => {
                if self.is_current(epoch, reply) {
                    self.reply_tool(call);
                } else if self.is_prepared(epoch, reply) {
                    self.speculation_tool(call);
                }
            }
            Event::ReplyDone { epoch, reply } => {
                if self.is_current(epoch, reply) {
                    self.reply_done();
                } else if self.is_prepared(epoch, reply) {
                    self.speculation_done();
                }
            }
            Event::ReplyFailed { epoch, reply } => {
                if self.is_current(epoch, reply) {
                    self.reply_failed();
                } else if self.is_prepared(epoch, reply) {
                    self.discard_speculation();
                }
            }
            Event::ToolAnswered { epoch, reply, call_id, content } => {
                self.tool_answered(epoch, reply, call_id, content);
            }

            Event::AudioReady { epoch, utterance, sentence, samples } => {
                if self.is_spoken(epoch, utterance) {
                    self.audio_ready(utterance, sentence, samples);
                }
            }
            Event::WordsTimed { epoch, utterance, sentence, words } => {
                if self.is_spoken(epoch, utterance) {
                    self.ledger.words(utterance, sentence, &words);
                }
            }
            Event::AudioComplete { epoch, utterance, sentence, voiced } => {
                if self.is_spoken(epoch, utterance) {
                    self.audio_complete(utterance, sentence, voiced);
                }
            }
            Event::VoiceFailed { epoch, utterance, sentence } => {
                if self.is_spoken(epoch, utterance) {
                    self.voice_failed(utterance, sentence);
                }
            }
            Event::Sent { utterance, sentence, samples, mark } => {
                self.ledger.sent(utterance, sentence, samples, mark, self.now);
                self.after_sending(utterance);
            }

            Event::PersonSaid { text, from, to } => self.person_said(text, from, to),
            Event::Commanded { id, command } => self.commanded(id, command),
            Event::Due => {}
        }
        self.serve_timers();
    }

    /// The next order, first to last. `None` when all have been taken.
    pub fn next_action(&mut self) -> Option<Action> {
        self.orders.pop_front()
    }

    /// When [`Event::Due`] is to be handed in if nothing else happens, and why. A call that has begun
    /// and not ended always has a deadline.
    pub fn deadline(&self) -> Option<(Moment, &'static str)> {
        let marks = self.ledger.marks_overdue_at().map(|at| (at, "marks overdue"));
        let timer = self.timers.next().map(|(at, timer)| (at, timer.name()));
        if self.floor == Floor::Ended { None } else { marks.into_iter().chain(timer).min() }
    }

    /// Who holds the floor.
    pub fn floor(&self) -> FloorName {
        self.floor.name(self.paused, self.person)
    }

    /// The conversation for the model: what was heard of it. While a reply is prepared, with the
    /// words that it is to answer.
    pub fn history(&self) -> Vec<Message> {
        let said = self.speculation.as_ref().map(|prepared| prepared.text());
        self.history.messages(self.policy.remembered, said)
    }

    /// Is the agent's own voice, coming back, to be told from the caller's?
    pub fn guards_echo(&self) -> bool {
        self.policy.echo.guard
    }

    /// What the call came to so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// How this call is conducted.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The model's instructions, a supervisor's if there are any.
    pub fn instructions(&self) -> &str {
        self.overrides.as_deref().unwrap_or(&self.script.instructions)
    }

    /// What was heard of the agent's audio.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What was proved to be heard since this was last called.
    pub fn take_heard(&mut self) -> Vec<crate::heard::Stretch> {
        self.ledger.take_heard()
    }

    /// The epoch of what the agent does now.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Is nobody speaking or about to?
    pub fn is_between_turns(&self) -> bool {
        matches!(self.floor, Floor::Caller | Floor::Ended)
            && !self.ears.speaking
            && self.ears.text().is_empty()
            && self.keys.is_empty()
            && self.collecting.is_none()
    }

    /// Has the call ended?
    pub fn is_over(&self) -> bool {
        self.floor == Floor::Ended
    }

    pub(crate) fn order(&mut self, action: Action) {
        self.orders.push_back(action);
    }

    pub(crate) fn take_back_hang_up(&mut self) -> Option<Action> {
        self.orders.pop_back_if(|order| matches!(order, Action::HangUp { .. }))
    }

    pub(crate) fn note(&mut self, note: Note) {
        self.order(Action::Note(note));
    }

    pub(crate) fn trouble(&mut self, what: &str) {
        self.note(Note::Trouble { what: what.to_owned() });
    }

    fn is_current(&self, epoch: Epoch, reply: ReplyId) -> bool {
        epoch == self.epoch && self.reply.as_ref().is_some_and(|asked| asked.id == reply)
    }

    fn is_prepared(&self, epoch: Epoch, reply: ReplyId) -> bool {
        epoch == self.epoch && self.speculation.as_ref().is_some_and(|asked| asked.reply == reply)
    }

    fn is_spoken(&self, epoch: Epoch, utterance: UtteranceId) -> bool {
        let prepared = || self.speculation.as_ref().is_some_and(|asked| asked.speaks(utterance));
        epoch == self.epoch
            && (self.mouth.iter().any(|spoken| spoken.id == utterance) || prepared())
    }

    fn begin(&mut self) {
        if self.floor != Floor::Unanswered {
            return;
        }
        self.floor = Floor::Caller;
        self.begun = self.now;
        if let Some(asked) = self.script.collecting.take() {
            self.collect_keys(&asked);
        }
        self.timers.set(Timer::LongestCall, self.now + self.policy.longest_call);
        if self.script.resumed.is_none() && !self.script.notice.trim().is_empty() {
            let notice = self.script.notice.clone();
            self.say(crate::Purpose::Notice, &notice, crate::floor::mouth::Then::Listen);
        }
        if self.script.paused || self.script.person {
            // As it was left: silent until people say otherwise.
            self.person = self.script.person;
            self.paused = true;
            self.hold();
            self.unanswered = true;
            return;
        }
        let opening = match &self.script.resumed {
            Some(words) => words.clone(),
            None => self.script.greeting.clone(),
        };
        if opening.trim().is_empty() {
            self.arm_idle();
            // The caller may have spoken before the stream was up.
            self.score_end_of_turn();
        } else {
            self.say(crate::Purpose::Greeting, &opening, crate::floor::mouth::Then::Listen);
        }
    }

    fn after_the_end(&mut self, event: Event) {
        if let Event::Commanded { id, .. } = event {
            let seen = self.commands_seen.contains(&id);
            let outcome = if seen { Ok(Effect::AlreadySo) } else { Err(Refusal::Ended) };
            self.order(Action::Answer { id, outcome });
        }
    }

    fn serve_timers(&mut self) {
        if self.floor == Floor::Ended {
            return;
        }
        let trusted = self.ledger.trusts_marks();
        if self.ledger.give_up_marks(self.now) {
            if trusted && !self.ledger.trusts_marks() {
                self.trouble(MARK_MISSING);
            }
            self.after_hearing();
        }
        while self.floor != Floor::Ended
            && let Some(timer) = self.timers.take_due(self.now)
        {
            match timer {
                Timer::EndOfTurn => self.end_of_turn_due(),
                Timer::BargeIn => self.voice_persisted(),
                Timer::ContestWords => self.contest_words_missing(),
                Timer::Keys => self.keys_complete(),
                Timer::Filler => self.filler_due(),
                Timer::Answer => self.answer_missing(),
                Timer::Tools => self.tools_missing(),
                Timer::Mute => self.voice_mute(),
                Timer::Noise => self.voice_is_noise(),
                Timer::Idle => self.idle_due(),
                Timer::Pause => self.pause_due(),
                Timer::Beep => self.beep_missing(),
                Timer::Closing => self.closing_due(),
                Timer::LongestCall => self.lasted_too_long(),
            }
        }
    }
}
