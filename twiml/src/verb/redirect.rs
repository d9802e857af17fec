//! `<Redirect>`: goes on with another document.

use super::Method;
use crate::{Link, xml::Element};

/// The address of the document to go on with. The carrier follows at most ten in a row.
#[derive(Clone, Debug)]
pub struct Redirect {
    pub(crate) element: Element,
}

impl Redirect {
    pub fn to(url: impl Into<Link>) -> Self {
        Self { element: Element::with_text("Redirect", url.into().as_str()) }
    }
}

attributes! {
    impl Redirect {
        /// How the document is asked for, POST unless set.
        set method(Method) => "method";
    }
}

impl<T: Into<Link>> From<T> for Redirect {
    fn from(url: T) -> Self {
        Self::to(url)
    }
}
