//! `<Connect>`: the call talks to a socket, and to nothing else, until the socket closes.

use std::marker::PhantomData;

use super::{Continues, Ends, Method, Stream};
use crate::{Link, xml::Element};

/// Connects the call to a [`Stream`]. When the socket closes the carrier asks `action`, or goes on
/// with the next verb, or with neither hangs up; so give one of them, or a socket that fails
/// drops the call.
#[derive(Clone, Debug)]
pub struct Connect<F = Continues> {
    pub(crate) element: Element,
    flow: PhantomData<F>,
}

impl Connect<Continues> {
    pub fn to(stream: Stream) -> Self {
        Self { element: Element::with_child("Connect", stream.element), flow: PhantomData }
    }

    /// Where to go on when the socket closes. Verbs after it could not run.
    #[must_use]
    pub fn action(mut self, action: impl Into<Link>) -> Connect<Ends> {
        self.element.set("action", action.into());
        Connect { element: self.element, flow: PhantomData }
    }
}

attributes! {
    impl Connect<Ends> {
        /// How `action` is asked, POST unless set.
        set method(Method) => "method";
    }
}

impl From<Stream> for Connect<Continues> {
    fn from(stream: Stream) -> Self {
        Self::to(stream)
    }
}
