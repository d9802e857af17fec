//! Whole calls over real sockets: the carrier is played by [`tandem::caller`], the vendors by servers
//! on loopback that speak their protocols.

#[path = "calls/badly_behaved.rs"]
mod badly_behaved;
mod clients;
#[path = "calls/conversation.rs"]
mod conversation;
#[path = "calls/ending.rs"]
mod ending;
#[path = "calls/failing_vendors.rs"]
mod failing_vendors;
#[path = "calls/floor.rs"]
mod floor;
#[path = "calls/handed_over.rs"]
mod handed_over;
#[path = "calls/ladder.rs"]
mod ladder;
#[path = "calls/lasting.rs"]
mod lasting;
#[path = "calls/line.rs"]
mod line;
#[path = "calls/mcp/mod.rs"]
mod mcp;
#[path = "calls/ordered.rs"]
mod ordered;
#[path = "calls/outage.rs"]
mod outage;
#[path = "calls/outliving.rs"]
mod outliving;
#[path = "calls/paused.rs"]
mod paused;
#[path = "calls/pauses.rs"]
mod pauses;
#[path = "calls/people.rs"]
mod people;
#[path = "api/postgres.rs"]
#[allow(dead_code)]
mod postgres;
#[path = "calls/refused.rs"]
mod refused;
#[path = "calls/replay.rs"]
mod replay;
#[path = "calls/spoken.rs"]
mod spoken;
#[path = "calls/supervised.rs"]
mod supervised;
#[path = "calls/tools.rs"]
mod tools;
#[path = "calls/webhooks.rs"]
mod webhooks;
