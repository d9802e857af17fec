//! `/api/v1/setup/complete`.

use secrecy::ExposeSecret;
use serde_json::json;
use tandem::{
    domain::Role,
    store::{
        accounts::{NewNumber, put_number},
        sql,
    },
};

use crate::told;

const PATH: &str = "/api/v1/setup/complete";

told! {
    async fn all_of_it_is_made_at_once_and_the_secrets_are_sealed(stage: &Stage) {
        let owner = stage.client(Role::Owner).await;
        let setup = json!({
            "business_config": {"name": "Garage", "type": "car_repair", "config_data": {}},
            "agents": [{"name": "Ann", "email": "ann@example.com"}],
            "knowledge_base": [{"title": "Hours", "content": "We open at nine."}],
            "api_config": {
                "openai_api_key": " sk-very-secret ", "twilio_account_sid": "AC0123",
                "twilio_auth_token": "token-secret", "twilio_phone_number": "+1 (415) 555-0199",
            },
        });
        let answer = owner.post(PATH, setup).await;
        let made = answer.ok(200);
        assert_eq!(made["business_config"]["config_data"]["ai"]["model"], "gpt-4o-mini");
        assert_eq!(made["agents"][0]["name"], "Ann");
        let business = &made["business_config"]["id"];
        assert_eq!(&made["knowledge_base"][0]["business_id"], business, "it is the new one's");
        let configured = json!({"openai_configured": true, "twilio_configured": true});
        assert_eq!(made["api_config"], configured);

        // What is at rest shows nothing of it, and opens for this tenant.
        let sealed: Vec<(Vec<u8>,)> =
            stage.app.db.all(sql("SELECT sealed FROM credentials")).await.expect("two");
        assert_eq!(sealed.len(), 2);
        let shows = |bytes: &[u8]| bytes.windows(6).any(|at| at == b"secret");
        assert!(sealed.iter().all(|(bytes,)| !shows(bytes)));
        let key = stage.app.openai_key(stage.tenant).await.expect("opens").expect("there");
        assert_eq!(key.expose_secret(), "sk-very-secret");
        let account = stage.app.twilio_account(stage.tenant).await.expect("opens").expect("there");
        assert_eq!(account.account_sid, "AC0123");
        assert_eq!(account.auth_token.expose_secret(), "token-secret");
        let told: Vec<(String, Option<String>)> = stage
            .app
            .db
            .all(sql("SELECT action, CAST(after AS TEXT) FROM audit_events"))
            .await
            .expect("the audit");
        assert!(told.iter().any(|(action, _)| action == "setup.complete"));
        let told = format!("{told:?}{}", answer.json);
        for hidden in ["sk-very-secret", "token-secret", "4155550199"] {
            assert!(!told.contains(hidden), "{hidden} in {told}");
        }
        let numbers: Vec<(String,)> =
            stage.app.db.all(sql("SELECT number FROM phone_numbers")).await.expect("one");
        assert_eq!(numbers, [("+14155550199".to_owned(),)]);

        // Again: another configuration; what is not given stays.
        let again = json!({"business_config": {"name": "Two", "type": "t", "config_data": {}}});
        let again = owner.post(PATH, again).await;
        assert_eq!(again.ok(200)["api_config"], configured);
        assert_eq!(again.json["agents"], json!([]));
        let list = owner.get("/api/v1/config/business").await;
        assert_eq!(list.ok(200)["pagination"]["total"], 2);
    }

    async fn one_thing_that_cannot_be_meant_and_nothing_is_made(stage: &Stage) {
        let owner = stage.client(Role::Owner).await;
        let other = stage.other_tenant().await;
        let stranger = stage.client_of(other, Role::Owner).await;
        let config = json!({"name": "Garage", "type": "t", "config_data": {}});
        let taken = json!({
            "business_config": config, "api_config": {"twilio_phone_number": "+14155550199"},
        });
        // Another organisation's calls are not had by naming their number.
        assert_eq!(stranger.post(PATH, taken.clone()).await.refused(400), "VALIDATION_ERROR");
        let theirs = stranger.post(PATH, json!({"business_config": config})).await;
        let business = theirs.ok(200)["business_config"]["id"].as_str().expect("an id");
        let number = NewNumber {
            tenant: other,
            number: twiml::PhoneNumber::new("+14155550199"),
            provider: "twilio",
            business: business.parse().expect("an id"),
        };
        let mut tx = stage.app.db.begin().await.expect("begins");
        let put = put_number(&mut tx, &number, stage.app.clock.now()).await;
        assert!(put.expect("kept"));
        tx.commit().await.expect("commits");
        for wrong in [
            json!({}),
            json!({"business_config": null}),
            json!({"business_config": config, "agents": null}),
            json!({"business_config": config, "agents": [{"name": "Ann", "email": "nobody"}]}),
            json!({"business_config": config, "knowledge_base": [{"title": "T", "content": " "}]}),
            json!({"business_config": config, "knowledge_base": [
                {"title": "T", "content": "c", "business_id": "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"},
            ]}),
            json!({"business_config": config, "api_config": {"twilio_phone_number": "call me"}}),
            json!({"business_config": config, "api_config": {"twilio_account_sid": "AC01"}}),
            taken,
        ] {
            let answer = owner.post(PATH, wrong.clone()).await;
            assert_eq!(answer.refused(400), "VALIDATION_ERROR", "{wrong}");
        }
        for list in ["/api/v1/config/business", "/api/v1/agents", "/api/v1/knowledge"] {
            assert_eq!(owner.get(list).await.ok(200)["pagination"]["total"], 0, "{list}");
        }
        assert!(stage.app.openai_key(stage.tenant).await.expect("looks").is_none());
        for role in [Role::Viewer, Role::Tech] {
            assert_eq!(stage.client(role).await.post(PATH, json!(7)).await.refused(403), "FORBIDDEN");
        }
        for role in [Role::Agent, Role::Dispatcher, Role::Admin] {
            let setup = json!({"business_config": config});
            stage.client(role).await.post(PATH, setup).await.ok(200);
        }
    }
}
