//! What of a call's audio is recognised, and when.
//!
//! Pure: it is told what came, and leaves in `runs` what to recognise, in `called_off` what no longer,
//! and in `events` what to tell. Times are positions in the call's inbound audio, in samples.

use std::collections::VecDeque;

use media::{
    frame::{ms_of_samples, samples_of_ms},
    g711,
};

use super::Transcript;
use crate::SttEvent;

/// Audio before the beginning that the VAD reports: soft sounds are noticed late.
const PRE_ROLL: u64 = samples(300);
/// Audio after the end that it reports.
const POST_ROLL: u64 = samples(100);
/// How much of a stretch there must be for the first guess, the pre-roll included.
const FIRST_GUESS: u64 = samples(700);
/// New audio between one guess and the next.
const GUESS_EVERY: u64 = samples(500);
/// A longer stretch is settled up to its quietest place.
const LONGEST: u64 = samples(12_000);
/// Where that place is looked for: not before this much of the stretch.
const CUT_AFTER: u64 = samples(7_000);
/// What is kept while nobody speaks: a VAD is late, and its pre-roll reaches back.
const KEPT: u64 = samples(2_000);
/// A longer gap in the audio ends the stretch; a shorter one is silence.
const LONGEST_GAP: u64 = samples(5_000);
/// Positions come in ms, and may be off by rounding.
const TOLERANCE: u64 = samples(10);
/// Quiet that looks like the end of speech. Shorter is recognised sooner, and more often in vain: of 60 ms
/// there are 2.1 in a second of speech, of 100 ms 1.3, of 140 ms 0.75.
const PAUSE: u64 = samples(100);
/// How much quieter than the stretch's loudest moment that is, as a ratio of amplitudes: 16 dB.
const QUIETER: f32 = 0.16;
/// Loudness is measured over this.
const MOMENT: usize = samples(20) as usize;
/// A result serves as the end's if it heard at least this much beyond where speech ended.
const MARGIN: u64 = samples(30);

const fn samples(ms: u64) -> u64 {
    ms * 8
}

/// Recognise this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) id: u64,
    /// May be left out if the machine is busy.
    pub(super) guess: bool,
    pub(super) mulaw: Vec<u8>,
}

/// A run that has not come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pending {
    id: u64,
    to: u64,
    guess: bool,
}

/// Speech that goes on.
#[derive(Debug)]
struct Stretch {
    from: u64,
    /// How far the last run heard.
    asked_to: u64,
    /// Oldest first. A second guess may follow one that still waits for a thread, and takes its place
    /// there; the first may also be running, so both are expected.
    pending: Vec<Pending>,
    /// The last result and how far it heard.
    heard: Option<(u64, Transcript)>,
    /// The loudest moment.
    loudest: f32,
    /// Since when it has been quiet.
    quiet_since: Option<u64>,
    /// Has this pause been recognised already?
    pause_asked: bool,
}

/// Speech that is over, whose words are awaited.
#[derive(Debug)]
struct Ending {
    from: u64,
    to: u64,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    Awaited(u64),
    Known(Transcript),
}

#[derive(Debug, Default)]
pub(super) struct Listener {
    pub(super) runs: Vec<Run>,
    pub(super) called_off: Vec<u64>,
    pub(super) events: Vec<SttEvent>,
    /// mu-law, from the position `begins`.
    audio: VecDeque<u8>,
    begins: u64,
    anything: bool,
    stretch: Option<Stretch>,
    /// Oldest first: words are told in the order in which they were said.
    endings: VecDeque<Ending>,
    /// The end of the last stretch, before which no other begins.
    settled_to: u64,
    next_id: u64,
}

