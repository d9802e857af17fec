//! The process is killed while a call is being handed to a person, and another one takes its place: caller
//! and person meet, or the agent goes on, and nobody is left waiting.

use std::time::{Duration, Instant};

use secrecy::SecretString;
use serde_json::{Value, json};
use tandem::caller::{
    ACCOUNT_SID, Delivery,
    exchange::{Exchange, Leg, Phone, Settings},
};
use vendors::played::{Pace, deepgram, openai};

use super::{OURS, TOKEN, front::Front, server::Server};

const CALLER: &str = "+15005550100";
const ANN: &str = "+15005550200";
/// Nothing here takes longer.
const SOON: Duration = Duration::from_secs(60);

/// A process behind its front, the carrier, and the vendors.
struct Scene {
    exchange: Exchange,
    front: Front,
    folder: tempfile::TempDir,
    port: u16,
    env: Vec<(&'static str, String)>,
    _vendors: (openai::Server, deepgram::Server),
}

impl Scene {
    async fn set() -> Scene {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let pace = Pace { first: Duration::from_millis(80), between: Duration::from_millis(10) };
        let model = openai::Script::new().chat_pace(pace).reply("I am still here for you.");
        let model = openai::Server::start(model).await;
        let ears = deepgram::Server::start(deepgram::Script::new().speak_pace(pace)).await;
        let settings = Settings::new(SecretString::from(TOKEN));
        let exchange = Exchange::start(settings).await.expect("listens");
        exchange.own_number(OURS);
        let front = Front::open().await;
        let port = fixtures::ports::free();
        let env = vec![
            ("PUBLIC_URL", front.url.clone()),
            ("TWILIO_API_URL", exchange.base_url()),
            ("TWILIO_ACCOUNT_SID", ACCOUNT_SID.to_owned()),
            ("TWILIO_AUTH_TOKEN", TOKEN.to_owned()),
            ("TANDEM_VAD", "webrtc".to_owned()),
            ("TANDEM_TTS", "deepgram".to_owned()),
            ("TANDEM_PHRASES", "false".to_owned()),
            ("OPENAI_API_KEY", "test-key".to_owned()),
            ("OPENAI_BASE_URL", model.base_url.clone()),
            ("DEEPGRAM_API_KEY", "test-key".to_owned()),
            ("DEEPGRAM_URL", ears.base_url.clone()),
        ];
        let folder = tempfile::tempdir().expect("a folder");
        Scene { exchange, front, folder, port, env, _vendors: (model, ears) }
    }

    async fn start(&self) -> Server {
        let url = format!("http://127.0.0.1:{}", self.port);
        let server = Server::start(&url, self.folder.path(), &self.env).await;
        self.front.leads_to(self.port);
        server
    }

    async fn kill(&self, server: Server) {
        self.front.leads_nowhere();
        server.kill().await;
    }

