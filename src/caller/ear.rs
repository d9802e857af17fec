//! What the caller hears: the carrier's playout buffer, with the time passed in.
//!
//! Audio is played in the order it came, 8 bytes a millisecond, without a break while there is any.
//! A mark comes back when all that was queued before it has been played, at once if nothing is
//! queued, and at once after [`Ear::clear`]. Silence is kept where nothing was queued, so
//! [`Ear::heard`] is what a recorder at the caller's ear would hold.
//!
//! Knows nothing of sockets or messages; one ear serves a whole call, stream after stream.

use std::collections::VecDeque;

use media::g711;

use super::clock::{PER_MS, Tick};

/// Mu-law zero: what is heard where nothing is played.
pub const SILENCE: u8 = 0xFF;

/// The most audio that is kept waiting to be played: ten minutes. The real carrier names no limit.
pub const MAX_BUFFERED: usize = 10 * 60 * 1000 * PER_MS as usize;

/// The most marks that are kept waiting to come back.
pub const MAX_MARKS: usize = 10_000;

/// A pause shorter than this between two pieces of audio is reported as a gap.
pub const LONGEST_GAP: Tick = Tick::from_ms(500);

/// Samples up to this are silence: 45 dB below the loudest.
const QUIET: u16 = 184;

/// The most gaps that are kept.
const MAX_GAPS: usize = 10_000;

/// Why a mark came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// What was queued before it has been played.
    Played,
    /// Nothing was queued when it came.
    AtOnce,
    /// What was queued before it was dropped.
    Cleared,
}

/// A mark that goes back to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Echo {
    /// The mark's name, as it came.
    pub name: String,
    /// When it is due back.
    pub at: Tick,
    /// Why.
    pub returned: Returned,
}

/// What a `clear`, or the stream's end, dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Audio that was never heard.
    pub audio: Tick,
    /// Marks that had not come back.
    pub marks: usize,
}

/// A short silence between two pieces of audio: the server sent too late, or meant a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// When the buffer ran dry.
    pub from: Tick,
    /// When there was audio again.
    pub to: Tick,
}

/// The buffer holds all that it may; what came was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// More than ten minutes of audio.
    #[error("more than ten minutes of audio wait to be played")]
    Audio,
    /// More than 10 000 marks.
    #[error("more than {MAX_MARKS} marks wait to come back")]
    Marks,
}

enum Item {
    Audio { bytes: Vec<u8>, played: usize, loud: bool },
    Mark(String),
}

/// The carrier's playout buffer and the caller's ear behind it.
#[derive(Default)]
pub struct Ear {
    queue: VecDeque<Item>,
    /// Bytes in `queue` that have not been played.
    buffered: usize,
    /// Pieces in `queue` that hold more than silence.
    loud: usize,
    /// Marks in `queue`.
    marks: usize,
    /// All that was heard; its length is the time up to which all is settled.
    heard: Vec<u8>,
    /// When the buffer last ran dry by itself; none before the first audio and after a clear.
    dry_since: Option<Tick>,
    gaps: Vec<Gap>,
    echoes: VecDeque<Echo>,
}

impl Ear {
    /// An ear that has heard nothing, at the call's beginning.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Up to when all is settled: played, or silence.
    #[must_use]
    pub fn now(&self) -> Tick {
        Tick(self.heard.len() as u64)
    }

    /// Plays what is queued up to `to`. A moment that is past already changes nothing.
    pub fn advance(&mut self, to: Tick) {
        let mut left = usize::try_from(to.since(self.now()).0).unwrap_or(usize::MAX);
        while left > 0 {
            match self.queue.front_mut() {
                Some(Item::Audio { bytes, played, loud }) => {
                    let take = left.min(bytes.len() - *played);
                    self.heard.extend_from_slice(&bytes[*played..*played + take]);
                    *played += take;
                    self.buffered -= take;
                    left -= take;
                    if *played == bytes.len() {
                        self.loud -= usize::from(*loud);
                        self.queue.pop_front();
                        self.return_reached();
                    }
                    if self.buffered == 0 {
                        self.dry_since = Some(self.now());
                    }
                }
                // A mark never stands at the head: it goes back as soon as it is reached.
                Some(Item::Mark(_)) | None => {
                    self.heard.resize(self.heard.len() + left, SILENCE);
                    left = 0;
                }
            }
        }
    }