impl Listener {
    pub(super) fn audio(&mut self, at_ms: u64, mulaw: &[u8]) {
        let at = samples_of_ms(at_ms);
        if !self.anything {
            (self.anything, self.begins) = (true, at);
        }
        let end = self.end();
        let mut fresh = mulaw;
        if at + TOLERANCE < end {
            // Sent again after a loss.
            let known = usize::try_from(end - at).unwrap_or(usize::MAX);
            fresh = mulaw.get(known..).unwrap_or_default();
        } else if at > end + LONGEST_GAP {
            self.stop(end, end);
            self.audio.clear();
            self.begins = at;
        } else if at > end + TOLERANCE {
            self.audio.extend(std::iter::repeat_n(g711::SILENCE, (at - end) as usize));
        }
        self.audio.extend(fresh);
        self.measure(fresh);
        self.consider();
        self.trim();
    }

    pub(super) fn started(&mut self, at_ms: u64) {
        if self.stretch.is_some() {
            return;
        }
        let from = samples_of_ms(at_ms).saturating_sub(PRE_ROLL);
        let from = from.max(self.settled_to).max(self.begins).min(self.end());
        self.stretch = Some(Stretch::new(from));
        let known = self.part(from, self.end());
        self.measure(&known);
        self.consider();
    }

    pub(super) fn stopped(&mut self, at_ms: u64) {
        let at = samples_of_ms(at_ms);
        let to = (at + POST_ROLL).min(self.end());
        self.stop(at, to);
        self.trim();
    }

    /// No more audio will come.
    pub(super) fn ended(&mut self) {
        let end = self.end();
        self.stop(end, end);
    }

    /// A run has come back; `None` if it was left out.
    pub(super) fn heard(&mut self, id: u64, transcript: Option<Transcript>) {
        if let Some(stretch) = &mut self.stretch
            && let Some(place) = stretch.pending.iter().position(|pending| pending.id == id)
        {
            let pending = stretch.pending.remove(place);
            let newer = stretch.heard.as_ref().is_none_or(|(to, _)| *to < pending.to);
            if let Some(transcript) = transcript.filter(|_| newer) {
                let changed = stretch
                    .heard
                    .as_ref()
                    .is_none_or(|(_, earlier)| earlier.text != transcript.text);
                if changed && !transcript.text.is_empty() {
                    self.events.push(SttEvent::Interim {
                        text: transcript.text.clone(),
                        from_ms: ms_of_samples(stretch.from),
                        to_ms: ms_of_samples(pending.to),
                    });
                }
                stretch.heard = Some((pending.to, transcript));
            }
            self.consider();
            return;
        }
        let awaits =
            |ending: &&mut Ending| matches!(ending.outcome, Outcome::Awaited(run) if run == id);
        if let Some(ending) = self.endings.iter_mut().find(awaits) {
            // It was not a guess, so only a failure of the model can have left it out.
            ending.outcome = Outcome::Known(transcript.unwrap_or_default());
        }
        self.tell();
    }

    fn end(&self) -> u64 {
        self.begins + self.audio.len() as u64
    }

    /// The audio from one position to another, as far as it is there.
    fn part(&self, from: u64, to: u64) -> Vec<u8> {
        let place = |at: u64| (at.saturating_sub(self.begins) as usize).min(self.audio.len());
        let (from, to) = (place(from), place(to));
        self.audio.range(from..to.max(from)).copied().collect()
    }

    fn measure(&mut self, mulaw: &[u8]) {
        let end = self.end();
        let Some(stretch) = &mut self.stretch else { return };
        let first = end - mulaw.len() as u64;
        for (index, moment) in mulaw.chunks(MOMENT).enumerate() {
            let loud = loudness(moment);
            stretch.loudest = stretch.loudest.max(loud);
            if loud > stretch.loudest * QUIETER {
                (stretch.quiet_since, stretch.pause_asked) = (None, false);
            } else {
                stretch.quiet_since.get_or_insert(first + (index * MOMENT) as u64);
            }
        }
    }

