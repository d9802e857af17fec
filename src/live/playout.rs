//! What is sent to the carrier, when, and with which marks.
//!
//! The carrier buffers and plays what it is sent in real time, so playout runs a lead ahead of what
//! was heard and no more: enough to ride out a stall, little enough that a `clear` drops little.
//! Audio is kept until it is proved to be heard, so that after a barge-in that was none the agent goes
//! on from the first unheard sample.

use std::{collections::VecDeque, time::Duration};

use media::frame::{ms_of_samples, samples_of_ms};
use turn::{Epoch, MarkId, UtteranceId, heard::Ledger};

/// Sent at once, at most: one message of the carrier's protocol.
const MESSAGE_MS: u64 = 100;
/// A mark follows at the latest after this much audio.
const MARK_EVERY_MS: u64 = 200;
/// At most this much unplayed audio is kept of one call: five minutes.
const MOST_KEPT: usize = 5 * 60 * 8_000;

/// One sentence's audio.
#[derive(Debug)]
struct Clip {
    epoch: Epoch,
    utterance: UtteranceId,
    sentence: u32,
    mulaw: Vec<u8>,
    /// Where words end, in samples.
    words: Vec<u32>,
    /// Where another voice took over, in samples: it counts from there.
    base: u32,
    sent: usize,
    /// How much of it is followed by a mark.
    marked: usize,
    complete: bool,
}

impl Clip {
    /// Is there, or will there be, something of it to send?
    fn is_open(&self) -> bool {
        !self.complete || self.sent < self.mulaw.len() || self.marked < self.sent
    }
}

/// What to send next: a piece of a sentence, and the mark that follows it. The piece is empty where
/// only the mark is due: the sentence turned out to have ended with what was sent before.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    pub utterance: UtteranceId,
    pub sentence: u32,
    pub mulaw: &'a [u8],
    pub mark: Option<MarkId>,
}

/// The audio of one call that is ready and not yet known to be heard.
#[derive(Debug)]
pub struct Playout {
    clips: VecDeque<Clip>,
    lead: Duration,
    held: bool,
    next_mark: u32,
    unmarked: u64,
}

impl Playout {
    /// Playout that runs `lead` ahead of what was heard.
    pub fn new(lead: Duration) -> Self {
        Playout { clips: VecDeque::new(), lead, held: false, next_mark: 0, unmarked: 0 }
    }

    /// A sentence will come: its place is behind what is queued, or before what has not begun.
    /// The same one again keeps its place.
    pub fn reserve(&mut self, epoch: Epoch, utterance: UtteranceId, sentence: u32, first: bool) {
        if let Some(clip) = self.find(utterance, sentence) {
            clip.complete = false;
            clip.base = clip.mulaw.len() as u32;
            return;
        }
        let (mulaw, words) = (Vec::new(), Vec::new());
        let clip = Clip {
            epoch,
            utterance,
            sentence,
            mulaw,
            words,
            base: 0,
            sent: 0,
            marked: 0,
            complete: false,
        };
        let place = match first {
            true => self.clips.iter().position(|clip| clip.sent == 0),
            false => None,
        };
        self.clips.insert(place.unwrap_or(self.clips.len()), clip);
    }

    /// Takes audio of a sentence; what does not fit is dropped. Answers how much was taken.
    pub fn push(&mut self, utterance: UtteranceId, sentence: u32, mulaw: &[u8]) -> usize {
        let kept: usize = self.clips.iter().map(|clip| clip.mulaw.len()).sum();
        let room = MOST_KEPT.saturating_sub(kept).min(mulaw.len());
        match self.find(utterance, sentence) {
            Some(clip) => {
                clip.mulaw.extend_from_slice(&mulaw[..room]);
                room
            }
            None => 0,
        }
    }

    /// Where words of a sentence end, in samples: marks are set there.
    pub fn words(
        &mut self,
        utterance: UtteranceId,
        sentence: u32,
        ends: impl Iterator<Item = u32>,
    ) {
        if let Some(clip) = self.find(utterance, sentence) {
            let base = clip.base;
            clip.words.extend(ends.map(|end| end.saturating_add(base)));
        }
    }

    /// No more audio of this sentence will come.
    pub fn complete(&mut self, utterance: UtteranceId, sentence: u32) {
        if let Some(clip) = self.find(utterance, sentence) {
            clip.complete = true;
        }
    }

    /// A sentence's audio.
    pub fn audio(&self, utterance: UtteranceId, sentence: u32) -> Option<&[u8]> {
        self.clips
            .iter()
            .find(|clip| (clip.utterance, clip.sentence) == (utterance, sentence))
            .map(|clip| clip.mulaw.as_slice())
    }

    /// All sentences with audio, in their order.
    pub fn clips(&self) -> impl Iterator<Item = (UtteranceId, u32, &[u8])> {
        self.clips.iter().map(|clip| (clip.utterance, clip.sentence, clip.mulaw.as_slice()))
    }

    /// Nothing is sent until released.
    pub fn hold(&mut self) {
        self.held = true;
    }

    /// Sending goes on.
    pub fn release(&mut self) {
        self.held = false;
    }

    /// The carrier's buffer was emptied: what the ledger does not know to be heard is to be sent
    /// again.
    pub fn rewind(&mut self, ledger: &Ledger, now: turn::Moment) {
        self.prune(ledger);
        self.unmarked = 0;
        for clip in &mut self.clips {
            let heard = ledger.heard_samples(clip.utterance, clip.sentence, now) as usize;
            clip.sent = clip.sent.min(heard);
            clip.marked = clip.marked.min(heard);
        }
    }

