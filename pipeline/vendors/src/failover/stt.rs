//! Recognition that outlives its engine.
//!
//! One engine listens at a time. When it fails, or owes words and says nothing, the next one is told
//! the audio that no final words cover, and goes on from there: what was final is not said again, what
//! was only guessed is guessed anew. A call stays with the engine that it has come to.

use std::{collections::VecDeque, future::pending, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{
    Policy,
    line::{Attempt, Because, Line, Member, Place, Standing, check},
};
use crate::{
    BoxFuture, Problem, Stt, SttEvent, SttInput, SttOptions, SttStream, VendorError, Work,
    recognition::memory::Memory,
};

/// Pieces that wait for an engine that takes no more, beyond those in its own queue.
const WAITING: usize = 64;

/// An engine that took over and has not complained for so long is listening.
const LISTENING_AFTER: Duration = Duration::from_millis(500);

/// An engine that was left because it was late gets a second chance where all others have failed, but
/// only so long after hearing was lost: the caller has to be told something.
const SECOND_CHANCE_WITHIN: Duration = Duration::from_secs(3);

/// How much is put up with of an engine while there is another one.
#[derive(Clone, Copy, Debug)]
pub struct Endurance {
    /// How long an engine may be silent after the VAD heard the caller stop, 3 s unless set. Adapters
    /// wait by themselves for what they are owed, half as long; shorter than that, and an engine that
    /// is about to mend itself is left.
    pub settle_within: Duration,
    /// How long one that guesses may guess nothing while the VAD hears the caller speak without a
    /// pause, 8 s unless set. Longer than 10 s, and words are lost: so much audio is remembered.
    pub silent_for: Duration,
    /// How long it may take to connect again, 1.5 s unless set.
    pub reconnect_within: Duration,
}

impl Default for Endurance {
    fn default() -> Self {
        Endurance {
            settle_within: Duration::from_secs(3),
            silent_for: Duration::from_secs(8),
            reconnect_within: Duration::from_millis(1_500),
        }
    }
}

/// Recognisers in order of preference.
pub struct FailoverStt {
    line: Line<dyn Stt>,
    endurance: Endurance,
}

impl FailoverStt {
    /// `None` without any engine.
    pub fn new(
        engines: Vec<Member<dyn Stt>>,
        policy: Policy,
        endurance: Endurance,
    ) -> Option<Self> {
        Line::new(engines, policy).map(|line| FailoverStt { line, endurance })
    }

    /// The engines, the preferred one first.
    pub fn members(&self) -> impl Iterator<Item = &Member<dyn Stt>> {
        self.line.members()
    }

    /// How each engine has fared. An engine that is alone is not watched.
    pub fn standing(&self) -> Vec<Standing> {
        self.line.standing()
    }
}

impl Stt for FailoverStt {
    fn name(&self) -> &'static str {
        self.line.first().member.name
    }

    fn listen(&self, options: SttOptions) -> SttStream {
        if self.line.len() == 1 {
            return self.line.first().member.engine.listen(options);
        }
        let (input, inputs) = mpsc::channel(256);
        let (sender, events) = mpsc::channel(64);
        let closed = sender.clone();
        let call = Call {
            tried: vec![Tried::No; self.line.len()],
            line: self.line.clone(),
            endurance: self.endurance,
            options,
            events: sender,
            inputs,
            open: true,
            memory: Memory::default(),
            settled_ms: 0,
            guessing: false,
            guesses: false,
            speech: None,
            outage: None,
        };
        let work = Work::spawn(async move {
            tokio::select! {
                _ = Box::pin(call.run()) => {}
                () = closed.closed() => {}
            }
        });
        SttStream { input, events, work }
    }

    fn check(&self) -> BoxFuture<'_, Result<String, VendorError>> {
        let engines = self.members().map(|member| (member.name, member.engine.check()));
        Box::pin(check(engines.collect()))
    }
}

/// Nobody listens to the events any more.
struct Gone;

