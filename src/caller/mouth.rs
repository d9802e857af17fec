//! What the caller says, frame by frame.

use std::collections::VecDeque;
use std::sync::Arc;

use super::clip::Clip;
use super::clock::{FRAME, Tick};
use super::ear::SILENCE;

/// One frame of the caller's audio.
pub type Frame = [u8; FRAME as usize];

/// The caller's mouth: clips said one after the other, silence where there is none.
#[derive(Debug, Default)]
pub struct Mouth {
    clips: VecDeque<Arc<Clip>>,
    said: usize,
    voice_ended: Option<Tick>,
}

impl Mouth {
    /// Says `clip` after all that is being said.
    pub fn say(&mut self, clip: Arc<Clip>) {
        self.clips.push_back(clip);
    }

    /// Whether something is still to be said.
    #[must_use]
    pub fn speaking(&self) -> bool {
        !self.clips.is_empty()
    }

    /// Whether the next sample is within the voice of a clip, not in the silence around it.
    #[must_use]
    pub fn voiced(&self) -> bool {
        let voice = self.clips.front().and_then(|clip| clip.voice());
        voice.is_some_and(|voice| (voice.from..voice.to).contains(&Tick(self.said as u64)))
    }

    /// When the voice of the latest clip that was said to its end was last heard.
    #[must_use]
    pub fn voice_ended(&self) -> Option<Tick> {
        self.voice_ended
    }

    /// The frame that begins at `from`.
    pub fn capture(&mut self, from: Tick) -> Frame {
        let mut frame = [SILENCE; FRAME as usize];
        let mut filled = 0;
        while filled < frame.len()
            && let Some(clip) = self.clips.front()
        {
            let rest = &clip.mulaw()[self.said..];
            let take = rest.len().min(frame.len() - filled);
            frame[filled..filled + take].copy_from_slice(&rest[..take]);
            filled += take;
            self.said += take;
            if self.said == clip.mulaw().len() {
                let end = from.plus(Tick(filled as u64));
                if let Some(voice) = clip.voice() {
                    self.voice_ended = Some(end.since(clip.length().since(voice.to)));
                }
                self.clips.pop_front();
                self.said = 0;
            }
        }
        frame
    }

    /// The line was away for `lost` samples: what would have been said then is not said.
    pub fn skip(&mut self, from: Tick, lost: Tick) {
        for frame in 0..lost.0 / FRAME {
            if self.clips.is_empty() {
                break;
            }
            self.capture(from.plus(Tick(frame * FRAME)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clips_follow_each_other_without_a_gap_and_end_in_silence() {
        let mut mouth = Mouth::default();
        mouth.say(Clip::from_mulaw("a", vec![0xA0; 100]).unwrap());
        mouth.say(Clip::from_mulaw("b", vec![0x20; 300]).unwrap());
        let first = mouth.capture(Tick(0));
        assert_eq!((first[99], first[100], first[159]), (0xA0, 0x20, 0x20));
        mouth.capture(Tick(160));
        let last = mouth.capture(Tick(320));
        assert_eq!((last[79], last[80], mouth.speaking()), (0x20, SILENCE, false));
        assert_eq!(mouth.capture(Tick(480)), [SILENCE; 160]);
    }

    #[test]
    fn the_end_of_the_voice_is_not_the_end_of_the_recording() {
        let mut mouth = Mouth::default();
        let mut audio = vec![0xA0; 800];
        audio.extend([SILENCE; 1600]);
        mouth.say(Clip::from_mulaw("a", audio).unwrap());
        let mut at = Tick(1_600);
        while mouth.speaking() {
            mouth.capture(at);
            at = at.plus(Tick(FRAME));
        }
        assert_eq!(mouth.voice_ended(), Some(Tick(2_400)));
    }
}
