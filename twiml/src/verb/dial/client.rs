//! `<Client>`: an app or a browser that is registered with the carrier.

use super::party::party;
use crate::{
    Invalid, Link,
    verb::stream::parameter,
    xml::{Element, is_xml},
};

/// A registered client to ring.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) element: Element,
}

impl Client {
    /// The name that the client is registered under, at most 121 characters.
    pub fn new(identity: impl AsRef<str>) -> Result<Self, Invalid> {
        const ELEMENT: &str = "Client";
        let identity = identity.as_ref();
        Invalid::check_text(ELEMENT, "the identity", 121, identity)?;
        if !identity.chars().all(is_xml) {
            let allowed = "characters that XML can carry";
            return Err(Invalid::Characters { element: ELEMENT, what: "the identity", allowed });
        }
        Ok(Self { element: Element::with_text(ELEMENT, identity) })
    }

    /// Handed to the client with the call. A name is given once.
    pub fn parameter(
        mut self,
        name: impl AsRef<str>,
        value: impl AsRef<str>,
    ) -> Result<Self, Invalid> {
        let parameter = parameter(&self.element, name.as_ref(), value.as_ref())?;
        // Beside parameters the identity needs an element of its own.
        self.element.wrap_text("Identity");
        self.element.push(parameter);
        Ok(self)
    }
}

attributes! {
    impl Client {
        /// Where the carrier tells that the client was notified of the call.
        set client_notification_url(Link) => "clientNotificationUrl";
    }
}

party!(Client);
