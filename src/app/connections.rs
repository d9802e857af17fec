//! Trying credentials out: the vendors are really asked, and what they say is told in words that help.
//! Nothing of it is kept or logged.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use twiml::PhoneNumber;
use vendors::{Llm as _, Problem, openai};

use super::{App, Error};
use crate::{
    carrier::{Access, Client, Error as CarrierError},
    domain::{Actor, Right},
};

/// All that one vendor is asked may take so long.
const ASKED_WITHIN: Duration = Duration::from_secs(10);

/// Said where something that is needed was not given.
const NOT_PROVIDED: &str = "Credentials not provided";

/// Credentials, as a client sends them; what is blank is not given.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    pub openai_api_key: Option<SecretString>,
    pub twilio_account_sid: Option<String>,
    pub twilio_auth_token: Option<SecretString>,
    /// E.164, once spaces and the like are removed.
    pub twilio_phone_number: Option<PhoneNumber>,
}

/// What came of trying them: `Err` says why it is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connections {
    pub openai: Result<(), String>,
    pub twilio: Result<(), String>,
    /// Is every vendor connected whose credentials were given?
    pub success: bool,
}

impl Credentials {
    /// The same without what is blank, the number as it is dialled.
    ///
    /// # Errors
    /// [`Error::Invalid`]: the number is none.
    pub(super) fn sound(self) -> Result<Self, Error> {
        let text = |text: Option<String>| {
            text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        let secret = |secret: Option<SecretString>| {
            secret.filter(|secret| !secret.expose_secret().trim().is_empty())
        };
        let number = self.twilio_phone_number.filter(|one| !one.expose().trim().is_empty());
        let number = match number {
            None => None,
            Some(number) => Some(e164(number.expose()).ok_or_else(|| {
                Error::invalid("twilio_phone_number", "must be a number such as +14155550123")
            })?),
        };
        Ok(Credentials {
            openai_api_key: secret(self.openai_api_key),
            twilio_account_sid: text(self.twilio_account_sid),
            twilio_auth_token: secret(self.twilio_auth_token),
            twilio_phone_number: number,
        })
    }

    /// Account and token, where both are given.
    pub(super) fn twilio(&self) -> Option<(&str, &SecretString)> {
        Some((self.twilio_account_sid.as_deref()?, self.twilio_auth_token.as_ref()?))
    }

    fn has_some_of_twilio(&self) -> bool {
        self.twilio_account_sid.is_some()
            || self.twilio_auth_token.is_some()
            || self.twilio_phone_number.is_some()
    }
}

/// The number in E.164: blanks, dashes, dots and brackets are for people.
fn e164(text: &str) -> Option<PhoneNumber> {
    let digits: String =
        text.chars().filter(|c| !c.is_whitespace() && !"-.()[]".contains(*c)).collect();
    let number = PhoneNumber::new(digits);
    number.is_e164().then_some(number)
}

impl App {
    /// Tries credentials out. They are neither kept nor logged.
    ///
    /// # Errors
    /// [`Error::Invalid`] of a number that is none. That a vendor refuses is no error.
    pub async fn test_connection(
        &self,
        actor: &Actor,
        credentials: Credentials,
    ) -> Result<Connections, Error> {
        actor.may(Right::Write)?;
        let given = credentials.sound()?;
        let openai = async {
            match &given.openai_api_key {
                None => Err(NOT_PROVIDED.to_owned()),
                Some(key) => within(self.ask_openai(key), "OpenAI").await,
            }
        };
        let twilio = async {
            match given.twilio() {
                None => Err(NOT_PROVIDED.to_owned()),
                Some((account, token)) => {
                    let number = given.twilio_phone_number.as_ref();
                    self.asked_twilio(account, token, number).await
                }
            }
        };
        let (openai, twilio) = tokio::join!(openai, twilio);
        let success = (openai.is_ok() || given.openai_api_key.is_none())
            && (twilio.is_ok() || !given.has_some_of_twilio());
        Ok(Connections { openai, twilio, success })
    }

