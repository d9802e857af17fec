//! `<Sip>`: an endpoint behind an address of the session initiation protocol.

use super::party::{detects_machines, party};
use crate::{Invalid, xml::Element};

/// A SIP address to ring.
#[derive(Clone, Debug)]
pub struct Sip {
    pub(crate) element: Element,
}

impl Sip {
    /// The address with its parameters and headers: `sip:desk@pbx.example;transport=tls?x-a=b`.
    pub fn to(address: impl AsRef<str>) -> Result<Self, Invalid> {
        let address = address.as_ref();
        let rest = address.strip_prefix("sip:").or_else(|| address.strip_prefix("sips:"));
        let whole = |rest: &str| {
            let (user, host) = rest.split_once('@').unwrap_or(("-", rest));
            !user.is_empty() && !host.is_empty() && !host.starts_with([';', '?', ':'])
        };
        let printable = |text: &str| !text.chars().any(|c| c.is_control() || c.is_whitespace());
        if !rest.is_some_and(|rest| whole(rest) && printable(rest)) {
            return Err(Invalid::SipAddress);
        }
        Ok(Self { element: Element::with_text("Sip", address) })
    }

    /// The user name and password that the endpoint asks for.
    #[must_use]
    pub fn credentials(mut self, username: impl AsRef<str>, password: impl AsRef<str>) -> Self {
        self.element.set("username", username.as_ref());
        self.element.set("password", password.as_ref());
        self
    }
}

party!(Sip);
detects_machines!(Sip);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_a_host() {
        for address in ["sip:a@pbx.example", "sips:pbx.example", "sip:a@b;transport=tls?x-a=b"] {
            assert!(Sip::to(address).is_ok(), "{address}");
        }
        for address in ["", "sip:", "a@b", "sip:@b", "sip:a@", "sip:a@;x", "sip:a b@c", "tel:+1"] {
            assert_eq!(Sip::to(address).err(), Some(Invalid::SipAddress), "{address}");
        }
    }
}
