//! One connection of a Realtime transcription: what waits to be sent, at which pace, and what is
//! awaited.

use std::{collections::VecDeque, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::{items::Items, wire};
use crate::recognition::{Out, timeline::Timeline};

/// What is sent at once: 40 ms.
const BUNDLE_BYTES: usize = 320;

/// Audio is sent at most so many times as fast as it is spoken: beyond about four times, the vendor
/// has been seen to lose some without a word.
const FASTEST: u32 = 3;

/// The vendor refuses to commit less than a tenth of a second.
const SHORTEST_MS: u64 = 100;

/// What may wait to be sent: some twenty seconds, which a carrier in step with time never needs. The
/// oldest goes.
const MOST_QUEUED: usize = 512;

/// What is known of one connection.
#[derive(Default)]
pub(super) struct Line {
    pub(super) ready: bool,
    timeline: Timeline,
    /// Where the audio that was queued ends.
    pub(super) queued_ms: u64,
    /// Audio that is too little to send, and its place.
    bundle: Option<(u64, BytesMut)>,
    queue: VecDeque<Queued>,
    /// When the next of the queue may be sent.
    next_at: Option<Instant>,
    /// Queued since the last commit, ms.
    uncommitted_ms: u64,
    /// Where the last commit was made.
    pub(super) committed_ms: u64,
    /// Commits made here that the vendor has not confirmed: their places, and since when.
    pub(super) commits: VecDeque<(u64, Instant)>,
    pub(super) items: Items,
    /// The last guess told.
    pub(super) guess: String,
    /// When to commit, if the vendor has not by then.
    pub(super) commit_at: Option<Instant>,
    pub(super) goodbye: bool,
}

/// What waits to be sent.
enum Queued {
    Audio(u64, Bytes),
    /// Of all up to this place.
    Commit(u64),
}

impl Line {
    pub(super) fn audio(&mut self, at_ms: u64, mulaw: &[u8]) {
        let continues = |(from_ms, bundle): &(u64, BytesMut)| {
            (from_ms + bundle.len() as u64 / 8).abs_diff(at_ms) <= 1
        };
        if self.bundle.as_ref().is_some_and(|bundle| !continues(bundle)) {
            self.flush();
        }
        let (_, bundle) = self.bundle.get_or_insert_with(|| (at_ms, BytesMut::new()));
        bundle.extend_from_slice(mulaw);
        if bundle.len() >= BUNDLE_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if let Some((at_ms, bundle)) = self.bundle.take() {
            self.queue_audio(at_ms, bundle.freeze());
        }
    }

    pub(super) fn queue_audio(&mut self, at_ms: u64, mulaw: Bytes) {
        let ms = mulaw.len() as u64 / 8;
        self.queued_ms = at_ms + ms;
        self.uncommitted_ms += ms;
        self.queue.push_back(Queued::Audio(at_ms, mulaw));
        if self.queue.len() > MOST_QUEUED {
            self.queue.pop_front();
        }
    }

    /// Commits what was queued; false where it is less than the vendor takes.
    pub(super) fn queue_commit(&mut self) -> bool {
        self.flush();
        if self.uncommitted_ms < SHORTEST_MS {
            return false;
        }
        self.uncommitted_ms = 0;
        self.queue.push_back(Queued::Commit(self.queued_ms));
        true
    }

    /// Are all words there of what was committed?
    pub(super) fn owes_nothing(&self) -> bool {
        let queued = self.queue.iter().any(|queued| matches!(queued, Queued::Commit(_)));
        !queued && self.commits.is_empty() && self.items.is_empty()
    }

    /// Sends what the pace allows.
    pub(super) fn pump(&mut self, now: Instant, out: &mut Out) {
        while !self.queue.is_empty() {
            if self.next_at.is_some_and(|at| at > now) {
                return;
            }
            match self.queue.pop_front() {
                Some(Queued::Audio(at_ms, mulaw)) => {
                    self.timeline.sent(at_ms, mulaw.len());
                    let takes = Duration::from_micros(mulaw.len() as u64 * 125) / FASTEST;
                    self.next_at = Some(self.next_at.unwrap_or(now).max(now) + takes);
                    out.messages.push(Message::text(wire::append(&mulaw)));
                }
                Some(Queued::Commit(at_ms)) => {
                    self.commits.push_back((at_ms, now));
                    out.messages.push(Message::text(wire::COMMIT));
                }
                None => {}
            }
        }
    }

    /// When [`Line::pump`] is due.
    pub(super) fn pump_at(&self) -> Option<Instant> {
        self.next_at.filter(|_| !self.queue.is_empty())
    }

    /// Is all sent that was queued, and its words there?
    pub(super) fn is_done(&self) -> bool {
        self.ready && self.goodbye && self.queue.is_empty() && self.owes_nothing()
    }

    /// The place in the call of the vendor's ms; not beyond what was sent.
    pub(super) fn place(&self, ms: u64, end: bool) -> u64 {
        let seconds = ms as f64 / 1_000.0;
        let place = match end {
            true => self.timeline.end_ms(seconds),
            false => self.timeline.start_ms(seconds),
        };
        place.min(self.queued_ms)
    }
}
