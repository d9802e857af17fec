//! The carrier's requests to the gateway: signed, patient for 15 s, and followed when redirected.
//!
//! Keeps the call's cookies, as the carrier does. What an answer means is said elsewhere.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Method, StatusCode, Url};
use secrecy::SecretString;
use tokio::time::timeout;
use twiml::Form;
use twiml::signature::{HEADER, Signer, carrier_spelling};

use super::markup::MAX_DOCUMENT;
use super::socket::shown;

const MAX_REDIRECTS: usize = 10;

/// The largest file that is played, in bytes.
const MAX_FILE: usize = 20 * 1024 * 1024;

/// The carrier's side of HTTP, for one call.
pub struct Web {
    client: Client,
    signer: Signer,
    within: Duration,
    cookies: Mutex<BTreeMap<String, BTreeMap<String, String>>>,
}

/// What the gateway answered.
#[derive(Debug)]
pub struct Answer {
    /// The address that answered, at the end of any redirects.
    pub url: Url,
    /// The HTTP status.
    pub status: StatusCode,
    /// `Content-Type`, without its parameters, in lower case.
    pub content_type: String,
    /// The body as text.
    pub body: String,
}

/// Why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url} did not answer: {why} (carrier's error {code})")]
pub struct NoAnswer {
    /// Where, without its query.
    pub url: String,
    /// The carrier's number for it.
    pub code: u32,
    /// What went wrong.
    pub why: String,
}

