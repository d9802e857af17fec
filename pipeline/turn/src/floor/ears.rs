//! What the caller says, and when the turn is over.

use std::time::Duration;

use crate::{
    Conversation,
    action::{Alternative, Decision, NOISE, Note, Waterfall},
    endpoint::{self, Evidence, Pauses, Prosody},
    floor::{Floor, leftovers::Leftovers, outage::Outage},
    history::Message,
    ids::TurnId,
    time::Moment,
    timer::Timer,
    words::overlap,
};

/// The caller's turn so far.
#[derive(Debug, Default)]
pub(crate) struct Ears {
    /// The VAD hears voice now.
    pub speaking: bool,
    /// The turn's first sound.
    from: Option<Moment>,
    /// The first sound since the last silence.
    voice_from: Option<Moment>,
    /// The last sound heard, and when the VAD reported the silence after it.
    stopped: Option<(Moment, Moment)>,
    settled_words: Vec<String>,
    guess: String,
    /// How sure the STT is of the words it settled on last.
    confidence: Option<f32>,
    /// Of all words that it settled on and told how sure it is: their number, and the sum.
    sure_of: (f32, f32),
    /// The STT has settled on all words since the last sound.
    settled: bool,
    settled_at: Option<Moment>,
    suggested: bool,
    /// It holds it likely.
    eager: bool,
    /// How the voice ended before this silence.
    prosody: Option<Prosody>,
    /// What a model made of this silence: the probability that the turn is over.
    model: Option<f32>,
    /// How this caller pauses, over all turns.
    pauses: Pauses,
    turn: Option<TurnId>,
    /// The pauses in this turn after which the caller went on.
    paused_for: Vec<PauseInTurn>,
    /// Replies prepared in this turn.
    pub speculated: u32,
    /// The voice began while the agent was being heard.
    pub over_agent: bool,
    /// How much the voice is like the agent's own, as last measured.
    pub echo: Option<f32>,
    /// The voice is held to be the agent's own.
    pub echoing: bool,
    /// How much of the voice was voiced so far, where that is measured.
    pub voiced: Option<Duration>,
    /// The sound is held to be no voice: the agent goes on through it.
    pub toneless: bool,
    /// Turns that were taken: their words may come once more.
    leftovers: Leftovers,
    /// Words may come late: hearing was lost.
    pub outage: Outage,
    /// Words that did not take the floor.
    set_aside: Option<SetAside>,
    /// Words that were set aside and belong to this turn, until the STT settles on them.
    ahead: String,
}

/// Words that did not take the floor, and when it was given back.
#[derive(Debug)]
struct SetAside {
    settled: String,
    /// What the STT settles on next is these words in another form.
    guess: String,
    at: Moment,
}

/// A pause within a turn, and how long each other setting would have waited in it, ms.
#[derive(Debug)]
struct PauseInTurn {
    silence_ms: u64,
    waits_ms: Vec<u64>,
}

/// At most so many pauses of one turn are compared with other settings.
const MOST_PAUSES: usize = 64;
/// A caller who speaks so soon after the end of a turn was cut off in it.
const CUT_OFF_WITHIN: Duration = Duration::from_millis(1_000);

/// A voice shorter than this may well hold no words.
const SHORTEST_SAYING: Duration = Duration::from_millis(400);

/// A caller whose word did not take the floor, and who says more so soon, had begun with it.
const GOES_ON_WITHIN: Duration = Duration::from_secs(2);

/// What the model is told when a mere sound silenced the agent.
const GO_ON: &str = "You were interrupted by a sound without words. Go on from where you stopped, \
                     without repeating anything.";

impl Ears {
    /// All words of the turn, settled and guessed.
    pub fn text(&self) -> String {
        let settled = self.settled_words.iter().map(String::as_str);
        joined(settled.chain([self.ahead.as_str(), self.guess.as_str()]))
    }

    /// The words that the STT has not settled on.
    fn unsettled(&self) -> String {
        joined([self.ahead.as_str(), self.guess.as_str()].into_iter())
    }

    /// Has the STT settled on the words, and is it as sure of the last as that?
    pub fn is_sure(&self, surely: f32) -> bool {
        self.unsettled().is_empty() && self.confidence.is_none_or(|sure| sure >= surely)
    }

