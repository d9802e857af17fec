//! A client that was away is told what it missed: in order, without gap, without repetition.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tandem::{domain::Role, store::sql};

use super::{
    history::{a_call, a_line, one_of_each, told_line},
    socket::Socket,
};
use crate::{
    stage::{Client, Stage},
    told,
};

/// splitmix64: enough to draw from, and the same everywhere.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

fn sequence(frame: &Value) -> i64 {
    frame["sequence"].as_i64().expect("a place, as was asked for")
}

async fn resume(socket: &mut Socket, call: &str, after: i64) {
    let data = json!({"type": "call", "call_id": call, "after": after, "sequence": true});
    socket.say("subscribe", data).await;
}

told! {
    async fn what_was_missed_is_told_as_it_was(stage: &Stage) {
        let client = stage.client(Role::Viewer).await;
        let call = a_call(stage).await;
        let id = call.id.to_string();
        let mut live = Socket::of(stage, &client).await;
        live.subscribe(json!({"type": "all_calls", "sequence": true})).await;
        let told = one_of_each(stage, &call).await;
        let heard = live.settle().await;
        assert_eq!(heard.len(), told.len());

        let mut late = Socket::of(stage, &client).await;
        resume(&mut late, &id, 0).await;
        let replayed = late.settle().await;
        // The same events, each in the same words; a call is shown as it stands now.
        for (replayed, heard) in replayed.iter().zip(&heard) {
            assert_eq!(replayed["event"], heard["event"]);
            assert_eq!(sequence(replayed), sequence(heard));
            let name = replayed["event"].as_str().expect("an event");
            if name != "call.started" && name != "call.updated" {
                assert_eq!(replayed["data"], heard["data"], "{name}");
            }
        }
        assert_eq!(replayed.len(), heard.len());

        // After the fifth; and it goes on live.
        let mut later = Socket::of(stage, &client).await;
        resume(&mut later, &id, 5).await;
        let rest = later.settle().await;
        assert_eq!(sequence(&rest[0]), 6);
        assert_eq!(rest.len(), heard.len() - 5);
        let place = told_line(stage, &call, "one more").await;
        assert_eq!(sequence(&later.hear().await), place);

        // One that is not there any more leaves no gap that is waited for.
        told_line(stage, &call, "to be forgotten").await;
        let forget = sql("DELETE FROM utterances WHERE call_id = $1 AND text = 'to be forgotten'");
        stage.app.db.exec(forget.bind(call.id)).await.expect("forgotten");
        told_line(stage, &call, "last").await;
        let mut last = Socket::of(stage, &client).await;
        resume(&mut last, &id, place).await;
        let frames = last.settle().await;
        assert_eq!(frames.len(), 1, "{frames:?}");
        assert_eq!(frames[0]["data"]["interaction"]["text"], "last");
    }

    async fn what_the_hub_lost_is_read_from_the_store(stage: &Stage) {
        let client = stage.client(Role::Agent).await;
        let call = a_call(stage).await;
        let mut socket = Socket::of(stage, &client).await;
        resume(&mut socket, &call.id.to_string(), 0).await;
        assert!(socket.settle().await.is_empty());
        // Kept, and for some reason not told.
        for text in ["first", "second"] {
            a_line(stage, &call, text).await;
        }
        told_line(stage, &call, "third").await;
        for text in ["first", "second", "third"] {
            assert_eq!(socket.hear().await["data"]["interaction"]["text"], text);
        }
        // The other way round: told late, it is not told again.
        let early = a_line(stage, &call, "fourth").await;
        told_line(stage, &call, "fifth").await;
        stage.app.hub.publish(early);
        told_line(stage, &call, "sixth").await;
        for text in ["fourth", "fifth", "sixth"] {
            assert_eq!(socket.hear().await["data"]["interaction"]["text"], text);
        }
    }

    async fn under_concurrent_publishing_nothing_is_missed_or_repeated(stage: &Stage) {
        let seed = match std::env::var("TANDEM_SEED") {
            Ok(seed) => seed.parse().expect("a number"),
            Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64,
        };
        eprintln!("TANDEM_SEED={seed}");
        const LINES: i64 = 150;
        let client = stage.client(Role::Agent).await;
        let call = a_call(stage).await;
        let hub = &stage.app.hub;
        let listeners = (0..3).map(|number| {
            let (client, call) = (client.clone(), call.id.to_string());
            let draw = Draw(seed.wrapping_add(number));
            watch(stage, client, call, draw, LINES)
        });
        let listening = futures_util::future::join_all(listeners);
        let publishing = async {
            let mut draw = Draw(seed ^ 0xfeed);
            let mut held = Vec::new();
            for number in 1..=LINES {
                let line = a_line(stage, &call, &format!("line {number}")).await;
                match draw.below(4) {
                    // Lost by the hub, as far as listeners are concerned.
                    0 if number < LINES => {}
                    1 if number < LINES => held.push(line),
                    _ => {
                        hub.publish(line);
                        if draw.below(2) == 0 {
                            held.drain(..).for_each(|line| hub.publish(line));
                        }
                    }
                }
            }
        };
        let (heard, ()) = tokio::join!(listening, publishing);
        let expected: Vec<i64> = (1..=LINES).collect();
        for heard in heard {
            assert_eq!(heard, expected, "TANDEM_SEED={seed}");
        }
    }
}

/// Hears a call's events to the last, over connections that break off wherever.
async fn watch(stage: &Stage, client: Client, call: String, mut draw: Draw, last: i64) -> Vec<i64> {
    let mut heard: Vec<i64> = Vec::new();
    while heard.last() != Some(&last) {
        let mut socket = Socket::of(stage, &client).await;
        resume(&mut socket, &call, heard.last().copied().unwrap_or(0)).await;
        let so_many = 1 + draw.below(40);
        for _ in 0..so_many {
            let frame = socket.hear().await;
            assert_eq!(frame["event"], "interaction.added");
            heard.push(sequence(&frame));
            if heard.last() == Some(&last) {
                break;
            }
        }
    }
    heard
}
