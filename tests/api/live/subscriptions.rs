//! What a connection is told.

use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tandem::domain::Role;
use tokio_tungstenite::tungstenite::Message;

use super::{
    history::{a_call, a_call_of, assign, notify, one_of_each, saying, told_line},
    socket::Socket,
};
use crate::told;

fn names(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["event"].as_str().expect("an event")).collect()
}

told! {
    async fn one_call_all_calls_and_none(stage: &Stage) {
        let client = stage.client(Role::Viewer).await;
        let (mine, other) = (a_call(stage).await, a_call(stage).await);
        let mut socket = Socket::of(stage, &client).await;
        socket.subscribe_to(mine.id).await;
        told_line(stage, &other, "not for us").await;
        let told = one_of_each(stage, &mine).await;
        let heard = socket.settle().await;
        assert_eq!(names(&heard), told, "each in its order, and none of the other call's");
        for frame in &heard {
            let data = &frame["data"];
            let id = data["call_id"].as_str().or(data["call"]["id"].as_str()).expect("a call");
            assert_eq!(id, mine.id.to_string());
            assert!(frame.get("sequence").is_none(), "it was not asked for");
        }
        assert_eq!(heard[2]["data"]["interaction"]["speaker"], "customer");
        let words = "I want <b>this</b>; DROP TABLE calls; спасибо 🎉";
        assert_eq!(heard[2]["data"]["interaction"]["text"], words);

        socket.say("unsubscribe", json!({"type": "call", "call_id": mine.id.to_string()})).await;
        assert!(socket.settle().await.is_empty());
        told_line(stage, &mine, "nobody listens").await;
        assert!(socket.settle().await.is_empty());

        socket.subscribe(json!({"type": "ALL_CALLS", "sequence": true})).await;
        let place = told_line(stage, &other, "all of them").await;
        let frame = socket.hear().await;
        assert_eq!(frame["data"]["interaction"]["text"], "all of them");
        assert_eq!(frame["sequence"], place);
        socket.say("unsubscribe", json!({"type": "all_calls"})).await;
        assert!(socket.settle().await.is_empty());
        told_line(stage, &other, "nobody listens").await;
        assert!(socket.settle().await.is_empty());
    }

    async fn before_the_first_subscription_there_are_notifications_alone(stage: &Stage) {
        let user = stage.app
            .add_user(stage.tenant, "n@example.com", "N", Role::Agent, crate::stage::PASSWORD)
            .await
            .expect("added");
        let mut client = stage.stranger();
        let tokens = stage.app.log_in("n@example.com", crate::stage::PASSWORD, None).await;
        client.token = tokens.expect("signs in").access;
        let someone_else = stage.client(Role::Agent).await;
        let (mut mine, mut theirs) =
            (Socket::of(stage, &client).await, Socket::of(stage, &someone_else).await);
        let call = a_call(stage).await;
        // The CRM's words are not spoken yet, and nothing else takes their place.
        one_of_each(stage, &call).await;
        notify(stage, user.id, "First");
        let frame = mine.hear().await;
        assert_eq!(frame["event"], "notification.created");
        assert_eq!(frame["data"]["notification"]["title"], "First");
        assert!(theirs.settle().await.is_empty(), "it is not theirs");

        mine.subscribe_to(call.id).await;
        notify(stage, user.id, "Second");
        assert_eq!(mine.hear().await["data"]["notification"]["title"], "Second");
    }

    async fn what_is_not_final_comes_to_those_who_ask(stage: &Stage) {
        let client = stage.client(Role::Dispatcher).await;
        let call = a_call(stage).await;
        let mut plain = Socket::of(stage, &client).await;
        let mut eager = Socket::of(stage, &client).await;
        plain.subscribe_to(call.id).await;
        eager.subscribe(json!({"type": "all_calls", "interim": true})).await;
        saying(stage, &call, "I would li");
        let frame = eager.hear().await;
        assert_eq!(frame["event"], "interaction.interim");
        let data = json!({"call_id": call.id.to_string(), "turn": 3, "text": "I would li"});
        assert_eq!(frame["data"], data);
        assert!(plain.settle().await.is_empty());
    }

    async fn what_is_refused_is_said_and_the_connection_goes_on(stage: &Stage) {
        let client = stage.client(Role::Owner).await;
        let elsewhere = stage.other_tenant().await;
        let theirs = a_call_of(stage, elsewhere).await;
        let mine = a_call(stage).await;
        let mut socket = Socket::of(stage, &client).await;
        socket.subscribe(json!({"type": "all_calls"})).await;
        let subscribe = |id: String| json!({"type": "call", "call_id": id});
        for (event, data, code) in [
            ("subscribe", subscribe(theirs.id.to_string()), "CALL_NOT_FOUND"),
            ("subscribe", subscribe(uuid::Uuid::now_v7().to_string()), "CALL_NOT_FOUND"),
            ("subscribe", subscribe("' OR 1 = 1 --".to_owned()), "CALL_NOT_FOUND"),
            ("subscribe", json!({"type": "call"}), "VALIDATION_ERROR"),
            ("subscribe", json!({"type": "everything"}), "VALIDATION_ERROR"),
            ("subscribe", json!(7), "VALIDATION_ERROR"),
            ("unsubscribe", json!({"type": "call"}), "VALIDATION_ERROR"),
            ("call.ended", json!({}), "VALIDATION_ERROR"),
        ] {
            socket.say(event, data.clone()).await;
            let frame = socket.hear().await;
            assert_eq!(frame["event"], "error", "{event} {data}: {frame}");
            assert_eq!(frame["data"]["code"], code, "{event} {data}");
        }
        for odd in [Message::text("{"), Message::binary(vec![1, 2, 3])] {
            socket.0.send(odd).await.expect("it is sent");
            assert_eq!(socket.hear().await["data"]["code"], "VALIDATION_ERROR");
        }
        // Nothing of another organisation's, by whatever way.
        told_line(stage, &theirs, "a secret").await;
        told_line(stage, &mine, "no secret").await;
        assert_eq!(socket.hear().await["data"]["interaction"]["text"], "no secret");
    }

    async fn a_tech_is_told_of_assigned_calls(stage: &Stage) {
        let user = stage.app
            .add_user(stage.tenant, "t@example.com", "T", Role::Tech, crate::stage::PASSWORD)
            .await
            .expect("added");
        let mut client = stage.stranger();
        let tokens = stage.app.log_in("t@example.com", crate::stage::PASSWORD, None).await;
        client.token = tokens.expect("signs in").access;
        let (mine, other) = (a_call(stage).await, a_call(stage).await);
        assign(stage, mine.id, user.id).await;
        let mut socket = Socket::of(stage, &client).await;
        socket.say("subscribe", json!({"type": "call", "call_id": other.id.to_string()})).await;
        assert_eq!(socket.hear().await["data"]["code"], "FORBIDDEN");
        socket.subscribe(json!({"type": "all_calls"})).await;
        told_line(stage, &other, "not assigned").await;
        told_line(stage, &mine, "assigned").await;
        assert_eq!(socket.hear().await["data"]["interaction"]["text"], "assigned");
        // It becomes theirs; within half a minute that is known.
        assign(stage, other.id, user.id).await;
        stage.app.clock.advance(chrono::TimeDelta::seconds(31));
        told_line(stage, &other, "assigned now").await;
        assert_eq!(socket.hear().await["data"]["interaction"]["text"], "assigned now");
    }
}
