//! How often a client may ask: fixed windows, by bucket and client.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use axum::http::{HeaderMap, HeaderValue};

/// Windows that are kept at once; past this, those that are over are dropped.
const MOST_KEPT: usize = 50_000;

/// A client in a bucket: a user or an address.
pub type Client = (&'static str, String);

/// Counts requests.
#[derive(Debug, Default)]
pub struct Limiter {
    windows: Mutex<HashMap<Client, (i64, u32)>>,
}

/// How a client stands in its bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub limit: u32,
    pub left: u32,
    /// The window's end, Unix seconds.
    pub resets_at: i64,
    /// Seconds to wait, if the request is one too many.
    pub wait: Option<i64>,
}

impl Limiter {
    /// Counts a request at `now` (Unix seconds) in a window of `window` seconds.
    pub fn count(&self, client: Client, limit: u32, window: i64, now: i64) -> Standing {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MOST_KEPT {
            windows.retain(|_, (end, _)| *end > now);
        }
        let fresh = (now + window, 0);
        let full = windows.len() >= MOST_KEPT && !windows.contains_key(&client);
        let mut spare = fresh;
        // A flood of addresses does not become memory; it is counted as if each were new.
        let entry = if full { &mut spare } else { windows.entry(client).or_insert(fresh) };
        if entry.0 <= now {
            *entry = fresh;
        }
        let wait = (entry.1 >= limit).then(|| (entry.0 - now).max(1));
        if wait.is_none() {
            entry.1 += 1;
        }
        Standing { limit, left: limit.saturating_sub(entry.1), resets_at: entry.0, wait }
    }

    /// How a client stands, without counting.
    pub fn standing(&self, client: &Client, limit: u32, window: i64, now: i64) -> Standing {
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let (end, used) =
            windows.get(client).copied().filter(|(end, _)| *end > now).unwrap_or((now + window, 0));
        let wait = (used >= limit).then(|| (end - now).max(1));
        Standing { limit, left: limit.saturating_sub(used), resets_at: end, wait }
    }
}

impl Standing {
    /// Tells the client.
    pub fn tell(&self, headers: &mut HeaderMap) {
        headers.insert("x-ratelimit-limit", HeaderValue::from(self.limit));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(self.left));
        headers.insert("x-ratelimit-reset", HeaderValue::from(self.resets_at));
        if let Some(wait) = self.wait {
            headers.insert("retry-after", HeaderValue::from(wait));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_lets_so_many_through_and_then_begins_anew() {
        let limiter = Limiter::default();
        let ask = |now| limiter.count(("standard", "anna".into()), 2, 60, now);
        assert_eq!(ask(100), Standing { limit: 2, left: 1, resets_at: 160, wait: None });
        assert_eq!(ask(130).left, 0);
        assert_eq!(ask(150).wait, Some(10));
        assert_eq!(ask(160), Standing { limit: 2, left: 1, resets_at: 220, wait: None });
        assert_eq!(
            limiter.count(("standard", "bert".into()), 2, 60, 150).left,
            1,
            "another client"
        );
    }
}
