//! A call as it was written down, line by line: who was heard to say what and when, how each turn was
//! decided, where the time of each answer went, who took the floor, and what failed.

use std::io::Write;

use turn::{
    Action, Command, Contest, Decision, EndReason, Event, Moment, Note, Purpose, Waterfall,
};

use super::exact::Watch;
use crate::live::journal::Header;

/// Prints what it is told. A line that cannot be written is left out: whoever asked has gone.
pub struct Timeline<W> {
    out: W,
    /// Lines of several sessions say so.
    sessions: u32,
}

impl<W: Write> Timeline<W> {
    pub fn to(out: W) -> Self {
        Timeline { out, sessions: 0 }
    }

    fn line(&mut self, at: Moment, who: &str, text: &str) {
        let _ = writeln!(self.out, "  {}  {who:<10} {text}", clock(at));
    }
}

impl<W: Write> Watch for Timeline<W> {
    fn session(&mut self, header: &Header) {
        self.sessions += 1;
        let Header { call_sid, started_at, stt, llm, tts, .. } = header;
        let which = match self.sessions {
            1 => format!("Call {call_sid}"),
            later => format!("Session {later} of it"),
        };
        let _ = writeln!(
            self.out,
            "{which}, {started_at}: hearing {stt}, answering {llm}, speaking {tts}."
        );
    }

    fn event(&mut self, at: Moment, event: &Event) {
        match event {
            Event::HearingLost => self.line(at, "trouble", "hearing was lost"),
            Event::Interrupted => {
                self.line(at, "end", "the session ended; the call was left to be gone on with");
            }
            _ => {}
        }
    }

    fn action(&mut self, at: Moment, action: &Action) {
        match action {
            Action::Note(note) => self.note(at, note),
            Action::Clear { keep, .. } => {
                let kept = if *keep { "; what was not heard is kept" } else { "" };
                self.line(at, "", &format!("the carrier's buffer was cleared{kept}"));
            }
            Action::Ask { speculative: true, .. } => {
                self.line(at, "", "a reply is prepared ahead of the turn's end");
            }
            Action::Answer { outcome: Err(refusal), id } => {
                self.line(at, "order", &format!("{id} was refused: {refusal}"));
            }
            _ => {}
        }
    }
}

impl<W: Write> Timeline<W> {
    fn note(&mut self, at: Moment, note: &Note) {
        match note {
            Note::CallerSaid { text, from, to, .. } => {
                self.line(*from, "caller", &format!("{text}  (until {})", clock(*to).trim()));
            }
            Note::AgentSaid { text, meant, cut, purpose, from, to, .. } => {
                let who = match purpose {
                    Purpose::Dictated => "supervisor",
                    Purpose::Filler => "filler",
                    Purpose::IdlePrompt => "prompt",
                    Purpose::Apology => "apology",
                    _ => "agent",
                };
                let until = clock(*to);
                self.line(*from, who, &format!("{text}  (heard until {})", until.trim()));
                if *cut {
                    let unheard = meant.strip_prefix(text.as_str()).unwrap_or(meant).trim();
                    self.line(*to, "", &format!("^ cut off; not heard: {unheard:?}"));
                }
            }
            Note::Backchannel { text, at } if text.is_empty() => {
                self.line(*at, "caller", "(a sound without words)");
            }
            Note::Backchannel { text, at } => {
                self.line(*at, "caller", &format!("({text}: did not take the floor)"));
            }
            Note::Contested { overlap_ms, outcome, from, to } => {
                let outcome = match outcome {
                    Contest::Interruption => "barge-in: the caller took the floor",
                    Contest::Backchannel => "false stop: the agent went on after a backchannel",
                    Contest::Noise => "false stop: the agent went on after a sound without words",
                    Contest::Echo => "false stop: the agent went on, it had heard itself",
                };
                let took = to.since(*from).as_millis();
                self.line(
                    at,
                    "",
                    &format!("{outcome} (settled in {took} ms, {overlap_ms} ms of overlap)"),
                );
            }
            Note::TurnDecided { decision, .. } => {
                self.line(at, "", &format!("turn over {}", spelled_decision(decision)));
            }
            Note::Answered { waterfall, .. } => {
                self.line(at, "", &format!("^ answered {}", spelled_waterfall(waterfall)));
            }
            Note::Speculated { used, ahead_ms } => {
                let came = if *used { "was used" } else { "was thrown away" };
                self.line(
                    at,
                    "",
                    &format!("the prepared reply {came}, {ahead_ms} ms after it was asked for"),
                );
            }
            Note::Pressed { keys } => self.line(at, "caller", &format!("(pressed {keys})")),
            Note::ToolUsed { call, content, .. } => {
                let text = format!("{} {} -> {content}", call.name, call.arguments);
                self.line(at, "tool", &text);
            }
            Note::Ordered { id, command } => {
                self.line(at, "order", &format!("{id}: {}", spelled_command(command)));
            }
            Note::Echo { text, at } => {
                self.line(*at, "", &format!("the agent heard itself: {text:?}"));
            }
            Note::PersonSaid { text, from, .. } => self.line(*from, "person", text),
            Note::AnsweredBy { by, known_by } => {
                self.line(at, "", &format!("answered by {by:?}, known by {known_by}"));
            }
            Note::Trouble { what } => self.line(at, "trouble", what),
            Note::Tallied { tally } => {
                let text = format!(
                    "{} turns, {} barge-ins, {} backchannels, {} false stops, {} cut-offs; \
                     the caller spoke {}, the agent was heard {}",
                    tally.turns,
                    tally.interruptions,
                    tally.backchannels,
                    tally.false_stops,
                    tally.cut_offs,
                    seconds(tally.caller_ms),
                    seconds(tally.agent_ms)
                );
                self.line(at, "", &text);
            }
            Note::Ended { why } => self.line(at, "end", &spelled_end(why)),
            // What a later machine notes is no less true for not being shown.
            _ => {}
        }
    }
}

