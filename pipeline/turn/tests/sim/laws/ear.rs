//! What holds at the caller's ear. Each new stretch of sound is judged when it is heard.

use std::collections::{BTreeMap, VecDeque};

use turn::UtteranceId;

use super::{Lawful, Laws, edits};
use crate::sim::line::{Ear, Key, PER_MS, Stretch, Wire};

/// A short word of the agent's takes so long, ms.
const SHORT_WORD: u64 = 200;
/// When the last of an utterance has surely been heard after it was written down, ms, over and above
/// what the line takes.
const LAST_SOUND: u64 = 1_000;

/// What was heard so far.
#[derive(Debug, Default)]
pub struct AtEar {
    /// Stretches that were judged, and how far the last of them.
    judged: usize,
    judged_to: u64,
    /// How much of an utterance was heard, and how much of all (but of fillers) when it was last.
    begun: BTreeMap<UtteranceId, (u64, u64)>,
    heard: u64,
    heard_to: BTreeMap<Key, u64>,
    /// Pauses, from their answers to their ends, ms.
    pauses: Vec<(u64, Option<u64>)>,
    /// When what was written down is compared with what was heard.
    to_compare: VecDeque<u64>,
    compared: usize,
}

impl AtEar {
    pub fn pause_is_answered(&mut self, now: u64) {
        if self.pauses.last().is_none_or(|(_, over)| over.is_some()) {
            self.pauses.push((now, None));
        }
    }

    pub fn pause_is_over(&mut self, now: u64) {
        if let Some((_, over @ None)) = self.pauses.last_mut() {
            *over = Some(now);
        }
    }

    /// One more utterance is written down.
    pub fn is_written_down(&mut self, now: u64) {
        self.to_compare.push_back(now);
    }
}

impl Laws {
    /// Judges what was heard since it was last called.
    pub fn judge_ear(&mut self, now: u64, ear: &Ear, wire: &Wire) -> Lawful {
        while let Some(stretch) = ear.stretches.get(self.at_ear.judged) {
            let from = self.at_ear.judged_to.max(stretch.from);
            if from < stretch.to {
                let at = stretch.at + from - stretch.from;
                self.judge_stretch(&Stretch { key: stretch.key, from, to: stretch.to, at }, wire)?;
            }
            if self.at_ear.judged + 1 == ear.stretches.len() {
                // It may go on.
                self.at_ear.judged_to = stretch.to;
                break;
            }
            self.at_ear.judged += 1;
            self.at_ear.judged_to = 0;
        }
        let late = wire.lead() + wire.round_trip() + wire.doubt() + LAST_SOUND;
        while self.at_ear.to_compare.pop_front_if(|written| *written + late < now).is_some() {
            self.written_as_heard(self.at_ear.compared, ear, wire)?;
            self.at_ear.compared += 1;
        }
        Ok(())
    }

    fn judge_stretch(&mut self, stretch: &Stretch, wire: &Wire) -> Lawful {
        self.silent_in_pause(stretch, wire)?;
        self.not_given_up(stretch, wire)?;
        let slack = (wire.round_trip() + wire.doubt() + 20) * PER_MS;
        self.in_order(stretch, slack)?;
        self.not_lost_or_repeated(stretch, slack)
    }

    /// What can only be judged at the end. Answers the largest difference between what was written
    /// down of an utterance and what was heard of it, in words.
    pub fn whole(&mut self, ear: &Ear, wire: &Wire, over: bool) -> Result<Vec<u32>, String> {
        // The last sounds come after the last step.
        self.judge_ear(u64::MAX / 2, ear, wire)?;
        if !over {
            return Ok(Vec::new());
        }
        (0..self.said.len()).map(|place| self.written_as_heard(place, ear, wire)).collect()
    }