/// The gateway's HTTP client could not be made: the machine's certificates cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot make an HTTP client")]
pub struct NoClient(#[from] reqwest::Error);

impl Web {
    /// # Errors
    /// The machine's certificates cannot be read.
    pub fn new(auth_token: &SecretString, within: Duration) -> Result<Self, NoClient> {
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .user_agent("TwilioProxy/1.1")
            .http1_only()
            .build()?;
        let (signer, cookies) = (Signer::new(auth_token), Mutex::default());
        Ok(Self { client, signer, within, cookies })
    }

    /// The same for another call: its cookies are its own.
    #[must_use]
    pub fn beside(&self) -> Self {
        let (client, signer) = (self.client.clone(), self.signer.clone());
        Self { client, signer, within: self.within, cookies: Mutex::default() }
    }

    /// What is to be heard, a file or a document: its type and its bytes. `form` goes into the body of
    /// a POST; a GET is for files, and sends none.
    ///
    /// # Errors
    /// The server cannot be reached, refuses, or is not done in time; or the file is too large.
    pub async fn file(
        &self,
        method: &Method,
        url: &Url,
        form: &Form,
    ) -> Result<(String, Vec<u8>), NoAnswer> {
        let failed = |code, why: String| NoAnswer { url: shown(url), code, why };
        let work = async {
            let spelled = carrier_spelling(url.as_str());
            let request = if *method == Method::POST {
                self.client
                    .post(url.clone())
                    .header(HEADER, self.signer.sign_form(&spelled, form))
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded; charset=UTF-8")
                    .body(form.encode())
            } else {
                self.client.get(url.clone()).header(HEADER, self.signer.sign_get(&spelled))
            };
            let broken = |error: reqwest::Error| failed(11206, reason(error));
            let mut response = request.send().await.map_err(broken)?;
            if !response.status().is_success() {
                return Err(failed(11200, format!("answered {}", response.status().as_u16())));
            }
            let kind = response.headers().get(CONTENT_TYPE);
            let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            let mut bytes = Vec::new();
            while let Some(piece) = response.chunk().await.map_err(broken)? {
                bytes.extend_from_slice(&piece);
                if bytes.len() > MAX_FILE {
                    return Err(failed(11750, "the file is too large".to_owned()));
                }
            }
            Ok((kind, bytes))
        };
        let late = || failed(11200, format!("not done within {} s", self.within.as_secs()));
        timeout(self.within, work).await.unwrap_or_else(|_| Err(late()))
    }

    /// `X-Twilio-Signature` of a socket's upgrade.
    #[must_use]
    pub fn sign_upgrade(&self, url: &Url) -> String {
        self.signer.sign_upgrade(url.as_str())
    }

    /// Sends `form` to `url`: in the body of a POST, in the query of a GET.
    ///
    /// # Errors
    /// The gateway cannot be reached, breaks HTTP, redirects too often or is not done in time.
    pub async fn request(&self, method: Method, url: Url, form: Form) -> Result<Answer, NoAnswer> {
        let first = shown(&url);
        match timeout(self.within, self.follow(method, url, form)).await {
            Ok(answer) => answer,
            Err(_) => Err(NoAnswer {
                url: first,
                code: 11200,
                why: format!("not done within {} s", self.within.as_secs()),
            }),
        }
    }

    async fn follow(&self, method: Method, url: Url, form: Form) -> Result<Answer, NoAnswer> {
        let (mut method, mut url) = (method, url);
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.once(&method, url.clone(), &form).await?;
            let Some(next) = answer.redirect else { return Ok(answer.answer) };
            let next = url.join(&next).map_err(|error| NoAnswer {
                url: shown(&url),
                code: 11206,
                why: format!("redirects to what is no URL: {error}"),
            })?;
            // As browsers and the carrier do: only 307 and 308 keep the method.
            let keeps = [StatusCode::TEMPORARY_REDIRECT, StatusCode::PERMANENT_REDIRECT]
                .contains(&answer.answer.status);
            if !keeps {
                method = Method::GET;
            }
            url = next;
        }
        let why = format!("more than {MAX_REDIRECTS} redirects");
        Err(NoAnswer { url: shown(&url), code: 11215, why })
    }

    async fn once(&self, method: &Method, url: Url, form: &Form) -> Result<Exchange, NoAnswer> {
        let mut url = url;
        url.set_fragment(None);
        let where_to = shown(&url);
        let failed = |error: reqwest::Error| {
            let code = if error.is_connect() { 11205 } else { 11206 };
            NoAnswer { url: where_to.clone(), code, why: reason(error) }
        };
        let post = *method == Method::POST;
        if !post {
            url.query_pairs_mut().extend_pairs(form.iter());
        }
        let spelled = carrier_spelling(url.as_str());
        let signature = if post {
            self.signer.sign_form(&spelled, form)
        } else {
            self.signer.sign_get(&spelled)
        };
        let host = url.host_str().unwrap_or_default().to_owned();
        let build = || {
            let mut request = self
                .client
                .request(method.clone(), url.clone())
                .header(HEADER, signature.as_str())
                .header("Accept", "*/*");
            if let Some(cookies) = self.cookies_for(&host) {
                request = request.header(COOKIE, cookies);
            }
            if post {
                request = request
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded; charset=UTF-8")
                    .body(form.encode());
            }
            request
        };
        // One more try, and only where nothing has been sent yet.
        let token = uuid::Uuid::new_v4().to_string();
        let mut response = build().header("I-Twilio-Idempotency-Token", &token).send().await;
        if response.as_ref().is_err_and(reqwest::Error::is_connect) {
            response = build().header("I-Twilio-Idempotency-Token", &token).send().await;
        }
        let mut response = response.map_err(failed)?;
        self.keep_cookies(&host, &response);

        let status = response.status();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let content_type = header(CONTENT_TYPE).unwrap_or_default();
        let content_type =
            content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let redirect = header(LOCATION).filter(|_| status.is_redirection()).map(ToOwned::to_owned);
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(failed)? {
            body.extend_from_slice(&piece);
            // One byte too many shows that it is too long; more is not needed.
            if body.len() > MAX_DOCUMENT {
                break;
            }
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Exchange { answer: Answer { url, status, content_type, body }, redirect })
    }

    fn cookies_for(&self, host: &str) -> Option<String> {
        let cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs = cookies.get(host)?.iter().map(|(name, value)| format!("{name}={value}"));
        Some(pairs.collect::<Vec<_>>().join("; ")).filter(|pairs| !pairs.is_empty())
    }

    fn keep_cookies(&self, host: &str, response: &reqwest::Response) {
        let mut cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        for header in response.headers().get_all(SET_COOKIE) {
            let pair = header.to_str().ok().and_then(|text| text.split(';').next());
            let Some((name, value)) = pair.and_then(|pair| pair.split_once('=')) else { continue };
            let jar = cookies.entry(host.to_owned()).or_default();
            if jar.len() < 50 || jar.contains_key(name.trim()) {
                jar.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }
}

struct Exchange {
    answer: Answer,
    redirect: Option<String>,
}

/// The innermost cause: what the outer ones add is the URL, with its query.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut inner: &dyn std::error::Error = &error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