/// One call, over however many engines.
struct Call {
    line: Line<dyn Stt>,
    endurance: Endurance,
    options: SttOptions,
    events: mpsc::Sender<SttEvent>,
    inputs: mpsc::Receiver<SttInput>,
    /// May more audio come?
    open: bool,
    memory: Memory,
    /// Up to here the words are final.
    settled_ms: u64,
    /// Is there a guess that no final words have replaced?
    guessing: bool,
    /// Does the engine that listens guess at all? Some say nothing until speech is over.
    guesses: bool,
    /// What the VAD last said.
    speech: Option<Speech>,
    /// Since when hearing is lost, as the conversation was told, and not yet that it is back.
    outage: Option<Instant>,
    /// What engines have done since words were last heard.
    tried: Vec<Tried>,
}

/// What an engine has done since words were last heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tried {
    No,
    /// It was late, and another one was tried.
    Left,
    Failed,
}

/// Speech that the VAD reported.
#[derive(Clone, Copy)]
struct Speech {
    /// Since when nothing has been said of it.
    silent_since: Instant,
    /// Since when it has been over, once it is.
    over_since: Option<Instant>,
    /// Have final words come of it?
    settled: bool,
}

/// How an engine's time came to its end.
enum End {
    /// The call is over, and the engine has said all.
    Complete,
    Out(Tried, VendorError),
}

/// What is awaited of the engine that listens.
#[derive(Default)]
struct Waits {
    /// Since when it has been connecting again.
    lost: Option<Instant>,
    /// When it counts as listening, after it took over.
    listening_at: Option<Instant>,
}

impl Call {
    async fn run(mut self) -> Result<(), Gone> {
        let line = self.line.clone();
        let mut last = None;
        loop {
            let Some((at, attempt)) = self.choose(&line, last.is_some()) else {
                // Only where all have failed.
                let error = last.unwrap_or_else(|| gave_no_sign(&line, 0, "engine to listen"));
                return self.tell(SttEvent::Failed(error)).await;
            };
            match self.listen_to(&line, at, attempt).await? {
                End::Complete => return Ok(()),
                End::Out(tried, error) => {
                    let engine = line.place(at).member.name;
                    tracing::warn!(engine, %error, "another engine is to listen");
                    self.tried[at] = tried;
                    self.lost(error.clone()).await?;
                    last = Some(error);
                }
            }
        }
    }

