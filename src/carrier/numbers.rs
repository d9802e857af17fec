//! Telephone numbers: whether one is this account's, and where its webhooks go.
//!
//! <https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource>.

use serde::Deserialize;
use twiml::{Form, Link, PhoneNumber, PhoneNumberSid};

use super::{Client, Error, Request, wire::or_nothing};

/// A number that the account owns.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct OwnedNumber {
    pub sid: PhoneNumberSid,
    #[serde(deserialize_with = "super::wire::word")]
    pub phone_number: PhoneNumber,
    /// Asked when a call comes in; none if unset.
    #[serde(default, deserialize_with = "address")]
    pub voice_url: Option<Link>,
    /// Told when a call is over; none if unset.
    #[serde(default, deserialize_with = "address")]
    pub status_callback: Option<Link>,
    #[serde(default, deserialize_with = "or_nothing")]
    pub capabilities: Capabilities,
}

/// What a number can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    pub voice: bool,
    pub sms: bool,
}

fn address<'de, D: serde::Deserializer<'de>>(text: D) -> Result<Option<Link>, D::Error> {
    let text = Option::<String>::deserialize(text)?;
    Ok(text.filter(|text| !text.is_empty()).map(Link::from))
}

#[derive(Deserialize)]
struct Page {
    incoming_phone_numbers: Vec<OwnedNumber>,
}

impl Client {
    /// This number, if the account owns it. In E.164: the carrier matches parts of numbers, this does
    /// not.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn owned_number(&self, number: &PhoneNumber) -> Result<Option<OwnedNumber>, Error> {
        let form = Form::default().with("PhoneNumber", number.expose()).with("PageSize", "20");
        let resource = "/IncomingPhoneNumbers.json".to_owned();
        let page: Page = self.send(&Request::get("look up the number", resource, form)).await?;
        let mut found = page.incoming_phone_numbers.into_iter();
        Ok(found.find(|found| found.phone_number == *number))
    }
}
