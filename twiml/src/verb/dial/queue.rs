//! `<Queue>`: the caller who has waited longest.

use crate::{Invalid, Link, verb::Method, xml::Element};

/// A queue whose first caller is taken out and bridged.
#[derive(Clone, Debug)]
pub struct Queue {
    pub(crate) element: Element,
}

impl Queue {
    /// The queue's name, 1 to 64 characters.
    pub fn new(name: impl AsRef<str>) -> Result<Self, Invalid> {
        let name = name.as_ref();
        Invalid::check_text("Queue", "the name", 64, name)?;
        Ok(Self { element: Element::with_text("Queue", name) })
    }
}

attributes! {
    impl Queue {
        /// A document that runs for the waiting caller before the bridge.
        set announcement(Link) => "url";
        /// How that is asked for, POST unless set.
        set announcement_method(Method) => "method";
    }
}
