//! Telephone numbers of the account.
//!
//! <https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource>.

use reqwest::Method;
use serde::Deserialize;
use twiml::{Form, PhoneNumber};

use super::{Client, Error, Request};

#[derive(Deserialize)]
struct Page {
    incoming_phone_numbers: Vec<Number>,
}

#[derive(Deserialize)]
struct Number {
    phone_number: String,
}

impl Client {
    /// Is this number the account's?
    ///
    /// # Errors
    /// [`Error`].
    pub async fn owns_number(&self, number: &PhoneNumber) -> Result<bool, Error> {
        // A plus would be a blank in a query; the rest of E.164 is digits.
        let wanted = number.expose().replace('+', "%2B");
        let page: Page = self
            .send(&Request {
                attempt: "look up the number",
                method: Method::GET,
                resource: format!("/IncomingPhoneNumbers.json?PhoneNumber={wanted}&PageSize=20"),
                form: Form::default(),
                repeatable: true,
            })
            .await?;
        // The filter matches parts of numbers, too.
        Ok(page.incoming_phone_numbers.iter().any(|one| one.phone_number == number.expose()))
    }
}
