//! How surely passages are found with this machine's own model of meaning, and how fast: the answers of
//! the demonstration's business as entries, questions that nobody put into them, and questions that they
//! do not answer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use tandem::domain::Role;
use tandem::{app::Reach, demo, domain::Business};
use vendors::local::{
    Local, LocalOptions,
    models::{self, Part},
};

use crate::stage::{Engine, Stage};

/// The topic of the entry that answers, and the question.
const ASKED: &[(&str, &str)] = &[
    ("our opening hours", "Hello, what are your opening hours on Friday?"),
    ("our opening hours", "when do you guys open up on weekdays"),
    ("the weekend", "Do you also open Sunday mornings?"),
    ("public holidays", "Are you open over Christmas?"),
    ("where we are", "What's the street address, please?"),
    ("where we are", "Which bus takes me to you?"),
    ("parking", "Where do I leave the car when I visit?"),
    ("parking", "can i park for free"),
    ("insurance", "I've got a Cigna plan, is that okay with you?"),
    ("insurance", "is my insurer in your network"),
    ("the price of a cleaning", "what would i pay for a cleaning"),
    ("our prices", "how expensive are crowns"),
    ("an emergency", "My son knocked out his front tooth, what do we do?"),
    ("running late", "I'm stuck in traffic and will be late"),
    ("how to pay", "Can I pay by credit card?"),
    ("whitening", "Do you do teeth whitening?"),
    ("wheelchair access", "My mother uses a wheelchair, can she get in?"),
    ("children", "Do you treat kids?"),
];

/// What nothing in the entries answers.
const STRANGE: &[&str] = &[
    "What's the weather going to be like tomorrow?",
    "Can you recommend a good pizza place?",
    "Who won the game last night?",
    "How do I reset my router?",
    "Do you sell bicycles?",
    "What is the capital of Australia?",
    "How tall is Mount Everest?",
    "Do you repair phones?",
    "How do I cook rice?",
    "Has my tax refund been sent?",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passages_are_found_by_the_models_own_meaning() {
    let Some(dir) = models::for_tests() else { return };
    let stage = Stage::open(Engine::Sqlite).await.expect("SQLite is built in");
    let admin = stage.client(Role::Admin).await;
    let business = Business::parse(demo::BUSINESS).expect("the demo's");
    for answer in &business.playbook.answers {
        let entry = json!({"title": answer.title(), "content": answer.say});
        admin.post("/api/v1/knowledge", entry).await.ok(201);
    }
    let options = LocalOptions::default();
    let local = Local::open_parts(dir, &options, &[Part::Embeddings]).expect("the models load");
    stage.app.use_embedder(Arc::new(local.embedder()));
    while stage.app.work_on_knowledge().await.expect("it works") {}

    let reach = Reach { most: 3, least: 0.7 };
    let (mut first, mut among) = (0, 0);
    let mut took = Vec::new();
    for (topic, question) in ASKED {
        let began = Instant::now();
        let found = stage.app.find_passages(stage.tenant, None, question, reach).await;
        took.push(began.elapsed());
        let found = found.expect("it searches");
        let told: Vec<_> = found.iter().map(|one| (&*one.heading, one.similarity)).collect();
        println!("{question} [{topic}]: {told:?}");
        first += usize::from(found.first().is_some_and(|one| one.heading == *topic));
        among += usize::from(found.iter().any(|one| one.heading == *topic));
    }
    let mut invented = 0;
    for question in STRANGE {
        let found = stage.app.find_passages(stage.tenant, None, question, reach).await;
        let found = found.expect("it searches");
        let told: Vec<_> = found.iter().map(|one| (&*one.heading, one.similarity)).collect();
        println!("{question}: {told:?}");
        invented += usize::from(!found.is_empty());
    }
    took.sort_unstable();
    let (half, most) = (took[took.len() / 2], took.last().copied().unwrap_or(Duration::ZERO));
    println!(
        "first {first}, among three {among} of {}; {invented} of {} strange ones; {half:?}, at most \
         {most:?}",
        ASKED.len(),
        STRANGE.len()
    );
    assert!(first * 100 >= ASKED.len() * 75, "only {first} of {} found first", ASKED.len());
    assert!(among * 100 >= ASKED.len() * 85, "only {among} of {} found", ASKED.len());
    assert!(invented <= 3, "{invented} of {} strange questions find something", STRANGE.len());
}
