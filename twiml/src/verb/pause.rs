//! `<Pause>`: silence.

use super::attribute::UP_TO_AN_HOUR;
use crate::{Invalid, xml::Element};

/// Waits without a sound.
#[derive(Clone, Debug)]
pub struct Pause {
    pub(crate) element: Element,
}

impl Pause {
    /// Seconds, 1 to 3600.
    pub fn seconds(length: u32) -> Result<Self, Invalid> {
        Invalid::check_range("Pause", "length", UP_TO_AN_HOUR, length)?;
        let mut element = Element::new("Pause");
        element.set("length", length);
        Ok(Self { element })
    }
}

impl Default for Pause {
    /// One second.
    fn default() -> Self {
        Self { element: Element::new("Pause") }
    }
}
