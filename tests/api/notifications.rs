//! `/api/v1/notifications`.

use chrono::TimeDelta;
use serde_json::{Map, json};
use tandem::{
    app::Notified,
    domain::{Audience, CallId, Direction, News, Right, Role, State, TenantId, UserId},
    realtime::Kind,
};

use crate::{running::SOON, scene::Past, stage::Stage, told};

fn news(kind: &'static str, call: Option<CallId>, about: &str) -> News {
    let data = Map::from_iter([("reason".to_owned(), json!("<b>\"'; --"))]);
    let message = "Anna möchte einen Menschen 🙋".to_owned();
    News { kind, title: "Help".to_owned(), message, call, data, about: about.to_owned() }
}

/// Writes and commits.
async fn notify(stage: &Stage, tenant: TenantId, audience: Audience, news: News) -> Notified {
    let mut tx = stage.app.db.begin().await.expect("begins");
    let told = stage.app.notify(&mut tx, tenant, &audience, &news).await.expect("written");
    tx.commit().await.expect("commits");
    told
}

fn users(told: &Notified) -> Vec<UserId> {
    let mut users: Vec<UserId> = told.written.iter().map(|(user, _)| *user).collect();
    users.sort();
    users
}

told! {
    async fn notifications_are_read_one_by_one_and_all_at_once(stage: &Stage) {
        let (ann, user) = stage.client_and_user(Role::Viewer).await;
        let (bert, _) = stage.client_and_user(Role::Owner).await;
        let call = Past::call(stage.tenant).put(&stage.app.db).await;
        for (kind, about) in [("escalation", "a"), ("qa_alert", "b"), ("qa_alert", "c")] {
            let audience = Audience::Users(vec![user]);
            let told = notify(stage, stage.tenant, audience, news(kind, Some(call), about)).await;
            assert_eq!(users(&told), [user]);
            stage.app.clock.advance(TimeDelta::seconds(1));
        }
        let path = "/api/v1/notifications";
        let list = ann.get(path).await;
        let all = list.ok(200)["notifications"].as_array().expect("a list").clone();
        let kinds: Vec<_> = all.iter().map(|one| one["type"].as_str().expect("text")).collect();
        assert_eq!(kinds, ["qa_alert", "qa_alert", "escalation"], "newest first");
        assert_eq!((&all[2]["call_id"], &all[2]["is_read"]), (&json!(call.to_string()), &json!(false)));
        assert_eq!(all[2]["data"], json!({"reason": "<b>\"'; --"}));
        assert_eq!(all[2]["message"], "Anna möchte einen Menschen 🙋");
        assert!(all[2].get("read_at").is_none());
        let page = ann.get(&format!("{path}?page=2&limit=2")).await;
        assert_eq!((&page.ok(200)["notifications"][0]["id"], &page.json["pagination"]["total"]), (&all[2]["id"], &json!(3)));

        let unread = || async { ann.get("/api/v1/notifications/unread-count").await.ok(200)["unread_count"].clone() };
        assert_eq!(unread().await, 3);
        let one = format!("{path}/{}", all[1]["id"]);
        let read = ann.patch(&format!("{one}/read"), json!(null)).await;
        let read_at = read.ok(200)["notification"]["read_at"].clone();
        assert_eq!(read.json["notification"]["is_read"], true);
        stage.app.clock.advance(TimeDelta::seconds(1));
        let again = ann.patch(&format!("{one}/read"), json!(null)).await;
        assert_eq!(again.ok(200)["notification"]["read_at"], read_at, "it was read then");
        assert_eq!(unread().await, 2);
        for (query, count) in [
            ("unread_only=true", 2), ("unread_only=false", 3), ("type=qa_alert", 2), ("type=", 3),
            ("type=qa_alert&unread_only=true", 1), ("type=%27%20OR%201=1", 0),
        ] {
            let list = ann.get(&format!("{path}?{query}")).await;
            assert_eq!(list.ok(200)["pagination"]["total"], count, "{query}");
        }
        for wrong in ["unread_only=perhaps", "page=0", "limit=-3", "type=%00"] {
            let answer = ann.get(&format!("{path}?{wrong}")).await;
            assert_eq!(answer.refused(400), "VALIDATION_ERROR", "{wrong}");
        }

        // What is another's is not there.
        assert_eq!(bert.get(path).await.ok(200)["notifications"], json!([]));
        assert_eq!(bert.patch(&format!("{one}/read"), json!(null)).await.refused(404), "NOT_FOUND");
        assert_eq!(bert.delete(&one).await.refused(404), "NOT_FOUND");
        assert_eq!(bert.patch(&format!("{path}/read-all"), json!(null)).await.ok(200)["updated"], 0);

        let all_read = ann.patch(&format!("{path}/read-all"), json!(null)).await;
        assert_eq!((&all_read.ok(200)["updated"], unread().await), (&json!(2), json!(0)));
        ann.delete(&one).await.ok(200);
        assert_eq!(ann.delete(&one).await.refused(404), "NOT_FOUND");
        for wrong in [format!("{path}/nonsense"), format!("{path}/{}", i64::MAX)] {
            assert_eq!(ann.delete(&wrong).await.refused(404), "NOT_FOUND");
            let read = ann.patch(&format!("{wrong}/read"), json!(null)).await;
            assert_eq!(read.refused(404), "NOT_FOUND");
        }
        assert_eq!(ann.get(path).await.ok(200)["pagination"]["total"], 2);
        let stranger = stage.stranger();
        assert_eq!(stranger.get(path).await.refused(401), "UNAUTHORIZED");
    }

    async fn everyone_with_the_right_is_told_once(stage: &Stage) {
        let mut writers = Vec::new();
        for role in Role::ALL {
            let (_, user) = stage.client_and_user(role).await;
            if role.may(Right::Write) {
                writers.push(user);
            }
        }
        writers.sort();
        let other = stage.other_tenant().await;
        let (stranger, strange) = stage.client_and_user_of(other, Role::Owner).await;
        let mut listener = stage.app.hub.listen(stage.tenant);
        let audience = || Audience::Everyone(Right::Write);
        let told = notify(stage, stage.tenant, audience(), news("escalation", None, "escalation:1")).await;
        assert_eq!(users(&told), writers);
        stage.app.publish_notified(told);
        let mut heard = Vec::new();
        for _ in &writers {
            match &listener.next().await.expect("an event").kind {
                Kind::Notified(user, notification) => {
                    assert!(notification.id > 0);
                    heard.push(*user);
                }
                other => panic!("{other:?}"),
            }
        }
        heard.sort();
        assert_eq!(heard, writers);

        // The same again is no news, except to who is new; another matter is.
        let (_, new) = stage.client_and_user(Role::Agent).await;
        let again = notify(stage, stage.tenant, audience(), news("escalation", None, "escalation:1")).await;
        assert_eq!(users(&again), [new]);
        let next = notify(stage, stage.tenant, audience(), news("escalation", None, "escalation:2")).await;
        assert_eq!(next.written.len(), writers.len() + 1);
        // Nobody of another organisation is told, even by name; nobody is fine.
        for audience in [Audience::Users(vec![strange]), Audience::Users(Vec::new())] {
            let told = notify(stage, stage.tenant, audience, news("system", None, "x")).await;
            assert!(told.written.is_empty());
        }
        assert_eq!(stranger.get("/api/v1/notifications").await.ok(200)["notifications"], json!([]));

        // What is not committed was never said.
        let mut tx = stage.app.db.begin().await.expect("begins");
        let about = news("system", None, "never");
        let told = stage.app.notify(&mut tx, stage.tenant, &audience(), &about).await.expect("written");
        assert!(!told.written.is_empty());
        drop(tx);
        let told = notify(stage, stage.tenant, audience(), about).await;
        assert_eq!(told.written.len(), writers.len() + 1);
    }

    async fn a_call_that_could_not_be_made_is_told_of_once(stage: &Stage) {
        let (client, user) = stage.client_and_user(Role::Admin).await;
        let failed = Past { direction: Direction::Outbound, state: State::Failed, ..Past::call(stage.tenant) };
        let busy = Past { direction: Direction::Outbound, state: State::Busy, ..Past::call(stage.tenant) };
        let failed = failed.put(&stage.app.db).await;
        busy.put(&stage.app.db).await;
        let mut events = stage.app.hub.listen(stage.tenant);
        for _ in 0..2 {
            stage.app.analyse_left().await;
        }
        let mut analysed = 0;
        let mut told = Vec::new();
        let all = async {
            while analysed < 2 || told.is_empty() {
                match &events.next().await.expect("none is lost").kind {
                    Kind::CallUpdated(_) => analysed += 1,
                    Kind::Notified(to, news) if *to == user => told.push(news.call),
                    _ => {}
                }
            }
        };
        tokio::time::timeout(SOON, all).await.expect("it is told");
        assert_eq!(told, [Some(failed)]);
        let list = client.get("/api/v1/notifications").await;
        let all = list.ok(200)["notifications"].as_array().expect("a list");
        assert_eq!((all.len(), &all[0]["type"]), (1, &json!("call_failed")));
    }
}
