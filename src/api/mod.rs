//! Who talks to us over HTTP: so far the carrier.

pub mod carrier;
