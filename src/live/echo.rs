//! Is the voice that the VAD hears our own, come back? One call's echo guard.
//!
//! [`media::echo::Guard`] compares two streams of sound; here they are brought side by side: what the
//! caller's frame holds, and what sounded of the agent in the same 20 ms, which is read from the
//! ledger's interpolated positions in the playout's audio. What follows from the answer is decided in
//! [`turn`].

use std::collections::VecDeque;

use media::{
    echo::{Guard, Path},
    frame::{FRAME_SAMPLES, samples_of_ms},
    g711,
};
use turn::{Moment, UtteranceId, heard::Ledger};

/// When the agent begins to sound, the ledger counts from the sending; when the first mark comes back
/// it finds itself early by the way there and back, and stands still for so long. The agent's side is
/// held back by that much from the beginning, so that it runs without a hole. This is taken for it
/// until a hole has shown how long it is, in samples: 60 ms.
const HELD_BACK: usize = 3 * FRAME_SAMPLES;
/// The most that is held back: 200 ms.
const MOST_HELD_BACK: usize = 10 * FRAME_SAMPLES;
/// What may wait beyond that, 60 ms: more is a jump of the ledger's, put right at once.
const MOST_AHEAD: usize = 3 * FRAME_SAMPLES;
/// A longer hole is the agent's silence: 300 ms.
const SILENT_AFTER: usize = 15 * FRAME_SAMPLES;

/// A voice that goes on is judged by this much of it, ms: long enough to be sure, short enough that a
/// caller who joins in is noticed soon.
const WINDOW_MS: u64 = 240;

/// A changed mind is told when it has changed so much, of 1.
const NEWS: f32 = 0.2;

/// It is told when it has held for so many frames: a single doubtful syllable is no news.
const HOLDS: u32 = 3;

/// Where likely becomes unlikely; crossing it is news however small the step.
const EVEN: f32 = 0.5;

/// A voice that the VAD hears.
#[derive(Clone, Copy, Debug)]
struct Voice {
    /// Its first sample.
    from: u64,
    told: Option<f32>,
    /// Frames for which something else was true.
    otherwise: u32,
}

/// The agent's audio on its way to be compared.
#[derive(Debug)]
struct Sounding {
    waiting: VecDeque<u8>,
    held_back: usize,
    /// Not before so much waits as is held back.
    runs: bool,
    /// How long it has had nothing to give.
    hole: usize,
}

impl Default for Sounding {
    fn default() -> Self {
        Sounding { waiting: VecDeque::new(), held_back: HELD_BACK, runs: false, hole: 0 }
    }
}

impl Sounding {
    /// The next `count` samples, or fewer.
    fn next(&mut self, count: usize, samples: &mut Vec<i16>) {
        let most = count + self.held_back + MOST_AHEAD;
        self.waiting.drain(..self.waiting.len().saturating_sub(most));
        self.runs |= self.waiting.len() >= count + self.held_back;
        let given = if self.runs { self.waiting.len().min(count) } else { 0 };
        samples.extend(self.waiting.drain(..given).map(g711::decode));
        if given == count {
            self.held_back = (self.held_back + self.hole).min(MOST_HELD_BACK);
            self.hole = 0;
        } else if self.runs {
            self.hole += count - given;
        }
        if self.hole >= SILENT_AFTER {
            (self.runs, self.hole) = (false, 0);
        }
    }
}

/// One call's echo guard.
#[derive(Debug, Default)]
pub struct EchoGuard {
    guard: Guard,
    /// How far each sentence had sounded when last looked at.
    known: Vec<(UtteranceId, u32, usize)>,
    sounding: Sounding,
    voice: Option<Voice>,
    agent: Vec<i16>,
    caller: Vec<i16>,
}

impl EchoGuard {
    /// Takes what has sounded until `now`. `clips` are the sentences in playout, in their order, each
    /// with its audio. To be called before each of the caller's frames.
    pub fn sounded<'a>(
        &mut self,
        clips: impl Iterator<Item = (UtteranceId, u32, &'a [u8])>,
        ledger: &Ledger,
        now: Moment,
    ) {
        let mut known = Vec::with_capacity(self.known.len());
        for (utterance, sentence, audio) in clips {
            let heard = ledger.heard_samples(utterance, sentence, now) as usize;
            let heard = heard.min(audio.len());
            let before = self
                .known
                .iter()
                .find(|known| (known.0, known.1) == (utterance, sentence))
                .map_or(0, |known| known.2);
            if let Some(fresh) = audio.get(before..heard) {
                self.sounding.waiting.extend(fresh);
            }
            if heard > 0 {
                known.push((utterance, sentence, heard.max(before)));
            }
        }
        self.known = known;
    }

