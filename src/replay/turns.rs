//! A call, in the terms by which settings are judged: of each stretch of the caller's voice, what the
//! machine made of it.

use serde::Serialize;
use turn::{Action, Contest, EndReason, Event, Moment, Note, Purpose, TurnId, words};

/// A caller who goes on so soon after the last sound was cut off by a turn's end in between, ms.
pub const SAME_BREATH_MS: u64 = 1_500;

/// One stretch of the caller's voice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stretch {
    pub from: Moment,
    /// Its last sound; `None` where the recording ends before it.
    pub to: Option<Moment>,
    /// The words that came from the STT while it was the latest.
    pub words: String,
}

/// The end of a turn of the caller's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    pub at: Moment,
    /// The caller's last sound, by what was known then.
    pub last_sound: Moment,
    /// From the last sound to the decision, ms.
    pub after_ms: u64,
    /// What the caller had said.
    pub text: String,
    /// From the last sound to the agent's first heard one, ms, if it came to that.
    pub answer_ms: Option<u64>,
    /// The stage that took most of it.
    pub culprit: Option<&'static str>,
    /// The caller went on so many ms after the last sound, in the same breath.
    pub cut_off_ms: Option<u64>,
    #[serde(skip)]
    turn: Option<TurnId>,
}

/// What became of a stretch of voice.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Outcome {
    /// The turns that were held to be over after it: one, but for words that came late.
    pub decisions: Vec<Decision>,
    /// It took the floor from the agent.
    pub barge_ins: u32,
    /// Words of listening, that did not.
    pub backchannels: u32,
    /// The agent stopped for it though it did not take the floor,
    pub false_stops: u32,
    /// and went on from the first unheard sample.
    pub resumed: u32,
    /// Replies prepared before the turn was over.
    pub speculations_used: u32,
    pub speculations_wasted: u32,
}

impl Outcome {
    /// Did nothing come of it?
    pub fn is_empty(&self) -> bool {
        *self == Outcome::default()
    }
}

/// One run of a call's session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// What came before any voice of the caller's, then of each stretch.
    pub outcomes: Vec<Outcome>,
    pub stretches: Vec<Stretch>,
    /// When the agent was heard.
    pub heard: Vec<(Moment, Moment)>,
    pub idle_prompts: u32,
    pub fillers: u32,
    pub apologies: u32,
    pub ended: Option<(Moment, EndReason)>,
}

/// Watches a run as it goes.
#[derive(Debug, Default)]
pub struct Watcher {
    run: Run,
    /// A false stop was noted: the next release is the agent's going on.
    stopped: bool,
}

impl Watcher {
    pub fn event(&mut self, event: &Event) {
        self.stopped = false;
        match event {
            Event::SpeechStarted { at, .. } => {
                let stretch = Stretch { from: *at, ..Stretch::default() };
                self.run.stretches.push(stretch);
            }
            Event::SpeechStopped { at, .. } => {
                if let Some(stretch) = self.run.stretches.last_mut() {
                    stretch.to = Some(*at);
                }
            }
            Event::Interim { text } | Event::Heard { text, .. } if !text.trim().is_empty() => {
                if let Some(stretch) = self.run.stretches.last_mut() {
                    text.trim().clone_into(&mut stretch.words);
                }
            }
            _ => {}
        }
    }

    pub fn action(&mut self, at: Moment, action: &Action) {
        match action {
            Action::Note(note) => self.note(at, note),
            Action::Release if std::mem::take(&mut self.stopped) => {
                self.outcome(at).resumed += 1;
            }
            Action::Gain { db: 0 } if std::mem::take(&mut self.stopped) => {
                self.outcome(at).resumed += 1;
            }
            _ => {}
        }
    }

