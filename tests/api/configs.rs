//! `/api/v1/config/business`.

use serde_json::{Value, json};
use tandem::{
    domain::{BusinessId, CallId, Role},
    store::sql,
};

use crate::{
    stage::{Client, Stage},
    told,
};

const PATH: &str = "/api/v1/config/business";

/// A configuration, as a client makes one.
pub async fn a_config(client: &Client, name: &str, data: Value) -> Value {
    let config = json!({"name": name, "type": "customer_support", "config_data": data});
    client.post(PATH, config).await.ok(201)["config"].clone()
}

pub fn id_of(thing: &Value) -> &str {
    thing["id"].as_str().expect("an id")
}

/// A call that names this business.
async fn a_call(stage: &Stage, business: &str, ended: bool) {
    let business: BusinessId = business.parse().expect("an id");
    let now = stage.app.clock.now();
    let insert = sql("INSERT INTO calls (id, tenant_id, direction, state, from_number, to_number,
            business_id, started_at, ended_at, spoken_by_ai, spoken_by_human, topics, tags, is_spam,
            is_after_hours, metadata, journal_position, event_sequence, seen_at, created_at,
            updated_at)
         VALUES ($1, $2, 'inbound', $3, '+14155550100', '+14155550101', $4, $5, $6, $7, $7, $8, $8,
            $7, $7, $9, 0, 0, $5, $5, $5)")
    .bind(CallId::new())
    .bind(stage.tenant)
    .bind(if ended { "completed" } else { "in_progress" })
    .bind(business)
    .bind(now)
    .bind(ended.then_some(now))
    .bind(false)
    .bind(json!([]))
    .bind(json!({}));
    stage.app.db.exec(insert).await.expect("a call");
}

