//! A tenant that gave a key of its own is answered and judged with it; others with the operator's.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tandem::{
    demo,
    domain::{Business, Role, TenantId},
};
use vendors::{Llm, LlmEvent, LlmRequest, Message, openai, played::openai as played};

use crate::{
    judged::{VERDICT, analysed, judged_by, judging},
    stage::{Engine, Stage},
};

const SOON: Duration = Duration::from_secs(20);

/// What a call of this tenant's is answered, where the operator's model is `servers`.
async fn answered(stage: &Stage, tenant: TenantId, servers: Arc<dyn Llm>) -> String {
    let base = Business::parse(demo::BUSINESS).expect("the demo's");
    let brief = stage.app.brief_for(tenant, None, &base, "local", None).await.expect("a brief");
    let mut reply = brief.model(servers).answer(LlmRequest {
        instructions: "Be brief.".to_owned(),
        history: vec![Message::Caller { text: "Hello?".to_owned() }],
        tools: Vec::new(),
        max_tokens: None,
        model: None,
        temperature: None,
        stand_in: None,
        first_token_within: SOON,
        next_token_within: SOON,
    });
    let mut said = String::new();
    while let Some(event) = reply.events.recv().await {
        match event {
            LlmEvent::Text(text) => said.push_str(&text),
            LlmEvent::Failed(error) => panic!("{error}"),
            LlmEvent::ToolCall(_) | LlmEvent::Done { .. } => {}
        }
    }
    said
}

/// The keys that this server was shown.
fn keys(server: &played::Server) -> Vec<String> {
    let requests = server.host.requests();
    requests.iter().filter_map(|request| request.headers.get("authorization").cloned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_with_a_key_of_its_own_pays_for_its_calls() {
    let theirs = played::Server::start(judging(VERDICT)).await;
    let settings = [("OPENAI_BASE_URL", theirs.base_url.as_str()), ("OPENAI_MODEL", "played")];
    let stage = Stage::open_with(Engine::Sqlite, &settings).await.expect("SQLite is built in");
    let operators = played::Server::start(played::Script::new().reply("The operator's.")).await;
    let mut settings = openai::Settings::chat("sk-operator".into());
    settings.base_url.clone_from(&operators.base_url);
    let servers: Arc<dyn Llm> = Arc::new(openai::Llm::new(settings).expect("sound"));
    let other = stage.other_tenant().await;
    let owner = stage.client(Role::Owner).await;
    let give = async |key: &str| {
        let config = json!({"name": "Garage", "type": "t", "config_data": {}});
        let keys = json!({"openai_api_key": key});
        let setup = json!({"business_config": config, "api_config": keys});
        owner.post("/api/v1/setup/complete", setup).await.ok(200);
    };

    assert_eq!(answered(&stage, stage.tenant, servers.clone()).await, "The operator's.");
    give("sk-theirs").await;
    assert_ne!(answered(&stage, stage.tenant, servers.clone()).await, "The operator's.");
    assert_eq!(answered(&stage, other, servers.clone()).await, "The operator's.");
    assert_eq!(keys(&theirs), ["Bearer sk-theirs"]);
    assert_eq!(theirs.chats()[0]["model"], "played");
    assert_eq!(keys(&operators), ["Bearer sk-operator"; 2]);
    // Another key is used from the next call on.
    give("sk-theirs-2").await;
    answered(&stage, stage.tenant, servers).await;
    assert_eq!(keys(&theirs).last().map(String::as_str), Some("Bearer sk-theirs-2"));

    let judge = judged_by(&stage, judging(VERDICT), SOON).await;
    let score = analysed(&stage, None).await["qa_scores"].clone();
    let notes = score["review_notes"].as_str().expect("it is judged");
    assert!(notes.starts_with("Scored by rules and by a language model."), "{notes}");
    assert_eq!(judge.chats(), Vec::<Value>::new(), "the operator does not pay for it");
    assert_eq!(keys(&theirs).len(), 4);
}