    /// Drops what was begun before this epoch.
    pub fn abandon(&mut self, before: Epoch) {
        self.clips.retain(|clip| clip.epoch >= before);
    }

    /// Drops what was heard, and what nobody will ask about any more.
    pub fn prune(&mut self, ledger: &Ledger) {
        self.clips.retain_mut(|clip| {
            // The machine may have given a sentence up that its voice never ended.
            clip.complete |= ledger.is_complete(clip.utterance, clip.sentence);
            let done = clip.complete && clip.sent == clip.mulaw.len();
            ledger.knows(clip.utterance, clip.sentence)
                && !(done && ledger.is_heard(clip.utterance, clip.sentence))
        });
    }

    /// The next piece, if less than the lead is `ahead` of what was heard. A sentence that is not
    /// ready holds up those behind it.
    pub fn next(&mut self, ahead: Duration) -> Option<Piece<'_>> {
        if self.held || ahead >= self.lead {
            return None;
        }
        let clip = self.clips.iter_mut().find(|clip| clip.is_open())?;
        let rest = clip.mulaw.len() - clip.sent;
        if rest == 0 && !clip.complete {
            return None;
        }
        let word =
            clip.words.iter().map(|end| *end as usize).find(|end| {
                *end > clip.sent && *end <= clip.sent + samples_of_ms(MESSAGE_MS) as usize
            });
        let length =
            word.map_or(samples_of_ms(MESSAGE_MS) as usize, |end| end - clip.sent).min(rest);
        let from = clip.sent;
        clip.sent += length;
        self.unmarked += length as u64;
        let due = (clip.complete && clip.sent == clip.mulaw.len())
            || word.is_some_and(|end| end == clip.sent)
            || ms_of_samples(self.unmarked) >= MARK_EVERY_MS;
        let mark = due.then(|| {
            self.unmarked = 0;
            clip.marked = clip.sent;
            self.next_mark += 1;
            MarkId(self.next_mark)
        });
        let mulaw = &clip.mulaw[from..from + length];
        Some(Piece { utterance: clip.utterance, sentence: clip.sentence, mulaw, mark })
    }

    /// Is there anything that could be sent now, but for the lead?
    pub fn is_waiting(&self) -> bool {
        !self.held
            && self
                .clips
                .iter()
                .find(|clip| clip.is_open())
                .is_some_and(|clip| clip.complete || clip.sent < clip.mulaw.len())
    }

    fn find(&mut self, utterance: UtteranceId, sentence: u32) -> Option<&mut Clip> {
        self.clips.iter_mut().find(|clip| (clip.utterance, clip.sentence) == (utterance, sentence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAD: Duration = Duration::from_millis(400);

    #[test]
    fn sends_a_lead_ahead_in_messages_with_marks_at_words_and_ends() {
        let mut playout = Playout::new(LEAD);
        playout.reserve(Epoch(0), UtteranceId(0), 0, false);
        playout.push(UtteranceId(0), 0, &[0x55; 2_000]);
        playout.words(UtteranceId(0), 0, [600].into_iter());
        let mut sent = Vec::new();
        while let Some(piece) = playout.next(Duration::ZERO) {
            sent.push((piece.mulaw.len(), piece.mark));
        }
        assert_eq!(sent, [(600, Some(MarkId(1))), (800, None), (600, None)]);
        assert!(playout.next(Duration::ZERO).is_none(), "the sentence goes on; nothing is ready");
        playout.push(UtteranceId(0), 0, &[0x55; 100]);
        playout.complete(UtteranceId(0), 0);
        assert!(playout.next(LEAD).is_none(), "the lead is full");
        let last = playout.next(Duration::ZERO).map(|piece| (piece.mulaw.len(), piece.mark));
        assert_eq!(last, Some((100, Some(MarkId(2)))));
    }

    #[test]
    fn a_sentence_that_turns_out_to_have_ended_gets_its_mark() {
        let mut playout = Playout::new(LEAD);
        playout.reserve(Epoch(0), UtteranceId(0), 0, false);
        playout.push(UtteranceId(0), 0, &[0x55; 400]);
        let sent = playout.next(Duration::ZERO).map(|piece| (piece.mulaw.len(), piece.mark));
        assert_eq!(sent, Some((400, None)));
        assert!(playout.next(Duration::ZERO).is_none());
        playout.complete(UtteranceId(0), 0);
        let mark = playout.next(Duration::ZERO).map(|piece| (piece.mulaw.len(), piece.mark));
        assert_eq!(mark, Some((0, Some(MarkId(1)))));
        assert!(playout.next(Duration::ZERO).is_none());
    }

    #[test]
    fn a_first_sentence_overtakes_only_what_has_not_begun() {
        let mut playout = Playout::new(LEAD);
        playout.reserve(Epoch(0), UtteranceId(0), 0, false);
        playout.push(UtteranceId(0), 0, &[1; 80]);
        playout.complete(UtteranceId(0), 0);
        playout.reserve(Epoch(0), UtteranceId(1), 0, false);
        playout.push(UtteranceId(1), 0, &[2; 80]);
        assert_eq!(playout.next(Duration::ZERO).map(|piece| piece.mulaw[0]), Some(1));
        playout.reserve(Epoch(0), UtteranceId(2), 0, true);
        playout.push(UtteranceId(2), 0, &[3; 80]);
        playout.complete(UtteranceId(2), 0);
        assert_eq!(playout.next(Duration::ZERO).map(|piece| piece.mulaw[0]), Some(3));
        assert_eq!(playout.next(Duration::ZERO).map(|piece| piece.mulaw[0]), Some(2));
    }
}
