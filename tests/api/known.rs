//! What a score rests on beside the words: tools, knowledge, who spoke while the other did.

use serde_json::{Map, Value};
use tandem::{app::scribe::Fact, store::sql};
use turn::{Contest, Moment, Note, ToolCall};

use crate::{running::Running, stage::Stage, told};

const CLAIMED: &str = "The agent said that something was done, but nothing had been done";
const FIGURE: &str = "A figure was named that the knowledge does not hold";
const TALKED_OVER: &str = "The caller was talked over";
const DID_NOT_KNOW: &str = "The agent did not know";

fn used(call: &mut Running<'_>, at: u64, name: &str, content: &str) {
    let arguments = Value::Object(Map::new());
    let tool = ToolCall { id: format!("t{at}"), name: name.to_owned(), arguments };
    let effects = name != "look_up";
    call.note(Moment(at), Note::ToolUsed { call: tool, content: content.to_owned(), effects });
}

/// The issues of a booking in which the tool answered so.
async fn booked(stage: &Stage, answer: &str) -> Vec<String> {
    let mut call = Running::begin(stage);
    call.agent_said("Hello, this is the garage. How may I help you?", (0, 2_000));
    call.caller_said("Please book me in for Tuesday at ten.", (2_500, 4_000));
    call.agent_said("Let me see, thank you.", (4_400, 5_000));
    used(&mut call, 5_200, "book", answer);
    call.agent_said("You're booked for Tuesday at ten.", (5_500, 7_000));
    call.end();
    call.scored().await.flagged_issues
}

told! {
    async fn what_a_tool_did_is_believed_and_what_it_did_not_is_held_against_the_agent(stage: &Stage) {
        let done = booked(stage, "{\"status\": \"ok\"}").await;
        assert!(!done.contains(&CLAIMED.to_owned()), "{done:?}");
        for refused in ["Failed: no answer in time.", "Failed: the calendar is full."] {
            let failed = booked(stage, refused).await;
            assert!(failed.contains(&CLAIMED.to_owned()), "{refused}: {failed:?}");
        }
    }

    async fn figures_are_held_against_what_the_agent_was_told(stage: &Stage) {
        for (said, invented) in
            [("A new exhaust costs 340 euros.", false), ("A new exhaust costs 75 euros.", true)]
        {
            let mut call = Running::begin(stage);
            call.agent_said("Hello, how may I help you?", (0, 1_500));
            call.caller_said("What does an exhaust cost?", (2_000, 3_000));
            let at = call.began + chrono::TimeDelta::milliseconds(3_300);
            let texts = vec!["Exhausts are 340 euros, fitted.".to_owned()];
            stage.app.report(Fact::Consulted { call_sid: call.call_sid.clone(), at, texts });
            call.agent_said(said, (4_000, 6_000));
            call.end();
            let issues = call.scored().await.flagged_issues;
            assert_eq!(issues.contains(&FIGURE.to_owned()), invented, "{said} {issues:?}");
        }
    }

    async fn what_the_knowledge_did_not_hold_was_not_known(stage: &Stage) {
        let mut call = Running::begin(stage);
        call.agent_said("Hello, how may I help you?", (0, 1_500));
        call.caller_said("Do you repair boats?", (2_000, 3_000));
        let nothing = "Nothing found. The business's knowledge does not say.";
        used(&mut call, 3_200, "look_up", nothing);
        call.agent_said("We take care of cars and vans of all makes.", (4_000, 6_000));
        call.end();
        let issues = call.scored().await.flagged_issues;
        assert!(issues.contains(&DID_NOT_KNOW.to_owned()), "{issues:?}");
    }

    async fn who_speaks_over_the_caller_is_told_of_and_who_is_interrupted_is_not(stage: &Stage) {
        for (from, rude) in [(3_000, true), (6_300, false)] {
            let mut call = Running::begin(stage);
            call.agent_said("Hello, how may I help you?", (0, 1_500));
            call.agent_said("One moment, please, and I will see.", (from, from + 1_200));
            call.caller_said("I would like to, well, bring my car on Tuesday.", (2_000, 6_000));
            let (at, overlap_ms) = (Moment(7_900), 600);
            let outcome = Contest::Interruption;
            call.note(at, Note::Contested { from: Moment(7_300), to: at, overlap_ms, outcome });
            call.end();
            let issues = call.scored().await.flagged_issues;
            assert_eq!(issues.contains(&TALKED_OVER.to_owned()), rude, "{from}: {issues:?}");
        }
        let kept: Vec<(sqlx::types::Json<Value>,)> =
            stage.app.db.all(sql("SELECT data FROM call_facts")).await.expect("it reads");
        assert!(kept.iter().any(|(data,)| data.0["kind"] == "overlap" && data.0["ms"] == 600));
    }
}