    /// Asks for the list of models.
    async fn ask_openai(&self, key: &SecretString) -> Result<(), String> {
        let mut settings = openai::Settings::chat(key.clone());
        if let Some(url) = &self.settings.openai_url {
            settings.base_url.clone_from(url);
        }
        let asked = match openai::Llm::new(settings) {
            Ok(openai) => openai.check().await.map(drop),
            Err(error) => Err(error),
        };
        asked.map_err(|error| match error.problem {
            Problem::Unauthorized { .. } => "OpenAI does not accept this key".to_owned(),
            Problem::RateLimited { .. } => {
                "OpenAI answers that there are too many requests".to_owned()
            }
            Problem::Unreachable(_) => "OpenAI cannot be reached from this server".to_owned(),
            Problem::TimedOut { .. } => slow("OpenAI"),
            Problem::Status { status: 429, .. } => {
                "The OpenAI account has no credit left".to_owned()
            }
            Problem::Status { status, .. } => format!("OpenAI answers with HTTP {status}"),
            Problem::Engine(_) => "The key holds characters that no key has".to_owned(),
            Problem::Cut(_) | Problem::Malformed(_) => {
                "What answers does not speak OpenAI's protocol".to_owned()
            }
        })
    }

    /// What the carrier says of the account, and of the number if there is one, in words.
    pub(super) async fn asked_twilio(
        &self,
        account: &str,
        token: &SecretString,
        number: Option<&PhoneNumber>,
    ) -> Result<(), String> {
        within(self.ask_twilio(account, token, number), "Twilio").await
    }

    /// Asks for the account, and for the number if there is one.
    async fn ask_twilio(
        &self,
        account: &str,
        token: &SecretString,
        number: Option<&PhoneNumber>,
    ) -> Result<(), String> {
        let account = account
            .parse()
            .map_err(|_| "An account SID is AC and 32 hexadecimal digits".to_owned())?;
        let access = Access {
            api_url: self.settings.twilio_url.clone(),
            account,
            auth_token: token.clone(),
        };
        let client = Client::new(access)
            .map_err(|_| "This server cannot make connections at the moment".to_owned())?;
        let account = client.account().await.map_err(|error| in_words(&error))?;
        if !account.is_active() {
            return Err(format!("The Twilio account is {}", account.status));
        }
        let Some(number) = number else { return Ok(()) };
        match client.owned_number(number).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err("The Twilio account has no such phone number".to_owned()),
            Err(error) => Err(in_words(&error)),
        }
    }
}

async fn within(
    asking: impl Future<Output = Result<(), String>>,
    vendor: &str,
) -> Result<(), String> {
    tokio::time::timeout(ASKED_WITHIN, asking).await.unwrap_or_else(|_| Err(slow(vendor)))
}

fn slow(vendor: &str) -> String {
    format!("{vendor} did not answer in time")
}

fn in_words(error: &CarrierError) -> String {
    match error {
        CarrierError::Unreached { sent: false, .. } => {
            "Twilio cannot be reached from this server".to_owned()
        }
        CarrierError::Unreached { sent: true, .. } => slow("Twilio"),
        CarrierError::Refused(refusal) => match refusal.status {
            401 | 403 => "Twilio does not accept this account SID and auth token".to_owned(),
            404 => "Twilio knows no such account".to_owned(),
            429 => "Twilio answers that there are too many requests".to_owned(),
            status => format!("Twilio answers with HTTP {status}"),
        },
        CarrierError::Unreadable { .. } => "What answers does not speak Twilio's API".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let read = e164("+1 (415) 555-01.23").expect("a number");
        assert_eq!(read.expose(), "+14155550123");
        for none in ["", "4155550123", "+0123", "+1415555012a", "+1;drop"] {
            assert_eq!(e164(none), None, "{none}");
        }
    }

    #[test]
    fn blank_is_not_given_and_keys_do_not_show() {
        let given = Credentials {
            openai_api_key: Some(SecretString::from(" ")),
            twilio_account_sid: Some(" AC01 ".into()),
            twilio_auth_token: Some(SecretString::from("top-secret")),
            twilio_phone_number: Some(PhoneNumber::new("")),
        };
        let sound = given.sound().expect("no number, no fault");
        assert!(sound.openai_api_key.is_none() && sound.twilio_phone_number.is_none());
        assert_eq!(sound.twilio_account_sid.as_deref(), Some("AC01"));
        assert!(!format!("{sound:?}").contains("top-secret"));
    }
}
