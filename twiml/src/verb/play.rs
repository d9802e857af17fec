//! `<Play>`: a recorded file, or key tones.

use super::Tones;
use crate::{Invalid, Link, xml::Element};

/// A file that the carrier fetches and plays, or tones that it dials into the call.
#[derive(Clone, Debug)]
pub struct Play {
    pub(crate) element: Element,
}

impl Play {
    /// An audio file. WAV starts sooner than MP3.
    pub fn file(url: impl Into<Link>) -> Self {
        Self { element: Element::with_text("Play", url.into().as_str()) }
    }

    /// Key tones instead of a file.
    pub fn tones(tones: Tones) -> Self {
        let mut element = Element::new("Play");
        element.set("digits", tones);
        Self { element }
    }

    /// How often, 1 to 1000 times, once unless set.
    pub fn repeat(mut self, times: u32) -> Result<Self, Invalid> {
        Invalid::check_range("Play", "loop", 1..=1_000, times)?;
        self.element.set("loop", times);
        Ok(self)
    }

    /// Repeats until something else ends it.
    #[must_use]
    pub fn repeat_until_hangup(mut self) -> Self {
        self.element.set("loop", 0);
        self
    }
}