/// `1:02.345`, as wide as the hour allows.
fn clock(at: Moment) -> String {
    let seconds = at.0 / 1_000;
    format!("{:>3}:{:02}.{:03}", seconds / 60, seconds % 60, at.0 % 1_000)
}

fn seconds(ms: u64) -> String {
    format!("{:.1} s", ms as f64 / 1_000.0)
}

fn spelled_decision(decision: &Decision) -> String {
    let Decision { silence_ms, waited_ms, settled, evidence, others } = decision;
    let settled = if *settled { "settled" } else { "guessed" };
    // The evidence is whatever the machine weighs: it is shown as it is written.
    let evidence = match serde_json::to_value(evidence) {
        Ok(serde_json::Value::Object(fields)) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| format!("{name} {}", value.to_string().replace('"', "")))
            .collect::<Vec<_>>()
            .join(", "),
        _ => String::new(),
    };
    let others: Vec<String> = others
        .iter()
        .filter(|other| other.cut_in || other.waited_ms != *waited_ms)
        .map(|other| {
            let cut_in = if other.cut_in { " and cut in before" } else { "" };
            format!("{} {} ms{cut_in}", other.setting, other.waited_ms)
        })
        .collect();
    let others = match others.is_empty() {
        true => String::new(),
        false => format!("; others: {}", others.join(", ")),
    };
    format!(
        "after {silence_ms} ms of silence, {waited_ms} called for; words {settled}; {evidence}{others}"
    )
}

fn spelled_waterfall(waterfall: &Waterfall) -> String {
    let stages: Vec<String> = waterfall
        .stages()
        .iter()
        .map(|(stage, from, to)| format!("{stage} {}", to.since(*from).as_millis()))
        .collect();
    let total = waterfall.total().map_or(0, |total| total.as_millis());
    let culprit = waterfall.culprit().unwrap_or("nothing");
    format!("in {total} ms: {}; most of it {culprit}", stages.join(", "))
}

fn spelled_command(command: &Command) -> String {
    match serde_json::to_value(command) {
        Ok(serde_json::Value::Object(mut fields)) => {
            let name = fields.remove("command").unwrap_or_default();
            let rest: Vec<String> =
                fields.into_iter().map(|(name, value)| format!("{name} {value}")).collect();
            [vec![name.as_str().unwrap_or("?").to_owned()], rest].concat().join(", ")
        }
        _ => String::new(),
    }
}

/// Why a call ended, for people.
pub fn spelled_end(why: &EndReason) -> String {
    match why {
        EndReason::CallerLeft => "the caller hung up".to_owned(),
        EndReason::AgentEnded => "the agent hung up after the goodbye".to_owned(),
        EndReason::CallerSilent => "the caller stayed silent".to_owned(),
        EndReason::Ordered => "ended by a supervisor".to_owned(),
        EndReason::Transferred { reason } => format!("put through to a person: {reason}"),
        other => serde_json::to_value(other)
            .ok()
            .and_then(|value| Some(value.get("kind")?.as_str()?.replace('_', " ")))
            .unwrap_or_default(),
    }
}
