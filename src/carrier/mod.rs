//! The carrier's REST API (Twilio's, 2010-04-01), typed: what we order of it beside a call's documents.
//!
//! One file per resource: [`calls`] (and [`new_call`]), [`conferences`], [`participants`],
//! [`recordings`], [`numbers`], [`account`]; [`options`] is what several of them are ordered with. This
//! one knows what they share: where the API is, with which credentials, how long an answer may take,
//! and when a request may be sent again.
//! [`hang_up`] sees to it that calls which are over here are over at the carrier, too. What a call
//! says or does is decided elsewhere; webhooks are in [`crate::api::carrier`].
//!
//! Shapes, codes and limits: <https://www.twilio.com/docs/usage/twilios-response>,
//! <https://www.twilio.com/docs/usage/rest-api-best-practices>. Neither credentials nor numbers are
//! logged or shown in errors.

pub mod account;
pub mod calls;
pub mod conferences;
mod error;
pub mod hang_up;
pub mod new_call;
pub mod numbers;
pub mod options;
pub mod participants;
pub mod recordings;
mod wire;

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
/// How long one try may take, from its sending to the end of its answer. Of a file: to its beginning.
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
    /// These credentials, as a tenant's own account has them.
    #[must_use]
    pub fn new(api_url: Url, account: AccountSid, auth_token: SecretString) -> Self {
        Access { api_url, account, auth_token }
    }

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

/// When a request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeat {
    /// Doing it twice is doing it once: again after whatever may pass.
    Safe,
    /// What it orders is not known to be the same if done twice, but a refusal for too many requests
    /// says that it was not done.
    Undone,
    /// It makes a telephone ring: only if not a byte of it was sent.
    Unsent,
}

/// A request, and whether it may be sent twice.
struct Request {
    /// What is tried, for errors: "end the call".
    attempt: &'static str,
    method: Method,
    /// Under the account's path, with its extension.
    resource: String,
    /// The body of a POST, the query of others.
    form: Form,
    repeat: Repeat,
}

impl Request {
    fn get(attempt: &'static str, resource: String, form: Form) -> Self {
        Request { attempt, method: Method::GET, resource, form, repeat: Repeat::Safe }
    }

    fn post(attempt: &'static str, resource: String, form: Form, repeat: Repeat) -> Self {
        Request { attempt, method: Method::POST, resource, form, repeat }
    }

    fn delete(attempt: &'static str, resource: String) -> Self {
        let form = Form::default();
        Request { attempt, method: Method::DELETE, resource, form, repeat: Repeat::Safe }
    }
}

impl Client {
    /// # Errors
    /// The machine's certificates cannot be read.
    pub fn new(access: Access) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            // Credentials go where they were meant to go.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("tandem/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Client { http, access: Arc::new(access) })
    }

    /// Whose account is used.
    #[must_use]
    pub fn account_sid(&self) -> &AccountSid {
        &self.access.account
    }

    /// Sends a request, again where that is safe, and reads its answer.
    async fn send<T: DeserializeOwned>(&self, request: &Request) -> Result<T, Error> {
        self.again(request, || self.once_read(request)).await
    }

    /// As [`Client::send`], where the answer says nothing.
    async fn send_unread(&self, request: &Request) -> Result<(), Error> {
        self.again(request, || self.once(request)).await.map(drop)
    }

    /// Sends a request, again where that is safe, until the head of its answer is there.
    async fn open(&self, request: &Request) -> Result<reqwest::Response, Error> {
        self.again(request, || in_time(request.attempt, self.begin(request))).await
    }

    /// Tries until it is done, may not be tried again, or was tried often enough.
    async fn again<T, F>(&self, request: &Request, once: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut retries = 0;
        loop {
            let error = match once().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if retries == MOST_RETRIES || !error.may_be_repeated(request.repeat) {
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

    async fn once_read<T: DeserializeOwned>(&self, request: &Request) -> Result<T, Error> {
        let body = self.once(request).await?;
        serde_json::from_slice(&body).map_err(|error| Error::Unreadable {
            attempt: request.attempt,
            // Only the place: the text around it may hold numbers.
            why: format!("no such JSON, line {} column {}", error.line(), error.column()),
        })
    }

    async fn once(&self, request: &Request) -> Result<Vec<u8>, Error> {
        let work = async {
            let mut response = self.begin(request).await?;
            read(request.attempt, &mut response).await
        };
        in_time(request.attempt, work).await
    }

    /// Sends a request once, and waits for the head of its answer. A refusal is an error.
    async fn begin(&self, request: &Request) -> Result<reqwest::Response, Error> {
        let Request { attempt, method, resource, form, .. } = request;
        let Access { api_url, account, auth_token } = &*self.access;
        let base = api_url.as_str().trim_end_matches('/');
        let mut url = format!("{base}/2010-04-01/Accounts/{account}{resource}");
        let is_post = *method == Method::POST;
        if !is_post && !form.is_empty() {
            url.push('?');
            url.push_str(&form.encode());
        }
        let mut sent = self
            .http
            .request(method.clone(), url)
            .basic_auth(account, Some(auth_token.expose_secret()))
            .header("accept", "application/json");
        if is_post {
            sent = sent
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.encode());
        }
        let response = sent.send().await.map_err(|error| Error::unreached(attempt, error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let mut response = response;
        let retry_after = retry_after(&response);
        let body = read(attempt, &mut response).await?;
        Err(Error::Refused(Refusal::read(attempt, status, retry_after, &body)))
    }
}

async fn in_time<T>(
    attempt: &'static str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let late = || Error::Unreached { attempt, why: "in time".to_owned(), sent: true };
    tokio::time::timeout(ANSWER_WITHIN, work).await.unwrap_or_else(|_| Err(late()))
}

/// A whole answer, if it is no longer than it may be.
async fn read(attempt: &'static str, response: &mut reqwest::Response) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    let unreached = |error: reqwest::Error| Error::unreached(attempt, error);
    while let Some(piece) = response.chunk().await.map_err(unreached)? {
        body.extend_from_slice(&piece);
        if body.len() > LONGEST_ANSWER {
            return Err(Error::Unreadable { attempt, why: "it is too long".to_owned() });
        }
    }
    Ok(body)
}

/// A name as a part of a path: all but letters, digits and `-._~` escaped.
fn in_path(name: &str) -> String {
    let mut path = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path
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
    fn a_name_cannot_leave_its_place_in_a_path() {
        assert_eq!(in_path("call_1-a.b~"), "call_1-a.b~");
        assert_eq!(in_path("a/../b ?é"), "a%2F..%2Fb%20%3F%C3%A9");
    }

    #[test]
    fn credentials_do_not_show() {
        let client = Client::new(Access::new(
            API_URL.parse().expect("it is an address"),
            "AC01".parse().expect("it is an account"),
            SecretString::from("topsecret"),
        ));
        assert!(!format!("{client:?}").contains("topsecret"));
    }
}
