//! Supervisors steer running calls, and each order is answered with its true effect.

use std::time::Duration;

use tandem::{
    caller::{self, CallNote, Note as CallNoteKind, Outcome, Step, Wait},
    live::registry::NotTold,
};
use tokio::sync::mpsc;
use turn::{Command, Effect};
use vendors::played::{deepgram, openai};

use super::line::{Line, Setup, agent_said, answered, say};

/// Runs a call beside `steer`, which is given the call's identifier once it is live.
async fn steered<F>(
    line: &Line,
    steps: Vec<Step>,
    steer: impl FnOnce(String, mpsc::Receiver<CallNote>) -> F,
) -> Outcome
where
    F: Future<Output = ()>,
{
    let (notes, heard) = mpsc::channel(1_024);
    let call = line.prepared(steps).notes(notes);
    let steering = async {
        let call_sid = loop {
            if let Some(call_sid) = line.gateway.desk.registry.live_calls().pop() {
                break call_sid;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        steer(call_sid, heard).await;
    };
    let (outcome, ()) = tokio::join!(caller::place(call), steering);
    outcome.expect("the call comes about")
}

async fn told(line: &Line, call: &str, id: &str, command: Command) -> Result<Effect, NotTold> {
    line.gateway.desk.registry.tell(call, id.to_owned(), command).await
}

fn talkative() -> Setup {
    Setup {
        openai: openai::Script::new().reply(
            "This is a long answer that goes on for quite a while, so that there is time to pause \
             it in the middle of a word, and to see whether it goes on from there afterwards.",
        ),
        deepgram: deepgram::Script::new().hears("Tell me everything."),
        ..Setup::default()
    }
}

/// Until the agent has spoken, pauses of 3 s not counted.
fn answered_at_last() -> Step {
    let (silence, within) = (Duration::from_secs(3), Duration::from_secs(40));
    Step::WaitForAgent(Wait { silence, within })
}

/// Until the agent is heard again after the caller's turn, by what the ledger's notes say.
async fn until_speaking(line: &Line) {
    let mut notes = line.gateway.journals.listen();
    loop {
        let announcement = notes.recv().await.expect("the journal goes on");
        if let turn::Note::Answered { .. } = announcement.note {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_silences_the_agent_and_resume_goes_on() {
    let line = talkative().start().await;
    let outcome = steered(
        &line,
        vec![answered(), say("callers/hours"), answered_at_last()],
        async |call: String, mut heard: mpsc::Receiver<CallNote>| {
            until_speaking(&line).await;
            // What the caller's ear says of it, from here on.
            while heard.try_recv().is_ok() {}
            assert_eq!(told(&line, &call, "p1", Command::Pause).await, Ok(Effect::Done));
            // The same order twice is one order.
            assert_eq!(told(&line, &call, "p1", Command::Pause).await, Ok(Effect::AlreadySo));
            let pause = line.gateway.desk.registry.count();
            assert_eq!(pause, 1, "the caller stays on the line");
            while !matches!(
                heard.recv().await.expect("the call goes on").note,
                CallNoteKind::AgentSilent { .. }
            ) {}
            assert_eq!(told(&line, &call, "r1", Command::Resume).await, Ok(Effect::Done));
        },
    )
    .await;
    assert!(!outcome.clears.is_empty(), "the carrier's buffer was emptied");
    let said = agent_said(&line.notes(&outcome.call_sid).await);
    assert!(said.last().is_some_and(|said| said.ends_with("afterwards.")), "{said:?}");
    line.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_a_supervisor_are_said_and_an_end_is_an_end() {
    let line = talkative().start().await;
    let outcome = steered(
        &line,
        vec![
            answered(),
            say("callers/hours"),
            Step::ExpectHangUp { within: Duration::from_secs(20) },
        ],
        async |call: String, _heard| {
            until_speaking(&line).await;
            let command = Command::Say {
                text: "The manager says hello.".into(),
                now: true,
                protected: false,
            };
            assert_eq!(told(&line, &call, "s1", command).await, Ok(Effect::Done));
            let empty = Command::Say { text: " ".into(), now: true, protected: false };
            assert_eq!(
                told(&line, &call, "s2", empty).await,
                Err(NotTold::Refused(turn::Refusal::Empty))
            );
            let end = Command::End { politely: true };
            assert_eq!(told(&line, &call, "e1", end).await, Ok(Effect::Done));
        },
    )
    .await;
    super::line::went_well(&outcome);
    let said = agent_said(&line.notes(&outcome.call_sid).await);
    assert_eq!(said.last().map(String::as_str), Some("Thank you for calling. Goodbye."));
    assert_eq!(
        told(&line, &outcome.call_sid, "late", Command::Pause).await,
        Err(NotTold::NotLive),
        "a call that is over takes no orders"
    );
    line.stop().await;
}
