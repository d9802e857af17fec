//! `<Leave>`: takes the caller out of the queue whose waiting music this is.

use crate::xml::Element;

/// Has neither attributes nor content; written by [`Response::leave`](crate::Response::leave).
#[derive(Clone, Debug)]
pub(crate) struct Leave {
    pub(crate) element: Element,
}

impl Default for Leave {
    fn default() -> Self {
        Self { element: Element::new("Leave") }
    }
}