    /// Takes the caller's next audio, silence for what was lost included. Answers the likeness, 0 to 1,
    /// of the voice that lasts, if what was said of it last no longer holds.
    pub fn frame(&mut self, mulaw: &[u8]) -> Option<f32> {
        self.agent.clear();
        self.sounding.next(mulaw.len(), &mut self.agent);
        self.caller.clear();
        g711::decode_into(mulaw, &mut self.caller);
        self.guard.push(&self.agent, &self.caller);
        let voice = self.voice?;
        let now = self.guard.position();
        let likeness = self.guard.judge_since(voice.from.max(now - window().min(now)))?;
        let news = voice.told.is_none_or(|told| {
            (told - likeness).abs() >= NEWS || (told < EVEN) != (likeness < EVEN)
        });
        let otherwise = if news { voice.otherwise + 1 } else { 0 };
        let tell = otherwise >= HOLDS || (news && voice.told.is_none());
        self.voice = Some(match tell {
            true => Voice { told: Some(likeness), otherwise: 0, ..voice },
            false => Voice { otherwise, ..voice },
        });
        tell.then_some(likeness)
    }

    /// The VAD hears a voice since `at_ms` of the caller's audio. Answers how likely it is the agent's
    /// own, 0 to 1, where there is anything to go by.
    pub fn voice_started(&mut self, at_ms: u64) -> Option<f32> {
        let from = samples_of_ms(at_ms);
        let told = self.guard.judge_since(from);
        self.voice = Some(Voice { from, told, otherwise: 0 });
        told
    }

    /// The voice has ended.
    pub fn voice_stopped(&mut self) {
        self.voice = None;
    }

    /// The way of the echo, once it is known. Its delay counts from when the ledger takes the agent's
    /// audio for heard, less what is held back and no mark has claimed.
    #[must_use]
    pub fn path(&self) -> Option<Path> {
        self.guard.path()
    }
}

fn window() -> u64 {
    samples_of_ms(WINDOW_MS)
}

#[cfg(test)]
mod tests {
    use turn::MarkId;

    use super::*;

    const U: UtteranceId = UtteranceId(0);

    /// Sounds like speech to the guard: bursts of changing tones.
    fn babble(samples: usize) -> Vec<u8> {
        let sample = |place: usize| {
            let burst = place / 900;
            let hz = 250.0 + (burst * 7_919 % 23) as f32 * 130.0;
            let loud = if burst % 4 == 3 { 0.0 } else { 6_000.0 };
            let turn = std::f32::consts::TAU * hz * place as f32 / 8_000.0;
            g711::encode((loud * (turn.sin() + 0.5 * (1.7 * turn).sin())) as i16)
        };
        (0..samples).map(sample).collect()
    }

    /// A ledger whose one sentence sounds from 0 ms on.
    fn sounding(samples: u32) -> Ledger {
        let mut ledger = Ledger::default();
        ledger.plan(U, 0, "words");
        ledger.ready(U, 0, samples);
        ledger.sent(U, 0, samples, Some(MarkId(0)), Moment(0));
        ledger
    }

    /// Plays a call of `ms` in which `caller` answers each frame, given the agent's audio until now.
    fn play(
        guard: &mut EchoGuard,
        audio: &[u8],
        ms: u64,
        caller: impl Fn(usize) -> u8,
    ) -> Vec<(u64, f32)> {
        let ledger = sounding(audio.len() as u32);
        let mut told = Vec::new();
        for now in (20..=ms).step_by(20) {
            // Frames come unevenly.
            let late = if now % 60 == 0 { 13 } else { 0 };
            guard.sounded([(U, 0, audio)].into_iter(), &ledger, Moment(now + late));
            let end = now as usize * 8;
            let frame: Vec<u8> = (end - FRAME_SAMPLES..end).map(&caller).collect();
            told.extend(guard.frame(&frame).map(|likeness| (now, likeness)));
        }
        told
    }

    #[test]
    fn our_own_voice_200_ms_later_is_known_at_its_onset() {
        let audio = babble(8 * 6_000);
        let softer = |byte: u8| g711::encode(g711::decode(byte) / 8);
        let echo = |place: usize| {
            place.checked_sub(1_600).and_then(|place| audio.get(place)).map_or(0xFF, |b| softer(*b))
        };
        let mut guard = EchoGuard::default();
        play(&mut guard, &audio, 5_000, echo);
        let path = guard.path().expect("it was learnt");
        // No mark came back, so what is held back is in it.
        assert!(path.delay_ms.abs_diff(200 - 60) <= 30, "{path:?}");
        let likeness = guard.voice_started(4_900).expect("there is sound");
        assert!(likeness > 0.5, "{likeness}");
    }

    #[test]
    fn another_voice_is_none_and_is_told_once() {
        let audio = babble(8 * 6_000);
        // The same kind of sound, another course of it.
        let other: Vec<u8> = babble(8 * 12_000).split_off(8 * 6_000 + 333);
        let voice = Some(Voice { from: 8 * 1_000, told: None, otherwise: 0 });
        let mut guard = EchoGuard { voice, ..EchoGuard::default() };
        let voice = |place: usize| if place < 8_000 { 0xFF } else { other[place] };
        let told = play(&mut guard, &audio, 3_000, voice);
        assert!(!told.is_empty());
        assert!(told.iter().skip(1).all(|(_, likeness)| *likeness < 0.5), "{told:?}");
        guard.voice_stopped();
        assert_eq!(guard.frame(&[0x80; FRAME_SAMPLES]), None);
    }
}
