//! Functions that are called over HTTP: arguments POSTed as JSON, signed if wished, the answer read to
//! a limit.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::{Asked, Failed, NotUsable, cut, filled_headers};
use crate::domain::tool::WebhookTool;

/// Time allowed for a check.
const CHECK_WITHIN: Duration = Duration::from_secs(5);
/// Of an answer that is an error, so much goes to the model: it may say what to ask the caller.
const LONGEST_ERROR: usize = 1_024;

/// A function, ready to be called.
pub(super) struct Webhook {
    url: reqwest::Url,
    headers: HeaderMap,
    key: Option<hmac::Key>,
}

impl Webhook {
    /// Fills in what comes from the environment.
    pub fn open(
        tool: &WebhookTool,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, NotUsable> {
        let of = || format!("the tool {:?}", tool.name);
        let url = reqwest::Url::parse(&tool.url).map_err(|_| NotUsable::Url { of: of() })?;
        let headers = filled_headers(&of(), &tool.headers, env)?;
        let secret = tool.secret.as_ref().map(|secret| secret.fill(env)).transpose();
        let secret = secret.map_err(|source| NotUsable::Unfilled { of: of(), source })?;
        let key = secret.map(|secret| signing_key(&secret)).transpose();
        let key = key.map_err(|Malformed| NotUsable::Secret { of: of() })?;
        Ok(Webhook { url, headers, key })
    }

    /// Calls it once.
    pub async fn call(
        &self,
        client: &reqwest::Client,
        asked: &Asked<'_>,
    ) -> Result<String, Failed> {
        let body = asked.call.arguments.to_string();
        let id = asked.key;
        let mut request = client
            .post(self.url.clone())
            .headers(self.headers.clone())
            .header(CONTENT_TYPE, "application/json")
            // One call of the model is one effect: a receiver can drop what it has seen.
            .header("Idempotency-Key", id)
            .header("X-Tandem-Call", asked.call_sid);
        if let Some(key) = &self.key {
            let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            request = request
                .header("Webhook-Id", id)
                .header("Webhook-Timestamp", at)
                .header("Webhook-Signature", signature(key, id, at, &body));
        }
        let response = request.body(body).send().await.map_err(|error| broken(&error))?;
        let status = response.status();
        if status.is_success() {
            return read(response, super::LONGEST_ANSWER).await;
        }
        let code = status.as_u16();
        let said = match status.is_client_error() {
            // What the function says of a request that it refuses is meant for whoever asks.
            true => read(response, LONGEST_ERROR).await.unwrap_or_default(),
            false => String::new(),
        };
        let words = match said.trim() {
            "" => format!("HTTP {code}"),
            said => format!("HTTP {code}: {said}"),
        };
        Err(Failed { why: "refused", words })
    }

    /// Does anything answer there? Asks what is allowed, which has no effects, and tells no secrets.
    pub async fn check(&self, client: &reqwest::Client) -> Result<String, String> {
        let asked = client
            .request(reqwest::Method::OPTIONS, self.url.clone())
            .timeout(CHECK_WITHIN)
            .send()
            .await;
        let host = self.url.host_str().unwrap_or_default();
        match asked {
            Ok(_) => Ok(format!("{host} answers")),
            Err(error) => Err(format!("{host}: {}", broken(&error).words)),
        }
    }
}

async fn read(mut response: reqwest::Response, most: usize) -> Result<String, Failed> {
    let mut body = Vec::new();
    while body.len() <= most
        && let Some(piece) = response.chunk().await.map_err(|error| broken(&error))?
    {
        // One byte more than is taken tells that it was longer.
        body.extend_from_slice(&piece[..piece.len().min(most + 1 - body.len())]);
    }
    Ok(cut(String::from_utf8_lossy(&body).into_owned(), most))
}

/// What broke, without the address: it may hold a secret.
fn broken(error: &reqwest::Error) -> Failed {
    let words = if error.is_connect() {
        "it cannot be reached"
    } else if error.is_timeout() {
        "no answer in time"
    } else {
        "the connection broke"
    };
    Failed { why: "unreachable", words: words.to_owned() }
}

struct Malformed;

/// The key of a secret: with `whsec_` before it base64, else the text itself.
fn signing_key(secret: &SecretString) -> Result<hmac::Key, Malformed> {
    let secret = secret.expose_secret();
    let bytes = match secret.strip_prefix("whsec_") {
        Some(base64) => {
            base64_simd::STANDARD.decode_to_vec(base64.as_bytes()).map_err(|_| Malformed)?
        }
        None => secret.as_bytes().to_vec(),
    };
    if bytes.is_empty() {
        return Err(Malformed);
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

/// The signature of a call, as
/// <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md> has it.
fn signature(key: &hmac::Key, id: &str, at: u64, body: &str) -> HeaderValue {
    let tag = hmac::sign(key, format!("{id}.{at}.{body}").as_bytes());
    let tag = base64_simd::STANDARD.encode_to_string(tag.as_ref());
    HeaderValue::from_str(&format!("v1,{tag}")).expect("base64 is visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_standards_libraries() {
        // From the tests of the reference implementation.
        let Ok(key) = signing_key(&"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned().into())
        else {
            panic!("it is base64");
        };
        let signed =
            signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
