//! The carrier's REST API (Twilio's, 2010-04-01), typed: what we order of it beside a call's documents.
//!
//! One file per resource: [`calls`], [`account`], [`numbers`]. This one knows what they share: where the API is,
//! with which credentials, how long an answer may take, and when a request may be sent again.
//! [`hang_up`] sees to it that calls which are over here are over at the carrier, too. What a call
//! says or does is decided elsewhere; webhooks are in [`crate::api::carrier`].
//!
//! Shapes, codes and limits: <https://www.twilio.com/docs/usage/twilios-response>,
//! <https://www.twilio.com/docs/usage/rest-api-best-practices>. Neither credentials nor numbers are
//! logged or shown in errors.

pub mod account;
pub mod calls;
mod error;
pub mod hang_up;
pub mod numbers;

use std::{fmt, sync::Arc, time::Duration};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use reqwest::{Method, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use twiml::{AccountSid, Form};

pub use error::{Error, Refusal};

use crate::config::Config;

/// Where the API is unless set.
pub const API_URL: &str = "https://api.twilio.com";

/// How long a connection may take to be made.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// How long one try may take, from its sending to the end of its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Tries after the first.
const MOST_RETRIES: u32 = 3;
/// Pauses between tries grow up to this, as in the official clients.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// Longer answers are not read: a resource is some kilobytes.
const LONGEST_ANSWER: usize = 256 * 1024;

/// Where the carrier's API is, and whose account is used.
#[derive(Clone)]
pub struct Access {
    /// The address up to the version, without a slash at its end.
    pub api_url: Url,
    pub account: AccountSid,
    pub auth_token: SecretString,
}

impl Access {
    /// What is configured; `None` unless account and token both are.
    #[must_use]
    pub fn of(config: &Config) -> Option<Self> {
        Some(Access {
            api_url: config.twilio_api_url.clone(),
            account: config.twilio_account_sid.clone()?,
            auth_token: config.twilio_auth_token.clone()?,
        })
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("account", &self.account).finish_non_exhaustive()
    }
}

/// The carrier's REST API, for one account. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    access: Arc<Access>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.access.fmt(f)
    }
}

/// A request, and whether it may be sent twice.
struct Request {
    /// What is tried, for errors: "end the call".
    attempt: &'static str,
    method: Method,
    /// Under the account's path, with its extension.
    resource: String,
    form: Form,
    /// Doing it twice is doing it once. Else it is sent again only if the first one was not done for
    /// sure.
    repeatable: bool,
}

impl Client {
    /// # Errors
    /// The machine's certificates cannot be read.
    pub fn new(access: Access) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            // Credentials go where they were meant to go.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("tandem/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Client { http, access: Arc::new(access) })
    }

    /// Sends a request, again where that is safe, and reads its answer.
    async fn send<T: DeserializeOwned>(&self, request: &Request) -> Result<T, Error> {
        let mut retries = 0;
        loop {
            let error = match self.once(request).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if retries == MOST_RETRIES || !error.may_be_repeated(request.repeatable) {
                return Err(error);
            }
            let wait = error.retry_after().unwrap_or_else(|| pause(retries, chance()));
            if wait > LONGEST_PAUSE {
                // So long nobody waits here: whoever asked may ask again.
                return Err(error);
            }
            tracing::debug!(attempt = request.attempt, %error, "the carrier's API is asked again");
            tokio::time::sleep(wait).await;
            retries += 1;
        }
    }

    async fn once<T: DeserializeOwned>(&self, request: &Request) -> Result<T, Error> {
        let Request { attempt, method, resource, form, .. } = request;
        let Access { api_url, account, auth_token } = &*self.access;
        let base = api_url.as_str().trim_end_matches('/');
        let url = format!("{base}/2010-04-01/Accounts/{account}{resource}");
        let mut sent = self
            .http
            .request(method.clone(), url)
            .basic_auth(account, Some(auth_token.expose_secret()))
            .header("accept", "application/json");
        if *method == Method::POST {
            sent = sent
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.encode());
        }
        let unreached = |error: reqwest::Error| Error::unreached(attempt, error);
        let mut response = sent.send().await.map_err(unreached)?;
        let status = response.status();
        let retry_after = retry_after(&response);
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(unreached)? {
            body.extend_from_slice(&piece);
            if body.len() > LONGEST_ANSWER {
                return Err(Error::Unreadable { attempt, why: "it is too long".to_owned() });
            }
        }
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| Error::Unreadable {
                attempt,
                // Only the place: the text around it may hold numbers.
                why: format!("no such JSON, line {} column {}", error.line(), error.column()),
            });
        }
        Err(Error::Refused(Refusal::read(attempt, status, retry_after, &body)))
    }
}

/// How long the carrier asks to wait, whole seconds.
fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let asks = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
    let header = response.headers().get(reqwest::header::RETRY_AFTER)?.to_str().ok()?;
    let seconds = header.trim().parse().ok()?;
    asks.contains(&response.status()).then_some(Duration::from_secs(seconds))
}

/// The pause after the try with this number, from 0: any time up to 100 ms doubled as often, and 3 s
/// at most. `chance` is 0 to 1. So that those who failed together do not come back together.
fn pause(tried: u32, chance: f64) -> Duration {
    let most = Duration::from_millis(100) * 2_u32.saturating_pow(tried.min(16));
    most.min(LONGEST_PAUSE).mul_f64(chance.clamp(0.0, 1.0))
}

fn chance() -> f64 {
    let mut bytes = [0; 4];
    // Without chance, the longest pause is as good.
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_hold_chance() {
        assert_eq!(pause(0, 1.0), Duration::from_millis(100));
        assert_eq!(pause(3, 0.5), Duration::from_millis(400));
        assert_eq!(pause(u32::MAX, 1.0), LONGEST_PAUSE);
        assert_eq!(pause(3, 0.0), Duration::ZERO);
        assert!((0.0..=1.0).contains(&chance()));
    }

    #[test]
    fn credentials_do_not_show() {
        let client = Client::new(Access {
            api_url: API_URL.parse().expect("it is an address"),
            account: "AC01".parse().expect("it is an account"),
            auth_token: SecretString::from("topsecret"),
        });
        assert!(!format!("{client:?}").contains("topsecret"));
    }
}
