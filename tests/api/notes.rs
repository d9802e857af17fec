//! `/api/v1/calls/{call_id}/notes`.

use chrono::TimeDelta;
use serde_json::json;
use tandem::{domain::Role, store::sql};

use crate::{scene::Past, told};

told! {
    async fn notes_are_made_changed_and_removed(stage: &Stage) {
        let (ann, user) = stage.client_and_user(Role::Agent).await;
        let call = Past::call(stage.tenant).put(&stage.app.db).await;
        let path = format!("/api/v1/calls/{call}/notes");
        let text = "Ruft zurück 📞 <b>'; DROP TABLE call_notes; --";
        let note = json!({"note": text, "category": "Follow-up", "tags": ["important", "<i>"]});
        let added = ann.post(&path, note).await;
        let id = added.ok(201)["note_id"].as_i64().expect("a number");
        stage.app.clock.advance(TimeDelta::seconds(1));
        let second = ann.post(&path, json!({"note": " Second ", "more": null})).await;
        let second = second.ok(201)["note_id"].clone();

        let list = ann.get(&path).await;
        let notes = &list.ok(200)["notes"];
        assert_eq!((&notes[0]["id"], &notes[0]["note"]), (&second, &json!("Second")), "newest first");
        assert_eq!((&notes[0]["tags"], notes[0].get("category")), (&json!([]), None));
        assert_eq!((&notes[1]["note"], &notes[1]["category"]), (&json!(text), &json!("Follow-up")));
        assert_eq!(notes[1]["tags"], json!(["important", "<i>"]));
        assert_eq!(notes[1]["created_by"], user.to_string());
        assert_eq!(notes[1]["created_by_name"], "Pat Example");
        let page = ann.get(&format!("{path}?page=2&limit=1")).await;
        assert_eq!((&page.ok(200)["notes"][0]["id"], &page.json["pagination"]["total"]), (&json!(id), &json!(2)));

        let one = format!("{path}/{id}");
        let changed = ann.put(&one, json!({"tags": ["done"]})).await;
        let note = &changed.ok(200)["note"];
        assert_eq!((&note["note"], &note["tags"]), (&json!(text), &json!(["done"])), "the rest stays");
        assert!(note["updated_at"].as_str() > note["created_at"].as_str());
        let changed = ann.put(&one, json!({"note": "Shorter", "category": ""})).await;
        assert_eq!(changed.ok(200)["note"]["note"], "Shorter");
        assert!(changed.json["note"].get("category").is_none(), "taken away");

        ann.delete(&one).await.ok(200);
        assert_eq!(ann.delete(&one).await.refused(404), "NOT_FOUND");
        assert_eq!(ann.put(&one, json!({})).await.refused(404), "NOT_FOUND");
        assert_eq!(ann.get(&path).await.ok(200)["pagination"]["total"], 1);

        // Each change is in the audit, with what was before.
        let trail: Vec<(String, String)> = stage.app.db.all(
            sql("SELECT action, actor FROM audit_events WHERE entity = 'note' AND entity_id = $1
                 ORDER BY id").bind(id.to_string()),
        ).await.expect("the audit");
        let actions: Vec<&str> = trail.iter().map(|(action, _)| action.as_str()).collect();
        assert_eq!(actions, ["note.create", "note.update", "note.update", "note.delete"]);
        assert!(trail.iter().all(|(_, actor)| actor == "Pat Example"));
    }

    async fn a_note_that_says_nothing_is_refused(stage: &Stage) {
        let ann = stage.client(Role::Agent).await;
        let call = Past::call(stage.tenant).put(&stage.app.db).await;
        let path = format!("/api/v1/calls/{call}/notes");
        for wrong in [
            json!({}), json!({"note": " \n"}), json!({"note": null}), json!({"note": 7}),
            json!({"note": "a", "tags": "b"}), json!({"note": "a", "tags": [1]}),
            json!({"note": "a", "tags": null}), json!({"note": "a", "category": null}),
            json!({"note": "a\u{0}b"}), json!([]), json!("note"),
        ] {
            let answer = ann.post(&path, wrong.clone()).await;
            assert_eq!(answer.refused(400), "VALIDATION_ERROR", "{wrong}");
        }
        let id = ann.post(&path, json!({"note": "a"})).await.ok(201)["note_id"].clone();
        for wrong in [json!({"note": " "}), json!({"note": null}), json!({"tags": [null]}), json!(7)] {
            let answer = ann.put(&format!("{path}/{id}"), wrong.clone()).await;
            assert_eq!(answer.refused(400), "VALIDATION_ERROR", "{wrong}");
        }
        for wrong in ["page=0", "limit=x"] {
            assert_eq!(ann.get(&format!("{path}?{wrong}")).await.refused(400), "VALIDATION_ERROR");
        }
        assert_eq!(ann.get(&path).await.ok(200)["notes"][0]["note"], "a");
    }

    async fn notes_are_changed_by_whoever_may_write_them(stage: &Stage) {
        let db = &stage.app.db;
        let call = Past::call(stage.tenant).put(db).await;
        let another = Past::call(stage.tenant).put(db).await;
        let path = format!("/api/v1/calls/{call}/notes");
        let ann = stage.client(Role::Agent).await;
        let add = || async { ann.post(&path, json!({"note": "Ann's"})).await.ok(201)["note_id"].clone() };
        for role in [Role::Agent, Role::Dispatcher, Role::Admin, Role::Owner] {
            let client = stage.client(role).await;
            let one = format!("{path}/{}", add().await);
            let changed = client.put(&one, json!({"note": "corrected"})).await;
            assert_eq!(changed.ok(200)["note"]["created_by_name"], "Pat Example");
            client.delete(&one).await.ok(200);
        }
        let id = add().await;
        let one = format!("{path}/{id}");
        for role in [Role::Viewer, Role::Tech] {
            let client = stage.client(role).await;
            // The role is refused before the body is looked at.
            assert_eq!(client.post(&path, json!(7)).await.refused(403), "FORBIDDEN");
            assert_eq!(client.put(&one, json!(7)).await.refused(403), "FORBIDDEN");
            assert_eq!(client.delete(&one).await.refused(403), "FORBIDDEN");
        }
        // Not a note, not of this call, not of this organisation.
        for wrong in [format!("{path}/nonsense"), format!("{path}/{}", i64::MAX)] {
            assert_eq!(ann.put(&wrong, json!({"note": "x"})).await.refused(404), "NOT_FOUND");
        }
        let elsewhere = format!("/api/v1/calls/{another}/notes/{id}");
        assert_eq!(ann.put(&elsewhere, json!({"note": "x"})).await.refused(404), "NOT_FOUND");
        assert_eq!(ann.delete(&elsewhere).await.refused(404), "NOT_FOUND");
        let other = stage.other_tenant().await;
        let stranger = stage.client_of(other, Role::Owner).await;
        for answer in [
            stranger.post(&path, json!({"note": "x"})).await,
            stranger.put(&one, json!({"note": "x"})).await,
            stranger.delete(&one).await,
        ] {
            assert_eq!(answer.refused(404), "CALL_NOT_FOUND");
        }
        assert_eq!(ann.put(&one, json!({})).await.ok(200)["note"]["note"], "Ann's");
    }
}
