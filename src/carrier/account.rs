//! The account itself: whether the credentials are good.

use reqwest::Method;
use serde::Deserialize;
use twiml::Form;

use super::{Client, Error, Request};

/// An account. Its answer holds the auth token, too, which is not read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Account {
    /// `active`, `suspended` or `closed`: only an active one can call.
    pub status: String,
}

impl Client {
    /// Looks the account up: the way to test credentials.
    ///
    /// # Errors
    /// [`Error`]; 401 with code 20003 if the credentials are wrong.
    pub async fn account(&self) -> Result<Account, Error> {
        self.send(&Request {
            attempt: "look up the account",
            method: Method::GET,
            resource: ".json".to_owned(),
            form: Form::default(),
            repeatable: true,
        })
        .await
    }
}