    /// How sure the STT is of the words that it settled on, 0 to 1.
    fn certainty(&self) -> Option<f32> {
        let (words, sum) = self.sure_of;
        (words > 0.0).then(|| sum / words)
    }

    /// Is there nothing more to wait for from the STT?
    pub fn is_settled(&self) -> bool {
        self.settled || (self.guess.is_empty() && !self.settled_words.is_empty())
    }

    /// Forgets the turn, keeping whether the caller is speaking.
    pub fn forget(&mut self) {
        let speaking = self.speaking;
        let from = if speaking { self.from } else { None };
        let voice_from = self.voice_from;
        let outage = self.outage.over_turns();
        let leftovers = std::mem::take(&mut self.leftovers);
        let pauses = std::mem::take(&mut self.pauses);
        let (over_agent, echo) = (self.over_agent, self.echo);
        let (echoing, toneless) = (self.echoing && speaking, self.toneless && speaking);
        // Words may come of a voice that is forgotten: whose it was is known until the next.
        let (voiced, set_aside) = (self.voiced, self.set_aside.take());
        *self = Ears {
            speaking,
            from,
            voice_from,
            outage,
            leftovers,
            pauses,
            over_agent,
            echo,
            echoing,
            voiced,
            toneless,
            set_aside,
            ..Ears::default()
        };
    }

    /// Forgets a sound that was none of the turn's, but not that words of the turn are awaited.
    pub fn forget_sound(&mut self) {
        let (awaited, from, stopped) = (self.outage.awaited, self.from, self.stopped);
        self.forget();
        if awaited {
            (self.outage.awaited, self.from, self.stopped) = (true, from, stopped);
        }
    }

    /// Begins with words that were set aside a moment ago: the caller has gone on after them.
    pub fn take_up(&mut self, now: Moment) {
        let Some(aside) = self.set_aside.take() else { return };
        if now.since(aside.at) > GOES_ON_WITHIN {
            return;
        }
        if !aside.settled.is_empty() {
            self.settled_words.insert(0, aside.settled);
        }
        self.ahead = aside.guess;
        self.guess_goes_on();
    }

    /// The words did not take the floor.
    pub fn put_aside(&mut self, now: Moment) {
        let (settled, guess) = (self.settled_words.join(" "), self.unsettled());
        self.set_aside = Some(SetAside { settled, guess, at: now });
    }

    /// A guess may hold the words that were set aside: they are one stretch of speech to the STT.
    fn guess_goes_on(&mut self) {
        let (ahead, guess) = (overlap::tokens(&self.ahead), overlap::tokens(&self.guess));
        if overlap::overlap(&ahead, &guess)
            .is_some_and(|over| over.known == ahead.len() && over.is_close(3))
        {
            self.ahead.clear();
        }
    }

    /// Forgets the words, keeping the voice.
    pub fn forget_words(&mut self) {
        self.settled_words.clear();
        self.ahead.clear();
        self.guess.clear();
        if !self.speaking {
            self.forget_sound();
        }
    }
}

fn joined<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

impl Conversation {
    pub(crate) fn speech_started(&mut self, at: Moment, echo: Option<f32>) {
        self.ears.speaking = true;
        self.discard_speculation();
        if let (Some((stopped, _)), false) = (self.ears.stopped, self.ears.text().is_empty()) {
            self.pause_was_within_turn(at.since(stopped));
        }
        self.ears.from.get_or_insert(at);
        self.ears.voice_from = Some(at);
        self.ears.settled = false;
        self.ears.suggested = false;
        self.ears.eager = false;
        self.ears.prosody = None;
        self.ears.model = None;
        self.ears.echo = echo;
        self.ears.over_agent = self.floor == Floor::Agent;
        self.ears.echoing = self.sounds_like_echo(echo);
        if !matches!(self.floor, Floor::Contested { .. }) {
            self.ears.voiced = None;
        }
        self.ears.toneless = false;
        if let Some(before) = self.ears.leftovers.voice_began(at)
            && self.floor == Floor::Thinking
            && self.now.since(before.at) <= CUT_OFF_WITHIN
        {
            self.tally.cut_offs += 1;
            let silence = at.since(before.stopped);
            self.ears.pauses.went_on_after(silence);
        }
        self.timers.cancel(Timer::Idle);
        self.timers.cancel(Timer::EndOfTurn);
        self.await_words();
        if self.ears.echoing {
            return;
        }
        match self.floor {
            Floor::Thinking | Floor::Agent => self.contest(at),
            Floor::Contested { .. } => self.contest_goes_on(at),
            Floor::Caller | Floor::Unanswered | Floor::Ended => {}
        }
    }

