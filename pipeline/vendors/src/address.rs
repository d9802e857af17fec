//! A vendor's base URL, as a person may have written it, made into the addresses that are called.
//!
//! People paste what the vendor's page shows: `wss://api.deepgram.com/v1/listen`, a host with a
//! slash at its end, a proxy with a path of its own. All of these name the same place.

use std::fmt;

use reqwest::Url;

/// Where a vendor is reached: scheme `http` or `https`, a host, a path without a slash at its end.
#[derive(Clone)]
pub(crate) struct Address(Url);

impl Address {
    /// Reads a base URL with the scheme `http`, `https`, `ws` or `wss`.
    ///
    /// # Errors
    /// A sentence that names what is wrong. It never repeats the URL, which may hold a password.
    pub(crate) fn parse(raw: &str) -> Result<Self, String> {
        let mut url = Url::parse(raw.trim()).map_err(|error| {
            format!("its URL is not one ({error}): it should look like https://host/path")
        })?;
        let scheme = match url.scheme() {
            "http" | "ws" => "http",
            "https" | "wss" => "https",
            other => {
                return Err(format!("its URL begins with {other}:, not with https: or wss:"));
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("its URL holds a user name or password: give the key by its setting".into());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("its URL holds a query: give only scheme, host and path".into());
        }
        // All four schemes are of one kind to the parser, which then allows the change.
        let _ = url.set_scheme(scheme);
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Address(url))
    }

    /// Drops the path from its first segment `name` on: what stands before the version is the base.
    pub(crate) fn before_segment(mut self, name: &str) -> Self {
        let path = self.path().to_owned();
        let kept: Vec<&str> = path.split('/').take_while(|segment| *segment != name).collect();
        self.0.set_path(kept.join("/").trim_end_matches('/'));
        self
    }

    /// Drops `suffix` from the path's end, where it stands there.
    pub(crate) fn without_suffix(mut self, suffix: &str) -> Self {
        if let Some(rest) = self.path().strip_suffix(suffix) {
            let rest = rest.trim_end_matches('/').to_owned();
            self.0.set_path(&rest);
        }
        self
    }

    /// Puts `path` where there is none.
    pub(crate) fn or_path(mut self, path: &str) -> Self {
        if self.path().is_empty() {
            self.0.set_path(path);
        }
        self
    }

    /// The address of `path` (which begins with a slash) below the base, for plain requests.
    pub(crate) fn http(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.path()));
        url
    }

    /// The same for a WebSocket.
    pub(crate) fn ws(&self, path: &str) -> Url {
        let mut url = self.http(path);
        let scheme = if url.scheme() == "http" { "ws" } else { "wss" };
        let _ = url.set_scheme(scheme);
        url
    }

    /// The host's name or number.
    pub(crate) fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    fn path(&self) -> &str {
        self.0.path().trim_end_matches('/')
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    fn versioned(raw: &str) -> (String, String) {
        let address = Address::parse(raw).unwrap().before_segment("v1");
        (address.http("/v1/speak").into(), address.ws("/v1/listen").into())
    }

    #[test]
    fn every_spelling_of_a_host_is_the_same_place() {
        for raw in [
            "https://api.example.com",
            "https://api.example.com/",
            "wss://api.example.com",
            "wss://api.example.com/v1",
            "https://api.example.com/v1/",
            "wss://api.example.com/v1/listen",
            "wss://api.example.com/v1/listen/",
            " HTTPS://API.example.com// ",
        ] {
            let (http, ws) = versioned(raw);
            assert_eq!(http, "https://api.example.com/v1/speak", "{raw}");
            assert_eq!(ws, "wss://api.example.com/v1/listen", "{raw}");
        }
    }

    #[test]
    fn plain_schemes_ports_and_proxies_paths_stay() {
        for raw in ["http://127.0.0.1:9000/proxy/x", "ws://127.0.0.1:9000/proxy/x/v1/listen"] {
            let (http, ws) = versioned(raw);
            assert_eq!(http, "http://127.0.0.1:9000/proxy/x/v1/speak");
            assert_eq!(ws, "ws://127.0.0.1:9000/proxy/x/v1/listen");
        }
    }

    #[test]
    fn a_version_is_only_added_where_there_is_no_path() {
        let chat = |raw: &str| {
            let address = Address::parse(raw).unwrap().without_suffix("/chat/completions");
            address.or_path("/v1").http("/chat/completions").to_string()
        };
        assert_eq!(chat("http://localhost:1"), "http://localhost:1/v1/chat/completions");
        assert_eq!(chat("http://localhost:1/v1/"), "http://localhost:1/v1/chat/completions");
        assert_eq!(chat("https://h/openai/v1"), "https://h/openai/v1/chat/completions");
        assert_eq!(chat("https://h/v1/chat/completions"), "https://h/v1/chat/completions");
    }

    #[test]
    fn what_is_not_a_base_url_is_refused_without_repeating_it() {
        for raw in
            ["", "api.example.com", "ftp://h", "https://me:hunter2@h", "https://h/?k=hunter2"]
        {
            let error = Address::parse(raw).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
