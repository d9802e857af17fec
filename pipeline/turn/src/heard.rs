//! The heard ledger: what of the agent's audio the caller has heard, and when.
//!
//! Audio of a sentence is *ready*, then *sent*, then *heard* or dropped. The carrier buffers what it
//! is sent and returns a mark when all before it was played, **or cleared**: so marks carry the
//! generation they were sent in, [`Ledger::clear`] begins a new one, and marks of older generations
//! prove nothing. Between two marks the position is interpolated by time, never past the next mark
//! that is still out, unless the one before it was lost: a carrier that returns none is followed by
//! the clock alone, until a mark comes.
//!
//! Positions are samples at 8 kHz. The *line* is all audio sent in this generation, end to end.

mod spoken;

use std::{collections::BTreeMap, collections::VecDeque, time::Duration};

use spoken::{Sentence, letter_weight};

use crate::{
    event::WordAt,
    ids::{Generation, MarkId, UtteranceId},
    time::Moment,
};

/// Samples in a millisecond of telephone audio.
const PER_MS: u64 = 8;
/// A speaking rate to go by until the voice's own is known: samples to a letter (70 ms).
const PER_LETTER: u64 = 70 * PER_MS;
/// Of so many letters on, the voice's own rate counts.
const RATE_KNOWN_FROM: u64 = 20;
/// How late a mark may be before it is held to be lost.
const MARK_LOST_AFTER: Duration = Duration::from_millis(1_500);
/// The same, of a carrier that has lost the one before: it may return none at all.
const NEXT_MARK_LOST_AFTER: Duration = Duration::from_millis(400);

type Key = (UtteranceId, u32);

/// A stretch of the line.
#[derive(Debug)]
struct Piece {
    key: Key,
    /// Where in the sentence it begins.
    from: u64,
    samples: u64,
    /// Where on the line it begins.
    line: u64,
}

/// A mark that is out.
#[derive(Clone, Copy, Debug)]
struct Mark {
    id: MarkId,
    /// Its place on the line.
    line: u64,
    /// When its place was to sound, by what is known of those before it.
    due: Moment,
}

/// A stretch of a sentence's audio that was heard, for whoever renders the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub utterance: UtteranceId,
    pub sentence: u32,
    /// Its first sample, counted from the sentence's first.
    pub from: u64,
    pub samples: u64,
    /// When its first sample sounded.
    pub at: Moment,
}

/// What of the agent's audio was heard.
#[derive(Debug, Default)]
pub struct Ledger {
    generation: Generation,
    sentences: BTreeMap<Key, Sentence>,
    pieces: VecDeque<Piece>,
    marks: VecDeque<Mark>,
    /// The last mark that was due was lost: until one comes, only time tells.
    by_time: bool,
    /// The end of what was sent.
    line: u64,
    /// What is proved, or assumed, to be heard.
    proved: u64,
    /// A position and when it sounded.
    anchor: (Moment, u64),
    lost_marks: u32,
    /// Samples and letters of speech in complete sentences: the voice's rate.
    spoken: (u64, u64),
    /// What was proved since it was last taken.
    news: Vec<Stretch>,
}

impl Ledger {
    /// A sentence is to be spoken.
    pub fn plan(&mut self, utterance: UtteranceId, sentence: u32, text: &str) {
        let per_letter = match self.spoken {
            (samples, letters) if letters >= RATE_KNOWN_FROM => samples / letters,
            _ => PER_LETTER,
        };
        let planned = Sentence { text: text.to_owned(), per_letter, ..Sentence::default() };
        self.sentences.insert((utterance, sentence), planned);
    }

    /// So many samples more of a sentence are ready.
    pub fn ready(&mut self, utterance: UtteranceId, sentence: u32, samples: u32) {
        if let Some(known) = self.sentences.get_mut(&(utterance, sentence)) {
            known.ready += u64::from(samples);
        }
    }

    /// When words of a sentence are spoken; adds to those known.
    pub fn words(&mut self, utterance: UtteranceId, sentence: u32, words: &[WordAt]) {
        let Some(known) = self.sentences.get_mut(&(utterance, sentence)) else { return };
        for word in words {
            let word = WordAt {
                text_end: word.text_end.saturating_add(known.base.0),
                end: word.end.saturating_add(known.base.1),
            };
            // A place outside the text, or before the last one, would make words up.
            let last = known.words.last().map_or((0, 0), |last| (last.text_end, last.end));
            if (word.text_end, word.end) > last
                && word.end >= last.1
                && known.text.is_char_boundary(word.text_end as usize)
            {
                known.words.push(word);
            }
        }
    }