    /// The caller went on after a silence: other settings might have cut in.
    fn pause_was_within_turn(&mut self, silence: Duration) {
        let evidence = self.evidence(&self.ears.text());
        let wait_ms = |settings: &endpoint::EndOfTurn| evidence.wait(settings).as_millis() as u64;
        let others = endpoint::alternatives(&self.policy.end_of_turn);
        let waits_ms = others.iter().map(|(_, settings)| wait_ms(settings)).collect();
        if self.ears.paused_for.len() < MOST_PAUSES {
            let silence_ms = silence.as_millis() as u64;
            self.ears.paused_for.push(PauseInTurn { silence_ms, waits_ms });
        }
        self.ears.pauses.went_on_after(silence);
    }

    pub(crate) fn speech_stopped(&mut self, at: Moment, prosody: Option<Prosody>) {
        if let (true, Some(from)) = (self.ears.speaking, self.ears.from) {
            let since = self.ears.stopped.map_or(from, |(stopped, _)| stopped.max(from));
            self.tally.caller_ms += at.since(since).as_millis() as u64;
        }
        self.ears.speaking = false;
        self.ears.toneless = false;
        self.ears.stopped = Some((at, self.now));
        self.ears.prosody = prosody;
        self.timers.cancel(Timer::Noise);
        let contested = matches!(self.floor, Floor::Contested { .. });
        if self.ears.echoing && !contested && self.echo_ends(at) {
            return;
        }
        match self.floor {
            Floor::Caller => self.score_end_of_turn(),
            Floor::Contested { .. } => self.contest_falls_silent(),
            Floor::Thinking | Floor::Agent | Floor::Unanswered | Floor::Ended => {}
        }
    }

    /// A voice has so long for its next word; else it is noise.
    fn await_words(&mut self) {
        if self.ears.speaking {
            self.timers.set(Timer::Noise, self.now + self.policy.end_of_turn.noise_after);
        }
    }

    pub(crate) fn voice_is_noise(&mut self) {
        if self.ears.speaking {
            self.trouble(NOISE);
            self.speech_stopped(self.now, None);
        }
    }

    pub(crate) fn interim(&mut self, text: String) {
        let Some(text) = self.ears.leftovers.new_of_guess(text, self.now) else { return };
        self.await_words();
        self.ears.guess = text;
        self.ears.guess_goes_on();
        self.ears.settled = false;
        self.tell_words();
        self.words_came();
    }

    pub(crate) fn heard(&mut self, text: String, confidence: Option<f32>) {
        let Some(text) = self.ears.leftovers.new_of_settled(text, self.now) else { return };
        self.ears.guess.clear();
        // What was only guessed comes in its own form now.
        self.ears.ahead.clear();
        if let Some(aside) = &mut self.ears.set_aside {
            aside.guess.clear();
        }
        if !text.trim().is_empty() {
            let said = text.trim().to_owned();
            if let Some(sure) = confidence {
                let words = said.split_whitespace().count() as f32;
                self.ears.sure_of.0 += words;
                self.ears.sure_of.1 += words * sure;
            }
            self.ears.settled_words.push(said);
            self.ears.confidence = confidence;
            self.tell_words();
        }
        if !self.ears.speaking {
            self.ears.settled = true;
        }
        self.ears.settled_at = Some(self.now);
        self.words_came();
    }

    /// The STT vendor, which had listened up to `at`, holds the turn to be over.
    pub(crate) fn turn_end_suggested(&mut self, eager: bool, at: Option<Moment>) {
        if let (Some(at), Some(from)) = (at, self.ears.voice_from)
            && at < from
        {
            // It speaks of an earlier pause: the caller has gone on since.
            return;
        }
        self.ears.eager = true;
        self.ears.suggested |= !eager;
        if self.floor == Floor::Caller {
            self.score_end_of_turn();
        }
    }

