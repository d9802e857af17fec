//! The carrier of a simulated call: buffers what it is sent, plays it in real time, echoes marks, and
//! knows what was heard. Time is a number, in ms.

use std::collections::VecDeque;

use turn::{Generation, MarkId, UtteranceId};

pub type Key = (UtteranceId, u32);

/// Samples in a ms.
pub const PER_MS: usize = 8;

/// What goes over the wire to the carrier.
#[derive(Clone, Debug)]
pub enum Message {
    Audio { key: Key, from: usize, mulaw: Vec<u8> },
    Mark(Generation, MarkId),
    Clear,
}

/// A part of a sentence that was heard without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub key: Key,
    pub from: usize,
    pub to: usize,
    pub began: u64,
    pub ended: u64,
}

#[derive(Debug, Default)]
pub struct Carrier {
    buffer: VecDeque<Message>,
    pub heard: Vec<Stretch>,
    /// All that sounded, silence included, from 0 ms on.
    pub sound: Vec<u8>,
}

impl Carrier {
    /// A message comes in; marks that were cleared go back at once.
    pub fn arrive(&mut self, message: Message, echoes: &mut Vec<(Generation, MarkId)>) {
        if !matches!(message, Message::Clear) {
            self.buffer.push_back(message);
            return;
        }
        for message in self.buffer.drain(..) {
            if let Message::Mark(generation, mark) = message {
                echoes.push((generation, mark));
            }
        }
    }

    /// Plays the ms that ends at `now`.
    pub fn play(&mut self, now: u64, echoes: &mut Vec<(Generation, MarkId)>) {
        let mut room = PER_MS;
        while let Some(front) = self.buffer.front_mut() {
            match front {
                Message::Mark(generation, mark) => echoes.push((*generation, *mark)),
                Message::Audio { key, from, mulaw } if room > 0 => {
                    let count = mulaw.len().min(room);
                    let (key, at) = (*key, *from);
                    self.sound.extend(mulaw.drain(..count));
                    *from += count;
                    room -= count;
                    let more = !mulaw.is_empty();
                    match self.heard.last_mut() {
                        Some(last) if (last.key, last.to) == (key, at) && last.ended + 1 >= now => {
                            (last.to, last.ended) = (at + count, now);
                        }
                        _ => self.heard.push(Stretch {
                            key,
                            from: at,
                            to: at + count,
                            began: now - 1,
                            ended: now,
                        }),
                    }
                    if more {
                        break;
                    }
                }
                Message::Audio { .. } | Message::Clear => break,
            }
            self.buffer.pop_front();
        }
        self.sound.extend(std::iter::repeat_n(media::g711::SILENCE, room));
    }
}
