//! `<Hangup>`: ends the call.

use crate::xml::Element;

/// Has neither attributes nor content; written by [`Response::hangup`](crate::Response::hangup).
#[derive(Clone, Debug)]
pub(crate) struct Hangup {
    pub(crate) element: Element,
}

impl Default for Hangup {
    fn default() -> Self {
        Self { element: Element::new("Hangup") }
    }
}