    /// Queues audio that came at `now`. An empty piece is nothing.
    ///
    /// # Errors
    /// The buffer would hold more than ten minutes of audio; nothing of it is taken.
    pub fn push_media(&mut self, now: Tick, mulaw: &[u8]) -> Result<(), Full> {
        self.advance(now);
        if mulaw.is_empty() {
            return Ok(());
        }
        if self.buffered + mulaw.len() > MAX_BUFFERED {
            return Err(Full::Audio);
        }
        if let Some(from) = self.dry_since.take() {
            let to = self.now();
            if to > from && to.since(from) < LONGEST_GAP && self.gaps.len() < MAX_GAPS {
                self.gaps.push(Gap { from, to });
            }
        }
        self.buffered += mulaw.len();
        let loud = mulaw.iter().any(|byte| g711::decode(*byte).unsigned_abs() > QUIET);
        self.loud += usize::from(loud);
        self.queue.push_back(Item::Audio { bytes: mulaw.to_vec(), played: 0, loud });
        Ok(())
    }

    /// Queues a mark that came at `now`; with nothing before it, it goes back at once.
    ///
    /// # Errors
    /// 10 000 marks wait already; this one will not come back.
    pub fn mark(&mut self, now: Tick, name: &str) -> Result<(), Full> {
        self.advance(now);
        if self.queue.is_empty() {
            let at = self.now().max(now);
            self.echoes.push_back(Echo { name: name.to_owned(), at, returned: Returned::AtOnce });
            return Ok(());
        }
        if self.marks >= MAX_MARKS {
            return Err(Full::Marks);
        }
        self.marks += 1;
        self.queue.push_back(Item::Mark(name.to_owned()));
        Ok(())
    }

    /// Drops what has not been played by `now`, and sends back every mark in it.
    pub fn clear(&mut self, now: Tick) -> Dropped {
        self.advance(now);
        let at = self.now().max(now);
        let dropped = Dropped { audio: Tick(self.buffered as u64), marks: self.marks };
        for item in self.queue.drain(..) {
            if let Item::Mark(name) = item {
                self.echoes.push_back(Echo { name, at, returned: Returned::Cleared });
            }
        }
        self.buffered = 0;
        self.loud = 0;
        self.marks = 0;
        self.dry_since = None;
        dropped
    }

    /// The stream ended at `now`: what was queued is never heard, and no mark comes back any more.
    pub fn cut_off(&mut self, now: Tick) -> Dropped {
        let dropped = self.clear(now);
        self.echoes.clear();
        dropped
    }

    /// The next mark to send back, in order.
    pub fn next_echo(&mut self) -> Option<Echo> {
        self.echoes.pop_front()
    }

    /// When the next queued mark will be reached if nothing else comes.
    #[must_use]
    pub fn due(&self) -> Option<Tick> {
        if self.marks == 0 {
            return None;
        }
        let mut at = self.now();
        for item in &self.queue {
            match item {
                Item::Audio { bytes, played, .. } => {
                    at = at.plus(Tick((bytes.len() - played) as u64));
                }
                Item::Mark(_) => return Some(at),
            }
        }
        None
    }

    /// How much audio waits to be played.
    #[must_use]
    pub fn buffered(&self) -> Tick {
        Tick(self.buffered as u64)
    }

    /// Whether anything but silence waits to be played: some gateways never stop sending.
    #[must_use]
    pub fn sounds_ahead(&self) -> bool {
        self.loud > 0
    }

    /// All that was heard so far, mu-law, from the call's beginning.
    #[must_use]
    pub fn heard(&self) -> &[u8] {
        &self.heard
    }

    /// As [`Ear::heard`], when nothing more is to be heard.
    #[must_use]
    pub fn into_heard(self) -> Vec<u8> {
        self.heard
    }