    fn note(&mut self, at: Moment, note: &Note) {
        match note {
            Note::TurnDecided { turn, decision } => {
                let last_sound = Moment(at.0.saturating_sub(decision.silence_ms));
                let decision = Decision {
                    at,
                    last_sound,
                    after_ms: decision.silence_ms,
                    text: String::new(),
                    answer_ms: None,
                    culprit: None,
                    cut_off_ms: None,
                    turn: Some(*turn),
                };
                self.outcome(last_sound).decisions.push(decision);
            }
            Note::CallerSaid { turn, text, .. } => {
                if let Some(decision) = self.decision(*turn) {
                    decision.text.clone_from(text);
                }
            }
            Note::Answered { turn, waterfall } => {
                if let Some(decision) = self.decision(*turn) {
                    decision.answer_ms = waterfall.total().map(|total| total.as_millis() as u64);
                    decision.culprit = waterfall.culprit();
                }
            }
            Note::AgentSaid { from, to, purpose, .. } => {
                self.run.heard.push((*from, *to));
                match purpose {
                    Purpose::IdlePrompt => self.run.idle_prompts += 1,
                    Purpose::Filler => self.run.fillers += 1,
                    Purpose::Apology => self.run.apologies += 1,
                    _ => {}
                }
            }
            Note::Contested { from, outcome, .. } => match outcome {
                Contest::Interruption => self.outcome(*from).barge_ins += 1,
                Contest::Backchannel | Contest::Noise | Contest::Echo => {
                    self.outcome(*from).false_stops += 1;
                    self.stopped = true;
                }
            },
            Note::Backchannel { text, at } if !text.is_empty() => {
                self.outcome(*at).backchannels += 1;
            }
            Note::Speculated { used: true, .. } => self.outcome(at).speculations_used += 1,
            Note::Speculated { used: false, .. } => self.outcome(at).speculations_wasted += 1,
            Note::Ended { why } => self.run.ended = Some((at, why.clone())),
            _ => {}
        }
    }

    /// The run, when it is over. Who was cut off is judged by when the agent was heard in the
    /// recording, because that is what its caller answered to.
    pub fn finish(mut self, recorded: Option<&Run>) -> Run {
        let own = std::mem::take(&mut self.run.heard);
        let heard = recorded.map_or(&own, |run| &run.heard);
        let stretches = &self.run.stretches;
        for outcome in &mut self.run.outcomes {
            for decision in &mut outcome.decisions {
                decision.cut_off_ms = went_on(decision.last_sound, stretches, heard);
                // Another run counts its turns otherwise.
                decision.turn = None;
            }
        }
        self.run.heard = own;
        self.run.outcomes.resize(self.run.stretches.len() + 1, Outcome::default());
        self.run
    }

    /// What becomes of the voice of this moment.
    fn outcome(&mut self, at: Moment) -> &mut Outcome {
        let place = self.run.stretches.iter().rposition(|stretch| stretch.from <= at);
        let place = place.map_or(0, |place| place + 1);
        if self.run.outcomes.len() <= place {
            self.run.outcomes.resize(place + 1, Outcome::default());
        }
        &mut self.run.outcomes[place]
    }

    fn decision(&mut self, turn: TurnId) -> Option<&mut Decision> {
        let decisions =
            self.run.outcomes.iter_mut().rev().flat_map(|outcome| &mut outcome.decisions);
        decisions.into_iter().find(|decision| decision.turn == Some(turn))
    }
}

/// How long after this sound the caller went on in the same breath: with words that are more than
/// listening, and not in answer to the agent, whom nobody answers faster than a reaction takes.
fn went_on(last_sound: Moment, stretches: &[Stretch], heard: &[(Moment, Moment)]) -> Option<u64> {
    const REACTION_MS: u64 = 250;
    let next = stretches.iter().find(|stretch| stretch.from > last_sound)?;
    let after = next.from.0 - last_sound.0;
    let spoken = words::normalised(&next.words);
    let says_more = !spoken.is_empty() && !words::is_backchannel(&spoken);
    let answers =
        heard.iter().any(|(from, _)| *from > last_sound && from.0 + REACTION_MS <= next.from.0);
    (after <= SAME_BREATH_MS && says_more && !answers).then_some(after)
}
