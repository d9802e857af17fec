//! `<Reject>`: declines a call that still rings.

use crate::xml::Element;

/// How a call is declined.
#[derive(Clone, Debug)]
pub struct Reject {
    pub(crate) element: Element,
}

impl Reject {
    /// The caller hears that the number is not in service.
    pub fn not_in_service() -> Self {
        Self::because("rejected")
    }

    /// The caller hears a busy tone.
    pub fn busy() -> Self {
        Self::because("busy")
    }

    fn because(reason: &str) -> Self {
        let mut element = Element::new("Reject");
        element.set("reason", reason);
        Self { element }
    }
}
