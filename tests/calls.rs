//! Whole calls over real sockets: the carrier is played by [`tandem::caller`], the vendors by servers
//! on loopback that speak their protocols.

#[path = "calls/badly_behaved.rs"]
mod badly_behaved;
#[path = "calls/conversation.rs"]
mod conversation;
#[path = "calls/failing_vendors.rs"]
mod failing_vendors;
#[path = "calls/lasting.rs"]
mod lasting;
#[path = "calls/line.rs"]
mod line;
#[path = "calls/outliving.rs"]
mod outliving;
#[path = "calls/supervised.rs"]
mod supervised;