    /// By how many words what was written down differs from what was heard: by no more than can be
    /// known.
    fn written_as_heard(&self, place: usize, ear: &Ear, wire: &Wire) -> Result<u32, String> {
        let (utterance, _, text) = &self.said[place];
        let heard = ear.words(*utterance);
        let written: Vec<&str> = text.split_whitespace().collect();
        let error = edits(&written, &heard);
        let doubt = match wire.doubt() {
            0 => 0,
            doubt => (doubt + wire.round_trip()).div_ceil(SHORT_WORD) as u32,
        };
        let played = ear.stretches.iter().any(|stretch| stretch.key.0 == *utterance);
        if !played && written.len() as u32 > doubt {
            return Err(format!("{text:?} was written down and never played"));
        }
        // The second voice may say a word again, and its pace is another.
        let voices = if self.changed_voice.contains(utterance) { 2 } else { 0 };
        // Of a sentence still being made nobody knows the pace, unless its voice tells.
        let unmade = u32::from(self.cut_unmade.contains(utterance));
        if error > 1 + doubt + voices + unmade {
            let heard = heard.join(" ");
            return Err(format!("{utterance:?}: written {text:?}, heard {heard:?}"));
        }
        Ok(error)
    }

    /// Once a pause is answered the agent is heard no more, but for what plays while the order is on
    /// its way to the carrier.
    fn silent_in_pause(&self, stretch: &Stretch, wire: &Wire) -> Lawful {
        let (from, to) = in_ms(stretch);
        let recent = self.at_ear.pauses.iter().rev();
        let heard_in = recent
            .take_while(|(_, over)| over.is_none_or(|over| over > from))
            .find(|(since, _)| since + wire.slowest() + 20 < to);
        match heard_in {
            Some((since, _)) if !self.may_be_heard_in_pause(stretch.key) => {
                let words = self.texts.get(&stretch.key);
                Err(format!("{words:?} was heard until {to} ms in a pause since {since} ms"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// One utterance plays at a time and none comes back, but around a filler, or for what a clear
    /// took from its end while the next had begun already.
    fn in_order(&mut self, stretch: &Stretch, slack: u64) -> Lawful {
        let of = stretch.key.0;
        let ear = &mut self.at_ear;
        let length = stretch.to - stretch.from;
        if self.texts.get(&(of, 0)) != Some(&self.filler) {
            ear.heard += length;
        }
        // Words that were cleared before the ledger knew that their first sounds were out, and that
        // are said anew, have hardly begun.
        let (begun, heard) = ear.begun.entry(of).or_insert((0, ear.heard));
        let between = (ear.heard - *heard).saturating_sub(length);
        if *begun > slack && between > slack {
            return Err(format!("{of:?} came back after another"));
        }
        *begun += length;
        *heard = ear.heard;
        Ok(())
    }

    /// Of each sentence the ear hears one stretch after the other. Where the carrier was cleared, what
    /// it played while the order was under way can only be guessed: within the round trip.
    fn not_lost_or_repeated(&mut self, stretch: &Stretch, slack: u64) -> Lawful {
        let until = self.at_ear.heard_to.entry(stretch.key).or_default();
        if stretch.from > *until + slack {
            return Err(format!("{:?}: {until} to {} was lost", stretch.key, stretch.from));
        }
        if stretch.from + slack < *until {
            return Err(format!("{:?}: {} to {until} came twice", stretch.key, stretch.from));
        }
        *until = (*until).max(stretch.to);
        Ok(())
    }

    fn not_given_up(&self, stretch: &Stretch, wire: &Wire) -> Lawful {
        let slack = wire.round_trip() + 20;
        let Some(epoch) = self.epochs.get(&stretch.key.0) else { return Ok(()) };
        let (_, ended) = in_ms(stretch);
        // Epochs are given up in their order.
        let first = self.abandoned.partition_point(|(before, _)| before <= epoch);
        match self.abandoned.get(first) {
            Some((_, at)) if ended > at + slack => {
                Err(format!("{stretch:?} was given up at {at} ms and heard"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// From when to when it was heard, ms.
fn in_ms(stretch: &Stretch) -> (u64, u64) {
    (stretch.at / PER_MS, (stretch.at + stretch.to - stretch.from) / PER_MS)
}