    /// No more audio of this sentence will come; there is speech between these samples.
    pub fn complete(&mut self, utterance: UtteranceId, sentence: u32, voiced: (u32, u32)) {
        if let Some(known) = self.sentences.get_mut(&(utterance, sentence)) {
            let to = u64::from(voiced.1).min(known.ready);
            let from = u64::from(voiced.0).min(to);
            if known.voiced.is_none() && to > from {
                self.spoken.0 += to - from;
                self.spoken.1 += known.text.chars().map(letter_weight).sum::<u64>();
            }
            known.voiced = Some((from, to));
        }
    }

    /// Another voice says the rest of this sentence: what the first had said of times to come is void.
    pub fn change_voice(&mut self, utterance: UtteranceId, sentence: u32) {
        if let Some(known) = self.sentences.get_mut(&(utterance, sentence)) {
            known.words.retain(|word| u64::from(word.end) <= known.ready);
            let said = known.text_until(known.ready, 1).len();
            let rest = known.text.get(said..).unwrap_or("").trim_start().len();
            // It counts from the first word and the first sample of the rest.
            known.base = ((known.text.len() - rest) as u32, known.ready as u32);
        }
    }

    /// No more audio of this sentence will come, though there are words left of it.
    pub fn break_off(&mut self, utterance: UtteranceId, sentence: u32) {
        if let Some(known) = self.sentences.get_mut(&(utterance, sentence)) {
            let spoken = known.heard_text(known.ready).len();
            known.text.truncate(spoken);
            known.voiced = Some((0, known.ready));
        }
    }

    /// Audio was sent, and after it a mark, if one was due.
    pub fn sent(
        &mut self,
        utterance: UtteranceId,
        sentence: u32,
        samples: u32,
        mark: Option<MarkId>,
        now: Moment,
    ) {
        if self.position(now) >= self.line {
            // The carrier had nothing left to play: it begins anew.
            self.anchor = (now, self.line);
        }
        let key = (utterance, sentence);
        let samples = u64::from(samples);
        if samples > 0
            && let Some(known) = self.sentences.get_mut(&key)
        {
            self.pieces.push_back(Piece { key, from: known.sent, samples, line: self.line });
            known.sent += samples;
            self.line += samples;
        }
        if let Some(mark) = mark {
            let due = self.moment_of(self.line);
            self.marks.push_back(Mark { id: mark, line: self.line, due });
        }
    }

    /// A mark came back. True if it proves that more was heard.
    pub fn mark_returned(&mut self, generation: Generation, mark: MarkId, now: Moment) -> bool {
        if generation != self.generation {
            return false;
        }
        let Some(place) = self.marks.iter().position(|known| known.id == mark) else {
            return false;
        };
        let line = self.marks[place].line;
        // Echoes come in order: an earlier mark still out was lost.
        self.lost_marks += place as u32;
        self.marks.drain(..=place);
        self.by_time = false;
        let news = line > self.proved;
        if news {
            self.anchor = (now, line);
            self.prove(line);
            let dues: Vec<Moment> = self.marks.iter().map(|out| self.moment_of(out.line)).collect();
            for (out, due) in self.marks.iter_mut().zip(dues) {
                out.due = due;
            }
        }
        news
    }

    /// Takes marks that are long overdue for lost, and what is before them for heard; so too the end
    /// of the line if no mark follows it. True if any.
    pub fn give_up_marks(&mut self, now: Moment) -> bool {
        let mut gave_up = false;
        while self.marks_overdue_at().is_some_and(|at| at <= now) {
            let line = match self.marks.pop_front() {
                Some(lost) => {
                    self.lost_marks += 1;
                    self.by_time = true;
                    lost.line
                }
                None => self.line,
            };
            self.prove(line);
            gave_up = true;
        }
        gave_up
    }

    /// When [`Ledger::give_up_marks`] would next give one up.
    pub fn marks_overdue_at(&self) -> Option<Moment> {
        let patience = if self.by_time { NEXT_MARK_LOST_AFTER } else { MARK_LOST_AFTER };
        match self.marks.front() {
            Some(mark) => Some(mark.due + patience),
            None if self.line > self.proved => Some(self.moment_of(self.line) + MARK_LOST_AFTER),
            None => None,
        }
    }