    /// The best engine that has not been tried just now; one whose breaker is open only if there is no
    /// other, because without any the call cannot go on.
    fn choose<'a>(
        &self,
        line: &'a Line<dyn Stt>,
        after_failure: bool,
    ) -> Option<(usize, Attempt<'a>)> {
        let because = |at: usize| match after_failure || at > 0 {
            true => Because::Failover,
            false => Because::Preferred,
        };
        let in_order = || 0..line.len();
        let sound = in_order().filter(|at| self.tried[*at] == Tried::No);
        let sound = sound.map(|at| (at, because(at)));
        let open = in_order().filter(|at| self.tried[*at] == Tried::No);
        let recent = self.outage.is_none_or(|since| since.elapsed() < SECOND_CHANCE_WITHIN);
        let left = in_order().filter(|at| recent && self.tried[*at] == Tried::Left);
        sound
            .chain(open.chain(left).map(|at| (at, Because::NothingToLose)))
            .find_map(|(at, because)| Some((at, line.place(at).begin(because)?)))
    }

    /// Is there an engine that could take over from the one at `at`? While that one may still come to
    /// itself, only a sound one.
    fn has_other(&self, at: usize, sound: bool) -> bool {
        (0..self.line.len()).any(|other| {
            other != at
                && self.tried[other] == Tried::No
                && (!sound || self.line.place(other).is_sound())
        })
    }

    async fn listen_to(
        &mut self,
        line: &Line<dyn Stt>,
        at: usize,
        mut attempt: Attempt<'_>,
    ) -> Result<End, Gone> {
        let place: &Place<dyn Stt> = line.place(at);
        let SttStream { input, mut events, work: _work } =
            place.member.engine.listen(self.options.clone());
        let mut input = Some(input);
        let mut takes_more = true;
        let mut outgoing = VecDeque::from(self.memory.again());
        let heard_before = self.settled_ms;
        self.wait_anew();
        let mut waits = Waits::default();
        if self.outage.is_some() {
            waits.listening_at = Some(Instant::now() + LISTENING_AFTER);
        }
        loop {
            if !takes_more || (!self.open && outgoing.is_empty()) {
                input = None;
            }
            let wake = self.wake_at(&waits);
            tokio::select! {
                biased;
                event = events.recv() => match event {
                    Some(SttEvent::Failed(error)) => {
                        attempt.failed(&error.problem);
                        return Ok(End::Out(Tried::Failed, error));
                    }
                    Some(SttEvent::Reconnecting(error)) => {
                        waits = Waits { lost: Some(Instant::now()), listening_at: None };
                        self.lost(error).await?;
                    }
                    Some(SttEvent::Recovered) => {
                        waits.lost = None;
                        self.back().await?;
                    }
                    Some(event) => {
                        if self.understood(event, heard_before).await? {
                            attempt.works();
                            waits = Waits::default();
                            self.tried.fill(Tried::No);
                            self.back().await?;
                        }
                    }
                    None if !self.open => return Ok(End::Complete),
                    None => {
                        let error = gave_no_sign(line, at, "end of its work");
                        attempt.failed(&error.problem);
                        return Ok(End::Out(Tried::Failed, error));
                    }
                },
                permit = room(&input), if !outgoing.is_empty() => match (permit, outgoing.pop_front()) {
                    (Some(permit), Some(next)) => permit.send(next),
                    // It takes no more: what it has to say about that comes as an event.
                    _ => takes_more = false,
                },
                received = self.inputs.recv(), if self.open && outgoing.len() < WAITING => {
                    match received {
                        Some(received) => {
                            self.take(received.clone());
                            outgoing.push_back(received);
                        }
                        None => self.open = false,
                    }
                }
                () = until(wake) => {
                    if waits.listening_at.is_some_and(|at| at <= Instant::now()) {
                        waits.listening_at = None;
                        self.back().await?;
                    } else if let Some(late) = self.late(&waits) {
                        if !self.has_other(at, waits.lost.is_none()) {
                            // It is all there is: what it says late is better than nothing.
                            self.wait_no_longer(&mut waits);
                            continue;
                        }
                        let error = timed_out(place.member.name, late);
                        if late.is_its_fault {
                            attempt.failed(&error.problem);
                        }
                        return Ok(End::Out(Tried::Left, error));
                    }
                }
            }
        }
    }

    /// Remembers what came.
    fn take(&mut self, input: SttInput) {
        let now = Instant::now();
        match &input {
            SttInput::SpeechStarted { .. } => {
                let silent_since = now;
                self.speech = Some(Speech { silent_since, over_since: None, settled: false });
            }
            SttInput::SpeechStopped { .. } => {
                if let Some(speech) = &mut self.speech {
                    speech.over_since = Some(now);
                }
            }
            SttInput::Audio { .. } => {}
        }
        self.memory.keep(input);
    }

    /// Passes on what the engine says; true where it heard words.
    async fn understood(&mut self, event: SttEvent, heard_before: u64) -> Result<bool, Gone> {
        match event {
            SttEvent::Interim { text, from_ms, to_ms } => {
                if to_ms <= heard_before {
                    return Ok(false);
                }
                self.guessing = !text.is_empty();
                self.guesses = true;
                self.something_was_said();
                let (words, from_ms) = (!text.is_empty(), from_ms.max(heard_before));
                self.tell(SttEvent::Interim { text, from_ms, to_ms }).await?;
                Ok(words)
            }
            SttEvent::Final { text, from_ms, to_ms, confidence } => {
                // What was final before is not said again.
                if to_ms <= heard_before {
                    return Ok(false);
                }
                self.guessing = false;
                self.something_was_said();
                if let Some(speech) = &mut self.speech {
                    speech.settled = true;
                }
                self.settled_ms = self.settled_ms.max(to_ms);
                self.memory.settle(self.settled_ms);
                let (words, from_ms) = (!text.is_empty(), from_ms.max(heard_before));
                self.tell(SttEvent::Final { text, from_ms, to_ms, confidence }).await?;
                Ok(words)
            }
            other => {
                self.tell(other).await?;
                Ok(false)
            }
        }
    }

    fn something_was_said(&mut self) {
        if let Some(speech) = &mut self.speech {
            speech.silent_since = Instant::now();
        }
    }

    /// Another engine owes from now on what the one before it owed.
    fn wait_anew(&mut self) {
        let now = Instant::now();
        self.guesses = false;
        if let Some(speech) = &mut self.speech {
            speech.silent_since = now;
            speech.over_since = speech.over_since.map(|_| now);
        }
    }

    fn wait_no_longer(&mut self, waits: &mut Waits) {
        self.speech = None;
        waits.lost = None;
    }

    fn wake_at(&self, waits: &Waits) -> Option<Instant> {
        let lost = waits.lost.map(|since| since + self.endurance.reconnect_within);
        [lost, self.owed_at(), self.silent_until(), waits.listening_at].into_iter().flatten().min()
    }

    /// When the words of speech that is over are overdue.
    fn owed_at(&self) -> Option<Instant> {
        let speech = self.speech.filter(|speech| self.guessing || !speech.settled)?;
        Some(speech.over_since? + self.endurance.settle_within)
    }

    /// When it is too long that nothing was said of speech that goes on.
    fn silent_until(&self) -> Option<Instant> {
        let speech = self.speech.filter(|speech| self.guesses && speech.over_since.is_none())?;
        Some(speech.silent_since + self.endurance.silent_for)
    }

    /// What the engine is late with.
    fn late(&self, waits: &Waits) -> Option<Late> {
        let now = Instant::now();
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let Endurance { settle_within, silent_for, reconnect_within } = self.endurance;
        if due(waits.lost.map(|since| since + reconnect_within)) {
            Some(Late { with: "connection", after: reconnect_within, is_its_fault: true })
        } else if due(self.owed_at()) {
            Some(Late { with: "final words", after: settle_within, is_its_fault: true })
        } else if due(self.silent_until()) {
            // What the VAD takes for speech may be noise: another engine is tried, none is blamed.
            Some(Late { with: "words", after: silent_for, is_its_fault: false })
        } else {
            None
        }
    }

    async fn lost(&mut self, error: VendorError) -> Result<(), Gone> {
        if self.outage.is_some() {
            return Ok(());
        }
        self.outage = Some(Instant::now());
        self.tell(SttEvent::Reconnecting(error)).await
    }

    async fn back(&mut self) -> Result<(), Gone> {
        if self.outage.take().is_some() {
            return self.tell(SttEvent::Recovered).await;
        }
        Ok(())
    }

    async fn tell(&self, event: SttEvent) -> Result<(), Gone> {
        self.events.send(event).await.map_err(|_| Gone)
    }
}

/// Something that did not come in time.
#[derive(Clone, Copy)]
struct Late {
    with: &'static str,
    after: Duration,
    is_its_fault: bool,
}

/// Room for one more piece; `None` where the engine takes no more, which never is while it does not
/// matter.
async fn room(input: &Option<mpsc::Sender<SttInput>>) -> Option<mpsc::Permit<'_, SttInput>> {
    match input {
        Some(input) => input.reserve().await.ok(),
        None => pending().await,
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}

fn timed_out(vendor: &'static str, late: Late) -> VendorError {
    let problem = Problem::TimedOut { waited_for: late.with, after: late.after };
    VendorError { vendor, attempt: "listen", problem, request_id: None }
}

fn gave_no_sign(line: &Line<dyn Stt>, at: usize, what: &str) -> VendorError {
    let vendor = line.place(at).member.name;
    let problem = Problem::Engine(format!("there was no {what}"));
    VendorError { vendor, attempt: "listen", problem, request_id: None }
}
