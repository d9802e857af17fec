//! How often the passage that answers a question is among those that are found for a model to read,
//! with the questions that the local agent is measured with (`agent_retrieval.rs`).

#[path = "agent_retrieval.rs"]
#[allow(dead_code, reason = "its own measurement is made elsewhere")]
mod retrieval;

use std::{sync::Arc, time::Duration};

use retrieval::{
    ASKED, STRANGE, UNSEEN, UNSEEN_STRANGE,
    agent_support::{agent, riverside},
};
use vendors::{
    Llm,
    local::{
        Local, LocalOptions,
        agent::Agent,
        models::{self, Part},
    },
};

const MOST: usize = 4;
const WITHIN: Duration = Duration::from_secs(10);

/// The share of `asked` whose answer is found, and the share of `strange` for which anything is.
async fn measure(agent: &Agent, asked: &[(&str, &str)], strange: &[&str]) -> (f64, f64) {
    let of_answers: Vec<_> = asked.iter().filter(|(topic, _)| *topic != "book").collect();
    let mut found = 0;
    for (topic, question) in &of_answers {
        let passages = agent.find(question, MOST, WITHIN).await;
        assert!(passages.len() <= MOST);
        assert!(passages.is_sorted_by(|a, b| a.likeness >= b.likeness));
        let titles: Vec<&str> = passages.iter().map(|passage| passage.title.as_str()).collect();
        match titles.contains(topic) {
            true => found += 1,
            false => println!("not found: {question:?} ({topic}) -> {titles:?}"),
        }
    }
    let mut invented = 0;
    for question in strange {
        let passages = agent.find(question, MOST, WITHIN).await;
        if let Some(best) = passages.first() {
            invented += 1;
            println!("found: {question:?} -> {} {:.2}", best.title, best.likeness);
        }
    }
    let shares =
        (f64::from(found) / of_answers.len() as f64, f64::from(invented) / strange.len() as f64);
    println!("found {:.1} %, something strange {:.1} %", shares.0 * 100.0, shares.1 * 100.0);
    shares
}

#[tokio::test]
async fn passages_are_found_by_words() {
    let agent = agent();
    let (found, invented) = measure(&agent, ASKED, STRANGE).await;
    assert!(found >= 0.90 && invented <= 0.30, "{found} {invented}");
    let (found, invented) = measure(&agent, UNSEEN, UNSEEN_STRANGE).await;
    assert!(found >= 0.80 && invented <= 0.30, "{found} {invented}");
    // Words that stand in the answer alone.
    let hygienist = agent.find("Do you have hygienists?", MOST, WITHIN).await;
    assert!(hygienist.iter().any(|passage| passage.title == "our dentists"), "{hygienist:?}");
    assert!(agent.find("", MOST, WITHIN).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passages_are_found_by_meaning() {
    let Some(dir) = models::for_tests() else { return };
    let options = LocalOptions::default();
    let local = Local::open_parts(dir, &options, &[Part::Embeddings]).expect("the models load");
    let embedder = Arc::new(local.embedder());
    let agent = Agent::with_embedder(riverside(), embedder).expect("the playbook is right");
    // The phrasings' vectors are made in the background; this waits for them.
    agent.check().await.expect("the model works");
    let (found, invented) = measure(&agent, ASKED, STRANGE).await;
    assert!(found >= 0.95 && invented <= 0.20, "{found} {invented}");
    let (found, invented) = measure(&agent, UNSEEN, UNSEEN_STRANGE).await;
    assert!(found >= 0.90 && invented <= 0.20, "{found} {invented}");
}
