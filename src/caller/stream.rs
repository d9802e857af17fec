//! A media stream of the call, while it is open and when it has ended.

use media::stream::carrier::{Messages, Track};

use super::clock::Tick;
use super::markup::Link;
use super::socket::Socket;

/// Whether the server may speak on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `<Connect>`: it may.
    Both,
    /// `<Start>`: it only listens.
    Fork,
}

/// A stream that is open.
pub struct Stream {
    /// Its place among the call's streams.
    pub id: usize,
    /// `MZ…`.
    pub sid: String,
    /// Whether the server may speak.
    pub kind: Kind,
    /// Whose audio it is sent.
    pub tracks: &'static [Track],
    /// The TwiML's name for it.
    pub name: Option<String>,
    /// Who is told of its end.
    pub status: Option<Link>,
    /// The socket.
    pub socket: Socket,
    /// The carrier's messages.
    pub messages: Messages,
    /// When `start` was sent.
    pub began: Tick,
    /// The carrier is closing it.
    pub closing: bool,
}

/// How a stream ended, for whoever waits for it.
#[derive(Clone, Debug)]
pub struct Ended {
    /// In good order.
    pub closed: bool,
    /// Who to tell.
    pub status: Option<Link>,
    /// Its name, or its identifier.
    pub name: String,
    /// `MZ…`.
    pub sid: String,
    /// Whether the server could speak.
    pub kind: Kind,
}