    /// Is there something to recognise now?
    fn consider(&mut self) {
        let end = self.end();
        let Some(stretch) = &mut self.stretch else { return };
        if end - stretch.from >= LONGEST {
            let cut = self.quietest_place();
            self.cut(cut);
            return;
        }
        let pausing = stretch.quiet_since.is_some_and(|since| end - since >= PAUSE);
        if pausing && !stretch.pause_asked {
            stretch.pause_asked = true;
            // What was heard before the pause lacks its last word, perhaps.
            self.called_off.extend(stretch.pending.drain(..).map(|pending| pending.id));
            self.run(end, false);
            return;
        }
        let enough = end - stretch.from >= FIRST_GUESS && end >= stretch.asked_to + GUESS_EVERY;
        let idle = stretch.pending.len() < 2 && stretch.pending.iter().all(|pending| pending.guess);
        // During a pause nothing new is said.
        if idle && enough && !pausing {
            self.run(end, true);
        }
    }

    /// Recognises the stretch up to `to`.
    fn run(&mut self, to: u64, guess: bool) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let from = self.stretch.as_ref().map_or(to, |stretch| stretch.from);
        let mulaw = self.part(from, to);
        if let Some(stretch) = &mut self.stretch {
            stretch.asked_to = to;
            stretch.pending.push(Pending { id, to, guess });
        }
        self.runs.push(Run { id, guess, mulaw });
        id
    }

    /// Speech was over at `at`; the stretch lasts up to `to`.
    fn stop(&mut self, at: u64, to: u64) {
        let Some(stretch) = &mut self.stretch else { return };
        let enough = (at + MARGIN).min(to);
        let heard = stretch.heard.take_if(|(heard_to, _)| *heard_to >= enough);
        let serves = |pending: &Pending| !pending.guess && pending.to >= enough;
        let awaited = stretch.pending.iter().copied().find(serves).filter(|_| heard.is_none());
        let idle = stretch.pending.drain(..).map(|pending| pending.id);
        self.called_off.extend(idle.filter(|id| awaited.is_none_or(|awaited| awaited.id != *id)));
        let outcome = match (heard, awaited) {
            (Some((_, transcript)), _) => Outcome::Known(transcript),
            (None, Some(pending)) => Outcome::Awaited(pending.id),
            (None, None) => Outcome::Awaited(self.run(to, false)),
        };
        self.finish(to, outcome);
    }

    /// Settles a stretch that is too long up to `to`; the rest goes on as another.
    fn cut(&mut self, to: u64) {
        let Some(stretch) = &mut self.stretch else { return };
        self.called_off.extend(stretch.pending.drain(..).map(|pending| pending.id));
        let (loudest, id) = (stretch.loudest, self.run(to, false));
        self.finish(to, Outcome::Awaited(id));
        self.stretch = Some(Stretch { loudest, ..Stretch::new(to) });
    }

    fn finish(&mut self, to: u64, outcome: Outcome) {
        if let Some(stretch) = self.stretch.take() {
            self.settled_to = to;
            self.endings.push_back(Ending { from: stretch.from, to, outcome });
        }
        self.tell();
    }

    /// Tells the words that are known, in order.
    fn tell(&mut self) {
        while let Some(ending) =
            self.endings.pop_front_if(|ending| matches!(ending.outcome, Outcome::Known(_)))
        {
            let Outcome::Known(transcript) = ending.outcome else { continue };
            let confidence = (!transcript.text.is_empty()).then_some(transcript.confidence);
            self.events.push(SttEvent::Final {
                text: transcript.text,
                from_ms: ms_of_samples(ending.from),
                to_ms: ms_of_samples(ending.to),
                confidence,
            });
        }
    }

    /// Between words, if there is such a place, seen from the end.
    fn quietest_place(&self) -> u64 {
        let end = self.end();
        let from = self.stretch.as_ref().map_or(end, |stretch| stretch.from + CUT_AFTER);
        let recent = self.part(from, end);
        let moments: Vec<f32> = recent.chunks_exact(MOMENT).map(loudness).collect();
        // Five moments, 100 ms: the gap within a plosive is shorter.
        let gaps = moments.windows(5).map(|five| five.iter().sum::<f32>());
        let quietest = gaps.enumerate().min_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        from + quietest.map_or(recent.len(), |(index, _)| (index + 2) * MOMENT) as u64
    }

    fn trim(&mut self) {
        let end = self.end();
        let keep_from = match &self.stretch {
            Some(stretch) => stretch.from,
            None => end.saturating_sub(KEPT),
        };
        let spare = keep_from.saturating_sub(self.begins) as usize;
        self.audio.drain(..spare.min(self.audio.len()));
        self.begins += spare as u64;
    }
}

