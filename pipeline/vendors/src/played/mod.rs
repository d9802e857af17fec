//! Vendors played on loopback: they speak the real protocols, at any pace, and fail on request.
//!
//! For tests of the adapters here and of whole calls in the gateway. What is said, heard and how
//! things go wrong is given by a script when a server starts; what it was asked, and what is still
//! open, can be read at any time. Requests are numbered from 1 on each route, in order of arrival.
//!
//! Nothing here understands speech: recognition follows the script or the loudness of the audio.

pub mod deepgram;
mod ear;
pub mod elevenlabs;
pub mod flux;
pub mod host;
mod lexicon;
pub mod openai;
pub mod realtime;
pub mod voice;

use std::{collections::HashMap, time::Duration};

pub use self::{
    host::{Host, Request},
    lexicon::Lexicon,
    voice::Voice,
};

/// How one request goes wrong. A *piece* is a token, a slice of audio or a message of results.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The connection is closed before any answer.
    Refuse,
    /// This HTTP status and an error in the vendor's own form.
    Status(u16),
    /// HTTP 429 with this `Retry-After`.
    TooMany { retry_after: String },
    /// The connection breaks after this many pieces.
    CutAfter(usize),
    /// The answer ends in good order, but too early: after this many pieces.
    EndAfter(usize),
    /// Nothing more comes after this many pieces, until the other side gives up.
    StallAfter(usize),
    /// After this many pieces comes one that the protocol does not allow.
    MalformedAfter(usize),
    /// After this many pieces the vendor tells of an error of this kind, in its own form: an error
    /// object in a stream, an error message and a closing code on a socket.
    ErrorAfter(usize, String),
    /// All goes well, but the answer begins this late.
    SlowFirstByte(Duration),
    /// A web page with status 200.
    Garbage,
}

impl Failure {
    /// After how many pieces this failure strikes; `None` if it does so before the answer or never.
    pub(crate) fn strikes_after(&self) -> Option<usize> {
        match self {
            Failure::CutAfter(n)
            | Failure::EndAfter(n)
            | Failure::StallAfter(n)
            | Failure::MalformedAfter(n)
            | Failure::ErrorAfter(n, _) => Some(*n),
            Failure::Refuse
            | Failure::Status(_)
            | Failure::TooMany { .. }
            | Failure::SlowFirstByte(_)
            | Failure::Garbage => None,
        }
    }
}

/// Which requests of a route fail, and how.
#[derive(Clone, Debug, Default)]
pub struct Failures {
    by_number: HashMap<usize, Failure>,
    every: Option<Failure>,
}

impl Failures {
    /// Lets request `number` (from 1) fail.
    pub fn at(&mut self, number: usize, failure: Failure) {
        self.by_number.insert(number, failure);
    }

    /// Lets every request fail that has no failure of its own.
    pub fn always(&mut self, failure: Failure) {
        self.every = Some(failure);
    }

    pub(crate) fn of(&self, number: usize) -> Option<Failure> {
        self.by_number.get(&number).or(self.every.as_ref()).cloned()
    }
}

/// How fast a server is. All zero unless set: as fast as possible.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// Before the first piece.
    pub first: Duration,
    /// Between one piece and the next.
    pub between: Duration,
}

impl Pace {
    /// A brisk vendor: 250 ms to the first piece, 20 ms between pieces.
    pub const REALISTIC: Pace =
        Pace { first: Duration::from_millis(250), between: Duration::from_millis(20) };

    pub(crate) async fn before(&self, piece: usize) {
        let wait = if piece == 0 { self.first } else { self.between };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }
}

/// An address at which nobody listens, and nobody will until the process ends.
///
/// # Panics
/// Where loopback itself cannot be used.
pub fn nowhere() -> String {
    // Bound but not listening: connections are refused, and no other server is given the port.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket can be made");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("loopback can be bound");
    let address = socket.local_addr().expect("a bound socket has an address");
    std::mem::forget(socket);
    format!("http://{address}")
}
