//! `<Enqueue>`: the caller waits in a named queue.

use std::marker::PhantomData;

use super::{Continues, Ends, Method};
use crate::{Invalid, Link, xml::Element};

/// Puts the caller into a queue, which is created if there is none of that name. They leave it by
/// a `<Dial><Queue>`, by `<Leave>` in the waiting music, or over REST.
#[derive(Clone, Debug)]
pub struct Enqueue<F = Continues> {
    pub(crate) element: Element,
    flow: PhantomData<F>,
}

impl Enqueue<Continues> {
    /// The queue's name, 1 to 64 characters.
    pub fn to(queue: impl AsRef<str>) -> Result<Self, Invalid> {
        let queue = queue.as_ref();
        Invalid::check_text("Enqueue", "the queue's name", 64, queue)?;
        Ok(Self { element: Element::with_text("Enqueue", queue), flow: PhantomData })
    }

    /// Where to go on when the call leaves the queue; after a bridge, when the parties part.
    #[must_use]
    pub fn action(mut self, action: impl Into<Link>) -> Enqueue<Ends> {
        self.element.set("action", action.into());
        Enqueue { element: self.element, flow: PhantomData }
    }
}

attributes! {
    impl Enqueue<Ends> {
        /// How `action` is asked, POST unless set.
        set method(Method) => "method";
    }
}

attributes! {
    impl<F> Enqueue<F> {
        /// What is heard while waiting: a document of
        /// [`Response::queue_wait`](crate::Response::queue_wait). The carrier's music unless set.
        set wait_url(Link) => "waitUrl";
        /// How that is asked, POST unless set.
        set wait_url_method(Method) => "waitUrlMethod";
        /// How many may wait; further calls leave at once with the result `queue-full`.
        range max_queue_size(1..=5_000) => "maxQueueSize";
    }
}