impl Stretch {
    fn new(from: u64) -> Self {
        Stretch {
            from,
            asked_to: 0,
            pending: Vec::new(),
            heard: None,
            loudest: 0.0,
            quiet_since: None,
            pause_asked: false,
        }
    }
}

/// The root of the mean square, of full scale.
fn loudness(mulaw: &[u8]) -> f32 {
    let square = |byte: &u8| (f32::from(g711::decode(*byte)) / 32768.0).powi(2);
    (mulaw.iter().map(square).sum::<f32>() / mulaw.len().max(1) as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOUD: u8 = 0x90;

    fn words(text: &str) -> Option<Transcript> {
        Some(Transcript { text: text.into(), confidence: 0.9 })
    }

    /// Feeds 20 ms frames of one byte up to `to_ms`.
    fn feed(listener: &mut Listener, from_ms: u64, to_ms: u64, byte: u8) {
        for at in (from_ms..to_ms).step_by(20) {
            listener.audio(at, &[byte; 160]);
        }
    }

    fn talking(to_ms: u64) -> Listener {
        let mut listener = Listener::default();
        feed(&mut listener, 0, 1_000, g711::SILENCE);
        feed(&mut listener, 1_000, 1_100, LOUD);
        listener.started(1_000);
        feed(&mut listener, 1_100, to_ms, LOUD);
        listener
    }

    fn finals(listener: &mut Listener) -> Vec<(String, u64, u64)> {
        let finals = listener.events.drain(..).filter_map(|event| match event {
            SttEvent::Final { text, from_ms, to_ms, .. } => Some((text, from_ms, to_ms)),
            _ => None,
        });
        finals.collect()
    }

    #[test]
    fn guesses_follow_the_growing_stretch() {
        let mut listener = talking(1_400);
        assert_eq!(listener.runs.len(), 1);
        assert_eq!(listener.runs[0].mulaw.len(), 700 * 8, "from 300 ms before the beginning");
        assert!(listener.runs[0].guess);
        feed(&mut listener, 1_400, 3_000, LOUD);
        assert_eq!(listener.runs.len(), 2, "no more than two are under way");
        listener.heard(0, words("Hello"));
        assert_eq!(listener.runs.len(), 3);
        assert_eq!(listener.runs[2].mulaw.len(), 2_300 * 8);
        assert!(matches!(&listener.events[..],
            [SttEvent::Interim { text, from_ms: 700, to_ms: 1_400 }] if text == "Hello"));
        listener.heard(2, words("Hello there my friend"));
        listener.heard(1, words("Hello there"));
        assert_eq!(listener.events.len(), 2, "an older guess does not replace a newer");
        listener.heard(3, None);
        assert_eq!(listener.runs.len(), 3, "what was left out is not asked again at once");
    }

    #[test]
    fn a_pause_is_recognised_before_the_vad_is_sure() {
        let mut listener = talking(2_000);
        feed(&mut listener, 2_000, 2_100, g711::SILENCE);
        let run = listener.runs.pop().unwrap();
        assert!(!run.guess && run.mulaw.len() == 1_400 * 8);
        assert_eq!(listener.called_off, [0, 1], "the guesses before it");
        listener.heard(run.id, words("Hello there."));
        listener.events.clear();
        listener.stopped(2_000);
        assert_eq!(finals(&mut listener), [("Hello there.".into(), 700, 2_100)]);
    }

    #[test]
    fn words_after_a_pause_are_not_lost() {
        let mut listener = talking(2_000);
        feed(&mut listener, 2_000, 2_140, g711::SILENCE);
        let early = listener.runs.pop().unwrap();
        listener.heard(early.id, words("Hello"));
        feed(&mut listener, 2_140, 2_400, LOUD);
        feed(&mut listener, 2_400, 2_440, g711::SILENCE);
        listener.runs.clear();
        listener.stopped(2_400);
        assert!(finals(&mut listener).is_empty(), "the early result lacks the last words");
        let run = listener.runs.pop().unwrap();
        assert!(!run.guess);
        listener.heard(run.id, words("Hello there."));
        assert_eq!(finals(&mut listener), [("Hello there.".into(), 700, 2_440)]);
    }

    #[test]
    fn a_run_under_way_that_heard_the_end_is_awaited() {
        let mut listener = talking(2_000);
        feed(&mut listener, 2_000, 2_200, g711::SILENCE);
        let run = listener.runs.pop().unwrap();
        listener.runs.clear();
        listener.stopped(2_000);
        assert!(listener.runs.is_empty());
        listener.heard(run.id, words("Yes."));
        assert_eq!(finals(&mut listener).len(), 1);
    }

    #[test]
    fn words_are_told_in_the_order_in_which_they_were_said() {
        let mut listener = talking(2_000);
        listener.stopped(1_950);
        let first = listener.runs.pop().unwrap().id;
        feed(&mut listener, 2_000, 2_500, LOUD);
        listener.started(2_100);
        listener.stopped(2_400);
        let second = listener.runs.pop().unwrap().id;
        listener.heard(second, words("two"));
        assert!(finals(&mut listener).is_empty());
        listener.heard(first, words("one"));
        let told = finals(&mut listener);
        assert_eq!((told[0].0.as_str(), told[1].0.as_str()), ("one", "two"));
        assert_eq!(told[1].1, told[0].2, "the second begins where the first ended");
    }

    #[test]
    fn speech_without_words_is_told_as_such() {
        let mut listener = talking(1_300);
        listener.stopped(1_300);
        let run = listener.runs.pop().unwrap().id;
        listener.heard(run, Some(Transcript::default()));
        assert_eq!(finals(&mut listener), [(String::new(), 700, 1_300)]);
        let mut deaf = Listener::default();
        deaf.stopped(100);
        assert!(deaf.events.is_empty() && deaf.runs.is_empty());
    }

    #[test]
    fn a_long_stretch_is_settled_at_its_quietest_place_and_goes_on() {
        let mut listener = talking(10_000);
        // Too short for a pause.
        feed(&mut listener, 10_000, 10_080, 0xC0);
        feed(&mut listener, 10_080, 13_000, LOUD);
        let cut = listener.runs.iter().find(|run| !run.guess).unwrap().clone();
        assert!((9_300 * 8..9_500 * 8).contains(&cut.mulaw.len()), "{}", cut.mulaw.len());
        listener.heard(cut.id, words("A long story"));
        assert_eq!(finals(&mut listener)[0].1, 700);
        listener.runs.clear();
        listener.stopped(12_900);
        let rest = listener.runs.pop().unwrap();
        assert!((2_800 * 8..3_100 * 8).contains(&rest.mulaw.len()), "{}", rest.mulaw.len());
    }

    #[test]
    fn gaps_are_silence_repeats_are_dropped_and_jumps_end_the_stretch() {
        let mut listener = talking(1_200);
        listener.audio(1_100, &[LOUD; 960]);
        assert_eq!(listener.end(), samples(1_220), "100 ms of it were known");
        listener.audio(1_420, &[LOUD; 160]);
        assert_eq!(listener.end(), samples(1_440));
        listener.audio(60_000, &[LOUD; 160]);
        assert!(listener.stretch.is_none());
        assert_eq!(listener.runs.iter().filter(|run| !run.guess).count(), 1);
        assert_eq!(listener.begins, samples(60_000));
    }

    #[test]
    fn memory_is_bounded_while_nobody_speaks() {
        let mut listener = Listener::default();
        feed(&mut listener, 0, 60_000, LOUD);
        assert!(listener.audio.len() <= KEPT as usize + 160);
        listener.ended();
        assert!(listener.runs.is_empty());
    }
}
