//! Socket.IO: the same events, each under its own name.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tandem::domain::Role;

use super::{
    history::{a_call, notify, one_of_each, told_line},
    socket::SocketIo,
};
use crate::told;

told! {
    async fn both_namespaces_tell_what_is_subscribed_to(stage: &Stage) {
        let client = stage.client(Role::Viewer).await;
        let in_query = format!("/socket.io/?token={}", client.token);
        let in_path = format!("/ws/calls?token={}", client.token);
        let in_auth = json!({"token": client.token});
        for (path, namespace, auth) in [
            ("/socket.io/", "/", &in_auth),
            ("/socket.io/", "/ws/calls", &in_auth),
            (&*in_query, "/ws/calls", &json!({})),
            // The handshake on /ws/calls itself.
            (&*in_path, "/", &json!({})),
        ] {
            let call = a_call(stage).await;
            let mut socket = SocketIo::open(stage, path, namespace, auth.clone()).await.expect("in");
            let subscribe = json!({"type": "call", "call_id": call.id.to_string(), "sequence": true});
            socket.emit("subscribe", subscribe).await;
            socket.settle().await;
            for (number, name) in one_of_each(stage, &call).await.into_iter().enumerate() {
                let event = socket.hear().await;
                assert_eq!(event[0], name);
                // Beside the payload, as it was asked for.
                assert_eq!(event[2], json!({"sequence": number + 1}), "{event}");
            }
            socket.emit("unsubscribe", json!({"type": "call", "call_id": call.id.to_string()})).await;
            socket.emit("subscribe", json!({"type": "all_calls"})).await;
            socket.settle().await;
            let other = a_call(stage).await;
            told_line(stage, &other, "plain").await;
            let event = socket.hear().await;
            assert_eq!(event.as_array().map(Vec::len), Some(2), "nothing that was not asked for");
            assert_eq!(event[1]["interaction"]["text"], "plain");
        }
    }

    async fn what_was_missed_is_told_here_too(stage: &Stage) {
        let client = stage.client(Role::Viewer).await;
        let call = a_call(stage).await;
        for text in ["one", "two", "three"] {
            told_line(stage, &call, text).await;
        }
        let auth = json!({"token": client.token});
        let mut socket = SocketIo::open(stage, "/socket.io/", "/ws/calls", auth).await.expect("in");
        let resume = json!({"type": "call", "call_id": call.id.to_string(), "after": 1});
        socket.emit("subscribe", resume).await;
        for text in ["two", "three"] {
            assert_eq!(socket.hear().await[1]["interaction"]["text"], text);
        }
        told_line(stage, &call, "four").await;
        assert_eq!(socket.hear().await[1]["interaction"]["text"], "four");
    }

    async fn without_a_token_there_is_nothing(stage: &Stage) {
        let refused = SocketIo::open(stage, "/socket.io/", "/ws/calls", json!({})).await;
        let refused = refused.err().expect("refused");
        assert!(refused.starts_with("UNAUTHORIZED"), "{refused}");
        for namespace in ["/", "/ws/calls"] {
            let forged = json!({"token": "a.b.c"});
            let refused = SocketIo::open(stage, "/socket.io/", namespace, forged).await;
            assert!(refused.err().expect("refused").starts_with("UNAUTHORIZED"));
        }
        // Some clients prove themselves later. Until then they are told nothing, not even that.
        let mut unknown = SocketIo::open(stage, "/socket.io/", "/", json!({})).await.expect("in");
        unknown.emit("subscribe", json!({"type": "all_calls"})).await;
        let client = stage.client(Role::Viewer).await;
        let auth = json!({"token": client.token});
        let mut known = SocketIo::open(stage, "/socket.io/", "/", auth).await.expect("in");
        known.emit("subscribe", json!({"type": "all_calls"})).await;
        known.settle().await;
        let call = a_call(stage).await;
        told_line(stage, &call, "for those who are known").await;
        assert_eq!(known.hear().await[1]["interaction"]["text"], "for those who are known");
        assert_eq!(unknown.heard_so_far().await, Vec::<String>::new());
    }

    async fn what_is_refused_is_said_as_an_event(stage: &Stage) {
        let client = stage.client(Role::Viewer).await;
        let auth = json!({"token": client.token});
        let mut socket = SocketIo::open(stage, "/socket.io/", "/", auth).await.expect("in");
        for (event, data, code) in [
            ("subscribe", json!({"type": "call", "call_id": "nonsense"}), "CALL_NOT_FOUND"),
            ("subscribe", Value::Null, "VALIDATION_ERROR"),
            ("unsubscribe", json!([]), "VALIDATION_ERROR"),
            ("dance", json!({}), "VALIDATION_ERROR"),
        ] {
            socket.emit(event, data).await;
            let heard = socket.hear().await;
            assert_eq!((&heard[0], &heard[1]["code"]), (&json!("error"), &json!(code)), "{event}");
        }
    }

    async fn the_namespace_ends_with_the_token(stage: &Stage) {
        let email = "s@example.com";
        let user = stage.app
            .add_user(stage.tenant, email, "S", Role::Agent, crate::stage::PASSWORD)
            .await
            .expect("added");
        let tokens = stage.app.log_in(email, crate::stage::PASSWORD, None).await.expect("signs in");
        let auth = json!({"token": tokens.access});
        let mut socket = SocketIo::open(stage, "/socket.io/", "/ws/calls", auth).await.expect("in");
        socket.settle().await;
        notify(stage, user.id, "Still here");
        assert_eq!(socket.hear().await[1]["notification"]["title"], "Still here");
        stage.app.clock.advance(TimeDelta::seconds(3_601));
        let farewell = socket.hear().await;
        assert_eq!((&farewell[0], &farewell[1]["code"]), (&json!("error"), &json!("UNAUTHORIZED")));
        assert!(socket.next().await.is_none(), "closed");
    }
}
