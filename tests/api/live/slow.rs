//! A client that reads too slowly is told that it missed something, and goes on; nobody waits for it.

use serde_json::json;
use tandem::domain::Role;

use super::{
    history::{a_call, saying, told_line},
    socket::Socket,
};
use crate::told;

/// More than the hub keeps for the slowest, and the kernel for a connection.
const SAYINGS: u64 = 9_000;
/// Fewer than the hub keeps.
const AT_ONCE: u64 = 1_000;

told! {
    async fn who_is_too_slow_is_told_where_it_stands_and_goes_on(stage: &Stage) {
        let client = stage.client(Role::Agent).await;
        let call = a_call(stage).await;
        let mut slow = Socket::of(stage, &client).await;
        let mut quick = Socket::of(stage, &client).await;
        slow.subscribe(json!({"type": "all_calls", "interim": true, "sequence": true})).await;
        quick.subscribe_to(call.id).await;
        let first = told_line(stage, &call, "before").await;
        let text = "so it goes on and on and ".repeat(320);
        // Who reads is not held up by who does not.
        assert_eq!(quick.hear().await["data"]["interaction"]["text"], "before");
        for _ in 0..SAYINGS / AT_ONCE {
            (0..AT_ONCE).for_each(|_| saying(stage, &call, &text));
            assert!(quick.settle().await.is_empty());
        }

        assert_eq!(slow.hear().await["sequence"], first);
        let (mut heard, mut lost) = (0, 0);
        while heard + lost < SAYINGS {
            let frame = slow.hear().await;
            match frame["event"].as_str() {
                Some("interaction.interim") => heard += 1,
                Some("resync") => {
                    lost += frame["data"]["lost"].as_u64().expect("a number");
                    let place = json!({"call_id": call.id.to_string(), "sequence": first});
                    assert_eq!(frame["data"]["calls"], json!([place]));
                }
                _ => panic!("{frame}"),
            }
        }
        assert_eq!(heard + lost, SAYINGS);
        assert!(lost > 0, "it was too slow");
        let after = told_line(stage, &call, "after").await;
        assert_eq!(slow.hear().await["sequence"], after);
        // What it is told there is what it can ask for again.
        let again = json!({"type": "call", "call_id": call.id.to_string(), "after": first});
        slow.say("subscribe", again).await;
        assert_eq!(slow.hear().await["data"]["interaction"]["text"], "after");
    }
}
