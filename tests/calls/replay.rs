//! A call in which much happens, run again from its journal. That the journals of all calls here can
//! be, to the byte, is seen to where a line stops.

use std::time::Duration;

use serde_json::json;
use tandem::{
    caller::Step,
    replay::{
        compare::{Sums, compare},
        settings,
    },
};
use turn::{Contest, EndReason, Note};
use vendors::played::{deepgram, openai};

use super::line::{
    BUSINESS, Setup, answered, caller_said, notes_in, replayed, say, voice, went_well,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_with_all_that_happens_in_calls_is_replayed_and_imagined_otherwise() {
    let long = "One is the first of many numbers that will follow in this very long answer, two is \
                the second, three is the third, four is the fourth, five is the fifth of them.";
    let goodbye = openai::Reply::text("Thank you and goodbye.").call("c2", "end_call", json!({}));
    let setup = Setup {
        openai: openai::Script::new()
            .reply(openai::Reply::text("").call("c1", "stock", json!({"item": 7, "weight": 0.1})))
            .reply("I cannot see how many are left.")
            .reply(long)
            .reply("Fine.")
            .reply("You pressed keys.")
            .reply(goodbye),
        deepgram: deepgram::Script::new()
            .hears("How many are left?")
            .hears("Count for me please.")
            .hears("Mm-hm.")
            .hears("Stop, that is enough.")
            .hears("That is all, thank you."),
        // Nobody is there: the tool fails, and the model goes on.
        business: format!(
            "{BUSINESS}\n[[tools]]\nname = \"stock\"\ndescription = \"How many are left.\"\nurl = \"http://127.0.0.1:9/stock\"\n"
        ),
        ..Setup::default()
    };
    let line = setup.start().await;
    let during = |after, name| Step::BargeIn {
        after: Duration::from_millis(after),
        say: voice(name),
        within: Duration::from_secs(10),
    };
    let outcome = line
        .call(vec![
            answered(),
            say("callers/hours"),
            answered(),
            say("callers/hours"),
            during(1_500, "callers/yes"),
            during(1_500, "callers/bargein"),
            answered(),
            Step::Press("42#".into()),
            answered(),
            say("callers/thanks"),
            Step::ExpectHangUp { within: Duration::from_secs(10) },
        ])
        .await;
    went_well(&outcome);
    line.until_idle().await;
    let path = line.gateway.journals.path(&outcome.call_sid);

    // The call was what it was meant to be.
    let notes = notes_in(&path);
    let said = ["How many are left?", "Count for me please.", "Stop, that is enough."];
    assert_eq!(caller_said(&notes)[..3], said);
    let contests: Vec<Contest> = notes
        .iter()
        .filter_map(|note| match note {
            Note::Contested { outcome, .. } => Some(*outcome),
            _ => None,
        })
        .collect();
    assert_eq!(contests, [Contest::Backchannel, Contest::Interruption], "{notes:#?}");
    assert!(notes.iter().any(|note| matches!(note, Note::ToolUsed { .. })), "{notes:#?}");

    let (verdict, sessions) = replayed(&path);
    assert!(verdict.exact, "{verdict:#?}");
    assert_eq!((verdict.sessions, verdict.ended), (1, Some(EndReason::AgentEnded)));

    // With its own settings the simulation is like the call; with more patience all turns end later.
    let settings = settings::parse(&[
        "turn.speculation.allowed=false".to_owned(),
        "slower:turn.speculation.allowed=false".to_owned(),
        "slower:turn.end_of_turn.shortest=1800".to_owned(),
    ])
    .expect("they are settings");
    let [own, slower] = &settings[..] else { panic!("two groups") };
    let own = compare(&sessions, own).expect("they fit").sums;
    assert_eq!(own.unlike_recording, 0, "{own:#?}");
    let counts = |sums: &Sums| {
        [sums.turns, sums.cut_offs, sums.barge_ins, sums.backchannels, sums.false_stops]
    };
    assert_eq!(counts(&own.own), counts(&own.recorded), "{own:#?}");
    assert_eq!(own.own.barge_ins, 1);
    let call = compare(&sessions, slower).expect("they fit");
    let later = call.sums.decided_later_ms;
    assert!(later.count >= 4 && later.least > Some(200), "{:#?}", call.sums);
    line.stop().await;
}
