//! What is true of the store whichever engine it is: what several do at once, and what both can keep.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tandem::{
    domain::{AgentId, Escalation, EscalationStatus, Role, State},
    store::{calls, escalations},
};

use crate::{
    scene::{self, Past, noon},
    stage::an_agent,
    told,
};

/// Two requests that meet are tried so often.
const ROUNDS: usize = 20;

told! {
    async fn two_who_change_a_note_at_once_both_succeed(stage: &Stage) {
        let ann = stage.client(Role::Agent).await;
        let call = Past::call(stage.tenant).put(&stage.app.db).await;
        let notes = format!("/api/v1/calls/{call}/notes");
        let added = ann.post(&notes, json!({"note": "First"})).await;
        let path = format!("{notes}/{}", added.ok(201)["note_id"]);
        for round in 0..ROUNDS {
            let (text, tag) = (format!("Text {round}"), format!("tag {round}"));
            let (one, other) = tokio::join!(
                ann.put(&path, json!({"note": text})),
                ann.put(&path, json!({"tags": [tag]})),
            );
            one.ok(200);
            other.ok(200);
            let note = ann.get(&notes).await.ok(200)["notes"][0].clone();
            assert_eq!((&note["note"], &note["tags"]), (&json!(text), &json!([tag])), "{note}");
        }
    }

    async fn an_agent_with_room_for_one_more_call_gets_one(stage: &Stage) {
        let admin = stage.client(Role::Admin).await;
        let tenant = stage.tenant;
        let agent = an_agent(&admin, "Ann").await;
        let id: AgentId = agent["id"].as_str().expect("an id").parse().expect("an id");
        let found = tandem::store::agents::find(&stage.app.db, tenant, id).await;
        let room = found.expect("the store answers").expect("Ann").max_concurrent_calls;
        let running = Past { state: State::InProgress, ..Past::call(tenant) };
        let running = Past { started_at: stage.app.clock.now(), ..running };
        for _ in 1..room {
            Past { agent: Some(id), ..running.clone() }.put(&stage.app.db).await;
        }
        for _ in 0..ROUNDS {
            let mut calls = Vec::new();
            for _ in 0..3 {
                let id = tandem::domain::CallId::new();
                calls.push(Past { id, ..running.clone() }.put(&stage.app.db).await);
            }
            let ask = |place: usize| {
                let path = format!("/api/v1/calls/{}/escalate", calls[place]);
                let admin = admin.clone();
                async move { admin.post(&path, json!({"reason": "Asked for a person"})).await.status }
            };
            let (one, two, three) = tokio::join!(ask(0), ask(1), ask(2));
            let mut answers = [one, two, three];
            answers.sort_unstable();
            assert_eq!(answers, [200, 400, 400]);
            let mut tx = stage.app.db.begin().await.expect("begins");
            for call in calls {
                escalations::close_all(&mut tx, tenant, call, noon()).await.expect("closed");
                let free = tandem::store::sql("UPDATE calls SET agent_id = NULL WHERE id = $1");
                tx.exec(free.bind(call)).await.expect("free");
            }
            tx.commit().await.expect("commits");
        }
    }

    async fn an_escalation_is_given_on_only_by_whoever_has_it(stage: &Stage) {
        let admin = stage.client(Role::Admin).await;
        let (db, tenant) = (&stage.app.db, stage.tenant);
        let mut agents = Vec::new();
        for name in ["Ann", "Bert", "Cleo"] {
            let agent = an_agent(&admin, name).await;
            agents.push(agent["id"].as_str().expect("an id").parse::<AgentId>().expect("an id"));
        }
        let (ann, bert, cleo) = (agents[0], agents[1], agents[2]);
        let running = Past { state: State::InProgress, agent: Some(ann), ..Past::call(tenant) };
        let call = running.put(db).await;
        let whose = Some((ann, "Ann".to_owned()));
        let status = EscalationStatus::Pending;
        let escalation = scene::escalation(db, (tenant, call), status, whose, noon()).await;
        let id = escalation.id;
        let give = async |from: AgentId, to: AgentId| {
            let mut tx = db.begin().await.expect("begins");
            let read = Escalation { agent: Some((from, String::new())), ..escalation.clone() };
            let given = escalations::reassign(&mut tx, &read, to, json!([]), noon()).await;
            let given = given.expect("the store answers");
            tx.commit().await.expect("commits");
            let call = calls::find(db, tenant, call).await.expect("the store answers");
            (given, call.expect("the call").agent.expect("an agent").0)
        };
        assert_eq!(give(ann, bert).await, (true, bert));
        assert_eq!(give(ann, cleo).await, (false, bert), "the same word again");
        let mut tx = db.begin().await.expect("begins");
        let accepted = tandem::domain::Progress::Accepted;
        escalations::advance(&mut tx, id, accepted, noon()).await.expect("the store answers");
        tx.commit().await.expect("commits");
        assert_eq!(give(bert, cleo).await, (false, bert), "it was accepted");
    }

    async fn what_no_database_keeps_is_left_out_of_json_too(stage: &Stage) {
        let call = Past {
            metadata: json!({"a\0b": ["x\0", {"deep\0er": "\0"}, 1], "plain": "text"}),
            summary: Some("one\0two".to_owned()),
            started_at: noon() + TimeDelta::hours(1),
            ..Past::call(stage.tenant)
        };
        let id = call.put(&stage.app.db).await;
        let found = calls::find(&stage.app.db, stage.tenant, id).await.expect("the store answers");
        let found = found.expect("the call");
        let expected = json!({
            "a\u{fffd}b": ["x\u{fffd}", {"deep\u{fffd}er": "\u{fffd}"}, 1], "plain": "text",
        });
        assert_eq!(Value::Object(found.metadata), expected);
        assert_eq!(found.summary.as_deref(), Some("one\u{fffd}two"));
    }
}