    /// Somebody calls, is greeted, and is to be handed over; the call's identifier.
    async fn escalated(&self, server: &Server) -> (Leg, String, Value) {
        let ann = json!({"name": "Ann", "email": "ann@example.com", "phone_number": ANN});
        let ann = server.post("/agents", ann).await["agent"].clone();
        let url = &self.front.url;
        let (answer, status) =
            (format!("{url}/webhooks/twilio/answer"), format!("{url}/webhooks/twilio/status"));
        let phone = Phone::answers();
        let caller = self.exchange.call_in(&answer, (CALLER, OURS), phone, Some(&status));
        let caller = caller.expect("there is room");
        let id = until("the greeting", async || {
            let page = server.get("/calls?limit=10").await;
            let call = page["calls"].as_array()?.first()?.clone();
            let id = call["id"].as_str()?.to_owned();
            let lines = server.get(&format!("/calls/{id}/interactions")).await;
            (!lines["interactions"].as_array()?.is_empty()).then_some(id)
        })
        .await;
        server.post(&format!("/calls/{id}/escalate"), json!({"reason": "Billing"})).await;
        (caller, id, ann)
    }
}

async fn until<T>(what: &str, found: impl AsyncFn() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = found().await {
            return found;
        }
        assert!(began.elapsed() < SOON, "{what} comes about");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Until the call's escalation has this status.
async fn stands(server: &Server, call: &str, status: &str) -> Value {
    until(status, async || {
        let call = server.get(&format!("/calls/{call}")).await;
        let escalation = call["escalation"].clone();
        (escalation["status"] == status).then_some(escalation)
    })
    .await
}

/// Until the caller is with the person.
async fn meet(caller: &Leg, ann: &Leg) {
    for leg in [caller, ann] {
        let met = |leg: &Leg| leg.connections().iter().any(|one| one.begun.is_some());
        leg.until("both in one room", SOON, met).await.expect("they meet");
    }
}

/// The call ends; nothing of it stays open, and statistics count its escalation as this.
async fn ends(server: &Server, caller: &Leg, call: &str, ann: &Value, counted_as: &str) {
    caller.hang_up();
    until("the end", async || {
        let call = server.get(&format!("/calls/{call}")).await;
        call["call"]["ended_at"].is_string().then_some(())
    })
    .await;
    let all = until("what statistics say", async || {
        let all = server.get("/analytics/escalations").await;
        (all["by_status"][counted_as] == 1).then_some(all)
    })
    .await;
    assert_eq!(all["total_escalations"], 1, "{all}");
    let rate = if counted_as == "completed" { 100.0 } else { 0.0 };
    assert_eq!(all["escalation_rate"].as_f64(), Some(rate), "{all}");
    // Whoever has a call, or is awaited in one, cannot be deleted.
    server.delete(&format!("/agents/{}", ann["id"].as_str().expect("an id"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_it_rings_the_next_process_brings_them_together() {
    let scene = Scene::set().await;
    let rings = Phone::answers().after(Duration::from_secs(8));
    scene.exchange.phone(ANN, rings.presses(Duration::from_millis(100), "1"));
    let server = scene.start().await;
    let (caller, call, agent) = scene.escalated(&server).await;
    let ann = scene.exchange.leg_to(ANN, SOON).await.expect("her telephone rings");
    scene.kill(server).await;
    assert!(!ann.is_over() && ann.status() != "in-progress", "it rings: {}", ann.status());
    let server = scene.start().await;
    meet(&caller, &ann).await;
    stands(&server, &call, "in_progress").await;
    ends(&server, &caller, &call, &agent, "completed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_when_the_person_has_accepted_the_next_process_brings_them_together() {
    let scene = Scene::set().await;
    scene.exchange.phone(ANN, Phone::answers().presses(Duration::from_millis(100), "1"));
    let server = scene.start().await;
    let (caller, call, agent) = scene.escalated(&server).await;
    let ann = scene.exchange.leg_to(ANN, SOON).await.expect("her telephone rings");
    stands(&server, &call, "in_progress").await;
    scene.kill(server).await;
    let server = scene.start().await;
    meet(&caller, &ann).await;
    ends(&server, &caller, &call, &agent, "completed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_when_the_person_has_accepted_and_leaves_the_agent_goes_on() {
    let scene = Scene::set().await;
    // What becomes of her leg nobody is told.
    scene.exchange.tell_calls(Delivery::Lost);
    scene.exchange.phone(ANN, Phone::answers().presses(Duration::from_millis(100), "1"));
    let server = scene.start().await;
    let (caller, call, agent) = scene.escalated(&server).await;
    let ann = scene.exchange.leg_to(ANN, SOON).await.expect("her telephone rings");
    stands(&server, &call, "in_progress").await;
    scene.kill(server).await;
    ann.hang_up();
    ann.ended(SOON).await.expect("she has left");
    let from = caller.length();
    let server = scene.start().await;
    stands(&server, &call, "cancelled").await;
    let speaks =
        |leg: &Leg| leg.heard_between(from, usize::MAX).iter().any(|byte| byte & 0x7f < 0x60);
    caller.until("the agent's words", SOON, speaks).await.expect("the agent goes on");
    let rooms = caller.connections();
    assert!(rooms.iter().all(|room| room.until.is_some()), "nobody waits in an empty room");
    let shown = server.get(&format!("/calls/{call}")).await;
    assert_eq!(shown["call"]["status"], "in_progress", "{shown}");
    ends(&server, &caller, &call, &agent, "cancelled").await;
}
