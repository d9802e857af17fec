//! How often a client may ask: fixed windows, by bucket and client.
//!
//! Each bucket keeps its own, so that a flood in one costs nobody anything in another. What a request
//! costs does not depend on how many clients there are: windows are forgotten a generation at a time.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use axum::http::{HeaderMap, HeaderValue};

/// Clients of one bucket and one generation that are told apart; there are two generations. Beyond
/// that they are counted together.
const MOST_TOLD_APART: usize = 50_000;
/// Those together may ask so many times as often as one of them.
const TOGETHER: u32 = 100;

/// What is counted by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// Requests of a user, a minute.
    Standard,
    /// Their requests for statistics, a minute.
    Analytics,
    /// Requests from an address without a sign-in, an hour.
    Public,
    /// Readings of the API's document from an address, a minute.
    Document,
}

impl Bucket {
    /// Of its windows, seconds.
    fn window(self) -> i64 {
        match self {
            Bucket::Standard | Bucket::Analytics | Bucket::Document => 60,
            Bucket::Public => 3_600,
        }
    }
}

/// Counts requests.
#[derive(Debug, Default)]
pub struct Limiter {
    buckets: [Mutex<Windows>; 4],
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

/// One client's window.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    /// Unix seconds.
    ends_at: i64,
    used: u32,
}

/// The windows of a bucket.
#[derive(Debug, Default)]
struct Windows {
    /// Those that began in this generation, and in the one before. A generation is as long as a window:
    /// of those before, none goes on.
    young: HashMap<String, Window>,
    old: HashMap<String, Window>,
    turns_at: i64,
    /// All clients that there was no room for.
    together: Window,
}

impl Windows {
    /// Forgets what is over.
    fn turn(&mut self, length: i64, now: i64) {
        if now < self.turns_at {
            return;
        }
        self.old = std::mem::take(&mut self.young);
        if now >= self.turns_at + length {
            self.old.clear();
        }
        self.turns_at = now + length;
    }

    /// The client's window, and how many times the limit it has.
    fn of(&mut self, client: &str, fresh: Window, now: i64) -> (&mut Window, u32) {
        if self.old.get(client).is_some_and(|window| window.ends_at > now) {
            return (self.old.get_mut(client).expect("it was just there"), 1);
        }
        let full = self.young.len() >= MOST_TOLD_APART && !self.young.contains_key(client);
        let (window, times) = match full {
            true => (&mut self.together, TOGETHER),
            false => (self.young.entry(client.to_owned()).or_insert(fresh), 1),
        };
        if window.ends_at <= now {
            *window = fresh;
        }
        (window, times)
    }
}

impl Limiter {
    /// Counts a request at `now` (Unix seconds).
    pub fn count(&self, bucket: Bucket, client: &str, limit: u32, now: i64) -> Standing {
        self.look(bucket, client, limit, now, 1)
    }

    /// How a client stands, without counting.
    pub fn standing(&self, bucket: Bucket, client: &str, limit: u32, now: i64) -> Standing {
        self.look(bucket, client, limit, now, 0)
    }

    fn look(&self, bucket: Bucket, client: &str, limit: u32, now: i64, more: u32) -> Standing {
        let length = bucket.window();
        let mut windows =
            self.buckets[bucket as usize].lock().unwrap_or_else(PoisonError::into_inner);
        windows.turn(length, now);
        let fresh = Window { ends_at: now + length, used: 0 };
        let (window, times) = windows.of(client, fresh, now);
        let limit = limit.saturating_mul(times);
        let wait = (window.used >= limit).then(|| (window.ends_at - now).max(1));
        if wait.is_none() {
            window.used += more;
        }
        let left = limit.saturating_sub(window.used);
        Standing { limit, left, resets_at: window.ends_at, wait }
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
        let ask = |now| limiter.count(Bucket::Standard, "anna", 2, now);
        assert_eq!(ask(100), Standing { limit: 2, left: 1, resets_at: 160, wait: None });
        assert_eq!(ask(130).left, 0);
        assert_eq!(ask(150).wait, Some(10));
        assert_eq!(ask(160), Standing { limit: 2, left: 1, resets_at: 220, wait: None });
        assert_eq!(limiter.count(Bucket::Standard, "bert", 2, 150).left, 1, "another client");
        assert_eq!(limiter.count(Bucket::Analytics, "anna", 2, 160).left, 1, "another bucket");
        assert_eq!(limiter.standing(Bucket::Standard, "anna", 2, 161).left, 1);
        assert_eq!(limiter.standing(Bucket::Standard, "anna", 2, 161).left, 1, "is not counted");
    }

    #[test]
    fn a_window_is_remembered_to_its_end_and_not_longer() {
        let limiter = Limiter::default();
        let ask = |client, now| limiter.count(Bucket::Standard, client, 2, now);
        ask("the first of its generation", 100);
        assert_eq!(ask("anna", 159).left, 1);
        ask("the first of the next", 160);
        assert_eq!((ask("anna", 190).left, ask("anna", 218).wait), (0, Some(1)));
        assert_eq!(ask("anna", 219).left, 1);
        // Nothing is kept of who has not come for two windows.
        ask("the first after that", 400);
        let windows = limiter.buckets[Bucket::Standard as usize].lock().expect("unpoisoned");
        assert_eq!((windows.young.len(), windows.old.len()), (1, 0));
    }

    #[test]
    fn a_flood_of_addresses_is_counted_together_and_costs_users_nothing() {
        let limiter = Limiter::default();
        let known = limiter.count(Bucket::Public, "known", 3, 0);
        for number in 1..MOST_TOLD_APART {
            limiter.count(Bucket::Public, &number.to_string(), 3, 0);
        }
        let late = |number: u32| limiter.count(Bucket::Public, &format!("late {number}"), 3, 1);
        let through = (0..1_000).filter(|number| late(*number).wait.is_none()).count();
        assert_eq!(through, 3 * TOGETHER as usize, "not each of them anew");
        // Whoever was there before, and users, are counted by themselves.
        assert_eq!(limiter.count(Bucket::Public, "known", 3, 1).left, known.left - 1);
        assert_eq!(limiter.count(Bucket::Standard, "anna", 3, 1).left, 2);
        let windows = limiter.buckets[Bucket::Public as usize].lock().expect("unpoisoned");
        assert_eq!(windows.young.len(), MOST_TOLD_APART);
    }
}
