//! A journal through the conversation machine again: does it order the same, to the byte?
//!
//! Each recorded event is handed to the machine at its recorded time, and what the machine orders is
//! compared with what the journal says it ordered. Interim words are not in journals and are passed
//! over. What is learned on the way goes to a [`Watch`].

use std::{collections::VecDeque, io::BufRead};

use serde::Serialize;
use turn::{Action, Conversation, EndReason, Event, Message, Moment, Note};

use crate::live::journal::{
    Header, MACHINE,
    read::{BadJournal, Line, Reader},
    said,
};

/// Is told what a journal holds, in its order.
pub trait Watch {
    /// A session begins.
    fn session(&mut self, header: &Header);
    /// The machine was told.
    fn event(&mut self, at: Moment, event: &Event);
    /// The machine ordered, by the journal.
    fn action(&mut self, at: Moment, action: &Action);
}

/// Nobody watches.
impl Watch for () {
    fn session(&mut self, _: &Header) {}
    fn event(&mut self, _: Moment, _: &Event) {}
    fn action(&mut self, _: Moment, _: &Action) {}
}

/// How a replay came out.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verdict {
    pub call_sid: String,
    /// Every recorded action is what the machine orders now.
    pub exact: bool,
    /// The first one that is not.
    pub difference: Option<Difference>,
    pub sessions: u32,
    pub events: u64,
    pub actions: u64,
    /// Where the last session ended, ms since it began.
    pub lasted_ms: u64,
    pub ended: Option<EndReason>,
    /// Lines that a crash tore.
    pub torn_lines: Vec<u64>,
    /// Sessions, counted from 1, whose last event lacks actions: they broke off while being written.
    pub broken_off: Vec<u32>,
    /// Other machines than this one that wrote it; "" is one that did not say.
    pub other_machines: Vec<String>,
    /// The machine that it was run through.
    pub machine: &'static str,
}

/// Where the machine does otherwise than the journal says.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// The line of the journal, from 1.
    pub line: u64,
    /// The session, from 1.
    pub session: u32,
    pub at: Moment,
    /// What the machine had been told.
    pub event: Option<Event>,
    /// What the journal says it ordered then, as JSON; `None`: nothing more.
    pub expected: Option<String>,
    /// What it orders now, as JSON; `None`: nothing more.
    pub got: Option<String>,
}

/// Runs a journal through the machine.
///
/// # Errors
/// [`BadJournal`]; a difference is none.
pub fn replay<R: BufRead>(
    reader: &mut Reader<R>,
    watch: &mut impl Watch,
) -> Result<Verdict, BadJournal> {
    let mut replay = Replay {
        verdict: Verdict { machine: MACHINE, ..Verdict::default() },
        session: None,
        before: Vec::new(),
        got: Vec::new(),
    };
    let mut number = 0;
    while let Some(line) = reader.next_line()? {
        number += 1;
        match line {
            Line::Header(header) => {
                replay.begin(&header);
                watch.session(&header);
            }
            Line::Torn => replay.verdict.torn_lines.push(number),
            Line::Event { at, event } => {
                watch.event(at, &event);
                replay.event(number, at, event)?;
            }
            Line::Action { at, action } => {
                if let Some(action) = replay.action(number, at, action)? {
                    watch.action(at, &action);
                    replay.remember(action);
                }
            }
        }
    }
    if replay.verdict.sessions == 0 {
        return Err(BadJournal::Empty);
    }
    replay.end_session();
    let mut verdict = replay.verdict;
    verdict.exact = verdict.difference.is_none();
    Ok(verdict)
}

/// One session, being run.
struct Session {
    /// Gone after a difference: what it would order from then on says nothing.
    machine: Option<Conversation>,
    /// What it has ordered and the journal has not said yet.
    orders: VecDeque<Action>,
    last: Option<(Moment, Event)>,
    same_machine: bool,
}

struct Replay {
    verdict: Verdict,
    session: Option<Session>,
    /// What was said in the sessions before, for journals that do not tell.
    before: Vec<Message>,
    /// The machine's action as JSON; kept for its room.
    got: Vec<u8>,
}

