//! `<Stop>`: ends what `<Start>` began.

use crate::{Invalid, xml::Element};

/// Stops a stream by the name that it was started with.
#[derive(Clone, Debug)]
pub struct Stop {
    pub(crate) element: Element,
}

impl Stop {
    pub fn stream(name: impl AsRef<str>) -> Result<Self, Invalid> {
        let name = name.as_ref();
        Invalid::check_text("Stream", "name", 255, name)?;
        let mut stream = Element::new("Stream");
        stream.set("name", name);
        Ok(Self { element: Element::with_child("Stop", stream) })
    }
}