    /// The carrier was told to clear. What was heard until now is settled by interpolation; the rest
    /// of what was sent counts as not sent. Returns the new generation.
    pub fn clear(&mut self, now: Moment) -> Generation {
        let position = self.position(now);
        self.prove(position);
        for piece in self.pieces.drain(..) {
            if let Some(sentence) = self.sentences.get_mut(&piece.key) {
                sentence.sent = sentence.heard;
            }
        }
        self.marks.clear();
        self.line = self.proved;
        self.anchor = (now, self.line);
        self.generation.0 += 1;
        self.generation
    }

    /// The generation that marks sent now belong to.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// How many marks never came back in order.
    pub fn lost_marks(&self) -> u32 {
        self.lost_marks
    }

    /// Do marks say what was heard? Not while they are being lost: then time does.
    pub fn trusts_marks(&self) -> bool {
        !self.by_time
    }

    /// How much was sent and not yet heard.
    pub fn ahead(&self, now: Moment) -> Duration {
        Duration::from_millis(self.line.saturating_sub(self.position(now)) / PER_MS)
    }

    /// What was proved to be heard since this was last called, in order.
    pub fn take_heard(&mut self) -> Vec<Stretch> {
        std::mem::take(&mut self.news)
    }

    /// Is this sentence still of interest?
    pub fn knows(&self, utterance: UtteranceId, sentence: u32) -> bool {
        self.sentences.contains_key(&(utterance, sentence))
    }

    /// When all that was sent will have been heard, if nothing more is sent.
    pub fn runs_dry_at(&self) -> Moment {
        self.moment_of(self.line)
    }

    /// Samples of a sentence heard, interpolated.
    pub fn heard_samples(&self, utterance: UtteranceId, sentence: u32, now: Moment) -> u64 {
        let position = self.position(now);
        let key = (utterance, sentence);
        let settled = self.sentences.get(&key).map_or(0, |known| known.heard);
        self.pieces
            .iter()
            .filter(|piece| piece.key == key && piece.line < position)
            .map(|piece| piece.from + (position - piece.line).min(piece.samples))
            .fold(settled, u64::max)
    }

    /// Will no more audio of this sentence come?
    pub fn is_complete(&self, utterance: UtteranceId, sentence: u32) -> bool {
        self.sentences.get(&(utterance, sentence)).is_some_and(|known| known.voiced.is_some())
    }

    /// Is every sample of this sentence proved to be heard?
    pub fn is_heard(&self, utterance: UtteranceId, sentence: u32) -> bool {
        self.sentences
            .get(&(utterance, sentence))
            .is_some_and(|known| known.voiced.is_some() && known.heard >= known.ready)
    }

    /// Samples of a sentence that are ready.
    pub fn ready_samples(&self, utterance: UtteranceId, sentence: u32) -> u32 {
        self.sentences.get(&(utterance, sentence)).map_or(0, |known| known.ready as u32)
    }

    /// The words of a sentence for which no audio is ready yet.
    pub fn unspoken(&self, utterance: UtteranceId, sentence: u32) -> Option<&str> {
        let known = self.sentences.get(&(utterance, sentence))?;
        // A word of which half is there is said again rather than lost.
        known.text.get(known.text_until(known.ready, 1).len()..)
    }

    /// Has any sample of this utterance been heard?
    pub fn began(&self, utterance: UtteranceId, now: Moment) -> bool {
        self.of(utterance).any(|(key, _)| self.heard_samples(utterance, key.1, now) > 0)
    }

    /// The words of an utterance heard until now. A word counts when half of it was heard.
    pub fn heard_text(&self, utterance: UtteranceId, now: Moment) -> String {
        let mut text = String::new();
        for (key, sentence) in self.of(utterance) {
            let heard = sentence.heard_text(self.heard_samples(utterance, key.1, now));
            if !heard.is_empty() {
                if !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(heard);
            }
        }
        text
    }

    /// When the word that is being heard will have ended. `None` in silence.
    pub fn word_ends_at(&self, now: Moment) -> Option<Moment> {
        let position = self.position(now);
        let sounding =
            |piece: &&Piece| (piece.line..piece.line + piece.samples).contains(&position);
        let piece = self.pieces.iter().find(sounding)?;
        let sample = piece.from + (position - piece.line);
        let end = self.sentences.get(&piece.key)?.word_end_after(sample)?;
        Some(self.moment_of(piece.line + (end - piece.from)).max(now))
    }