impl Replay {
    fn begin(&mut self, header: &Header) {
        self.end_session();
        self.verdict.sessions += 1;
        self.verdict.call_sid.clone_from(&header.call_sid);
        self.verdict.ended = None;
        self.verdict.lasted_ms = 0;
        let same_machine = header.machine == MACHINE;
        if !same_machine && !self.verdict.other_machines.contains(&header.machine) {
            self.verdict.other_machines.push(header.machine.clone());
        }
        let before = header.before.clone().unwrap_or_else(|| self.before.clone());
        let machine = self
            .verdict
            .difference
            .is_none()
            .then(|| Conversation::new(header.policy.clone(), header.script.clone(), before));
        let orders = VecDeque::new();
        self.session = Some(Session { machine, orders, last: None, same_machine });
    }

    fn event(&mut self, line: u64, at: Moment, event: Event) -> Result<(), BadJournal> {
        let Some(session) = &mut self.session else { return Err(BadJournal::NoHeader { line }) };
        self.verdict.events += 1;
        self.verdict.lasted_ms = at.0;
        if let Some(order) = session.orders.pop_front() {
            let got = serde_json::to_string(&order).ok();
            self.differ(line, None, got);
            return Ok(());
        }
        let Some(machine) = &mut session.machine else { return Ok(()) };
        machine.handle(event.clone(), at);
        // Whoever renders the recording would take these; here they only take room.
        machine.take_heard();
        while let Some(action) = machine.next_action() {
            if !matches!(action, Action::Note(Note::CallerSaying { .. })) {
                session.orders.push_back(action);
            }
        }
        session.last = Some((at, event));
        Ok(())
    }

    /// Compares a recorded action with the machine's. Gives it, if it is one at all.
    fn action(
        &mut self,
        line: u64,
        at: Moment,
        recorded: &str,
    ) -> Result<Option<Action>, BadJournal> {
        let Some(session) = &mut self.session else { return Err(BadJournal::NoHeader { line }) };
        self.verdict.actions += 1;
        let parsed = || serde_json::from_str::<Action>(recorded).ok();
        if session.machine.is_none() {
            return Ok(parsed());
        }
        let Some(order) = session.orders.pop_front() else {
            self.differ(line, Some(recorded.to_owned()), None);
            return Ok(parsed());
        };
        self.got.clear();
        let written = serde_json::to_writer(&mut self.got, &order).is_ok();
        let on_time = session.last.as_ref().is_some_and(|(told, _)| *told == at);
        let same = written && self.got == recorded.as_bytes();
        // Another machine may have spelled the same otherwise: a field that is new, say.
        let alike = || !session.same_machine && parsed().is_some_and(|action| action == order);
        if on_time && (same || alike()) {
            return Ok(Some(order));
        }
        let got = String::from_utf8_lossy(&self.got).into_owned();
        let expected = match on_time {
            true => recorded.to_owned(),
            false => format!("{recorded} at {} ms, which is not the event's time", at.0),
        };
        self.differ(line, Some(expected), Some(got));
        Ok(parsed())
    }

    /// The first difference: from here on there is nothing to compare with.
    fn differ(&mut self, line: u64, expected: Option<String>, got: Option<String>) {
        let Some(session) = &mut self.session else { return };
        let (at, event) = match session.last.take() {
            Some((at, event)) => (at, Some(event)),
            None => (Moment::default(), None),
        };
        session.machine = None;
        session.orders.clear();
        let session = self.verdict.sessions;
        self.verdict.difference = Some(Difference { line, session, at, event, expected, got });
    }

    fn remember(&mut self, action: Action) {
        match action {
            Action::HangUp { why } => self.verdict.ended = Some(why),
            Action::Note(note) => self.before.extend(said(note)),
            _ => {}
        }
    }

    fn end_session(&mut self) {
        if let Some(session) = self.session.take()
            && !session.orders.is_empty()
        {
            self.verdict.broken_off.push(self.verdict.sessions);
        }
    }
}
