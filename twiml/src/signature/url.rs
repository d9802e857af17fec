//! The spellings of one address under which the carrier may have signed it.
//!
//! Addresses are cut as text. A URL type would percent-encode, reorder or add a slash, and each of
//! those breaks the signature; so path and query stay byte for byte as they were given.
//!
//! The carrier drops credentials always, and the port of a voice webhook over https; its libraries
//! accept an address with and without its port, with the scheme's own port added where there is
//! none. That much is accepted here and no more: every further spelling is one more address that
//! a signature can be replayed at.

/// An address in the pieces that its spellings differ in.
struct Parts<'a> {
    scheme: &'a str,
    credentials: Option<&'a str>,
    host: &'a str,
    port: Option<&'a str>,
    /// Path and query.
    rest: &'a str,
}

impl<'a> Parts<'a> {
    fn of(url: &'a str) -> Option<Self> {
        let (scheme, after) = url.split_once("://")?;
        let authority = crate::link::authority(after);
        let rest = &after[authority.len()..];
        let (credentials, place) = match authority.rsplit_once('@') {
            Some((credentials, place)) => (Some(credentials), place),
            None => (None, authority),
        };
        // The colons of an IPv6 address stand before its bracket.
        let port_at = place.rfind(':').filter(|at| !place[*at..].contains(']'));
        let (host, port) = match port_at {
            Some(at) => (&place[..at], Some(&place[at + 1..])),
            None => (place, None),
        };
        Some(Self { scheme, credentials, host, port, rest })
    }

    fn default_port(&self) -> Option<&'static str> {
        match self.scheme {
            "https" | "wss" => Some("443"),
            "http" | "ws" => Some("80"),
            _ => None,
        }
    }

    fn spelled(&self, credentials: Option<&str>, port: Option<&str>, rest: &str) -> String {
        let mut url = format!("{}://", self.scheme);
        if let Some(credentials) = credentials {
            url.push_str(credentials);
            url.push('@');
        }
        url.push_str(self.host);
        if let Some(port) = port {
            url.push(':');
            url.push_str(port);
        }
        url.push_str(rest);
        url
    }

    /// With and without credentials, each with its own port, with none, and with the scheme's.
    fn spellings(&self, rest: &str) -> Vec<String> {
        let ports = match self.port {
            Some(port) => [Some(port), None],
            None => [None, self.default_port()],
        };
        let mut urls = Vec::new();
        for credentials in [self.credentials, None] {
            for port in ports {
                let url = self.spelled(credentials, port, rest);
                if !urls.contains(&url) {
                    urls.push(url);
                }
            }
        }
        urls
    }
}

/// The address without what follows a `#`: retry settings, which are neither sent nor signed.
pub(super) fn without_fragment(url: &str) -> &str {
    url.split_once('#').map_or(url, |(before, _)| before)
}

/// The spelling of a webhook's address that the carrier signs for a call: without fragment and
/// credentials, and over https without a port.
pub fn carrier_spelling(url: &str) -> String {
    let url = without_fragment(url);
    let Some(parts) = Parts::of(url) else { return url.to_owned() };
    let port = parts.port.filter(|_| parts.scheme != "https");
    parts.spelled(None, port, parts.rest)
}

/// What a webhook at `url` may have been signed as.
pub(super) fn webhook_candidates(url: &str) -> Vec<String> {
    let url = without_fragment(url);
    match Parts::of(url) {
        Some(parts) => parts.spellings(parts.rest),
        None => vec![url.to_owned()],
    }
}

/// What the upgrade of a socket at `url` may have been signed as: also with a trailing slash more
/// or less, and if asked for with the scheme that the upgrade began as.
pub(super) fn upgrade_candidates(url: &str, https_too: bool) -> Vec<String> {
    let url = without_fragment(url);
    let Some(mut parts) = Parts::of(url) else { return vec![url.to_owned()] };
    let path_end = parts.rest.find('?').unwrap_or(parts.rest.len());
    let (path, query) = parts.rest.split_at(path_end);
    let other = match path.strip_suffix('/') {
        Some(shorter) => format!("{shorter}{query}"),
        None => format!("{path}/{query}"),
    };
    let mut urls = parts.spellings(parts.rest);
    urls.extend(parts.spellings(&other));
    let plain = match parts.scheme {
        "wss" => Some("https"),
        "ws" => Some("http"),
        _ => None,
    };
    if let Some(scheme) = plain.filter(|_| https_too) {
        parts.scheme = scheme;
        urls.extend(parts.spellings(parts.rest));
        urls.extend(parts.spellings(&other));
    }
    urls
}

/// The raw value of a query parameter, the first of that name.
pub(super) fn query_value<'a>(url: &'a str, name: &str) -> Option<&'a str> {
    let (_, query) = without_fragment(url).split_once('?')?;
    query.split('&').find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_accepted_with_and_without_port_and_credentials() {
        assert_eq!(
            webhook_candidates("https://u:p@h.example:8443/a?b#rc=2"),
            [
                "https://u:p@h.example:8443/a?b",
                "https://u:p@h.example/a?b",
                "https://h.example:8443/a?b",
                "https://h.example/a?b",
            ]
        );
        assert_eq!(webhook_candidates("http://[::1]/a"), ["http://[::1]/a", "http://[::1]:80/a"]);
        assert_eq!(webhook_candidates("/a#b"), ["/a"]);
    }

    #[test]
    fn an_upgrade_is_accepted_with_and_without_a_trailing_slash() {
        let mut urls = upgrade_candidates("wss://h.example/m", false);
        let expected = [
            "wss://h.example/m",
            "wss://h.example:443/m",
            "wss://h.example/m/",
            "wss://h.example:443/m/",
        ];
        assert_eq!(urls, expected);
        urls.sort();
        let mut from_slash = upgrade_candidates("wss://h.example/m/", false);
        from_slash.sort();
        assert_eq!(from_slash, urls);
        assert_eq!(upgrade_candidates("wss://h.example", false)[2], "wss://h.example/");
        let with_https = upgrade_candidates("ws://h.example:8000/m", true);
        assert!(with_https.contains(&"http://h.example/m/".to_owned()));
        assert_eq!(with_https.len(), 8);
    }

    #[test]
    fn the_carrier_drops_credentials_and_over_https_the_port() {
        let spelled = carrier_spelling("https://u:p@h.example:8443/a?b=c#rc=1");
        assert_eq!(spelled, "https://h.example/a?b=c");
        assert_eq!(carrier_spelling("http://u@h.example:8000/a"), "http://h.example:8000/a");
        assert_eq!(carrier_spelling("nonsense"), "nonsense");
    }

    #[test]
    fn an_at_sign_or_colon_in_path_or_query_is_no_credential_or_port() {
        let url = "https://h.example/a:b@c?d=e@f:1";
        assert_eq!(carrier_spelling(url), url);
        assert_eq!(webhook_candidates(url)[0], url);
        assert_eq!(query_value("https://h.example/a?x=1&y=2#y=3", "y"), Some("2"));
        assert_eq!(query_value("https://h.example/a?xy=1", "y"), None);
    }
}
