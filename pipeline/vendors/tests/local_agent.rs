//! The local agent with the local embeddings: the questions that it is measured with by words alone
//! (`agent_retrieval.rs`), among them those which nobody looked at while it was made.

#[path = "agent_retrieval.rs"]
mod retrieval;

use retrieval::{ASKED, STRANGE, UNSEEN, UNSEEN_STRANGE, agent_support::riverside, measure};
use vendors::local::{
    Local, LocalOptions,
    models::{self, Part},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_found_by_meaning() {
    let Some(dir) = models::for_tests() else { return };
    let parts = [Part::Embeddings];
    let local = Local::open_parts(dir, &LocalOptions::default(), &parts).expect("the models load");
    let playbook = riverside();
    let agent = local.agent(playbook.clone()).expect("the playbook is right");
    // The phrasings' vectors are made in the background; this waits for them.
    println!("{}", agent.check().await.expect("the model works"));

    let (right, invented) = measure(&*agent, &playbook, ASKED, STRANGE).await;
    assert!(right >= 0.92, "only {:.1} % found", right * 100.0);
    assert!(invented <= 0.08, "{:.1} % invented", invented * 100.0);
    let (right, invented) = measure(&*agent, &playbook, UNSEEN, UNSEEN_STRANGE).await;
    assert!(right >= 0.84, "only {:.1} % of the unseen found", right * 100.0);
    assert!(invented <= 0.10, "{:.1} % of the unseen invented", invented * 100.0);
}
