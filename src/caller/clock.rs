//! The call's clock: moments as counts of samples, so that time and audio cannot drift apart.
//!
//! The only place of the caller that reads the machine's clock is [`Clock::now`].

use std::time::Duration;

use tokio::time::Instant;

/// Samples a millisecond, and bytes of mu-law.
pub const PER_MS: u64 = 8;

/// Samples of one frame: 20 ms.
pub const FRAME: u64 = 160;

/// A moment of a call, or a length of time: samples at 8 kHz, from when the call was placed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(pub u64);

impl Tick {
    /// The moment `ms` milliseconds into the call.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms * PER_MS)
    }

    /// Whole milliseconds from the call's beginning, rounded down.
    #[must_use]
    pub const fn ms(self) -> u64 {
        self.0 / PER_MS
    }

    /// A length of time in samples, rounded down; more than five centuries become five centuries.
    #[must_use]
    pub fn from_duration(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_nanos() / 125_000).unwrap_or(u64::MAX / 2))
    }

    /// As a length of time.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_micros(self.0 * 125)
    }

    /// How long after `earlier` this is; nothing if it is not after.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }

    /// This moment and a while.
    #[must_use]
    pub const fn plus(self, length: Self) -> Self {
        Self(self.0.saturating_add(length.0))
    }

    /// The first moment of the grid of frames that is not before this one.
    #[must_use]
    pub const fn next_frame(self) -> Self {
        Self(self.0.div_ceil(FRAME) * FRAME)
    }
}

/// Where the call's time began on this machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that shows zero now.
    #[must_use]
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// The time of the call now.
    #[must_use]
    pub fn now(&self) -> Tick {
        self.at(Instant::now())
    }

    /// The time of the call at `instant`; zero if that was before the call.
    #[must_use]
    pub fn at(&self, instant: Instant) -> Tick {
        Tick::from_duration(instant.saturating_duration_since(self.origin))
    }

    /// When this machine's clock shows `tick`. Rounded up, so that a sleep until then is not early.
    #[must_use]
    pub fn instant(&self, tick: Tick) -> Instant {
        self.origin + tick.duration()
    }
}
