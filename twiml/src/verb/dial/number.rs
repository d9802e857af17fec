//! `<Number>`: a telephone.

use super::party::{detects_machines, party};
use crate::{Invalid, PhoneNumber, verb::Tones, xml::Element};

/// A telephone number to ring.
#[derive(Clone, Debug)]
pub struct Number {
    pub(crate) element: Element,
}

impl Number {
    /// The number in E.164: `+` and up to fifteen digits.
    pub fn new(number: impl Into<PhoneNumber>) -> Result<Self, Invalid> {
        let number = number.into();
        if !number.is_e164() {
            return Err(Invalid::Number);
        }
        Ok(Self { element: Element::with_text("Number", number.expose()) })
    }
}

impl From<&PhoneNumber> for PhoneNumber {
    fn from(number: &PhoneNumber) -> Self {
        number.clone()
    }
}

attributes! {
    impl Number {
        /// Keys to press once it is answered, as for an extension.
        set send_digits(Tones) => "sendDigits";
    }
}

party!(Number);
detects_machines!(Number);
