//! Legs of the exchange: dials and whispers, what is said and asked, callbacks in any order.

use tandem::caller::exchange::{Leg, Phone};
use tandem::caller::{Delivery, Note};
use tandem::carrier::new_call::{Instructions, NewCall};
use tandem::carrier::options::{Callback, DetectMachine, Detection};
use twiml::verb::CallProgress;

use super::gateway::{clip, ms};
use super::line::*;

const DIAL: &[(&str, &str)] = &[
    (
        "/answer",
        r#"<Dial action="/dialled" timeout="5"><Number url="/whisper" statusCallback="/status"
           statusCallbackEvent="answered completed">+15005550200</Number></Dial>"#,
    ),
    ("/whisper", "<Say>A call for you.</Say>"),
    ("/dialled", "<Say>Bye.</Say>"),
    ("/status", ""),
];

fn was_bridged(leg: &Leg) -> bool {
    !leg.connections().is_empty()
}

#[tokio::test]
async fn a_dialled_number_hears_the_whisper_then_the_caller() {
    let line = Line::start(DIAL).await;
    let caller = line.caller();
    let agent = line.exchange.leg_to(AGENT, SOON).await.unwrap();
    assert_eq!((agent.parent(), agent.direction()), (Some(caller.sid()), "outbound-dial"));
    assert_eq!(agent.from(), CALLER);
    caller.until("the bridge", SOON, was_bridged).await.unwrap();
    assert_eq!(agent.was_told(), ["A call for you."]);
    assert_eq!(caller.was_told(), [""; 0]);
    assert_eq!(caller.connections()[0].with, agent.sid());
    assert_eq!(agent.connections()[0].with, caller.sid());
    caller.say(&clip(200));
    agent.until("the caller", SOON, |leg| voice_ms(&leg.heard()) >= 180).await.unwrap();
    agent.hang_up();
    assert_eq!(caller.ended(SOON).await, Ok("completed"));
    assert_eq!(caller.was_told(), ["Bye."]);
    let dialled = line.requests("/dialled").remove(0).form;
    assert_eq!(dialled["DialCallStatus"], "completed");
    assert_eq!(dialled["DialBridged"], "true");
    assert_eq!(dialled["DialCallSid"], agent.sid());
    assert!(dialled["DialCallDuration"].parse::<u32>().unwrap() >= 1);
    let status = line.asked("/status", 2).await;
    assert_eq!(fields(&status, "CallStatus"), ["in-progress", "completed"]);
    assert_eq!(fields(&status, "ParentCallSid"), [caller.sid(), caller.sid()]);
}

#[tokio::test]
async fn a_dial_that_reaches_nobody_says_so_and_a_caller_who_leaves_takes_it_back() {
    let line = Line::start(DIAL).await;
    line.exchange.phone(AGENT, Phone::busy());
    let caller = line.caller();
    assert_eq!(caller.ended(SOON).await, Ok("completed"));
    let dialled = line.requests("/dialled").remove(0).form;
    assert_eq!((&*dialled["DialCallStatus"], &*dialled["DialBridged"]), ("busy", "false"));

    line.exchange.phone("+15005550200", Phone::no_answer());
    let caller = line.caller();
    let rings = |leg: &Leg| line.exchange.legs().iter().any(|l| l.parent() == Some(leg.sid()));
    let wait = async {
        while !rings(&caller) {
            tokio::time::sleep(ms(10)).await;
        }
    };
    tokio::time::timeout(SOON, wait).await.unwrap();
    caller.hang_up();
    let agent = line.exchange.legs().pop().unwrap();
    assert_eq!(agent.ended(SOON).await, Ok("canceled"));
}

#[tokio::test]
async fn the_star_ends_a_dial_and_the_caller_goes_on_until_they_hang_up() {
    let line = Line::start(&[
        (
            "/answer",
            r#"<Dial action="/dialled" hangupOnStar="true" sequential="true">
               <Number>+15005550300</Number><Number>+15005550200</Number></Dial>"#,
        ),
        ("/dialled", "<Say>Who else?</Say><Pause length=\"60\"/>"),
    ])
    .await;
    line.exchange.phone("+15005550300", Phone::busy());
    let caller = line.caller();
    caller.until("the bridge", SOON, was_bridged).await.unwrap();
    let agent = line.exchange.leg_to(AGENT, SOON).await.unwrap();
    assert_eq!(line.exchange.legs()[1].status(), "busy");
    caller.press("*");
    assert_eq!(agent.ended(SOON).await, Ok("completed"));
    assert_eq!(line.asked("/dialled", 1).await[0].form["DialCallStatus"], "completed");
    caller.until("what follows", SOON, |leg| leg.was_told().len() == 1).await.unwrap();
    caller.hang_up();
    assert_eq!(caller.ended(SOON).await, Ok("completed"));
    assert_eq!(caller.was_told(), ["Who else?"]);
}