    /// The STT vendor takes its suggestion back.
    pub(crate) fn turn_resumed(&mut self) {
        self.ears.eager = false;
        self.ears.suggested = false;
        self.discard_speculation();
        if self.floor == Floor::Caller {
            self.score_end_of_turn();
        }
    }

    /// A model judged the silence after the sound at `at`.
    pub(crate) fn turn_scored(&mut self, at: Moment, over: f32) {
        let of_this_silence = self.ears.stopped.is_some_and(|(stopped, _)| stopped == at);
        if of_this_silence && !self.ears.speaking {
            self.ears.model = Some(over);
            if self.floor == Floor::Caller {
                self.score_end_of_turn();
            }
        }
    }

    /// All that is known of the caller's silence.
    fn evidence(&self, text: &str) -> Evidence {
        Evidence {
            suggested: self.ears.suggested,
            prosody: self.ears.prosody,
            model: self.ears.model,
            pauses: self.ears.pauses.clone(),
            ..Evidence::of_words(text, self.asked)
        }
    }

    fn words_came(&mut self) {
        let text = self.ears.text();
        self.words_of_machine(&text);
        if self.ears.over_agent && self.drop_echoed_words() {
            if let Floor::Contested { .. } = self.floor {
                self.contest_was_echo();
            }
            return;
        }
        match self.floor {
            Floor::Caller => self.score_end_of_turn(),
            Floor::Contested { .. } => self.judge_contest(),
            Floor::Thinking | Floor::Agent => self.words_without_voice(),
            Floor::Unanswered | Floor::Ended => {}
        }
    }

    fn tell_words(&mut self) {
        let turn = self.turn_of_caller();
        let text = self.ears.text();
        self.note(Note::CallerSaying { turn, text });
    }

    fn turn_of_caller(&mut self) -> TurnId {
        match self.ears.turn {
            Some(turn) => turn,
            None => *self.ears.turn.insert(self.next_turn.take()),
        }
    }

    /// Sets the deadline at which the caller's silence ends the turn, from all that is known now.
    pub(crate) fn score_end_of_turn(&mut self) {
        if self.ears.speaking || self.floor != Floor::Caller {
            self.timers.cancel(Timer::EndOfTurn);
            return;
        }
        let text = self.ears.text();
        let silent_since = match self.ears.stopped {
            Some((at, _)) => at,
            // Words that came without a voice: the silence began when they came, at the latest.
            None if !text.is_empty() => self.now,
            None => return,
        };
        if text.is_empty() && self.ears.settled {
            self.turn_came_to_nothing(silent_since);
            return;
        }
        self.speculation_hears(&text);
        if self.awaits_beep() {
            // A machine speaks: what it says is not answered.
            self.timers.cancel(Timer::EndOfTurn);
            return;
        }
        let evidence = self.evidence(&text);
        let wait = evidence.wait(&self.policy.end_of_turn);
        // A guess may be a word short: only words that were settled on are answered ahead.
        let likely_over = self.ears.eager || self.ears.is_settled() && evidence.is_likely_over();
        let at = silent_since + wait;
        let at = if self.ears.is_settled() {
            at
        } else if text.is_empty() {
            self.words_due(silent_since)
        } else {
            at.max(silent_since + self.policy.end_of_turn.settle_within) + Duration::from_millis(1)
        };
        if at <= self.now {
            self.timers.cancel(Timer::EndOfTurn);
            if text.is_empty() {
                self.words_missing();
            } else {
                self.end_turn(evidence, silent_since, wait);
            }
        } else {
            self.timers.set(Timer::EndOfTurn, at);
            if likely_over && !text.is_empty() {
                self.speculate(&text);
            }
        }
    }

    pub(crate) fn end_of_turn_due(&mut self) {
        if self.ears.speaking || self.floor != Floor::Caller {
            return;
        }
        let text = self.ears.text();
        if text.is_empty() {
            self.words_missing();
            return;
        }
        let evidence = self.evidence(&text);
        let wait = evidence.wait(&self.policy.end_of_turn);
        let silent_since = self.ears.stopped.map_or(self.now, |(at, _)| at);
        self.end_turn(evidence, silent_since, wait);
    }