told! {
    async fn a_configuration_is_made_replaced_found_and_removed(stage: &Stage) {
        let admin = stage.client(Role::Admin).await;
        let made = a_config(&admin, "  Joe's \"Garage\" <b>; DROP TABLE users--", json!({})).await;
        assert_eq!(made["name"], "Joe's \"Garage\" <b>; DROP TABLE users--");
        assert_eq!(made["is_active"], true);
        let whole = json!({
            "ai": {"model": "gpt-4o-mini", "temperature": 0.7, "system_prompt": ""},
            "voice": {"language": "en-US", "voice": "alloy", "response_delay": 0.0},
            "knowledge_base": {
                "enabled": false, "retrieval_top_k": 5, "similarity_threshold": 0.7,
            },
            "quality_assurance": {
                "enabled": true, "sentiment_analysis": true, "compliance_check": true,
                "min_score_threshold": 0.6,
            },
            "escalation": {"enabled": true, "triggers": [], "warm_transfer": false},
        });
        assert_eq!(made["config_data"], whole, "all of it, by its defaults");
        let path = format!("{PATH}/{}", id_of(&made));

        let data = json!({
            "ai": {"system_prompt": "Отвечай коротко 🦷", "top_p": 0.9},
            "escalation": {"triggers": [{"type": "keyword", "keywords": ["lawyer"]}]},
            "theme": {"colour": "red", "sizes": [1, 2.5, null]},
        });
        let change = json!({"name": "Гараж", "type": "sales", "config_data": data, "is_active": false});
        let changed = admin.put(&path, change).await;
        let config = &changed.ok(200)["config"];
        assert_eq!(config["config_data"]["ai"]["top_p"], 0.9, "what is unknown is kept");
        assert_eq!(config["config_data"]["theme"], data["theme"]);
        assert_eq!(config["config_data"]["ai"]["model"], "gpt-4o-mini");
        assert_eq!(config["is_active"], false);
        let again = json!({"name": "Гараж", "type": "sales", "config_data": {}});
        let changed = admin.put(&path, again).await;
        assert_eq!(changed.ok(200)["config"]["is_active"], false, "left out, it stays");
        assert_eq!(changed.json["config"]["config_data"], whole, "all else is replaced");
        assert_eq!(admin.get(&path).await.ok(200)["config"], changed.json["config"]);

        let active = admin.get(&format!("{PATH}?is_active=true")).await;
        assert_eq!(active.ok(200)["configs"], json!([]));
        let all = admin.get(&format!("{PATH}?is_active=false&limit=1000")).await;
        assert_eq!(all.ok(200)["configs"][0]["name"], "Гараж");
        assert_eq!(all.json["pagination"]["limit"], 100);

        admin.delete(&path).await.ok(200);
        for gone in [admin.get(&path).await, admin.delete(&path).await] {
            assert_eq!(gone.refused(404), "NOT_FOUND");
        }
        assert_eq!(admin.get(&format!("{PATH}/nonsense")).await.refused(404), "NOT_FOUND");
        let told: Vec<(String,)> = stage
            .app
            .db
            .all(sql("SELECT action FROM audit_events WHERE entity = 'business_config' ORDER BY id"))
            .await
            .expect("the audit");
        let told: Vec<&str> = told.iter().map(|(action,)| action.as_str()).collect();
        let (make, change) = ("business_config.create", "business_config.update");
        assert_eq!(told, [make, change, change, "business_config.delete"]);
    }

    async fn values_that_cannot_be_meant_change_nothing(stage: &Stage) {
        let admin = stage.client(Role::Dispatcher).await;
        let with = |data: Value| json!({"name": "A", "type": "b", "config_data": data});
        for (wrong, field) in [
            (json!({"type": "b", "config_data": {}}), None),
            (json!({"name": "A", "type": "b"}), None),
            (json!({"name": " ", "type": "b", "config_data": {}}), Some("name")),
            (json!({"name": "A", "type": "", "config_data": {}}), Some("type")),
            (json!({"name": "a\u{0}b", "type": "b", "config_data": {}}), None),
            (json!({"name": "A", "type": "b", "config_data": {}, "is_active": null}), Some("is_active")),
            (with(json!(null)), Some("config_data")),
            (with(json!([])), Some("config_data")),
            (with(json!({"ai": null})), Some("config_data.ai")),
            (with(json!({"ai": {"temperature": "hot"}})), Some("config_data.ai.temperature")),
            (with(json!({"ai": {"temperature": 3}})), Some("config_data.ai.temperature")),
            (with(json!({"x": {"y": ["a\u{0}"]}})), None),
            (
                with(json!({"knowledge_base": {"retrieval_top_k": 0}})),
                Some("config_data.knowledge_base.retrieval_top_k"),
            ),
            (
                with(json!({"knowledge_base": {"similarity_threshold": 1.5}})),
                Some("config_data.knowledge_base.similarity_threshold"),
            ),
            (
                with(json!({"quality_assurance": {"min_score_threshold": -0.1}})),
                Some("config_data.quality_assurance.min_score_threshold"),
            ),
            (
                with(json!({"escalation": {"triggers": [{"threshold": 1}]}})),
                Some("config_data.escalation.triggers[0]"),
            ),
            (
                with(json!({"escalation": {"triggers": [
                    {"type": "silence"}, {"type": "sentiment", "threshold": 30},
                ]}})),
                Some("config_data.escalation.triggers[1].threshold"),
            ),
            (
                with(json!({"escalation": {"triggers": [{"type": "Keyword", "keywords": []}]}})),
                Some("config_data.escalation.triggers[0].keywords"),
            ),
            (
                with(json!({"escalation": {"triggers": [
                    {"type": "keywords", "keywords": ["lawyer", "?!"]},
                ]}})),
                Some("config_data.escalation.triggers[0].keywords"),
            ),
        ] {
            let answer = admin.post(PATH, wrong.clone()).await;
            assert_eq!(answer.refused(400), "VALIDATION_ERROR", "{wrong}");
            if let Some(field) = field {
                let fields = &answer.json["error"]["details"]["fields"];
                assert!(fields.get(field).is_some(), "{field} in {}", answer.json);
            }
        }
        assert_eq!(admin.get(PATH).await.ok(200)["pagination"]["total"], 0);
        for wrong in ["page=0", "limit=x", "is_active=7"] {
            assert_eq!(admin.get(&format!("{PATH}?{wrong}")).await.refused(400), "VALIDATION_ERROR");
        }
    }

    async fn triggers_that_cannot_fire_change_nothing_and_unknown_ones_are_kept(stage: &Stage) {
        let admin = stage.client(Role::Admin).await;
        let kept = json!([
            {"type": "vip_caller", "threshold": 9000.0}, {"type": "sentiment", "threshold": -0.3},
            {"type": "Keyword", "keywords": ["lawyer", "гарантия"]}, {"type": "no input"},
        ]);
        let data = json!({"escalation": {"triggers": kept}});
        let made = a_config(&admin, "Garage", data).await;
        assert_eq!(made["config_data"]["escalation"]["triggers"], kept);
        let wrong = json!({"escalation": {"triggers": [{"type": "low-confidence", "threshold": 60}]}});
        let wrong = json!({"name": "Another", "type": "t", "config_data": wrong});
        let path = format!("{PATH}/{}", id_of(&made));
        let refused = admin.put(&path, wrong.clone()).await;
        assert_eq!(refused.refused(400), "VALIDATION_ERROR");
        let fields = &refused.json["error"]["details"]["fields"];
        let field = "config_data.escalation.triggers[0].threshold";
        assert_eq!(fields[field], "must be from 0 to 1 for this type");
        assert_eq!(admin.get(&path).await.ok(200)["config"], made, "nothing is changed");
        let setup = json!({"business_config": wrong});
        let refused = admin.post("/api/v1/setup/complete", setup).await;
        assert_eq!(refused.refused(400), "VALIDATION_ERROR");
        assert_eq!(admin.get(PATH).await.ok(200)["pagination"]["total"], 1);
    }

    async fn one_that_a_call_needs_stays_and_one_that_goes_takes_its_knowledge(stage: &Stage) {
        let admin = stage.client(Role::Admin).await;
        let garage = a_config(&admin, "Garage", json!({})).await;
        let (id, path) = (id_of(&garage), format!("{PATH}/{}", id_of(&garage)));
        a_call(stage, id, true).await;
        a_call(stage, id, false).await;
        for (business, title) in [(Some(id), "Its own"), (None, "Everybody's")] {
            let mut entry = json!({"title": title, "content": "Some text."});
            if let Some(business) = business {
                entry["business_id"] = json!(business);
            }
            admin.post("/api/v1/knowledge", entry).await.ok(201);
        }
        let usage = admin.get(&format!("{path}/usage")).await;
        let told = json!({
            "business_id": id, "is_in_use": true, "active_calls": 1, "total_calls": 2,
            "knowledge_entries": 1,
        });
        assert_eq!(usage.ok(200), &told);
        assert_eq!(admin.delete(&path).await.refused(400), "CONFIG_IN_USE");

        let end = sql("UPDATE calls SET ended_at = started_at, state = 'completed'");
        stage.app.db.exec(end).await.expect("they end");
        admin.delete(&path).await.ok(200);
        let left = admin.get("/api/v1/knowledge").await;
        let titles: Vec<&Value> = left.ok(200)["entries"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|entry| &entry["title"])
            .collect();
        assert_eq!(titles, [&json!("Everybody's")]);
    }

    async fn roles_and_tenants_keep_to_themselves(stage: &Stage) {
        let owner = stage.client(Role::Owner).await;
        let garage = a_config(&owner, "Garage", json!({})).await;
        let path = format!("{PATH}/{}", id_of(&garage));
        for role in [Role::Viewer, Role::Tech] {
            let client = stage.client(role).await;
            for readable in [PATH.to_owned(), path.clone(), format!("{path}/usage")] {
                client.get(&readable).await.ok(200);
            }
            for answer in [
                client.post(PATH, json!(7)).await,
                client.put(&path, json!(7)).await,
                client.delete(&path).await,
            ] {
                assert_eq!(answer.refused(403), "FORBIDDEN");
            }
        }
        for role in [Role::Agent, Role::Dispatcher] {
            a_config(&stage.client(role).await, "Another", json!({})).await;
        }
        let other = stage.other_tenant().await;
        let stranger = stage.client_of(other, Role::Owner).await;
        assert_eq!(stranger.get(PATH).await.ok(200)["configs"], json!([]));
        for answer in [
            stranger.get(&path).await,
            stranger.get(&format!("{path}/usage")).await,
            stranger.delete(&path).await,
            stranger.put(&path, json!({"name": "M", "type": "t", "config_data": {}})).await,
        ] {
            assert_eq!(answer.refused(404), "NOT_FOUND");
        }
        assert_eq!(owner.get(&path).await.ok(200)["config"]["name"], "Garage");
    }
}
