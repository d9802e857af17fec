//! Where a request came from.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap},
};

/// The client's address: the connection's, or, where that is a trusted proxy's, the one that it
/// forwards for: the last in `X-Forwarded-For` that is no trusted proxy.
pub fn of(headers: &HeaderMap, extensions: &Extensions, trusted: &[IpAddr]) -> Option<IpAddr> {
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    let peer = peer.ip().to_canonical();
    if !trusted.contains(&peer) {
        return Some(peer);
    }
    let forwarded =
        headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<Result<IpAddr, _>> = forwarded
        .flat_map(|value| value.split(','))
        .map(|hop| {
            let hop = hop.trim();
            // Some proxies add the port.
            let with_port = || hop.parse::<SocketAddr>().map(|address| address.ip());
            hop.parse::<IpAddr>().or_else(|_| with_port()).map(|hop| hop.to_canonical())
        })
        .collect();
    // What stands before something unreadable was not written by a trusted proxy.
    let seen = hops.into_iter().rev().find(|hop| !matches!(hop, Ok(hop) if trusted.contains(hop)));
    Some(seen.and_then(Result::ok).unwrap_or(peer))
}

/// Who is counted as one client: an address, of IPv6 its first 64 bits, as one customer has at least
/// so many.
pub fn client(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str, forwarded: &str, trusted: &[&str]) -> String {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().expect("an address"), 1)));
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", forwarded.parse().expect("a header"));
        let trusted: Vec<IpAddr> =
            trusted.iter().map(|one| one.parse().expect("an address")).collect();
        of(&headers, &extensions, &trusted).expect("there is a connection").to_string()
    }

    #[test]
    fn forwarding_headers_are_believed_from_trusted_proxies_alone() {
        assert_eq!(from("9.9.9.9", "1.2.3.4", &[]), "9.9.9.9");
        assert_eq!(from("10.0.0.1", "1.2.3.4", &["10.0.0.1"]), "1.2.3.4");
        let spoofed = from("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.2", &["10.0.0.1", "10.0.0.2"]);
        assert_eq!(spoofed, "1.2.3.4", "what a client claims stands before what the proxy saw");
        assert_eq!(from("10.0.0.1", "nonsense", &["10.0.0.1"]), "10.0.0.1");
    }
}
