//! The account itself: whether the credentials are good.

use serde::Deserialize;
use twiml::{AccountSid, Form};

use super::{Client, Error, Request};

/// An account. Its answer holds the auth token, too, which is not read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Account {
    pub sid: AccountSid,
    /// `active`, `suspended` or `closed`: only an active one can call.
    pub status: String,
    /// What its owner calls it.
    #[serde(default)]
    pub friendly_name: Option<String>,
    /// `Trial` or `Full`. A trial calls verified numbers only.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
}

impl Account {
    /// Can it call?
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == "active"
    }
}

impl Client {
    /// Looks the account up: the way to test credentials.
    ///
    /// # Errors
    /// [`Error`]; 401 with code 20003 if the credentials are wrong: see
    /// [`Error::are_credentials_wrong`].
    pub async fn account(&self) -> Result<Account, Error> {
        self.send(&Request::get("look up the account", ".json".to_owned(), Form::default())).await
    }
}

impl Error {
    /// The account or its token are not right.
    #[must_use]
    pub fn are_credentials_wrong(&self) -> bool {
        matches!(self, Error::Refused(refusal) if refusal.status == 401)
    }
}