    /// When the first and last proved samples of an utterance sounded.
    pub fn sounded(&self, utterance: UtteranceId) -> Option<(Moment, Moment)> {
        self.of(utterance)
            .filter_map(|(_, sentence)| sentence.sounded)
            .reduce(|all, one| (all.0.min(one.0), all.1.max(one.1)))
    }

    /// Drops what is known of an utterance, when nothing more of it will be sent.
    pub fn forget(&mut self, utterance: UtteranceId) {
        self.sentences.retain(|key, _| key.0 != utterance);
    }

    fn of(&self, utterance: UtteranceId) -> impl Iterator<Item = (&Key, &Sentence)> {
        self.sentences.range((utterance, 0)..=(utterance, u32::MAX))
    }

    /// Where on the line the caller's ear is: by time since the anchor, not past the next mark unless
    /// marks are being lost.
    fn position(&self, now: Moment) -> u64 {
        let (at, line) = self.anchor;
        let next = match self.marks.front() {
            Some(mark) if !self.by_time => mark.line,
            Some(_) | None => self.line,
        };
        (line + now.since(at).as_millis() as u64 * PER_MS).min(next).max(self.proved)
    }

    /// When this position of the line sounded, or will.
    fn moment_of(&self, position: u64) -> Moment {
        let (at, line) = self.anchor;
        if position >= line {
            at + Duration::from_millis((position - line) / PER_MS)
        } else {
            at.before(Duration::from_millis((line - position) / PER_MS))
        }
    }