    /// The short silences between pieces of audio.
    #[must_use]
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    fn return_reached(&mut self) {
        while let Some(Item::Mark(_)) = self.queue.front() {
            let at = self.now();
            if let Some(Item::Mark(name)) = self.queue.pop_front() {
                self.marks -= 1;
                self.echoes.push_back(Echo { name, at, returned: Returned::Played });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(ms: u64) -> Tick {
        Tick::from_ms(ms)
    }

    fn audio(ms: usize, byte: u8) -> Vec<u8> {
        vec![byte; ms * 8]
    }

    fn echoes(ear: &mut Ear) -> Vec<(String, u64, Returned)> {
        std::iter::from_fn(|| ear.next_echo())
            .map(|echo| (echo.name, echo.at.ms(), echo.returned))
            .collect()
    }

    #[test]
    fn a_mark_with_nothing_before_it_comes_back_at_once() {
        let mut ear = Ear::new();
        ear.mark(ms(50), "a").unwrap();
        assert_eq!(echoes(&mut ear), [("a".to_owned(), 50, Returned::AtOnce)]);
        assert_eq!(ear.due(), None);
    }

    #[test]
    fn a_mark_comes_back_when_the_audio_before_it_was_played() {
        let mut ear = Ear::new();
        ear.push_media(ms(100), &audio(60, 1)).unwrap();
        ear.mark(ms(101), "a").unwrap();
        ear.push_media(ms(102), &audio(40, 2)).unwrap();
        ear.mark(ms(103), "b").unwrap();
        ear.mark(ms(103), "c").unwrap();
        assert_eq!(ear.due(), Some(ms(160)));
        ear.advance(ms(159));
        assert_eq!(echoes(&mut ear), []);
        ear.advance(ms(500));
        assert_eq!(
            echoes(&mut ear),
            [
                ("a".to_owned(), 160, Returned::Played),
                ("b".to_owned(), 200, Returned::Played),
                ("c".to_owned(), 200, Returned::Played),
            ]
        );
        assert_eq!(ear.heard()[100 * 8 - 1..=100 * 8], [SILENCE, 1]);
        assert_eq!(ear.heard()[160 * 8 - 1..=160 * 8], [1, 2]);
        assert_eq!(ear.heard()[200 * 8 - 1..=200 * 8], [2, SILENCE]);
    }

    #[test]
    fn clear_drops_the_audio_and_returns_every_pending_mark() {
        let mut ear = Ear::new();
        ear.push_media(ms(0), &audio(1_000, 1)).unwrap();
        ear.mark(ms(0), "a").unwrap();
        ear.push_media(ms(0), &audio(1_000, 2)).unwrap();
        ear.mark(ms(0), "b").unwrap();
        assert_eq!(ear.clear(ms(300)), Dropped { audio: ms(1_700), marks: 2 });
        assert_eq!(
            echoes(&mut ear),
            [("a".to_owned(), 300, Returned::Cleared), ("b".to_owned(), 300, Returned::Cleared)]
        );
        assert_eq!(ear.clear(ms(310)), Dropped { audio: ms(0), marks: 0 });
        ear.advance(ms(400));
        assert_eq!(ear.heard()[300 * 8 - 1..=300 * 8], [1, SILENCE]);
    }

    #[test]
    fn a_clear_that_is_learnt_of_late_does_not_unplay() {
        let mut ear = Ear::new();
        ear.push_media(ms(0), &audio(100, 1)).unwrap();
        ear.advance(ms(80));
        assert_eq!(ear.clear(ms(60)).audio, ms(20));
        assert_eq!(ear.now(), ms(80));
    }

    #[test]
    fn a_late_packet_leaves_a_gap_and_a_clear_does_not() {
        let mut ear = Ear::new();
        ear.push_media(ms(0), &audio(100, 1)).unwrap();
        ear.push_media(ms(130), &audio(100, 1)).unwrap();
        ear.clear(ms(150));
        ear.push_media(ms(200), &audio(20, 1)).unwrap();
        ear.push_media(ms(3_000), &audio(20, 1)).unwrap();
        assert_eq!(ear.gaps(), [Gap { from: ms(100), to: ms(130) }]);
    }

    #[test]
    fn more_than_the_buffer_holds_is_refused_whole() {
        let mut ear = Ear::new();
        ear.push_media(ms(0), &vec![1; MAX_BUFFERED]).unwrap();
        assert_eq!(ear.push_media(ms(0), &[1]), Err(Full::Audio));
        ear.push_media(ms(1), &[1; 8]).unwrap();
        for _ in 0..MAX_MARKS {
            ear.mark(ms(1), "m").unwrap();
        }
        assert_eq!(ear.mark(ms(1), "m"), Err(Full::Marks));
    }

    #[test]
    fn silence_that_waits_is_not_sound() {
        let mut ear = Ear::new();
        ear.push_media(ms(0), &audio(100, 0xFE)).unwrap();
        assert!(!ear.sounds_ahead());
        ear.push_media(ms(0), &audio(20, 0xA0)).unwrap();
        ear.advance(ms(119));
        assert!(ear.sounds_ahead());
        ear.advance(ms(120));
        assert!(!ear.sounds_ahead());
        ear.push_media(ms(120), &audio(20, 0xA0)).unwrap();
        ear.clear(ms(121));
        assert!(!ear.sounds_ahead());
    }

    #[test]
    fn after_the_stream_ended_no_mark_comes_back() {
        let mut ear = Ear::new();
        ear.push_media(ms(0), &audio(100, 1)).unwrap();
        ear.mark(ms(0), "a").unwrap();
        assert_eq!(ear.cut_off(ms(40)), Dropped { audio: ms(60), marks: 1 });
        ear.advance(ms(500));
        assert_eq!(echoes(&mut ear), []);
    }

    #[derive(Clone, Debug)]
    enum Did {
        Waited(u64),
        Media(usize),
        Mark,
        Clear,
    }

    fn deeds() -> impl Strategy<Value = Vec<Did>> {
        let deed = prop_oneof![
            (1_u64..2_000).prop_map(Did::Waited),
            (1_usize..3_000).prop_map(Did::Media),
            Just(Did::Mark),
            Just(Did::Clear),
        ];
        prop::collection::vec(deed, 0..60)
    }

    proptest! {
        /// Against a model that plays one sample at a time.
        #[test]
        fn plays_as_a_sample_by_sample_player_would(deeds in deeds(), hop in 1_u64..500) {
            let mut ear = Ear::new();
            let mut now = Tick(0);
            let mut model: VecDeque<Result<u8, String>> = VecDeque::new();
            let (mut heard, mut returned, mut got) = (Vec::new(), Vec::new(), Vec::new());
            let mut names = 0;
            for deed in deeds {
                match deed {
                    Did::Waited(ticks) => {
                        for _ in 0..ticks {
                            heard.push(match model.pop_front() {
                                Some(Ok(byte)) => byte,
                                Some(Err(_)) => unreachable!("marks leave with the byte before"),
                                None => SILENCE,
                            });
                            while let Some(Err(name)) = model.front() {
                                returned.push((name.clone(), heard.len() as u64));
                                model.pop_front();
                            }
                        }
                        let target = now.plus(Tick(ticks));
                        while now < target {
                            now = now.plus(Tick(hop)).min(target);
                            ear.advance(now);
                        }
                    }
                    Did::Media(length) => {
                        let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
                        model.extend(bytes.iter().copied().map(Ok));
                        ear.push_media(now, &bytes).unwrap();
                    }
                    Did::Mark => {
                        names += 1;
                        let name = names.to_string();
                        if model.is_empty() {
                            returned.push((name.clone(), now.0));
                        } else {
                            model.push_back(Err(name.clone()));
                        }
                        ear.mark(now, &name).unwrap();
                    }
                    Did::Clear => {
                        let bytes = model.iter().filter(|item| item.is_ok()).count() as u64;
                        for name in model.drain(..).filter_map(Result::err) {
                            returned.push((name, now.0));
                        }
                        prop_assert_eq!(ear.clear(now).audio, Tick(bytes));
                    }
                }
                got.extend(std::iter::from_fn(|| ear.next_echo()).map(|e| (e.name, e.at.0)));
                let due = model.iter().position(Result::is_err).map(|at| now.plus(Tick(at as u64)));
                prop_assert_eq!(ear.due(), due);
                prop_assert_eq!(ear.now(), now);
            }
            prop_assert_eq!(ear.heard(), &heard[..]);
            prop_assert_eq!(got, returned);
        }
    }
}
