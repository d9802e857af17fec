//! `/api/v1/agents`.

use serde_json::json;
use tandem::domain::{AgentId, Role, State};

use crate::{scene::Past, stage::an_agent, told};

told! {
    async fn an_agent_is_made_changed_found_and_removed(stage: &Stage) {
        let admin = stage.client(Role::Admin).await;
        let ann = an_agent(&admin, "Ann").await;
        assert_eq!(ann["is_available"], true);
        let path = format!("/api/v1/agents/{}", ann["id"].as_str().expect("an id"));

        let away = admin.patch(&format!("{path}/availability"), json!({"is_available": false})).await;
        assert_eq!(away.ok(200)["agent"]["is_available"], false);
        let found = admin.get("/api/v1/agents?is_available=true").await;
        assert_eq!(found.ok(200)["agents"], json!([]));

        let change = json!({"name": "Anna", "email": "anna@example.com", "skills": ["billing"]});
        let changed = admin.put(&path, change).await;
        assert_eq!(changed.ok(200)["agent"]["skills"], json!(["billing"]));
        assert_eq!(changed.json["agent"]["is_available"], false, "what is left out stays");
        assert_eq!(admin.get(&path).await.ok(200)["agent"]["name"], "Anna");
        assert_eq!(admin.get(&format!("{path}/usage")).await.ok(200)["is_in_use"], false);

        // With and without dashes it is the same one.
        let plain = path.replace('-', "");
        assert_eq!(admin.get(&plain).await.ok(200)["agent"]["id"], ann["id"]);
        admin.delete(&path).await.ok(200);
        assert_eq!(admin.get(&path).await.refused(404), "NOT_FOUND");
        assert_eq!(admin.get("/api/v1/agents/nonsense").await.refused(404), "NOT_FOUND");
    }

    async fn what_a_change_leaves_out_stays(stage: &Stage) {
        let admin = stage.client(Role::Admin).await;
        let whole = json!({
            "name": "Ann", "email": "ann@example.com", "phone_number": "+14155550123",
            "extension": "7", "skills": ["billing"], "departments": ["sales"],
            "metadata": {"desk": 3},
        });
        let ann = admin.post("/api/v1/agents", whole.clone()).await.ok(201)["agent"].clone();
        let path = format!("/api/v1/agents/{}", ann["id"].as_str().expect("an id"));
        let change = json!({"name": "Ann", "email": "ann@example.com"});
        let changed = admin.put(&path, change).await;
        for (field, value) in whole.as_object().expect("an object") {
            assert_eq!(&changed.ok(200)["agent"][field], value, "{field}");
        }
        let emptied = json!({"name": "Ann", "email": "ann@example.com", "skills": []});
        assert_eq!(admin.put(&path, emptied).await.ok(200)["agent"]["skills"], json!([]));
    }

    async fn numbers_are_kept_as_they_are_dialled(stage: &Stage) {
        let admin = stage.client(Role::Admin).await;
        let ann = |phone: &str| json!({"name": "Ann", "email": "a@example.com", "phone_number": phone});
        let made = admin.post("/api/v1/agents", ann("+1 (415) 555-01.23")).await.ok(201)["agent"].clone();
        assert_eq!(made["phone_number"], "+14155550123");
        let path = format!("/api/v1/agents/{}", made["id"].as_str().expect("an id"));
        for wrong in ["abc", "4155550123", "+0123456789"] {
            assert_eq!(admin.put(&path, ann(wrong)).await.refused(400), "VALIDATION_ERROR", "{wrong}");
        }
        assert_eq!(admin.get(&path).await.ok(200)["agent"], made, "nothing is changed");
    }

    async fn who_has_a_call_is_busy_and_who_is_removed_is_remembered(stage: &Stage) {
        let admin = stage.client(Role::Admin).await;
        let ann = an_agent(&admin, "Ann").await;
        let id: AgentId = ann["id"].as_str().expect("an id").parse().expect("an id");
        let path = format!("/api/v1/agents/{id}");
        let running = Past { agent: Some(id), state: State::InProgress, ..Past::call(stage.tenant) };
        let call = running.put(&stage.app.db).await;
        assert_eq!(admin.get(&path).await.ok(200)["agent"]["is_available"], false);
        for (asked, found) in [("true", 0), ("false", 1)] {
            let list = admin.get(&format!("/api/v1/agents?is_available={asked}")).await;
            assert_eq!(list.ok(200)["pagination"]["total"], found, "{asked}");
        }
        let other = Past { state: State::InProgress, ..Past::call(stage.tenant) };
        let other = other.put(&stage.app.db).await;
        let escalate = format!("/api/v1/calls/{other}/escalate");
        assert_eq!(admin.post(&escalate, json!({"agent_id": id.to_string()})).await.status, 400);

        admin.post(&format!("/api/v1/calls/{call}/end"), json!({})).await.ok(200);
        assert_eq!(admin.get(&path).await.ok(200)["agent"]["is_available"], true);
        assert_eq!(admin.get(&path).await.json["agent"]["total_calls_handled"], 0, "none was taken");
        admin.delete(&path).await.ok(200);
        assert_eq!(admin.get("/api/v1/agents").await.ok(200)["pagination"]["total"], 0);
        assert_eq!(admin.get(&path).await.refused(404), "NOT_FOUND");
        assert_eq!(admin.delete(&path).await.refused(404), "NOT_FOUND");
        let call = admin.get(&format!("/api/v1/calls/{call}")).await;
        assert!(call.ok(200).to_string().contains("Ann"), "{}", call.json);
    }

    async fn lists_come_in_pages(stage: &Stage) {
        let admin = stage.client(Role::Admin).await;
        for name in ["Ann", "Bert", "Cleo"] {
            an_agent(&admin, name).await;
        }
        let page = admin.get("/api/v1/agents?page=2&limit=2").await;
        assert_eq!(page.ok(200)["agents"][0]["name"], "Cleo");
        let shown = &page.json["pagination"];
        assert_eq!((&shown["total"], &shown["total_pages"]), (&json!(3), &json!(2)));
        assert_eq!((&shown["has_next"], &shown["has_prev"]), (&json!(false), &json!(true)));
        assert_eq!(admin.get("/api/v1/agents?limit=1000").await.ok(200)["pagination"]["limit"], 100);
        for wrong in ["page=0", "limit=0", "limit=ten", "is_active=perhaps", "page=99999999999999999999"] {
            let answer = admin.get(&format!("/api/v1/agents?{wrong}")).await;
            assert_eq!(answer.refused(400), "VALIDATION_ERROR", "{wrong}");
        }
    }

    async fn input_that_cannot_be_meant_changes_nothing(stage: &Stage) {
        let admin = stage.client(Role::Admin).await;
        for wrong in [
            json!({"name": "Ann"}),
            json!({"name": " ", "email": "a@example.com"}),
            json!({"name": "Ann", "email": "nobody"}),
            json!({"name": 7, "email": "a@example.com"}),
            json!({"name": "Ann", "email": "a@example.com", "skills": "billing"}),
            json!({"name": "Ann", "email": "a@example.com", "is_active": null}),
            json!([]),
        ] {
            let answer = admin.post("/api/v1/agents", wrong.clone()).await;
            assert_eq!(answer.refused(400), "VALIDATION_ERROR", "{wrong}");
        }
        assert_eq!(admin.get("/api/v1/agents").await.ok(200)["pagination"]["total"], 0);
    }

    async fn roles_and_tenants_keep_to_themselves(stage: &Stage) {
        let owner = stage.client(Role::Owner).await;
        let ann = an_agent(&owner, "Ann").await;
        let path = format!("/api/v1/agents/{}", ann["id"].as_str().expect("an id"));
        for role in [Role::Viewer, Role::Tech] {
            let client = stage.client(role).await;
            client.get(&path).await.ok(200);
            // The role is refused before the body is looked at.
            assert_eq!(client.post("/api/v1/agents", json!(7)).await.refused(403), "FORBIDDEN");
            assert_eq!(client.put(&path, json!(7)).await.refused(403), "FORBIDDEN");
            assert_eq!(client.delete(&path).await.refused(403), "FORBIDDEN");
            let availability = format!("{path}/availability");
            assert_eq!(client.patch(&availability, json!(7)).await.refused(403), "FORBIDDEN");
        }
        let other = stage.other_tenant().await;
        let stranger = stage.client_of(other, Role::Owner).await;
        assert_eq!(stranger.get("/api/v1/agents").await.ok(200)["agents"], json!([]));
        for answer in [
            stranger.get(&path).await,
            stranger.get(&format!("{path}/usage")).await,
            stranger.delete(&path).await,
            stranger.put(&path, json!({"name": "Mine", "email": "m@example.com"})).await,
            stranger.patch(&format!("{path}/availability"), json!({"is_available": true})).await,
        ] {
            assert_eq!(answer.refused(404), "NOT_FOUND");
        }
        owner.get(&path).await.ok(200);
    }
}
