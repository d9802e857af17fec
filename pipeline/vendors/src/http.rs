//! What every adapter that speaks HTTP shares: one client, deadlines, and why a request failed.
//!
//! No request is repeated here: whether another try is worth it is the caller's to know, who hears
//! the silence meanwhile.

pub(crate) mod audio;

use std::{
    future::Future,
    time::{Duration, SystemTime},
};

use reqwest::{
    Client, RequestBuilder, Response, StatusCode,
    header::{HeaderMap, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use crate::{Problem, VendorError};

/// Time allowed to open a connection, TLS included.
pub(crate) const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// Bytes read of an answer that says what went wrong.
const REFUSAL_LIMIT: usize = 8 * 1024;

/// Characters of such an answer that are passed on.
const DETAIL_LIMIT: usize = 240;

/// A client with a pool of connections of its own; an adapter makes one and keeps it.
///
/// # Errors
/// The system's certificates could not be used.
pub(crate) fn client(vendor: &'static str) -> Result<Client, VendorError> {
    Client::builder()
        .user_agent(concat!("tandem/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_WITHIN)
        .tcp_nodelay(true)
        .tcp_keepalive(Duration::from_secs(30))
        .pool_idle_timeout(Duration::from_secs(90))
        // A redirect would carry the caller's words to a host that nobody configured.
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| {
            Failure::from(Problem::Engine(format!("no HTTP client ({})", root_cause(&error))))
                .of(vendor, "start")
        })
}

/// A header value that no log shows.
///
/// # Errors
/// The key holds characters that a header cannot.
pub(crate) fn secret_header(prefix: &str, key: &SecretString) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::try_from(format!("{prefix}{}", key.expose_secret().trim()))
        .map_err(|_| "its key holds characters that no key has".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

/// A problem and the vendor's identifier of the request, before it is known what was tried.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) problem: Problem,
    pub(crate) request_id: Option<String>,
}

impl Failure {
    /// The failure of `vendor` to do `attempt`.
    pub(crate) fn of(self, vendor: &'static str, attempt: &'static str) -> VendorError {
        VendorError { vendor, attempt, problem: self.problem, request_id: self.request_id }
    }

    /// The same, of the request that the vendor calls `id`.
    pub(crate) fn in_request(mut self, id: &Option<String>) -> Self {
        self.request_id = self.request_id.or_else(|| id.clone());
        self
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Failure { problem, request_id: None }
    }
}

/// Until when something is waited for, and what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Instant,
    after: Duration,
    waited_for: &'static str,
}

impl Deadline {
    /// `after` from now.
    pub(crate) fn within(after: Duration, waited_for: &'static str) -> Self {
        // Beyond a day the sum could overflow, and nobody waits so long for a word.
        let after = after.min(Duration::from_secs(86_400));
        Deadline { at: Instant::now() + after, after, waited_for }
    }

    /// The future's output, or `Problem::TimedOut` once the deadline has passed.
    pub(crate) async fn bound<T>(&self, future: impl Future<Output = T>) -> Result<T, Problem> {
        tokio::time::timeout_at(self.at, future).await.map_err(|_| self.passed())
    }

    /// The problem that this deadline has passed.
    pub(crate) fn passed(&self) -> Problem {
        Problem::TimedOut { waited_for: self.waited_for, after: self.after }
    }
}

/// Sends a request and returns its answer's head, where that says success.
pub(crate) async fn send(
    request: RequestBuilder,
    deadline: &Deadline,
    key: &SecretString,
) -> Result<Response, Failure> {
    let response = deadline.bound(request.send()).await?.map_err(|error| problem_of(&error))?;
    if response.status().is_success() {
        return Ok(response);
    }
    let request_id = request_id(response.headers());
    let (status, headers) = (response.status(), response.headers().clone());
    // The body only adds words; the status already says what kind of failure this is.
    let body = match deadline.bound(body_of(response, REFUSAL_LIMIT)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) | Err(_) => Vec::new(),
    };
    Err(Failure { problem: refusal(status, &headers, &body, key), request_id })
}

/// The whole body, or as much of it as `limit` allows.
pub(crate) async fn body_of(mut response: Response, limit: usize) -> Result<Vec<u8>, Problem> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| problem_of(&error))? {
        let room = limit - body.len();
        body.extend_from_slice(&piece[..piece.len().min(room)]);
        if body.len() == limit {
            break;
        }
    }
    Ok(body)
}

/// What a status that is not success means.
pub(crate) fn refusal(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    key: &SecretString,
) -> Problem {
    match status.as_u16() {
        status @ (401 | 403) => Problem::Unauthorized { status },
        // An account without money answers 429 too; waiting does not help it.
        429 if !body_says(body, "insufficient_quota") => {
            Problem::RateLimited { retry_after: retry_after(headers, SystemTime::now()) }
        }
        status => Problem::Status { status, detail: detail(body, key) },
    }
}

fn body_says(body: &[u8], code: &str) -> bool {
    body.windows(code.len()).any(|window| window == code.as_bytes())
}

