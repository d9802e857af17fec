//! Two runs of a call beside each other, stretch of the caller's voice by stretch, and many calls in
//! sums.
//!
//! The other settings' run is held against a run of the same simulation with the call's own settings,
//! so that what differs comes from the settings and not from what a simulation cannot know. How far
//! that run is from the recording is told with every comparison.

use serde::Serialize;
use turn::{EndReason, Moment};

use super::{
    recorded::Session,
    settings::{BadSetting, Settings},
    simulated::{Guess, Simulated, simulate},
    turns::{Outcome, Run},
};

/// What became of one stretch of the caller's voice, in each run.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The session, from 1.
    pub session: u32,
    /// When the stretch began and ended; from 0 for what came before any voice.
    pub from: Moment,
    pub to: Option<Moment>,
    pub words: String,
    /// From its end to the next one's beginning, ms.
    pub went_on_after_ms: Option<u64>,
    pub recorded: Outcome,
    /// With the call's own settings, simulated.
    pub own: Outcome,
    /// With the other settings, simulated.
    pub other: Outcome,
    /// The other settings made a difference.
    pub differs: bool,
}

/// What a run comes to. Times are ms.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sums {
    pub turns: u64,
    pub cut_offs: u64,
    pub barge_ins: u64,
    pub backchannels: u64,
    pub false_stops: u64,
    pub resumed: u64,
    pub speculations_used: u64,
    pub speculations_wasted: u64,
    pub idle_prompts: u64,
    pub fillers: u64,
    pub apologies: u64,
    /// From the caller's last sound to the turn's end.
    pub decision_ms: Spread,
    /// From the caller's last sound to the agent's first heard one.
    pub answer_ms: Spread,
    #[serde(skip)]
    decisions: Vec<i64>,
    #[serde(skip)]
    answers: Vec<i64>,
}

/// How values are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Spread {
    pub count: u64,
    pub median: Option<i64>,
    pub p95: Option<i64>,
    pub least: Option<i64>,
    pub most: Option<i64>,
}

impl Spread {
    fn of(values: &mut [i64]) -> Self {
        values.sort_unstable();
        let at = |part: usize| values.get((values.len() * part / 100).min(values.len().max(1) - 1));
        Spread {
            count: values.len() as u64,
            median: at(50).copied(),
            p95: at(95).copied(),
            least: values.first().copied(),
            most: values.last().copied(),
        }
    }
}

/// Other settings held against a call, or against many.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Comparison {
    /// The settings' name.
    pub settings: String,
    pub calls: u64,
    pub calls_changed: u64,
    pub recorded: Sums,
    pub own: Sums,
    pub other: Sums,
    /// Of turns that end after the same sound with both settings: how much later they end, ms.
    pub decided_later_ms: Spread,
    /// And how much later they are answered.
    pub answered_later_ms: Spread,
    /// Turns that only the other settings end there, and those that only the call's own do.
    pub turns_gained: u64,
    pub turns_lost: u64,
    /// What the recording could not tell of the run with the other settings.
    pub guesses: u64,
    /// Turns whose end in the simulation of the call's own settings is further from the recording's
    /// than 10 ms, of how many.
    pub unlike_recording: u64,
    #[serde(skip)]
    later: Vec<i64>,
    #[serde(skip)]
    answered: Vec<i64>,
}

/// A call with other settings.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    pub rows: Vec<Row>,
    pub guesses: Vec<Guess>,
    /// How the call ended with its own settings, simulated, and with the others; `None`: it went on.
    pub ended_own: Option<(Moment, EndReason)>,
    pub ended_other: Option<(Moment, EndReason)>,
    pub sums: Comparison,
}

/// Decisions so near the recorded ones are the same, ms: timers of a live call are late by this.
const ALIKE_MS: u64 = 10;

/// Runs a call's sessions with other settings.
///
/// # Errors
/// The settings do not fit the call's.
pub fn compare(sessions: &[Session], settings: &Settings) -> Result<Call, BadSetting> {
    let sums = Comparison { settings: settings.name.clone(), calls: 1, ..Comparison::default() };
    let mut call =
        Call { rows: Vec::new(), guesses: Vec::new(), ended_own: None, ended_other: None, sums };
    let mut changed = false;
    for (number, session) in (1..).zip(sessions) {
        let header = &session.header;
        let (policy, script) = settings.apply(&header.policy, &header.script)?;
        let own = simulate(session, header.policy.clone(), header.script.clone()).run;
        let Simulated { run: other, guesses } = simulate(session, policy, script);
        let rows = rows(number, session, &own, &other);
        changed |= rows.iter().any(|row| row.differs) || own.ended != other.ended;
        call.rows.extend(rows);
        call.guesses.extend(guesses);
        let sums = &mut call.sums;
        sums.recorded.add_run(&session.run);
        sums.own.add_run(&own);
        sums.other.add_run(&other);
        (call.ended_own, call.ended_other) = (own.ended, other.ended);
    }
    let sums = &mut call.sums;
    sums.calls_changed = u64::from(changed);
    sums.guesses = call.guesses.len() as u64;
    for row in &call.rows {
        sums.add_row(row);
    }
    sums.settle();
    Ok(call)
}