    /// The caller spoke, and the STT says nothing of it: it is owned up to, unless it was a mere sound.
    fn words_missing(&mut self) {
        let voice = match (self.ears.from, self.ears.stopped) {
            (Some(from), Some((to, _))) => to - from,
            _ => Duration::ZERO,
        };
        if voice < SHORTEST_SAYING || self.paused {
            self.turn_came_to_nothing(self.ears.stopped.map_or(self.now, |(at, _)| at));
            return;
        }
        if self.words_may_come_late() {
            return;
        }
        self.ears.forget();
        self.unanswered = false;
        self.trouble("no words came for what the caller said");
        let words = self.policy.patience.unheard.clone();
        self.say(crate::Purpose::Apology, &words, crate::floor::mouth::Then::Listen);
        self.say_what_waits();
    }

    /// The caller's sound held no words. If it silenced the agent, the agent goes on.
    fn turn_came_to_nothing(&mut self, at: Moment) {
        self.discard_speculation();
        self.note(Note::Backchannel { text: String::new(), at });
        self.ears.forget();
        self.timers.cancel(Timer::EndOfTurn);
        if self.unanswered && !self.paused {
            if self.history.ends_with_agent() {
                self.history.advise(GO_ON);
            }
            self.ask_for_reply();
        } else {
            self.say_what_waits();
            self.arm_idle();
        }
    }

    /// The caller's turn is over: it is written down and the model is asked.
    fn end_turn(&mut self, evidence: Evidence, silent_since: Moment, waited: Duration) {
        let turn = self.turn_of_caller();
        let decision = self.decision(evidence, silent_since, waited);
        self.note(Note::TurnDecided { turn, decision });
        self.tally.turns += 1;
        let text = self.ears.text();
        let waterfall = Waterfall {
            speech_ended: Some(silent_since),
            vad_stopped: self.ears.stopped.map(|(_, reported)| reported),
            words_final: self.ears.settled_at,
            decided: Some(self.now),
            ..Waterfall::default()
        };
        self.commit_caller_words();
        self.idle_prompts = 0;
        if self.paused {
            self.unanswered = true;
            self.void_agent();
            self.say_what_waits();
            return;
        }
        self.waterfall = Some((turn, waterfall));
        if !self.take_speculation(&text) {
            self.ask_for_reply();
        }
    }

    fn decision(&self, evidence: Evidence, silent_since: Moment, waited: Duration) -> Decision {
        let others = endpoint::alternatives(&self.policy.end_of_turn)
            .into_iter()
            .enumerate()
            .map(|(place, (setting, settings))| Alternative {
                setting: setting.to_owned(),
                waited_ms: evidence.wait(&settings).as_millis() as u64,
                cut_in: self.ears.paused_for.iter().any(|pause| {
                    pause.waits_ms.get(place).is_some_and(|wait| *wait < pause.silence_ms)
                }),
            })
            .collect();
        Decision {
            silence_ms: (self.now - silent_since).as_millis() as u64,
            waited_ms: waited.as_millis() as u64,
            settled: self.ears.is_settled(),
            evidence,
            others,
        }
    }

    /// Writes the caller's words down and forgets the turn. True if there were any.
    pub(crate) fn commit_caller_words(&mut self) -> bool {
        if self.ears.text().is_empty() {
            self.ears.forget();
            return false;
        }
        // Nobody took the floor, as where a supervisor speaks in between: it is the same turn.
        self.ears.take_up(self.now);
        let text = self.ears.text();
        let turn = self.turn_of_caller();
        let from = self.ears.from.unwrap_or(self.now);
        let to = self.ears.stopped.map_or(self.now, |(at, _)| at).max(from);
        let confidence = self.ears.certainty();
        self.note(Note::CallerSaid { turn, text: text.clone(), from, to, confidence });
        self.history.keep(self.policy.remembered);
        self.history.push(Message::Caller { text: text.clone() });
        let unsettled = self.ears.unsettled();
        self.ears.forget();
        self.ears.leftovers.took(&text, &unsettled, to, self.now);
        true
    }

    pub(crate) fn arm_idle(&mut self) {
        if self.floor == Floor::Caller && !self.paused && !self.ears.speaking {
            self.timers.set(Timer::Idle, self.now + self.policy.idle.prompt_after);
        }
    }
}
