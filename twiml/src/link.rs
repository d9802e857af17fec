//! Addresses that the carrier requests: `action`, callbacks, documents and files.
//!
//! Where the carrier opens a media socket is another matter, with stricter rules: see
//! [`Stream::to`](crate::Stream::to).

use std::fmt;

use crate::Invalid;

/// An absolute or relative address. Made from any text: what cannot stand in an address (spaces,
/// control characters) is percent-encoded, everything else is kept as it was written, since the
/// carrier signs the address as it reads it. Relative addresses start from the current document's.
#[derive(Clone, PartialEq, Eq)]
pub struct Link(String);

impl Link {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Does it begin with `http://` or `https://`?
    pub fn is_absolute(&self) -> bool {
        is_absolute(&self.0)
    }

    /// Adds timeouts and retries for this one address. Overrides given earlier are replaced.
    #[must_use]
    pub fn overriding(mut self, overrides: &Overrides) -> Self {
        let end = self.0.find('#').unwrap_or(self.0.len());
        self.0.truncate(end);
        let written = overrides.to_string();
        if !written.is_empty() {
            self.0.push('#');
            self.0.push_str(&written);
        }
        self
    }
}

pub(crate) fn is_absolute(address: &str) -> bool {
    let scheme = address.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|s| s.eq_ignore_ascii_case("http") || s.eq_ignore_ascii_case("https"))
}

/// Credentials, host and port: what stands before the path of an address without its scheme.
pub(crate) fn authority(rest: &str) -> &str {
    &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())]
}

impl From<&str> for Link {
    fn from(text: &str) -> Self {
        let mut encoded = String::with_capacity(text.len());
        for character in text.trim().chars() {
            if character.is_control() || character.is_whitespace() {
                let mut bytes = [0; 4];
                for byte in character.encode_utf8(&mut bytes).bytes() {
                    encoded.push_str(&format!("%{byte:02X}"));
                }
            } else {
                encoded.push(character);
            }
        }
        Self(encoded)
    }
}

impl From<String> for Link {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&String> for Link {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&Link> for Link {
    fn from(link: &Link) -> Self {
        link.clone()
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Without the query, which may hold a token.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.find(['?', '#']).unwrap_or(self.0.len());
        let mark = if end < self.0.len() { "…" } else { "" };
        write!(f, "Link({}{mark})", &self.0[..end])
    }
}

/// How the carrier treats one address: written in its fragment, which is neither sent nor signed.
/// Unset values keep the carrier's own: connect 5 s, read 15 s, one retry if connecting failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    connect_ms: Option<u32>,
    read_ms: Option<u32>,
    total_ms: Option<u32>,
    retries: Option<u32>,
    retry_on: Vec<RetryOn>,
}

/// What makes the carrier ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RetryOn {
    /// Connecting or the TLS handshake failed: the carrier's own choice.
    Connect,
    /// A status of 400 to 499.
    ClientError,
    /// A status of 500 to 599.
    ServerError,
    /// No answer in time.
    ReadTimeout,
    All,
}

impl Overrides {
    pub fn new() -> Self {
        Self::default()
    }

    /// Milliseconds to connect, 100 to 10 000.
    pub fn connect_timeout(mut self, ms: u32) -> Result<Self, Invalid> {
        Invalid::check_range("Response", "ct", 100..=10_000, ms)?;
        self.connect_ms = Some(ms);
        Ok(self)
    }

    /// Milliseconds to the answer, 100 to 15 000.
    pub fn read_timeout(mut self, ms: u32) -> Result<Self, Invalid> {
        Invalid::check_range("Response", "rt", 100..=15_000, ms)?;
        self.read_ms = Some(ms);
        Ok(self)
    }

    /// Milliseconds for all attempts together, 100 to 15 000.
    pub fn total_timeout(mut self, ms: u32) -> Result<Self, Invalid> {
        Invalid::check_range("Response", "tt", 100..=15_000, ms)?;
        self.total_ms = Some(ms);
        Ok(self)
    }

    /// How often to ask again, 0 to 5, and after what.
    pub fn retries(
        mut self,
        count: u32,
        on: impl IntoIterator<Item = RetryOn>,
    ) -> Result<Self, Invalid> {
        Invalid::check_range("Response", "rc", 0..=5, count)?;
        self.retries = Some(count);
        self.retry_on = on.into_iter().collect();
        self.retry_on.sort_unstable();
        self.retry_on.dedup();
        Ok(self)
    }
}

impl fmt::Display for Overrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = [
            ("ct", self.connect_ms),
            ("rt", self.read_ms),
            ("tt", self.total_ms),
            ("rc", self.retries),
        ];
        let mut parts: Vec<String> = numbers
            .into_iter()
            .filter_map(|(key, value)| value.map(|value| format!("{key}={value}")))
            .collect();
        if !self.retry_on.is_empty() {
            let words: Vec<&str> = self
                .retry_on
                .iter()
                .map(|on| match on {
                    RetryOn::Connect => "ct",
                    RetryOn::ClientError => "4xx",
                    RetryOn::ServerError => "5xx",
                    RetryOn::ReadTimeout => "rt",
                    RetryOn::All => "all",
                })
                .collect();
            parts.push(format!("rp={}", words.join(",")));
        }
        f.write_str(&parts.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_stand_in_an_address_is_encoded_and_the_rest_kept() {
        let link = Link::from(" https://h.example/España?q=a b\n&r=%20 ");
        assert_eq!(link.as_str(), "https://h.example/España?q=a%20b%0A&r=%20");
    }

    #[test]
    fn overrides_are_a_fragment_and_replace_an_earlier_one() -> Result<(), Invalid> {
        let overrides = Overrides::new()
            .read_timeout(5_000)?
            .retries(2, [RetryOn::ServerError, RetryOn::Connect, RetryOn::Connect])?;
        let link = Link::from("https://h.example/a?b=1#rc=1").overriding(&overrides);
        assert_eq!(link.as_str(), "https://h.example/a?b=1#rt=5000&rc=2&rp=ct,5xx");
        assert_eq!(link.overriding(&Overrides::new()).as_str(), "https://h.example/a?b=1");
        assert!(Overrides::new().retries(6, [RetryOn::All]).is_err());
        assert!(Overrides::new().connect_timeout(99).is_err());
        assert!(Overrides::new().total_timeout(15_001).is_err());
        Ok(())
    }

    #[test]
    fn debug_leaves_the_query_out() {
        let link = Link::from("https://h.example/a?token=abc");
        assert_eq!(format!("{link:?}"), "Link(https://h.example/a…)");
    }

    #[test]
    fn only_http_addresses_are_absolute() {
        assert!(Link::from("HTTPS://h.example/").is_absolute());
        assert!(!Link::from("/resume?next=https://h.example").is_absolute());
        assert!(!Link::from("wss://h.example/").is_absolute());
    }
}
