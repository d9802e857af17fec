//! What the demo prints: the conversation as it was written down, line by line as it becomes durable.

use std::{path::Path, time::Duration};

use tokio::{
    sync::{broadcast::error::RecvError, watch},
    task::JoinHandle,
};
use turn::{EndReason, Moment, Note, Purpose, Waterfall};

use crate::{caller::Outcome, gateway::Gateway, live::journal::Announcement};

/// Prints a running demo, in the order of what happens.
pub struct Printer {
    json: bool,
    task: JoinHandle<()>,
    /// How many calls have been printed to their end.
    ended: watch::Receiver<usize>,
}

impl Printer {
    /// Prints all that the gateway announces from now on.
    pub fn start(gateway: &Gateway, json: bool) -> Self {
        let mut announcements = gateway.journals.listen();
        let (ends, ended) = watch::channel(0);
        let task = tokio::spawn(async move {
            loop {
                match announcements.recv().await {
                    Ok(announcement) => {
                        if json {
                            let line = serde_json::to_string(&announcement).unwrap_or_default();
                            println!("{line}");
                        } else {
                            print(&announcement);
                        }
                        if let Note::Ended { .. } = announcement.note {
                            ends.send_modify(|calls| *calls += 1);
                        }
                    }
                    Err(RecvError::Lagged(missed)) => println!("({missed} lines were missed)"),
                    Err(RecvError::Closed) => return,
                }
            }
        });
        Printer { json, task, ended }
    }

    pub fn opening(&self, gateway: &Gateway) {
        let engines = gateway.engines();
        self.say(format_args!(
            "{} answers on this machine: hearing {}, answering {}, speaking {}, voice activity {}.",
            gateway.business.name,
            engines.names("stt"),
            engines.names("llm"),
            engines.names("tts"),
            engines.vad_name()
        ));
    }

    pub fn call(&self, who: &str) {
        self.say(format_args!("\nA call: {who}."));
    }

    /// Waits until this many calls have been printed to their end.
    pub async fn printed(&mut self, calls: usize) {
        let ended = self.ended.wait_for(|ended| *ended >= calls);
        // A call whose end was never announced is reported by its outcome.
        let _ = tokio::time::timeout(Duration::from_secs(5), ended).await;
    }

    /// The call's files, and how it went.
    pub fn outcome(&self, gateway: &Gateway, outcome: &Outcome, well: bool) {
        if self.json {
            println!("{}", serde_json::to_string(outcome).unwrap_or_default());
            return;
        }
        for stream_sid in &outcome.stream_sids {
            file("recording", &gateway.recording(&outcome.call_sid, stream_sid));
        }
        file("journal", &gateway.journals.path(&outcome.call_sid));
        let answers: Vec<i64> =
            outcome.responses.iter().filter_map(|turn| turn.latency_ms).collect();
        if !answers.is_empty() {
            let mut sorted = answers.clone();
            sorted.sort_unstable();
            println!(
                "  answers heard after: median {} ms, slowest {} ms of {}",
                sorted[sorted.len() / 2],
                sorted[sorted.len() - 1],
                sorted.len()
            );
        }
        if !well {
            println!("  The call did not go as it should:");
            for step in outcome.steps.iter().filter(|step| !step.passed()) {
                println!("    step {step:?}");
            }
            for violation in &outcome.violations {
                println!("    {violation:?}");
            }
        }
    }

    pub fn staying(&self, url: &str) {
        self.say(format_args!(
            "\nServing at {url} until Ctrl-C. Call it: tandem call {url}/webhooks/twilio/answer --wav …"
        ));
    }

    /// Prints what is left.
    pub async fn finish(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    fn say(&self, words: std::fmt::Arguments<'_>) {
        if !self.json {
            println!("{words}");
        }
    }
}

fn file(what: &str, path: &Path) {
    println!("  {what}: {}", path.display());
}

fn print(announcement: &Announcement) {
    let at = announcement.at;
    match &announcement.note {
        Note::CallerSaid { text, from, .. } => line(*from, "caller", text),
        Note::AgentSaid { text, meant, cut, purpose, from, .. } => {
            let who = match purpose {
                Purpose::Filler => "agent (filler)",
                Purpose::Dictated => "supervisor",
                _ => "agent",
            };
            line(*from, who, text);
            if *cut {
                let unheard = meant.strip_prefix(text.as_str()).unwrap_or(meant).trim();
                line(at, "", &format!("^ cut off by the caller; not heard: {unheard:?}"));
            }
        }
        Note::Backchannel { text, .. } if text.is_empty() => {
            line(at, "caller", "(a sound without words; the agent goes on)");
        }
        Note::Backchannel { text, .. } => line(at, "caller", &format!("({text})")),
        Note::Pressed { keys } => line(at, "caller", &format!("(pressed {keys})")),
        Note::ToolUsed { call, content, .. } => {
            line(at, "tool", &format!("{} {} -> {content}", call.name, call.arguments));
        }
        Note::Answered { waterfall, .. } => line(at, "", &spelled(waterfall)),
        Note::Trouble { what } => line(at, "trouble", what),
        Note::Ended { why } => line(at, "end", ended(why)),
        Note::Echo { text, .. } => line(at, "caller", &format!("(the agent's own voice: {text})")),
        Note::PersonSaid { text, from, .. } => line(*from, "person", text),
        Note::AnsweredBy { by, known_by } => {
            line(at, "", &format!("answered by {by:?}, known by {known_by}"));
        }
        Note::CallerSaying { .. }
        | Note::TurnDecided { .. }
        | Note::Contested { .. }
        | Note::Speculated { .. }
        | Note::Tallied { .. }
        | Note::Ordered { .. } => {}
    }
}

fn line(at: Moment, who: &str, text: &str) {
    let seconds = at.0 / 1_000;
    println!("  {:>3}:{:02}.{}  {who:<15} {text}", seconds / 60, seconds % 60, at.0 / 100 % 10);
}

fn spelled(waterfall: &Waterfall) -> String {
    let stages: Vec<String> = waterfall
        .stages()
        .iter()
        .map(|(stage, from, to)| format!("{stage} {}", (*to - *from).as_millis()))
        .collect();
    let total = waterfall.total().map_or(0, |total| total.as_millis());
    let culprit = waterfall.culprit().unwrap_or("nothing");
    format!("^ answered in {total} ms: {}; most of it {culprit}", stages.join(", "))
}

fn ended(why: &EndReason) -> &'static str {
    match why {
        EndReason::CallerLeft => "the caller hung up",
        EndReason::AgentEnded => "the agent hung up after the goodbye",
        EndReason::CallerSilent => "the caller stayed silent",
        EndReason::Ordered => "ended by a supervisor",
        EndReason::Transferred { .. } => "put through to a person",
        EndReason::TooLong => "the call lasted too long",
        EndReason::HearingFailed => "the agent could not hear",
        EndReason::AgentFailed => "the agent could not answer",
        EndReason::Voicemail { left_message: true } => "a message was left on a voicemail",
        EndReason::Voicemail { left_message: false } => "a voicemail answered",
        EndReason::Fax => "a fax answered",
    }
}