/// The stretches of which anything came in any run, and those after which the caller went on.
fn rows(number: u32, session: &Session, own: &Run, other: &Run) -> Vec<Row> {
    let stretches = &session.run.stretches;
    let mut rows = Vec::new();
    // A run that ended before the recording lacks the last ones.
    let of = |run: &Run, place: usize| run.outcomes.get(place).cloned().unwrap_or_default();
    for place in 0..=stretches.len() {
        let (recorded, own, other) = (of(&session.run, place), of(own, place), of(other, place));
        let stretch = place.checked_sub(1).and_then(|place| stretches.get(place)).cloned();
        if stretch.is_none() && [&recorded, &own, &other].iter().all(|one| one.is_empty()) {
            continue;
        }
        let stretch = stretch.unwrap_or_default();
        let next = stretches.get(place).map(|next| next.from);
        rows.push(Row {
            session: number,
            from: stretch.from,
            to: stretch.to,
            words: stretch.words,
            went_on_after_ms: stretch.to.zip(next).map(|(to, next)| next.0.saturating_sub(to.0)),
            differs: own != other,
            recorded,
            own,
            other,
        });
    }
    rows
}

impl Sums {
    fn add_run(&mut self, run: &Run) {
        for outcome in &run.outcomes {
            self.barge_ins += u64::from(outcome.barge_ins);
            self.backchannels += u64::from(outcome.backchannels);
            self.false_stops += u64::from(outcome.false_stops);
            self.resumed += u64::from(outcome.resumed);
            self.speculations_used += u64::from(outcome.speculations_used);
            self.speculations_wasted += u64::from(outcome.speculations_wasted);
            for decision in &outcome.decisions {
                self.turns += 1;
                self.cut_offs += u64::from(decision.cut_off_ms.is_some());
                self.decisions.push(decision.after_ms as i64);
                self.answers.extend(decision.answer_ms.map(|ms| ms as i64));
            }
        }
        self.idle_prompts += u64::from(run.idle_prompts);
        self.fillers += u64::from(run.fillers);
        self.apologies += u64::from(run.apologies);
    }

    fn add(&mut self, more: &Sums) {
        self.turns += more.turns;
        self.cut_offs += more.cut_offs;
        self.barge_ins += more.barge_ins;
        self.backchannels += more.backchannels;
        self.false_stops += more.false_stops;
        self.resumed += more.resumed;
        self.speculations_used += more.speculations_used;
        self.speculations_wasted += more.speculations_wasted;
        self.idle_prompts += more.idle_prompts;
        self.fillers += more.fillers;
        self.apologies += more.apologies;
        self.decisions.extend_from_slice(&more.decisions);
        self.answers.extend_from_slice(&more.answers);
    }

    fn settle(&mut self) {
        self.decision_ms = Spread::of(&mut self.decisions);
        self.answer_ms = Spread::of(&mut self.answers);
    }
}

impl Comparison {
    fn add_row(&mut self, row: &Row) {
        let (own, other) = (&row.own.decisions, &row.other.decisions);
        for (own, other) in own.iter().zip(other) {
            self.later.push(other.after_ms as i64 - own.after_ms as i64);
            if let (Some(own), Some(other)) = (own.answer_ms, other.answer_ms) {
                self.answered.push(other as i64 - own as i64);
            }
        }
        self.turns_gained += other.len().saturating_sub(own.len()) as u64;
        self.turns_lost += own.len().saturating_sub(other.len()) as u64;
        let recorded = &row.recorded.decisions;
        let unlike = recorded
            .iter()
            .zip(own)
            .filter(|(recorded, own)| recorded.after_ms.abs_diff(own.after_ms) > ALIKE_MS)
            .count();
        self.unlike_recording += (unlike + recorded.len().abs_diff(own.len())) as u64;
    }

    /// Adds another call's; [`Comparison::settle`] then tells the spreads.
    pub fn add(&mut self, more: &Comparison) {
        self.settings.clone_from(&more.settings);
        self.calls += more.calls;
        self.calls_changed += more.calls_changed;
        self.recorded.add(&more.recorded);
        self.own.add(&more.own);
        self.other.add(&more.other);
        self.later.extend_from_slice(&more.later);
        self.answered.extend_from_slice(&more.answered);
        self.turns_gained += more.turns_gained;
        self.turns_lost += more.turns_lost;
        self.guesses += more.guesses;
        self.unlike_recording += more.unlike_recording;
    }

    /// Tells how everything that was added is spread.
    pub fn settle(&mut self) {
        self.recorded.settle();
        self.own.settle();
        self.other.settle();
        self.decided_later_ms = Spread::of(&mut self.later);
        self.answered_later_ms = Spread::of(&mut self.answered);
    }
}
