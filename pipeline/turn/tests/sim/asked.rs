//! What the tests ask of a call that has run.

use std::{collections::BTreeMap, fmt::Write as _};

use turn::{
    Action, Effect, EndReason, Engine, Event, Message, Moment, Note, Policy, Purpose, Refusal,
    Script, UtteranceId, Voice,
};

use super::{Entry, Setup, Sim, laws::edits, line, random::Random, vendors::VoiceSetup};

impl Sim {
    pub fn now(&self) -> u64 {
        self.now
    }

    pub fn is_over(&self) -> bool {
        self.over
    }

    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    pub fn orders_given(&self) -> impl Iterator<Item = (u64, &Action)> {
        self.timeline.iter().filter_map(|(at, entry)| match entry {
            Entry::Ordered(action) => Some((*at, action)),
            Entry::Happened(_) => None,
        })
    }

    pub fn notes(&self) -> impl Iterator<Item = (u64, &Note)> {
        self.orders_given().filter_map(|(at, action)| match action {
            Action::Note(note) => Some((at, note)),
            _ => None,
        })
    }

    /// The call as written down: who said what, `…` where the agent was cut short, `(…)` what was no
    /// turn.
    pub fn transcript(&self) -> Vec<String> {
        self.notes()
            .filter_map(|(_, note)| match note {
                Note::CallerSaid { text, .. } => Some(format!("caller: {text}")),
                Note::AgentSaid { text, cut, .. } => {
                    Some(format!("agent: {text}{}", if *cut { "…" } else { "" }))
                }
                Note::Backchannel { text, .. } => Some(format!("({text})")),
                Note::Pressed { keys } => Some(format!("keys: {keys}")),
                Note::ToolUsed { call, content, .. } => Some(format!("{}: {content}", call.name)),
                Note::Ended { why } => Some(format!("ended: {}", why_in_words(why))),
                Note::PersonSaid { text, .. } => Some(format!("person: {text}")),
                Note::Echo { text, .. } => Some(format!("(echo: {text})")),
                Note::AnsweredBy { by, known_by } => Some(format!("{by:?} by {known_by}")),
                Note::CallerSaying { .. }
                | Note::Contested { .. }
                | Note::Speculated { .. }
                | Note::Tallied { .. }
                | Note::Ordered { .. }
                | Note::Answered { .. }
                | Note::TurnDecided { .. }
                | Note::Trouble { .. } => None,
            })
            .collect()
    }

    /// What the caller's ear heard: each utterance's words, in the order of their first sounds. Where
    /// not half a word of one was heard, nothing.
    pub fn ear(&self) -> Vec<String> {
        let words = self.carrier.ear.utterances().into_iter().map(|(_, words)| words);
        words.filter(|words| !words.is_empty()).collect()
    }

    /// The caller heard what is written down, word by word; where the agent was cut short, one word
    /// more or less.
    pub fn assert_ear_agrees(&self) {
        let ear = &self.carrier.ear;
        let mut unwritten: BTreeMap<UtteranceId, String> = ear.utterances().into_iter().collect();
        for (_, note) in self.notes() {
            let Note::AgentSaid { utterance, text, cut, .. } = note else { continue };
            let heard = unwritten.remove(utterance).unwrap_or_default();
            let words = |text| -> Vec<&str> { str::split_whitespace(text).collect() };
            let differ = edits(&words(&heard), &words(text));
            assert!(differ <= u32::from(*cut), "{text:?}, {heard:?}\n{}", self.told());
        }
        for heard in unwritten.values() {
            assert!(!heard.contains(' '), "{heard:?} was not written down\n{}", self.told());
        }
    }

    /// When this utterance's first and last samples were heard, in ms.
    pub fn heard_from_to(&self, words: &str) -> (u64, u64) {
        let utterance = self.utterance_meaning(words);
        let of = || self.carrier.ear.stretches.iter().filter(|one| one.key.0 == utterance);
        let from = of().map(|one| one.at).min();
        let to = of().map(|one| one.at + one.to - one.from).max();
        match (from, to) {
            (Some(from), Some(to)) => (from / line::PER_MS, to / line::PER_MS),
            _ => panic!("{words:?} was not heard\n{}", self.told()),
        }
    }

    /// The stretches of sound that the ear heard of an utterance, as sample ranges by sentence.
    pub fn stretches_of(&self, words: &str) -> Vec<(u32, u64, u64)> {
        let utterance = self.utterance_meaning(words);
        let of = self.carrier.ear.stretches.iter().filter(|one| one.key.0 == utterance);
        of.map(|one| (one.key.1, one.from, one.to)).collect()
    }

