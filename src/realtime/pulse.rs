//! Whether a connection is still alive, and still allowed: when to ping, to look at its sign-in again,
//! and to close it.

use chrono::{DateTime, TimeDelta, Utc};

/// A ping goes out so often; so often its sign-in is looked at.
const EVERY: TimeDelta = TimeDelta::seconds(30);
/// Without a pong for so long it is closed.
const SILENT: TimeDelta = TimeDelta::seconds(60);

/// A connection's deadlines.
#[derive(Clone, Copy, Debug)]
pub struct Pulse {
    expires_at: DateTime<Utc>,
    next_look: DateTime<Utc>,
    /// None: the transport pings by itself.
    pings: Option<Pings>,
}

#[derive(Clone, Copy, Debug)]
struct Pings {
    next: DateTime<Utc>,
    /// The last pong, or the beginning.
    heard: DateTime<Utc>,
    /// The first ping after that.
    unanswered: Option<DateTime<Utc>>,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Nothing,
    Ping,
    /// Look whether the sign-in is still good.
    Look,
    /// Close: the token has expired.
    Expired,
    /// Close: nobody is there.
    Silent,
}

impl Pulse {
    /// Of a connection made at `now` by a token that expires at `expires_at`.
    pub fn new(now: DateTime<Utc>, expires_at: DateTime<Utc>) -> Self {
        let pings = Pings { next: now + EVERY, heard: now, unanswered: None };
        Pulse { expires_at, next_look: now + EVERY, pings: Some(pings) }
    }

    /// The same where the transport pings by itself.
    #[must_use]
    pub fn without_pings(mut self) -> Self {
        self.pings = None;
        self
    }

    /// A pong came.
    pub fn pong(&mut self, now: DateTime<Utc>) {
        if let Some(pings) = &mut self.pings {
            (pings.heard, pings.unanswered) = (now, None);
        }
    }

    /// The next thing to be done at `now`; asked until there is nothing.
    pub fn due(&mut self, now: DateTime<Utc>) -> Due {
        if now >= self.expires_at {
            return Due::Expired;
        }
        if now >= self.next_look {
            self.next_look = now + EVERY;
            return Due::Look;
        }
        let Some(pings) = &mut self.pings else { return Due::Nothing };
        // A clock that jumps, as that of a machine that slept, is not held against who was never
        // asked.
        let asked = pings.unanswered.is_some_and(|since| now - since >= SILENT - EVERY);
        if asked && now - pings.heard >= SILENT {
            return Due::Silent;
        }
        if now >= pings.next {
            pings.next = now + EVERY;
            pings.unanswered.get_or_insert(now);
            return Due::Ping;
        }
        Due::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000 + seconds, 0).expect("a time")
    }

    /// All that is due at these seconds, but looks at the sign-in.
    fn due(pulse: &mut Pulse, seconds: i64) -> Vec<Due> {
        let mut found = Vec::new();
        loop {
            match pulse.due(at(seconds)) {
                Due::Nothing => return found,
                Due::Look => {}
                closing @ (Due::Expired | Due::Silent) => {
                    found.push(closing);
                    return found;
                }
                Due::Ping => found.push(Due::Ping),
            }
        }
    }

    #[test]
    fn it_is_pinged_every_thirty_seconds_and_closed_after_sixty_of_silence() {
        let mut pulse = Pulse::new(at(0), at(10_000));
        assert_eq!(due(&mut pulse, 29), []);
        assert_eq!(due(&mut pulse, 30), [Due::Ping]);
        pulse.pong(at(31));
        assert_eq!(due(&mut pulse, 60), [Due::Ping]);
        assert_eq!(due(&mut pulse, 90), [Due::Ping], "59 s since the last pong");
        assert_eq!(due(&mut pulse, 91), [Due::Silent]);
    }

    #[test]
    fn who_never_answers_is_closed_at_sixty_seconds() {
        let mut pulse = Pulse::new(at(0), at(10_000));
        assert_eq!(due(&mut pulse, 30), [Due::Ping]);
        assert_eq!(due(&mut pulse, 59), []);
        assert_eq!(due(&mut pulse, 60), [Due::Silent]);
    }

    #[test]
    fn a_clock_that_jumps_closes_nobody_who_was_not_asked() {
        let mut pulse = Pulse::new(at(0), at(10_000));
        assert_eq!(due(&mut pulse, 500), [Due::Ping]);
        assert_eq!(due(&mut pulse, 529), []);
        assert_eq!(due(&mut pulse, 530), [Due::Silent]);
    }

    #[test]
    fn its_sign_in_is_looked_at_every_thirty_seconds_and_its_token_ends_it() {
        let mut pulse = Pulse::new(at(0), at(45)).without_pings();
        assert_eq!(pulse.due(at(29)), Due::Nothing);
        assert_eq!(pulse.due(at(30)), Due::Look);
        assert_eq!(pulse.due(at(44)), Due::Nothing);
        assert_eq!(pulse.due(at(45)), Due::Expired);
    }
}
