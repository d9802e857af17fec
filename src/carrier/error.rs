//! Why the carrier's API did not do what it was asked.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;

use super::Repeat;

/// The carrier's words are cut after so many characters.
const LONGEST_MESSAGE: usize = 200;
/// So many digits in a row, spaces and the like between them left out, are a telephone number.
const DIGITS_OF_A_NUMBER: usize = 7;

/// What came of a request instead of its answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No answer came.
    #[error("could not {attempt}: the carrier's API gave no answer ({why})")]
    Unreached {
        attempt: &'static str,
        why: String,
        /// The request may have been received, and done.
        sent: bool,
    },
    /// The API said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The answer is not what the API documents.
    #[error("could not {attempt}: the carrier's answer cannot be read: {why}")]
    Unreadable { attempt: &'static str, why: String },
}

/// An answer that says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("could not {attempt}: the carrier answers {status}{}: {message}", shown(*.code))]
pub struct Refusal {
    pub attempt: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The carrier's number of the error, as in <https://www.twilio.com/docs/api/errors>; absent if
    /// something in between answered.
    pub code: Option<u32>,
    /// In the carrier's words, without telephone numbers.
    pub message: String,
    /// How long the carrier asks to wait.
    pub retry_after: Option<Duration>,
}

fn shown(code: Option<u32>) -> String {
    code.map(|code| format!(" (error {code})")).unwrap_or_default()
}

/// The body of an error. Every field may be missing: proxies have their own.
#[derive(Default, Deserialize)]
struct Body {
    code: Option<u32>,
    message: Option<String>,
}

impl Refusal {
    pub(super) fn read(
        attempt: &'static str,
        status: StatusCode,
        retry_after: Option<Duration>,
        body: &[u8],
    ) -> Self {
        let body: Body = serde_json::from_slice(body).unwrap_or_default();
        let message = match body.message {
            Some(message) => without_numbers(&message),
            None => status.canonical_reason().unwrap_or("no reason given").to_owned(),
        };
        Refusal { attempt, status: status.as_u16(), code: body.code, message, retry_after }
    }

    fn is_too_many(&self) -> bool {
        self.status == 429
    }
}

impl Error {
    pub(super) fn unreached(attempt: &'static str, error: reqwest::Error) -> Self {
        let sent = !error.is_connect();
        // The innermost cause says it; what is around it has the address.
        let error = error.without_url();
        let mut inner: &dyn std::error::Error = &error;
        while let Some(source) = inner.source() {
            inner = source;
        }
        let why = if error.is_timeout() { "in time".to_owned() } else { inner.to_string() };
        Error::Unreached { attempt, why, sent }
    }

    /// The carrier's number of the error.
    #[must_use]
    pub fn code(&self) -> Option<u32> {
        match self {
            Error::Refused(refusal) => refusal.code,
            Error::Unreached { .. } | Error::Unreadable { .. } => None,
        }
    }

    /// May asking again later help? Else the request itself is wrong, or the credentials are.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            // What cannot be read is a proxy's page more often than the API's own.
            Error::Unreached { .. } | Error::Unreadable { .. } => true,
            Error::Refused(refusal) => refusal.is_too_many() || refusal.status >= 500,
        }
    }

    /// The account has no such thing, or it was deleted.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Error::Refused(refusal) if refusal.status == 404)
    }

    /// May the same request be sent again at once? One that may have been done is, only if doing it
    /// twice is doing it once. A refusal for too many at once was not done.
    pub(super) fn may_be_repeated(&self, repeat: Repeat) -> bool {
        let unsent = matches!(self, Error::Unreached { sent: false, .. });
        let too_many = matches!(self, Error::Refused(refusal) if refusal.is_too_many());
        match repeat {
            Repeat::Safe => self.is_retryable(),
            Repeat::Undone => unsent || too_many,
            Repeat::Unsent => unsent,
        }
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::Refused(refusal) => refusal.retry_after,
            Error::Unreached { .. } | Error::Unreadable { .. } => None,
        }
    }
}

/// One short line, telephone numbers left out: the carrier quotes what it was sent.
fn without_numbers(message: &str) -> String {
    let chars: Vec<char> = message.chars().take(LONGEST_MESSAGE).collect();
    let (mut line, mut at) = (String::new(), 0);
    while at < chars.len() {
        let begins = chars[at].is_ascii_digit() || chars[at] == '+';
        let inside_word = at > 0 && chars[at - 1].is_alphanumeric();
        if begins && !inside_word {
            let run =
                chars[at..].iter().take_while(|c| c.is_ascii_digit() || " +-().".contains(**c));
            let run = run.count();
            let end = at + run;
            let digits = chars[at..end].iter().filter(|c| c.is_ascii_digit()).count();
            if digits >= DIGITS_OF_A_NUMBER {
                let kept = chars[at..end].iter().rev().take_while(|c| !c.is_ascii_digit());
                let kept: Vec<char> = kept.copied().collect();
                line.push_str("[number]");
                line.extend(kept.into_iter().rev());
                at = end;
                continue;
            }
        }
        line.push(if chars[at].is_control() { ' ' } else { chars[at] });
        at += 1;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> Error {
        let status = StatusCode::from_u16(status).expect("it is a status");
        Error::Refused(Refusal::read("end the call", status, None, body.as_bytes()))
    }

    #[test]
    fn an_error_says_what_the_carrier_said_without_numbers() {
        let body = r#"{"code":21211,"message":"Invalid 'To' Phone Number: +1 (415) 555-0100.","status":400}"#;
        let error = refused(400, body);
        assert_eq!(
            error.to_string(),
            "could not end the call: the carrier answers 400 (error 21211): \
             Invalid 'To' Phone Number: [number]."
        );
        assert_eq!(error.code(), Some(21211));
        let gateway = refused(502, "<html>Bad Gateway</html>");
        assert_eq!(
            gateway.to_string(),
            "could not end the call: the carrier answers 502: Bad Gateway"
        );
        // Identifiers, codes and years are no numbers of anybody's.
        for kept in ["call CA00112233445566 is over", "at 12:30 on 2026", "21220"] {
            assert_eq!(without_numbers(kept), kept);
        }
        assert_eq!(without_numbers("to 14155550100 and 5"), "to [number] and 5");
        assert!(without_numbers(&"x".repeat(5_000)).len() <= LONGEST_MESSAGE);
    }

    #[test]
    fn only_what_was_not_done_or_may_be_done_twice_is_repeated() {
        let lost = |sent| Error::Unreached { attempt: "end the call", why: String::new(), sent };
        // (error, if doing it twice is doing it once, if it was refused undone, only unsent)
        for (error, safe, undone, unsent) in [
            (lost(false), true, true, true),
            (lost(true), true, false, false),
            (refused(429, "{}"), true, true, false),
            (refused(500, "{}"), true, false, false),
            (refused(400, "{}"), false, false, false),
            (refused(401, "{}"), false, false, false),
            (refused(404, "{}"), false, false, false),
        ] {
            assert_eq!(error.may_be_repeated(Repeat::Safe), safe, "{error}");
            assert_eq!(error.may_be_repeated(Repeat::Undone), undone, "{error}");
            assert_eq!(error.may_be_repeated(Repeat::Unsent), unsent, "{error}");
        }
    }
}