    fn prove(&mut self, position: u64) {
        while let Some(piece) = self.pieces.front()
            && piece.line < position
        {
            let heard = (position - piece.line).min(piece.samples);
            let (key, from, line) = (piece.key, piece.from, piece.line);
            if heard == piece.samples {
                self.pieces.pop_front();
            }
            let (first, last) = (self.moment_of(line), self.moment_of(line + heard));
            if let Some(sentence) = self.sentences.get_mut(&key) {
                let known = sentence.heard.max(from);
                if from + heard > known {
                    self.news.push(Stretch {
                        utterance: key.0,
                        sentence: key.1,
                        from: known,
                        samples: from + heard - known,
                        at: first + Duration::from_millis((known - from) / PER_MS),
                    });
                }
                sentence.heard = sentence.heard.max(from + heard);
                let first = sentence.sounded.map_or(first, |(first, _)| first);
                sentence.sounded = Some((first, last));
            }
            if self.pieces.front().is_some_and(|piece| piece.line == line) {
                break;
            }
        }
        self.proved = self.proved.max(position);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const U: UtteranceId = UtteranceId(0);

    fn ledger_of(text: &str, samples: u32) -> Ledger {
        let mut ledger = Ledger::default();
        ledger.plan(U, 0, text);
        ledger.ready(U, 0, samples);
        ledger.complete(U, 0, (0, samples));
        ledger
    }

    #[test]
    fn marks_prove_and_time_interpolates_up_to_the_next_mark() {
        let mut ledger = ledger_of("one two three four", 8_000);
        ledger.sent(U, 0, 4_000, Some(MarkId(0)), Moment(0));
        ledger.sent(U, 0, 4_000, Some(MarkId(1)), Moment(0));
        assert_eq!(ledger.ahead(Moment(0)), Duration::from_millis(1_000));
        assert_eq!(ledger.heard_samples(U, 0, Moment(250)), 2_000);
        // The first mark has not come back: no more than what is before it can be heard.
        assert_eq!(ledger.heard_samples(U, 0, Moment(900)), 4_000);
        assert!(ledger.mark_returned(Generation(0), MarkId(0), Moment(600)));
        assert_eq!(ledger.heard_samples(U, 0, Moment(700)), 4_800);
        assert!(!ledger.is_heard(U, 0));
        assert!(ledger.mark_returned(Generation(0), MarkId(1), Moment(1_100)));
        assert!(ledger.is_heard(U, 0));
        assert_eq!(ledger.sounded(U), Some((Moment(100), Moment(1_100))));
    }

    #[test]
    fn marks_that_return_after_a_clear_prove_nothing() {
        let mut ledger = ledger_of("one two three four", 8_000);
        ledger.sent(U, 0, 8_000, Some(MarkId(0)), Moment(0));
        assert_eq!(ledger.clear(Moment(500)), Generation(1));
        assert!(!ledger.mark_returned(Generation(0), MarkId(0), Moment(520)));
        assert_eq!(ledger.heard_text(U, Moment(5_000)), "one two");
        assert_eq!(ledger.ahead(Moment(500)), Duration::ZERO);
        // What was not heard can be sent again, and is then heard whole.
        ledger.sent(U, 0, 4_000, Some(MarkId(1)), Moment(900));
        assert!(ledger.mark_returned(Generation(1), MarkId(1), Moment(1_400)));
        assert!(ledger.is_heard(U, 0));
        assert_eq!(ledger.heard_text(U, Moment(1_400)), "one two three four");
    }

    #[test]
    fn a_mark_proves_only_in_the_generation_it_was_sent_in() {
        let mut ledger = ledger_of("one two three four", 8_000);
        ledger.sent(U, 0, 4_000, Some(MarkId(0)), Moment(0));
        ledger.clear(Moment(0));
        ledger.sent(U, 0, 8_000, Some(MarkId(0)), Moment(100));
        assert!(!ledger.mark_returned(Generation(0), MarkId(0), Moment(150)));
        assert!(ledger.mark_returned(Generation(1), MarkId(0), Moment(1_150)));
    }

    #[test]
    fn a_carrier_that_returns_no_marks_is_followed_by_the_clock() {
        let mut ledger = ledger_of("one two three four", 8_000);
        ledger.sent(U, 0, 800, Some(MarkId(0)), Moment(0));
        ledger.sent(U, 0, 800, Some(MarkId(1)), Moment(0));
        assert_eq!(ledger.heard_samples(U, 0, Moment(1_000)), 800, "the first mark is out");
        assert!(ledger.trusts_marks());
        assert!(ledger.give_up_marks(Moment(1_600)));
        assert!(!ledger.trusts_marks());
        // What is sent now is not held up by marks.
        ledger.sent(U, 0, 1_600, Some(MarkId(2)), Moment(1_600));
        assert_eq!(ledger.heard_samples(U, 0, Moment(1_700)), 2_400);
        assert!(ledger.mark_returned(Generation(0), MarkId(2), Moment(1_820)));
        assert!(ledger.trusts_marks());
    }

    #[test]
    fn a_line_that_ends_without_a_mark_is_heard_in_time() {
        let mut ledger = ledger_of("one", 800);
        ledger.sent(U, 0, 800, None, Moment(0));
        assert!(!ledger.is_heard(U, 0));
        let at = ledger.marks_overdue_at().expect("it is watched");
        assert!(ledger.give_up_marks(at));
        assert!(ledger.is_heard(U, 0));
        assert_eq!(ledger.marks_overdue_at(), None);
    }

    #[test]
    fn the_voices_pace_is_learnt_from_what_it_has_said() {
        let mut ledger = ledger_of("one two three four five six", 27 * 400);
        // Half of the letters' time, and nothing complete: the learnt pace of 50 ms counts.
        ledger.plan(U, 1, "one two three four");
        ledger.ready(U, 1, 800);
        ledger.sent(U, 0, 27 * 400, None, Moment(0));
        ledger.sent(U, 1, 800, None, Moment(0));
        assert_eq!(ledger.heard_text(U, Moment(1_350 + 100)), "one two three four five six one");
    }

    #[test]
    fn lost_marks_are_given_up_in_time() {
        let mut ledger = ledger_of("one", 800);
        ledger.sent(U, 0, 800, Some(MarkId(0)), Moment(0));
        assert_eq!(ledger.marks_overdue_at(), Some(Moment(1_600)));
        assert!(!ledger.give_up_marks(Moment(1_599)));
        assert!(ledger.give_up_marks(Moment(1_600)));
        assert!(ledger.is_heard(U, 0));
    }

    #[test]
    fn the_voices_own_word_times_win() {
        let mut ledger = ledger_of("one two three", 8_000);
        ledger.words(
            U,
            0,
            &[
                WordAt { text_end: 3, end: 800 },
                WordAt { text_end: 7, end: 7_000 },
                WordAt { text_end: 13, end: 8_000 },
            ],
        );
        ledger.sent(U, 0, 8_000, None, Moment(0));
        assert_eq!(ledger.heard_text(U, Moment(120)), "one");
        assert_eq!(ledger.heard_text(U, Moment(480)), "one");
        assert_eq!(ledger.heard_text(U, Moment(520)), "one two");
    }
}
