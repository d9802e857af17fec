//! Whether a connection is still alive, and still allowed: when to ping, to look at its sign-in again,
//! and to close it.

use chrono::{DateTime, TimeDelta, Utc};

/// A ping goes out so often; so often its sign-in is looked at.
const EVERY: TimeDelta = TimeDelta::seconds(30);
/// Without a pong for so long it is closed.
const SILENT: TimeDelta = TimeDelta::seconds(60);

/// How long a connection may last.
#[derive(Clone, Copy, Debug)]
pub struct Term {
    expires_at: DateTime<Utc>,
    next_look: DateTime<Utc>,
}

/// What its term wants now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    Nothing,
    /// Look whether the sign-in is still good.
    Look,
    /// Close: the token has expired.
    Expired,
}

impl Term {
    /// Of a connection made at `now` by a token that expires at `expires_at`.
    pub fn new(now: DateTime<Utc>, expires_at: DateTime<Utc>) -> Self {
        Term { expires_at, next_look: now + EVERY }
    }

    /// The next thing to be done at `now`; asked until there is nothing.
    pub fn due(&mut self, now: DateTime<Utc>) -> Check {
        if now >= self.expires_at {
            return Check::Expired;
        }
        if now >= self.next_look {
            self.next_look = now + EVERY;
            return Check::Look;
        }
        Check::Nothing
    }
}

/// Whether anybody is there.
#[derive(Clone, Copy, Debug)]
pub struct Pulse {
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
    /// Close: nobody is there.
    Silent,
}

impl Pulse {
    /// Of a connection made at `now`.
    pub fn new(now: DateTime<Utc>) -> Self {
        Pulse { next: now + EVERY, heard: now, unanswered: None }
    }

    /// A pong came.
    pub fn pong(&mut self, now: DateTime<Utc>) {
        (self.heard, self.unanswered) = (now, None);
    }

    /// What is to be done at `now`.
    pub fn due(&mut self, now: DateTime<Utc>) -> Due {
        // A clock that jumps, as that of a machine that slept, is not held against who was never
        // asked.
        let asked = self.unanswered.is_some_and(|since| now - since >= SILENT - EVERY);
        if asked && now - self.heard >= SILENT {
            return Due::Silent;
        }
        if now >= self.next {
            self.next = now + EVERY;
            self.unanswered.get_or_insert(now);
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

    #[test]
    fn it_is_pinged_every_thirty_seconds_and_closed_after_sixty_of_silence() {
        let mut pulse = Pulse::new(at(0));
        assert_eq!(pulse.due(at(29)), Due::Nothing);
        assert_eq!(pulse.due(at(30)), Due::Ping);
        pulse.pong(at(31));
        assert_eq!(pulse.due(at(60)), Due::Ping);
        assert_eq!(pulse.due(at(90)), Due::Ping, "59 s since the last pong");
        assert_eq!(pulse.due(at(91)), Due::Silent);
    }

    #[test]
    fn who_never_answers_is_closed_at_sixty_seconds() {
        let mut pulse = Pulse::new(at(0));
        assert_eq!(pulse.due(at(30)), Due::Ping);
        assert_eq!(pulse.due(at(59)), Due::Nothing);
        assert_eq!(pulse.due(at(60)), Due::Silent);
    }

    #[test]
    fn a_clock_that_jumps_closes_nobody_who_was_not_asked() {
        let mut pulse = Pulse::new(at(0));
        assert_eq!(pulse.due(at(500)), Due::Ping);
        assert_eq!(pulse.due(at(529)), Due::Nothing);
        assert_eq!(pulse.due(at(530)), Due::Silent);
    }

    #[test]
    fn its_sign_in_is_looked_at_every_thirty_seconds_and_its_token_ends_it() {
        let mut term = Term::new(at(0), at(45));
        assert_eq!(term.due(at(29)), Check::Nothing);
        assert_eq!(term.due(at(30)), Check::Look);
        assert_eq!(term.due(at(30)), Check::Nothing);
        assert_eq!(term.due(at(44)), Check::Nothing);
        assert_eq!(term.due(at(45)), Check::Expired);
    }
}