    fn utterance_meaning(&self, words: &str) -> UtteranceId {
        let mut meant: BTreeMap<UtteranceId, String> = BTreeMap::new();
        for (_, action) in self.orders_given() {
            if let Action::Speak { utterance, text, voice: Voice::Chosen, .. } = action {
                let all = meant.entry(*utterance).or_default();
                all.push_str(text);
                all.push(' ');
            }
        }
        let found = meant.iter().find(|(_, all)| all.trim_end() == words);
        match found {
            Some((utterance, _)) => *utterance,
            None => panic!("{words:?} was never to be said\n{}", self.told()),
        }
    }

    pub fn asks(&self, engine: Engine) -> usize {
        self.orders_given()
            .filter(|(_, action)| matches!(action, Action::Ask { engine: asked, .. } if *asked == engine))
            .count()
    }

    pub fn clears(&self) -> usize {
        self.orders_given().filter(|(_, action)| matches!(action, Action::Clear { .. })).count()
    }

    /// When this was first ordered, in ms.
    pub fn ordered_at(&self, wanted: impl Fn(&Action) -> bool) -> u64 {
        match self.orders_given().find(|(_, action)| wanted(action)) {
            Some((at, _)) => at,
            None => panic!("never ordered\n{}", self.told()),
        }
    }

    /// The answers to a command, first to last.
    pub fn answers_to(&self, wanted: &str) -> Vec<Result<Effect, Refusal>> {
        self.orders_given()
            .filter_map(|(_, action)| match action {
                Action::Answer { id, outcome } if id == wanted => Some(outcome.clone()),
                _ => None,
            })
            .collect()
    }

    pub fn purposes(&self) -> Vec<Purpose> {
        self.notes()
            .filter_map(|(_, note)| match note {
                Note::AgentSaid { purpose, .. } => Some(*purpose),
                _ => None,
            })
            .collect()
    }

    /// What the machine was made with.
    pub fn setting(&self) -> (Policy, Script, Vec<Message>) {
        (self.setup.policy.clone(), self.setup.script.clone(), self.setup.before.clone())
    }

    /// All that happened and when, to be fed to another machine.
    pub fn journal(&self) -> Vec<(Event, Moment)> {
        self.timeline
            .iter()
            .filter_map(|(at, entry)| match entry {
                Entry::Happened(event) => Some((event.clone(), Moment(*at))),
                Entry::Ordered(_) => None,
            })
            .collect()
    }

    /// All that was ordered.
    pub fn all_orders(&self) -> Vec<Action> {
        self.orders_given().map(|(_, action)| action.clone()).collect()
    }

    /// At the call's end: what can only be judged from all of it. Answers by how many words each
    /// utterance as written down differs from what was heard.
    pub fn judge_whole(&mut self) -> Vec<u32> {
        match self.laws.whole(&self.carrier.ear, &self.wire, self.over) {
            Ok(errors) => errors,
            Err(broken) => panic!("{broken}\n{}", self.told()),
        }
    }

    /// The timeline, for people.
    pub fn told(&self) -> String {
        let Setup { line, voice, hearing, .. } = &self.setup;
        let mut told = format!(
            "{line:?}\n{:?}\n{hearing:?}\n",
            VoiceSetup { faults: Default::default(), ..voice.clone() }
        );
        for (at, entry) in &self.timeline {
            let _ = match entry {
                Entry::Happened(event) => writeln!(told, "{at:>7} {event:?}"),
                Entry::Ordered(action) => writeln!(told, "{at:>7}     -> {action:?}"),
            };
        }
        let _ = writeln!(told, "heard: {:#?}", self.carrier.ear.utterances());
        told
    }
}

fn why_in_words(why: &EndReason) -> String {
    match why {
        EndReason::CallerLeft => "the caller left".to_owned(),
        EndReason::AgentEnded => "the agent ended".to_owned(),
        EndReason::CallerSilent => "the caller was silent".to_owned(),
        EndReason::Ordered => "ordered".to_owned(),
        EndReason::Transferred { reason } => format!("transferred, {reason}"),
        EndReason::TooLong => "too long".to_owned(),
        EndReason::HearingFailed => "hearing failed".to_owned(),
        EndReason::AgentFailed => "the agent failed".to_owned(),
        EndReason::Voicemail { left_message: true } => "left a message".to_owned(),
        EndReason::Voicemail { left_message: false } => "a voicemail".to_owned(),
        EndReason::Fax => "a fax".to_owned(),
    }
}