#[tokio::test]
async fn keys_answer_a_gather_and_interrupt_its_prompt() {
    let line = Line::start(&[
        (
            "/answer",
            r##"<Gather action="/keys" timeout="1" finishOnKey="#"><Say loop="100">Which number?</Say>
               </Gather><Say>unheard</Say>"##,
        ),
        ("/keys#12", r#"<Gather numDigits="1" timeout="0" action="/keys"/><Say>No answer</Say>"#),
    ])
    .await;
    let caller = line.caller_with(Phone::answers().presses(ms(150), "12#"));
    assert_eq!(caller.ended(SOON).await, Ok("completed"));
    assert_eq!(caller.was_told(), ["Which number?", "No answer"]);
    let keys = line.requests("/keys");
    assert_eq!(keys.len(), 1);
    assert_eq!((&*keys[0].form["Digits"], &*keys[0].form["FinishedOnKey"]), ("12", "#"));
    // The hundred repetitions would have taken 13 s.
    assert!(caller.heard().len() < 5 * 8_000, "{}", caller.heard().len());
}

#[tokio::test]
async fn a_call_in_a_conversation_is_taken_elsewhere_over_rest() {
    let talk = r#"<Connect action="/unasked"><Stream url="/media"/></Connect>"#;
    let elsewhere = "<Say>Elsewhere.</Say><Pause length=\"60\"/>";
    let line = Line::start(&[("/answer", talk), ("/elsewhere", elsewhere)]).await;
    let caller = line.caller();
    let open =
        |leg: &Leg| leg.history().iter().any(|note| matches!(note.note, Note::StreamOpened { .. }));
    caller.until("its stream", SOON, open).await.unwrap();
    let there = Instructions::at(line.gateway.http("/elsewhere"));
    line.client.redirect_call(&sid(&caller), &there).await.unwrap();
    caller.until("the other document", SOON, |leg| leg.was_told().len() == 1).await.unwrap();
    let document = twiml::Response::new().say("And back.").hangup();
    let inline = Instructions::inline(&document).unwrap();
    line.client.redirect_call(&sid(&caller), &inline).await.unwrap();
    assert_eq!(caller.ended(SOON).await, Ok("completed"));
    assert_eq!(caller.was_told(), ["Elsewhere.", "And back."]);
    assert_eq!(line.requests("/unasked").len(), 0);
    assert_eq!(line.gateway.sockets()[0].last().unwrap()["event"], "stop");
    let error = line.client.redirect_call(&sid(&caller), &inline).await.unwrap_err();
    assert!(error.is_not_in_progress(), "{error}");
}

fn told(line: &Line) -> NewCall {
    let events = CallProgress::ALL.iter().copied();
    NewCall::new(AGENT, OURS, Instructions::at(line.gateway.http("/agent")))
        .status(Callback::new(line.gateway.http("/status"), events))
}

#[tokio::test]
async fn callbacks_come_out_of_order_twice_late_and_not_at_all() {
    let line = Line::start(&[("/agent", "<Say>Hello.</Say>"), ("/status", "")]).await;
    let mut before = 0;
    for (delivery, wanted) in [
        (Delivery::InOrder, "0 1 2 3"),
        (Delivery::Reversed, "3 2 1 0"),
        (Delivery::Twice, "0 0 1 1 2 2 3 3"),
        (Delivery::Lost, ""),
    ] {
        line.exchange.tell_calls(delivery);
        let made = line.client.create_call(&told(&line)).await.unwrap();
        let leg = line.exchange.leg(made.sid.as_str()).unwrap();
        leg.ended(SOON).await.unwrap();
        let count = wanted.split_ascii_whitespace().count();
        let all = line.asked("/status", before + count).await;
        assert_eq!(fields(&all[before..], "SequenceNumber").join(" "), wanted, "{delivery:?}");
        before += count;
    }
    line.exchange.tell_calls(Delivery::Late(ms(5_000)));
    let made = line.client.create_call(&told(&line)).await.unwrap();
    line.exchange.leg(made.sid.as_str()).unwrap().ended(SOON).await.unwrap();
    assert_eq!(line.requests("/status").len(), before, "the call is over before its callbacks");
    line.asked("/status", before + 4).await;
}

#[tokio::test]
async fn who_answers_is_found_out_before_or_beside_the_call() {
    let line = Line::start(&[("/agent", "<Pause length=\"1\"/>"), ("/amd", "")]).await;
    line.exchange.phone(AGENT, Phone::machine("machine_start", ms(100)));
    let call = || NewCall::new(AGENT, OURS, Instructions::at(line.gateway.http("/agent")));
    let first = call().detect(Detection::first(DetectMachine::Enable));
    let made = line.client.create_call(&first).await.unwrap();
    assert_eq!(line.asked("/agent", 1).await[0].form["AnsweredBy"], "machine_start");
    let fetched = line.client.fetch_call(&made.sid).await.unwrap();
    assert_eq!(fetched.answered_by, Some(twiml::form::AnsweredBy::MachineStart));

    let beside = Detection::beside(DetectMachine::Enable, line.gateway.http("/amd"));
    let made = line.client.create_call(&call().detect(beside)).await.unwrap();
    assert_eq!(line.asked("/agent", 2).await[1].form.get("AnsweredBy"), None);
    let told = line.asked("/amd", 1).await.remove(0).form;
    assert_eq!((&*told["AnsweredBy"], &*told["CallSid"]), ("machine_start", made.sid.as_str()));
}