/// Why a request or its body failed, without the URL.
pub(crate) fn problem_of(error: &reqwest::Error) -> Problem {
    let cause = root_cause(error);
    if error.is_timeout() {
        // The client knows one limit only; all others are deadlines around it.
        Problem::TimedOut { waited_for: "connection", after: CONNECT_WITHIN }
    } else if error.is_body() || error.is_decode() {
        Problem::Cut(cause)
    } else {
        Problem::Unreachable(cause)
    }
}

/// The innermost cause: the outer ones repeat it, and the URL.
pub(crate) fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// The vendor's identifier of a request, under any of the names in use.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    ["x-request-id", "dg-request-id", "request-id", "x-trace-id"]
        .into_iter()
        .find_map(|name| headers.get(name)?.to_str().ok())
        .map(|id| id.chars().filter(|c| c.is_ascii_graphic()).take(128).collect())
}

/// How long the vendor asks to wait: `retry-after-ms`, else `Retry-After` as seconds (a fraction is
/// allowed) or as a date.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let seconds = |text: &str| {
        // Up to a day: what is longer, negative or not a number says nothing useful.
        let seconds = text.parse::<f64>().ok().filter(|s| (0.0..=86_400.0).contains(s))?;
        Some(Duration::from_secs_f64(seconds))
    };
    if let Some(wait) = text("retry-after-ms").and_then(|ms| seconds(ms).map(|ms| ms / 1000)) {
        return Some(wait);
    }
    let text = text("retry-after")?;
    seconds(text).or_else(|| {
        let at = httpdate::parse_http_date(text).ok()?;
        // A moment that has passed asks for no wait.
        Some(at.duration_since(now).unwrap_or_default())
    })
}

/// What an answer says went wrong: its JSON's message, else its beginning.
pub(crate) fn detail(body: &[u8], key: &SecretString) -> String {
    let text = String::from_utf8_lossy(body);
    let said = serde_json::from_str::<serde_json::Value>(&text)
        .ok()
        .and_then(|json| message_in(&json))
        .unwrap_or_else(|| text.into_owned());
    scrub(&said, key)
}

/// The message in a vendor's error object; each vendor has its own spelling.
pub(crate) fn message_in(json: &serde_json::Value) -> Option<String> {
    for name in ["error", "detail", "message", "err_msg", "description", "reason"] {
        match json.get(name) {
            Some(serde_json::Value::String(said)) if !said.is_empty() => return Some(said.clone()),
            Some(inner @ serde_json::Value::Object(_)) => {
                if let Some(said) = message_in(inner) {
                    return Some(said);
                }
            }
            _ => {}
        }
    }
    None
}

/// One short line without the key.
pub(crate) fn scrub(said: &str, key: &SecretString) -> String {
    let key = key.expose_secret().trim();
    let said = if key.is_empty() { said.to_owned() } else { said.replace(key, "[key]") };
    let words: Vec<&str> = said.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(DETAIL_LIMIT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None if line.is_empty() => "no reason given".into(),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(name: &'static str, value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        let now = httpdate::parse_http_date("Fri, 20 Nov 2026 10:00:00 GMT").unwrap();
        retry_after(&headers, now)
    }

    #[test]
    fn a_wait_is_read_in_every_spelling() {
        assert_eq!(wait("retry-after", "2"), Some(Duration::from_secs(2)));
        assert_eq!(wait("retry-after", " 0.25 "), Some(Duration::from_millis(250)));
        assert_eq!(wait("retry-after-ms", "120"), Some(Duration::from_millis(120)));
        assert_eq!(
            wait("retry-after", "Fri, 20 Nov 2026 10:00:07 GMT"),
            Some(Duration::from_secs(7))
        );
        assert_eq!(wait("retry-after", "Fri, 20 Nov 2026 09:00:00 GMT"), Some(Duration::ZERO));
        for nonsense in ["soon", "-1", "NaN", "1e300", ""] {
            assert_eq!(wait("retry-after", nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn the_statement_is_found_in_each_vendors_error_object_and_loses_the_key() {
        let key = SecretString::from("sk-very-secret");
        let said = |body: &str| detail(body.as_bytes(), &key);
        assert_eq!(said(r#"{"error":{"message":"no sk-very-secret","code":1}}"#), "no [key]");
        assert_eq!(said(r#"{"detail":{"status":"x","message":"quota"}}"#), "quota");
        assert_eq!(said(r#"{"err_code":"B","err_msg":"bad\nmodel"}"#), "bad model");
        assert_eq!(said("plain  words"), "plain words");
        assert_eq!(said(""), "no reason given");
        assert_eq!(said(&"é".repeat(900)).chars().count(), DETAIL_LIMIT + 1);
    }

    #[test]
    fn an_empty_account_is_not_told_as_a_rate_limit() {
        let key = SecretString::from("k");
        let status = StatusCode::TOO_MANY_REQUESTS;
        let body = br#"{"error":{"message":"pay","code":"insufficient_quota"}}"#;
        assert!(matches!(
            refusal(status, &HeaderMap::new(), body, &key),
            Problem::Status { status: 429, .. }
        ));
        assert!(matches!(
            refusal(status, &HeaderMap::new(), b"{}", &key),
            Problem::RateLimited { retry_after: None }
        ));
    }
}
