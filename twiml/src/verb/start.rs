//! `<Start>`: a copy of the call's audio goes to a socket while the document goes on.

use super::{Stream, Track};
use crate::xml::Element;

/// Starts a one-way [`Stream`]. Put a verb after it: the document goes on at once, and ends the
/// call if there is none.
#[derive(Clone, Debug)]
pub struct Start {
    pub(crate) element: Element,
}

impl Start {
    pub fn stream(stream: Stream) -> Self {
        Self { element: Element::with_child("Start", stream.element) }
    }

    /// Whose audio is sent, the other party's unless set. Only here: a connected stream always
    /// hears the other party alone.
    #[must_use]
    pub fn track(mut self, track: Track) -> Self {
        self.element.children_mut().for_each(|stream| stream.set("track", track));
        self
    }
}

impl From<Stream> for Start {
    fn from(stream: Stream) -> Self {
        Self::stream(stream)
    }
}
